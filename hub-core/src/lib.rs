//! Everything of *hub* that needs no socket, no task and no clock: the vocabulary of hubs, the wire protocols, sessions
//! and outboxes. A crate that only declares a contract depends on this crate alone:
//!
//! ```
//! use hub_core::{Context, HubError, hub, hub_client};
//!
//! /// What the server calls on its clients.
//! #[hub_client]
//! pub trait ChatClient {
//!     async fn message(&self, user: String, text: String) -> Result<(), HubError>;
//! }
//!
//! /// What clients call on the server; also generates `ChatProxy`.
//! #[hub]
//! pub trait Chat {
//!     async fn send(&self, cx: &Context, room: String, text: String) -> Result<(), HubError>;
//! }
//! ```
//!
//! Where things are: [`Hub`], [`Context`], [`Clients`], [`Groups`], [`Audience`] are what hub code touches; [`Protocol`],
//! [`Session`], [`Outbox`] what a connection is made of; [`Log`], [`Entry`], [`Cursor`] what outlives it; [`Outlet`] and
//! [`Invoke`] the doors to a server and a client; [`Filter`] and [`Authorize`] what stands around hubs; [`scheduler`] a piece of
//! its own, for tasks that must keep an order.

mod ack;
mod audience;
mod authorize;
mod clients;
mod context;
mod cursor;
mod error;
mod filter;
mod history;
mod hub;
mod id;
mod invoke;
mod items;
mod lease;
mod live;
mod log;
mod message;
mod outbox;
mod outlet;
mod parts;
mod persistent;
mod presence;
mod progress;
mod property;
mod protocol;
pub mod scheduler;
mod session;
mod slow;
mod state;
mod target;
mod terms;
mod value;

pub use ack::{AckError, AckOptions, Acked, Acks, OnDisconnect};
/// For implementing [`Filter`] and [`PersistentConnection`], whose methods are asynchronous.
pub use async_trait::async_trait;
pub use audience::Audience;
pub use authorize::Authorize;
pub use clients::{CallerClients, Clients, Groups};
pub use context::{Context, Identity, Peer, Request};
pub use cursor::{Ack, Answered, Body, Command, Cursor, Entry, Epoch, InvalidCursor, Start, Topic};
pub use error::{CallError, DeliveryError, HubError, ProtocolError};
pub use filter::{
    Admission, Connect, Disconnect, Filter, Invocation, Next, Outgoing, Reconnect, Rejoin, Step,
};
pub use history::{History, Past};
pub use hub::{
    BoxFuture, CallOrder, Closed, Expired, Hub, HubRegistration, HubSpec, MethodSpec, ParamSpec,
    Reply, Resumed,
};
pub use hub_macros::{hub, hub_client};
pub use id::{
    ConnectionId, GroupName, HubName, InvocationId, NodeId, PersistentId, QueueName, UserId,
};
pub use invoke::{EventRouter, Invoke, Proxy, Report};
#[doc(hidden)]
pub use items::Follow;
pub use items::Items;
pub use lease::{Lease, LeaseKey, Leases, Lost, Properties, Subscriber, Taken};
pub use live::{
    CloseFrame, DrainOptions, DrainReport, InvalidCloseCode, Live, LiveSession, Sent, Sessions,
    Which,
};
pub use log::{Append, Gap, GapCause, Interest, Limit, Log, LogError, Notice, Page, Receipt};
pub use message::{Call, Completion, Event, Failure, Item, Message, Missed, Position, Tag};
pub use outbox::{Full, Lane, Outbox};
pub use outlet::{Offline, OfflineOptions, OfflineStart, Outlet, Queued, Replay};
pub use persistent::PersistentConnection;
pub use presence::{
    Member, Newcomer, Presence, PresenceChange, PresenceDiff, PresenceOptions, PresencePage,
    PresenceStats, PresenceView, Roll, Roster, Untold,
};
pub use progress::Progress;
pub use property::SessionProperty;
pub use protocol::{
    Classic, ClassicClient, Envelope, Format, Line, Packet, Packets, Part, Protocol, Tagged, Text,
    XSockets,
};
pub use session::{Session, SessionEvent};
pub use slow::{Pressure, WhenFull};
pub use state::State;
pub use target::{Address, Keeping, Matching, PeerMatching, Target};
pub use terms::{DedupeId, Recipients, Terms};
pub use value::{Args, Payload};

/// What generated code refers to, so that it needs nothing of its surroundings. Not for people.
#[doc(hidden)]
pub mod __private {
    pub use std::boxed::Box;
    pub use std::clone::Clone;
    pub use std::convert::{From, Into};
    pub use std::default::Default;
    pub use std::fmt;
    pub use std::future::{Future, ready};
    pub use std::marker::{Send, Sized, Sync};
    pub use std::ops::FnMut;
    pub use std::option::Option::{self, None, Some};
    pub use std::result::Result::{self, Err, Ok};
    pub use std::string::String;
    pub use std::sync::Arc;

