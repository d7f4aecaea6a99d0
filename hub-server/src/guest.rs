//! [`Guest`]: one socket that a [`Bound`](crate::Bound) has accepted, and what is spoken on it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use hub_core::Text;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::door::Ticket;
use crate::http::service::HubService;
use crate::http::switched::Held;
use crate::transport::controller::failure;
use crate::transport::first_bytes::{Begun, Spoken, listen};

/// How long a client may take for a TLS handshake, for the head of a request, and to tell what it speaks.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// So many bytes hyper takes from us before it has written them, beside a last frame. Left alone it takes 16 chunks of 16 KiB, or 400 KiB
/// of large frames: for each slow reader so much that no outbox counts, and that a client seems to have had before it is sent.
///
/// So long a request's head may be, too: when as much has come and its end has not, it is answered 431. (What comes in one go is looked
/// at first, so that up to twice as much may pass.) A client in some hundred groups has a head of 30 KB.
const HTTP_BUFFER: usize = 64 * 1024;

/// How long the word may take that shows somebody out.
const CLOSING: Duration = Duration::from_millis(250);

pub(crate) struct Guest {
    pub(crate) service: HubService,
    /// Whether the server goes.
    pub(crate) stays: watch::Receiver<bool>,
    /// Whether the text protocol is spoken on this port, too.
    pub(crate) shared: bool,
    /// Its place among those of its address.
    pub(crate) ticket: Option<Arc<Ticket>>,
}

impl Guest {
    /// Serves whatever its client speaks.
    pub(crate) async fn serve<S>(self, socket: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        if !self.shared {
            return self.http(socket).await;
        }
        match self.listen(socket).await {
            Some((Spoken::Http, socket)) => self.http(socket).await,
            Some((Spoken::Text, socket)) => self.service.speak(socket).await,
            Some((Spoken::Tls | Spoken::Unknown, socket)) => {
                show_out(socket, "HTTP or PuttyProtocol is spoken here").await;
            }
            None => {}
        }
    }

    /// The same inside of TLS.
    #[cfg(feature = "tls")]
    pub(crate) async fn secured<S>(self, socket: S, tls: tokio_rustls::TlsAcceptor)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        if !self.shared {
            return self.shake_hands(socket, tls).await;
        }
        match self.listen(socket).await {
            Some((Spoken::Tls, socket)) => self.shake_hands(socket, tls).await,
            Some((_, socket)) => show_out(socket, "TLS is spoken here").await,
            None => {}
        }
    }

    #[cfg(feature = "tls")]
    async fn shake_hands<S>(self, socket: S, tls: tokio_rustls::TlsAcceptor)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        match timeout(HEAD_TIMEOUT, tls.accept(socket)).await {
            Ok(Ok(socket)) => self.serve(socket).await,
            Ok(Err(_)) | Err(_) => tracing::debug!("a TLS handshake failed"),
        }
    }

    /// What the client speaks, unless the server goes before it says so.
    async fn listen<S: AsyncRead + Unpin>(&self, socket: S) -> Option<(Spoken, Begun<S>)> {
        let mut leaving = self.stays.clone();
        tokio::select! {
            heard = listen(socket, HEAD_TIMEOUT) => heard,
            () = left(&mut leaving) => None,
        }
    }

    async fn http<S>(mut self, socket: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (service, ticket) = (self.service, self.ticket);
        let serve = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            let mut service = service.clone();
            if let Some(ticket) = &ticket {
                // A socket that is upgraded outlives this.
                request.extensions_mut().insert(ticket.clone());
            }
            tower_service::Service::call(&mut service, request)
        });
        let http = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(HTTP_BUFFER)
            .serve_connection(TokioIo::new(Held::new(socket)), serve)
            .with_upgrades();
        let mut http = pin!(http);
        let ended = tokio::select! {
            ended = http.as_mut() => ended,
            () = left(&mut self.stays) => {
                // The answers under way still go out.
                http.as_mut().graceful_shutdown();
                http.await
            }
        };
        if ended.is_err() {
            tracing::debug!("an HTTP connection ended early");
        }
    }
}

/// Tells who speaks something else what is spoken here, as a line of the text protocol, and closes.
pub(crate) async fn show_out(mut socket: impl AsyncWrite + Unpin, text: &str) {
    let line: Bytes = failure(&Text, "", text);
    let told = async {
        socket.write_all(&line).await?;
        socket.shutdown().await
    };
    let _ = timeout(CLOSING, told).await;
}

async fn left(leaving: &mut watch::Receiver<bool>) {
    // An error means that the server is gone: the same.
    let _ = leaving.wait_for(|leaving| *leaving).await;
}
