//! Calls and their answers (`classic-signalr.md` 8, checklist "Hubs").
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::hubs::builder;
use common::{Client, Server};
use hub_server::{HubServer, hub};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

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

/// The hub `probe`: arguments of many types.
struct Probe;

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
}

fn server_with(detailed: bool) -> HubServer {
    let (builder, _) = builder();
    let builder = builder.hub(Probe).detailed_errors(detailed);
    builder.build().unwrap()
}

async fn tcp() -> Server {
    Server::tcp_of(server_with(false)).await
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
    let server = Server::tcp_of(server_with(true)).await;
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
