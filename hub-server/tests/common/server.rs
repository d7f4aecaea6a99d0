//! A server on a real socket, or in memory where the clock is paused.

use std::net::SocketAddr;

use hub_server::{Builder, HubServer, HubService};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinHandle};

use super::{Io, Response, within};

/// A server that runs as long as this lives.
pub struct Server {
    way: Way,
    task: Option<AbortHandle>,
    pub path: String,
    /// Whether clients have hardly any room for what they don't read.
    pub narrow: bool,
}

enum Way {
    Tcp(SocketAddr),
    Memory(HubService),
}

impl Server {
    /// On a real socket.
    pub async fn tcp(builder: Builder) -> Self {
        Self::tcp_of(builder.build().unwrap()).await
    }

    /// On a real socket, for a test that wants a handle of the server first.
    pub async fn tcp_of(server: HubServer) -> Self {
        let bound = server.bind("127.0.0.1:0").await.unwrap();
        let addr = bound.local_addr();
        let task = tokio::spawn(bound.serve()).abort_handle();
        Self {
            way: Way::Tcp(addr),
            task: Some(task),
            path: "/signalr".into(),
            narrow: false,
        }
    }

    /// One that runs elsewhere.
    pub fn elsewhere(addr: SocketAddr) -> Self {
        Self {
            way: Way::Tcp(addr),
            task: None,
            path: "/signalr".into(),
            narrow: false,
        }
    }

    /// The same for clients that have hardly any room for what they don't read.
    pub fn narrow(&self) -> Self {
        let addr = self.addr().unwrap();
        let mut narrow = Self::elsewhere(addr);
        narrow.narrow = true;
        narrow
    }

    /// On a real socket, until it is told to stop; the second is done when it has.
    pub async fn until(builder: Builder) -> (Self, oneshot::Sender<()>, JoinHandle<()>) {
        let bound = builder.build().unwrap().bind("127.0.0.1:0").await.unwrap();
        let addr = bound.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let serve = bound.serve_until(async { drop(stopped.await) });
        let task = tokio::spawn(async { serve.await.unwrap() });
        let server = Self {
            way: Way::Tcp(addr),
            task: Some(task.abort_handle()),
            path: "/signalr".into(),
            narrow: false,
        };
        (server, stop, task)
    }

    /// In memory: with a paused clock a real socket would look idle, and time would jump.
    pub fn memory(builder: Builder) -> Self {
        Self::memory_of(builder.build().unwrap())
    }

    /// In memory, for a test that wants a handle of the server first.
    pub fn memory_of(server: HubServer) -> Self {
        Self {
            way: Way::Memory(server.into_service()),
            task: None,
            path: "/signalr".into(),
            narrow: false,
        }
    }

    /// What a host around the service calls when it stops.
    pub fn shutdown(&self) {
        match &self.way {
            Way::Memory(service) => service.shutdown(),
            Way::Tcp(_) => panic!("a server on a socket is told through `until`"),
        }
    }

    /// What a host calls that lets it stop by and by.
    pub fn service(&self) -> HubService {
        match &self.way {
            Way::Memory(service) => service.clone(),
            Way::Tcp(_) => panic!("a server on a socket has its own"),
        }
    }

    pub fn addr(&self) -> Option<SocketAddr> {
        match &self.way {
            Way::Tcp(addr) => Some(*addr),
            Way::Memory(_) => None,
        }
    }

    pub async fn dial(&self) -> Box<dyn Io> {
        match &self.way {
            Way::Tcp(addr) => {
                let socket = match self.narrow {
                    true => {
                        let socket = TcpSocket::new_v4().unwrap();
                        socket.set_recv_buffer_size(4096).unwrap();
                        socket.connect(*addr).await.unwrap()
                    }
                    false => TcpStream::connect(addr).await.unwrap(),
                };
                socket.set_nodelay(true).unwrap();
                Box::new(socket)
            }
            Way::Memory(service) => {
                let (near, far) = tokio::io::duplex(64 * 1024);
                let service = service.clone();
                let serve = hyper::service::service_fn(move |request| {
                    let mut service = service.clone();
                    tower_service::Service::call(&mut service, request)
                });
                let connection = hyper::server::conn::http1::Builder::new()
                    .timer(TokioTimer::new())
                    .serve_connection(TokioIo::new(far), serve)
                    .with_upgrades();
                tokio::spawn(connection);
                Box::new(near)
            }
        }
    }

    /// A request with a target and headers exactly as given.
    pub async fn raw(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Response {
        let mut socket = self.dial().await;
        let mut head =
            format!("{method} {target} HTTP/1.1\r\nHost: test.example\r\nConnection: close\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        socket.write_all((head + "\r\n").as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        within(socket.read_to_end(&mut bytes)).await.unwrap();
        Response::parse(&bytes)
    }

    pub async fn get(&self, verb: &str, query: &[(&str, &str)]) -> Response {
        self.get_as(verb, query, None).await
    }

    /// A GET by a user (tests authenticate by the header `X-User`).
    pub async fn get_as(&self, verb: &str, query: &[(&str, &str)], user: Option<&str>) -> Response {
        let headers: Vec<_> = user.map(|user| ("X-User", user)).into_iter().collect();
        self.raw("GET", &self.target(verb, query), &headers).await
    }

    pub fn target(&self, verb: &str, query: &[(&str, &str)]) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(query)
            .finish();
        format!("{}{verb}?{query}", self.path)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}
