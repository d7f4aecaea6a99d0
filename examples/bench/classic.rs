//! The requests of a classic client by hand, and what must be answered: negotiate, connect, start, reconnect, abort.

use std::io;

use serde_json::Value;

use crate::frame;

const PATH: &str = "/signalr";
const STARTED: &[u8] = br#"{ "Response": "started" }"#;

/// The first request: a connection that is to list this hub.
pub(crate) fn negotiate(hub: &str) -> Vec<u8> {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("clientProtocol", "2.1")
        .append_pair("connectionData", &listed(hub))
        .finish();
    request("GET", &format!("{PATH}/negotiate?{query}"))
}

/// A client that has negotiated.
#[derive(Debug)]
pub(crate) struct Visitor {
    /// What every request of it says from now on.
    query: String,
}

impl Visitor {
    /// Reads the answer to [`negotiate`].
    pub(crate) fn of(answer: &[u8], hub: &str) -> io::Result<Self> {
        let wrong = || {
            let answer = String::from_utf8_lossy(answer);
            io::Error::other(format!("negotiate was answered {answer}"))
        };
        let answer: Value = serde_json::from_slice(answer).map_err(|_| wrong())?;
        let text = |name| answer.get(name).and_then(Value::as_str);
        let offers = answer.get("TryWebSockets") == Some(&Value::Bool(true));
        let (Some("2.0"), Some(token), true) =
            (text("ProtocolVersion"), text("ConnectionToken"), offers)
        else {
            return Err(wrong());
        };
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("transport", "webSockets")
            .append_pair("clientProtocol", "2.1")
            .append_pair("connectionToken", token)
            .append_pair("connectionData", &listed(hub))
            .finish();
        Ok(Self { query })
    }

    /// The upgrade to the WebSocket.
    pub(crate) fn connect(&self) -> Vec<u8> {
        frame::upgrade(&self.path("connect"))
    }

    /// The upgrade of a client that comes back, with the cursor of the last message that it had.
    pub(crate) fn reconnect(&self, cursor: &str) -> Vec<u8> {
        let cursor: String = form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
        frame::upgrade(&format!("{}&messageId={cursor}", self.path("reconnect")))
    }

    pub(crate) fn start(&self) -> Vec<u8> {
        request("GET", &self.path("start"))
    }

    pub(crate) fn abort(&self) -> Vec<u8> {
        request("POST", &self.path("abort"))
    }

    fn path(&self, verb: &str) -> String {
        format!("{PATH}/{verb}?{}", self.query)
    }
}

/// Whether the first frame says that the connection works; gives its cursor.
pub(crate) fn greeting(text: &[u8]) -> io::Result<String> {
    let wrong = || {
        let text = String::from_utf8_lossy(text);
        io::Error::other(format!("no greeting: {text}"))
    };
    let greeting: Value = serde_json::from_slice(text).map_err(|_| wrong())?;
    let empty = greeting
        .get("M")
        .and_then(Value::as_array)
        .is_some_and(Vec::is_empty);
    let cursor = greeting.get("C").and_then(Value::as_str);
    match cursor {
        Some(cursor) if empty && greeting.get("S") == Some(&Value::from(1)) => {
            Ok(cursor.to_owned())
        }
        _ => Err(wrong()),
    }
}

/// Whether this is the answer to start.
pub(crate) fn started(answer: &[u8]) -> io::Result<()> {
    if answer == STARTED {
        return Ok(());
    }
    let answer = String::from_utf8_lossy(answer);
    Err(io::Error::other(format!("start was answered {answer}")))
}

/// The body of the answer at the start of `input` and where it ends, once all of it is there.
pub(crate) fn answer(input: &[u8]) -> io::Result<Option<(&[u8], usize)>> {
    let Some(head) = input.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let (head, body) = input.split_at(head + 4);
    let text = String::from_utf8_lossy(head);
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let length = name.eq_ignore_ascii_case("content-length");
        length.then(|| value.trim().parse().ok()).flatten()
    });
    let (true, Some(length)) = (text.starts_with("HTTP/1.1 200 "), length) else {
        return Err(io::Error::other(format!("the server answered {text}")));
    };
    let body = body.get(..length);
    Ok(body.map(|body| (body, head.len() + length)))
}

fn listed(hub: &str) -> String {
    format!(r#"[{{"name":"{hub}"}}]"#)
}

fn request(method: &str, target: &str) -> Vec<u8> {
    format!("{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n")
        .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_when_all_of_it_is_there() {
        let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabcHTTP";
        for part in 0..whole.len() - 4 {
            assert!(answer(&whole[..part]).unwrap().is_none(), "{part}");
        }
        let (body, end) = answer(whole).unwrap().unwrap();
        assert_eq!((body, &whole[end..]), (&b"abc"[..], &b"HTTP"[..]));
        answer(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").unwrap_err();
    }

    #[test]
    fn what_is_no_negotiation_no_greeting_and_no_start_is_an_error() {
        let negotiated =
            r#"{"ProtocolVersion":"2.0","ConnectionToken":"a+b","TryWebSockets":true}"#;
        let visitor = Visitor::of(negotiated.as_bytes(), "bench").unwrap();
        assert!(visitor.path("start").contains("connectionToken=a%2Bb"));
        let old = negotiated.replace("2.0", "1.5");
        Visitor::of(old.as_bytes(), "bench").unwrap_err();
        assert_eq!(greeting(br#"{"C":"d-1","S":1,"M":[]}"#).unwrap(), "d-1");
        greeting(br#"{"C":"d-1","M":[]}"#).unwrap_err();
        greeting(br#"{"C":"d-1","S":1,"M":[1]}"#).unwrap_err();
        started(b"{}").unwrap_err();
    }
}
