//! [`ClientEvent`]: what a connection tells its application about itself, and the [`Voice`] that says it.

use hub_core::Missed;
use tokio::sync::{broadcast, watch};

use crate::error::{CloseReason, EventError, LinkError};
use crate::life::{Change, State};

/// How many events wait for a slow reader before the oldest are dropped.
const KEPT: usize = 64;

/// What happened to a connection.
///
/// The original's clients have an event of its own for each of these; here they are:
///
/// | there | here |
/// |---|---|
/// | `starting` | [`Starting`](Self::Starting) |
/// | `stateChanged` | [`StateChanged`](Self::StateChanged) |
/// | `reconnecting`, `reconnected` | the same, [from](Self::StateChanged::from) and [to](Self::StateChanged::to) [`State::Reconnecting`]; [`Lost`](Self::Lost) before says why |
/// | `connectionSlow` | [`Slow`](Self::Slow) |
/// | `error` | [`Lost`](Self::Lost) for the link, [`Error`](Self::Error) for callbacks; a call's own is its result |
/// | `closed`, `disconnected` | [`Closed`](Self::Closed), with the reason |
/// | `received` | what hubs send is no event of the connection: [`HubClient::hub_events`](crate::HubClient::hub_events) |
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ClientEvent {
    /// The first link is about to be made. Who wants to see this asks
    /// [`Builder::client_events`](crate::Builder::client_events).
    Starting,
    /// The state changed.
    StateChanged {
        /// The state before.
        from: State,
        /// The state now.
        to: State,
    },
    /// Nothing was heard for two thirds of the keep-alive timeout; said once until something is.
    Slow,
    /// The link is gone; the client begins to reconnect.
    Lost(LinkError),
    /// The connection is over for good. No event follows, except errors of callbacks that still run.
    Closed(CloseReason),
    /// A callback failed or did not fit its event.
    Error(EventError),
    /// Events are gone for good that this client should have got: it was away for longer than the server keeps them. Told
    /// where they are missing, between the callbacks before and after. Hubs with a [`Builder::resync`] are brought into
    /// step; only servers of *hub* tell. After a restart of one whose log is in memory all may be missing (`log`).
    ///
    /// [`Builder::resync`]: crate::Builder::resync
    Gap {
        /// Of what.
        missed: Vec<Missed>,
    },
    /// A [`Builder::resync`](crate::Builder::resync) failed. It is tried again, and the hub's events wait.
    ResyncFailed {
        /// The hub.
        hub: String,
        /// What went wrong.
        reason: String,
    },
    /// The reader was slow and this many events were dropped.
    Missed(u64),
}

/// The events of one connection, from the call of [`HubClient::client_events`](crate::HubClient::client_events) on.
#[derive(Debug)]
pub struct ClientEvents(Option<broadcast::Receiver<ClientEvent>>);

impl ClientEvents {
    pub(crate) fn of(events: &broadcast::WeakSender<ClientEvent>) -> Self {
        Self(events.upgrade().map(|events| events.subscribe()))
    }

    /// The next event, `None` when the connection is over and all was told.
    ///
    /// # Cancel safety
    /// Dropping the future loses no event.
    pub async fn next(&mut self) -> Option<ClientEvent> {
        match self.0.as_mut()?.recv().await {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(ClientEvent::Missed(missed)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// How a driver speaks to the application.
pub(crate) struct Voice {
    states: watch::Sender<State>,
    events: broadcast::Sender<ClientEvent>,
}

impl Voice {
    pub(crate) fn new() -> Self {
        Self {
            states: watch::Sender::new(State::Connecting),
            events: broadcast::Sender::new(KEPT),
        }
    }

    pub(crate) fn states(&self) -> watch::Receiver<State> {
        self.states.subscribe()
    }

    pub(crate) fn events(&self) -> broadcast::Sender<ClientEvent> {
        self.events.clone()
    }

    pub(crate) fn say(&self, event: ClientEvent) {
        tracing::debug!(?event, "client event");
        // Nobody has to listen.
        let _ = self.events.send(event);
    }

    /// Tells a change of state.
    pub(crate) fn enter(&self, change: Option<Change>) {
        if let Some((from, to)) = change {
            self.states.send_replace(to);
            self.say(ClientEvent::StateChanged { from, to });
        }
    }
}
