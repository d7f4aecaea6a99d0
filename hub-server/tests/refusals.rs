//! Who is turned away before there is a connection, with what words, and who is not (`classic-signalr.md` 2.5, 2.6, 4,
//! checklist "Negotiate and endpoints").
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::Server;
use common::hubs::builder;
use common::response::refused;
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
