//! Lenient reading against anything: it is strict reading wherever that succeeds, never panics, and has an end.

use std::collections::BTreeMap;
use std::fmt::Debug;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::Args;
use crate::HubError;

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "read by Debug")]
enum Colour {
    Red,
    #[serde(alias = "Emerald")]
    Green,
    Mixed(i32, bool),
    Grey(u8),
    Exact {
        rgb: String,
    },
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "read by Debug")]
struct Id(u64);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "read by Debug")]
struct Point {
    x: f64,
    y: f32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(dead_code, reason = "read by Debug")]
struct Employee {
    id: u32,
    name: Option<String>,
    #[serde(default)]
    skills: BTreeMap<String, bool>,
    boss: Option<Box<Self>>,
    shirt: Option<Colour>,
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

#[test]
fn depth_is_limited_to_twenty() {
    let nested =
        |depth: usize, inside: &str| format!("{}{inside}{}", "[".repeat(depth), "]".repeat(depth));
    let sent = |depth: usize| format!("[\"5\", {}]", nested(depth - 1, "\"[[\\\"[[\\\\\""));
    assert!(lenient::<(i32, Value)>(&sent(20)).is_ok());
    assert!(lenient::<(i32, Value)>(&sent(21)).is_err());
    assert!(lenient::<(i32, Value)>(&sent(100)).is_err());
    let wide = format!("[\"5\", [{}]]", ["[{}]"; 50].join(","));
    assert!(lenient::<(i32, Vec<Value>)>(&wide).is_ok());
    // The strict reading has its own limit.
    assert!(lenient::<Value>(&nested(100, "")).is_ok());
}

#[test]
fn without_being_told_arguments_are_strict() {
    assert_eq!(args("\"5\"").lenient().next::<i32>("a").unwrap(), 5);
    assert!(args("\"5\"").next::<i32>("a").is_err());
    assert!(args("\"5\"").clone().next::<i32>("a").is_err());
    assert_eq!(args("\"5\"").lenient().clone().next::<i32>("a").unwrap(), 5);
}

fn value() -> impl Strategy<Value = Value> {
    let text = prop::sample::select(vec![
        "", "5", "-5", " 7 ", "5.0", "1e3", "true", "False", "x", "AQID", "AQ==", "red", "Green",
        "grey", "NaN", "é", "\"[{\\",
    ]);
    let number = prop_oneof![-3_i64..300, any::<i64>()];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number.prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i16>().prop_map(|n| Value::from(f64::from(n) / 4.0)),
        text.prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    let name = prop::sample::select(vec![
        "Id", "iD", "Name", "name", "SKILLS", "Skills", "Boss", "boss", "shirt", "x", "X", "y",
        "Y", "Red", "grey", "Mixed", "exact", "RGB", "1", "",
    ]);
    leaf.prop_recursive(4, 32, 4, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((name.clone(), inner), 0..5).prop_map(|all| Value::Object(
                all.into_iter().map(|(n, v)| (n.to_owned(), v)).collect()
            )),
        ]
    })
}

/// Never panics; is the strict reading wherever that succeeds, and else fails in its words or not at all.
fn agrees<T: DeserializeOwned + Debug>(json: &str) {
    let (strict, lenient) = (strict::<T>(json), lenient::<T>(json));
    match (&strict, &lenient) {
        (Ok(strict), Ok(lenient)) => assert_eq!(format!("{strict:?}"), format!("{lenient:?}")),
        (Ok(_), Err(error)) => panic!("{json} was refused: {error}"),
        (Err(_), Ok(_)) => {}
        (Err(strict), Err(lenient)) => assert_eq!(strict.message(), lenient.message()),
    }
}

fn all_agree(json: &str) {
    agrees::<i8>(json);
    agrees::<u64>(json);
    agrees::<i128>(json);
    agrees::<f32>(json);
    agrees::<f64>(json);
    agrees::<bool>(json);
    agrees::<char>(json);
    agrees::<String>(json);
    agrees::<()>(json);
    agrees::<Option<i32>>(json);
    agrees::<Vec<u8>>(json);
    agrees::<Vec<Option<String>>>(json);
    agrees::<(i32, String, Value)>(json);
    agrees::<BTreeMap<String, i32>>(json);
    agrees::<BTreeMap<u8, Vec<bool>>>(json);
    agrees::<Colour>(json);
    agrees::<Vec<Colour>>(json);
    agrees::<Id>(json);
    agrees::<Point>(json);
    agrees::<Employee>(json);
    agrees::<Vec<Employee>>(json);
    agrees::<Value>(json);
    agrees::<Box<RawValue>>(json);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn lenient_reading_is_strict_reading_where_that_succeeds(value in value()) {
        all_agree(&value.to_string());
    }

    /// What fits strictly is read to the same inside of an argument that does not fit as a whole.
    #[test]
    fn what_fits_is_the_same_beside_what_does_not(value in value()) {
        fn beside<T: DeserializeOwned + Debug>(value: &Value) {
            if let Ok(strict) = strict::<T>(&value.to_string()) {
                let (one, read) = lenient::<(i32, T)>(&json!(["1", value]).to_string()).unwrap();
                assert_eq!((one, format!("{read:?}")), (1, format!("{strict:?}")));
            }
        }
        beside::<i64>(&value);
        beside::<f64>(&value);
        beside::<bool>(&value);
        beside::<String>(&value);
        beside::<Option<Vec<u8>>>(&value);
        beside::<Vec<Value>>(&value);
        beside::<BTreeMap<String, Value>>(&value);
        beside::<Colour>(&value);
        beside::<Point>(&value);
        beside::<Value>(&value);
        beside::<Box<RawValue>>(&value);
    }

    #[test]
    fn arbitrary_text_never_panics(text in ".{0,40}", bytes in vec(any::<u8>(), 0..40)) {
        for bytes in [format!("[{text}]").into_bytes(), bytes] {
            if let Ok(args) = Args::parse(bytes.into()) {
                let mut args = args.lenient();
                while args.remaining().count() > 0 {
                    drop(args.clone().next::<Employee>("a"));
                    drop(args.clone().next::<Colour>("a"));
                    drop(args.next::<Vec<u8>>("a"));
                }
            }
        }
    }
}
