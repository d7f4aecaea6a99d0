//! One connection by several transports: all begin alike, one takes over from another, and those that were removed are
//! refused (`classic-signalr.md` 7.3, checklist 5, 16, 19, 20).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::hubs::{Events, builder};
use common::receive::{ALL, Ended, FRAME, Over, POLL, SSE};
use common::{Server, Socket};
use hub_server::Transport;
use serde_json::json;

async fn server() -> (Server, Events) {
    let (builder, events) = builder();
    (Server::tcp(builder).await, events)
}

const HUB: &[&str] = &["conformance"];

async fn upgrade(client: &Over<'_>) -> Socket {
    let target = client.target("/connect", &[]);
    let target = target.replace(client.transport, "webSockets");
    let mut socket = client.server.upgrade(&target, &[]).await.unwrap();
    let init = socket.frame().await;
    assert_eq!((&init["S"], &init["M"]), (&json!(1), &json!([])), "{init}");
    socket
}

#[tokio::test]
async fn item_5_a_transport_that_was_removed_is_not_offered_and_refused() {
    let kinds = [
        (Transport::WebSockets, "webSockets"),
        (Transport::ServerSentEvents, SSE),
        (Transport::ForeverFrame, FRAME),
        (Transport::LongPolling, POLL),
    ];
    for (removed, name) in kinds {
        let (builder, _) = builder();
        let server = Server::tcp(builder.without_transport(removed)).await;
        let negotiated = server.get("/negotiate", &[("clientProtocol", "2.1")]).await;
        let offered = negotiated.json()["TryWebSockets"].clone();
        assert_eq!(offered, removed != Transport::WebSockets);
        for (other, other_name) in kinds {
            let client = server.negotiated_over(other_name, HUB, None).await;
            for verb in [
                "/connect",
                "/reconnect",
                "/poll",
                "/send",
                "/start",
                "/abort",
            ] {
                let answer = if other == removed {
                    client.get(verb).await
                } else if other != Transport::WebSockets && verb == "/connect" {
                    assert_eq!(client.open(verb, &[]).await.status, 200);
                    continue;
                } else {
                    continue;
                };
                let refusal = (400, "Protocol error: Unknown transport.");
                assert_eq!((answer.status, &*answer.body), refusal, "{name} {verb}");
            }
            if other == Transport::WebSockets {
                let upgraded = server.upgrade(&client.target("/connect", &[]), &[]).await;
                match upgraded {
                    Ok(_) => assert_ne!(removed, other),
                    Err(refused) => {
                        let text = "Protocol error: Unknown transport.".to_owned();
                        assert_eq!((removed, refused), (other, (400, text)));
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn item_16_the_first_payload_has_a_cursor_s_and_no_messages_on_every_transport() {
    let (server, _) = server().await;
    let client = server.negotiated_over(SSE, HUB, None).await;
    let mut socket = upgrade(&client).await;
    assert!(
        socket
            .cursor
            .take()
            .is_some_and(|cursor| !cursor.is_empty())
    );
    for transport in ALL {
        let mut client = server.negotiated_over(transport, HUB, None).await;
        client.connect().await;
        assert!(client.cursor.is_some(), "{transport}");
    }
}

#[tokio::test]
async fn item_19_an_old_client_is_connected_before_its_first_payload_on_every_transport() {
    let (server, events) = server().await;
    for transport in ALL {
        for version in ["1.3", "", "abc"] {
            let client = server.negotiated_over(transport, HUB, None).await;
            let target = client.target("/connect", &[("frameId", "1")]);
            let old = format!("clientProtocol={version}");
            let target = target.replace("clientProtocol=2.1", &old);
            let mut stream = server.ask(&target, &[], None).await;
            let first = if transport == POLL {
                stream.body().await
            } else {
                stream.unit().await.unwrap();
                stream.unit().await.unwrap()
            };
            assert!(first.contains("\"S\":1,\"M\":[]}"), "{first}");
            assert_eq!(events.of(&client.id), ["connected"]);
        }
    }
}

#[tokio::test]
async fn item_19_an_old_client_is_cut_off_when_on_connected_fails_on_every_transport() {
    let (server, _) = server().await;
    for transport in ALL {
        let client = server.negotiated_over(transport, &["failing"], None).await;
        let target = client.target("/connect", &[("frameId", "1")]);
        let target = target.replace("clientProtocol=2.1", "clientProtocol=1.3");
        let mut stream = server.ask(&target, &[], None).await;
        assert_eq!(stream.status, 200, "{transport}");
        let body = stream.body().await;
        assert!(!body.contains("\"C\""), "{body}");
        assert_eq!(body.is_empty(), transport == POLL, "{body}");
        assert_eq!(stream.ended, Some(Ended::Cut), "{transport}");
    }
}

#[tokio::test]
async fn item_20_another_transport_takes_over_before_start_and_on_connected_runs_once() {
    let (server, events) = server().await;
    for transport in ALL {
        let mut client = server.negotiated_over(transport, HUB, None).await;
        let mut socket = upgrade(&client).await;
        client.connect().await;
        assert_eq!(socket.end().await, Some(1000), "{transport}");
        assert!(socket.events.is_empty());
        assert!(events.of(&client.id).is_empty());
        client.start().await;
        let id = client.id.clone();
        client
            .result("conformance", "Broadcast", json!(["hi"]))
            .await;
        assert_eq!(client.event().await, json!(["message", id, "hi"]));
        assert_eq!(events.of(&id), ["connected"], "{transport}");
        client.abort().await;
        events
            .become_for(&id, &["connected", "disconnected:true"])
            .await;
    }
}

#[tokio::test]
async fn item_20_from_each_transport_over_http_to_each_other() {
    let (server, events) = server().await;
    for first in ALL {
        for second in ALL {
            let mut client = server.negotiated_over(first, HUB, None).await;
            client.connect().await;
            let old = client.stream.take();
            let mut client = client.by(second);
            client.connect().await;
            if let Some(mut old) = old {
                assert_eq!(old.unit().await, None, "{first} {second}");
                assert_eq!(old.ended, Some(Ended::Complete));
            }
            client.start().await;
            client
                .result("conformance", "Broadcast", json!(["hi"]))
                .await;
            let id = client.id.clone();
            assert_eq!(client.event().await, json!(["message", id, "hi"]));
            assert_eq!(events.of(&id), ["connected"], "{first} {second}");
        }
    }
}

#[tokio::test]
async fn item_20_an_old_client_that_falls_back_is_connected_once() {
    let (server, events) = server().await;
    for transport in ALL {
        let client = server.negotiated_over(SSE, HUB, None).await;
        for transport in [SSE, transport] {
            let target = client.target("/connect", &[("frameId", "1")]);
            let target = target.replace("clientProtocol=2.1", "clientProtocol=1.3");
            let target = target.replace(SSE, transport);
            let mut stream = server.ask(&target, &[], None).await;
            if transport == POLL {
                assert!(stream.body().await.contains("\"S\":1"));
            } else {
                stream.unit().await.unwrap();
                assert!(stream.unit().await.unwrap().contains("\"S\":1"));
            }
        }
        assert_eq!(events.of(&client.id), ["connected"], "{transport}");
    }
}

#[tokio::test]
async fn item_68_a_socket_takes_over_from_a_stream_and_a_stream_from_a_socket() {
    let (server, events) = server().await;
    for transport in ALL {
        let mut client = server.over(transport, HUB).await;
        let old = match client.stream.take() {
            Some(old) => old,
            None => client.come("/poll").await,
        };
        let cursor = client.cursor.clone().unwrap();
        let target = client.target("/reconnect", &[("messageId", &cursor)]);
        let target = target.replace(transport, "webSockets");
        let mut socket = server.upgrade(&target, &[]).await.unwrap();
        let mut old = old;
        let body = old.body().await;
        assert_eq!(old.ended, Some(Ended::Complete), "{transport}");
        let expected = match transport {
            POLL => format!("{{\"C\":\"{cursor}\",\"M\":[]}}"),
            _ => String::new(),
        };
        assert_eq!(body, expected);
        let id = client.id.clone();
        client
            .result("conformance", "Broadcast", json!(["one"]))
            .await;
        assert_eq!(socket.event().await, json!(["message", id, "one"]));
        client.cursor = socket.cursor.clone();
        if transport == POLL {
            let poll = client.come("/reconnect").await;
            assert_eq!(socket.end().await, Some(1000));
            client
                .result("conformance", "Broadcast", json!(["two"]))
                .await;
            let mut poll = poll;
            client.take(&serde_json::from_str(&poll.body().await).unwrap());
        } else {
            client.reconnect().await;
            assert_eq!(socket.end().await, Some(1000));
            client
                .result("conformance", "Broadcast", json!(["two"]))
                .await;
        }
        assert_eq!(client.event().await, json!(["message", id, "two"]));
        events
            .become_for(&id, &["connected", "reconnected", "reconnected"])
            .await;
    }
}
