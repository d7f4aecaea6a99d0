//! Compares the answers to ordinary requests.

use crate::channel::Channel;
use crate::recording::Event;
use crate::script;
use crate::text::Known;

/// Headers of which it matters whether they are there, and what they say.
const HEADERS: [&str; 8] = [
    "X-Content-Type-Options",
    "Content-Type",
    "WWW-Authenticate",
    "Location",
    "Access-Control-Allow-Origin",
    "Access-Control-Allow-Credentials",
    "Access-Control-Allow-Methods",
    "Access-Control-Allow-Headers",
];

pub fn compare(event: &Event, channel: &Channel, known: &mut Known) -> Result<(), String> {
    let head = channel.head.as_ref().ok_or("no answer")?;
    let body = String::from_utf8_lossy(&channel.body);
    let status = event.value["status"].as_u64().expect("a status");
    if status != u64::from(head.status) {
        return Err(format!("the status is {}: {body}", head.status));
    }
    // What the host adds: its own 404, and what becomes of an error before the head.
    if matches!(status, 404 | 500) {
        return Ok(());
    }
    let reason = event.text("reason");
    if reason.contains("JSONP") && reason != head.reason {
        return Err(format!("the reason is {}", head.reason));
    }
    // The text of these is the application's own.
    let own = status == 302 || body == "Hello world\n";
    for name in HEADERS {
        if name == "Content-Type" && own {
            continue;
        }
        let expected = event.value["headers"][name].as_str();
        let expected = expected.map(|value| known.fill(value));
        if expected.as_deref() != head.header(name) {
            return Err(format!("{name} is {:?}", head.header(name)));
        }
    }
    if let Some(facts) = event.value.get("facts") {
        return script::compare(facts, &body);
    }
    match event.value["body"].as_str() {
        Some(expected) if !own && !known.same_json(expected, &body) => {
            Err(format!("expected {:?}, got {body:?}", known.fill(expected)))
        }
        _ => Ok(()),
    }
}
