//! Arguments that don't fit as they stand, over the wire (`classic-signalr.md` 8.7, checklist "Hubs").
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::Server;
use common::hubs::builder;
use hub_server::hub;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Person {
    name: String,
    #[serde(default)]
    age: i32,
    #[serde(default)]
    numbers: Vec<i32>,
    favourite: Option<Colour>,
}

#[derive(Serialize, Deserialize)]
enum Colour {
    Red,
    Green,
    Blue,
}

/// The hub `types`: gives back what it was given.
struct Types;

#[hub]
impl Types {
    fn int(&self, value: i32) -> i32 {
        value
    }

    fn dbl(&self, value: f64) -> f64 {
        value
    }

    fn bool(&self, value: bool) -> bool {
        value
    }

    fn str(&self, value: String) -> String {
        value
    }

    fn ints(&self, value: Vec<i32>) -> Vec<i32> {
        value
    }

    fn bytes_in(&self, value: Vec<u8>) -> Vec<u8> {
        value
    }

    fn color_in(&self, value: Colour) -> Colour {
        value
    }

    fn person_in(&self, value: Person) -> Person {
        value
    }

    fn any(&self, value: Value) -> Value {
        value
    }
}

/// The rows of the transcripts `ws-argument-types` and `ws-results-detailed`, as far as Rust has such types.
#[tokio::test]
async fn item_48_arguments_are_converted_as_json_net_converts_them() {
    let server = Server::tcp(builder().0.hub(Types)).await;
    let mut client = server.client(&["types"]).await;
    let ann = json!({"name": "Ann", "AGE": 7, "extra": 1, "favourite": "blue", "Numbers": ["1"]});
    let whole = json!({"Name": "Ann", "Age": 7, "Numbers": [1], "Favourite": "Blue"});
    for (method, sent, answer) in [
        ("Int", json!("5"), json!(5)),
        ("Bool", json!("true"), json!(true)),
        ("Bool", json!(1), json!(true)),
        ("Dbl", json!(1), json!(1.0)),
        ("Dbl", json!("1.5"), json!(1.5)),
        ("Str", json!(5), json!("5")),
        ("Str", json!(5.5), json!("5.5")),
        ("Str", json!(true), json!("True")),
        ("Ints", json!(["1"]), json!([1])),
        ("BytesIn", json!("AQID"), json!([1, 2, 3])),
        ("BytesIn", json!([1, 2, 3]), json!([1, 2, 3])),
        ("ColorIn", json!(2), json!("Blue")),
        ("ColorIn", json!("green"), json!("Green")),
        ("PersonIn", ann.clone(), whole),
        ("Any", ann.clone(), ann),
    ] {
        let answered = client.result("types", method, json!([sent])).await;
        assert_eq!(answered, answer, "{method} {sent}");
    }
    for (method, sent) in [
        ("Int", json!(5.0)),
        ("Int", json!(5.7)),
        ("Int", json!(null)),
        ("Int", json!(true)),
        ("Int", json!("")),
        ("Int", json!("x")),
        ("Int", json!(99_999_999_999_u64)),
        ("Int", json!({})),
        ("Bool", json!("x")),
        ("Str", json!({})),
        ("Str", json!([])),
        ("Ints", json!(1)),
        ("ColorIn", json!("x")),
        ("PersonIn", json!("x")),
    ] {
        let answer = client.call("types", method, json!([sent])).await;
        let generic = format!("There was an error invoking Hub method 'types.{method}'.");
        assert_eq!(answer["E"], generic, "{method} {sent}");
    }
}
