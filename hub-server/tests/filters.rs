//! Filters around hubs (`classic-signalr.md` 13.3).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::sync::{Arc, Mutex};

use common::hubs::builder;
use common::{Server, until};
use hub_server::{
    Admission, Args, Builder, Connect, DeliveryError, Disconnect, Filter, GroupName, HubError,
    Invocation, Next, Outgoing, Payload, Queued, Reconnect, Rejoin, Reply, async_trait,
};
use serde_json::{Value, json};

type Seen = Arc<Mutex<Vec<String>>>;

/// Writes down what passes, on the way in and on the way out.
struct Recorder {
    name: &'static str,
    seen: Seen,
}

impl Recorder {
    fn note(&self, what: &str) {
        self.seen
            .lock()
            .unwrap()
            .push(format!("{}:{what}", self.name));
    }
}

#[async_trait]
impl Filter for Recorder {
    async fn invoke(
        &self,
        call: Invocation,
        next: Next<'_, Invocation>,
    ) -> Result<Reply, HubError> {
        let known = if call.spec.is_some() { "" } else { "?" };
        let name = format!("{}.{}{known}", call.cx.hub(), call.method);
        self.note(&format!(">{name}"));
        let result = next.run(call).await;
        self.note(&format!("<{name} {}", result.is_ok()));
        result
    }

    async fn send(
        &self,
        event: Outgoing,
        next: Next<'_, Outgoing>,
    ) -> Result<Option<Queued>, DeliveryError> {
        let name = event.event.method.to_string();
        self.note(&format!(">{name}"));
        let result = next.run(event).await;
        self.note(&format!("<{name}"));
        result
    }

    async fn connect(&self, event: Connect, next: Next<'_, Connect>) -> Result<(), HubError> {
        let hub = event.cx.hub().clone();
        self.note(&format!(">connect {hub}"));
        let result = next.run(event).await;
        self.note(&format!("<connect {hub}"));
        result
    }

    async fn reconnect(&self, event: Reconnect, next: Next<'_, Reconnect>) -> Result<(), HubError> {
        self.note("reconnect");
        next.run(event).await
    }

    async fn disconnect(
        &self,
        event: Disconnect,
        next: Next<'_, Disconnect>,
    ) -> Result<(), HubError> {
        let stopped = event.reason.is_stopped();
        let result = next.run(event).await;
        self.note(&format!("disconnect {stopped}"));
        result
    }

    async fn rejoin(&self, groups: Rejoin, next: Next<'_, Rejoin>) -> Vec<GroupName> {
        self.note(&format!("rejoin {:?}", groups.groups));
        next.run(groups).await
    }

    async fn authorize(&self, who: Admission, next: Next<'_, Admission>) -> bool {
        self.note(&format!("authorize {}", who.hub));
        next.run(who).await
    }
}

/// A builder with two recorders, and what they saw.
fn recorded() -> (Builder, Seen) {
    let seen = Seen::default();
    let recorder = |name| Recorder {
        name,
        seen: seen.clone(),
    };
    let builder = builder().0.filter(recorder("a")).filter(recorder("b"));
    (builder, seen)
}

fn taken(seen: &Seen) -> Vec<String> {
    std::mem::take(&mut *seen.lock().unwrap())
}

#[tokio::test]
async fn the_filter_that_was_added_first_is_the_outermost() {
    let (builder, seen) = recorded();
    let server = Server::tcp(builder).await;
    let mut client = server.negotiated(&["conformance"], None).await;
    assert_eq!(
        taken(&seen),
        ["a:authorize conformance", "b:authorize conformance"]
    );
    client.socket = client.open("/connect", &[]).await.unwrap();
    client.socket.frame().await;
    taken(&seen);
    assert_eq!(client.get("/start").await.status, 200);
    assert_eq!(
        taken(&seen)[2..],
        [
            "a:>connect conformance",
            "b:>connect conformance",
            "b:<connect conformance",
            "a:<connect conformance"
        ]
    );
    client
        .result("CONFORMANCE", "BROADCAST", json!(["x"]))
        .await;
    assert_eq!(
        taken(&seen),
        [
            "a:>conformance.broadcast",
            "b:>conformance.broadcast",
            "a:>message",
            "b:>message",
            "b:<message",
            "a:<message",
            "b:<conformance.broadcast true",
            "a:<conformance.broadcast true"
        ]
    );
    client.call("conformance", "Unknown", json!([])).await;
    assert_eq!(
        taken(&seen),
        [
            "a:>conformance.Unknown?",
            "b:>conformance.Unknown?",
            "b:<conformance.Unknown? false",
            "a:<conformance.Unknown? false"
        ]
    );
}

