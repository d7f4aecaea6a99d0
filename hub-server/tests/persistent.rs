//! Persistent connections: messages without hubs (`classic-signalr.md` 13.1, routes as in `conformance-app.md`).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use async_trait::async_trait;
use common::hubs::{ByHeader, builder};
use common::receive::{POLL, SSE};
use common::{Server, within};
use hub_server::{
    Context, GroupName, HubError, Identity, Mount, PersistentConnection, Request, Resumed,
};
use serde_json::value::RawValue;
use serde_json::{Value, json};

struct Echo;

#[async_trait]
impl PersistentConnection for Echo {
    async fn on_connected(&self, cx: &Context) -> Result<(), HubError> {
        Ok(cx.clients().caller().send_value("connected").await?)
    }

    async fn on_received(&self, cx: &Context, data: Option<String>) -> Result<(), HubError> {
        match data.as_deref() {
            Some("fail") => Err(HubError::internal("on purpose")),
            Some("panic") => panic!("on purpose"),
            Some("raw") => {
                let value: &RawValue = serde_json::from_str("{\"I\": 1,\r\n \"x\" :[ ]}")?;
                Ok(cx.clients().caller().send_value(value).await?)
            }
            _ => Ok(cx.clients().caller().send_value(data).await?),
        }
    }

    async fn on_reconnected(&self, cx: &Context, _: Resumed) -> Result<(), HubError> {
        Ok(cx.clients().caller().send_value("reconnected").await?)
    }
}

/// `{"type":1,"group":g}` joins, 2 leaves, 3 sends to the group, anything else goes to all others.
struct Groups;

#[async_trait]
impl PersistentConnection for Groups {
    async fn on_received(&self, cx: &Context, data: Option<String>) -> Result<(), HubError> {
        let message: Value = serde_json::from_str(&data.unwrap_or_default())?;
        let group = message["group"].as_str().unwrap_or_default();
        match message["type"].as_u64() {
            Some(1) => cx.join(group).await?,
            Some(2) => cx.leave(group).await?,
            Some(3) => {
                cx.clients()
                    .group(group)
                    .send_value(&message["message"])
                    .await?
            }
            _ => cx.clients().others().send_value(&message).await?,
        }
        Ok(())
    }

    async fn on_rejoining_groups(&self, _: &Context, groups: Vec<GroupName>) -> Vec<GroupName> {
        groups
            .into_iter()
            .filter(|group| *group != "once")
            .collect()
    }
}

struct Protected;

#[async_trait]
impl PersistentConnection for Protected {
    async fn authorize(&self, request: &Request, _: &Identity) -> bool {
        request.query("please").is_some()
    }

    async fn on_received(&self, _: &Context, _: Option<String>) -> Result<(), HubError> {
        Ok(())
    }
}

async fn server(path: &str) -> Server {
    let (builder, _) = builder();
    let builder = builder
        .mount(Mount::default())
        .mount(Mount::connection("/echo", Echo))
        .mount(Mount::connection("/a.b/groups/", Groups))
        .mount(Mount::connection("/protected", Protected).authenticate(ByHeader));
    let mut server = Server::tcp(builder).await;
    server.path = path.into();
    server
}

async fn values(socket: &mut common::Socket, count: usize) -> Vec<Value> {
    let mut values = Vec::new();
    while values.len() < count {
        socket.frame().await;
        values.extend(socket.events.drain(..));
    }
    values
}

#[tokio::test]
async fn what_is_received_comes_back_as_any_json_value_item_12_of_15() {
    let server = server("/echo").await;
    let mut client = server.client(&[]).await;
    for text in ["hi", "{\"H\":\"x\"}", "", "fail", "panic", "raw", "null"] {
        client.socket.send_text(text).await;
    }
    let values = values(&mut client.socket, 6).await;
    assert_eq!(
        values,
        [
            json!("connected"),
            json!("hi"),
            json!("{\"H\":\"x\"}"),
            json!(""),
            json!({"I": 1, "x": []}),
            json!("null")
        ]
    );
    client.reconnect().await;
    assert_eq!(within(client.event()).await, "reconnected");
}

