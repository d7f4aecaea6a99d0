//! `#[hub]` on a trait and on its `impl`: the hub, its lifecycle and its proxy.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use hub_core::{
    CallError, Context, Hub, HubError, Invoke, Payload, Progress, Proxy, Report, Resumed, hub,
};
use serde_json::{Value, json};

use support::{Local, Memory, call, call_in, context};

mod contract {
    use hub_core::{Context, HubError, Progress, hub};

    /// What clients call.
    #[hub]
    pub(crate) trait ChatRoom {
        /// Joins names.
        async fn send_all(
            &self,
            cx: &Context,
            room: String,
            text: Option<String>,
        ) -> Result<String, HubError>;
        async fn plain(&self, value: u8) -> u8;
        fn not_async(&self) -> Vec<u8>;
        async fn nothing(&self);
        async fn long(&self, upto: u8, progress: Progress<u8>) -> Result<(), HubError>;
        #[hub(name = "renamed")]
        async fn awkward(&self) -> Result<u8, HubError> {
            Ok(9)
        }
    }
}

#[derive(Default)]
struct Hall {
    seen: Mutex<Vec<String>>,
}

#[hub]
impl contract::ChatRoom for Hall {
    async fn send_all(
        &self,
        cx: &Context,
        room: String,
        text: Option<String>,
    ) -> Result<String, HubError> {
        let text = text.unwrap_or_else(|| "nothing".to_owned());
        Ok(format!("{} says {text} in {room}", cx.user()))
    }

    async fn plain(&self, value: u8) -> u8 {
        value + 1
    }

    fn not_async(&self) -> Vec<u8> {
        vec![1, 2]
    }

    async fn nothing(&self) {}

    async fn long(&self, upto: u8, progress: Progress<u8>) -> Result<(), HubError> {
        for step in 0..upto {
            progress.report(step).await?;
        }
        Err(HubError::new("tired"))
    }

    async fn on_connected(&self, cx: &Context) -> Result<(), HubError> {
        self.seen.lock().unwrap().push(cx.user().to_owned());
        Ok(())
    }

    async fn on_disconnected(&self, _cx: &Context, stopped: bool) -> Result<(), HubError> {
        self.seen.lock().unwrap().push(stopped.to_string());
        Err(HubError::new("so long"))
    }
}

#[test]
fn the_contract_names_the_hub_and_its_methods() {
    let spec = Hall::default().spec();
    assert_eq!(spec.name, "chatRoom");
    let names: Vec<_> = spec.methods.iter().map(|method| method.name).collect();
    assert_eq!(
        names,
        ["sendAll", "plain", "notAsync", "nothing", "long", "renamed"]
    );
    assert_eq!(spec.methods[0].optional, 1);
    assert_eq!(spec.methods[4].params.len(), 1, "progress is no argument");
}

