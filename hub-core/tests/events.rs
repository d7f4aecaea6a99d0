//! `#[hub_client]`: what an `Audience` sends, and what a router hands to a handler.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::{Arc, Mutex};

use hub_core::{Audience, EventRouter, HubError, Target, hub_client};
use serde_json::json;

use support::{Memory, args, context};

/// What the server calls on its clients.
#[hub_client]
trait ChatClient {
    async fn message_text(&self, user: String, text: String) -> Result<(), HubError>;
    async fn ping(&self) -> Result<(), HubError>;
    async fn one(&self, value: Vec<u8>) -> Result<(), HubError>;
    async fn tail(&self, first: u8, second: Option<u8>) -> Result<(), HubError>;
    #[hub(name = "send")]
    async fn sent(&self) -> Result<(), HubError>;
    async fn fails(&self) -> Result<(), HubError>;
    #[cfg(any())]
    async fn never(&self, missing: Missing) -> Result<(), HubError>;
}

#[derive(Default, Debug, Clone)]
struct Page(Arc<Mutex<Vec<String>>>);

impl Page {
    fn note(&self, line: impl Into<String>) -> Result<(), HubError> {
        self.0.lock().unwrap().push(line.into());
        Ok(())
    }
}

impl ChatClient for Page {
    async fn message_text(&self, user: String, text: String) -> Result<(), HubError> {
        self.note(format!("{user}: {text}"))
    }

    async fn ping(&self) -> Result<(), HubError> {
        self.note("ping")
    }

    async fn one(&self, value: Vec<u8>) -> Result<(), HubError> {
        self.note(format!("{value:?}"))
    }

    async fn tail(&self, first: u8, second: Option<u8>) -> Result<(), HubError> {
        self.note(format!("{first} {second:?}"))
    }

    async fn sent(&self) -> Result<(), HubError> {
        self.note("sent")
    }

    async fn fails(&self) -> Result<(), HubError> {
        Err(HubError::new("handler"))
    }
}

fn everybody(memory: &Arc<Memory>) -> Audience {
    context(memory).clients().all()
}

#[test]
fn an_audience_sends_callbacks_with_their_arguments() {
    let memory = Arc::new(Memory::default());
    let all = everybody(&memory);
    pollster::block_on(all.message_text("ann".to_owned(), "hi".to_owned())).unwrap();
    assert_eq!(
        memory.last(),
        ("messageText".to_owned(), json!(["ann", "hi"]))
    );
    assert_eq!(memory.events.lock().unwrap()[0].0.target, Target::All);
    pollster::block_on(all.ping()).unwrap();
    assert_eq!(memory.last(), ("ping".to_owned(), json!([])));
    pollster::block_on(all.one(vec![1])).unwrap();
    assert_eq!(memory.last(), ("one".to_owned(), json!([[1]])));
    pollster::block_on(all.tail(1, None)).unwrap();
    assert_eq!(memory.last(), ("tail".to_owned(), json!([1, null])));
    pollster::block_on(all.sent()).unwrap();
    assert_eq!(memory.last(), ("send".to_owned(), json!([])));
}

#[test]
fn an_error_of_sending_stays_on_the_server() {
    let error = pollster::block_on(everybody(&Arc::default()).fails()).unwrap_err();
    assert!(!error.is_public());
    assert_eq!(error.message(), "the server has stopped");
}

fn route(method: &str, json: &str) -> Option<Result<Vec<String>, HubError>> {
    let page = Page::default();
    let events = ChatClientEvents(page.clone());
    let done = pollster::block_on(events.route(method, args(json))?);
    Some(done.map(|()| page.0.lock().unwrap().clone()))
}

#[test]
fn a_router_finds_callbacks_ignoring_case() {
    let heard = route("MESSAGETEXT", r#"["ann","hi"]"#).unwrap().unwrap();
    assert_eq!(heard, ["ann: hi"]);
    assert_eq!(route("ping", "[]").unwrap().unwrap(), ["ping"]);
    assert_eq!(route("send", "[]").unwrap().unwrap(), ["sent"]);
    assert!(route("sent", "[]").is_none());
    assert!(route("message_text", "[]").is_none());
}

#[test]
fn a_router_lists_its_callbacks() {
    let events = ChatClientEvents(Page::default());
    assert_eq!(
        events.methods(),
        ["messageText", "ping", "one", "tail", "send", "fails"]
    );
    assert_eq!(
        format!("{:?}", events.clone()),
        r#"ChatClientEvents(Page(Mutex { data: [], poisoned: false, .. }))"#
    );
}

#[test]
fn the_number_of_arguments_has_to_fit_and_options_at_the_end_may_be_missing() {
    for (method, json) in [("ping", "[1]"), ("tail", "[]"), ("tail", "[1,2,3]")] {
        let error = route(method, json).unwrap().unwrap_err();
        assert!(error.message().contains("does not take"), "{error}");
    }
    assert_eq!(route("tail", "[1]").unwrap().unwrap(), ["1 None"]);
    assert_eq!(route("tail", "[1,2]").unwrap().unwrap(), ["1 Some(2)"]);
}

#[test]
fn what_does_not_fit_and_what_the_handler_refuses_are_errors_of_the_future() {
    let error = route("one", r#"["x"]"#).unwrap().unwrap_err();
    assert!(error.message().starts_with("argument 'value'"), "{error}");
    assert_eq!(
        route("fails", "[]").unwrap().unwrap_err().message(),
        "handler"
    );
}
