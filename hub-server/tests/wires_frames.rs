//! Handshakes, frames and bad input on XSockets' wires (`delivery.md` e.1, e.2).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::wires::{Foo, Servers, Wire};
use common::within;
use futures_util::{SinkExt, StreamExt};
use hub_server::{HubServer, Mount};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;

const ORIGIN: (&str, &str) = ("Origin", "http://test.example");
const NAME: (&str, &str) = ("Sec-WebSocket-Protocol", "XSocketsNET");

/// A binary frame: the length of the JSON, the JSON, and bytes.
fn binary(length: usize, json: &str, blob: &[u8]) -> Message {
    let length = (length as u64).to_le_bytes();
    Message::binary([&length[..], json.as_bytes(), blob].concat())
}

#[tokio::test]
async fn a_blob_is_the_last_argument_of_a_method() {
    let servers = Servers::start().await;
    let mut a = servers.client(false, "").await;
    a.open().await;
    let Wire::Ws(socket) = &mut a else { panic!() };
    let blob = [0, 255, 7, b'|', b'\n'];
    // `D` is a text that holds JSON, or JSON.
    for data in [r#""[\"x\"]""#, r#"["x"]"#, r#""x""#] {
        let json = format!(r#"{{"C":"foo","T":"blob","D":{data}}}"#);
        socket
            .stream()
            .send(binary(json.len(), &json, &blob))
            .await
            .unwrap();
    }
    // The C# client counts UTF-16 units.
    let json = r#"{"C":"foo","T":"blob","D":"\"ünï\""}"#;
    let units = json.encode_utf16().count();
    assert_ne!(units, json.len());
    for length in [units, json.len()] {
        socket
            .stream()
            .send(binary(length, json, &blob))
            .await
            .unwrap();
    }
    let empty = r#"{"C":"foo","T":"blob","D":"\"x\""}"#;
    socket
        .stream()
        .send(binary(empty.len(), empty, b""))
        .await
        .unwrap();
    a.expect(&[], &["blob|x:AP8HfAo="; 3]).await;
    a.expect(&[], &["blob|ünï:AP8HfAo="; 2]).await;
    let last = a.hear().await;
    assert!(last == "blob|x:" || last.starts_with("4|"), "{last}");
    a.nothing_more().await;
}

#[tokio::test]
async fn a_ping_is_answered_with_what_it_carries() {
    let servers = Servers::start().await;
    let mut a = servers.client(false, "").await;
    let Wire::Ws(socket) = &mut a else { panic!() };
    let id = "00000000-0000-0000-0000-00000000000b";
    for payload in [id.as_bytes(), b"", &[0xFF; 125]] {
        let ping = Message::Ping(payload.to_vec().into());
        socket.stream().send(ping).await.unwrap();
        loop {
            match within(socket.stream().next()).await.unwrap().unwrap() {
                Message::Pong(echo) => break assert_eq!(&*echo, payload),
                Message::Ping(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn the_answer_names_the_sub_protocol_as_the_client_spelled_it() {
    let servers = Servers::start().await;
    for (offered, named) in [
        ("XSocketsNET", Some("XSocketsNET")),
        ("xsocketsnet", Some("xsocketsnet")),
        ("soap, XSOCKETSNET, x", Some("XSOCKETSNET")),
    ] {
        let mut socket = servers.http.dial().await;
        let head = format!(
            "GET / HTTP/1.1\r\nHost: test.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Origin: http://test.example\r\nSec-WebSocket-Protocol: {offered}\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        while !answer.contains("\r\n\r\n") {
            let mut byte = [0];
            within(socket.read_exact(&mut byte)).await.unwrap();
            answer.push(byte[0].into());
        }
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        let mut lines = answer.lines().filter_map(|line| line.split_once(": "));
        let told = lines.find(|(name, _)| name.eq_ignore_ascii_case(NAME.0));
        assert_eq!(told.map(|(_, value)| value), named, "{offered}");
    }
}

#[tokio::test]
async fn origins_may_be_allowed_or_not_be_asked_for() {
    let builder = HubServer::builder()
        .hub(Foo)
        .mount(Mount::at("/strict").allow_origin("https://pages.example"))
        .mount(Mount::at("/free").require_origin(false));
    let servers = Servers::of(builder).await;
    for (path, origin, allowed) in [
        ("/strict", Some("https://pages.example"), true),
        ("/strict", Some("HTTPS://pages.EXAMPLE"), true),
        ("/strict", Some("http://pages.example"), false),
        ("/strict", Some("https://pages.example.evil"), false),
        ("/strict", Some("http://test.example"), true),
        ("/strict", Some("null"), false),
        ("/strict", None, false),
        ("/free", None, true),
        ("/free", Some("https://pages.example"), false),
        // The first mount decides at the root.
        ("/", Some("https://pages.example"), true),
        ("/", None, false),
    ] {
        let mut headers = vec![NAME];
        headers.extend(origin.map(|origin| ("Origin", origin)));
        let opened = servers.http.upgrade(path, &headers).await;
        let status = opened.err().map(|(status, _)| status);
        assert_eq!(status, (!allowed).then_some(403), "{path} {origin:?}");
    }
}

#[tokio::test]
async fn a_mount_that_has_it_off_does_not_speak_it() {
    let builder = HubServer::builder()
        .hub(Foo)
        .mount(Mount::at("/off").xsockets(false).bare_websockets(false))
        .mount(Mount::at("/on").bare_websockets(false));
    let servers = Servers::of(builder).await;
    let status = async |path: &str| {
        let opened = servers.http.upgrade(path, &[ORIGIN, NAME]).await;
        opened.err().map(|(status, _)| status)
    };
    assert_eq!(status("/off").await, Some(400));
    assert_eq!(status("/on").await, None);
    assert_eq!(status("/").await, None, "the first mount that has it");
    let off = Mount::at("/off").xsockets(false);
    let servers = Servers::of(HubServer::builder().hub(Foo).mount(off)).await;
    let opened = servers.http.upgrade("/", &[ORIGIN, NAME]).await;
    assert_eq!(opened.err().map(|(status, _)| status), Some(404));
}

#[tokio::test]
async fn bad_frames_are_told_or_end_the_connection_and_nobody_else_notices() {
    let servers = Servers::start().await;
    let mut other = servers.client(false, "").await;
    other.open().await;
    // A frame that is no packet is told, and the connection goes on.
    for bad in [
        json!({"C": "foo"}).to_string(),
        json!({"T": "add", "D": "[1]"}).to_string(),
        json!({"C": "foo", "T": "add", "D": "[1"}).to_string(),
        json!({"C": 1, "T": "add"}).to_string(),
        json!(["foo", "add"]).to_string(),
        "[".repeat(60_000),
        "{\"C\":\"foo\",\"T\":\"add\",\"D\":\"[1,2]\"".to_owned(),
        "\0".to_owned(),
        json!({"C": "foo", "T": "t\u{0}", "D": "1"}).to_string(),
        json!({"C": "foo", "T": [1]}).to_string(),
    ] {
        let mut a = servers.client(false, "").await;
        a.open().await;
        let Wire::Ws(socket) = &mut a else { panic!() };
        socket.stream().send(Message::text(&*bad)).await.unwrap();
        let shown = &bad[..bad.len().min(60)];
        assert!(a.hear().await.contains("4|{\"Message\":"), "{shown}");
        a.nothing_more().await;
    }
    // One that is too large, or no text, ends it.
    let large = format!(
        "{{\"C\":\"foo\",\"T\":\"bar\",\"D\":\"{}\"}}",
        "x".repeat(1 << 20)
    );
    let header = [0x81, 0x85, 0, 0, 0, 0];
    for bad in [Ok(large), Err([&header[..], b"\"\xff\xfe\"\0"].concat())] {
        let mut a = servers.client(false, "").await;
        a.open().await;
        let Wire::Ws(socket) = &mut a else { panic!() };
        // The server may have hung up before all of it is there.
        match bad {
            Ok(large) => drop(socket.stream().send(Message::text(large)).await),
            Err(bytes) => socket.stream().get_mut().write_all(&bytes).await.unwrap(),
        }
        socket.end().await;
    }
    other.nothing_more().await;
}

#[tokio::test]
async fn a_line_without_an_end_is_no_line() {
    let servers = Servers::start().await;
    let mut other = servers.client(true, "").await;
    other.open().await;
    let mut a = servers.client(true, "").await;
    let Wire::Tcp(terminal) = &mut a else {
        panic!()
    };
    terminal.write_all(b"foo|bar|half").await.unwrap();
    terminal.shutdown().await.unwrap();
    let mut rest = String::new();
    within(terminal.read_to_string(&mut rest)).await.unwrap();
    assert_eq!(rest, "");
    other.nothing_more().await;
}

#[tokio::test]
async fn numbers_that_nobody_sent_are_no_acknowledgements_of_who_gives_none() {
    let servers = Servers::start().await;
    for tcp in [true, false] {
        let mut a = servers.client(tcp, "").await;
        a.open().await;
        for number in ["1", "-1", "0", "x", ""] {
            a.say("9", number).await;
        }
        a.nothing_more().await;
        // One that owes acknowledgements must name a message that it was sent, before and after it has had any.
        for (tell, number) in [(true, "2"), (true, "-1"), (true, "+1"), (false, "")] {
            let mut b = servers.client(tcp, "qos=1").await;
            b.open().await;
            if tell {
                a.expect(&[("tell", "x")], &["told|x"]).await;
                b.expect(&[], &["told#1|x"]).await;
            }
            b.say("9", number).await;
            b.ends().await;
        }
    }
}
