//! What comes before a connection: a builder, negotiate, ping, and which paths and queries they are found under
//! (`classic-signalr.md` 2, 3, checklist "Negotiate and endpoints").
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::Server;
use common::hubs::{Conformance, builder};
use common::response::refused;
use hub_server::{
    Args, BoxFuture, BuildError, Builder, Context, Hub, HubError, HubServer, HubSpec, Reply, hub,
};
use serde_json::{Value, json};

const UNKNOWN_TRANSPORT: &str = "Protocol error: Unknown transport.";

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

async fn server() -> Server {
    Server::tcp(builder().0).await
}

async fn negotiation(server: &Server, query: &[(&str, &str)]) -> Value {
    let answer = server.get("/negotiate", query).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

#[tokio::test]
async fn item_01_get_and_post_give_the_ten_fields_in_order() {
    let server = server().await;
    let target = server.target("/negotiate", &[("clientProtocol", "2.1")]);
    let mut ids = Vec::new();
    for method in ["GET", "POST", "PUT", "OPTIONS", "INVENTED"] {
        let answer = server.raw(method, &target, &[]).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert_eq!(
            answer.headers["content-type"],
            "application/json; charset=UTF-8"
        );
        let fields = answer.json();
        let (id, token) = (
            fields["ConnectionId"].as_str().unwrap(),
            &fields["ConnectionToken"],
        );
        assert_eq!(
            answer.body,
            format!(
                "{{\"Url\":\"/signalr\",\"ConnectionToken\":{token},\"ConnectionId\":\"{id}\",\"KeepAliveTimeout\":20.0,\
                 \"DisconnectTimeout\":30.0,\"ConnectionTimeout\":110.0,\"TryWebSockets\":true,\"ProtocolVersion\":\"2.0\",\
                 \"TransportConnectTimeout\":5.0,\"LongPollDelay\":0.0}}"
            )
        );
        let parts: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12], "{id}");
        assert_eq!(id, id.to_lowercase());
        ids.push(id.to_owned());
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 5);
}

#[tokio::test]
async fn item_02_the_version_is_clamped_and_echoed() {
    let server = server().await;
    for (sent, answered) in [
        ("1.3", "1.3"),
        ("1.4", "1.4"),
        ("1.5", "1.5"),
        ("2.0", "2.0"),
        ("2.1", "2.0"),
        ("3.7", "2.0"),
        ("1.0", "1.2"),
        ("abc", "1.2"),
        ("1337", "1.2"),
        ("", "1.2"),
        ("1.5.0", "1.5.0"),
    ] {
        let fields = negotiation(&server, &[("clientProtocol", sent)]).await;
        assert_eq!(fields["ProtocolVersion"], answered, "{sent}");
    }
    assert_eq!(negotiation(&server, &[]).await["ProtocolVersion"], "1.2");
    let named_oddly = negotiation(&server, &[("CLIENTPROTOCOL", "1.5")]).await;
    assert_eq!(named_oddly["ProtocolVersion"], "1.5");
    let twice = negotiation(
        &server,
        &[("clientProtocol", "1.5"), ("clientProtocol", "1.5")],
    );
    assert_eq!(twice.await["ProtocolVersion"], "1.2", "joined by a comma");
}

#[tokio::test]
async fn item_03_keep_alive_timeout_is_twice_the_interval_and_null_without() {
    async fn fields(builder: Builder) -> Value {
        negotiation(&Server::tcp(builder).await, &[]).await
    }
    let new = HubServer::builder;
    assert_eq!(fields(new()).await["KeepAliveTimeout"], 20.0);
    let off = fields(
        new()
            .keep_alive(None)
            .connection_timeout(Duration::from_millis(90_500)),
    );
    let off = off.await;
    assert_eq!(off["KeepAliveTimeout"], Value::Null);
    assert!(
        off.as_object().unwrap().contains_key("KeepAliveTimeout"),
        "present, and null"
    );
    assert_eq!(off["ConnectionTimeout"], 90.5);
    let disconnect = fields(
        new()
            .disconnect_timeout(Duration::from_secs(6))
            .transport_connect_timeout(Duration::from_secs(9)),
    );
    let disconnect = disconnect.await;
    assert_eq!(disconnect["DisconnectTimeout"], 6.0);
    assert_eq!(
        disconnect["KeepAliveTimeout"], 4.0,
        "a third of the disconnect timeout, twice"
    );
    assert_eq!(disconnect["TransportConnectTimeout"], 9.0);
}

