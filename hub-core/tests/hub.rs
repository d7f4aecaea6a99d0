//! `#[hub]` on a plain `impl`: what calls do.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hub_core::{Context, Hub, HubError, Progress, hub};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use support::{Memory, args, call, call_in, context};

#[derive(Debug, Serialize, Deserialize)]
struct Point {
    x: i32,
    y: i32,
}

#[derive(Debug, thiserror::Error)]
#[error("the shop is closed")]
struct Closed;

static READ: AtomicUsize = AtomicUsize::new(0);

/// Counts how often it was read.
struct Watched;

impl<'de> Deserialize<'de> for Watched {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        READ.fetch_add(1, Ordering::Relaxed);
        u8::deserialize(deserializer).map(|_| Self)
    }
}

#[derive(Default)]
struct Shop;

#[hub]
impl Shop {
    const ANSWER: i32 = 42;

    fn new() -> Self {
        Self
    }

    pub(crate) async fn echo(&self, text: String) -> String {
        text
    }

    pub(crate) fn add_up(&self, left: i32, right_hand: i32) -> i32 {
        left + right_hand
    }

    async fn mirror(&self, point: Point) -> Result<Point, HubError> {
        Ok(Point {
            x: point.y,
            y: point.x,
        })
    }

    async fn nothing(&self) {}

    fn who(&self, cx: &Context) -> String {
        cx.user().to_owned()
    }

    async fn who_else(&self, cx: &Context, greeting: String) -> String {
        format!("{greeting}, {}", cx.user())
    }

    async fn closed(&self) -> Result<(), Closed> {
        Err(Closed)
    }

    async fn refused(&self) -> Result<u8, HubError> {
        Err(HubError::new("no entry").with_data(&3))
    }

    async fn tail(&self, first: u8, second: Option<u8>, third: Option<u8>) -> Vec<Option<u8>> {
        vec![Some(first), second, third]
    }

    async fn inner_option(&self, first: Option<u8>, second: u8) -> u8 {
        first.unwrap_or(100) + second
    }

    #[hub(name = "overloaded")]
    async fn overloaded_1(&self, _one: u8) -> u8 {
        1
    }

    #[hub(name = "OverLoaded")]
    async fn overloaded_2(&self, _one: u8, _two: u8) -> u8 {
        2
    }

    async fn count(&self, upto: u8, progress: Progress<u8>) -> Result<u8, HubError> {
        for step in 1..=upto {
            progress.report(step).await?;
        }
        Ok(upto)
    }

    async fn only_progress(
        &self,
        cx: &Context,
        progress: Progress<String>,
    ) -> Result<(), HubError> {
        Ok(progress.report(cx.user().to_owned()).await?)
    }

    async fn destructured(&self, (a, b): (u8, u8), _: u8) -> u8 {
        a + b
    }

    async fn r#type(&self) -> &'static str {
        "raw"
    }

    #[hub(skip)]
    fn helper(&self) -> i32 {
        Self::ANSWER
    }

    async fn watched(&self, _watched: Watched) {}

    #[cfg(any())]
    async fn never(&self) -> Missing {}

    async fn calls_helper(&self) -> i32 {
        self.helper()
    }
}

