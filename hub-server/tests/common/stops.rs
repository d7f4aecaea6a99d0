//! A server with ports for all wires that stops when it is told to, and says how that went.

use std::net::SocketAddr;

use hub_server::{Builder, HubServer, ShutdownOptions, ShutdownReport};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::parting::{House, Parting};
use super::wires::Servers;
use super::{Server, until, within};

pub struct Stopping {
    pub http: SocketAddr,
    pub text: SocketAddr,
    stop: oneshot::Sender<()>,
    report: JoinHandle<ShutdownReport>,
}

impl Stopping {
    /// On the same ports as before, if there was a before.
    pub async fn serve(
        server: HubServer,
        ports: Option<(SocketAddr, SocketAddr)>,
        options: ShutdownOptions,
    ) -> Self {
        let any = "127.0.0.1:0".parse().unwrap();
        let (http, text) = ports.unwrap_or((any, any));
        let mut bound = server.bind(http).await.unwrap();
        let http = bound.local_addr();
        let text = bound.text(text).await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async { drop(stopped.await) };
        let report = tokio::spawn(async move {
            let served = bound.with_graceful_shutdown(stopped, options).await;
            served.unwrap()
        });
        Self {
            http,
            text,
            stop,
            report,
        }
    }

    pub fn ports(&self) -> (SocketAddr, SocketAddr) {
        (self.http, self.text)
    }

    /// Tells it to stop, and goes on; the answer comes when it has.
    pub fn stop(self) -> JoinHandle<ShutdownReport> {
        let _ = self.stop.send(());
        self.report
    }

    /// Tells it to stop, and waits until it has.
    pub async fn stopped(self) -> ShutdownReport {
        within(self.stop()).await.unwrap()
    }
}

/// Waits for a number of something.
pub async fn reaches(count: &std::sync::atomic::AtomicUsize, enough: usize) {
    let there = || count.load(std::sync::atomic::Ordering::SeqCst);
    until(|| async { (there() >= enough).then_some(()) }).await;
}

/// A server with clients on every wire, to be stopped.
pub async fn house(
    set: impl FnOnce(Builder) -> Builder,
    options: ShutdownOptions,
) -> (House, Stopping) {
    let parting = Parting::default();
    let server = set(HubServer::builder().hub(parting.clone()));
    let server = server.build().unwrap();
    let hub = server.handle("foo").unwrap();
    let stopping = Stopping::serve(server, None, options).await;
    let servers = Servers {
        text: stopping.text,
        http: Server::elsewhere(stopping.http),
        task: tokio::spawn(async {}),
    };
    let house = House {
        servers,
        hub,
        parting,
    };
    (house, stopping)
}
