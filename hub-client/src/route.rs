//! Where the requests of one connection go and what each carries (`classic-signalr.md` 2.3): the [`Site`] that the
//! application or a redirect named, and the [`Route`] of a connection that was negotiated there.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};

use crate::address::{Address, Query};
use crate::error::ConnectError;
use crate::http::{Fetch, Trust};
use crate::negotiate::CLIENT_PROTOCOL;
use crate::transport::websocket::WebSocket;

const TRANSPORT: &str = "webSockets";

/// Asks a server of ours to say where events stand and what is missing. Others don't mind (`classic-signalr.md` 2.3).
const TAGS: (&str, &str) = ("tags", "1");

/// Whether the protocol has a query parameter of this name itself, whatever its case. Sent twice, it would mean nothing.
pub(crate) fn is_own(name: &str) -> bool {
    const OWN: [&str; 7] = [
        "transport",
        "clientProtocol",
        "connectionToken",
        "connectionData",
        "messageId",
        "groupsToken",
        TAGS.0,
    ];
    OWN.iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// A mount, as its clients address it.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) address: Address,
    /// The user's query string, encoded; or that of the last redirect.
    pub(crate) extra: Query,
    pub(crate) headers: HeaderMap,
    pub(crate) trust: Trust,
    /// The JSON array of hubs.
    pub(crate) data: String,
}

impl Site {
    /// Where a redirect leads. Its query string replaces the user's and is never merged with it; without one, the user's
    /// own comes back. An access token replaces an earlier one, and any `Authorization` header of the user.
    pub(crate) fn redirected(
        &self,
        user: &Query,
        url: &str,
        token: Option<&str>,
    ) -> Result<Self, ConnectError> {
        let (address, extra) = match url.split_once('?') {
            Some((address, query)) => (address, Query::default().encoded(query)),
            None => (url, user.clone()),
        };
        let mut headers = self.headers.clone();
        if let Some(token) = token {
            let mut value = HeaderValue::try_from(format!("Bearer {token}"))
                .map_err(|_| ConnectError::Header("authorization".to_owned()))?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        Ok(Self {
            address: Address::parse(address)?,
            extra,
            headers,
            trust: self.trust.clone(),
            data: self.data.clone(),
        })
    }

    /// Asks for a connection.
    pub(crate) async fn negotiate(&self, allowed: Duration) -> Result<Bytes, ConnectError> {
        let query = Query::default()
            .pair("clientProtocol", CLIENT_PROTOCOL)
            .pair("connectionData", &self.data)
            .pair(TAGS.0, TAGS.1)
            .encoded(self.extra.as_str());
        self.fetch("negotiate", Method::GET, &query, allowed).await
    }

    async fn fetch(
        &self,
        verb: &'static str,
        method: Method,
        query: &Query,
        allowed: Duration,
    ) -> Result<Bytes, ConnectError> {
        let fetch = Fetch {
            name: verb,
            method,
            address: &self.address,
            target: self.address.target(verb, query),
            headers: &self.headers,
            trust: &self.trust,
            allowed,
        };
        fetch.send().await
    }
}

/// A negotiated connection's requests.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) site: Site,
    /// The connection token.
    pub(crate) token: String,
}

impl Route {
    /// Opens the first link.
    pub(crate) async fn connect(&self, max_frame: usize) -> Result<WebSocket, ConnectError> {
        self.link("connect", &self.query(), max_frame).await
    }

    /// Opens a later link, to go on after `cursor` with the groups of `groups`.
    pub(crate) async fn reconnect(
        &self,
        (cursor, groups): (Option<&str>, Option<&str>),
        max_frame: usize,
    ) -> Result<WebSocket, ConnectError> {
        let query = self.query();
        let query = query
            .maybe("messageId", cursor)
            .maybe("groupsToken", groups);
        self.link("reconnect", &query, max_frame).await
    }

    /// Completes the start: the server runs its hubs' `connected` before it answers.
    pub(crate) async fn start(&self, allowed: Duration) -> Result<Bytes, ConnectError> {
        let query = self.query().encoded(self.site.extra.as_str());
        self.site.fetch("start", Method::GET, &query, allowed).await
    }

    /// Tells the server that this client will not come back. Best effort.
    pub(crate) async fn abort(&self, allowed: Duration) {
        let query = self.query().encoded(self.site.extra.as_str());
        let aborted = self
            .site
            .fetch("abort", Method::POST, &query, allowed)
            .await;
        if let Err(error) = aborted {
            tracing::debug!(%error, "abort was not answered");
        }
    }

    async fn link(
        &self,
        verb: &str,
        query: &Query,
        max_frame: usize,
    ) -> Result<WebSocket, ConnectError> {
        let query = query.clone().encoded(self.site.extra.as_str());
        let site = &self.site;
        let target = site.address.target(verb, &query);
        WebSocket::open(
            &site.address,
            &target,
            &site.headers,
            &site.trust,
            max_frame,
        )
        .await
    }

    fn query(&self) -> Query {
        Query::default()
            .pair("transport", TRANSPORT)
            .pair("clientProtocol", CLIENT_PROTOCOL)
            .pair("connectionData", &self.site.data)
            .pair("connectionToken", &self.token)
            .pair(TAGS.0, TAGS.1)
    }
}
