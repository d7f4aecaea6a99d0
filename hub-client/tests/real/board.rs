//! A hub that others keep copies of, whose log keeps very little, and a client's copy.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use hub_client::{Builder, HubClient};
use hub_core::{Context, Cursor, HubError, hub};
use hub_server::{HubHandle, HubServer};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How many changes the log keeps.
pub(crate) const KEPT: usize = 3;

/// Values by key, and how many changes have led to them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) version: u64,
    pub(crate) values: BTreeMap<u64, u64>,
}

impl State {
    fn put(&mut self, key: u64, value: u64) {
        self.version += 1;
        self.values.insert(key, value);
    }
}

#[derive(Serialize)]
struct Snapshot {
    position: Cursor,
    state: State,
}

struct Board {
    state: watch::Sender<State>,
    asked: watch::Sender<usize>,
    open: watch::Receiver<bool>,
}

#[hub(name = "board")]
impl Board {
    /// One caller at a time, so that events have the order of versions.
    async fn put(&self, cx: &Context, key: u64, value: u64) -> Result<(), HubError> {
        self.state.send_modify(|state| state.put(key, value));
        let version = self.state.borrow().version;
        let all = cx.clients().all();
        Ok(all.send("changed", (version, key, value)).await?)
    }

    async fn snapshot(&self, cx: &Context) -> Result<Snapshot, HubError> {
        self.asked.send_modify(|asked| *asked += 1);
        let mut open = self.open.clone();
        open.wait_for(|open| *open).await?;
        Ok(Snapshot {
            position: cx.position(),
            state: self.state.borrow().clone(),
        })
    }
}

/// A server, which stops with this.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) hub: HubHandle,
    pub(crate) state: watch::Receiver<State>,
    /// How many snapshots were asked for.
    pub(crate) asked: watch::Receiver<usize>,
    /// Whether they are given; they wait while they are not.
    pub(crate) gate: watch::Sender<bool>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let (state, states) = watch::channel(State::default());
        let (asked, asks) = watch::channel(0);
        let (gate, open) = watch::channel(true);
        let board = Board { state, asked, open };
        let server = HubServer::builder().hub(board).retain(KEPT, 1 << 20);
        // The next one knows the clients of this one.
        let server = server.key([7; 32]);
        let server = server.build().unwrap();
        let hub = server.handle("board").unwrap();
        let bound = server.bind("127.0.0.1:0").await.unwrap();
        Self {
            addr: bound.local_addr(),
            hub,
            state: states,
            asked: asks,
            gate,
            serving: tokio::spawn(bound.serve()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

pub(crate) fn client_at(addr: SocketAddr) -> Builder {
    HubClient::builder(format!("http://{addr}/signalr")).hub("board")
}

/// What a client knows of the board.
#[derive(Clone, Default)]
pub(crate) struct Mirror {
    seen: Arc<Mutex<Seen>>,
    /// Whether it takes its time with snapshots that it has.
    pub(crate) dawdles: watch::Sender<bool>,
}

#[derive(Default)]
struct Seen {
    state: State,
    /// Versions that came when another was due.
    holes: Vec<(u64, u64)>,
    snapshots: usize,
}

impl Mirror {
    /// Lets a connection keep it in step. `late`: a snapshot that fails says so when the link is there again, not before.
    pub(crate) fn keep(&self, builder: Builder, late: bool) -> Builder {
        let (heard, taken) = (self.clone(), self.clone());
        builder
            .on("board", "changed", move |(version, key, value)| {
                heard.hear(version, key, value);
                async {}
            })
            .resync("board", move |client| {
                let taken = taken.clone();
                async move {
                    #[derive(Deserialize)]
                    struct Snapshot {
                        position: String,
                        state: State,
                    }
                    let snapshot = client.invoke::<Snapshot>("board", "snapshot", ()).await;
                    if late && snapshot.is_err() {
                        let mut states = client.states();
                        let back = states.wait_for(|state| *state == hub_client::State::Connected);
                        back.await.map_err(|error| error.to_string())?;
                    }
                    let snapshot = snapshot.map_err(|error| error.to_string())?;
                    taken.take(snapshot.state);
                    let mut dawdles = taken.dawdles.subscribe();
                    let done = dawdles.wait_for(|dawdles| !dawdles).await;
                    done.map_err(|error| error.to_string())?;
                    Ok::<_, String>(snapshot.position)
                }
            })
    }

    fn take(&self, state: State) {
        let mut seen = self.seen.lock().unwrap();
        (seen.state, seen.snapshots) = (state, seen.snapshots + 1);
    }

    /// The next change, or one that the snapshot has.
    fn hear(&self, version: u64, key: u64, value: u64) {
        let mut seen = self.seen.lock().unwrap();
        let due = seen.state.version + 1;
        if version > due {
            seen.holes.push((due, version));
        }
        if version >= due {
            seen.state.put(key, value);
        }
    }

    pub(crate) fn state(&self) -> State {
        self.seen.lock().unwrap().state.clone()
    }

    pub(crate) fn holes(&self) -> Vec<(u64, u64)> {
        self.seen.lock().unwrap().holes.clone()
    }

    pub(crate) fn snapshots(&self) -> usize {
        self.seen.lock().unwrap().snapshots
    }
}
