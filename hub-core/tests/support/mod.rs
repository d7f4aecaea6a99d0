//! What the tests of generated code share: an [`Outlet`] that remembers, a context, and calls by name and JSON.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test file uses its own part, and a test may panic"
)]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use hub_core::{
    AckOptions, Acks, Address, Args, Body, CallError, ConnectionId, Context, Cursor, DeliveryError,
    Epoch, Event, GroupName, History, Hub, HubError, HubName, Identity, InvocationId, Invoke, Item,
    Offline, Outlet, Payload, Peer, Properties, Queued, Replay, Reply, State,
};
use serde_json::Value;

/// What hub code did.
#[derive(Default)]
pub struct Memory {
    pub events: Mutex<Vec<(Address, Event)>>,
    pub reports: Mutex<Vec<Item>>,
}

#[async_trait]
impl Outlet for Memory {
    async fn deliver(&self, to: Address, body: Body) -> Result<Option<Queued>, DeliveryError> {
        let Body::Event(event) = body else {
            return Err(DeliveryError::Stopped);
        };
        if event.method == "fails" {
            return Err(DeliveryError::Stopped);
        }
        self.events.lock().unwrap().push((to, event));
        Ok(None)
    }

    async fn ask(&self, to: Address, event: Event, _: AckOptions) -> Result<Acks, DeliveryError> {
        self.deliver(to, Body::Event(event)).await?;
        Ok(Acks::new())
    }

    fn position(&self) -> Cursor {
        Cursor::at(Epoch(1), 2)
    }

    async fn history(
        &self,
        _: Address,
        _: Option<&str>,
        _: usize,
    ) -> Result<History, DeliveryError> {
        Ok(History::of(true, self.position(), Vec::new()))
    }

    async fn report(&self, _: &ConnectionId, item: Item) -> Result<(), DeliveryError> {
        self.reports.lock().unwrap().push(item);
        Ok(())
    }

    async fn join(
        &self,
        _: &ConnectionId,
        _: &HubName,
        _: &GroupName,
    ) -> Result<(), DeliveryError> {
        Ok(())
    }

    async fn leave(
        &self,
        _: &ConnectionId,
        _: &HubName,
        _: &GroupName,
    ) -> Result<(), DeliveryError> {
        Ok(())
    }

    async fn abort(&self, _: &ConnectionId) -> Result<(), DeliveryError> {
        Ok(())
    }

    async fn offline(&self, _: &Peer, _: &HubName, _: Offline) -> Result<(), DeliveryError> {
        Ok(())
    }

    async fn replay(&self, _: &Peer, _: &HubName) -> Result<Replay, DeliveryError> {
        Ok(Replay::default())
    }

    async fn properties(&self, _: &Peer, _: &HubName) -> Result<Properties, DeliveryError> {
        Ok(Properties::new())
    }
}

impl Memory {
    /// The last event: its callback and arguments.
    pub fn last(&self) -> (String, Value) {
        let events = self.events.lock().unwrap();
        let (_, event) = events.last().expect("something was sent");
        (event.method.to_string(), event.args.read().unwrap())
    }
}

/// A call by the user `ann` on the connection `c1`.
pub fn context(outlet: &Arc<Memory>) -> Context {
    let peer = Peer {
        id: ConnectionId::new("c1"),
        identity: Identity::named("ann"),
        request: Arc::default(),
        persistent_id: None,
        items: Arc::default(),
        outlet: outlet.clone(),
    };
    Context::new(
        Arc::new(peer),
        HubName::new("test"),
        Some(InvocationId::new("7")),
        Arc::new(State::sent(None)),
    )
}

pub fn args(json: &str) -> Args {
    Args::parse(Bytes::copy_from_slice(json.as_bytes())).expect("an array")
}

/// Calls as the server does: the first method of this name that takes so many arguments.
pub fn call(hub: &impl Hub, method: &str, json: &str) -> Result<Value, HubError> {
    call_in(&context(&Arc::default()), hub, method, json)
}

pub fn call_in(cx: &Context, hub: &impl Hub, method: &str, json: &str) -> Result<Value, HubError> {
    let args = args(json);
    let methods = hub.spec().methods;
    let place = methods
        .iter()
        .position(|spec| spec.name.eq_ignore_ascii_case(method) && spec.takes(args.len()))
        .unwrap_or_else(|| panic!("no {method} with {} arguments", args.len()));
    pollster::block_on(hub.call(cx, place, args)).map(|reply| match reply {
        Reply::Value(value) => value.read().unwrap(),
        _ => Value::Null,
    })
}

/// A client that calls a hub in the same process, and remembers what was asked.
pub struct Local<H> {
    pub hub: H,
    pub calls: Mutex<Vec<(String, String, Value)>>,
}

impl<H: Hub> Local<H> {
    pub fn new(hub: H) -> Arc<Self> {
        Arc::new(Self {
            hub,
            calls: Mutex::default(),
        })
    }

    pub fn last(&self) -> (String, String, Value) {
        self.calls.lock().unwrap().last().expect("a call").clone()
    }
}

#[async_trait]
impl<H: Hub> Invoke for Local<H> {
    async fn invoke(&self, hub: &str, method: &str, args: Payload) -> Result<Payload, CallError> {
        let json = String::from_utf8(args.as_bytes().to_vec()).unwrap();
        self.calls
            .lock()
            .unwrap()
            .push((hub.to_owned(), method.to_owned(), args.read().unwrap()));
        match call(&self.hub, method, &json) {
            Ok(value) => Ok(Payload::of(&value).unwrap()),
            Err(error) => Err(CallError::Hub {
                message: error.message().to_owned(),
                data: error.data().cloned(),
                public: error.is_public(),
            }),
        }
    }
}