#[test]
fn calls_reach_the_implementation() {
    let hall = Hall::default();
    assert_eq!(
        call(&hall, "sendAll", r#"["lobby","hi"]"#).unwrap(),
        "ann says hi in lobby"
    );
    assert_eq!(
        call(&hall, "sendall", r#"["lobby"]"#).unwrap(),
        "ann says nothing in lobby"
    );
    assert_eq!(call(&hall, "plain", "[1]").unwrap(), 2);
    assert_eq!(call(&hall, "notAsync", "[]").unwrap(), json!([1, 2]));
    assert_eq!(call(&hall, "nothing", "[]").unwrap(), Value::Null);
    assert_eq!(call(&hall, "renamed", "[]").unwrap(), 9);
    let memory = Arc::new(Memory::default());
    let tired = call_in(&context(&memory), &hall, "long", "[2]").unwrap_err();
    assert_eq!(tired.message(), "tired");
    assert_eq!(memory.reports.lock().unwrap().len(), 2);
}

#[test]
fn lifecycle_methods_that_are_written_are_called_and_the_others_do_nothing() {
    let hall = Hall::default();
    let cx = context(&Arc::default());
    pollster::block_on(hall.connected(&cx)).unwrap();
    pollster::block_on(hall.reconnected(&cx, Resumed::default())).unwrap();
    let parting = pollster::block_on(hall.disconnected(&cx, true)).unwrap_err();
    assert_eq!(parting.message(), "so long");
    assert_eq!(*hall.seen.lock().unwrap(), ["ann", "true"]);
}

#[test]
fn a_proxy_calls_by_name_and_reads_the_result() {
    let client = Local::new(Hall::default());
    let proxy = contract::ChatRoomProxy::over(client.clone());
    assert_eq!(contract::ChatRoomProxy::HUB, "chatRoom");
    let said = pollster::block_on(proxy.send_all("lobby".to_owned(), Some("hi".to_owned())));
    assert_eq!(said.unwrap(), "ann says hi in lobby");
    let called = client.last();
    assert_eq!(
        called,
        (
            "chatRoom".to_owned(),
            "sendAll".to_owned(),
            json!(["lobby", "hi"])
        )
    );
    assert_eq!(pollster::block_on(proxy.plain(1)).unwrap(), 2);
    assert_eq!(pollster::block_on(proxy.not_async()).unwrap(), [1, 2]);
    assert_eq!(client.last().2, json!([]));
    pollster::block_on(proxy.nothing()).unwrap();
    assert_eq!(pollster::block_on(proxy.awkward()).unwrap(), 9);
    assert_eq!(client.last().1, "renamed");
    assert_eq!(format!("{:?}", proxy.clone()), "ChatRoomProxy { .. }");
}

#[test]
fn a_proxy_hands_on_the_methods_error() {
    let proxy = contract::ChatRoomProxy::over(Local::new(Hall::default()));
    let error = pollster::block_on(proxy.long(1)).unwrap_err();
    let CallError::Hub {
        message, public, ..
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!((message.as_str(), public), ("tired", true));
}

/// A client that reports these, whatever it is asked.
struct Reporting(&'static [&'static str]);

#[async_trait]
impl Invoke for Reporting {
    async fn invoke(&self, _: &str, _: &str, _: Payload) -> Result<Payload, CallError> {
        Ok(Payload::of(&()).unwrap())
    }

    async fn invoke_with_progress(
        &self,
        hub: &str,
        method: &str,
        args: Payload,
        report: &mut Report<'_>,
    ) -> Result<Payload, CallError> {
        assert_eq!((hub, method), ("chatRoom", "long"));
        assert_eq!(args.as_bytes(), &b"[2]"[..]);
        for value in self.0 {
            report(Payload::of(&serde_json::from_str::<Value>(value).unwrap()).unwrap())?;
        }
        self.invoke(hub, method, args).await
    }
}

#[test]
fn a_proxy_reads_the_reports_of_a_methods_progress() {
    let mut seen = Vec::new();
    let mut long = |proxy: contract::ChatRoomProxy| {
        seen.clear();
        let done = pollster::block_on(proxy.long_with_progress(2, |step: u8| seen.push(step)));
        (done, seen.clone())
    };
    let (done, seen) = long(Proxy::over(Arc::new(Reporting(&["0", "1"]))));
    assert!(done.is_ok());
    assert_eq!(seen, [0, 1]);
    let (wrong, seen) = long(Proxy::over(Arc::new(Reporting(&["0", "\"x\"", "2"]))));
    assert!(matches!(wrong, Err(CallError::Decode(_))), "{wrong:?}");
    assert_eq!(seen, [0]);
    // A client that knows of no reports calls all the same.
    let (tired, seen) = long(Proxy::over(Local::new(Hall::default())));
    assert!(matches!(tired, Err(CallError::Hub { .. })), "{tired:?}");
    assert_eq!(seen, [0u8; 0]);
}

/// The same wire name as `ChatRoom::plain`, with another result.
#[hub(name = "chatRoom")]
trait Misread {
    #[hub(name = "plain")]
    async fn number_as_text(&self, value: u8) -> String;
    #[hub(name = "plain")]
    async fn without_form(&self, value: u8, map: Unspeakable) -> u8;
}

#[derive(serde::Deserialize)]
struct Unspeakable;

impl serde::Serialize for Unspeakable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("no form"))
    }
}

#[test]
fn a_proxy_tells_what_could_not_be_sent_from_what_could_not_be_read() {
    let client = Local::new(Hall::default());
    let proxy = MisreadProxy::over(client.clone());
    let read = pollster::block_on(proxy.number_as_text(1)).unwrap_err();
    assert!(matches!(read, CallError::Decode(_)), "{read}");
    let sent = pollster::block_on(proxy.without_form(1, Unspeakable)).unwrap_err();
    assert!(matches!(sent, CallError::Encode(_)), "{sent}");
    assert_eq!(client.calls.lock().unwrap().len(), 1, "nothing was sent");
}

#[test]
fn futures_of_contracts_and_proxies_can_move_between_threads() {
    fn is_send(_: &impl Send) {}
    fn any<C: contract::ChatRoom>(hub: &C, cx: &Context) {
        is_send(&hub.send_all(cx, String::new(), None));
        is_send(&hub.on_connected(cx));
    }
    any(&Hall::default(), &context(&Arc::default()));
    let proxy = contract::ChatRoomProxy::over(Local::new(Hall::default()));
    is_send(&proxy.long_with_progress(1, |_: u8| {}));
    is_send(&proxy.send_all(String::new(), None));
}

/// A generic hub, and lifecycle methods in their short forms.
struct Generic<T>(T);

#[hub(name = "Gen")]
impl<T> Generic<T>
where
    T: ToString + Send + Sync + 'static,
{
    async fn show(&self) -> String {
        self.0.to_string()
    }

    fn on_connected(&self) {}

    async fn on_reconnected(&self, cx: &Context, resumed: Resumed) -> Result<(), std::fmt::Error> {
        assert!(resumed.gaps.is_empty() && cx.user() == "ann");
        Err(std::fmt::Error)
    }

    async fn on_disconnected(&self, stopped: bool) {
        assert!(stopped);
    }
}

#[test]
fn a_hub_may_be_generic_and_its_lifecycle_methods_short() {
    let hub = Generic(5);
    let cx = context(&Arc::default());
    assert_eq!(hub.spec().name, "Gen");
    assert_eq!(call(&hub, "show", "[]").unwrap(), "5");
    pollster::block_on(hub.connected(&cx)).unwrap();
    let error = pollster::block_on(hub.reconnected(&cx, Resumed::default())).unwrap_err();
    assert!(!error.is_public());
    pollster::block_on(hub.disconnected(&cx, true)).unwrap();
    let wrong = std::panic::AssertUnwindSafe(|| pollster::block_on(hub.disconnected(&cx, false)));
    assert!(
        std::panic::catch_unwind(wrong).is_err(),
        "it is really called"
    );
}
