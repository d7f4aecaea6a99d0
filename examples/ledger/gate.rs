//! [`Gate`]: the network between one client and the server. It carries bytes until it is told to cut or to fall silent,
//! and writes down when nothing leads to the server.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::book::Book;

/// The book, shared by all who write into it.
#[derive(Clone)]
pub(crate) struct Ledger(pub(crate) Arc<Mutex<Book>>);

impl Ledger {
    pub(crate) fn write<T>(&self, entry: impl FnOnce(&mut Book) -> T) -> T {
        entry(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What the network does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    Carries,
    /// All connections end: with a reset, or as if the other side had closed them.
    Cut {
        reset: bool,
    },
    /// Connections stay open and carry nothing.
    Silent,
}

/// Ends with everything that goes through it when dropped.
pub(crate) struct Gate {
    /// Where clients find it.
    pub(crate) authority: String,
    weather: watch::Sender<Weather>,
    accepting: JoinHandle<()>,
}

impl Gate {
    /// The way of one life of a client.
    ///
    /// # Errors
    /// When there is no port.
    pub(crate) async fn open(to: SocketAddr, who: usize, ledger: Ledger) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let authority = listener.local_addr()?.to_string();
        let (weather, changes) = watch::channel(Weather::Carries);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let mut weather = changes.clone();
                if *weather.borrow_and_update() == Weather::Carries {
                    let door = Door::open(who, ledger.clone());
                    tokio::spawn(carry(client, to, weather, door));
                }
            }
        });
        Ok(Self {
            authority,
            weather,
            accepting,
        })
    }

    /// From now on nothing comes through, and nobody in.
    pub(crate) fn turn(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// One socket, in the book.
struct Door(usize, Ledger);

impl Door {
    fn open(who: usize, ledger: Ledger) -> Self {
        ledger.write(|book| book.enter(who));
        Self(who, ledger)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.1.write(|book| book.exit(self.0));
    }
}

async fn carry(
    mut client: TcpStream,
    to: SocketAddr,
    mut weather: watch::Receiver<Weather>,
    door: Door,
) {
    // Named, so that the sockets are gone before the book says so.
    let door = door;
    let Ok(mut server) = TcpStream::connect(to).await else {
        drop(client);
        return drop(door);
    };
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let changed = tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => None,
        changed = weather.changed() => changed.ok().map(|()| *weather.borrow()),
    };
    match changed {
        Some(Weather::Silent) => {
            drop(door);
            // Until the gate is dropped: the ends hear nothing till then.
            while weather.changed().await.is_ok() {}
        }
        Some(Weather::Cut { reset: true }) => {
            let _ = client.set_zero_linger();
            let _ = server.set_zero_linger();
            drop((client, server));
            drop(door);
        }
        _ => {
            drop((client, server));
            drop(door);
        }
    }
}
