//! What a request asks for: its path below the mount and its parameters (`classic-signalr.md` 2.1, 2.3).

use bytes::{BufMut, BytesMut};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use hub_core::Request;
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// What the end of a path asks for. Only the end counts, ignoring case, so that `/signalr//negotiate` and
/// `/signalr/js/connect` work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Script,
    HubJs,
    Negotiate,
    Ping,
    Start,
    Abort,
    Send,
    /// Anything else is a receive request: the first one, one that comes back, or the next poll.
    Receive(Receive),
}

/// Which receive request it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receive {
    Connect,
    Reconnect,
    Other,
}

impl Verb {
    pub(crate) fn of(path: &str) -> Self {
        let path = path.to_ascii_lowercase();
        let ends = |suffix: &str| path.ends_with(suffix);
        let trimmed = path.trim_end_matches('/');
        if trimmed.ends_with("/hubs") || trimmed.ends_with("/js") {
            Self::Script
        } else if ends("/hub.js") {
            Self::HubJs
        } else if ends("/negotiate") {
            Self::Negotiate
        } else if ends("/ping") {
            Self::Ping
        } else if ends("/start") {
            Self::Start
        } else if ends("/abort") {
            Self::Abort
        } else if ends("/send") {
            Self::Send
        } else {
            Self::Receive(if ends("/connect") {
                Receive::Connect
            } else if ends("/reconnect") {
                Receive::Reconnect
            } else {
                Receive::Other
            })
        }
    }
}

/// The request as hub code sees it. Characters that a strict grammar would refuse are taken as they are: several clients
/// send `[`, `|` and others unescaped.
pub(crate) fn request_of(head: &Parts) -> Request {
    let query = head.uri.query().unwrap_or_default();
    let query = form_urlencoded::parse(query.as_bytes())
        .map(|(k, v)| (k.into_owned(), v.into_owned()))
        .collect();
    let path = percent_decode_str(head.uri.path())
        .decode_utf8_lossy()
        .into_owned();
    Request {
        path,
        query,
        headers: owned(&head.headers),
    }
}

/// A copy that shares nothing: a header's value is a slice of the buffer that the head was read into, and would keep
/// those 8 KiB for as long as the connection lives.
fn owned(headers: &HeaderMap) -> HeaderMap {
    let bytes = headers.values().map(HeaderValue::len).sum();
    let mut values = BytesMut::with_capacity(bytes);
    for value in headers.values() {
        values.put_slice(value.as_bytes());
    }
    // The values share one piece of memory, of just their size.
    let mut values = values.freeze();
    let copied = |(name, value): (&HeaderName, &HeaderValue)| {
        let value = HeaderValue::from_maybe_shared(values.split_to(value.len())).ok()?;
        let name = HeaderName::from_bytes(name.as_str().as_bytes()).ok()?;
        Some((name, value))
    };
    let mut all = HeaderMap::with_capacity(headers.len());
    all.extend(headers.iter().filter_map(copied));
    all
}

/// The part of `path` below the mount, if it is in there: whole segments, ignoring case.
pub(crate) fn below<'a>(mount: &str, path: &'a str) -> Option<&'a str> {
    let mount = mount.trim_end_matches('/');
    let head = path.get(..mount.len())?;
    let rest = path.get(mount.len()..)?;
    (head.eq_ignore_ascii_case(mount) && (rest.is_empty() || rest.starts_with('/'))).then_some(rest)
}

/// The hubs that a client lists, `None` if it lists none at all; an error if the value is not what clients send
/// (`classic-signalr.md` 2.5 row 2, 4.3).
pub(crate) fn listed_hubs(connection_data: Option<&str>) -> Result<Option<Vec<String>>, ()> {
    let Some(text) = connection_data.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    match serde_json::from_str(text).map_err(drop)? {
        Value::Null => Ok(None),
        Value::Array(hubs) => hubs
            .iter()
            .map(hub_name)
            .collect::<Option<_>>()
            .map(Some)
            .ok_or(()),
        _ => Err(()),
    }
}

