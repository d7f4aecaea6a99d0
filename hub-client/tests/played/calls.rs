//! Calls, as the client makes them and as they end for whoever made them.

use hub_client::CallError;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::conversation::Verb;
use crate::event::Event;
use crate::line::Line;
use crate::player::Player;
use crate::server::{Request, soon};

/// A call under way.
pub(crate) struct Asked {
    pub(crate) outcome: JoinHandle<Result<Value, CallError>>,
    pub(crate) reports: mpsc::UnboundedReceiver<Value>,
    /// The id that our client gave it.
    pub(crate) id: String,
    /// Where it came as a request.
    request: Option<Request>,
}

impl Player<'_> {
    pub(crate) async fn call(&mut self, id: &str, what: &Value, recorded: &Event) {
        let (client, _) = self.client.as_ref().unwrap();
        let (client, call) = (client.clone(), what.clone());
        let state = client.hub_state(call["H"].as_str().unwrap());
        for (name, value) in call["S"].as_object().into_iter().flatten() {
            state.set(name, value).unwrap();
        }
        let (report, reports) = mpsc::unbounded_channel();
        let outcome = tokio::spawn(async move {
            let (hub, method) = (call["H"].as_str().unwrap(), call["M"].as_str().unwrap());
            let report = |value: Value| report.send(value).unwrap();
            client
                .invoke_with_progress(hub, method, &call["A"], report)
                .await
        });
        let (sent, request) = match &mut self.line {
            Some(Line::Socket(socket)) => (socket.hear().await, None),
            _ => {
                let next = self
                    .desk
                    .next(self.of, Verb::Send, &self.place, Some(recorded));
                let (request, sent) = next.await;
                let [(name, data)] = &sent.form[..] else {
                    panic!("{}: {:?}", self.of.name, sent.form)
                };
                assert_eq!(name, "data");
                (data.clone(), Some(request))
            }
        };
        let mut sent: Value = serde_json::from_str(&sent).unwrap();
        let ours = sent["I"].as_str().unwrap().to_owned();
        let mut expected = what.clone();
        expected["I"] = Value::from(ours.clone());
        // The recorder gives what state it likes; a client also what it was told before.
        let state = |of: &mut Value| of.as_object_mut().unwrap().remove("S");
        let (given, told) = (state(&mut sent), state(&mut expected));
        for (name, value) in told.iter().filter_map(Value::as_object).flatten() {
            assert_eq!(given.as_ref().unwrap()[name], *value, "{}", self.of.name);
        }
        assert_eq!(sent, expected, "{}", self.of.name);
        let asked = Asked {
            outcome,
            reports,
            id: ours,
            request,
        };
        self.calls.insert(id.to_owned(), asked);
    }

    pub(crate) async fn result(&mut self, id: &str, text: &str) {
        let Some(asked) = self.calls.remove(id) else {
            return;
        };
        let of = |id: &str| format!("\"I\":\"{id}\"");
        let text = text.replacen(&of(id), &of(&asked.id), 1);
        let said: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(said["I"], asked.id, "{}", self.of.name);
        match (asked.request, &mut self.line) {
            (Some(request), _) => request.answer_in_chunks(&text).await,
            (None, Some(Line::Socket(socket))) => socket.say(&text).await,
            _ => panic!("{}: no link", self.of.name),
        }
        let outcome = soon(asked.outcome).await.unwrap();
        let name = &self.of.name;
        match (outcome, said.get("E")) {
            (Ok(value), None) => {
                assert_eq!(&value, said.get("R").unwrap_or(&Value::Null), "{name}")
            }
            (
                Err(CallError::Hub {
                    message,
                    data,
                    public,
                }),
                Some(error),
            ) => {
                assert_eq!(error, &message, "{name}");
                assert_eq!(public, said["H"] == true, "{name}");
                let data: Value = data.map(|data| data.read().unwrap()).unwrap_or_default();
                assert_eq!(&data, said.get("D").unwrap_or(&Value::Null), "{name}");
            }
            (outcome, _) => panic!("{name}: {text} became {outcome:?}"),
        }
        self.played.results += 1;
    }

    /// Over HTTP the call fails; a socket has no such answer.
    pub(crate) async fn no_result(&mut self, id: &str, status: u16, body: &str) {
        let Some(request) = self.calls.get_mut(id).and_then(|call| call.request.take()) else {
            return;
        };
        let asked = self.calls.remove(id).unwrap();
        request.answer(status, body).await;
        let outcome = soon(asked.outcome).await.unwrap();
        let name = &self.of.name;
        assert!(
            matches!(outcome, Err(CallError::Send(_))),
            "{name}: {outcome:?}"
        );
        self.played.results += 1;
    }
}
