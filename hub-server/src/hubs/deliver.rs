//! The [`Outlet`]: what hub code sends becomes entries of the log.

use std::any::{Any, TypeId};
use std::sync::Arc;

use async_trait::async_trait;
use hub_core::{
    Ack, AckOptions, Acks, Address, Append, Body, BoxFuture, Command, ConnectionId, Cursor,
    DeliveryError, Event, GroupName, History, HubName, Item, Limit, LiveSession, Next, Offline,
    Outgoing, Outlet, Peer, Properties, Queued, Receipt, Replay, Roll, Start, Topic, WhenFull,
    Which,
};
use tokio::time::{Instant, timeout};

use super::{asks, live, past};
use crate::connection::sessions;
use crate::meter;
use crate::node::Node;

#[async_trait]
impl Outlet for Node {
    async fn deliver(&self, to: Address, body: Body) -> Result<Option<Queued>, DeliveryError> {
        match (&self.hubs.filters, body) {
            (Some(filters), Body::Event(event)) => {
                let end = |passed: Outgoing| -> BoxFuture<'_, _> {
                    Box::pin(self.publish(passed.to, Body::Event(passed.event), None))
                };
                Next::new(filters, end).run(Outgoing { to, event }).await
            }
            (_, body) => self.publish(to, body, None).await,
        }
    }

    async fn ask(&self, to: Address, event: Event, how: AckOptions) -> Result<Acks, DeliveryError> {
        asks::ask(self, live::resolved(self, to), event, how).await
    }

    fn position(&self) -> Cursor {
        Cursor::at(self.epoch, self.tide.passed())
    }

    async fn history(
        &self,
        of: Address,
        after: Option<&str>,
        limit: usize,
    ) -> Result<History, DeliveryError> {
        past::of(self, &live::resolved(self, of), after, limit).await
    }

    async fn report(&self, to: &ConnectionId, item: Item) -> Result<(), DeliveryError> {
        self.write(vec![control(to, Body::Progress(item))]).await?;
        Ok(())
    }

    async fn join(
        &self,
        who: &ConnectionId,
        hub: &HubName,
        group: &GroupName,
    ) -> Result<(), DeliveryError> {
        self.regroup(who, |ack| Command::Join(hub.clone(), group.clone(), ack))
            .await
    }

    async fn leave(
        &self,
        who: &ConnectionId,
        hub: &HubName,
        group: &GroupName,
    ) -> Result<(), DeliveryError> {
        self.regroup(who, |ack| Command::Leave(hub.clone(), group.clone(), ack))
            .await
    }

    async fn offline(
        &self,
        who: &Peer,
        hub: &HubName,
        change: Offline,
    ) -> Result<(), DeliveryError> {
        sessions::change(self, who, hub, change).await
    }

    async fn replay(&self, who: &Peer, hub: &HubName) -> Result<Replay, DeliveryError> {
        if who.persistent_id.is_none() {
            return Err(DeliveryError::NoPersistentId);
        }
        sessions::open(self, who, hub).await;
        let Some(connection) = self.registry.find(&who.id) else {
            return Ok(Replay::default());
        };
        let Some(mut waiting) = sessions::waiting(who, hub) else {
            return Ok(Replay::default());
        };
        // A client may know better than the lease what it has had.
        let cursor = who.request.query("messageId");
        if let Ok(Start::After(cursor)) = Cursor::parse(cursor.as_deref(), self.epoch) {
            let had = cursor.replayed.unwrap_or(cursor.order);
            waiting.after = waiting.after.max(had.min(self.log.end()));
        }
        let limit = Limit {
            entries: 0,
            upto: self.log.end(),
        };
        let after = Cursor::at(self.epoch, waiting.after);
        let page = self.log.read(&waiting.topics, after, limit).await?;
        let gaps = waiting.skip_lost(hub, page.gaps);
        // What is on its way is on its link before anybody can ask what the client has had.
        let mut link = connection.link();
        let passed = self.tide.passed();
        if !sessions::begin(who, hub, passed) {
            return Ok(Replay::default());
        }
        link.miss(&gaps);
        meter::gaps(&gaps);
        meter::expired(hub, page.expired);
        link.catch_up_on(waiting, passed);
        Ok(Replay::of(true, gaps, page.expired))
    }

    async fn properties(&self, who: &Peer, hub: &HubName) -> Result<Properties, DeliveryError> {
        sessions::properties(self, who, hub).await
    }

    fn sessions(self: Arc<Self>, hub: &HubName, which: Which<'_>) -> Vec<LiveSession> {
        live::sessions(&self, hub, which)
    }

    fn indexed(
        self: Arc<Self>,
        hub: &HubName,
        index: TypeId,
        key: &dyn Any,
    ) -> Option<Vec<LiveSession>> {
        live::indexed(&self, hub, index, key)
    }

    fn presence(self: Arc<Self>, hub: &HubName) -> Option<Arc<dyn Roll>> {
        self.presences.as_ref()?.of(hub)
    }

    async fn abort(&self, who: &ConnectionId) -> Result<(), DeliveryError> {
        // It does not wait for the pump: the method that aborts its own connection wants to go on.
        self.log
            .append(vec![control(who, Body::Command(Command::Abort))])
            .await?;
        Ok(())
    }
}