#[test]
fn arguments_and_results_are_json() {
    let shop = Shop::new();
    assert_eq!(call(&shop, "echo", r#"["hi"]"#).unwrap(), "hi");
    assert_eq!(call(&shop, "addUp", "[2, 3]").unwrap(), 5);
    assert_eq!(
        call(&shop, "mirror", r#"[{"x":1,"y":2}]"#).unwrap(),
        json!({"x": 2, "y": 1})
    );
    assert_eq!(call(&shop, "nothing", "[]").unwrap(), Value::Null);
    assert_eq!(call(&shop, "destructured", "[[1, 2], 3]").unwrap(), 3);
}

#[test]
fn names_are_lower_camel_case_and_types_are_kept_as_written() {
    let spec = Shop.spec();
    assert_eq!(spec.name, "shop");
    let add_up = spec.methods.iter().find(|m| m.name == "addUp").unwrap();
    let params: Vec<_> = add_up.params.iter().map(|p| (p.name, p.ty)).collect();
    assert_eq!(params, [("left", "i32"), ("rightHand", "i32")]);
    assert_eq!(add_up.returns, "i32");
    let tail = spec.methods.iter().find(|m| m.name == "tail").unwrap();
    assert_eq!(tail.returns, "Vec<Option<u8>>");
    let mirror = spec.methods.iter().find(|m| m.name == "mirror").unwrap();
    assert_eq!(mirror.returns, "Point");
    let nothing = spec.methods.iter().find(|m| m.name == "nothing").unwrap();
    assert_eq!(nothing.returns, "()");
    assert_eq!(call(&Shop, "type", "[]").unwrap(), "raw");
}

#[test]
fn only_methods_with_self_that_are_not_skipped_can_be_called() {
    let names: Vec<_> = Shop.spec().methods.iter().map(|m| m.name).collect();
    assert!(!names.contains(&"helper"));
    assert!(!names.contains(&"new"));
    assert!(!names.contains(&"never"));
    assert_eq!(call(&Shop, "callsHelper", "[]").unwrap(), 42);
}

#[test]
fn the_context_is_no_argument() {
    assert_eq!(call(&Shop, "who", "[]").unwrap(), "ann");
    assert_eq!(
        call(&Shop, "whoElse", r#"["hello"]"#).unwrap(),
        "hello, ann"
    );
}

#[test]
fn an_error_of_a_method_stays_inside_unless_it_is_a_hub_error() {
    let closed = call(&Shop, "closed", "[]").unwrap_err();
    assert!(!closed.is_public());
    assert_eq!(closed.message(), "the shop is closed");
    let refused = call(&Shop, "refused", "[]").unwrap_err();
    assert!(refused.is_public());
    assert_eq!(refused.data().unwrap().read::<u8>().unwrap(), 3);
}

#[test]
fn options_at_the_end_may_be_missing() {
    assert_eq!(call(&Shop, "tail", "[1]").unwrap(), json!([1, null, null]));
    assert_eq!(call(&Shop, "tail", "[1,2]").unwrap(), json!([1, 2, null]));
    assert_eq!(
        call(&Shop, "tail", "[1,null,3]").unwrap(),
        json!([1, null, 3])
    );
    let tail = Shop
        .spec()
        .methods
        .iter()
        .find(|m| m.name == "tail")
        .unwrap();
    assert_eq!(tail.optional, 2);
    let inner = Shop
        .spec()
        .methods
        .iter()
        .find(|m| m.name == "innerOption")
        .unwrap();
    assert_eq!(inner.optional, 0);
    assert_eq!(call(&Shop, "innerOption", "[null, 1]").unwrap(), 101);
}

#[test]
fn methods_of_one_name_differ_in_how_many_arguments_they_take() {
    assert_eq!(call(&Shop, "overloaded", "[0]").unwrap(), 1);
    assert_eq!(call(&Shop, "overloaded", "[0,0]").unwrap(), 2);
}

#[test]
fn reports_of_progress_reach_the_outlet_in_order() {
    let memory = Arc::new(Memory::default());
    let cx = context(&memory);
    assert_eq!(call_in(&cx, &Shop, "count", "[3]").unwrap(), 3);
    call_in(&cx, &Shop, "onlyProgress", "[]").unwrap();
    let reports = memory.reports.lock().unwrap();
    let values: Vec<Value> = reports
        .iter()
        .map(|item| item.value.read().unwrap())
        .collect();
    assert_eq!(values, [json!(1), json!(2), json!(3), json!("ann")]);
    assert!(reports.iter().all(|item| item.id.as_str() == "7"));
}

#[test]
fn a_wrong_argument_fails_the_call_and_names_the_parameter() {
    let error = call(&Shop, "addUp", r#"[1, "two"]"#).unwrap_err();
    assert!(
        error.message().starts_with("argument 'rightHand'"),
        "{error}"
    );
    assert!(!error.is_public());
}

#[test]
fn arguments_are_read_before_call_returns() {
    let cx = context(&Arc::default());
    let place = Shop
        .spec()
        .methods
        .iter()
        .position(|m| m.name == "watched")
        .unwrap();
    let unpolled = Shop.call(&cx, place, args("[1]"));
    assert_eq!(READ.load(Ordering::Relaxed), 1);
    drop(unpolled);
}

#[test]
fn a_place_or_a_number_of_arguments_that_the_spec_does_not_list_is_refused() {
    let cx = context(&Arc::default());
    let echo = Shop
        .spec()
        .methods
        .iter()
        .position(|m| m.name == "echo")
        .unwrap();
    for (place, json) in [(1000, "[]"), (echo, "[]"), (echo, r#"["a", "b"]"#)] {
        let error = pollster::block_on(Shop.call(&cx, place, args(json))).unwrap_err();
        assert_eq!(error.message(), "no such method");
    }
}
