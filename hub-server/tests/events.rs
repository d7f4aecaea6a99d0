//! What comes to a client beside results: events, progress and state, and that any text survives in all of them
//! (`classic-signalr.md` 8, checklist items 49 to 51 and 54).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::hubs::builder;
use common::receive::ALL;
use common::{Client, Server, until};
use hub_server::{Context, HubError, HubServer, hub};
use serde_json::{Value, json};
use tokio::sync::Notify;

const HUB: &[&str] = &["conformance", "demo", "probe"];

/// The hub `probe`: state and progress.
#[derive(Clone, Default)]
struct Probe {
    gate: Arc<Notify>,
    dropped: Arc<AtomicUsize>,
}

#[hub]
impl Probe {
    async fn state_steps(&self, cx: &Context) -> Result<(), HubError> {
        let others = cx.clients().all();
        cx.state().set("step", 1);
        cx.clients().caller().send("a", ()).await?;
        cx.state().set("step", 2);
        cx.clients().caller().send("b", ()).await?;
        // Only the caller's own messages carry state.
        others.send("c", ()).await?;
        cx.clients()
            .client(cx.connection_id())
            .send("d", ())
            .await?;
        cx.state().set("other", "o");
        Ok(())
    }

    async fn late_progress(&self, progress: hub_server::Progress<i32>) -> Result<(), HubError> {
        progress.report(1).await?;
        let probe = self.clone();
        tokio::spawn(async move {
            probe.gate.notified().await;
            let late = progress.report(2).await;
            assert!(late.is_err(), "the call has ended");
            probe.dropped.fetch_add(1, Ordering::SeqCst);
        });
        Ok(())
    }

    async fn progress_values(
        &self,
        cx: &Context,
        progress: hub_server::Progress<Value>,
    ) -> Result<(), HubError> {
        cx.state().set("n", 1);
        progress.report(json!({"pct": 50})).await?;
        progress.report(json!("half")).await?;
        progress.report(Value::Null).await?;
        Ok(())
    }
}

fn server() -> (HubServer, Probe) {
    let probe = Probe::default();
    let (builder, _) = builder();
    (builder.hub(probe.clone()).build().unwrap(), probe)
}

async fn tcp() -> Server {
    Server::tcp_of(server().0).await
}

/// Sends text as it is and gives the next frame as it is: an answer, if there is one.
async fn exchange(client: &mut Client<'_>, text: &str) -> String {
    client.socket.send_text(text).await;
    client.socket.text().await
}

