//! What lenient arguments take beyond serde, as Json.NET does (`classic-signalr.md` 8.7; the rows marked T are from the
//! transcripts `ws-argument-types` and `ws-results-detailed`). The properties of it are tested in `src/value/properties.rs`.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, HashSet};
use std::fmt::Debug;

use bytes::Bytes;
use hub_core::{Args, HubError};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

#[derive(Debug, PartialEq, Deserialize)]
enum Colour {
    Red,
    #[serde(alias = "Grass", alias = "Emerald")]
    Green,
    Blue,
    Mixed(i32, bool),
    Grey(u8),
    Exact {
        rgb: String,
    },
}

#[derive(Debug, PartialEq, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Person {
    name: Option<String>,
    age: i32,
    numbers: Vec<i32>,
    by_name: BTreeMap<String, bool>,
    boss: Option<Box<Self>>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Id(u64);

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Point {
    x: f64,
    y: f32,
}

fn args(json: &str) -> Args {
    Args::parse(Bytes::from(format!("[{json}]"))).unwrap()
}

fn strict<T: DeserializeOwned>(json: &str) -> Result<T, HubError> {
    args(json).next("value")
}

fn lenient<T: DeserializeOwned>(json: &str) -> Result<T, HubError> {
    args(json).lenient().next("value")
}

