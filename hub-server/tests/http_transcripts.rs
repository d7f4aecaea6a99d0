//! Conversations with the original server over HTTP transports, replayed against this one byte for byte.
//!
//! `transcripts/*.jsonl` are the recordings, trimmed: without times, raw cursors and requests to other mounts. Cursors and
//! tokens are the only text that may differ; they have to be used again as they came. Blanks of keep-alive are not counted
//! here: the heartbeat's phase is the server's own.
//!
//! Left out: `SendMany` in `sse-basic`, since messages are cut into payloads in another way; the abort
//! between two polls in `longpolling-variants`, which disconnects here at once, and there with the next poll.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use common::Server;
use common::hubs::builder;
use common::receive::{Ended, FORM, Receiver};
use hub_server::Builder;
use serde_json::Value;

struct Replay<'a> {
    name: &'a str,
    server: &'a Server,
    known: HashMap<String, String>,
    streams: BTreeMap<String, Receiver>,
}

impl Replay<'_> {
    fn fill(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (placeholder, value) in &self.known {
            text = text.replace(placeholder, value);
        }
        while let Some((before, (what, (count, after)))) =
            text.split_once("<repeat ").and_then(|(b, rest)| {
                let (what, rest) = rest.split_once(' ')?;
                Some((b, (what, rest.split_once('>')?)))
            })
        {
            text = format!("{before}{}{after}", what.repeat(count.parse().unwrap()));
        }
        text
    }

    /// Compares exactly, learning placeholders that are new.
    fn compare(&mut self, expected: &str, got: &str) {
        let place = format!("{}: {expected:?} became {got:?}", self.name);
        let (mut expected, mut rest) = (self.fill(expected), got);
        while let Some((before, placeholder, after)) = placeholder(&expected) {
            rest = rest
                .strip_prefix(before)
                .unwrap_or_else(|| panic!("{place}"));
            // All of them stand in JSON strings, tokens without escapes.
            let end = rest.find('"').unwrap_or_else(|| panic!("{place}"));
            let (value, tail) = rest.split_at(end);
            self.known.insert(placeholder.to_owned(), value.to_owned());
            rest = tail;
            expected = self.fill(after);
        }
        assert_eq!(rest, expected, "{place}");
    }

    async fn step(&mut self, event: &Value, streams: bool) {
        let text = |key: &str| event[key].as_str().unwrap_or_default();
        let channel = text("ch").to_owned();
        match text("dir") {
            "request" => {
                let target = match event["target"].as_str() {
                    Some(target) => self.fill(target),
                    None => format!("{}?{}", text("path"), self.form(&event["query"])),
                };
                let form = event["form"].is_array().then(|| self.form(&event["form"]));
                let body = form.or_else(|| event["body"].as_str().map(|body| self.fill(body)));
                if text("path").ends_with("/send")
                    && body.as_ref().is_some_and(|b| b.contains("Events"))
                {
                    // `on_reconnected` and `on_disconnected` run by themselves; let them.
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                let stream = if streams || body.is_some() {
                    self.server.ask(&target, &[], body.as_deref()).await
                } else {
                    self.ask(text("method"), &target).await
                };
                self.streams.insert(channel, stream);
            }
            "response" => {
                let mut stream = self.streams.remove(&channel).unwrap();
                assert_eq!(stream.status, event["status"], "{} {event}", self.name);
                if let Some(kind) = event["type"].as_str() {
                    assert_eq!(
                        stream.headers["content-type"], kind,
                        "{} {event}",
                        self.name
                    );
                }
                if streams {
                    self.streams.insert(channel, stream);
                    return;
                }
                // The hub here also tells of gaps, which the original does not know.
                let got = stream.body().await.replace(":epoch", "");
                if stream.status != 500
                    && let Some(expected) = event["body"].as_str()
                {
                    self.compare(expected, &got);
                }
            }
            "chunk" if text("text") == " " => {}
            "sse_line" | "chunk" => {
                let stream = self.streams.get_mut(&channel).unwrap();
                let json = stream.headers["content-type"].starts_with("application/");
                let mut got = Some(" ".to_owned());
                while got.as_deref() == Some(" ") {
                    got = if json {
                        stream.chunk().await
                    } else {
                        stream.unit().await
                    };
                }
                self.compare(text("text"), &got.unwrap_or_default());
            }
            "end" => {
                let mut stream = self.streams.remove(&channel).unwrap();
                let how = match text("how") {
                    "complete" => Ended::Complete,
                    _ => Ended::Cut,
                };
                let rest = stream.body().await;
                let rest = if stream.status == 200 { &*rest } else { "" };
                assert_eq!(
                    (rest, stream.ended),
                    ("", Some(how)),
                    "{} {event}",
                    self.name
                );
            }
            "drop" => drop(self.streams.remove(&channel)),
            other => panic!("{other}"),
        }
    }

    async fn ask(&self, method: &str, target: &str) -> Receiver {
        match method {
            "POST" => self.server.ask(target, &[("X-No", FORM)], Some("")).await,
            _ => self.server.ask(target, &[], None).await,
        }
    }

    fn form(&self, pairs: &Value) -> String {
        let pairs = pairs.as_array().into_iter().flatten();
        let text = |value: &Value| self.fill(value.as_str().unwrap());
        let pairs = pairs.map(|pair| (text(&pair[0]), text(&pair[1])));
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish()
    }
}

/// The first placeholder in a text, with what is around it.
fn placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let names = [
        "<connection-id",
        "<connection-token",
        "<cursor-",
        "<groups-token-",
    ];
    let at = names.iter().filter_map(|name| text.find(name)).min()?;
    let end = at + text[at..].find('>')? + 1;
    Some((&text[..at], &text[at..end], &text[end..]))
}

async fn replay(name: &str, recording: &str, set: impl FnOnce(Builder) -> Builder) {
    let (builder, _) = builder();
    let server = Server::memory(set(builder));
    let mut replay = Replay {
        name,
        server: &server,
        known: HashMap::new(),
        streams: BTreeMap::new(),
    };
    let events: Vec<Value> = recording
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events[0]["scenario"], name);
    for event in &events[1..] {
        let streams = events.iter().any(|other| {
            other["dir"] == "response"
                && other["ch"] == event["ch"]
                && other.get("streaming").is_some()
        });
        replay
            .step(
                event,
                streams && (event["method"] != "POST" || event["dir"] != "request"),
            )
            .await;
    }
}

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn quick(builder: Builder) -> Builder {
    builder.disconnect_timeout(s(6))
}

macro_rules! transcripts {
    ($($test:ident: $name:literal, $set:expr;)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $test() {
            replay($name, include_str!(concat!("transcripts/", $name, ".jsonl")), $set).await;
        }
    )*};
}

transcripts! {
    sse_basic: "sse-basic", |b| b.detailed_errors(true);
    sse_reconnect: "sse-reconnect", |b| b;
    longpolling_basic: "longpolling-basic", |b| b;
    longpolling_groups: "longpolling-groups", |b| b;
    longpolling_variants: "longpolling-variants", |b| b;
    longpolling_join_between: "longpolling-join-between", |b| b;
    frame_basic: "frame-basic", quick;
    frame_ids: "frame-ids", |b| b;
    http_bad_sends: "http-bad-sends", |b| b.detailed_errors(true);
    jsonp_names: "jsonp-names", |b| b.jsonp(true).path("/jsonp/signalr");
    jsonp_disabled: "jsonp-disabled", |b| b;
}
