//! Calls and their answers (`classic-signalr.md` 8, checklist "Hubs").
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::hubs::builder;
use common::{Client, Server, until, within};
use hub_server::{ConnectionId, Context, HubError, HubServer, hub};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Notify;

const HUB: &[&str] = &["conformance", "demo", "probe"];
const GENERIC: &str = "There was an error invoking Hub method";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Person {
    name: String,
    #[serde(default)]
    age: i32,
    #[serde(default)]
    numbers: Vec<i32>,
    boss: Option<Box<Self>>,
}

#[derive(Serialize, Deserialize)]
enum Colour {
    Red,
    Green,
}

/// The hub `probe`: types, orders and interleavings.
#[derive(Clone, Default)]
struct Probe {
    gate: Arc<Notify>,
    started: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
    waiting: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

struct CountDrop(Arc<AtomicUsize>);

impl Drop for CountDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[hub]
impl Probe {
    fn int(&self, value: i32) -> i32 {
        value
    }

    fn uint(&self, value: u8) -> u8 {
        value
    }

    fn text(&self, value: String) -> String {
        value
    }

    fn on(&self, value: bool) -> bool {
        value
    }

    fn double(&self, value: f64) -> f64 {
        value
    }

    fn guid(&self, value: uuid::Uuid) -> String {
        value.to_string()
    }

    fn bytes(&self, value: Vec<u8>) -> Vec<u8> {
        value
    }

    fn ints(&self, value: Vec<i32>) -> Vec<i32> {
        value
    }

    fn person(&self, value: Person) -> Person {
        value
    }

    fn maybe(&self, value: Option<i32>) -> String {
        format!("{value:?}")
    }

    fn colour(&self, value: Colour) -> Colour {
        value
    }

    fn any(&self, value: Value) -> Value {
        value
    }

    /// Says how many calls had started before this one.
    async fn order(&self, wait: bool) -> usize {
        let number = self.started.fetch_add(1, Ordering::SeqCst);
        if wait {
            tokio::task::yield_now().await;
        }
        number
    }

    /// Waits until somebody opens the gate.
    async fn wait(&self) -> &'static str {
        let _guard = CountDrop(self.dropped.clone());
        let waiting = self.waiting.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(waiting, Ordering::SeqCst);
        self.gate.notified().await;
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        "open"
    }

    fn open(&self) {
        self.gate.notify_waiters();
    }

    async fn panic_later(&self) {
        tokio::task::yield_now().await;
        panic!("later");
    }