impl Node {
    /// Writes what was sent to whoever it is for, and waits until this node has handed it on.
    pub(super) async fn publish(
        &self,
        to: Address,
        body: Body,
        ack: Option<Ack>,
    ) -> Result<Option<Queued>, DeliveryError> {
        if let Some(parameter) = to.target.empty_name() {
            return Err(DeliveryError::EmptyName(parameter));
        }
        let to = live::resolved(self, to);
        let topics = to.target.topics(&to.hub);
        if let Some(queue) = to.queue {
            let also = topics;
            let entry = Append {
                also: also.into(),
                except: to.except,
                ack,
                ..Append::new(Topic::Queue(to.hub, queue.name.clone()), body)
            };
            return self.enqueue(entry, queue).await.map(Some);
        }
        // Whoever is to acknowledge it is to get it.
        let when_full = to.when_full;
        let when_full = ack.map_or(when_full, |_| WhenFull::Wait);
        let entries = topics.into_iter().map(|topic| Append {
            except: to.except.clone(),
            ack,
            when_full: when_full.clone(),
            ..Append::new(topic, body.clone())
        });
        self.write(entries.collect()).await?;
        Ok(None)
    }

    /// Returns when this node's pump has passed what was written, so that an answer does not overtake it.
    pub(super) async fn write(&self, entries: Vec<Append>) -> Result<Vec<Receipt>, DeliveryError> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let receipts = self.log.append(entries).await;
        let receipts = receipts.inspect_err(meter::failed)?;
        // What nobody listens to has no offset, and the pump does not hear of it.
        let kept = receipts.iter().filter(|receipt| receipt.offset > 0);
        if let Some(last) = kept.max_by_key(|receipt| receipt.order) {
            let written = Instant::now();
            self.tide.reach(last.tail).await;
            // Others that were kept with it may be younger.
            if self.tide.passed() < last.order && last.tail < last.order {
                self.registry.pass(last.order);
                self.tide.rise(last.order);
            }
            meter::handed_on(written.elapsed());
        }
        Ok(receipts)
    }

    /// Done when the connection has applied it, on whatever node it is.
    async fn regroup(
        &self,
        who: &ConnectionId,
        command: impl FnOnce(Ack) -> Command,
    ) -> Result<(), DeliveryError> {
        if who.as_str().is_empty() {
            return Err(DeliveryError::EmptyName("connectionId"));
        }
        let (number, acknowledged) = self.acks.expect();
        let forget = Forget(self, number);
        let node = self.id;
        let ack = Ack { node, number };
        self.log
            .append(vec![control(who, Body::Command(command(ack)))])
            .await?;
        let outcome = timeout(self.config.ack_timeout, acknowledged).await;
        drop(forget);
        match outcome {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(DeliveryError::Stopped),
            Err(_) => Err(DeliveryError::TimedOut),
        }
    }
}

/// Stops to expect an acknowledgement, also when whoever waited was cancelled.
struct Forget<'a>(&'a Node, u64);

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.0.acks.forget(self.1);
    }
}

fn control(who: &ConnectionId, body: Body) -> Append {
    Append::new(Topic::Control(who.clone()), body)
}
