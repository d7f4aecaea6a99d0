//! What the server tells a recorder of the `metrics` facade: of queued and missed messages (`delivery.md` a.8), of connections,
//! by the names that ASP.NET Core has for them, and of calls. Names and labels stand here and nowhere else; no label has a
//! value that a client may choose.

use std::sync::OnceLock;
use std::time::Duration;

use hub_core::{Gap, GapCause, HubName, LogError, Topic};
use metrics::{Counter, Histogram, counter, gauge, histogram};

// What the dashboard shows.
pub(crate) const CONNECTIONS: &str = "signalr.server.active_connections";
pub(crate) const PROTOCOLS: &str = "connections_by_protocol";
pub(crate) const GROUPS: &str = "groups";
pub(crate) const CALLS: &str = "calls_total";
pub(crate) const CALL_SECONDS: &str = "call_seconds";
pub(crate) const LAG_SECONDS: &str = "notify_lag_seconds";
pub(crate) const SLOW: &str = "slow_consumers_total";
pub(crate) const GAPS: &str = "gap_total";
pub(crate) const QUEUED: &str = "queue_entries";
pub(crate) const LEASES: &str = "leases";

/// A message was kept, or had been before.
pub(crate) fn queued(hub: &HubName, duplicate: bool, took: Duration) {
    let dup = if duplicate { "true" } else { "false" };
    counter!("queue_appended_total", "hub" => name(hub), "dup" => dup).increment(1);
    histogram!("queue_append_seconds", "hub" => name(hub)).record(took);
}

/// A page of what was kept was written for the client that it waited for.
pub(crate) fn replayed(hub: Option<&HubName>, messages: usize) {
    let messages = u64::try_from(messages).unwrap_or(u64::MAX);
    counter!("replay_messages_total", "hub" => hub.map(name).unwrap_or_default())
        .increment(messages);
}

/// All that was kept for a client has been written, so long after it came.
pub(crate) fn replay_done(hub: Option<&HubName>, took: Duration) {
    histogram!("replay_seconds", "hub" => hub.map(name).unwrap_or_default()).record(took);
}

/// Messages were left out because their own time was over.
pub(crate) fn expired(hub: &HubName, messages: u64) {
    if messages > 0 {
        counter!("dropped_total", "hub" => name(hub), "why" => "expired").increment(messages);
    }
}

/// Queues of a hub had no room for messages that they had kept; who is owed them has a gap.
pub(crate) fn full(hub: Option<&HubName>, messages: usize) {
    if let (Some(hub), 1..) = (hub, messages) {
        let messages = u64::try_from(messages).unwrap_or(u64::MAX);
        counter!("dropped_total", "hub" => name(hub), "why" => "full").increment(messages);
    }
}

/// Messages were not sent to a client that reads slowly, as their sender wants it.
pub(crate) fn left_out(hub: Option<&HubName>, why: &'static str, messages: u64) {
    if messages > 0 {
        counter!("dropped_total", "hub" => hub.map(name).unwrap_or_default(), "why" => why)
            .increment(messages);
    }
}

/// A client has missed messages for good.
pub(crate) fn gaps(gaps: &[Gap]) {
    for gap in gaps {
        let hub = gap.topic.as_ref().and_then(Topic::hub);
        let why = match gap.why {
            GapCause::Trimmed => "trimmed",
            GapCause::Expired => "expired",
            GapCause::Damaged => "damaged",
            GapCause::Dropped => "dropped",
            GapCause::EpochChanged => "epoch_changed",
            _ => "other",
        };
        counter!(GAPS, "hub" => hub.map(name).unwrap_or_default(), "why" => why).increment(1);
    }
}

/// The time of a client's lease was over.
pub(crate) fn lease_expired(hub: &HubName) {
    counter!("lease_expired_total", "hub" => name(hub)).increment(1);
}

/// How a connection ended, as ASP.NET Core tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closure {
    /// By its client or by the server, on purpose.
    Normal,
    /// Its client was not heard of any more.
    Timeout,
    /// With the server.
    Shutdown,
}

/// A connection is there, or rides another transport now.
pub(crate) fn came(transport: &'static str, protocol: &'static str) {
    gauge!(CONNECTIONS, "signalr.transport" => transport).increment(1.0);
    gauge!(PROTOCOLS, "protocol" => protocol).increment(1.0);
}

/// And is not there, or not on this transport, any more.
pub(crate) fn went(transport: &'static str, protocol: &'static str) {
    gauge!(CONNECTIONS, "signalr.transport" => transport).decrement(1.0);
    gauge!(PROTOCOLS, "protocol" => protocol).decrement(1.0);
}