    async fn event_then_error(&self, cx: &Context) -> Result<(), HubError> {
        cx.clients().caller().send("step", (1,)).await?;
        Err(HubError::new("sorry"))
    }

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

fn server_with(detailed: bool) -> (HubServer, Probe) {
    let probe = Probe::default();
    let (builder, _) = builder();
    let builder = builder.hub(probe.clone()).detailed_errors(detailed);
    (builder.build().unwrap(), probe)
}

async fn tcp() -> Server {
    Server::tcp_of(server_with(false).0).await
}

/// Sends text as it is and gives the next frame as it is: an answer, if there is one.
async fn exchange(client: &mut Client<'_>, text: &str) -> String {
    client.socket.send_text(text).await;
    client.socket.text().await
}

#[tokio::test]
async fn item_43_numeric_and_string_ids_are_both_answered_with_a_string() {
    let server = tcp().await;
    let mut client = server.client(HUB).await;
    for (sent, answered) in [
        ("0", r#""0""#),
        (r#""x""#, r#""x""#),
        (r#""""#, r#""""#),
        ("-3", r#""-3""#),
        ("1.5", r#""1.5""#),
        ("12345678901234567890", r#""12345678901234567890""#),
        ("true", r#""True""#),
        ("false", r#""False""#),
        ("null", "null"),
        (r#""\u2028 \" ü""#, "\"\\u2028 \\\" ü\""),
    ] {
        let call = format!(r#"{{"H":"conformance","M":"Add","A":[1,2],"I":{sent}}}"#);
        let answer = exchange(&mut client, &call).await;
        assert_eq!(answer, format!(r#"{{"R":3,"I":{answered}}}"#));
    }
    let answer = exchange(&mut client, r#"{"H":"conformance","M":"Add","A":[1,2]}"#).await;
    assert_eq!(answer, r#"{"R":3,"I":null}"#);
}

#[tokio::test]
async fn item_44_nothing_and_null_have_no_result_and_what_is_falsy_has_one() {
    let server = tcp().await;
    let mut client = server.client(HUB).await;
    for (which, answered) in [
        ("null", r#"{"I":"0"}"#),
        ("false", r#"{"R":false,"I":"0"}"#),
        ("zero", r#"{"R":0,"I":"0"}"#),
        ("empty", r#"{"R":"","I":"0"}"#),
        ("array", r#"{"R":[],"I":"0"}"#),
    ] {
        let call = format!(r#"{{"H":"demo","M":"falsy","A":["{which}"],"I":0}}"#);
        assert_eq!(exchange(&mut client, &call).await, answered);
    }
    let nothing = r#"{"H":"conformance","M":"nothing","A":[],"I":0}"#;
    assert_eq!(exchange(&mut client, nothing).await, r#"{"I":"0"}"#);
    let none = r#"{"H":"conformance","M":"echoAny","A":[null],"I":0}"#;
    assert_eq!(exchange(&mut client, none).await, r#"{"I":"0"}"#);
}

#[tokio::test]
async fn item_45_the_generic_error_quotes_what_was_sent_and_hides_the_rest() {
    let server = tcp().await;
    let mut client = server.client(HUB).await;
    for (method, args) in [
        ("throw", json!(["secret"])),
        ("tHROW", json!(["secret"])),
        ("Missing", json!([])),
        ("add", json!([1])),
        ("add", json!(["secret", 2])),
        ("panic", json!([])),
        ("", json!([])),
    ] {
        let answer = client.call("Conformance", method, args).await;
        let text = format!("{GENERIC} 'Conformance.{method}'.");
        assert_eq!(answer, json!({"I": answer["I"], "E": text}));
    }
    // A hub exception is always told, with its data if it has some.
    let told = client
        .call("conformance", "throwHub", json!(["hub boom", {"a": 1}]))
        .await;
    let expected = json!({"I": told["I"], "H": true, "E": "hub boom", "D": {"a": 1}});
    assert_eq!(told, expected);
    let told = client
        .call("conformance", "throwHub", json!(["hub boom", null]))
        .await;
    assert_eq!(told, json!({"I": told["I"], "H": true, "E": "hub boom"}));
}

#[tokio::test]
async fn item_45_detailed_errors_tell_the_text_and_are_no_hub_exceptions() {
    let server = Server::tcp_of(server_with(true).0).await;
    let mut client = server.client(HUB).await;
    let answer = exchange(
        &mut client,
        r#"{"H":"conformance","M":"Throw","A":["boom \u2028 \" 😀"],"I":0}"#,
    )
    .await;
    assert_eq!(answer, "{\"I\":\"0\",\"E\":\"boom \\u2028 \\\" 😀\"}");
    let unresolved = |name: &str| {
        json!(format!(
            "'{name}' method could not be resolved. No method found with that name."
        ))
    };
    let missing = client.call("conformance", "Missing", json!([])).await;
    assert_eq!(missing["E"], unresolved("Missing"));
    let empty = client.call("conformance", "", json!([])).await;
    assert_eq!(empty["E"], unresolved(""));
    // Candidates are for those who know the exact spelling.
    let other = client.call("conformance", "ADD", json!([1])).await;
    assert_eq!(other["E"], unresolved("ADD"));
    let exact = client.call("conformance", "add", json!([1])).await;
    let text =
        "'add' method could not be resolved. Potential candidates are: \nadd(a:i32, b:i32):i32";
    assert_eq!(exact["E"], text);
    let order = exchange(
        &mut client,
        r#"{"H":"conformance","M":"throwHub","A":["",0],"I":0}"#,
    )
    .await;
    assert_eq!(order, r#"{"I":"0","H":true,"E":"","D":0}"#);
}

#[tokio::test]
async fn item_46_names_are_found_whatever_their_case() {
    let server = tcp().await;
    let mut client = server.client(HUB).await;
    for (hub, method) in [
        ("conformance", "add"),
        ("CONFORMANCE", "ADD"),
        ("Conformance", "Add"),
    ] {
        assert_eq!(client.result(hub, method, json!([1, 2])).await, 3);
    }
    assert_eq!(client.result("DEMO", "nAMED", json!([])).await, true);
    let lower = r#"{"h":"Conformance","m":"ADD","a":[1,2],"i":5,"z":{"I":1},"s":null}"#;
    assert_eq!(exchange(&mut client, lower).await, r#"{"R":3,"I":"5"}"#);
    let twice = r#"{"H":"x","I":1,"M":"no","A":[],"h":"conformance","m":"add","a":[1,2],"i":2}"#;
    assert_eq!(exchange(&mut client, twice).await, r#"{"R":3,"I":"2"}"#);
}

#[tokio::test]
async fn item_47_overloads_are_told_apart_by_count_and_a_wrong_count_is_an_error_result() {
    let server = tcp().await;
    let mut client = server.client(HUB).await;
    let none = client.call("demo", "overload", json!([])).await;
    assert_eq!(none, json!({"I": none["I"]}));
    assert_eq!(client.result("demo", "overload", json!([7])).await, 7);
    for (method, args) in [
        ("overload", json!([1, 2])),
        ("optional", json!([])),
        ("optional", json!([1, 2, 3])),
    ] {
        let answer = client.call("demo", method, args).await;
        assert_eq!(answer["E"], format!("{GENERIC} 'demo.{method}'."));
    }
    // Ours: the original does not understand optional parameters.
    assert_eq!(client.result("demo", "optional", json!([1])).await, 6);
    assert_eq!(client.result("demo", "optional", json!([1, 2])).await, 3);
    // The progress sink is no argument, and `A` may be missing.
    let answer = client.call("conformance", "progress", json!([])).await;
    assert!(answer["E"].is_string());
    let without = r#"{"H":"conformance","M":"nothing","I":"n"}"#;
    assert_eq!(exchange(&mut client, without).await, r#"{"I":"n"}"#);
    assert_eq!(client.result("conformance", "add", json!([1, 1])).await, 2);
}

/// What serde reads. What is converted beyond this is tested in `coercions.rs`; what Json.NET would convert and this
/// server does not, in [`item_48_what_json_net_would_coerce_is_an_error_result`].
#[tokio::test]
async fn item_48_arguments_are_read_as_their_types() {
    let server = tcp().await;
    let mut client = server.client(HUB).await;
    let guid = "6a246327-fd16-4a90-8a76-e87ef5d14642";
    for (method, value) in [
        ("int", json!(-5)),
        ("int", json!(i32::MIN)),
        ("text", json!("")),
        ("text", json!("grüße 😀")),
        ("on", json!(true)),
        ("double", json!(2.5)),
        ("guid", json!(guid)),
        ("bytes", json!([1, 2, 3])),
        ("ints", json!([])),
        ("ints", json!([1, -2])),
        ("colour", json!("Green")),
        ("any", json!({"b": 1, "A": [1.5, null]})),
    ] {
        assert_eq!(client.result("probe", method, json!([value])).await, value);
    }
    assert_eq!(client.result("probe", "double", json!([2])).await, 2.0);
    assert_eq!(client.result("probe", "maybe", json!([null])).await, "None");
    assert_eq!(client.result("probe", "maybe", json!([3])).await, "Some(3)");
    let upper = guid.to_uppercase();
    assert_eq!(client.result("probe", "guid", json!([upper])).await, guid);
    // Missing members are their default, extra ones are ignored.
    let person = json!({"Name": "ann", "Extra": 1, "Boss": {"Name": "bob", "Age": 3}});
    let answer = client.result("probe", "person", json!([person])).await;
    let boss = json!({"Name": "bob", "Age": 3, "Numbers": [], "Boss": null});
    let whole = json!({"Name": "ann", "Age": 0, "Numbers": [], "Boss": boss});
    assert_eq!(answer, whole);
}

#[tokio::test]
async fn item_48_what_does_not_fit_is_an_error_result() {
    let server = tcp().await;
    let mut client = server.client(HUB).await;
    for (method, value) in [
        ("int", json!(1.5)),
        ("int", json!(5.0)),
        ("int", json!(true)),
        ("int", json!("")),
        ("int", json!(null)),
        ("int", json!({})),
        ("int", json!(99_999_999_999_u64)),
        ("uint", json!(256)),
        ("uint", json!(-1)),
        ("text", json!({})),
        ("text", json!([])),
        ("guid", json!("x")),
        ("person", json!({"Age": "x", "Name": "n"})),
    ] {
        let answer = client.call("probe", method, json!([value])).await;
        assert_eq!(
            answer["E"],
            format!("{GENERIC} 'probe.{method}'."),
            "{value}"
        );
    }
}

/// Differs from the original: a `String` is never null (an `Option<String>` may be), and a member without a default must
/// be there.
#[tokio::test]
async fn item_48_what_json_net_would_coerce_is_an_error_result() {
    let server = tcp().await;
    let mut client = server.client(HUB).await;
    for (method, value) in [
        ("text", json!(null)),
        ("colour", json!(9)),
        ("person", json!(null)),
        ("person", json!({})),
    ] {
        let answer = client.call("probe", method, json!([value])).await;
        assert!(answer["E"].is_string(), "{method} {value}: {answer}");
    }
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
    let (server, probe) = server_with(false);
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
async fn item_55_from_outside_a_hub_all_targets_and_groups_are_there() {
    let (server, _) = server_with(false);
    let hub = server.handle("CONFORMANCE").unwrap();
    assert!(server.handle("nosuch").is_none());
    assert_eq!(hub.name().as_str(), "conformance");
    let server = Server::tcp_of(server).await;
    let mut ann = server.client_as(HUB, Some("ann")).await;
    let mut bob = server.client_as(HUB, Some("bob")).await;
    let (a, b) = (ann.id.clone(), bob.id.clone());
    let id = |text: &str| ConnectionId::from(text);
    hub.groups().add(&id(&a), "g").await.unwrap();
    hub.groups().add(&id(&a), "h").await.unwrap();
    hub.groups().add(&id(&b), "h").await.unwrap();
    let c = hub.clients();
    let none: [&str; 0] = [];
    let targets = [
        (c.all(), "ab"),
        (c.all_except([&*a]), "b"),
        (c.all_except([&*a, &*b]), ""),
        (c.client(&*b), "b"),
        (c.client("nobody"), ""),
        (c.clients([&*a, &*b]), "ab"),
        (c.clients(none), ""),
        (c.group("g"), "a"),
        (c.group_except("h", [&*a]), "b"),
        (c.groups(["g", "h"]), "aab"),
        (c.groups(none), ""),
        (c.user("ann"), "a"),
        (c.user("ANN"), ""),
        (c.user_except("ann", [&*a]), ""),
        (c.users(["ann", "bob"]), "ab"),
        (c.users(none), ""),
    ];
    for (n, (to, _)) in targets.iter().enumerate() {
        to.send("n", (n,)).await.unwrap();
    }
    for (client, letter) in [(&mut ann, 'a'), (&mut bob, 'b')] {
        let mut expected = Vec::new();
        for (n, (_, who)) in targets.iter().enumerate() {
            for _ in who.matches(letter) {
                expected.push(json!(["n", n]));
            }
        }
        for event in expected {
            assert_eq!(client.event().await, event);
        }
        client.no_event().await;
    }
    hub.groups().remove(&id(&a), "g").await.unwrap();
    c.group("g").send("n", (0,)).await.unwrap();
    ann.no_event().await;
    // Empty names are refused, as is what is no array.
    assert!(c.client("").send("n", ()).await.is_err());
    assert!(c.group("").send("n", ()).await.is_err());
    assert!(c.users(["ann", ""]).send("n", ()).await.is_err());
    assert!(c.all().send("n", "no tuple").await.is_err());
    ann.no_event().await;
    hub.abort(&id(&a)).await.unwrap();
    assert_eq!(ann.socket.end().await, Some(1000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn calls_of_one_connection_start_in_the_order_in_which_they_came() {
    let server = tcp().await;
    let mut client = server.client(HUB).await;
    let mut expected = 0;
    for round in 0..10 {
        let mut ids = Vec::new();
        for n in 0..100 {
            let wait = (n + round) % 3 > 0;
            ids.push(client.send("probe", "order", json!([wait])).await);
        }
        for id in ids {
            assert_eq!(client.socket.answer(&id).await["R"], expected);
            expected += 1;
        }
    }
}

#[tokio::test]
async fn calls_of_one_connection_interleave_at_their_awaits() {
    let server = tcp().await;
    let mut client = server.client(HUB).await;
    let first = client.send("probe", "wait", json!([])).await;
    let second = client.send("probe", "wait", json!([])).await;
    // Both are waiting, and the third, which they wait for, runs.
    assert_eq!(client.result("conformance", "add", json!([1, 2])).await, 3);
    client.result("probe", "open", json!([])).await;
    assert_eq!(client.socket.answer(&second).await["R"], "open");
    assert_eq!(client.socket.answer(&first).await["R"], "open");
}

#[tokio::test(start_paused = true)]
async fn results_come_in_the_order_in_which_the_calls_end() {
    let server = Server::memory_of(server_with(false).0);
    let mut client = server.client(HUB).await;
    for (ms, value) in [(300, 3), (100, 1), (200, 2), (0, 0)] {
        client.send("conformance", "slow", json!([ms, value])).await;
    }
    for value in 0..4 {
        assert_eq!(client.socket.frame().await["R"], value);
    }
}

#[tokio::test]
async fn a_panic_fails_its_own_call_and_nothing_else() {
    let server = tcp().await;
    let mut client = server.client(HUB).await;
    let mut other = server.client(HUB).await;
    for _ in 0..3 {
        for (hub, method) in [("conformance", "panic"), ("probe", "panicLater")] {
            let waiting = client.send("probe", "wait", json!([])).await;
            let answer = client.call(hub, method, json!([])).await;
            assert_eq!(answer["E"], format!("{GENERIC} '{hub}.{method}'."));
            other.result("probe", "open", json!([])).await;
            assert_eq!(client.socket.answer(&waiting).await["R"], "open");
        }
    }
    let server = Server::tcp_of(server_with(true).0).await;
    let mut client = server.client(HUB).await;
    let answer = client.call("conformance", "panic", json!([])).await;
    assert_eq!(answer["E"], "the hub method panicked: on purpose");
}

#[tokio::test]
async fn events_that_were_sent_before_an_error_come_before_it() {
    let server = tcp().await;
    let mut client = server.client(HUB).await;
    client.send("probe", "eventThenError", json!([])).await;
    assert_eq!(client.socket.frame().await["M"][0]["M"], "step");
    assert_eq!(client.socket.frame().await["E"], "sorry");
}

#[tokio::test]
async fn a_call_goes_on_when_its_socket_is_gone_and_its_result_goes_nowhere() {
    let (server, probe) = server_with(false);
    let server = Server::tcp_of(server).await;
    let mut client = server.client(HUB).await;
    let old = client.send("probe", "wait", json!([])).await;
    client.result("conformance", "nothing", json!([])).await;
    client.reconnect().await;
    client.result("conformance", "nothing", json!([])).await;
    probe.gate.notify_waiters();
    until(|| async { (probe.dropped.load(Ordering::SeqCst) > 0).then_some(()) }).await;
    // Ids begin anew on the new socket; the old answer would be taken for a new call's.
    let answer = client.call("conformance", "add", json!([1, 2])).await;
    assert_eq!(answer["R"], 3);
    for _ in 0..3 {
        client.no_event().await;
    }
    let again = json!({"H": "conformance", "M": "add", "A": [2, 2], "I": old});
    client.socket.send(&again).await;
    assert_eq!(client.socket.answer(&old).await["R"], 4);
}

#[tokio::test]
async fn no_more_calls_run_at_once_than_may_and_the_rest_wait() {
    let probe = Probe::default();
    let (builder, _) = builder();
    let server = Server::tcp(builder.hub(probe.clone()).max_open_calls(3)).await;
    let mut client = server.client(HUB).await;
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.push(client.send("probe", "wait", json!([])).await);
    }
    let last = client.send("conformance", "nothing", json!([])).await;
    let mut other = server.client(HUB).await;
    // Three wait at the gate at a time; each opening lets them go and the next three in.
    for id in ids {
        within(async {
            let answer = client.socket.answer(&id);
            tokio::pin!(answer);
            loop {
                tokio::select! {
                    _ = &mut answer => break,
                    () = tokio::time::sleep(Duration::from_millis(1)) => probe.gate.notify_waiters(),
                }
            }
        })
        .await;
    }
    client.socket.answer(&last).await;
    other.result("conformance", "nothing", json!([])).await;
    assert_eq!(probe.most.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn what_is_no_call_is_not_answered_and_does_no_harm() {
    let server = tcp().await;
    let mut client = server.client(HUB).await;
    for text in [
        r#"{"H":"nosuch","M":"Add","A":[1,2],"I":0}"#,
        r#"{"M":"Add","A":[1,2],"I":1}"#,
        r#"{"H":"conformance","A":[1,2],"I":2}"#,
        r#"{"H":"","M":"Add","A":[],"I":3}"#,
        "garbage",
        "",
        "null",
        "{}",
        "[]",
        "5",
        r#"{"H":"#,
        r#"[{"H":"conformance","M":"Add","A":[1,2],"I":25}]"#,
        r#"{"H":"conformance","M":"Add","A":{"a":1,"b":2},"I":20}"#,
        r#"{"H":"conformance","M":"Add","A":3,"I":21}"#,
        r#"{"H":"conformance","M":"Add","A":[1,2],"I":{"a":1}}"#,
        r#"{"H":"conformance","M":"Add","A":[1,2],"I":[]}"#,
        r#"{"H":{},"M":"Add","A":[1,2],"I":1}"#,
        r#"{"H":"conformance","M":[],"A":[1,2],"I":1}"#,
    ] {
        client.socket.send_text(text).await;
        let alive = r#"{"H":"conformance","M":"Add","A":[1,2],"I":"alive"}"#;
        assert_eq!(
            exchange(&mut client, alive).await,
            r#"{"R":3,"I":"alive"}"#,
            "{text}"
        );
    }
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let call = format!(r#"{{"H":"conformance","M":"echoAny","A":[{deep}],"I":1}}"#);
    client.socket.send_text(&call).await;
    let answer = client.socket.answer("1").await;
    assert!(answer["E"].is_string(), "{answer}");
}
