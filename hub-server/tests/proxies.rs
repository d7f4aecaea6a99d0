//! The generated script (`classic-signalr.md` 9, checklist "Proxy"), as text: what it does in a page is for the browser
//! tests.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::Server;
use common::hubs::builder;
use hub_server::{HubServer, Progress, hub};

const TYPE: &str = "application/javascript; charset=UTF-8";

/// A hub named after its type.
struct StatusBoard;

#[hub]
impl StatusBoard {
    fn zulu(&self) {}

    fn alpha_beta(&self, first_thing: i32, second: String) -> String {
        format!("{first_thing}{second}")
    }

    #[hub(name = "Exactly.This")]
    fn explicit(&self) {}

    #[hub(name = "many")]
    fn many_two(&self, one: i32, two: i32) -> i32 {
        one + two
    }

    #[hub(name = "many")]
    fn many_one(&self, one: i32) -> i32 {
        one
    }

    #[hub(name = "many")]
    fn many_three(&self, a: i32, b: i32, c: i32) -> i32 {
        a + b + c
    }

    fn reports(&self, steps: i32, progress: Progress<i32>) {
        let _ = (steps, progress);
    }
}

/// A hub with a name of its own.
struct Other;

#[hub(name = "AnExplicitHub")]
impl Other {
    fn reserved(&self, r#new: i32, r#function: i32) -> i32 {
        r#new + r#function
    }
}

struct Empty;

#[hub]
impl Empty {}

async fn server() -> Server {
    let builder = HubServer::builder().hub(StatusBoard).hub(Other).hub(Empty);
    Server::tcp(builder).await
}

async fn script(server: &Server, path: &str) -> String {
    let answer = server.raw("GET", path, &[]).await;
    assert_eq!(answer.status, 200, "{path}");
    assert_eq!(answer.headers["content-type"], TYPE);
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    answer.body
}

/// Where each needle stands; fails if one is missing or if they stand in another order.
#[track_caller]
fn in_order(text: &str, needles: &[&str]) {
    let mut from = 0;
    for needle in needles {
        let at = text[from..]
            .find(needle)
            .unwrap_or_else(|| panic!("{needle} is missing, or too early, in {text}"));
        from += at + needle.len();
    }
}

#[tokio::test]
async fn item_15_hubs_and_js_give_the_script_with_trailing_slashes_too() {
    let server = server().await;
    let expected = script(&server, "/signalr/hubs").await;
    for path in [
        "/signalr/js",
        "/signalr/hubs/",
        "/signalr/js///",
        "/signalr/HUBS",
        "/signalr/Js/",
        "/signalr/hubs?_=1",
    ] {
        assert_eq!(script(&server, path).await, expected, "{path}");
    }
    for path in ["/signalr/xhubs", "/signalr/hubsx", "/signalr/hubs/x"] {
        assert_eq!(server.raw("GET", path, &[]).await.status, 400, "{path}");
    }
}

#[tokio::test]
async fn item_15_disabled_gives_the_throwing_script_with_200() {
    let (builder, _) = builder();
    let server = Server::tcp(builder.javascript_proxies(false)).await;
    for path in ["/signalr/hubs", "/signalr/js/"] {
        assert_eq!(
            script(&server, path).await,
            "throw new Error('SignalR: JavaScript Hub proxy generation has been disabled.');"
        );
    }
}

#[tokio::test]
async fn item_71_the_script_defines_create_hub_proxies_on_the_prototype() {
    let script = script(&server().await, "/signalr/hubs").await;
    in_order(
        &script,
        &[
            "(function ($, window) {",
            "\"use strict\";",
            "if (typeof ($.signalR) !== \"function\") {",
            "throw new Error(\"SignalR: SignalR is not loaded. Please ensure jquery.signalR-x.js is referenced before ~/signalr/js.\");",
            "$.hubConnection.prototype.createHubProxies = function () {",
            "var proxies = {};",
            "this.starting(function () {",
            "this._registerSubscribedHubs();",
            "}).disconnected(function () {",
            "return proxies;",
            "signalR.hub = $.hubConnection(\"/signalr\", { useDefaultPath: false });",
            "$.extend(signalR, signalR.hub.createHubProxies());",
            "}(window.jQuery, window));",
        ],
    );
}

#[tokio::test]
async fn item_71_names_and_order_are_the_originals() {
    let script = script(&server().await, "/signalr/hubs").await;
    in_order(
        &script,
        &[
            // Hubs by name, ignoring case; an explicit name keeps its capital.
            "proxies[\"AnExplicitHub\"] = this.createHubProxy(\"AnExplicitHub\");",
            "proxies[\"AnExplicitHub\"].client = { };",
            "proxies[\"AnExplicitHub\"].server = {",
            "proxies[\"empty\"] = this.createHubProxy(\"empty\");",
            "proxies[\"empty\"].client = { };",
            "proxies[\"empty\"].server = {",
            "proxies[\"statusBoard\"] = this.createHubProxy(\"statusBoard\");",
            "proxies[\"statusBoard\"].client = { };",
            "proxies[\"statusBoard\"].server = {",
            // Methods by name; a declared name stays as it is, and is there in camel case, too.
            "\"alphaBeta\": function (",
            "return invoke(proxies[\"statusBoard\"], \"alphaBeta\", arguments);",
            "\"exactly.This\": function (",
            "return invoke(proxies[\"statusBoard\"], \"Exactly.This\", arguments);",
            "\"Exactly.This\": function (",
            "return invoke(proxies[\"statusBoard\"], \"Exactly.This\", arguments);",
            "\"many\": function (",
            "\"reports\": function (",
            "\"zulu\": function ()",
            "return proxies;",
        ],
    );
    assert_eq!(script.matches(".client = { };").count(), 3);
}

