//! Who may reach hubs and call their methods (`classic-signalr.md` 2.5 row 4, 13.4, checklist items 6 and 12).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::Server;
use common::hubs::{ByHeader, builder};
use hub_server::{Authorize, Builder, Context, HubError, HubServer, Identity, Request, hub};
use serde_json::{Value, json};

struct Members;

#[hub(authorize)]
impl Members {
    #[hub(name = "WhoAmI")]
    fn who_am_i(&self, cx: &Context) -> String {
        cx.user().to_owned()
    }

    #[hub(authorize = "admin")]
    fn kick(&self) -> &'static str {
        "kicked"
    }
}

struct Admins;

#[hub(authorize = "admin", authorize(users("ann", "root")))]
impl Admins {
    fn ping(&self) {}
}

/// Everybody listens, members speak.
struct News;

#[hub(authorize(require_outgoing = false))]
impl News {
    async fn tell(&self, cx: &Context, text: String) -> Result<(), HubError> {
        Ok(cx.clients().all().send("news", (text,)).await?)
    }
}

struct Keyed;

fn has_key(_: &Identity, request: &Request) -> bool {
    request.query("key").as_deref() == Some("sesame")
}

#[hub(authorize(check = has_key))]
impl Keyed {
    fn ping(&self) {}
}

async fn server() -> Server {
    Server::tcp(members()).await
}

fn members() -> Builder {
    HubServer::builder()
        .hub(Members)
        .hub(Admins)
        .hub(News)
        .hub(Keyed)
        .hub(common::hubs::Demo)
        .authenticate(ByHeader)
        .detailed_errors(true)
}

fn listing(hubs: &[&str]) -> String {
    Value::from_iter(hubs.iter().map(|hub| json!({"name": hub}))).to_string()
}

#[tokio::test]
async fn items_6_and_12_who_may_reach_none_of_the_listed_hubs_is_told_at_negotiate() {
    let server = server().await;
    for (user, hubs, status) in [
        (None, &["members"][..], 401),
        (None, &["members", "admins"], 401),
        (None, &["members", "demo"], 200),
        (None, &["news"], 200),
        (None, &[], 200),
        (Some("ann"), &["MEMBERS"], 200),
        (Some("bob"), &["admins"], 403),
        (Some("bob;admin"), &["admins"], 403),
        (Some("ann"), &["admins"], 403),
        (Some("ANN;admin"), &["admins"], 200),
        (Some("bob"), &["admins", "members"], 200),
        (Some(""), &["members"], 401),
    ] {
        let data = listing(hubs);
        for verb in ["/negotiate", "/ping", "/hubs", "/connect"] {
            let query = [("connectionData", &*data)];
            let answer = server.get_as(verb, &query, user).await;
            // Past this check a connect without transport fails at the next one.
            let expected = if (verb, status) == ("/connect", 200) {
                400
            } else {
                status
            };
            assert_eq!(answer.status, expected, "{user:?} {hubs:?} {verb}");
            assert_eq!(answer.headers["x-content-type-options"], "nosniff");
            assert!(status == 200 || answer.body.is_empty());
        }
    }
}

#[tokio::test]
async fn a_function_decides_by_the_request() {
    let server = server().await;
    let data = listing(&["keyed"]);
    let status = async |key: &str| {
        let query = [("connectionData", &*data), ("key", key)];
        server.get("/negotiate", &query).await.status
    };
    assert_eq!(status("sesame").await, 200);
    assert_eq!(status("salt").await, 401);
}

#[tokio::test]
async fn a_call_that_is_not_allowed_fails_with_the_originals_words() {
    let server = server().await;
    let mut nobody = server.client(&["demo"]).await;
    for method in ["WhoAmI", "whoami"] {
        let answer = nobody.call("MEMBERS", method, json!([])).await;
        assert_eq!(
            answer["E"],
            "Caller is not authorized to invoke the WhoAmI method on members."
        );
        assert!(answer.get("H").is_none());
    }
    let unknown = nobody.call("members", "Nothing", json!([])).await;
    assert_eq!(
        unknown["E"],
        "Caller is not authorized to invoke the Nothing method on members."
    );
    let mut bob = server.client_as(&["members"], Some("bob")).await;
    assert_eq!(bob.result("members", "whoAmI", json!([])).await, "bob");
    let kick = bob.call("members", "kick", json!([])).await;
    assert_eq!(
        kick["E"],
        "Caller is not authorized to invoke the kick method on members."
    );
    let mut root = server.client_as(&["members"], Some("root;op;admin")).await;
    assert_eq!(root.result("members", "kick", json!([])).await, "kicked");
    assert!(
        root.call("admins", "ping", json!([]))
            .await
            .get("E")
            .is_none()
    );
}

#[tokio::test]
async fn without_detailed_errors_it_is_a_failure_like_any_other() {
    let server = Server::tcp(HubServer::builder().hub(Members)).await;
    let mut nobody = server.client(&[]).await;
    let answer = nobody.call("members", "WhoAmI", json!([])).await;
    assert_eq!(
        answer["E"],
        "There was an error invoking Hub method 'members.WhoAmI'."
    );
}

#[tokio::test]
async fn who_may_not_call_may_still_listen_where_the_hub_says_so() {
    let server = server().await;
    let mut nobody = server.client(&["news"]).await;
    let refused = nobody.call("news", "tell", json!(["x"])).await;
    assert!(refused["E"].is_string());
    let mut ann = server.client_as(&["news"], Some("ann")).await;
    ann.result("news", "tell", json!(["hello"])).await;
    assert_eq!(nobody.event().await, json!(["news", "hello"]));
}

#[tokio::test]
async fn a_hub_that_was_denied_is_not_listened_to() {
    let server = members().build().unwrap();
    let [secret, news] = ["members", "news"].map(|hub| server.handle(hub).unwrap());
    let server = Server::tcp_of(server).await;
    let query = server.target("", &[]);
    // Without a list and without negotiation a client listens to all hubs that it may reach.
    let mut bare = server.upgrade(&query, &[]).await.unwrap();
    bare.frame().await;
    let mut listed = server.client(&["members", "news"]).await;
    let mut ann = server.client_as(&["members", "news"], Some("ann")).await;
    secret.clients().all().send("secret", ()).await.unwrap();
    news.clients().all().send("news", ()).await.unwrap();
    assert_eq!(bare.event().await, json!(["news"]));
    assert_eq!(listed.event().await, json!(["news"]));
    assert_eq!(ann.event().await, json!(["secret"]));
    assert_eq!(ann.event().await, json!(["news"]));
}

#[tokio::test]
async fn a_server_may_ask_for_a_user_on_every_hub() {
    let (builder, _) = builder();
    let server = Server::tcp(builder.authorize(Authorize::AUTHENTICATED)).await;
    let data = listing(&["conformance"]);
    let query = [("connectionData", &*data)];
    assert_eq!(server.get("/negotiate", &query).await.status, 401);
    let mut nobody = server.client(&[]).await;
    let answer = nobody.call("conformance", "add", json!([1, 2])).await;
    assert!(answer["E"].is_string());
    let mut ann = server.client_as(&["conformance"], Some("ann")).await;
    assert_eq!(ann.result("conformance", "add", json!([1, 2])).await, 3);
}