#[tokio::test]
async fn item_04_url_is_the_path_that_connect_works_under() {
    let mut server = server().await;
    for (path, url) in [
        ("/signalr/negotiate", "/signalr"),
        ("/signalr//negotiate", "/signalr/"),
        ("/SignalR/negotiate", "/signalr"),
        ("/signalr/js/negotiate", "/signalr/js"),
        ("/signalr/hubs/negotiate", "/signalr/hubs"),
        ("/signalr/NEGOTIATE", "/signalr/NEGOTIATE"),
        ("/signalr/negotiate/negotiate", "/signalr"),
        ("/signalr/a%20b/negotiate", "/signalr/a b"),
        ("/signalr/%6Eegotiate", "/signalr"),
    ] {
        assert_eq!(
            server.raw("GET", path, &[]).await.json()["Url"],
            url,
            "{path}"
        );
    }
    for base in ["/signalr/", "/signalr/js", "/signalr/hubs"] {
        server.path = base.into();
        let mut client = server.client(&["conformance"]).await;
        assert_eq!(client.result("conformance", "Add", json!([1, 2])).await, 3);
        client.reconnect().await;
        assert_eq!(client.result("conformance", "Add", json!([1, 2])).await, 3);
    }
}

#[tokio::test]
async fn item_04_a_mount_of_another_path_answers_there_only() {
    let (builder, _) = builder();
    let mut server = Server::tcp(builder.path("/App/Chat")).await;
    assert_eq!(
        server.raw("GET", "/app/chat/negotiate", &[]).await.json()["Url"],
        "/App/Chat"
    );
    for elsewhere in [
        "/signalr/negotiate",
        "/app/chats/negotiate",
        "/",
        "/app",
        "/negotiate",
    ] {
        assert_eq!(
            server.raw("GET", elsewhere, &[]).await.status,
            404,
            "{elsewhere}"
        );
    }
    server.path = "/app/chat".into();
    let mut client = server.client(&["conformance"]).await;
    assert_eq!(client.result("conformance", "Add", json!([1, 2])).await, 3);

    let mut at_root = Server::tcp(common::hubs::builder().0.path("/")).await;
    at_root.path = String::new();
    assert_eq!(negotiation(&at_root, &[]).await["Url"], "");
    drop(at_root.client(&["conformance"]).await);
}

#[tokio::test]
async fn item_06_ping_needs_no_token() {
    let server = server().await;
    let pong = server.get("/ping", &[]).await;
    assert_eq!(
        (pong.status, &*pong.body),
        (200, "{ \"Response\": \"pong\" }")
    );
    assert_eq!(
        pong.headers["content-type"],
        "application/json; charset=UTF-8"
    );
    assert_eq!(pong.headers["x-content-type-options"], "nosniff");
    assert_eq!(
        server.raw("POST", "/signalr/ping", &[]).await.body,
        pong.body
    );
}

