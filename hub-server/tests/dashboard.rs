//! Who may see the dashboard, and where it is.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::Server;
use common::hubs::{ByHeader, Demo};
use hub_server::{
    BuildError, Context, Dashboard, HubError, HubServer, Mount, PersistentConnection, async_trait,
};
use serde_json::{Value, json};

const PAGE: &str = "/signalr/dashboard";

fn operators() -> Dashboard {
    Dashboard::for_whom(|who, request| {
        let knows = request.query("key").as_deref() == Some("sesame");
        knows || who.roles.iter().any(|role| role == "operator")
    })
}

async fn server(dashboard: Dashboard) -> Server {
    let builder = HubServer::builder().hub(Demo).authenticate(ByHeader);
    Server::tcp(builder.dashboard(dashboard)).await
}

async fn status(server: &Server, target: &str, user: Option<&str>) -> u16 {
    let headers: Vec<_> = user.map(|user| ("X-User", user)).into_iter().collect();
    server.raw("GET", target, &headers).await.status
}

const CASES: [(Option<&str>, &str, u16); 6] = [
    (None, "", 401),
    (None, "?key=sesame", 200),
    (None, "?key=salt", 401),
    (Some("ann"), "", 403),
    (Some("ann;operator"), "", 200),
    (Some("refused"), "?key=sesame", 401),
];

#[tokio::test]
async fn only_those_for_whom_it_is_get_the_page() {
    let server = server(operators()).await;
    for (user, query, expected) in CASES {
        let found = status(&server, &format!("{PAGE}{query}"), user).await;
        assert_eq!(found, expected, "{user:?} {query}");
    }
    let page = server.raw("GET", &format!("{PAGE}?key=sesame"), &[]).await;
    assert!(page.body.contains("<title>hub dashboard</title>"));
    let policy = &page.headers["content-security-policy"];
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert_eq!(page.headers["cache-control"], "no-store");
    assert_eq!(page.headers["referrer-policy"], "no-referrer");
    let refused = server.raw("GET", PAGE, &[]).await;
    assert_eq!(refused.body, "");
    // Nothing else is there.
    for (method, target) in [
        ("POST", "/signalr/dashboard?key=sesame"),
        ("GET", "/dashboard"),
    ] {
        let answer = server.raw(method, target, &[]).await;
        assert!(!answer.body.contains("<title>"), "{method} {target}");
    }
}

#[tokio::test]
async fn others_can_not_reach_its_hub_and_still_reach_theirs() {
    let server = server(operators()).await;
    let listing = |hubs: &[&str]| {
        let names: Vec<_> = hubs.iter().map(|hub| json!({"name": hub})).collect();
        Value::from(names).to_string()
    };
    for (user, query, expected) in CASES {
        let more = [("key", query.trim_start_matches("?key="))];
        let data = listing(&["dashboard"]);
        let query = [&[("connectionData", &*data)], &more[..]].concat();
        let answer = server.get_as("/negotiate", &query, user).await;
        assert_eq!(answer.status, expected, "{user:?} {more:?}");
    }
    // Who lists both gets the other one.
    let mut ann = server.client_as(&["demo", "dashboard"], Some("ann")).await;
    assert_eq!(ann.result("demo", "optional", json!([1])).await, 6);
    for hub in ["dashboard", "DASHBOARD"] {
        let answer = ann.call(hub, "watch", json!([])).await;
        assert!(
            answer["E"].is_string() && answer.get("R").is_none(),
            "{answer}"
        );
    }
    // Nor does a socket without negotiation, which lists nothing.
    let mut bare = server.upgrade("/signalr", &[]).await.unwrap();
    bare.send(&json!({"H": "dashboard", "M": "watch", "A": [], "I": 1}))
        .await;
    let answer = bare.answer("1").await;
    assert!(
        answer["E"].is_string() && answer.get("R").is_none(),
        "{answer}"
    );
}

