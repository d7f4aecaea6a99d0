//! A contract's proxy and callbacks, as the macros make them and as they can be written by hand.

use std::sync::Arc;

use hub_client::{
    CallError, ClientEvent, Context, EventRouter, HubError, Invoke, Payload, Proxy, hub, hub_client,
};
use serde_json::json;
use tokio::sync::mpsc;

use crate::server::{Server, Terms, soon};

#[hub]
trait Chat {
    async fn join(&self, cx: &Context, room: String, user: String)
    -> Result<Vec<String>, HubError>;
}

#[hub_client]
trait ChatClient {
    async fn new_message(&self, user: String, text: String) -> Result<(), HubError>;
}

struct Screen(mpsc::UnboundedSender<String>);

impl ChatClient for Screen {
    async fn new_message(&self, user: String, text: String) -> Result<(), HubError> {
        if text.is_empty() {
            return Err(HubError::new("nothing said"));
        }
        self.0.send(format!("{user}: {text}"))?;
        Ok(())
    }
}

#[tokio::test]
async fn a_contract_is_called_and_calls_back() {
    let mut server = Server::start().await;
    let (screen, mut lines) = mpsc::unbounded_channel();
    let builder = server
        .client()
        .events("Chat", ChatClientEvents(Screen(screen)));
    let (client, mut socket) = server.connect(builder, Terms::default()).await;
    let mut events = client.client_events();
    let chat = client.hub::<ChatProxy>();
    drop(client);
    let call = tokio::spawn(async move {
        let people = chat.join("lobby".into(), "ann".into()).await;
        (people, chat)
    });
    assert_eq!(
        socket.hear().await,
        r#"{"H":"chat","M":"join","A":["lobby","ann"],"I":"0"}"#
    );
    socket.say(r#"{"R":["ann","bob"],"I":"0"}"#).await;
    let (people, _chat) = soon(call).await.unwrap();
    assert_eq!(people.unwrap(), ["ann", "bob"]);
    for (args, error) in [
        (json!(["bob", "hi"]), None),
        (json!(["bob", ""]), Some("nothing said")),
        (json!(["bob"]), Some("argument")),
        (json!(["bob", 7]), Some("argument")),
    ] {
        let frame = json!({"C": "d", "M": [{"H": "CHAT", "M": "NewMessage", "A": args}]});
        socket.say(&frame.to_string()).await;
        match error {
            None => assert_eq!(soon(lines.recv()).await.unwrap(), "bob: hi"),
            Some(text) => match soon(events.next()).await {
                Some(ClientEvent::Error(error)) => {
                    assert!(error.reason.contains(text), "{error}");
                }
                other => panic!("no error: {other:?}"),
            },
        }
    }
}

/// A proxy by hand.
struct Counter(Arc<dyn Invoke>);

impl Proxy for Counter {
    const HUB: &'static str = "counter";

    fn over(client: Arc<dyn Invoke>) -> Self {
        Self(client)
    }
}

impl Counter {
    async fn next(&self) -> Result<u32, CallError> {
        let result = self.0.invoke(Self::HUB, "next", Payload::empty_array());
        result.await?.read().map_err(CallError::Decode)
    }
}

/// A router by hand, that promises a callback which it doesn't have.
struct Broken;

impl EventRouter for Broken {
    fn methods(&self) -> &'static [&'static str] {
        &["tick"]
    }

    fn route<'a>(
        &'a self,
        _: &str,
        _: hub_core::Args,
    ) -> Option<hub_core::BoxFuture<'a, Result<(), HubError>>> {
        None
    }
}

#[tokio::test]
async fn proxies_and_routers_can_be_written_by_hand() {
    let mut server = Server::start().await;
    let builder = server.client().events("counter", Broken);
    let (client, mut socket) = server.connect(builder, Terms::default()).await;
    let mut events = client.client_events();
    let counter = client.hub::<Counter>();
    let call = tokio::spawn(async move { counter.next().await });
    assert_eq!(
        socket.hear().await,
        r#"{"H":"counter","M":"next","A":[],"I":"0"}"#
    );
    socket.say(r#"{"R":1,"I":"0"}"#).await;
    assert_eq!(soon(call).await.unwrap().unwrap(), 1);
    socket
        .say(r#"{"C":"d","M":[{"H":"counter","M":"tick","A":[]}]}"#)
        .await;
    assert!(matches!(
        soon(events.next()).await,
        Some(ClientEvent::Error(_))
    ));
}
