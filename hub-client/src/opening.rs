//! From nothing to a started connection: negotiate, link by the first transport that works, `S:1`, `/start`
//! (`classic-signalr.md` 7.3).

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::{Instant, timeout};

use crate::builder::Settings;
use crate::error::{ConnectError, LinkError};
use crate::negotiate::{Answer, Negotiated};
use crate::reception::{Reception, Step};
use crate::route::{Limits, Route, Site, Verb};
use crate::transport::{Link, Transport, next};

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 100;

/// How long the goodbye to a server may take.
pub(crate) const ABORT: Duration = Duration::from_secs(5);

/// A poll may take so much longer than the server keeps it.
const POLL_GRACE: Duration = Duration::from_secs(10);

/// A started connection.
pub(crate) struct Opened {
    pub(crate) route: Arc<Route>,
    pub(crate) limits: Limits,
    pub(crate) terms: Negotiated,
    pub(crate) link: Box<dyn Link>,
    pub(crate) reception: Reception,
}

/// Negotiates, connects and starts, unless `unwanted` comes first. A connection that the server began is aborted
/// again if that doesn't work out.
pub(crate) async fn open(
    settings: &Settings,
    unwanted: impl Future<Output = ()>,
) -> Option<Result<Opened, ConnectError>> {
    let mut unwanted = std::pin::pin!(unwanted);
    let (site, terms) = tokio::select! {
        negotiated = negotiate(settings) => match negotiated {
            Ok(negotiated) => negotiated,
            Err(error) => return Some(Err(error)),
        },
        () = &mut unwanted => return None,
    };
    let route = |transport| Route {
        site: site.clone(),
        token: terms.token.clone(),
        transport,
    };
    let limits = Limits {
        frame: settings.max_frame,
        http: settings.http_timeout,
        poll: terms.poll.saturating_add(POLL_GRACE),
    };
    let mut tried = Vec::new();
    for &transport in &settings.transports {
        if transport == Transport::WebSockets && !terms.web_sockets {
            continue;
        }
        let route = Arc::new(route(transport));
        let connected = tokio::select! {
            connected = connect(settings, &route, &terms, limits) => connected,
            () = &mut unwanted => {
                route.abort(ABORT).await;
                return None;
            }
        };
        let (mut link, mut reception) = match connected {
            Ok(connected) => connected,
            Err(error) => {
                tracing::debug!(%transport, %error, "a transport does not work");
                tried.push((transport, error));
                continue;
            }
        };
        // From here on nothing else is tried: the server begins its work.
        let started = {
            let mut start = std::pin::pin!(start(&route, limits, &mut *link, &mut reception));
            tokio::select! {
                started = &mut start => Some(started),
                () = &mut unwanted => {
                    // A server that hears of the end before it has begun would wait for a client that never comes.
                    let _ = timeout(ABORT, start).await;
                    None
                }
            }
        };
        let error = match started {
            Some(Ok(())) => {
                return Some(Ok(Opened {
                    route,
                    limits,
                    terms,
                    link,
                    reception,
                }));
            }
            Some(Err(error)) => Some(Err(error)),
            None => None,
        };
        route.abort(ABORT).await;
        return error;
    }
    if let Some((transport, _)) = tried.last() {
        route(*transport).abort(ABORT).await;
    }
    let error = match <[_; 1]>::try_from(tried) {
        Ok([(_, error)]) => error,
        Err(tried) => ConnectError::NoTransport(tried),
    };
    Some(Err(error))
}

async fn negotiate(settings: &Settings) -> Result<(Site, Negotiated), ConnectError> {
    let user = &settings.site;
    let mut site: Site = user.clone();
    for _ in 0..=MAX_REDIRECTS {
        let answer = site.negotiate(settings.http_timeout).await?;
        match Answer::read(&answer)? {
            Answer::Redirect { url, token } => {
                site = site.redirected(&user.extra, &url, token.as_deref())?;
            }
            Answer::Accepted(terms) => return Ok((site, terms)),
        }
    }
    Err(ConnectError::TooManyRedirects)
}

/// Makes a link, and waits until the server says that it works.
async fn connect(
    settings: &Settings,
    route: &Arc<Route>,
    terms: &Negotiated,
    limits: Limits,
) -> Result<(Box<dyn Link>, Reception), ConnectError> {
    let allowed = terms.connect + settings.connect_timeout;
    let connect = async {
        let mut reception = Reception::new(settings.event_buffer);
        let mut link = route.open(Verb::Connect, (None, None), limits).await?;
        while !hear(&mut *link, &mut reception).await? {}
        Ok((link, reception))
    };
    timeout(allowed, connect)
        .await
        .unwrap_or(Err(ConnectError::TimedOut {
            request: "connect",
            allowed,
        }))
}

async fn start(
    route: &Route,
    limits: Limits,
    link: &mut dyn Link,
    reception: &mut Reception,
) -> Result<(), ConnectError> {
    let mut start = std::pin::pin!(route.start(limits.http));
    loop {
        // What the server sends from its `connected` arrives before the answer; a link that dies fails the start.
        tokio::select! {
            answer = &mut start => return started(&answer?),
            heard = hear(link, reception) => heard.map(drop)?,
        }
    }
}

/// Takes one frame; whether the server said that the transport works.
async fn hear(link: &mut dyn Link, reception: &mut Reception) -> Result<bool, ConnectError> {
    let read = reception.wants_more(true);
    let Some(frame) = next(link, read.then(|| reception.place())).await? else {
        return Ok(false);
    };
    reception.receive(Instant::now().into_std(), frame)?;
    let mut init = false;
    while let Some(step) = reception.poll() {
        match step {
            Step::Init => init = true,
            Step::Closed(error) => return Err(ConnectError::Server(error)),
            Step::Leave => return Err(LinkError::Leaving.into()),
            // Nothing was called yet, and the silence is not watched before the start.
            Step::Report(_) | Step::Result(_) | Step::Slow | Step::Silent(_) => {}
        }
    }
    Ok(init)
}

fn started(body: &[u8]) -> Result<(), ConnectError> {
    #[derive(Deserialize)]
    struct Body {
        #[serde(rename = "Response")]
        response: String,
    }
    let wrong = |source| ConnectError::Answer {
        request: "start",
        source,
    };
    let body: Body = serde_json::from_slice(body).map_err(|error| wrong(Some(error)))?;
    if body.response == "started" {
        Ok(())
    } else {
        Err(wrong(None))
    }
}
