//! Requests as bytes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::recording::Event;
use crate::text::Known;

/// A request as a client would write it.
pub fn encode(event: &Event, known: &Known) -> Vec<u8> {
    let form = |pairs: &[(&str, &str)]| {
        let fill = |(name, value): &(&str, &str)| (known.fill(name), known.fill(value));
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs.iter().map(fill))
            .finish()
    };
    let mut target = known.fill(event.text(if event.has("target") {
        "target"
    } else {
        "path"
    }));
    let query = event.pairs("query").unwrap_or_default();
    if !event.has("target") && !query.is_empty() {
        target = format!("{target}?{}", form(&query));
    }
    let method = event.text("method");
    let mut head = format!(
        "{method} {target} HTTP/1.1\r\nHost: {}\r\n",
        known.fill("<host>")
    );
    let headers = event.value["headers"].as_object();
    for (name, value) in headers.into_iter().flatten() {
        let value = known.fill(value.as_str().expect("a text"));
        head = format!("{head}{name}: {value}\r\n");
    }
    if event.has("upgrade") {
        head += "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        return head.into_bytes();
    }
    let body = match event.pairs("form") {
        Some(pairs) => form(&pairs),
        None => known.fill(event.text("body")),
    };
    if !body.is_empty() || matches!(method, "POST" | "PUT") {
        head = format!("{head}Content-Length: {}\r\n", body.len());
    }
    format!("{head}Connection: close\r\n\r\n{body}").into_bytes()
}

pub fn base64(text: &str) -> Vec<u8> {
    STANDARD.decode(text).expect("base64")
}
