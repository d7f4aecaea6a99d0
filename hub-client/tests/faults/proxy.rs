//! A network between a client and a server, whose weather the script makes.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How many bytes of a connection trickle each way, then the rest comes: each costs as much as thousands.
const TRICKLES: usize = 1_500;

/// How bytes go, over the connections that there are and those to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    Clear,
    /// One at a time, as many as [`TRICKLES`].
    Trickling,
    /// Each chunk takes so long.
    Slow(Duration),
    /// Not at all.
    Silent,
}

struct Shared {
    /// Nowhere means that connections are closed at once.
    to: Mutex<Option<SocketAddr>>,
    weather: watch::Sender<Weather>,
    /// Counts up to cut the connections of the moment: in order, or by a reset.
    cut: watch::Sender<(u32, bool)>,
    /// Counts up to silence the connections of the moment.
    silenced: watch::Sender<u32>,
    /// True at the end: only the client's ends count.
    over: watch::Sender<bool>,
    /// After how many bytes each of the next connections is cut.
    short: Mutex<VecDeque<u64>>,
    open: AtomicUsize,
}

/// Ends with everything that goes through it when dropped.
pub(crate) struct Proxy {
    pub(crate) addr: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            to: Mutex::new(Some(to)),
            weather: watch::Sender::new(Weather::Clear),
            cut: watch::Sender::new((0, false)),
            silenced: watch::Sender::new(0),
            over: watch::Sender::new(false),
            short: Mutex::default(),
            open: AtomicUsize::new(0),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self {
            addr,
            shared,
            accepting,
        }
    }

    pub(crate) fn lead(&self, to: Option<SocketAddr>) {
        *self.shared.to.lock().unwrap() = to;
    }

    pub(crate) fn weather(&self, weather: Weather) {
        self.shared.weather.send_replace(weather);
    }

    pub(crate) fn cut(&self, reset: bool) {
        self.shared.cut.send_modify(|(n, how)| {
            *n += 1;
            *how = reset;
        });
    }

    pub(crate) fn silence(&self) {
        self.shared.silenced.send_modify(|n| *n += 1);
    }

    pub(crate) fn cut_next(&self, after: [u64; 2]) {
        *self.shared.short.lock().unwrap() = after.into();
    }

    /// Takes nobody any more, and waits for the client to close what it has; gives how many connections it did not close.
    pub(crate) async fn end(&self, patience: Duration) -> usize {
        self.lead(None);
        self.shared.over.send_replace(true);
        let closed = async {
            while self.shared.open.load(Ordering::Acquire) > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = tokio::time::timeout(patience, closed).await;
        self.shared.open.load(Ordering::Acquire)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut(true);
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let Some(to) = *shared.to.lock().unwrap() else {
            continue;
        };
        let short = shared.short.lock().unwrap().pop_front();
        shared.open.fetch_add(1, Ordering::AcqRel);
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            carry(client, to, short, &shared).await;
            shared.open.fetch_sub(1, Ordering::AcqRel);
        });
    }
}

async fn carry(mut client: TcpStream, to: SocketAddr, short: Option<u64>, shared: &Shared) {
    let mut cut = shared.cut.subscribe();
    let mut silenced = shared.silenced.subscribe();
    let mut over = shared.over.subscribe();
    let Ok(mut server) = TcpStream::connect(to).await else {
        return;
    };
    let (_, _) = (client.set_nodelay(true), server.set_nodelay(true));
    let left = AtomicI64::new(short.map_or(i64::MAX, |bytes| i64::try_from(bytes).unwrap()));
    let over = {
        let (mut from_client, mut to_client) = client.split();
        let (mut from_server, mut to_server) = server.split();
        let (down, up) = (shared.weather.subscribe(), shared.weather.subscribe());
        let carried = async {
            tokio::select! {
                () = copy(&mut from_server, &mut to_client, &left, down) => {}
                () = copy(&mut from_client, &mut to_server, &left, up) => {}
            }
        };
        let silence = async {
            let _ = silenced.changed().await;
        };
        let carried = async {
            tokio::select! {
                () = silence => std::future::pending().await,
                () = carried => {}
            }
        };
        tokio::select! {
            () = carried => false,
            _ = cut.changed() => false,
            _ = over.wait_for(|over| *over) => true,
        }
    };
    if over {
        drop(server);
        let mut buffer = [0; 4096];
        while let Ok(1..) = client.read(&mut buffer).await {}
        return;
    }
    if cut.borrow().1 {
        let _ = client.set_zero_linger();
        let _ = server.set_zero_linger();
    }
}

async fn copy(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    left: &AtomicI64,
    mut weather: watch::Receiver<Weather>,
) {
    let mut buffer = [0; 4096];
    let mut trickled = 0;
    loop {
        let Ok(n @ 1..) = from.read(&mut buffer).await else {
            return;
        };
        let mut bytes = &buffer[..n];
        while !bytes.is_empty() {
            let now = *weather.borrow_and_update();
            let chunk = match now {
                Weather::Clear => bytes.len(),
                Weather::Trickling if trickled < TRICKLES => {
                    trickled += 1;
                    1
                }
                Weather::Trickling => bytes.len(),
                Weather::Slow(wait) => {
                    tokio::time::sleep(wait).await;
                    bytes.len()
                }
                Weather::Silent => {
                    let _ = weather.changed().await;
                    continue;
                }
            };
            let before = left.fetch_sub(i64::try_from(chunk).unwrap(), Ordering::AcqRel);
            let chunk = chunk.min(usize::try_from(before.max(0)).unwrap_or(usize::MAX));
            let (first, rest) = bytes.split_at(chunk);
            if chunk == 0 || to.write_all(first).await.is_err() {
                return;
            }
            bytes = rest;
            tokio::task::yield_now().await;
        }
    }
}