#[tokio::test]
async fn comings_goings_and_groups_pass_through_filters() {
    let (builder, seen) = recorded();
    let server = Server::tcp(builder).await;
    let mut client = server.client(&["conformance"]).await;
    client.result("conformance", "join", json!(["g"])).await;
    client.result("conformance", "nothing", json!([])).await;
    while client.socket.groups.is_none() {
        client.socket.frame().await;
    }
    taken(&seen);
    client.reconnect().await;
    until(async || {
        let seen = seen.lock().unwrap();
        seen.contains(&"b:reconnect".to_owned()).then_some(())
    })
    .await;
    let heard = taken(&seen);
    assert_eq!(
        heard[2..],
        [
            r#"a:rejoin ["g"]"#,
            r#"b:rejoin ["g"]"#,
            "a:reconnect",
            "b:reconnect"
        ]
    );
    client.abort().await;
    until(async || {
        let seen = seen.lock().unwrap();
        seen.contains(&"a:disconnect true".to_owned()).then_some(())
    })
    .await;
    let heard = taken(&seen);
    assert_eq!(heard[2..], ["b:disconnect true", "a:disconnect true"]);
}

/// Does everything that a filter may do.
struct Meddler;

#[async_trait]
impl Filter for Meddler {
    async fn invoke(
        &self,
        mut call: Invocation,
        next: Next<'_, Invocation>,
    ) -> Result<Reply, HubError> {
        match &*call.method {
            "nothing" => return Reply::of("skipped"),
            "add" => call.args = args(&json!([40, 2])),
            "slow" => call.args = args(&json!([1, 2, 3])),
            "large" => panic!("a filter that panics"),
            _ => {}
        }
        match next.run(call).await {
            Err(error) if error.message() == "cured" => Reply::of("well again"),
            Err(error) if error.message() == "translated" => {
                Err(HubError::new("in other words").with_data(&7))
            }
            other => other,
        }
    }

    async fn send(
        &self,
        mut event: Outgoing,
        next: Next<'_, Outgoing>,
    ) -> Result<Option<Queued>, DeliveryError> {
        match event.event.args.as_bytes() {
            text if text.ends_with(b"\"drop\"]") => return Ok(None),
            text if text.ends_with(b"\"refuse\"]") => {
                return Err(DeliveryError::Refused("not that".into()));
            }
            text if text.ends_with(b"\"change\"]") => {
                event.event.args = Payload::of(&["changed"]).unwrap();
            }
            _ => {}
        }
        next.run(event).await
    }

    async fn connect(&self, event: Connect, next: Next<'_, Connect>) -> Result<(), HubError> {
        if event.cx.request().query("tag").as_deref() == Some("no") {
            return Err(HubError::new("not today"));
        }
        next.run(event).await
    }

    async fn rejoin(&self, groups: Rejoin, next: Next<'_, Rejoin>) -> Vec<GroupName> {
        let mut left = next.run(groups).await;
        left.retain(|group| *group != "once");
        left
    }

    async fn authorize(&self, who: Admission, next: Next<'_, Admission>) -> bool {
        who.request
            .query("barred")
            .is_none_or(|hub| hub != who.hub.as_str())
            && next.run(who).await
    }
}

fn args(values: &Value) -> Args {
    Args::parse(values.to_string().into()).unwrap()
}

async fn meddled() -> Server {
    Server::tcp(
        builder()
            .0
            .filter(Meddler)
            .path("/signalr")
            .detailed_errors(true),
    )
    .await
}

