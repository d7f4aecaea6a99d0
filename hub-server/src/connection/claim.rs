//! [`Claim`]: which node has a connection, where several share a log.
//!
//! Any request may come to any node, and a node that had the connection would go on acknowledging its joins and in the
//! end report it as lost. So a node that did not know a connection writes a claim into the connection's log, and the
//! others forget it: the newest request ends the older one (`classic-signalr.md` 10.4), and one node alone tells its
//! hubs of the end. Claims are ordered by the log; a node that has had a newer request when it reads of another's claim
//! claims again.

use std::sync::Arc;

use hub_core::{Append, Body, Command, Topic};

use super::link::Connection;
use crate::node::Node;

/// What a node knows of the claims on one connection: orders in the log.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Claim {
    /// Its own last one; `WRITING` while it is on its way.
    own: u64,
    /// Another node's last one.
    other: u64,
    /// The log's end when the connection's newest request came to this node.
    came: u64,
}

const WRITING: u64 = u64::MAX;

/// What a node does about a claim that it read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing: its own is newer.
    Keeps,
    /// Its request is newer, but its claim is not.
    ClaimsAgain,
    /// It forgets the connection.
    GivesUp,
}

impl Claim {
    /// A request comes; `writes` if the node has to claim the connection.
    pub(crate) fn come(&mut self, end: u64, writes: bool) {
        self.came = end;
        if writes {
            self.own = WRITING;
        }
    }

    /// Another node's claim was read.
    pub(crate) fn hear(&mut self, order: u64) -> Verdict {
        self.other = order;
        self.judge()
    }

    /// The own claim was written.
    pub(crate) fn written(&mut self, order: u64) -> Verdict {
        self.own = order;
        self.judge()
    }

    fn judge(&mut self) -> Verdict {
        if self.other <= self.own {
            Verdict::Keeps
        } else if self.other <= self.came {
            self.own = WRITING;
            Verdict::ClaimsAgain
        } else {
            Verdict::GivesUp
        }
    }
}

/// Claims a connection for this node.
pub(crate) async fn write(node: Arc<Node>, connection: Arc<Connection>) {
    loop {
        let topic = Topic::Control(connection.id.clone());
        let claim = Append::new(topic, Body::Command(Command::Claim(node.id)));
        let written = node.log.append(vec![claim]).await;
        let order = match &written {
            Ok(receipts) => receipts.first().map_or(0, |receipt| receipt.order),
            Err(error) => {
                tracing::warn!(connection = %connection.id, %error, "a connection was not claimed");
                0
            }
        };
        let again = node.registry.claimed(&connection, order) == Verdict::ClaimsAgain;
        if !again || written.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A connection whose request came at `came`, and that claimed it at `own`.
    fn claim(came: u64, own: u64) -> Claim {
        let mut claim = Claim::default();
        claim.come(came, true);
        assert_eq!(claim.written(own), Verdict::Keeps);
        claim
    }

    #[test]
    fn the_newest_claim_wins() {
        assert_eq!(claim(10, 11).hear(12), Verdict::GivesUp);
        assert_eq!(claim(10, 12).hear(11), Verdict::Keeps);
    }

    #[test]
    fn a_claim_that_is_older_than_the_request_is_answered_with_another() {
        let mut claim = claim(10, 11);
        claim.come(15, false);
        assert_eq!(claim.hear(14), Verdict::ClaimsAgain);
        assert_eq!(claim.written(16), Verdict::Keeps);
        assert_eq!(claim.hear(17), Verdict::GivesUp);
    }

    #[test]
    fn what_is_read_while_the_claim_is_written_is_judged_afterwards() {
        for (other, verdict) in [(12, Verdict::Keeps), (14, Verdict::GivesUp)] {
            let mut claim = Claim::default();
            claim.come(10, true);
            assert_eq!(claim.hear(other), Verdict::Keeps);
            assert_eq!(claim.written(13), verdict);
        }
    }
}
