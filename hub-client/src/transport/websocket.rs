//! The WebSocket transport: one text message a frame, both ways (`classic-signalr.md` 6.1).

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream};
use http::HeaderMap;
use hub_core::BoxFuture;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::whole_head::WholeHead;
use super::{Link, Place};
use crate::address::Address;
use crate::error::{ConnectError, LinkError};
use crate::http::{Agent, Io, refused, unreachable};

/// Frames are small; the default of 128 KiB a connection is for those who have few.
const READ_BUFFER: usize = 4 * 1024;

/// How long a goodbye may take before the socket is just dropped.
const GOODBYE: Duration = Duration::from_millis(250);

pub(crate) struct WebSocket {
    stream: WebSocketStream<WholeHead<Box<dyn Io>>>,
    flushed: bool,
    failed: Option<LinkError>,
}

impl WebSocket {
    /// Connects to `target` (path and query); frames are refused above `max_frame` bytes.
    pub(crate) async fn open(
        address: &Address,
        target: &str,
        headers: &HeaderMap,
        agent: &Agent,
        max_frame: usize,
    ) -> Result<Self, ConnectError> {
        let scheme = if address.secure { "wss" } else { "ws" };
        let url = format!("{scheme}://{}{target}", address.authority);
        let mut request = url
            .as_str()
            .into_client_request()
            .map_err(|_| ConnectError::Url {
                url: url.clone(),
                problem: "it is no request target",
            })?;
        request.headers_mut().extend(headers.clone());
        let site = address.url(target);
        agent.equip(&site, request.headers_mut());
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .max_message_size(Some(max_frame))
            .max_frame_size(Some(max_frame));
        let stream = WholeHead::new(agent.dial(address).await?);
        match client_async_with_config(request, stream, Some(config)).await {
            Ok((stream, answer)) => {
                agent.heard(&site, answer.headers());
                Ok(Self {
                    stream,
                    flushed: true,
                    failed: None,
                })
            }
            Err(Error::Http(response)) => {
                agent.heard(&site, response.headers());
                let body = response.body().as_deref().unwrap_or_default();
                Err(refused("connect", response.status(), body))
            }
            Err(error) => Err(unreachable(address, error)),
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, LinkError>> {
        loop {
            let message = match Pin::new(&mut self.stream).poll_next(cx) {
                Poll::Ready(Some(message)) => message.map_err(lost)?,
                Poll::Ready(None) => return Poll::Ready(Err(LinkError::Closed)),
                Poll::Pending => return Poll::Pending,
            };
            match message {
                Message::Text(text) => return Poll::Ready(Ok(Some(text.into()))),
                Message::Close(_) => {
                    // The answer is written if it can be; nobody waits for the socket's own end.
                    let _ = Pin::new(&mut self.stream).poll_flush(cx);
                    return Poll::Ready(Err(LinkError::Closed));
                }
                Message::Binary(_) => {
                    let error = LinkError::Failed(Arc::from(Box::from("a binary message")));
                    return Poll::Ready(Err(error));
                }
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }
}

impl Link for WebSocket {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        after: Option<Place<'_>>,
    ) -> Poll<Result<Option<Bytes>, LinkError>> {
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Err(error));
        }
        if !self.flushed
            && let Poll::Ready(written) = Pin::new(&mut self.stream).poll_flush(cx)
        {
            self.flushed = true;
            return Poll::Ready(written.map(|()| None).map_err(lost));
        }
        if after.is_some() {
            self.poll_read(cx)
        } else {
            Poll::Pending
        }
    }

    fn idle(&self) -> bool {
        self.flushed
    }

    fn send(&mut self, frame: Bytes) {
        self.flushed = false;
        let sent = Utf8Bytes::try_from(frame)
            .map_err(|error| LinkError::Failed(Arc::new(error)))
            .and_then(|text| {
                Pin::new(&mut self.stream)
                    .start_send(Message::Text(text))
                    .map_err(lost)
            });
        self.failed = sent.err();
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            // Best effort: the server learns of the end from the abort request or from the socket.
            let _ = tokio::time::timeout(GOODBYE, self.stream.send(Message::Close(None))).await;
        })
    }
}

fn lost(error: Error) -> LinkError {
    match error {
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => LinkError::Closed,
        error => LinkError::Failed(Arc::new(error)),
    }
}
