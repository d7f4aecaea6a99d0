//! Reads recordings: whose conversation each event belongs to, and what its parts are.

use std::collections::{HashMap, HashSet};

use hub_client::Transport;
use serde_json::Value;

use crate::conversation::{Conversation, Place, Verb};
use crate::event::Event;
use crate::text::Known;

/// What a channel is for.
#[derive(Debug, Clone)]
pub(crate) enum Role {
    Request(usize, Verb),
    Call(usize, String),
    Link(usize, Verb),
}

/// All that a recording has.
pub(crate) fn conversations(name: &str, text: &str) -> Vec<Conversation> {
    let mut reader = Reader::default();
    for event in events(text) {
        reader.take(name, &event);
    }
    let all = reader.conversations.into_iter();
    all.filter_map(Conversation::finished).collect()
}

/// The events of a recording, with values in place of the placeholders.
pub(crate) fn events(text: &str) -> Vec<Event> {
    let parse = |(n, line)| Event {
        line: n + 1,
        value: serde_json::from_str(line).expect("JSON"),
    };
    let lines = text.lines().enumerate().skip(1);
    let mut events: Vec<Event> = lines.map(parse).collect();
    let mut known = Known::default();
    for n in 1..=20 {
        let end = if n == 1 {
            String::new()
        } else {
            format!("-{n}")
        };
        known.set(
            &format!("<connection-id{end}>"),
            &format!("6a246327-fd16-4a90-8a76-{n:012}"),
        );
        known.set(
            &format!("<connection-token{end}>"),
            &format!("token {n}+/=="),
        );
        known.set(&format!("<groups-token-{n}>"), &format!("groups {n}+/=="));
    }
    for event in &events {
        let raw = event.value["raw"].as_object().into_iter().flatten();
        for (placeholder, value) in raw.filter(|(name, _)| name.starts_with("<cursor")) {
            known.set(placeholder, value.as_str().expect("a cursor"));
        }
    }
    for event in &mut events {
        fill(&mut event.value, &known);
    }
    events
}

fn fill(value: &mut Value, known: &Known) {
    match value {
        Value::String(text) => *text = known.fill(text),
        Value::Array(list) => list.iter_mut().for_each(|value| fill(value, known)),
        Value::Object(members) => members.values_mut().for_each(|value| fill(value, known)),
        _ => {}
    }
}

#[derive(Default)]
struct Reader {
    conversations: Vec<Conversation>,
    tokens: HashMap<String, usize>,
    roles: HashMap<String, Role>,
}

impl Reader {
    fn take(&mut self, name: &str, event: &Event) {
        if event.dir() == "request" {
            if let Some(role) = self.request(name, event) {
                self.roles.insert(event.channel().to_owned(), role);
            }
            return;
        }
        let Some(role) = self.roles.get(event.channel()).cloned() else {
            return;
        };
        match role {
            Role::Request(n, verb) => {
                if event.dir() == "response" {
                    let conversation = &mut self.conversations[n];
                    conversation.answered(verb, event);
                    if verb == Verb::Negotiate {
                        self.tokens.insert(conversation.token.clone(), n);
                    }
                }
            }
            Role::Call(n, id) => {
                if event.dir() == "response" {
                    self.conversations[n].called(id, event);
                }
            }
            Role::Link(n, verb) => self.conversations[n].linked(verb, event),
        }
    }

    fn request(&mut self, name: &str, event: &Event) -> Option<Role> {
        let (mount, verb) = Verb::of(event.text("path"))?;
        let pairs = event.pairs("query")?;
        let value = |name: &str| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| *value)
        };
        if verb == Verb::Negotiate {
            let of_ours = value("clientProtocol") == Some("2.1") && value("callback").is_none();
            let conversation =
                of_ours.then(|| Conversation::begun(name, mount, event, &pairs))??;
            self.conversations.push(conversation);
            return Some(Role::Request(self.conversations.len() - 1, verb));
        }
        let n = *self.tokens.get(value("connectionToken")?)?;
        let transport = [
            Transport::WebSockets,
            Transport::ServerSentEvents,
            Transport::LongPolling,
        ];
        let transport = transport
            .into_iter()
            .find(|transport| Some(transport.name()) == value("transport"));
        let conversation = &mut self.conversations[n];
        if conversation.done || value("clientProtocol") != Some("2.1") {
            return None;
        }
        let listed = value("connectionData").map_or(Some(Vec::new()), hubs);
        if listed.as_ref() != Some(&conversation.hubs)
            || extra(&pairs) != conversation.query
            || authorization(event) != conversation.authorization
            || mount != conversation.mount
        {
            return None;
        }
        conversation.asks(n, verb, transport, event)
    }
}

/// What the protocol itself says, and what changes with each request.
const KNOWN: [&str; 8] = [
    "transport",
    "clientProtocol",
    "connectionData",
    "connectionToken",
    "messageId",
    "groupsToken",
    "tid",
    "_",
];

pub(crate) fn extra(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let extra = pairs.iter().filter(|(name, _)| !KNOWN.contains(name));
    extra
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

pub(crate) fn authorization(event: &Event) -> Option<String> {
    let value = event.value["headers"]["Authorization"].as_str();
    value.map(ToOwned::to_owned)
}

/// The hubs of `connectionData`, if a client can list them so.
pub(crate) fn hubs(data: &str) -> Option<Vec<String>> {
    let hubs: Vec<Value> = serde_json::from_str(data).ok()?;
    let name = |hub: &Value| hub["name"].as_str().map(ToOwned::to_owned);
    let names: Vec<String> = hubs.iter().map(name).collect::<Option<_>>()?;
    // Clients list a hub once.
    let known: HashSet<String> = names.iter().map(|name| name.to_lowercase()).collect();
    (known.len() == names.len()).then_some(names)
}

pub(crate) fn status(event: &Event) -> u16 {
    let status = event.value["status"].as_u64().expect("a status");
    u16::try_from(status).expect("a status")
}

/// Cursor and groups token, in the query or in a form.
pub(crate) fn place(event: &Event) -> Place {
    let of = |name: &str| {
        let lists = [event.pairs("query"), event.pairs("form")];
        let mut pairs = lists.into_iter().flatten().flatten();
        pairs
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.to_owned())
    };
    (of("messageId"), of("groupsToken"))
}

/// A call that a client could make, and its id.
pub(crate) fn call(text: &str) -> Option<(String, Value)> {
    let call: Value = serde_json::from_str(text).ok()?;
    let known = call.as_object()?.keys();
    let well = known
        .map(String::as_str)
        .all(|key| matches!(key, "H" | "M" | "A" | "I" | "S"))
        && call["H"].is_string()
        && call["M"].is_string()
        && call["A"].is_array();
    let id = match &call["I"] {
        Value::String(id) => id.clone(),
        Value::Number(id) => id.to_string(),
        _ => return None,
    };
    well.then_some((id, call))
}

/// The id of a result, if it is one.
pub(crate) fn result(text: &str) -> Option<String> {
    let said: Value = serde_json::from_str(text).ok()?;
    let id = said["I"].as_str().filter(|_| said.get("C").is_none())?;
    Some(id.to_owned())
}
