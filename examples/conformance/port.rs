//! One port for HTTP and the text protocol, as axum takes it.

use std::io;
use std::net::SocketAddr;

use axum::serve::Listener;
use hub_server::{Begun, SharedPort};
use tokio::net::TcpStream;

pub(crate) struct Shared(pub(crate) SharedPort);

impl Listener for Shared {
    type Io = Begun<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        self.0.accept().await
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}
