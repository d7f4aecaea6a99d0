//! Compares a request of the client with that of an official one.

use hub_client::Transport;
use serde_json::Value;

use crate::conversation::{Conversation, Place, Verb};
use crate::event::Event;
use crate::server::Request;

/// Parameters of requests that vary from one to the next.
const VARIES: [&str; 2] = ["tid", "_"];

/// A request taken apart.
pub(crate) struct Sent {
    method: String,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) form: Vec<(String, String)>,
}

impl Sent {
    pub(crate) async fn read(request: &mut Request) -> Self {
        let (method, target) = request.line().split_once(' ').unwrap();
        let (method, target) = (method.to_owned(), target.to_owned());
        let (path, query) = target.split_once('?').unwrap();
        let form = match request.header("content-length") {
            Some(length) if length != "0" => {
                let kind = request.header("content-type").map(ToOwned::to_owned);
                let form = "application/x-www-form-urlencoded; charset=UTF-8";
                assert_eq!(kind.as_deref(), Some(form), "{target}");
                request.form().await
            }
            _ => String::new(),
        };
        Self {
            method,
            path: path.to_owned(),
            query: pairs(query),
            form: pairs(&form),
        }
    }

    pub(crate) fn verb(request: &Request) -> Option<Verb> {
        let target = request.line().split_once(' ')?.1;
        let path = target.split_once('?').map_or(target, |(path, _)| path);
        Some(Verb::of(path)?.1)
    }

    /// Fails unless it is what an official client sends at this point: by the specification, and as recorded.
    pub(crate) fn check(
        &self,
        of: &Conversation,
        on: Transport,
        verb: Verb,
        place: &Place,
        recorded: Option<&Event>,
    ) {
        let expected = Self::expected(of, on, verb, place);
        self.same(&expected, &of.name);
        let Some(recorded) = recorded.filter(|_| of.transport.is_none_or(|it| it == on)) else {
            return;
        };
        // The recording puts parameters where one client has them and another has not.
        let mut recorded = Self {
            method: recorded.text("method").to_owned(),
            path: recorded.text("path").to_owned(),
            query: owned(recorded.pairs("query")),
            form: owned(recorded.pairs("form")),
        };
        recorded.form.retain(|(name, _)| name != "data");
        let name = format!("{}, as recorded", of.name);
        recorded.same(&expected, &name);
    }

    /// `classic-signalr.md` 2.3 and 14.1.
    fn expected(of: &Conversation, on: Transport, verb: Verb, place: &Place) -> Self {
        let method = match (verb, on) {
            (Verb::Send | Verb::Abort, _) => "POST",
            (Verb::Connect | Verb::Reconnect | Verb::Poll, Transport::LongPolling) => "POST",
            _ => "GET",
        };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let data = of
            .hubs
            .iter()
            .map(|name| serde_json::json!({ "name": name }));
        let mut query = of.query.clone();
        query.push(pair("clientProtocol", "2.1"));
        query.push(pair("connectionData", &Value::from_iter(data).to_string()));
        if verb != Verb::Negotiate {
            query.push(pair("transport", on.name()));
            query.push(pair("connectionToken", &of.token));
        }
        let mut form = Vec::new();
        if matches!(verb, Verb::Reconnect | Verb::Poll) {
            let list = match on {
                Transport::LongPolling => &mut form,
                _ => &mut query,
            };
            let (cursor, groups) = place;
            list.extend(cursor.iter().map(|cursor| pair("messageId", cursor)));
            list.extend(groups.iter().map(|groups| pair("groupsToken", groups)));
        }
        Self {
            method: method.to_owned(),
            path: format!("{}/{}", of.mount, verb.name()),
            query,
            form,
        }
    }

    fn same(&self, expected: &Self, name: &str) {
        let of = |pairs: &[(String, String)]| {
            let counts = |(name, _): &&(String, String)| !VARIES.contains(&name.as_str());
            let mut pairs: Vec<_> = pairs.iter().filter(counts).cloned().collect();
            pairs.retain(|(name, value)| !(name == "tags" && value == "1") && name != "data");
            // None at all is the same as an empty list.
            pairs.retain(|(name, value)| !(name == "connectionData" && value == "[]"));
            pairs.sort();
            pairs
        };
        assert_eq!(self.method, expected.method, "{name}: {}", expected.path);
        assert_eq!(self.path, expected.path, "{name}");
        let path = &expected.path;
        assert_eq!(of(&self.query), of(&expected.query), "{name}: {path}");
        assert_eq!(of(&self.form), of(&expected.form), "{name}: {path}");
    }

    /// What only our client asks for.
    pub(crate) fn asks_for_tags(&self) -> bool {
        self.query.contains(&("tags".to_owned(), "1".to_owned()))
    }
}

fn pairs(encoded: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(encoded.as_bytes())
        .into_owned()
        .collect()
}

fn owned(pairs: Option<Vec<(&str, &str)>>) -> Vec<(String, String)> {
    let pairs = pairs.unwrap_or_default().into_iter();
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
