//! Serving TLS (feature `tls`).
#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::net::SocketAddr;
use std::sync::Arc;

use common::hubs::{Events, builder};
use common::{Response, within};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_tungstenite::tungstenite::Message;

struct Secure {
    addr: SocketAddr,
    connector: TlsConnector,
    events: Events,
}

impl Secure {
    async fn new() -> Self {
        Self::of(false).await
    }

    async fn of(shared: bool) -> Self {
        let certified = rcgen::generate_simple_self_signed(["test.example".to_owned()]).unwrap();
        let certificate = certified.cert.der().clone();
        let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
        let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key.into())
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate).unwrap();
        let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let (builder, events) = builder();
        let bound = builder
            .tls(server)
            .shared_port(shared)
            .build()
            .unwrap()
            .bind("127.0.0.1:0")
            .await
            .unwrap();
        let addr = bound.local_addr();
        tokio::spawn(bound.serve());
        Self {
            addr,
            connector: TlsConnector::from(Arc::new(client)),
            events,
        }
    }

    async fn dial(&self) -> TlsStream<TcpStream> {
        let socket = TcpStream::connect(self.addr).await.unwrap();
        let name = ServerName::try_from("test.example").unwrap();
        within(self.connector.connect(name, socket)).await.unwrap()
    }

    async fn get(&self, target: &str) -> Response {
        let mut socket = self.dial().await;
        let head =
            format!("GET {target} HTTP/1.1\r\nHost: test.example\r\nConnection: close\r\n\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        // hyper may close without the TLS goodbye.
        let _ = within(socket.read_to_end(&mut bytes)).await;
        Response::parse(&bytes)
    }
}

fn target(verb: &str, token: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("transport", "webSockets"),
            ("clientProtocol", "2.1"),
            ("connectionData", r#"[{"name":"conformance"}]"#),
            ("connectionToken", token),
        ])
        .finish();
    format!("/signalr{verb}?{query}")
}

#[tokio::test]
async fn negotiate_a_wss_connection_and_a_call_work() {
    let server = Secure::new().await;
    let fields = server
        .get("/signalr/negotiate?clientProtocol=2.1")
        .await
        .json();
    let token = fields["ConnectionToken"].as_str().unwrap();
    let id = fields["ConnectionId"].as_str().unwrap();
    let url = format!("wss://test.example{}", target("/connect", token));
    let socket = server.dial().await;
    let (mut socket, _) = within(tokio_tungstenite::client_async(url, socket))
        .await
        .unwrap();
    let mut frame = async |send: Option<Value>| -> Value {
        if let Some(call) = send {
            socket.send(Message::text(call.to_string())).await.unwrap();
        }
        let text = within(socket.next()).await.unwrap().unwrap();
        serde_json::from_str(text.to_text().unwrap()).unwrap()
    };
    assert_eq!(frame(None).await["S"], 1);
    assert_eq!(
        server.get(&target("/start", token)).await.body,
        "{ \"Response\": \"started\" }"
    );
    let call = json!({"H": "conformance", "M": "Add", "A": [40, 2], "I": 0});
    assert_eq!(frame(Some(call)).await, json!({"R": 42, "I": "0"}));
    // More than fits into one record.
    let call = json!({"H": "conformance", "M": "Large", "A": [300_000], "I": 1});
    assert_eq!(
        frame(Some(call)).await["R"].as_str().unwrap().len(),
        300_000
    );
    assert_eq!(server.get(&target("/abort", token)).await.status, 200);
    match within(socket.next()).await {
        Some(Ok(Message::Close(Some(frame)))) => assert_eq!(u16::from(frame.code), 1000),
        other => panic!("{other:?}"),
    }
    server
        .events
        .become_for(id, &["connected", "disconnected:true"])
        .await;
}

#[tokio::test]
async fn whoever_speaks_no_tls_or_nothing_holds_up_nobody() {
    let server = Secure::new().await;
    let _silent = TcpStream::connect(server.addr).await.unwrap();
    let mut plain = TcpStream::connect(server.addr).await.unwrap();
    plain
        .write_all(b"GET /signalr/negotiate HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let _ = within(plain.read_to_end(&mut answer)).await;
    assert!(!answer.starts_with(b"HTTP"));
    assert_eq!(server.get("/signalr/ping").await.status, 200);
}

#[tokio::test]
async fn on_a_shared_port_everything_is_inside_of_tls() {
    let secure = Secure::of(true).await;
    assert_eq!(secure.get("/signalr/ping").await.status, 200);
    let mut socket = secure.dial().await;
    socket.write_all(b"PuttyProtocol\r\n").await.unwrap();
    let mut welcome = [0; 26];
    within(socket.read_exact(&mut welcome)).await.unwrap();
    assert_eq!(&welcome, b"Welcome to PuttyProtocol\r\n");
    let mut socket = secure.dial().await;
    socket.write_all(b"hello\r\n").await.unwrap();
    let mut said = Vec::new();
    let _ = within(socket.read_to_end(&mut said)).await;
    assert!(said.starts_with(b"|4|{\"Message\":\"HTTP or"));
    for plain in ["PuttyProtocol\r\n", "GET / HTTP/1.1\r\n\r\n", "\r\n"] {
        let mut socket = TcpStream::connect(secure.addr).await.unwrap();
        socket.write_all(plain.as_bytes()).await.unwrap();
        let mut said = String::new();
        within(socket.read_to_string(&mut said)).await.unwrap();
        assert_eq!(
            said, "|4|{\"Message\":\"TLS is spoken here\"}\r\n",
            "{plain}"
        );
    }
}