#[tokio::test]
async fn who_watches_gets_a_snapshot_each_second_and_nobody_else_does() {
    let server = server(Dashboard::open_to_everybody()).await;
    assert_eq!(status(&server, PAGE, None).await, 200);
    let mut other = server.client(&["dashboard", "demo"]).await;
    let mut page = server.client(&["dashboard"]).await;
    let watched = page.result("dashboard", "watch", json!([])).await;
    assert_eq!(watched, json!({"recorded": false, "history": []}));
    let first = page.event().await;
    assert_eq!(first[0], "snapshot");
    let second = page.event().await;
    let apart = second[1]["at"].as_u64().unwrap() - first[1]["at"].as_u64().unwrap();
    assert!(apart >= 900, "{apart}");
    // Whoever comes later is shown what was before.
    let mut later = server.client(&["dashboard"]).await;
    let watched = later.result("dashboard", "watch", json!([])).await;
    let history = watched["history"].as_array().unwrap();
    assert_eq!(history[..2], [first[1].clone(), second[1].clone()]);
    assert_eq!(later.event().await[0], "snapshot");
    other.result("demo", "optional", json!([1])).await;
    assert!(other.socket.events.is_empty(), "{:?}", other.socket.events);
}

#[tokio::test]
async fn nobody_looks_when_nobody_watches() {
    let server = server(Dashboard::open_to_everybody()).await;
    let kept = async || {
        let mut page = server.client(&["dashboard"]).await;
        let watched = page.result("dashboard", "watch", json!([])).await;
        let history = watched["history"].as_array().unwrap().clone();
        (page, history)
    };
    let (mut page, history) = kept().await;
    assert_eq!(history, [] as [Value; 0]);
    page.event().await;
    page.abort().await;
    // In what is kept there are holes as long as nobody was there; where somebody looks on, there are none.
    tokio::time::sleep(std::time::Duration::from_millis(3_300)).await;
    let (mut page, history) = kept().await;
    let last = history.last().unwrap()["at"].as_u64().unwrap();
    let next = page.event().await[1]["at"].as_u64().unwrap();
    assert!(next - last > 3_000, "{history:?}, then {next}");
}

#[tokio::test]
async fn a_page_that_comes_back_to_another_server_is_told_of_that_one() {
    let builder = || HubServer::builder().key([7; 32]);
    let server = async || {
        let dashboard = Dashboard::open_to_everybody();
        Server::tcp(builder().dashboard(dashboard)).await
    };
    let (before, after) = (server().await, server().await);
    let mut page = before.client(&["dashboard"]).await;
    page.result("dashboard", "watch", json!([])).await;
    page.event().await;
    let (cursor, groups) = (page.socket.cursor.clone(), page.socket.groups.clone());
    let mut moved = page.moved(&after);
    moved.reconnect_from(cursor, groups).await;
    assert_eq!(moved.event().await[0], "snapshot");
    assert!(page.event().await[1]["at"].is_u64());
}

#[tokio::test]
async fn it_has_a_path_of_its_own_if_it_is_given_one() {
    let server = server(operators().at("/ops & more")).await;
    assert_eq!(status(&server, "/ops%20&%20more", None).await, 401);
    let page = server.raw("GET", "/ops%20&%20more?key=sesame", &[]).await;
    assert!(page.body.contains("data-hubs=\"/signalr\""));
    assert_ne!(
        status(&server, &format!("{PAGE}?key=sesame"), None).await,
        200
    );
}

struct Raw;

#[async_trait]
impl PersistentConnection for Raw {
    async fn on_received(&self, _: &Context, _: Option<String>) -> Result<(), HubError> {
        Ok(())
    }
}

#[tokio::test]
async fn what_can_not_be_is_told_when_the_server_is_built() {
    let build = |dashboard: Dashboard| HubServer::builder().dashboard(dashboard);
    let wrong = build(Dashboard::open_to_everybody().at("ops")).build();
    assert!(matches!(wrong.unwrap_err(), BuildError::Path(path) if path == "ops"));
    let nowhere = build(Dashboard::open_to_everybody()).mount(Mount::connection("/raw", Raw));
    assert!(matches!(
        nowhere.build().unwrap_err(),
        BuildError::Setting(_)
    ));
    let twice = build(Dashboard::open_to_everybody()).dashboard(operators());
    assert!(matches!(
        twice.build().unwrap_err(),
        BuildError::SharedName("dashboard")
    ));
}
