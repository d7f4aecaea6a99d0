//! What a hub does for a client beyond its connection: queues, topics, values (`delivery.md` a.1).

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Context;
use crate::audience::Audience;
use crate::error::DeliveryError;
use crate::history::History;
use crate::id::{GroupName, QueueName};
use crate::outlet::{Offline, OfflineOptions, Queued, Replay};
use crate::value::Payload;

impl Context {
    /// From now on these queues of the hub keep what is sent to them for this client whenever it is away, for at most as
    /// long as the options say: 30 s by default, or a [`Duration`](std::time::Duration). What it may have missed because it was noticed late to
    /// be gone is kept, too. Queues add up; the last options count for all.
    ///
    /// # Errors
    /// [`DeliveryError::NoPersistentId`] for a client that can't be known again; or when the log did not take it.
    pub async fn offline_subscribe<Q: Into<QueueName>>(
        &self,
        queues: impl IntoIterator<Item = Q>,
        options: impl Into<OfflineOptions>,
    ) -> Result<(), DeliveryError> {
        let queues = queues.into_iter().map(Into::into).collect();
        self.offline(Offline::Subscribe(queues, options.into()))
            .await
    }

    /// These queues keep nothing for this client any more.
    ///
    /// # Errors
    /// As for [`offline_subscribe`](Self::offline_subscribe).
    pub async fn offline_unsubscribe<Q: Into<QueueName>>(
        &self,
        queues: impl IntoIterator<Item = Q>,
    ) -> Result<(), DeliveryError> {
        let queues = queues.into_iter().map(Into::into).collect();
        self.offline(Offline::Unsubscribe(queues)).await
    }

    /// Sends this client what was kept for it while it was away, oldest first and before anything newer. Calling it twice
    /// is harmless. Returns at once; the messages follow as fast as the client takes them.
    ///
    /// # Errors
    /// As for [`offline_subscribe`](Self::offline_subscribe).
    pub async fn online_publish(&self) -> Result<Replay, DeliveryError> {
        self.peer.outlet.replay(&self.peer, &self.hub).await
    }

    /// Those who are away: `clients().queue(name)`.
    #[must_use]
    pub fn queue(&self, name: impl Into<QueueName>) -> Audience {
        self.clients().queue(name)
    }

    /// Calls the callback `topic` of everybody on the hub, and queues it under that name for those who are away: one entry,
    /// kept as safely as the log can before anybody gets it.
    ///
    /// # Errors
    /// As for [`Audience::send`].
    pub async fn invoke_all_and_queue(
        &self,
        topic: &str,
        args: impl Serialize,
    ) -> Result<Option<Queued>, DeliveryError> {
        let all = self.clients().all().and_queue(topic);
        all.send_queued(topic, args).await
    }

    /// The same for those who have subscribed to the topic, or had when they left.
    ///
    /// # Errors
    /// As for [`Audience::send`].
    pub async fn publish_all_and_queue(
        &self,
        topic: &str,
        args: impl Serialize,
    ) -> Result<Option<Queued>, DeliveryError> {
        let subscribed = self.clients().topic(topic);
        let kept = subscribed.and_queue(QueueName::of_topic(topic));
        kept.send_queued(topic, args).await
    }

    /// Calls the callback `topic` of those who have subscribed to it.
    ///
    /// # Errors
    /// As for [`Audience::send`].
    pub async fn publish(&self, topic: &str, args: impl Serialize) -> Result<(), DeliveryError> {
        self.clients().topic(topic).send(topic, args).await
    }

    /// The caller gets what is published to a topic of the hub. It is a membership as of a group: it survives reconnects,
    /// and counts at once when this returns.
    ///
    /// # Errors
    /// As for [`join`](Self::join).
    pub async fn subscribe(&self, topic: &str) -> Result<(), DeliveryError> {
        self.join(GroupName::of_topic(topic)).await?;
        self.topics_changed().await
    }

    /// The caller gets no more of it.
    ///
    /// # Errors
    /// As for [`join`](Self::join).
    pub async fn unsubscribe(&self, topic: &str) -> Result<(), DeliveryError> {
        self.leave(GroupName::of_topic(topic)).await?;
        self.topics_changed().await
    }

    /// What was published to a topic after a position, and at most so many of the newest:
    /// `clients().topic(topic).history(after, limit)`. Other audiences have a history, too.
    ///
    /// # Errors
    /// As for [`Audience::history`].
    pub async fn history(
        &self,
        topic: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<History, DeliveryError> {
        self.clients().topic(topic).history(after, limit).await
    }

    /// What the hub keeps for the client under this name, also while it is away, as long as its lease lasts; `None` if there
    /// is nothing, or no `T`.
    ///
    /// # Errors
    /// As for [`offline_subscribe`](Self::offline_subscribe).
    pub async fn property<T: DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<Option<T>, DeliveryError> {
        let properties = self.peer.outlet.properties(&self.peer, &self.hub).await?;
        Ok(properties.get(name).and_then(|value| value.read().ok()))
    }

    /// Keeps a value for the client under this name. Names and values of one client on one hub have 64 KiB.
    ///
    /// # Errors
    /// When the value has no JSON form; otherwise as for [`offline_subscribe`](Self::offline_subscribe).
    pub async fn set_property(
        &self,
        name: &str,
        value: &impl Serialize,
    ) -> Result<(), DeliveryError> {
        let value = Payload::of(value).map_err(|error| DeliveryError::Arguments(Some(error)))?;
        self.offline(Offline::Property(name.into(), Some(value)))
            .await
    }

    /// Keeps nothing under this name any more.
    ///
    /// # Errors
    /// As for [`offline_subscribe`](Self::offline_subscribe).
    pub async fn remove_property(&self, name: &str) -> Result<(), DeliveryError> {
        self.offline(Offline::Property(name.into(), None)).await
    }

    /// Keeps nothing for the client any more.
    ///
    /// # Errors
    /// As for [`offline_subscribe`](Self::offline_subscribe).
    pub async fn clear_properties(&self) -> Result<(), DeliveryError> {
        self.offline(Offline::Clear).await
    }

    async fn topics_changed(&self) -> Result<(), DeliveryError> {
        match self.persistent_id() {
            Some(_) => self.offline(Offline::Topics).await,
            None => Ok(()),
        }
    }

    async fn offline(&self, change: Offline) -> Result<(), DeliveryError> {
        let outlet = &self.peer.outlet;
        outlet.offline(&self.peer, &self.hub, change).await
    }
}
