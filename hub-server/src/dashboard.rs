//! [`Dashboard`]: a page that shows a server at work. What it shows is what the server tells the `metrics` facade
//! (`meter.rs`), for which it brings a recorder of its own; the page is a client of a hub (`board.rs`), and gets a snapshot
//! each second through the log, as clients do.

mod board;
mod buckets;
mod page;
mod recorder;
mod snapshot;

use std::fmt;
use std::sync::Arc;

use hub_core::{Identity, Request};

pub(crate) use board::Board;
pub(crate) use page::{answer, is_asked};
pub use recorder::DashboardRecorder;

/// The hub's name: its clients are the pages.
pub(crate) const HUB: &str = "dashboard";

/// Says who may see it.
type Allows = Arc<dyn Fn(&Identity, &Request) -> bool + Send + Sync>;

/// A page with live figures of the server's process: connections by transport and protocol, groups, calls with their
/// latency, what is kept for those who are away, gaps, slow consumers. Give it to
/// [`Builder::dashboard`](crate::Builder::dashboard), and open `/signalr/dashboard`.
///
/// Who may see it has to be said: [`for_whom`](Self::for_whom), or [`open_to_everybody`](Self::open_to_everybody). It is asked
/// for the page, for the connection of the page, and for its calls; others are answered 401, or 403 if they have a name.
///
/// Most figures are the process's metrics: [`install`](Self::install) its recorder before the server is built, or put
/// [`recorder`](Self::recorder) beside one that you have. Nothing is looked at while nobody watches.
///
/// ```
/// use hub_server::{Dashboard, HubServer};
///
/// # fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let dashboard = Dashboard::for_whom(|who, _| who.roles.iter().any(|role| role == "operator"));
/// dashboard.install()?;
/// let server = HubServer::builder().dashboard(dashboard).build()?;
/// # drop(server);
/// # Ok(())
/// # }
/// # run().unwrap();
/// ```
#[derive(Clone)]
pub struct Dashboard {
    allows: Allows,
    recorder: DashboardRecorder,
    path: Option<String>,
}

impl Dashboard {
    /// One that is for those for whom this holds: who they are, and how they ask. A page asks with the query of its own
    /// address throughout, so that a secret may stand there.
    #[must_use]
    pub fn for_whom(allows: impl Fn(&Identity, &Request) -> bool + Send + Sync + 'static) -> Self {
        Self {
            allows: Arc::new(allows),
            recorder: DashboardRecorder::default(),
            path: None,
        }
    }

    /// One that anybody may see who reaches the server.
    #[must_use]
    pub fn open_to_everybody() -> Self {
        Self::for_whom(|_, _| true)
    }

    /// The path of its page, in place of `/dashboard` below the first mount of hubs.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Makes its recorder the one of this process. Call it before the server is built: a server asks for a recorder once.
    ///
    /// # Errors
    /// When the process has another one already.
    pub fn install(&self) -> Result<(), RecorderTaken> {
        let recorder = self.recorder.clone();
        metrics::set_global_recorder(recorder).map_err(|_| RecorderTaken)?;
        self.recorder.take();
        Ok(())
    }

    /// Its recorder, to be put beside another one, as with `FanoutBuilder` of the crate `metrics-util`.
    #[must_use]
    pub fn recorder(&self) -> DashboardRecorder {
        self.recorder.take();
        self.recorder.clone()
    }

    fn allows(&self, identity: &Identity, request: &Request) -> bool {
        (self.allows)(identity, request)
    }
}

impl fmt::Debug for Dashboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dashboard")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// A process has one recorder of metrics, and this one has another already.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error(
    "this process has a recorder of metrics already: put the dashboard's `recorder()` beside it"
)]
#[non_exhaustive]
pub struct RecorderTaken;
