//! A TCP proxy that does to connections what networks do.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) use crate::dice::Dice;

/// After how many bytes a connection is cut, down to the client and up to the server, and how.
#[derive(Clone, Copy)]
struct Limits {
    down: u64,
    up: u64,
    reset: bool,
}

const ENDLESS: Limits = Limits {
    down: u64::MAX,
    up: u64::MAX,
    reset: false,
};

impl Limits {
    /// Some connections end while they are opened, some soon after, some after a while, and some on the way up.
    fn roll(dice: &mut Dice) -> Self {
        let reset = dice.below(2) == 0;
        let (down, up) = match dice.below(5) {
            0 => (dice.below(300), u64::MAX),
            1 | 2 => (150 + dice.below(2_000), u64::MAX),
            3 => (150 + dice.below(8_000), u64::MAX),
            _ => (u64::MAX, dice.below(2_000)),
        };
        Self { down, up, reset }
    }
}

struct Shared {
    to: Mutex<Option<SocketAddr>>,
    dice: Mutex<Option<Dice>>,
    cuts: AtomicUsize,
    /// Counts up to cut, or to freeze, the connections of the moment.
    cut: watch::Sender<u32>,
    frozen: watch::Sender<u32>,
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
            dice: Mutex::new(None),
            cuts: AtomicUsize::new(0),
            cut: watch::Sender::new(0),
            frozen: watch::Sender::new(0),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self {
            addr,
            shared,
            accepting,
        }
    }

    /// Where connections lead from now on; nowhere means that they are closed at once.
    pub(crate) fn lead(&self, to: Option<SocketAddr>) {
        *self.shared.to.lock().unwrap() = to;
    }

    /// From now on connections are cut at random; with `None` they live again.
    pub(crate) fn arm(&self, dice: Option<Dice>) {
        *self.shared.dice.lock().unwrap() = dice;
    }

    /// Cuts what there is.
    pub(crate) fn cut(&self) {
        self.shared.cut.send_modify(|n| *n += 1);
    }

    /// Carries nothing more over the connections that there are, and leaves them open.
    pub(crate) fn freeze(&self) {
        self.shared.frozen.send_modify(|n| *n += 1);
    }

    /// How many connections were cut.
    pub(crate) fn cuts(&self) -> usize {
        self.shared.cuts.load(Ordering::Acquire)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let Some(to) = *shared.to.lock().unwrap() else {
            continue;
        };
        let limits = shared.dice.lock().unwrap().as_mut().map(Limits::roll);
        tokio::spawn(carry(client, to, limits, Arc::clone(&shared)));
    }
}

async fn carry(mut client: TcpStream, to: SocketAddr, limits: Option<Limits>, shared: Arc<Shared>) {
    let (mut cut, mut frozen) = (shared.cut.subscribe(), shared.frozen.subscribe());
    let Ok(mut server) = TcpStream::connect(to).await else {
        return;
    };
    let Limits { down, up, reset } = limits.unwrap_or(ENDLESS);
    let ended = {
        let (mut from_client, mut to_client) = client.split();
        let (mut from_server, mut to_server) = server.split();
        tokio::select! {
            _ = cut.changed() => End::Cut,
            _ = frozen.changed() => {
                let _ = cut.changed().await;
                End::Cut
            }
            end = copy(&mut from_server, &mut to_client, down) => end,
            end = copy(&mut from_client, &mut to_server, up) => end,
        }
    };
    if ended == End::Cut {
        shared.cuts.fetch_add(1, Ordering::AcqRel);
        if reset {
            let _ = client.set_zero_linger();
            let _ = server.set_zero_linger();
        }
    }
}

#[derive(PartialEq, Eq)]
enum End {
    Cut,
    Closed,
}

async fn copy(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    limit: u64,
) -> End {
    let mut buffer = [0; 4096];
    let mut left = limit;
    while left > 0 {
        let most = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        match from.read(&mut buffer[..most]).await {
            Ok(n) if n > 0 => {
                if to.write_all(&buffer[..n]).await.is_err() {
                    return End::Closed;
                }
                left -= n as u64;
            }
            _ => return End::Closed,
        }
    }
    End::Cut
}
