//! [`SharedPort`]: one port for the text protocol and for whatever a host serves over HTTP.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::guest::{HEAD_TIMEOUT, show_out};
use crate::http::service::HubService;
use crate::server::prepare;
use crate::transport::first_bytes::{Begun, Spoken, listen};

/// A listener whose sockets speak HTTP: those that speak the text protocol are served behind it, and who speaks neither is
/// told so and shown out. The first bytes of a client choose; it has 10 s for them, and keeps nobody else waiting.
///
/// The connections of the text protocol end with it.
#[derive(Debug)]
pub struct SharedPort {
    listener: TcpListener,
    service: HubService,
    /// Those that have not said enough, and those that speak the text protocol.
    guests: JoinSet<Option<(Begun<TcpStream>, SocketAddr)>>,
}

impl HubService {
    /// Speaks the text protocol on the port of a host that serves HTTP by itself, axum for example. See
    /// [`serve_text`](Self::serve_text) for what holds for its clients, and [`Builder::shared_port`](crate::Builder::shared_port)
    /// for servers that have no such host.
    #[must_use]
    pub fn share(self, listener: TcpListener) -> SharedPort {
        SharedPort {
            listener,
            service: self,
            guests: JoinSet::new(),
        }
    }
}

impl SharedPort {
    /// The next socket that speaks HTTP, and where it comes from. A failing accept is logged and tried again.
    ///
    /// # Cancel safety
    /// Nobody is lost when it is dropped before it is ready.
    pub async fn accept(&mut self) -> (Begun<TcpStream>, SocketAddr) {
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((socket, from)) => self.receive(socket, from),
                    Err(error) => {
                        tracing::warn!(%error, "accept failed; trying again in 100 ms");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
                Some(guest) = self.guests.join_next() => {
                    if let Ok(Some(guest)) = guest {
                        return guest;
                    }
                }
            }
        }
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system can't tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    fn receive(&mut self, socket: TcpStream, from: SocketAddr) {
        let service = self.service.clone();
        prepare(&socket, service.running.node.config.disconnect_timeout);
        self.guests.spawn(async move {
            match listen(socket, HEAD_TIMEOUT).await? {
                (Spoken::Http, socket) => return Some((socket, from)),
                (Spoken::Text, socket) => service.speak(socket).await,
                (Spoken::Tls | Spoken::Unknown, socket) => {
                    show_out(socket, "HTTP or PuttyProtocol is spoken here").await;
                }
            }
            None
        });
    }
}