#[tokio::test]
async fn a_filter_may_skip_change_and_cure_calls() {
    let server = meddled().await;
    let mut client = server.client(&["conformance"]).await;
    let skipped = client.result("conformance", "nothing", json!([])).await;
    assert_eq!(skipped, "skipped");
    let added = client.result("conformance", "add", json!([1, 1])).await;
    assert_eq!(added, 42);
    let cured = client
        .result("conformance", "throw", json!(["cured"]))
        .await;
    assert_eq!(cured, "well again");
    let told = client
        .call("conformance", "throw", json!(["translated"]))
        .await;
    assert_eq!(
        (&told["E"], &told["H"], &told["D"]),
        (&json!("in other words"), &json!(true), &json!(7))
    );
    let kept = client
        .call("conformance", "throw", json!(["as it is"]))
        .await;
    assert_eq!(kept["E"], "as it is");
    // A filter that fails or passes on what does not fit fails the call, and the connection lives.
    let panicked = client.call("conformance", "large", json!([1])).await;
    assert!(panicked["E"].is_string(), "{panicked}");
    let misfit = client.call("conformance", "slow", json!([1, 2])).await;
    assert!(misfit["E"].is_string(), "{misfit}");
    let state = client.result("conformance", "countUp", json!([])).await;
    assert_eq!(state, 1);
}

#[tokio::test]
async fn a_filter_may_drop_change_and_refuse_what_is_sent() {
    let server = meddled().await;
    let mut client = server.client(&["conformance"]).await;
    for text in ["drop", "change", "kept"] {
        client
            .result("conformance", "broadcast", json!([text]))
            .await;
    }
    assert_eq!(client.event().await, json!(["message", "changed"]));
    assert_eq!(client.event().await, json!(["message", client.id, "kept"]));
    let refused = client
        .call("conformance", "broadcast", json!(["refuse"]))
        .await;
    assert_eq!(refused["E"], "not that");
}

#[tokio::test]
async fn a_filter_passes_what_is_sent_from_outside() {
    let server = builder().0.filter(Meddler).build().unwrap();
    let handle = server.handle("conformance").unwrap();
    let server = Server::tcp_of(server).await;
    let mut client = server.client(&["conformance"]).await;
    let all = handle.clients().all();
    all.send("message", ("x", "drop")).await.unwrap();
    all.send("message", ("x", "change")).await.unwrap();
    let refused = all.send("message", ("x", "refuse")).await;
    assert!(matches!(refused, Err(DeliveryError::Refused(_))));
    assert_eq!(client.event().await, json!(["message", "changed"]));
}

#[tokio::test]
async fn a_filter_may_fail_a_start() {
    let server = meddled().await;
    let client = server.connected(&["conformance"], None).await;
    let query = client.query(&[("tag", "no")]);
    assert_eq!(server.get("/start", &query).await.status, 500);
    assert_eq!(client.get("/start").await.status, 200);
}

#[tokio::test]
async fn item_58_the_rejoin_hook_can_filter() {
    let server = meddled().await;
    let mut client = server.client(&["conformance"]).await;
    for group in ["once", "always"] {
        client.result("conformance", "join", json!([group])).await;
    }
    client.reconnect().await;
    let mut other = server.client(&["conformance"]).await;
    for group in ["once", "always"] {
        let args = json!([group, "x"]);
        other.result("conformance", "sendGroup", args).await;
    }
    assert_eq!(client.event().await, json!(["groupMessage", "always", "x"]));
}

#[tokio::test]
async fn item_12_a_filter_may_bar_hubs() {
    let server = meddled().await;
    let status = async |barred: &str, hubs: &str, verb: &str| {
        let query = [("connectionData", hubs), ("barred", barred)];
        server.get(verb, &query).await.status
    };
    let (one, two) = (
        r#"[{"name":"demo"}]"#,
        r#"[{"name":"DEMO"},{"name":"conformance"}]"#,
    );
    for verb in ["/negotiate", "/ping", "/hubs"] {
        assert_eq!(status("demo", one, verb).await, 401);
        assert_eq!(status("demo", two, verb).await, 200);
        assert_eq!(status("", one, verb).await, 200);
    }
    let query = [("connectionData", one), ("barred", "demo")];
    let known = server.get_as("/negotiate", &query, Some("ann")).await;
    assert_eq!(known.status, 403);
}
