//! Several paths to the same hubs, each with settings of its own (`classic-signalr.md` 2.1, 13.5).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::Server;
use common::hubs::builder;
use http::StatusCode;
use http::request::Parts;
use hub_server::{Identity, Mount, Unauthenticated};
use serde_json::json;

/// Everybody needs a name here.
fn named(head: &Parts) -> Result<Identity, Unauthenticated> {
    let name = head.headers.get("X-Name").ok_or(StatusCode::UNAUTHORIZED)?;
    let name = name.to_str().map_err(|_| StatusCode::BAD_REQUEST)?;
    Ok(Identity::named(name))
}

async fn server() -> Server {
    let (builder, _) = builder();
    let builder = builder
        .path("/nowhere")
        .mount(Mount::at("/SignalR").detailed_errors(true))
        .mount(
            Mount::at("/jsonp/signalr")
                .jsonp(true)
                .javascript_proxies(false),
        )
        .mount(Mount::at("/members").authenticate(named))
        .mount(Mount::at("/signalr/never").jsonp(true));
    Server::tcp(builder).await
}

#[tokio::test]
async fn mounts_share_hubs_connections_and_groups_and_differ_in_their_settings() {
    let mut server = server().await;
    server.path = "/jsonp/signalr".into();
    let mut quiet = server.client(&["conformance"]).await;
    let id = quiet.id.clone();
    quiet.result("conformance", "join", json!(["both"])).await;
    let answer = quiet.call("conformance", "throw", json!(["secret"])).await;
    assert_eq!(
        answer["E"],
        "There was an error invoking Hub method 'conformance.throw'."
    );
    let quiet = quiet.socket;

    server.path = "/signalr".into();
    let mut loud = server.client(&["conformance"]).await;
    assert_eq!(
        loud.call("conformance", "throw", json!(["secret"])).await["E"],
        "secret"
    );
    loud.result("conformance", "sendGroup", json!(["both", "hi"]))
        .await;
    loud.result("conformance", "sendTo", json!([id, "you"]))
        .await;
    let mut quiet = quiet;
    assert_eq!(quiet.event().await, json!(["groupMessage", "both", "hi"]));
    assert_eq!(quiet.event().await, json!(["message", loud.id, "you"]));
}

#[tokio::test]
async fn each_mount_answers_by_its_own_settings_and_the_first_that_matches_counts() {
    let server = server().await;
    let get = async |target: &'static str| server.raw("GET", target, &[]).await;
    assert_eq!(get("/signalr/negotiate").await.json()["Url"], "/SignalR");
    assert_eq!(get("/nowhere/negotiate").await.status, 404);
    assert_eq!(get("/signalr/ping?callback=cb").await.status, 403);
    assert_eq!(
        get("/signalr/never/ping?callback=cb").await.status,
        403,
        "/SignalR was first"
    );
    assert_eq!(
        get("/jsonp/signalr/ping?callback=cb").await.body,
        "cb({ \"Response\": \"pong\" });"
    );
    assert!(get("/signalr/hubs").await.body.contains("createHubProxies"));
    assert!(
        get("/jsonp/signalr/hubs")
            .await
            .body
            .contains("has been disabled")
    );
    assert_eq!(get("/members/negotiate").await.status, 401);
    let named = server
        .raw("GET", "/members/negotiate", &[("X-Name", "ann")])
        .await;
    assert_eq!(named.status, 200);
}
