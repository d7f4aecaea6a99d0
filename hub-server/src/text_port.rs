//! The text protocol on a port of its own.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::task::JoinSet;

use crate::door::{self, Door};
use crate::http::service::HubService;
use crate::server::Bound;
use crate::transport::lines;

impl HubService {
    /// Serves the text protocol of XSockets to whoever connects, `nc` or telnet for example: lines of `hub|topic|data`,
    /// `delivery.md` e.1. All hubs are reached; errors are as detailed as those of the first mount. Clients are who they
    /// say they are: nobody is asked for a password, so listen only where that is right.
    ///
    /// Ends when it is dropped, and with it its connections.
    pub async fn serve_text(self, listener: TcpListener) {
        let mut door = Door::new(listener, &self.running.node.config);
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let (socket, ticket) = door.next().await;
            let service = self.clone();
            connections.spawn(async move {
                service.speak(socket).await;
                drop(ticket);
            });
        }
    }
}

impl HubService {
    /// Speaks the text protocol on one socket.
    pub(crate) async fn speak(self, socket: impl AsyncRead + AsyncWrite + Unpin) {
        let (detailed, node) = {
            let first = self.running.mounts.first();
            let detailed = first.is_some_and(|served| served.mount.detailed_errors);
            (detailed, self.running.node.clone())
        };
        // The service holds the server, which must not live as long as a socket does.
        drop(self);
        lines::serve(node, socket, detailed).await;
    }
}

impl Bound {
    /// Serves the text protocol, too, on another port; gives the address. See [`HubService::serve_text`].
    ///
    /// # Errors
    /// When the address can't be listened on.
    pub async fn text(&mut self, addr: impl ToSocketAddrs) -> io::Result<SocketAddr> {
        let listener = door::listen(addr).await?;
        let addr = listener.local_addr()?;
        self.others.spawn(self.service.clone().serve_text(listener));
        Ok(addr)
    }
}