#[tokio::test]
async fn item_71_parameters_are_named_and_progress_is_not_one() {
    let script = script(&server().await, "/signalr/hubs").await;
    in_order(&script, &["\"reports\": function (steps) {"]);
    let start = script.find("\"alphaBeta\": function (").unwrap();
    let parameters: Vec<&str> = script[start..]
        .split_once('(')
        .unwrap()
        .1
        .split_once(')')
        .unwrap()
        .0
        .split(", ")
        .collect();
    assert_eq!(parameters.len(), 2, "{parameters:?}");
    assert_eq!(parameters[1], "second");
    assert!(
        !script.contains("function (new"),
        "a reserved word is no parameter's name"
    );
}

#[tokio::test]
async fn item_71_the_url_is_that_of_each_request() {
    let server = server().await;
    for (path, url) in [
        ("/signalr/hubs", "/signalr"),
        ("/SIGNALR/hubs", "/signalr"),
        ("/signalr//hubs", "/signalr/"),
        ("/signalr/a/hubs", "/signalr/a"),
        ("/signalr/a/js//", "/signalr/a"),
        ("/signalr/%22%3C/hubs", "/signalr/\\\"<"),
    ] {
        in_order(
            &script(&server, path).await,
            &[&format!(
                "$.hubConnection(\"{url}\", {{ useDefaultPath: false }});"
            )],
        );
    }
}

#[tokio::test]
async fn item_71_a_path_cannot_smuggle_a_hub_or_script_into_the_page() {
    let server = server().await;
    let odd = script(&server, "/signalr/%2F*proxies*%2F/hubs").await;
    let plain = script(&server, "/signalr/hubs").await;
    assert_eq!(
        odd.matches("createHubProxy(").count(),
        plain.matches("createHubProxy(").count()
    );
    in_order(&odd, &["$.hubConnection(\"/signalr//*proxies*/\", "]);
    let odd = script(&server, "/signalr/%2F*url*%2F/hubs").await;
    in_order(&odd, &["$.hubConnection(\"/signalr//*url*/\", "]);
}

#[tokio::test]
async fn item_72_handlers_are_subscribed_at_starting_and_removed_at_disconnected_by_identity() {
    let script = script(&server().await, "/signalr/hubs").await;
    in_order(
        &script,
        &[
            "this.starting(function () {",
            "proxy.on(name, callback, identity);",
            "this._registerSubscribedHubs();",
            "}).disconnected(function () {",
            "proxy.off(name, callback, identity);",
        ],
    );
    in_order(
        &script,
        &[
            "if (!proxy.hubName) {",
            "$.isFunction(member)",
            "hasOwnProperty.call(proxy.client, name)",
            "act(proxy, name, handler(proxy, member), member);",
        ],
    );
    // The client would take such a handler for that of an old script, and look for no identity.
    assert!(!script.contains("// Call the client hub method"));
}

#[tokio::test]
async fn item_73_an_overload_shows_the_fewest_parameters_and_passes_all_arguments() {
    let script = script(&server().await, "/signalr/hubs").await;
    assert_eq!(script.matches("\"many\": function (").count(), 1);
    in_order(
        &script,
        &[
            "\"many\": function (one) {",
            "return invoke(proxies[\"statusBoard\"], \"many\", arguments);",
        ],
    );
    in_order(
        &script,
        &[
            "function invoke(proxy, method, args) {",
            "proxy.invoke.apply(proxy, $.merge([method], $.makeArray(args)));",
        ],
    );
}

#[tokio::test]
async fn hub_js_is_served_beside_the_script_as_one_module() {
    let server = server().await;
    let text = script(&server, "/signalr/hub.js").await;
    assert!(text.starts_with("/**\n * hub.js"), "it says what it is");
    let exported = |line: &&str| line.starts_with("export ");
    let exported: Vec<_> = text.lines().filter(exported).collect();
    let expected = [
        "export { HubError };",
        "export class HubConnection extends EventTarget {",
    ];
    assert_eq!(exported, expected);
    for line in text.lines() {
        assert!(!line.starts_with("import "), "{line}");
    }
    // Nothing else is left out, of any part.
    let parts = [
        include_str!("../../hub-client/js/hub.js"),
        include_str!("../../hub-client/js/answers.js"),
        include_str!("../../hub-client/js/calls.js"),
        include_str!("../../hub-client/js/resync.js"),
        include_str!("../../hub-client/js/proxy.js"),
    ];
    let lines = parts.iter().flat_map(|part| part.lines());
    let lines: Vec<_> = lines.filter(|line| !line.starts_with("import ")).collect();
    assert_eq!(text.lines().count(), lines.len());
    for line in lines {
        assert!(text.contains(line.trim_start_matches("export ")), "{line}");
    }
}
