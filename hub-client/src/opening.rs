//! From nothing to a started connection: negotiate, link, `S:1`, `/start` (`classic-signalr.md` 7.3).

use std::time::Duration;

use serde::Deserialize;
use tokio::time::{Instant, timeout};

use crate::builder::Settings;
use crate::error::{ConnectError, LinkError};
use crate::negotiate::{Answer, Negotiated};
use crate::reception::{Reception, Step};
use crate::route::{Route, Site};
use crate::transport::{Transport, next};

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 100;

/// How long the goodbye to a server may take.
pub(crate) const ABORT: Duration = Duration::from_secs(5);

/// A started connection.
pub(crate) struct Opened {
    pub(crate) route: Route,
    pub(crate) terms: Negotiated,
    pub(crate) link: Box<dyn Transport>,
    pub(crate) reception: Reception,
}

/// Negotiates, connects and starts, unless `unwanted` comes first. A connection that the server began is aborted
/// again if that doesn't work out.
pub(crate) async fn open(
    settings: &Settings,
    unwanted: impl Future<Output = ()>,
) -> Option<Result<Opened, ConnectError>> {
    let mut unwanted = std::pin::pin!(unwanted);
    let (route, terms) = tokio::select! {
        negotiated = negotiate(settings) => match negotiated {
            Ok(negotiated) => negotiated,
            Err(error) => return Some(Err(error)),
        },
        () = &mut unwanted => return None,
    };
    let mut reception = Reception::new(settings.event_buffer);
    let linked = tokio::select! {
        linked = link(settings, &route, &terms, &mut reception) => Some(linked),
        () = &mut unwanted => None,
    };
    let error = match linked {
        Some(Ok(link)) => {
            return Some(Ok(Opened {
                route,
                terms,
                link,
                reception,
            }));
        }
        Some(Err(error)) => Some(Err(error)),
        None => None,
    };
    route.abort(ABORT).await;
    error
}

async fn negotiate(settings: &Settings) -> Result<(Route, Negotiated), ConnectError> {
    let user = &settings.site;
    let mut site: Site = user.clone();
    for _ in 0..=MAX_REDIRECTS {
        let answer = site.negotiate(settings.http_timeout).await?;
        match Answer::read(&answer)? {
            Answer::Redirect { url, token } => {
                site = site.redirected(&user.extra, &url, token.as_deref())?;
            }
            Answer::Accepted(terms) if terms.web_sockets => {
                let token = terms.token.clone();
                return Ok((Route { site, token }, terms));
            }
            Answer::Accepted(_) => return Err(ConnectError::NoTransport),
        }
    }
    Err(ConnectError::TooManyRedirects)
}

async fn link(
    settings: &Settings,
    route: &Route,
    terms: &Negotiated,
    reception: &mut Reception,
) -> Result<Box<dyn Transport>, ConnectError> {
    let allowed = terms.connect + settings.connect_timeout;
    let connect = async {
        let mut link = route.connect(settings.max_frame).await?;
        while !hear(&mut link, reception).await? {}
        Ok::<_, ConnectError>(link)
    };
    let mut link = timeout(allowed, connect)
        .await
        .map_err(|_| ConnectError::TimedOut {
            request: "connect",
            allowed,
        })??;
    let mut start = std::pin::pin!(route.start(settings.http_timeout));
    loop {
        // What the server sends from its `connected` arrives before the answer; a link that dies fails the start.
        tokio::select! {
            answer = &mut start => {
                started(&answer?)?;
                return Ok(Box::new(link));
            }
            heard = hear(&mut link, reception) => heard.map(drop)?,
        }
    }
}

/// Takes one frame; whether the server said that the transport works.
async fn hear(link: &mut dyn Transport, reception: &mut Reception) -> Result<bool, ConnectError> {
    let read = reception.wants_more(true);
    let Some(frame) = next(link, read).await? else {
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