#[tokio::test]
async fn item_14_paths_are_matched_by_their_end() {
    let server = server().await;
    for path in [
        "/signalr/negotiate",
        "/SIGNALR/Negotiate",
        "/signalr//negotiate",
        "/signalr/anything/at/all/negotiate",
        "/signalr/negotiate/negotiate",
        "/signalr/ping/negotiate",
    ] {
        let answer = server.raw("GET", path, &[]).await;
        assert!(answer.json()["ConnectionToken"].is_string(), "{path}");
    }
    assert_eq!(
        server.raw("GET", "/signalr/x/PING", &[]).await.body,
        "{ \"Response\": \"pong\" }"
    );
    // A trailing slash, or a name that only ends alike, is a receive request.
    for path in [
        "/signalr/negotiate/",
        "/signalr/ping/",
        "/signalr/xnegotiate",
        "/signalr",
        "/signalr/",
    ] {
        refused(&server.raw("GET", path, &[]).await, 400, UNKNOWN_TRANSPORT);
    }
    for path in [
        "/signalrfoo",
        "/signalrfoo/negotiate",
        "/xsignalr/negotiate",
    ] {
        assert_eq!(server.raw("GET", path, &[]).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_query_with_reserved_characters_left_unescaped_is_understood() {
    let server = server().await;
    // As the .NET client sends `connectionData`, and as the Java client sends cursors.
    let target = "/signalr/negotiate?clientProtocol=2.1&connectionData=[%7B%22Name%22:%22conformance%22%7D]&messageId=d-1,2|3";
    assert_eq!(server.raw("GET", target, &[]).await.status, 200);
    let unknown = "/signalr/negotiate?connectionData=[%7B%22Name%22:%22nosuch%22%7D]";
    assert_eq!(server.raw("GET", unknown, &[]).await.status, 500);
}

/// Written by hand: the macro would refuse the name.
struct Misnamed(&'static str);

impl Hub for Misnamed {
    fn spec(&self) -> &'static HubSpec {
        Box::leak(Box::new(HubSpec {
            name: self.0,
            methods: &[],
            authorize: &[],
        }))
    }

    fn call<'a>(
        &'a self,
        _: &'a Context,
        _: usize,
        _: Args,
    ) -> BoxFuture<'a, Result<Reply, HubError>> {
        Box::pin(std::future::ready(Ok(Reply::Nothing)))
    }
}

struct Twin;

#[hub(name = "CONFORMANCE")]
impl Twin {}

#[tokio::test]
async fn what_is_wrong_with_a_builder_is_told_by_build() {
    let built = |builder: Builder| builder.build().err();
    let shared = built(HubServer::builder().hub(Conformance::default()).hub(Twin));
    assert!(
        matches!(shared, Some(BuildError::SharedName(name)) if name.eq_ignore_ascii_case("conformance"))
    );
    assert!(
        shared
            .unwrap()
            .to_string()
            .starts_with("Two Hubs must not share the same name"),
    );
    for name in ["has.dot", ""] {
        let invalid = built(HubServer::builder().hub(Misnamed(name))).unwrap();
        assert_eq!(
            invalid.to_string(),
            format!("The hub name '{name}' is invalid.")
        );
    }
    let path = built(HubServer::builder().path("signalr"));
    assert!(matches!(path, Some(BuildError::Path(path)) if path == "signalr"));
    assert!(built(HubServer::builder()).is_none(), "no hubs is allowed");
}

#[test]
fn item_69_setting_validation_errors_have_the_originals_texts() {
    let wrong = |builder: Builder| match builder.build() {
        Err(BuildError::Setting(text)) => text,
        other => panic!("{other:?}"),
    };
    let ms = Duration::from_millis;
    let new = HubServer::builder;
    let too_short = "DisconnectTimeout must be at least six seconds.";
    assert_eq!(wrong(new().disconnect_timeout(ms(5_999))), too_short);
    assert_eq!(wrong(new().disconnect_timeout(Duration::ZERO)), too_short);
    let too_often = "KeepAlive value must be greater than two seconds.";
    assert_eq!(wrong(new().keep_alive(Some(ms(1_999)))), too_often);
    assert_eq!(wrong(new().keep_alive(Some(Duration::ZERO))), too_often);
    let too_rare = "KeepAlive value must be no more than a third of the DisconnectTimeout.";
    assert_eq!(wrong(new().keep_alive(Some(ms(10_001)))), too_rare);
    assert_eq!(
        wrong(new().disconnect_timeout(s(6)).keep_alive(Some(ms(2_001)))),
        too_rare
    );
    let order = "DisconnectTimeout cannot be configured after the KeepAlive.";
    assert_eq!(
        wrong(new().keep_alive(Some(s(5))).disconnect_timeout(s(60))),
        order
    );
    assert_eq!(
        wrong(new().keep_alive(None).disconnect_timeout(s(60))),
        order
    );
    // This one is ours: clients would give every transport up at once.
    assert_eq!(
        wrong(new().transport_connect_timeout(Duration::ZERO)),
        "TransportConnectTimeout must be longer than zero."
    );
    for fine in [
        new().disconnect_timeout(s(6)),
        new().disconnect_timeout(s(6)).keep_alive(Some(s(2))),
        new().keep_alive(Some(s(10))),
        new().disconnect_timeout(s(60)).keep_alive(None),
    ] {
        assert!(fine.build().is_ok());
    }
}
