//! [`Asks`]: events whose senders wait until everybody who was to get them has acknowledged them (`delivery.md` b.1).
//!
//! An event that asks is an entry like any other, with the address of who waits. The pump notes who is to get it; each
//! connection remembers what its client owes an answer to, and answers, which name the ask's number, find their way back by
//! that address, over the log where the asker is on another node. Nothing is sent twice on a link that works: who comes back reads the entry in the
//! log again, if it had not had it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hub_core::{
    Ack, AckError, AckOptions, Acked, Acks, Address, Body, BoxFuture, ConnectionId, DeliveryError,
    Event, Next, OnDisconnect, Outgoing, Payload, Target,
};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::node::Node;

/// Those who wait for answers on this node, by number.
#[derive(Default)]
pub(crate) struct Asks(Mutex<Inner>);

struct Inner {
    last: u64,
    open: HashMap<u64, Ask>,
}

/// Numbers begin anywhere, since answers name nothing else: one that outlived the server it was for must not be taken for
/// the answer to another ask, of this server or of another node.
impl Default for Inner {
    fn default() -> Self {
        Self {
            last: uuid::Uuid::new_v4().as_u64_pair().1,
            open: HashMap::new(),
        }
    }
}

struct Ask {
    since: Instant,
    /// Whether who loses its link counts as gone.
    fails: bool,
    /// Those who were asked, and what they answered.
    asked: HashMap<ConnectionId, Option<Result<Acked, AckError>>>,
    unanswered: usize,
    answered: Arc<Notify>,
}

impl Ask {
    fn settle(&mut self, who: &ConnectionId, outcome: Result<Option<Payload>, AckError>) {
        let rtt = self.since.elapsed();
        let acked = outcome.map(|value| Acked::after(rtt, value));
        match self.asked.get_mut(who) {
            // The first answer counts.
            Some(Some(_)) => return,
            Some(open) => {
                *open = Some(acked);
                self.unanswered -= 1;
            }
            // A connection of another node.
            None => {
                self.asked.insert(who.clone(), Some(acked));
            }
        }
        self.answered.notify_one();
    }
}

impl Asks {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, how: AckOptions) -> (u64, Arc<Notify>) {
        let mut inner = self.lock();
        inner.last = inner.last.wrapping_add(1);
        let answered = Arc::new(Notify::new());
        let ask = Ask {
            since: Instant::now(),
            fails: how.on_disconnect == OnDisconnect::Fail,
            asked: HashMap::new(),
            unanswered: 0,
            answered: answered.clone(),
        };
        let number = inner.last;
        inner.open.insert(number, ask);
        (number, answered)
    }

    /// Somebody is to get the event; `noted` if its answer will be known as one.
    pub(crate) fn expect(&self, number: u64, who: &ConnectionId, noted: bool) {
        if let Some(ask) = self.lock().open.get_mut(&number) {
            let before = ask.asked.entry(who.clone()).or_insert_with(|| {
                ask.unanswered += 1;
                None
            });
            if !noted && before.is_none() {
                ask.settle(who, Err(AckError::Overflow));
            }
        }
    }

    /// Somebody has answered.
    pub(crate) fn settle(
        &self,
        number: u64,
        who: &ConnectionId,
        outcome: Result<Option<Payload>, AckError>,
    ) {
        if let Some(ask) = self.lock().open.get_mut(&number) {
            ask.settle(who, outcome);
        }
    }

    /// Somebody has lost its link.
    pub(crate) fn lost(&self, number: u64, who: &ConnectionId) {
        if let Some(ask) = self.lock().open.get_mut(&number).filter(|ask| ask.fails) {
            ask.settle(who, Err(AckError::Gone));
        }
    }

    /// Whether everybody has answered who was asked, and those who must be among them.
    fn is_done(&self, number: u64, named: &[ConnectionId]) -> bool {
        let inner = self.lock();
        let done = |ask: &Ask| {
            let answered = |id| matches!(ask.asked.get(id), Some(Some(_)));
            ask.unanswered == 0 && named.iter().all(answered)
        };
        inner.open.get(&number).is_none_or(done)
    }

    fn close(&self, number: u64) -> Option<Ask> {
        self.lock().open.remove(&number)
    }
}

/// Sends an event and waits for answers to it.
pub(super) async fn ask(
    node: &Node,
    to: Address,
    event: Event,
    how: AckOptions,
) -> Result<Acks, DeliveryError> {
    let (number, answered) = node.asks.open(how);
    let open = Open(node, number);
    let until = Instant::now() + how.timeout;
    let named = match &to.target {
        Target::Connection(id) => vec![id.clone()],
        Target::Connections(ids) => ids.clone(),
        _ => Vec::new(),
    };
    let ack = Ack {
        node: node.id,
        number,
    };
    send(node, to, event, ack).await?;
    // Where the log is shared those who are asked may be on other nodes, and nobody knows how many they are.
    let shared = node.log.is_shared();
    let all_are_named = !named.is_empty();
    let wanted = if shared { &*named } else { &[] };
    let answers = async {
        while shared && !all_are_named || !node.asks.is_done(number, wanted) {
            answered.notified().await;
        }
    };
    let _ = timeout_at(until, answers).await;
    let asked = open.finish();
    let missing = if shared {
        AckError::TimedOut
    } else {
        AckError::Gone
    };
    let mut acks: Acks = Vec::with_capacity(asked.len());
    for id in named {
        if !asked.contains_key(&id) && !acks.iter().any(|(other, _)| *other == id) {
            acks.push((id, Err(missing.clone())));
        }
    }
    let answers = asked.into_iter();
    acks.extend(answers.map(|(who, answer)| (who, answer.unwrap_or(Err(AckError::TimedOut)))));
    Ok(acks)
}

async fn send(node: &Node, to: Address, event: Event, ack: Ack) -> Result<(), DeliveryError> {
    let Some(filters) = &node.hubs.filters else {
        let sent = node.publish(to, Body::Event(event), Some(ack)).await;
        return sent.map(drop);
    };
    let end = |passed: Outgoing| -> BoxFuture<'_, _> {
        Box::pin(node.publish(passed.to, Body::Event(passed.event), Some(ack)))
    };
    let sent = Next::new(filters, end).run(Outgoing { to, event }).await;
    sent.map(drop)
}

/// Stops to expect answers, also when whoever waited was cancelled.
struct Open<'a>(&'a Node, u64);

impl Open<'_> {
    fn finish(&self) -> HashMap<ConnectionId, Option<Result<Acked, AckError>>> {
        let ask = self.0.asks.close(self.1);
        ask.map(|ask| ask.asked).unwrap_or_default()
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.asks.close(self.1);
    }
}