    pub use inventory;

    pub use crate::value::Argument;

    pub use crate::{
        Args, Audience, Authorize, BoxFuture, CallError, CallOrder, Closed, Context, DeliveryError,
        EventRouter, Expired, Hub, HubError, HubRegistration, HubSpec, Invoke, MethodSpec,
        ParamSpec, Payload, Pressure, Progress, Proxy, Reply, Resumed,
    };

    type Replying<'a> = BoxFuture<'a, Result<Reply, HubError>>;
    type Done<'a> = BoxFuture<'a, Result<(), HubError>>;

    /// What `#[hub] impl Contract for T` finds in the contract to make its `impl Hub` of.
    #[allow(missing_debug_implementations, reason = "nobody holds one")]
    pub struct Contract<H: ?Sized> {
        pub spec: &'static HubSpec,
        pub call: for<'a> fn(&'a H, &'a Context, usize, Args) -> Replying<'a>,
        pub connected: for<'a> fn(&'a H, &'a Context) -> Done<'a>,
        pub reopened: for<'a> fn(&'a H, &'a Context) -> Done<'a>,
        pub reconnected: for<'a> fn(&'a H, &'a Context, Resumed) -> Done<'a>,
        pub disconnected: for<'a> fn(&'a H, &'a Context, bool) -> Done<'a>,
        pub closed: for<'a> fn(&'a H, &'a Context, Closed) -> Done<'a>,
        pub pressure: for<'a> fn(&'a H, &'a Context, Pressure) -> Done<'a>,
        pub expired: for<'a> fn(&'a H, Expired) -> Done<'a>,
    }

    /// A call that failed before it began.
    pub fn refuse<'a, T: Send + 'a>(error: HubError) -> BoxFuture<'a, Result<T, HubError>> {
        Box::pin(ready(Err(error)))
    }

    /// An event that failed before it began.
    pub fn refuse_event<'a>(error: HubError) -> Option<BoxFuture<'a, Result<(), HubError>>> {
        Some(refuse(error))
    }

    /// Whether the spec lists the method and it takes so many arguments.
    #[must_use]
    pub fn fits(spec: &HubSpec, method: usize, args: &Args) -> bool {
        let method = spec.methods.get(method);
        method.is_some_and(|method| method.takes(args.len()))
    }

    /// An index that the spec does not list, or a number of arguments that it does not allow.
    #[must_use]
    pub fn no_such_method() -> HubError {
        HubError::internal("no such method")
    }

    /// A number of arguments that a callback does not take.
    #[must_use]
    pub fn wrong_arguments(callback: &str, given: usize) -> HubError {
        HubError::internal(std::format!("'{callback}' does not take {given} arguments"))
    }

    /// The arguments of a call or an event.
    ///
    /// # Errors
    /// When one of them has no JSON form.
    pub fn arguments(values: &[&dyn Argument]) -> Result<Payload, serde_json::Error> {
        Payload::array(values)
    }

    /// Sends an event with arguments that serialised.
    ///
    /// # Errors
    /// As for [`Audience::send`].
    pub async fn send(
        to: &Audience,
        callback: &'static str,
        args: Result<Payload, serde_json::Error>,
    ) -> Result<(), DeliveryError> {
        let args = args.map_err(|error| DeliveryError::Arguments(Some(error)))?;
        to.send_payload(callback, args).await
    }

    /// A proxy's call: sends arguments that serialised, reads the result.
    ///
    /// # Errors
    /// When the arguments did not serialise, the call failed, or its result is no `T`.
    pub async fn invoke<T: serde::de::DeserializeOwned>(
        client: &dyn Invoke,
        hub: &'static str,
        method: &'static str,
        args: Result<Payload, serde_json::Error>,
    ) -> Result<T, CallError> {
        let args = args.map_err(CallError::Encode)?;
        let result = client.invoke(hub, method, args).await?;
        result.read().map_err(CallError::Decode)
    }

    /// As [`invoke`], for a method that reports its progress.
    ///
    /// # Errors
    /// As for [`invoke`], and when a report is no `P`.
    pub async fn invoke_with_progress<T, P>(
        client: &dyn Invoke,
        hub: &'static str,
        method: &'static str,
        args: Result<Payload, serde_json::Error>,
        mut report: impl FnMut(P) + Send,
    ) -> Result<T, CallError>
    where
        T: serde::de::DeserializeOwned,
        P: serde::de::DeserializeOwned,
    {
        let args = args.map_err(CallError::Encode)?;
        let mut read = |value: Payload| {
            report(value.read().map_err(CallError::Decode)?);
            Ok(())
        };
        let result = client.invoke_with_progress(hub, method, args, &mut read);
        result.await?.read().map_err(CallError::Decode)
    }

    /// What a parameter of this type reports.
    pub trait Reports {
        type Report;
    }

    impl<T> Reports for Progress<T> {
        type Report = T;
    }
}