#[tokio::test]
async fn over_http_a_send_is_answered_empty_when_it_was_received() {
    let server = server("/echo").await;
    for transport in [SSE, POLL] {
        let mut client = server.over(transport, &[]).await;
        let connected = client.payload().await;
        assert_eq!(connected["M"], json!(["connected"]), "{transport}");
        for (data, status, values) in [
            ("a+b c", 200, json!(["a+b c"])),
            ("raw", 200, json!([{"I": 1, "x": []}])),
        ] {
            let answer = client.post(data).await;
            assert_eq!(
                (answer.status, &*answer.body),
                (status, ""),
                "{transport} {data}"
            );
            assert_eq!(client.payload().await["M"], values, "{transport} {data}");
        }
        for data in ["fail", "panic"] {
            assert_eq!(client.post(data).await.status, 500, "{transport} {data}");
        }
        // Without a field there are no data, which the original passes on as null.
        let target = client.target("/send", &[]);
        assert_eq!(
            server.post(&target, &[], b"").await.status,
            200,
            "{transport}"
        );
        assert_eq!(client.payload().await["M"], json!([null]), "{transport}");
    }
}

#[tokio::test]
async fn groups_are_the_connections_own_and_may_be_left_behind_when_coming_back() {
    let server = server("/a.b/groups").await;
    let mut ann = server.client(&[]).await;
    let mut bob = server.client(&[]).await;
    for group in ["kept", "once", "a.b"] {
        let join = json!({"type": 1, "group": group}).to_string();
        ann.socket.send_text(&join).await;
        while ann.socket.frame().await.get("G").is_none() {}
    }
    ann.reconnect().await;
    for group in ["once", "kept", "a.b"] {
        let send = json!({"type": 3, "group": group, "message": group}).to_string();
        bob.socket.send_text(&send).await;
    }
    assert_eq!(
        values(&mut ann.socket, 2).await,
        [json!("kept"), json!("a.b")]
    );
    bob.socket.send(&json!({"all": true})).await;
    assert_eq!(values(&mut ann.socket, 1).await, [json!({"all": true})]);
    bob.socket.send(&json!({"type": 2, "group": "kept"})).await;
    assert!(bob.socket.events.is_empty(), "others are not oneself");
}

#[tokio::test]
async fn a_connection_may_refuse_everybody_at_negotiate_already() {
    let server = server("/protected").await;
    assert_eq!(server.get("/negotiate", &[]).await.status, 401);
    assert_eq!(
        server.get_as("/negotiate", &[], Some("ann")).await.status,
        403
    );
    assert_eq!(server.get("/ping", &[]).await.status, 401);
    assert_eq!(
        server.get("/negotiate", &[("please", "1")]).await.status,
        200
    );
}

#[tokio::test]
async fn it_ignores_connection_data_and_has_no_script() {
    let server = server("/echo").await;
    let nonsense = [("connectionData", "nonsense")];
    assert_eq!(server.get("/negotiate", &nonsense).await.status, 200);
    for script in ["/hubs", "/js", "/hub.js"] {
        let answer = server.get(script, &[]).await;
        assert_eq!(
            (answer.status, &*answer.body),
            (400, "Protocol error: Unknown transport."),
            "{script}"
        );
    }
}

#[tokio::test]
async fn values_are_sent_from_outside_by_the_mounts_path() {
    let (builder, _) = builder();
    let server = builder
        .mount(Mount::connection("/Echo", Echo))
        .build()
        .unwrap();
    let echo = server.connection("/echo/").unwrap();
    assert!(server.connection("/other").is_none());
    assert!(server.handle("/echo").is_none(), "it is no hub");
    let bound = server.bind("127.0.0.1:0").await.unwrap();
    let addr = bound.local_addr();
    let serving = tokio::spawn(bound.serve());
    let stream = tokio::net::TcpStream::connect(addr).await.unwrap();
    let url = format!("ws://{addr}/echo");
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    let mut all = String::new();
    for _ in 0..2 {
        all += within(futures_util::StreamExt::next(&mut socket))
            .await
            .unwrap()
            .unwrap()
            .to_text()
            .unwrap();
    }
    assert!(all.contains("\"M\":[\"connected\"]"), "{all}");
    echo.clients()
        .all()
        .send_value(json!({"a": 1}))
        .await
        .unwrap();
    let value = within(futures_util::StreamExt::next(&mut socket))
        .await
        .unwrap()
        .unwrap();
    assert!(
        value.to_text().unwrap().ends_with("\"M\":[{\"a\":1}]}"),
        "{value}"
    );
    serving.abort();
}
