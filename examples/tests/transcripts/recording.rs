//! A recording: its settings and its events, with what differs here on purpose already in them.

use serde_json::{Value, json};

use crate::differences::{DIFFERENCES, Here, MISSED};
pub use crate::event::Event;

pub struct Recording {
    pub name: &'static str,
    /// The application's flags.
    pub flags: Vec<String>,
    /// Whether the recording's times mean something: keep-alives, timeouts, delays.
    pub timed: bool,
    pub events: Vec<Event>,
}

impl Recording {
    pub fn parse(name: &'static str, text: &str) -> Self {
        let parse = |(n, line): (usize, &str)| Event {
            line: n + 1,
            value: serde_json::from_str(line).expect("JSON"),
        };
        let mut events: Vec<Event> = text.lines().enumerate().map(parse).collect();
        let about = events.remove(0);
        assert_eq!(about.text("scenario"), name);
        let mut flags = flags(about.text("settings"));
        let timed = !flags.is_empty() || matches!(name, "ws-keepalive" | "ws-group-add-unknown");
        if about.text("app") == "extra" {
            flags.push("--extra".into());
        }
        // For what comes back after a restart.
        flags.extend(["--key".into(), "5e".repeat(32)]);
        Self {
            name,
            flags,
            timed,
            events: events
                .into_iter()
                .flat_map(|event| here(name, event))
                .collect(),
        }
    }
}

/// What is expected here in place of an event.
fn here(name: &str, event: Event) -> Vec<Event> {
    let line = event.line;
    let found = DIFFERENCES
        .iter()
        .filter(|difference| difference.file == name && difference.lines.contains(&line));
    let mut events = vec![event];
    for difference in found {
        events = events
            .into_iter()
            .flat_map(|event| apply(&difference.here, event))
            .collect();
    }
    events
}

fn apply(here: &Here, event: Event) -> Vec<Event> {
    let with = |key: &str, value: Value| {
        let mut event = event.clone();
        event.value[key] = value;
        event
    };
    match here {
        Here::Nothing => Vec::new(),
        Here::With(key, json) => vec![with(key, parse(json))],
        Here::Instead(replaced) => {
            let mut event = event;
            for key in ["text", "body"] {
                if let Some(text) = event.value[key].as_str() {
                    let replace = |text: String, (from, to): &(&str, &str)| text.replace(from, to);
                    event.value[key] = json!(replaced.iter().fold(text.to_owned(), replace));
                }
            }
            vec![event]
        }
        Here::Missed(range) => {
            let (before, _) = event.text("text").split_once('[').expect("M");
            let one = |text: &&str| {
                let args = json!(["<connection-id>", text]);
                format!("{{\"H\":\"conformance\",\"M\":\"message\",\"A\":{args}}}")
            };
            let messages: Vec<String> = MISSED[range.clone()].iter().map(one).collect();
            let text = format!("{before}[{}]}}", messages.join(","));
            vec![with("text", json!(text))]
        }
        Here::And(another) => {
            let mut another = parse(another);
            another["at_ms"] = event.value["at_ms"].clone();
            let (line, value) = (event.line, another);
            vec![event, Event { line, value }]
        }
        Here::Cursor(cursor) => {
            let mut event = event;
            for list in ["query", "form"] {
                let Some(pairs) = event.value.get_mut(list).and_then(Value::as_array_mut) else {
                    continue;
                };
                for pair in pairs.iter_mut().filter(|pair| pair[0] == "messageId") {
                    pair[1] = json!(cursor);
                }
            }
            vec![event]
        }
        Here::Numbers(range) => {
            let (before, messages) = event.text("text").split_once('[').expect("M");
            let (message, _) = messages.split_once("[").expect("A");
            let numbers = range.clone().map(|n| format!("{message}[{n}]}}"));
            let numbers: Vec<String> = numbers.collect();
            let text = format!("{before}[{}]}}", numbers.join(","));
            vec![with("text", json!(text))]
        }
    }
}

fn parse(json: &str) -> Value {
    serde_json::from_str(json).expect("JSON")
}

/// `KeepAlive 2 s, LongPollDelay 1,500 ms` as flags.
fn flags(settings: &str) -> Vec<String> {
    let mut flags = Vec::new();
    for setting in settings.split(", ").filter(|setting| *setting != "default") {
        let (name, value) = setting.split_once(' ').expect("a name and a value");
        let flag = match name {
            "KeepAlive" => "--keep-alive",
            "DisconnectTimeout" => "--disconnect-timeout",
            "ConnectionTimeout" => "--connection-timeout",
            "LongPollDelay" => "--long-poll-delay",
            _ => panic!("the setting {name}"),
        };
        let value = value.split(' ').next().unwrap_or_default();
        flags.extend([flag.to_owned(), value.replace(',', "")]);
    }
    flags
}
