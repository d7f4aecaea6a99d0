//! The [`Outlet`]: what hub code sends becomes entries of the log.

use std::sync::Arc;

use async_trait::async_trait;
use hub_core::{
    Ack, Address, Append, Body, BoxFuture, Command, ConnectionId, DeliveryError, GroupName,
    HubName, Item, Next, Outgoing, Outlet, Topic,
};
use tokio::time::timeout;

use crate::node::Node;

#[async_trait]
impl Outlet for Node {
    async fn deliver(&self, to: Address, body: Body) -> Result<(), DeliveryError> {
        match (&self.hubs.filters, body) {
            (Some(filters), Body::Event(event)) => {
                let end = |passed: Outgoing| -> BoxFuture<'_, _> {
                    Box::pin(self.publish(passed.to, Body::Event(passed.event)))
                };
                Next::new(filters, end).run(Outgoing { to, event }).await
            }
            (_, body) => self.publish(to, body).await,
        }
    }

    async fn report(&self, to: &ConnectionId, item: Item) -> Result<(), DeliveryError> {
        self.write(vec![control(to, Body::Progress(item))]).await
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

    async fn abort(&self, who: &ConnectionId) -> Result<(), DeliveryError> {
        // It does not wait for the pump: the method that aborts its own connection wants to go on.
        self.log
            .append(vec![control(who, Body::Command(Command::Abort))])
            .await?;
        Ok(())
    }
}

impl Node {
    async fn publish(&self, to: Address, body: Body) -> Result<(), DeliveryError> {
        if let Some(parameter) = to.target.empty_name() {
            return Err(DeliveryError::EmptyName(parameter));
        }
        let entries = to.target.topics(&to.hub).into_iter();
        let entries = entries.map(|topic| Append {
            topic,
            except: to.except.clone(),
            body: body.clone(),
        });
        self.write(entries.collect()).await
    }

    /// Returns when this node's pump has passed what was written, so that an answer does not overtake it.
    async fn write(&self, entries: Vec<Append>) -> Result<(), DeliveryError> {
        if entries.is_empty() {
            return Ok(());
        }
        let receipts = self.log.append(entries).await?;
        // What nobody listens to has no offset, and the pump does not hear of it.
        let kept = receipts.iter().rev().find(|receipt| receipt.offset > 0);
        if let Some(last) = kept {
            self.tide.reach(last.order).await;
        }
        Ok(())
    }

    /// Done when the connection has applied it, on whatever node it is.
    async fn regroup(
        &self,
        who: &ConnectionId,
        command: impl FnOnce(Ack) -> Command,
    ) -> Result<(), DeliveryError> {
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
    Append {
        topic: Topic::Control(who.clone()),
        except: Arc::default(),
        body,
    }
}
