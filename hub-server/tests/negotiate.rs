//! What comes before a connection: negotiate, ping, and who is turned away with what words (`classic-signalr.md` 2 to 4,
//! checklist "Negotiate and endpoints").
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::hubs::{Conformance, builder};
use common::{Response, Server};
use hub_server::{
    Args, BoxFuture, BuildError, Builder, Context, Hub, HubError, HubServer, HubSpec, Reply, hub,
};
use serde_json::{Value, json};

const CONFORMANCE: &str = r#"[{"name":"conformance"}]"#;
const UNKNOWN_TRANSPORT: &str = "Protocol error: Unknown transport.";
const MISSING_TOKEN: &str = "Protocol error: Missing connection token.";
const BAD_TOKEN: &str = "The ConnectionId is in the incorrect format.";
const OTHER_USER: &str = "Unrecognized user identity.  The user identity cannot change during an active SignalR connection.";

/// All suffixes that need a transport and a token.
const VERBS: [&str; 8] = [
    "/connect",
    "/reconnect",
    "/poll",
    "/send",
    "/start",
    "/abort",
    "/whatever",
    "",
];

async fn server() -> Server {
    Server::tcp(builder().0).await
}

async fn negotiation(server: &Server, query: &[(&str, &str)]) -> Value {
    let answer = server.get("/negotiate", query).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

async fn token(server: &Server, user: Option<&str>) -> String {
    let answer = server.get_as("/negotiate", &[], user).await;
    answer.json()["ConnectionToken"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[track_caller]
fn refused(answer: &Response, status: u16, text: &str) {
    assert_eq!((answer.status, &*answer.body), (status, text));
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    assert!(!answer.headers.contains_key("content-type"), "{answer:?}");
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
async fn item_07_unknown_or_missing_transport_is_400_before_anything_about_the_token() {
    let server = server().await;
    let token = token(&server, None).await;
    for verb in VERBS {
        for transport in [
            None,
            Some(""),
            Some("nosuch"),
            Some("WEBSOCKETS2"),
            Some("webSockets,webSockets"),
        ] {
            for token in [None, Some("garbage"), Some(&*token)] {
                let mut query = vec![("clientProtocol", "2.1"), ("connectionData", CONFORMANCE)];
                query.extend(transport.map(|name| ("transport", name)));
                query.extend(token.map(|token| ("connectionToken", token)));
                refused(&server.get(verb, &query).await, 400, UNKNOWN_TRANSPORT);
            }
        }
    }
}

#[tokio::test]
async fn item_07_a_websocket_with_an_unknown_transport_is_400_and_no_upgrade() {
    let server = server().await;
    let token = token(&server, None).await;
    for (query, text) in [
        (
            vec![("transport", "nosuch"), ("connectionToken", &*token)],
            UNKNOWN_TRANSPORT,
        ),
        (vec![("connectionToken", &*token)], UNKNOWN_TRANSPORT),
        (
            vec![("transport", ""), ("connectionToken", &*token)],
            UNKNOWN_TRANSPORT,
        ),
        (vec![("transport", "webSockets")], MISSING_TOKEN),
        (
            vec![("transport", "webSockets"), ("connectionToken", "garbage")],
            BAD_TOKEN,
        ),
    ] {
        let refusal = server
            .upgrade(&server.target("/connect", &query), &[])
            .await
            .err();
        assert_eq!(refusal, Some((400, text.to_owned())), "{query:?}");
    }
}

#[tokio::test]
async fn item_08_a_missing_token_is_400() {
    let server = server().await;
    for verb in VERBS {
        for query in [
            &[("transport", "webSockets")][..],
            &[("transport", "WEBSOCKETS"), ("connectionToken", "")],
        ] {
            refused(&server.get(verb, query).await, 400, MISSING_TOKEN);
        }
    }
}

#[tokio::test]
async fn item_08_a_corrupt_forged_or_foreign_token_is_400() {
    let server = server().await;
    let token = token(&server, None).await;
    let cut = &token[..token.len() - 4];
    let flipped = format!(
        "{}{}",
        if token.starts_with('A') { 'B' } else { 'A' },
        &token[1..]
    );
    let foreign = self::token(&Server::tcp(builder().0).await, None).await;
    let id = "6a246327-fd16-4a90-8a76-e87ef5d14642:";
    for bad in [
        "garbage", "AAAA", "====", "%", "%FF", "\0", id, cut, &flipped, &foreign, "🦀",
    ] {
        for verb in VERBS {
            let query = [("transport", "webSockets"), ("connectionToken", bad)];
            refused(&server.get(verb, &query).await, 400, BAD_TOKEN);
        }
    }
}

#[tokio::test]
async fn item_08_a_groups_token_does_not_pass_for_a_connection_token() {
    let server = server().await;
    let mut client = server.client(&["conformance"]).await;
    client.result("conformance", "Join", json!(["room"])).await;
    while client.socket.groups.is_none() {
        client.socket.frame().await;
    }
    let groups = client.socket.groups.clone().unwrap();
    let query = [("transport", "webSockets"), ("connectionToken", &*groups)];
    refused(&server.get("/abort", &query).await, 400, BAD_TOKEN);
}

#[tokio::test]
async fn row_11_web_sockets_without_an_upgrade_is_400() {
    let server = server().await;
    let token = token(&server, None).await;
    let query = [
        ("transport", "webSockets"),
        ("connectionToken", &*token),
        ("clientProtocol", "2.1"),
    ];
    for verb in VERBS {
        let answer = server.get(verb, &query).await;
        match verb {
            "/start" => assert_eq!(answer.body, "{ \"Response\": \"started\" }"),
            "/abort" => {
                assert_eq!((answer.status, &*answer.body), (200, ""));
                assert_eq!(answer.headers["content-type"], "text/plain");
            }
            _ => refused(&answer, 400, "Not a valid web socket request."),
        }
    }
    // Half an upgrade is none.
    let target = server.target("/connect", &query);
    let half = [
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "8"),
        ("Sec-WebSocket-Key", "x"),
    ];
    refused(
        &server.raw("GET", &target, &half).await,
        400,
        "Not a valid web socket request.",
    );
}

#[tokio::test]
async fn item_09_a_token_serves_only_its_user_whatever_the_case() {
    let server = server().await;
    let (ann, nobody) = (
        token(&server, Some("Ann")).await,
        token(&server, None).await,
    );
    for (token, user, passes) in [
        (&ann, Some("Ann"), true),
        (&ann, Some("ANN"), true),
        (&ann, Some("bob"), false),
        (&ann, None, false),
        (&nobody, None, true),
        (&nobody, Some("ann"), false),
    ] {
        for verb in ["/start", "/abort", "/connect", "/reconnect"] {
            let query = [
                ("transport", "webSockets"),
                ("connectionToken", &**token),
                ("clientProtocol", "2.1"),
            ];
            let answer = server.get_as(verb, &query, user).await;
            if passes {
                assert_ne!(answer.status, 403, "{user:?} {verb}");
            } else {
                refused(&answer, 403, OTHER_USER);
            }
        }
    }
}

#[tokio::test]
async fn item_10_user_names_with_colons_survive() {
    let server = server().await;
    for name in ["DOMAIN:ann:x", ":", "a:"] {
        let mut client = server.client_as(&["conformance"], Some(name)).await;
        assert_eq!(
            client.result("conformance", "request", json!([])).await["user"],
            name
        );
        let other = server
            .get_as("/abort", &client.query(&[]), Some("DOMAIN"))
            .await;
        refused(&other, 403, OTHER_USER);
    }
}

#[tokio::test]
async fn item_11_unknown_and_duplicate_hubs_are_refused_everywhere() {
    let server = server().await;
    let token = token(&server, None).await;
    for bad in [
        r#"[{"name":"nosuch"}]"#,
        r#"[{"name":"conformance"},{"name":"nosuch"}]"#,
        r#"[{"name":"conformance"},{"Name":"CONFORMANCE"}]"#,
        "garbage",
        "{}",
        "[1]",
        "[{}]",
        r#"[{"name":""}]"#,
        r#"[{"name":null}]"#,
        "[",
    ] {
        let query = [
            ("connectionData", bad),
            ("transport", "webSockets"),
            ("connectionToken", &*token),
        ];
        for verb in [
            "/negotiate",
            "/ping",
            "/connect",
            "/start",
            "/abort",
            "/hubs",
            "/js",
        ] {
            let answer = server.get(verb, &query).await;
            assert_eq!(answer.status, 500, "{verb} {bad}");
        }
        let refusal = server
            .upgrade(&server.target("/connect", &query), &[])
            .await
            .err();
        assert_eq!(
            refusal.map(|(status, _)| status),
            Some(500),
            "an upgrade, {bad}"
        );
    }
    for good in [
        "",
        "null",
        "[]",
        r#"[{"Name":"CONFORMANCE","x":[1]}]"#,
        r#"[{"name":"demo"},{"name":"conformance"}]"#,
    ] {
        negotiation(&server, &[("connectionData", good)]).await;
    }
}

#[tokio::test]
async fn item_12_whom_the_authentication_refuses_gets_401_already_at_negotiate() {
    let server = server().await;
    let token = token(&server, None).await;
    let query = [
        ("transport", "webSockets"),
        ("connectionToken", &*token),
        ("clientProtocol", "2.1"),
    ];
    for verb in [
        "/negotiate",
        "/ping",
        "/connect",
        "/start",
        "/abort",
        "/hubs",
    ] {
        refused(&server.get_as(verb, &query, Some("refused")).await, 401, "");
    }
    let refusal = server
        .upgrade(&server.target("/connect", &query), &[("X-User", "refused")])
        .await;
    assert_eq!(refusal.err(), Some((401, String::new())));
}

#[tokio::test]
async fn item_13_any_callback_is_403_while_jsonp_is_off() {
    let server = server().await;
    let token = token(&server, None).await;
    for verb in [
        "/negotiate",
        "/ping",
        "/hubs",
        "/js",
        "/connect",
        "/start",
        "/send",
        "/poll",
        "/abort",
        "",
    ] {
        let query = [
            ("callback", "cb"),
            ("transport", "webSockets"),
            ("connectionToken", &*token),
        ];
        let answer = server.get(verb, &query).await;
        assert_eq!(
            (answer.status, &*answer.reason, &*answer.body),
            (403, "Forbidden: JSONP is disabled.", ""),
            "{verb}"
        );
        assert!(!answer.headers.contains_key("x-content-type-options"));
    }
    // It comes before everything else, and only a name counts.
    let bad_hubs = [("CALLBACK", "1"), ("connectionData", "garbage")];
    assert_eq!(server.get("/negotiate", &bad_hubs).await.status, 403);
    assert_eq!(
        server
            .get_as("/negotiate", &[("callback", "x")], Some("refused"))
            .await
            .status,
        403
    );
    negotiation(&server, &[("callback", "")]).await;
    let upgrade = server
        .upgrade(&server.target("", &[("callback", "x")]), &[])
        .await;
    assert_eq!(upgrade.err().map(|(status, _)| status), Some(403));
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

#[tokio::test]
async fn the_token_is_accepted_with_its_plus_signs_left_raw() {
    let server = server().await;
    // As the Java client does: a raw plus means a space.
    for _ in 0..50 {
        let token = token(&server, None).await;
        let target = format!(
            "/signalr/start?transport=webSockets&clientProtocol=2.1&connectionToken={token}"
        );
        assert_eq!(server.raw("GET", &target, &[]).await.status, 200);
    }
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
