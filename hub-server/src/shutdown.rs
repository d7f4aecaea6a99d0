//! A server stops: nobody new is taken on, each client is told to come back elsewhere at a moment of its own, what was sent
//! before is written and calls come to their end, all by a deadline (`delivery.md` c). What one connection goes through is
//! `connection/parting/stopping.rs`.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::connection::link::Connection;
use crate::connection::parting::stopping::{Farewell, let_go};
use crate::node::Node;

/// The clients of a server that stops are told so over this long at least.
const SPREAD: Duration = Duration::from_secs(5);

/// And no faster than one in this time.
const A_CLIENT: Duration = Duration::from_millis(1);

/// How a server stops.
///
/// ```
/// use std::time::Duration;
/// use hub_server::ShutdownOptions;
///
/// let options = ShutdownOptions::from(Duration::from_secs(60)).spread(Duration::from_secs(20));
/// assert_eq!(options.deadline, Duration::from_secs(60));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownOptions {
    /// How long it may take in all, 30 s by default: what is left then is cut. A system that stops a server kills it after a
    /// while; this should be a few seconds less.
    pub deadline: Duration,
    /// Over how long clients are told to go, each at a random moment: they come back elsewhere, and not all at once. `None`,
    /// the default, is 5 s, and with more than 5,000 connections 1 ms for each. It is four fifths of the deadline at most.
    pub spread: Option<Duration>,
}

impl Default for ShutdownOptions {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(30),
            spread: None,
        }
    }
}

/// Until this deadline.
impl From<Duration> for ShutdownOptions {
    fn from(deadline: Duration) -> Self {
        Self {
            deadline,
            ..Self::default()
        }
    }
}

impl ShutdownOptions {
    /// Tells clients to go over so long; zero is at once.
    #[must_use]
    pub fn spread(mut self, spread: Duration) -> Self {
        self.spread = Some(spread);
        self
    }

    /// Over how long so many are told. The last ones have a while, too.
    fn window(&self, connections: usize) -> Duration {
        let by_count = || {
            let count = u32::try_from(connections).unwrap_or(u32::MAX);
            SPREAD.max(A_CLIENT.saturating_mul(count))
        };
        let spread = self.spread.unwrap_or_else(by_count);
        spread.min(self.deadline / 5 * 4)
    }
}

/// What became of the connections of a server that has stopped: `drained + gone + cut` is `connections`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// So many there were, of all hubs and wires together.
    pub connections: usize,
    /// So many were told to go, and all that was sent to them before was written.
    pub drained: usize,
    /// So many had ended before they were told, or had no transport that could tell them: their clients were between two
    /// requests, or away.
    pub gone: usize,
    /// So many were cut at the deadline, or had calls that had not ended by then.
    pub cut: usize,
    /// So many messages were not written for those who were cut. They get them when they come back, if the log still has
    /// them.
    pub messages_left: usize,
    /// So many calls had not ended: their callers were not answered.
    pub calls_cut: usize,
    /// How long it took, from the signal on.
    pub took: Duration,
}

impl ShutdownReport {
    fn add(&mut self, farewell: Farewell) {
        self.connections += 1;
        match farewell {
            Farewell::Drained => self.drained += 1,
            Farewell::Gone => self.gone += 1,
            Farewell::Cut { left, calls } => {
                self.cut += 1;
                self.messages_left += left;
                self.calls_cut += calls;
            }
        }
    }

    /// Waits for all that are under way.
    async fn add_all(&mut self, farewells: &mut JoinSet<Farewell>) {
        // None panics, and what the runtime aborts nobody reports.
        while let Some(farewell) = farewells.join_next().await {
            farewell.into_iter().for_each(|it| self.add(it));
        }
    }
}

/// One line for a log.
impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "stopped after {:.1} s: {} connections, {} drained, {} gone by themselves, {} cut with {} messages and {} calls left",
            self.took.as_secs_f64(),
            self.connections,
            self.drained,
            self.gone,
            self.cut,
            self.messages_left,
            self.calls_cut,
        )
    }
}

/// Lets all connections go. Nobody new is taken on from now on.
pub(crate) async fn run(node: &Arc<Node>, options: &ShutdownOptions) -> ShutdownReport {
    let begun = Instant::now();
    let deadline = begun + options.deadline;
    node.closed.store(true, Ordering::Release);
    node.leaving.store(true, Ordering::Release);
    let connections = node.registry.connections();
    let window = options.window(connections.len());
    tracing::info!(connections = connections.len(), ?window, "the server stops");
    let mut report = ShutdownReport::default();
    // Ends with this future, and so do farewells that nobody waits for.
    let mut farewells = JoinSet::new();
    for (at, connection) in spread(connections, window) {
        sleep_until(begun + at).await;
        begin(&mut farewells, node, connection, deadline);
        while let Some(farewell) = farewells.try_join_next() {
            farewell.into_iter().for_each(|it| report.add(it));
        }
    }
    report.add_all(&mut farewells).await;
    // Some were coming in at that moment.
    for connection in node.registry.connections() {
        if !connection.ended.load(Ordering::Acquire) {
            begin(&mut farewells, node, connection, deadline);
        }
    }
    report.add_all(&mut farewells).await;
    report.took = begun.elapsed();
    report
}

fn begin(
    farewells: &mut JoinSet<Farewell>,
    node: &Arc<Node>,
    connection: Arc<Connection>,
    deadline: Instant,
) {
    let node = node.clone();
    farewells.spawn(async move { let_go(&node, &connection, deadline).await });
}

/// Gives each its moment in the window, the earliest first.
fn spread<T>(all: Vec<T>, window: Duration) -> Vec<(Duration, T)> {
    let mut moments: Vec<_> = all.into_iter().map(|it| (moment(window), it)).collect();
    moments.sort_by_key(|(at, _)| *at);
    moments
}

fn moment(window: Duration) -> Duration {
    let fraction = getrandom::u32().unwrap_or_default();
    window.mul_f64(f64::from(fraction) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_grows_with_the_crowd_and_ends_before_the_deadline() {
        let seconds = Duration::from_secs;
        let default = ShutdownOptions::default();
        assert_eq!(default.window(0), seconds(5));
        assert_eq!(default.window(5_000), seconds(5));
        assert_eq!(default.window(12_000), seconds(12));
        assert_eq!(default.window(1_000_000), seconds(24));
        assert_eq!(default.clone().spread(seconds(1)).window(9_000), seconds(1));
        assert_eq!(default.spread(seconds(100)).window(1), seconds(24));
        assert_eq!(ShutdownOptions::from(seconds(1)).window(1), seconds(4) / 5);
    }

    #[test]
    fn moments_are_spread_over_the_window_in_order() {
        let window = Duration::from_secs(10);
        let moments = spread((0..1_000).collect(), window);
        assert!(moments.is_sorted_by_key(|(at, _)| *at));
        assert!(moments.iter().all(|(at, _)| *at <= window));
        for second in 0..10 {
            let of = moments.iter().filter(|(at, _)| at.as_secs() == second);
            assert!((50..200).contains(&of.count()), "second {second}");
        }
        // Not in the order in which they came.
        assert!(!moments.is_sorted_by_key(|(_, n)| *n));
        let at_once = spread(vec![(); 3], Duration::ZERO);
        assert!(at_once.iter().all(|(at, ())| at.is_zero()));
    }
}