fn hub_name(hub: &Value) -> Option<String> {
    let (_, name) = hub
        .as_object()?
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case("name"))?;
    match name {
        Value::String(name) if !name.is_empty() => Some(name.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The version that a client speaks, brought into the server's range: numbers, and the text to answer with
/// (`classic-signalr.md` 7.1).
pub(crate) fn clamp_version(text: Option<&str>) -> (Vec<u32>, String) {
    const LOWEST: [u32; 2] = [1, 2];
    const HIGHEST: [u32; 2] = [2, 0];
    let numbers: Option<Vec<u32>> =
        text.and_then(|text| text.split('.').map(|n| number(n.trim())).collect());
    let version = match numbers {
        Some(numbers) if (2..=4).contains(&numbers.len()) => numbers,
        _ => LOWEST.to_vec(),
    };
    let version = if version.as_slice() < LOWEST.as_slice() {
        LOWEST.to_vec()
    } else if version.as_slice() > HIGHEST.as_slice() {
        HIGHEST.to_vec()
    } else {
        version
    };
    let text = version
        .iter()
        .map(u32::to_string)
        .collect::<Vec<_>>()
        .join(".");
    (version, text)
}

fn number(text: &str) -> Option<u32> {
    // `parse` would also take a sign.
    text.bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| text.parse::<i32>().ok())?
        .map(i32::cast_unsigned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_clamped_and_echoed_item_2() {
        for (sent, answered) in [
            (Some("1.3"), "1.3"),
            (Some("1.4"), "1.4"),
            (Some("1.5"), "1.5"),
            (Some("2.0"), "2.0"),
            (Some("2.1"), "2.0"),
            (Some("3.7"), "2.0"),
            (Some("1.0"), "1.2"),
            (None, "1.2"),
            (Some("abc"), "1.2"),
            (Some("1337"), "1.2"),
            (Some("1.5.0"), "1.5.0"),
            (Some("2.0.0"), "2.0"),
            (Some("1.99"), "1.99"),
            (Some(" 01.5 "), "1.5"),
            (Some("2"), "1.2"),
            (Some("1.5,1.5"), "1.2"),
            (Some("1.-5"), "1.2"),
            (Some("1.2.3.4.5"), "1.2"),
            (Some("1.99999999999"), "1.2"),
        ] {
            assert_eq!(clamp_version(sent).1, answered, "{sent:?}");
        }
    }

    #[test]
    fn paths_are_matched_by_their_end_item_14() {
        for (path, verb) in [
            ("/signalr/NEGOTIATE", Verb::Negotiate),
            ("/signalr//negotiate", Verb::Negotiate),
            ("/signalr/js/negotiate", Verb::Negotiate),
            ("/signalr/negotiate/", Verb::Receive(Receive::Other)),
            ("/signalr/hubs/", Verb::Script),
            ("/signalr/js//", Verb::Script),
            ("/signalr/js/Connect", Verb::Receive(Receive::Connect)),
            ("/signalr", Verb::Receive(Receive::Other)),
            ("/signalr/xstart", Verb::Receive(Receive::Other)),
        ] {
            assert_eq!(Verb::of(path), verb, "{path}");
        }
    }

    #[test]
    fn a_mount_matches_whole_segments() {
        assert_eq!(below("/signalr", "/SignalR/x"), Some("/x"));
        assert_eq!(below("/signalr/", "/signalr"), Some(""));
        assert_eq!(below("/signalr", "/signalrfoo"), None);
        assert_eq!(below("/", "/anything"), Some("/anything"));
        assert_eq!(below("/signalr", "/ä"), None);
    }

    #[test]
    fn connection_data_comes_in_several_forms() {
        let hubs = |text| listed_hubs(Some(text)).map(|hubs| hubs.map(|hubs| hubs.join(" ")));
        assert_eq!(
            hubs(r#"[{"name":"a"},{"NAME":"B","x":1}]"#),
            Ok(Some("a B".into()))
        );
        assert_eq!(hubs(r#"[{"name":7}]"#), Ok(Some("7".into())));
        assert_eq!(hubs("[]"), Ok(Some(String::new())));
        assert_eq!(hubs("null"), Ok(None));
        assert_eq!(hubs(""), Ok(None));
        for bad in [
            "x",
            "{}",
            "[1]",
            r#"[{}]"#,
            r#"[{"name":""}]"#,
            r#"[{"name":null}]"#,
            "[null]",
        ] {
            assert_eq!(hubs(bad), Err(()), "{bad}");
        }
    }
}
