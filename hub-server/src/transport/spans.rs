//! Spans for whoever listens with `tracing`: one for each receive request of a connection, and in it one for each call
//! (`hubs/dispatch.rs`). They bear names and ids, and nothing that clients say. One that nobody wants costs a look at a static.

use std::fmt;

use hub_core::ConnectionId;
use tracing::Span;

use crate::node::Node;

/// A connection, as long as this transport carries it, with the hubs that its client has listed.
pub(crate) fn connection_span(
    node: &Node,
    id: &ConnectionId,
    transport: &'static str,
    hubs: &[usize],
) -> Span {
    let hubs = Hubs(node, hubs);
    tracing::info_span!("connection", %id, transport, %hubs)
}

/// Their names.
struct Hubs<'a>(&'a Node, &'a [usize]);

impl fmt::Display for Hubs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hubs = self.1.iter().filter_map(|&hub| self.0.hubs.get(hub));
        for (n, hub) in hubs.enumerate() {
            let comma = if n == 0 { "" } else { "," };
            write!(f, "{comma}{}", hub.name)?;
        }
        Ok(())
    }
}
