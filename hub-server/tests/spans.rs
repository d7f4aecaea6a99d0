//! What a subscriber of `tracing` sees of connections and calls: names and ids, and nothing of what clients say.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use common::hubs::builder;
use common::receive::SSE;
use common::{Server, until};
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Writes down spans, each with its fields and what it is in.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    /// By their ids, from 1.
    all: Vec<String>,
    /// Those that are entered, the innermost last.
    inside: Vec<u64>,
    /// How often each was entered.
    entered: HashMap<u64, usize>,
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 += &format!(" {}={value:?}", field.name());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0 += &format!(" {}={value}", field.name());
    }
}

impl Subscriber for Spans {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("hub_server") && *metadata.level() <= Level::DEBUG
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields(span.metadata().name().to_owned());
        span.record(&mut fields);
        let mut inner = self.0.lock().unwrap();
        if let Some(&parent) = inner.inside.last() {
            let parent = inner.all[parent as usize - 1].clone();
            fields.0 += &format!(" in {parent}");
        }
        inner.all.push(fields.0);
        Id::from_u64(inner.all.len() as u64)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, id: &Id) {
        let mut inner = self.0.lock().unwrap();
        inner.inside.push(id.into_u64());
        *inner.entered.entry(id.into_u64()).or_default() += 1;
    }

    fn exit(&self, id: &Id) {
        let left = self.0.lock().unwrap().inside.pop();
        assert_eq!(left, Some(id.into_u64()), "spans are left in order");
    }
}

impl Spans {
    /// Those that begin so, and how often each was entered.
    fn of(&self, start: &str) -> Vec<(String, usize)> {
        let inner = self.0.lock().unwrap();
        let all = inner.all.iter().zip(1..);
        let of = all.filter(|(span, _)| span.starts_with(start));
        let entered = |id: u64| inner.entered.get(&id).copied().unwrap_or_default();
        of.map(|(span, id)| (span.clone(), entered(id))).collect()
    }
}

#[tokio::test]
async fn a_call_is_a_span_in_that_of_its_connection() {
    let spans = Spans::default();
    let _listening = tracing::subscriber::set_default(spans.clone());
    let (builder, _) = builder();
    let server = Server::tcp(builder).await;
    let mut client = server.client(&["conformance", "demo"]).await;
    let secret = "what nobody else is to read";
    client.result("conformance", "ECHO", json!([secret])).await;
    let connection = format!(
        "connection id={} transport=web_sockets hubs=conformance,demo",
        client.id
    );
    let seen = spans.of(&connection);
    assert!(seen.len() == 1 && seen[0].1 > 0, "{seen:?}");
    let id = client.id.clone();
    let call = |method| format!("call connection={id} hub=conformance method={method}");
    let echo = format!("{} in {connection}", call("echo"));
    let seen = spans.of(&echo);
    assert!(seen.len() == 1 && seen[0].1 > 0, "{seen:?}");
    // What is no method has no name.
    client.call("conformance", secret, json!([])).await;
    let nameless = format!("{} in {connection}", call(""));
    assert_eq!(spans.of(&nameless).len(), 1);
    // A stream is in its span as it is polled; calls over HTTP are in that of their host, if it has one.
    let mut over = server.over(SSE, &["conformance"]).await;
    let stream = format!(
        "connection id={} transport=server_sent_events hubs=conformance",
        over.id
    );
    until(|| async { (spans.of(&stream)[0].1 > 0).then_some(()) }).await;
    over.result("conformance", "echo", json!([secret])).await;
    let id = &over.id;
    let call = format!("call connection={id} hub=conformance method=echo");
    assert_eq!(spans.of(&call)[0].0, call);
    let inner = spans.0.lock().unwrap();
    let tokens = [&*client.token, &*over.token, secret];
    for span in &inner.all {
        assert!(tokens.iter().all(|token| !span.contains(token)), "{span}");
    }
}