/// Each is taken leniently, and refused as ever without.
#[track_caller]
fn taken<T: DeserializeOwned + PartialEq + Debug>(
    rows: impl IntoIterator<Item = (&'static str, T)>,
) {
    for (json, value) in rows {
        assert_eq!(lenient::<T>(json).expect(json), value, "{json}");
        assert!(strict::<T>(json).is_err(), "strict: {json}");
    }
}

/// Each is refused, in the words of the strict reading.
#[track_caller]
fn refused<T: DeserializeOwned + Debug>(rows: &[&str]) {
    for json in rows {
        let error = lenient::<T>(json).expect_err(json);
        assert_eq!(error.message(), strict::<T>(json).unwrap_err().message());
        assert!(error.message().starts_with("argument 'value': "), "{error}");
        assert!(error.is_unfit());
    }
}

#[test]
fn integers() {
    // T: "5".
    taken::<i32>([
        ("\"5\"", 5),
        ("\" -5\\t\"", -5),
        ("\"+5\"", 5),
        ("\"007\"", 7),
    ]);
    taken([("\"2147483647\"", i32::MAX), ("\"-2147483648\"", i32::MIN)]);
    taken([("\"18446744073709551615\"", u64::MAX)]);
    taken([("\"-9223372036854775808\"", i64::MIN)]);
    taken([("\"255\"", u8::MAX)]);
    taken([("\"340282366920938463463374607431768211455\"", u128::MAX)]);
    taken([("\"-170141183460469231731687303715884105728\"", i128::MIN)]);
    taken([("\"7\"", Id(7))]);
    // T: 5.0, 5.7, null, true, "", "x", 99999999999, {}.
    refused::<i32>(&[
        "5.0",
        "5.7",
        "5e0",
        "null",
        "true",
        "false",
        "\"\"",
        "\" \"",
        "\"x\"",
        "99999999999",
        "{}",
        "[]",
        "[5]",
        "\"5.0\"",
        "\"5e0\"",
        "\"0x5\"",
        "\"1,000\"",
        "\"- 5\"",
        "\"2147483648\"",
        "\"٣\"",
    ]);
    refused::<u8>(&["256", "-1", "\"256\"", "\"-1\""]);
    refused::<u64>(&["\"18446744073709551616\"", "1e3"]);
}

#[test]
#[allow(clippy::float_cmp, reason = "they are exact")]
fn floats() {
    // T: "1.5"; 1 needs no coercion.
    taken([
        ("\"1.5\"", 1.5),
        ("\" -2e3 \"", -2000.0),
        ("\"7\"", 7.0),
        ("\".5\"", 0.5),
    ]);
    taken([("\"0.25\"", 0.25_f32)]);
    assert_eq!(lenient::<f64>("1").unwrap(), 1.0);
    refused::<f64>(&[
        "true",
        "null",
        "\"\"",
        "\"x\"",
        "\"NaN\"",
        "\"Infinity\"",
        "\"inf\"",
        "\"1e999\"",
        "\"1,000\"",
        "{}",
        "[1]",
        "\"1 5\"",
    ]);
}

#[test]
fn booleans() {
    // T: "true", 1.
    taken([
        ("\"true\"", true),
        ("\"True\"", true),
        ("\" FALSE \"", false),
        ("1", true),
        ("0", false),
        ("-7", true),
        ("0.0", false),
        ("0.5", true),
        ("-0", false),
        ("18446744073709551616", true),
    ]);
    // T: "x".
    refused::<bool>(&["\"x\"", "\"\"", "\"1\"", "null", "[]", "{}", "\"yes\""]);
}

#[test]
fn strings() {
    // T: 5, 5.5, 1.5, true.
    let rows = [
        ("5", "5"),
        ("5.5", "5.5"),
        ("1.5", "1.5"),
        ("5.0", "5.0"),
        ("1E3", "1E3"),
        ("-0", "-0"),
        (
            "123456789012345678901234567890",
            "123456789012345678901234567890",
        ),
        ("true", "True"),
        ("false", "False"),
    ];
    taken(rows.map(|(json, text)| (json, text.to_owned())));
    // T: {}, []. Null is T's null, but a String is never null.
    refused::<String>(&["{}", "[]", "null", "[\"x\"]"]);
    refused::<char>(&["5", "true", "\"ab\""]);
    assert_eq!(lenient::<Option<String>>("null").unwrap(), None);
}

#[test]
fn sequences_and_bytes() {
    // T: ["1"].
    taken([("[\"1\", 2]", vec![1, 2])]);
    taken([("[[\"1\"], []]", vec![vec![1], vec![]])]);
    taken([("[1, \"2\", \"false\"]", ("1".to_owned(), 2, false))]);
    taken([("[\"1\", 2]", [1_i64, 2])]);
    // T: "AQID"; [1,2,3] needs no coercion.
    taken([
        ("\"AQID\"", vec![1_u8, 2, 3]),
        ("\"/w==\"", vec![255]),
        ("[\"1\"]", vec![1]),
    ]);
    taken([("[\"AQID\", []]", vec![vec![1_u8, 2, 3], vec![]])]);
    taken([("\"AQI=\"", Some(vec![1_u8, 2]))]);
    taken([("\"AQID\"", HashSet::from([1_u8, 2, 3]))]);
    // Nothing tells an empty sequence of bytes from others.
    refused::<Vec<u8>>(&[
        "\"\"", "\"x\"", "\"AQI\"", "\"A-_D\"", "5", "null", "[256]", "[null]",
    ]);
    // T: 1.
    refused::<Vec<i32>>(&[
        "1", "null", "{}", "\"AQID\"", "\"\"", "[1.5]", "[\"x\"]", "[true]",
    ]);
    refused::<Vec<i8>>(&["\"AQID\""]);
    refused::<Vec<Id>>(&["\"AQID\""]);
    refused::<Vec<String>>(&["\"AQID\"", "[null]"]);
    refused::<(u8, u8, u8)>(&["\"AQID\"", "[\"1\"]", "[\"1\",2,3,4]"]);
    refused::<[u8; 3]>(&["\"AQID\""]);
}

#[test]
fn structs_and_maps() {
    let point = |x, y| Point { x, y };
    // T: names in other cases.
    taken([
        (r#"{"X": 1, "y": 2}"#, point(1.0, 2.0)),
        (r#"{"X": "1", "Y": "2"}"#, point(1.0, 2.0)),
        (r#"{"x": "1", "y": 2}"#, point(1.0, 2.0)),
        // The exact name before others, and else the last.
        (r#"{"x": 1, "X": 3, "y": "2"}"#, point(1.0, 2.0)),
        (r#"{"X": 3, "x": 1, "Y": 2}"#, point(1.0, 2.0)),
        (r#"{"X": 1, "X": 3, "y": 2}"#, point(3.0, 2.0)),
        (r#"{"x": 1, "x": 3, "y": 2}"#, point(3.0, 2.0)),
    ]);
    // Members that are missing, and unknown ones, are serde's matter. T: "x", [].
    refused::<Point>(&[
        r#"{"X": 1}"#,
        "{}",
        r#"{"X": 1, "Y": 2, "z": 3}"#,
        r#"{"X": null, "Y": 2}"#,
        "\"x\"",
        "[]",
        "null",
        "[\"1\", 2]",
    ]);
    refused::<Person>(&["\"x\"", "null", "5"]);
    taken([(r#"{"a": "1"}"#, BTreeMap::from([("a".to_owned(), 1)]))]);
    taken([(r#"{"5": "1"}"#, BTreeMap::from([(5, 1)]))]);
    refused::<BTreeMap<String, i32>>(&[r#"{"a": 1.0}"#, "[]"]);
}

/// With a member that must be there, so that the strict reading does not succeed without the others.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Employee {
    id: u32,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    skills: BTreeMap<String, bool>,
    boss: Option<Box<Self>>,
    shirt: Option<Colour>,
}

#[test]
fn what_is_inside_is_coerced_too() {
    let sent = r#"[{"ID": "7", "name": 5, "extra": {"a": []}, "skills": {"on": 1, "Off": "false"},
        "boss": {"iD": "1", "Name": true, "shirt": 2, "Boss": null}, "SHIRT": {"mixed": ["1", 0]}}]"#;
    let boss = Employee {
        id: 1,
        name: Some("True".into()),
        skills: BTreeMap::new(),
        boss: None,
        shirt: Some(Colour::Blue),
    };
    let expected = Employee {
        id: 7,
        name: Some("5".into()),
        skills: BTreeMap::from([("on".into(), true), ("Off".into(), false)]),
        boss: Some(Box::new(boss)),
        shirt: Some(Colour::Mixed(1, false)),
    };
    assert_eq!(lenient::<Vec<Employee>>(sent).unwrap(), [expected]);
}

/// The price of reading strictly first: a struct that takes `{}` takes any object, and what it does not know is lost.
#[test]
fn where_every_member_may_be_missing_names_in_other_cases_are_not_found() {
    let sent = r#"{"name": "Ann", "AGE": 7}"#;
    assert_eq!(lenient::<Person>(sent).unwrap(), Person::default());
    // Unless the strict reading fails for another reason.
    let sent = r#"{"name": "Ann", "Age": "7"}"#;
    let ann = Person {
        name: Some("Ann".into()),
        age: 7,
        ..Person::default()
    };
    assert_eq!(lenient::<Person>(sent).unwrap(), ann);
}

#[test]
fn enums() {
    // T: 2, "green"; "Green" needs no coercion.
    taken([
        ("0", Colour::Red),
        ("1", Colour::Green),
        ("2", Colour::Blue),
        ("\"2\"", Colour::Blue),
        ("\"green\"", Colour::Green),
        ("\" RED \"", Colour::Red),
        ("\"grass\"", Colour::Green),
        ("{\"blue\": null}", Colour::Blue),
        ("{\"grey\": \"9\"}", Colour::Grey(9)),
        ("{\"Mixed\": [\"1\", 0]}", Colour::Mixed(1, false)),
        (
            "{\"EXACT\": {\"RGB\": 5}}",
            Colour::Exact { rgb: "5".into() },
        ),
    ]);
    taken([("[0, \"blue\"]", vec![Colour::Red, Colour::Blue])]);
    // T: "x". T's 9 is unchecked, but there is no ninth variant to be.
    refused::<Colour>(&[
        "\"x\"",
        "9",
        "-1",
        "1.0",
        "3",
        "\"3\"",
        "4",
        "5",
        "\"Grey\"",
        "null",
        "true",
        "[]",
        "{}",
        "\"\"",
        "{\"Red\": null, \"Blue\": null}",
        "{\"Red\": 1}",
        "{\"x\": 1}",
        "{\"Grey\": 256}",
        "{\"1\": null}",
    ]);
}

#[test]
fn options() {
    // T: null, 3 need no coercion.
    taken([("\"3\"", Some(3))]);
    assert_eq!(lenient::<Option<i32>>("null").unwrap(), None);
    refused::<Option<i32>>(&["\"\"", "\"x\"", "3.0", "true"]);
    let mut given = args("\"3\", null").lenient();
    assert_eq!(given.next_or_none::<i32>("a").unwrap(), Some(3));
    assert_eq!(given.next_or_none::<i32>("b").unwrap(), None);
    assert_eq!(given.next_or_none::<i32>("c").unwrap(), None);
    assert_eq!(
        given.next::<i32>("d").unwrap_err().message(),
        "argument 'd' is missing"
    );
}

#[test]
fn what_asks_for_anything_gets_what_was_sent() {
    #[derive(Deserialize)]
    struct Open {
        id: u8,
        any: Value,
        raw: Box<RawValue>,
    }
    let any = r#"[5.0, "5", true, null, {"A": "true", "a": 1}]"#;
    let raw = r#"{ "a" : [ 1.50, "5" ],"A":1E2 }"#;
    let sent = format!(r#"{{"id": "5", "any": {any}, "RAW": {raw}}}"#);
    let open = lenient::<Open>(&sent).unwrap();
    assert_eq!(open.id, 5);
    assert_eq!(
        open.any.to_string(),
        serde_json::from_str::<Value>(any).unwrap().to_string()
    );
    assert_eq!(open.raw.get(), raw);
    // What serde buffers before it knows the type is read strictly.
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(i32),
        Text(String),
    }
    taken([(
        "[\"5\", [5, \"5\"]]",
        (5, vec![Either::Number(5), Either::Text("5".into())]),
    )]);
    refused::<Either>(&["true"]);
}