#[tokio::test]
async fn item_49_any_text_survives_in_both_directions() {
    let server = tcp().await;
    let mut client = server.client(HUB).await;
    for text in [
        "+",
        "%2B%20",
        "grüße 😀 𝄞",
        "</script><!--",
        "\u{2028}\u{2029}\u{85}",
        "\" \\ / ' \n\r\t\u{8}\u{c}\0\u{7f}",
        "\u{feff}\u{ffff}",
    ] {
        assert_eq!(
            client.result("conformance", "echo", json!([text])).await,
            text
        );
        client.result("conformance", "caller", json!([text])).await;
        let event = client.event().await;
        assert_eq!(event, json!(["message", client.id, text]));
        let state = json!({"H":"demo","M":"named","A":[],"I":text,"S":{text: text}});
        client.socket.send(&state).await;
        let answer = client.socket.answer(text).await;
        assert_eq!(answer, json!({"R": true, "I": text}));
    }
    let echo =
        |escaped: &str| format!(r#"{{"H":"conformance","M":"echo","A":["{escaped}"],"I":0}}"#);
    for (sent, answered) in [
        ("\\ud83d\\ude00", "😀"),
        ("\u{2028}", "\\u2028"),
        ("\u{85}", "\\u0085"),
        ("\\/", "/"),
        ("</script>", "</script>"),
    ] {
        let answer = exchange(&mut client, &echo(sent)).await;
        assert_eq!(answer, format!(r#"{{"R":"{answered}","I":"0"}}"#));
    }
}

#[tokio::test]
async fn item_50_the_state_comes_with_a_call_and_its_changes_go_back() {
    let server = tcp().await;
    let mut client = server.client(HUB).await;
    let up = |state: &str| format!(r#"{{"H":"conformance","M":"countUp","A":[],"I":0{state}}}"#);
    for (state, answer) in [
        ("", r#"{"S":{"counter":1},"R":1,"I":"0"}"#),
        (
            r#","S":{"counter":41,"name":"ann"}"#,
            r#"{"S":{"counter":42},"R":42,"I":"0"}"#,
        ),
        // Reading is case-sensitive.
        (
            r#","S":{"Counter":41}"#,
            r#"{"S":{"counter":1},"R":1,"I":"0"}"#,
        ),
        (r#","S":{}"#, r#"{"S":{"counter":1},"R":1,"I":"0"}"#),
        (r#","S":null"#, r#"{"S":{"counter":1},"R":1,"I":"0"}"#),
    ] {
        assert_eq!(exchange(&mut client, &up(state)).await, answer);
    }
    let nested =
        r#"{"H":"conformance","M":"nestedState","A":[],"I":1,"S":{"address":{"city":"Oslo"}}}"#;
    assert_eq!(
        exchange(&mut client, nested).await,
        r#"{"R":"Oslo","I":"1"}"#
    );
}

#[tokio::test]
async fn item_50_the_callers_events_and_progress_carry_what_has_changed_by_then() {
    let server = tcp().await;
    let mut client = server.client(HUB).await;
    let call = r#"{"H":"probe","M":"stateSteps","A":[],"I":3,"S":{"old":1}}"#;
    client.socket.send_text(call).await;
    let answer = client.socket.answer("3").await;
    assert_eq!(answer, json!({"S": {"step": 2, "other": "o"}, "I": "3"}));
    let events: Vec<Value> = client.socket.events.drain(..).collect();
    let event = |name, state: Option<i32>| {
        let mut event = json!({"H": "probe", "M": name, "A": []});
        if let Some(step) = state {
            event["S"] = json!({"step": step});
        }
        event
    };
    let expected = [
        event("a", Some(1)),
        event("b", Some(2)),
        event("c", None),
        event("d", None),
    ];
    assert_eq!(events, expected);
    let call = r#"{"H":"probe","M":"progressValues","A":[],"I":9,"S":{"n":0}}"#;
    client.socket.send_text(call).await;
    let mut texts = Vec::new();
    while texts.len() < 4 {
        texts.push(client.socket.text().await);
    }
    let parts: Vec<_> = texts.iter().map(|text| inside(text)).collect();
    let expected = [
        r#"{"S":{"n":1},"I":"P|9","P":{"I":"9","D":{"pct":50}}}"#,
        r#"{"S":{"n":1},"I":"P|9","P":{"I":"9","D":"half"}}"#,
        r#"{"S":{"n":1},"I":"P|9","P":{"I":"9","D":null}}"#,
        r#"{"S":{"n":1},"I":"9"}"#,
    ];
    assert_eq!(parts, expected);
}

/// What stands in `M` of a payload, exactly; anything else as it is.
fn inside(text: &str) -> &str {
    let m = text
        .starts_with("{\"C\":")
        .then(|| text.split_once(",\"M\":["));
    match m.flatten() {
        Some((_, rest)) => rest.strip_suffix("]}").unwrap(),
        None => text,
    }
}

#[tokio::test]
async fn item_50_a_state_of_4096_characters_passes_and_4097_are_not_answered() {
    let server = tcp().await;
    let mut client = server.client(HUB).await;
    let with = |state: &str, id: &str| {
        format!(r#"{{"H":"conformance","M":"Add","A":[1,2],"I":"{id}","S":{state}}}"#)
    };
    // `{"a":""}` are eight.
    let state = |letter: &str, n: usize| format!(r#"{{"a":"{}"}}"#, letter.repeat(n));
    for (id, state) in [
        ("max", state("x", 4_088)),
        ("characters", state("é", 4_088)),
        ("blanks", state("x", 4_088).replace(':', " : ")),
        ("escapes", state("\\u0078", 4_088)),
    ] {
        let answer = exchange(&mut client, &with(&state, id)).await;
        assert_eq!(answer, format!(r#"{{"R":3,"I":"{id}"}}"#));
    }
    for state in [
        state("x", 4_089),
        state("é", 4_089),
        // Two UTF-16 units each.
        state("😀", 2_045),
        "[1]".into(),
        "5".into(),
    ] {
        client.socket.send_text(&with(&state, "refused")).await;
        let answer = exchange(&mut client, &with("{}", "next")).await;
        assert_eq!(answer, r#"{"R":3,"I":"next"}"#);
    }
}

#[tokio::test]
async fn item_51_progress_comes_inside_m_with_its_own_id_before_the_result() {
    let server = tcp().await;
    let mut client = server.client(HUB).await;
    client
        .socket
        .send_text(r#"{"H":"conformance","M":"Progress","A":[3],"I":"p|x"}"#)
        .await;
    let mut texts = Vec::new();
    while texts.len() < 4 {
        texts.push(client.socket.text().await);
    }
    let parts: Vec<_> = texts.iter().map(|text| inside(text)).collect();
    let expected = [
        r#"{"I":"P|p|x","P":{"I":"p|x","D":0}}"#,
        r#"{"I":"P|p|x","P":{"I":"p|x","D":1}}"#,
        r#"{"I":"P|p|x","P":{"I":"p|x","D":2}}"#,
        r#"{"R":"done","I":"p|x"}"#,
    ];
    assert_eq!(parts, expected);
    // Nobody listens to a call without id.
    let without = r#"{"H":"conformance","M":"Progress","A":[3]}"#;
    assert_eq!(
        exchange(&mut client, without).await,
        r#"{"R":"done","I":null}"#
    );
}

#[tokio::test]
async fn item_51_no_progress_comes_after_the_result() {
    let (server, probe) = server();
    let server = Server::tcp_of(server).await;
    let mut client = server.client(HUB).await;
    client.result("probe", "lateProgress", json!([])).await;
    let early = client.socket.events.pop_front().unwrap();
    assert_eq!(early["P"]["D"], 1);
    let tried = || probe.dropped.load(Ordering::SeqCst) > 0;
    until(|| async {
        probe.gate.notify_waiters();
        tried().then_some(())
    })
    .await;
    client.no_event().await;
}

#[tokio::test]
async fn item_54_events_have_h_m_a_and_nothing_else() {
    let server = tcp().await;
    let mut client = server.client(HUB).await;
    for (method, args, part) in [
        (
            "caller",
            json!(["x"]),
            format!(
                r#"{{"H":"conformance","M":"message","A":["{}","x"]}}"#,
                client.id
            ),
        ),
        (
            "broadcast",
            json!(["\u{2028}"]),
            format!(
                r#"{{"H":"conformance","M":"message","A":["{}","\u2028"]}}"#,
                client.id
            ),
        ),
        (
            "sendMany",
            json!([1]),
            r#"{"H":"conformance","M":"number","A":[0]}"#.to_owned(),
        ),
    ] {
        client.send("CONFORMANCE", method, args).await;
        let text = client.socket.text().await;
        assert_eq!(inside(&text), part);
        let (head, _) = text.split_once(",\"M\":").unwrap();
        assert!(
            head.starts_with("{\"C\":\"d-") && head.ends_with('"'),
            "{head}"
        );
        let answer = client.socket.text().await;
        assert!(answer.starts_with("{\"I\":\""), "{answer}");
    }
}

#[tokio::test]
async fn item_51_progress_of_a_send_comes_on_the_stream_and_the_result_in_the_answer() {
    let server = tcp().await;
    for transport in ALL {
        let mut client = server.over(transport, HUB).await;
        assert_eq!(
            client.result("conformance", "Progress", json!([3])).await,
            "done"
        );
        for n in 0..3 {
            let report = client.event().await;
            assert_eq!(report["P"]["D"], n, "{report}");
        }
    }
}
