//! An answer over HTTP, whole.

use std::collections::HashMap;

use serde_json::Value;

/// An answer over HTTP.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub reason: String,
    pub headers: HashMap<String, String>,
    pub body: String,
}

impl Response {
    pub fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let mut lines = head.lines();
        let status_line = lines.next().unwrap();
        let mut words = status_line.splitn(3, ' ').skip(1);
        let status = words.next().unwrap().parse().unwrap();
        let reason = words.next().unwrap_or_default().to_owned();
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        Self {
            status,
            reason,
            headers,
            body: body.to_owned(),
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// Asserts that a request was turned away with these words.
#[track_caller]
pub fn refused(answer: &Response, status: u16, text: &str) {
    assert_eq!((answer.status, &*answer.body), (status, text));
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    assert!(!answer.headers.contains_key("content-type"), "{answer:?}");
}
