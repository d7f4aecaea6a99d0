//! Where the server is, and what every request to it carries.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::Builder;
use crate::address::Query;
use crate::error::ConnectError;
use crate::route::is_own;
use crate::transport::Transport;

impl Builder {
    /// Adds a parameter to the query string of every request, for hubs to read. A name that the protocol uses itself
    /// (`tags`, say) makes [`connect`](Self::connect) fail with [`ConnectError::Query`].
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// Adds a header to every request, also to those of the server that a redirect names. `User-Agent` names this crate
    /// unless it is given here.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Asks for a bearer token when the connection begins, and again when the server refuses it with status 401: the
    /// request is then made once more. It is sent with every request, in place of any `Authorization` header, until a
    /// redirect brings a token of its own.
    ///
    /// ```
    /// # use hub_client::{Builder, HubClient};
    /// # async fn sign_in() -> Result<String, std::io::Error> { Ok("token".into()) }
    /// # fn with() -> Builder {
    /// HubClient::builder("https://hub.internal/signalr").access_token(sign_in)
    /// # }
    /// ```
    pub fn access_token<F, Fut, E>(mut self, source: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.tokens = Some(Arc::new(move || {
            let token = source();
            Box::pin(async { token.await.map_err(Into::into) })
        }));
        self
    }

    /// Keeps the cookies that the server and gateways before it set, and sends them with all later requests of the
    /// connection: gateways use them to lead a client to the same server again. Needs the feature `cookies`.
    #[cfg(feature = "cookies")]
    pub fn cookies(mut self) -> Self {
        self.cookies = true;
        self
    }

    /// Tries these transports only, in this order; by default WebSockets, then server-sent events, then long polling. The
    /// next one is tried when one can't be made or the server does not answer on it in time.
    pub fn transports(mut self, transports: impl IntoIterator<Item = Transport>) -> Self {
        self.transports = transports.into_iter().collect();
        self
    }

    /// Connects to `https` with this configuration of `rustls` 0.23, for servers whose certificates are not signed by an
    /// authority of Mozilla's list, and for certificates of clients. Needs the feature `tls`.
    ///
    /// ```
    /// use hub_client::{Builder, HubClient};
    /// use tokio_rustls::rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer};
    ///
    /// fn trusting(authority: CertificateDer<'static>) -> Result<Builder, Box<dyn std::error::Error>> {
    ///     let mut roots = RootCertStore::empty();
    ///     roots.add(authority)?;
    ///     let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    ///     Ok(HubClient::builder("https://hub.internal/signalr").tls(config))
    /// }
    /// ```
    #[cfg(feature = "tls")]
    pub fn tls(mut self, config: tokio_rustls::rustls::ClientConfig) -> Self {
        self.trust.config = Some(Arc::new(config));
        self
    }
}

pub(super) fn query(pairs: &[(String, String)]) -> Result<Query, ConnectError> {
    let mut query = Query::default();
    for (name, value) in pairs {
        if is_own(name) {
            return Err(ConnectError::Query(name.clone()));
        }
        query = query.pair(name, value);
    }
    Ok(query)
}

pub(super) fn headers(pairs: &[(String, String)]) -> Result<HeaderMap, ConnectError> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let (Ok(key), Ok(mut value)) = (
            HeaderName::try_from(name),
            HeaderValue::try_from(value.as_str()),
        ) else {
            return Err(ConnectError::Header(name.clone()));
        };
        // What an application adds is usually a credential, and logs are no place for those.
        value.set_sensitive(true);
        headers.append(key, value);
    }
    let own = concat!("hub-client/", env!("CARGO_PKG_VERSION"));
    let own = HeaderValue::from_static(own);
    headers.entry(header::USER_AGENT).or_insert(own);
    Ok(headers)
}