/// Somebody is in a group of this node's that nobody was in.
pub(crate) fn group_began(hub: &HubName) {
    gauge!(GROUPS, "hub" => name(hub)).increment(1.0);
}

/// The last one has left a group.
pub(crate) fn group_ended(hub: &HubName) {
    gauge!(GROUPS, "hub" => name(hub)).decrement(1.0);
}

/// A connection was there so long, all its requests together, and ended on this transport.
pub(crate) fn lasted(transport: &'static str, how: Closure, duration: Duration) {
    let status = match how {
        Closure::Normal => "normal_closure",
        Closure::Timeout => "timeout",
        Closure::Shutdown => "app_shutdown",
    };
    histogram!(
        "signalr.server.connection.duration",
        "signalr.connection.status" => status,
        "signalr.transport" => transport
    )
    .record(duration);
}

/// What the calls of one hub come to. A recorder is asked for its handles once, with the first call: that is what makes them
/// cheap, and why it has to be installed before.
pub(crate) struct Calls {
    hub: String,
    handles: OnceLock<Handles>,
}

struct Handles {
    answered: Counter,
    failed: Counter,
    seconds: Histogram,
}

impl Calls {
    pub(crate) fn of(hub: impl Into<String>) -> Self {
        Self {
            hub: hub.into(),
            handles: OnceLock::new(),
        }
    }

    /// A call has ended, well or with an error, so long after it began.
    pub(crate) fn ended(&self, well: bool, took: Duration) {
        let handles = self.handles.get_or_init(|| {
            let hub = &self.hub;
            Handles {
                answered: counter!(CALLS, "hub" => hub.clone(), "outcome" => "ok"),
                failed: counter!(CALLS, "hub" => hub.clone(), "outcome" => "error"),
                seconds: histogram!(CALL_SECONDS, "hub" => hub.clone()),
            }
        });
        let outcome = if well {
            &handles.answered
        } else {
            &handles.failed
        };
        outcome.increment(1);
        handles.seconds.record(took);
    }
}

/// Somebody reads too slowly for what is sent to it, and reads on from the log.
pub(crate) fn fell_behind() {
    counter!(SLOW).increment(1);
}

/// Somebody was refused: there are enough already.
pub(crate) fn refused() {
    counter!("connections_refused_total").increment(1);
}

/// A connection had to go, since much waited for it and memory was short.
pub(crate) fn shed() {
    counter!("connections_shed_total").increment(1);
}

/// A link had to end, since its client took nothing of what was written to it.
pub(crate) fn slow() {
    counter!("slow_readers_closed_total").increment(1);
}

/// What was to be sent without waiting was refused, since it would have had to.
pub(crate) fn no_room() {
    counter!("sends_refused_total").increment(1);
}

/// A client said more than it may: its socket is not read for a while.
pub(crate) fn held_back() {
    counter!("inbound_limited_total", "how" => "paused").increment(1);
}

/// The same over HTTP, where it is refused.
pub(crate) fn turned_away() {
    counter!("inbound_limited_total", "how" => "refused").increment(1);
}

/// The log did not do as asked.
pub(crate) fn failed(error: &LogError) {
    let kind = match error {
        LogError::Unavailable(_) => "unavailable",
        LogError::TooLarge { .. } => "too_large",
        LogError::Full { .. } => "full",
        LogError::TooMany { .. } => "too_many",
        LogError::Closed => "closed",
        LogError::Fenced => {
            counter!("fenced_total").increment(1);
            return;
        }
        _ => "other",
    };
    counter!("store_errors_total", "kind" => kind).increment(1);
}

/// So long after it was written an entry was handed to this node's connections.
pub(crate) fn handed_on(after: Duration) {
    histogram!(LAG_SECONDS).record(after);
}

/// What the queues of a hub hold, and how many leases there are on it.
pub(crate) fn held(hub: &HubName, entries: usize, bytes: usize, leases: usize) {
    gauge!(QUEUED, "hub" => name(hub)).set(amount(entries));
    gauge!("queue_bytes", "hub" => name(hub)).set(amount(bytes));
    gauge!(LEASES, "hub" => name(hub)).set(amount(leases));
}

/// So many requests were written by one transaction.
#[cfg(feature = "redb")]
pub(crate) fn committed(requests: usize) {
    histogram!("commit_batch_size").record(amount(requests));
}

/// Of so many queues the store still has what is to go.
pub(crate) fn behind(queues: usize) {
    gauge!("sweep_backlog").set(amount(queues));
}

/// As a recorder takes it: no number here comes near what it can't tell apart.
#[allow(clippy::cast_precision_loss)]
fn amount(count: usize) -> f64 {
    count as f64
}

fn name(hub: &HubName) -> String {
    hub.as_str().to_owned()
}
