//! foreverFrame: an endless HTML page of scripts, for browsers without `EventSource` (`classic-signalr.md` 6.3).

use bytes::{BufMut, Bytes, BytesMut};
use hub_core::Protocol;

use crate::connection::downlink::Downlink;

pub(crate) const CONTENT_TYPE: &str = "text/html; charset=UTF-8";

pub(crate) struct ForeverFrame {
    /// What its clients speak.
    pub(crate) speaks: &'static dyn Protocol,
}

impl Downlink for ForeverFrame {
    fn protocol(&self) -> &'static dyn Protocol {
        self.speaks
    }

    fn name(&self) -> &'static str {
        "forever_frame"
    }

    fn slot(&self) -> Option<usize> {
        (!self.speaks.answers()).then_some(2)
    }

    /// The payload stands in a page: no tag may be read out of it.
    fn wrap(&self, payload: &[u8], out: &mut BytesMut) {
        out.put_slice(b"<script>r(c, ");
        for part in payload.split_inclusive(|byte| matches!(byte, b'<' | b'>')) {
            match part.split_last() {
                Some((b'<', text)) => {
                    out.put_slice(text);
                    out.put_slice(b"\\u003c");
                }
                Some((b'>', text)) => {
                    out.put_slice(text);
                    out.put_slice(b"\\u003e");
                }
                _ => out.put_slice(part),
            }
        }
        out.put_slice(b");</script>\r\n");
    }

    fn is_silent(&self) -> bool {
        true
    }

    fn keep_alive(&self) -> Option<Bytes> {
        Some(Bytes::from_static(b"<script>r(c, {});</script>\n\n"))
    }
}

/// The frame's number: digits only, 32 bits.
pub(crate) fn frame_id(text: Option<&str>) -> Option<u32> {
    let text = text.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    text.parse().ok()
}

/// Goes first; the client's script in the parent page hears of it.
pub(crate) fn prelude(frame_id: u32) -> Bytes {
    let page = [
        "<!DOCTYPE html><html><head><title>SignalR Forever Frame Transport Stream</title>",
        "<script>",
        "    var $ = window.parent.jQuery,",
        "        ff = $ ? $.signalR.transports.foreverFrame : null,",
        &format!("        c =  ff ? ff.getConnection('{frame_id}') : null,"),
        "        r = ff ? ff.receive : function() {};",
        "    ff ? ff.started(c) : '';</script></head><body>",
        "",
    ];
    page.join("\r\n").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn item_30_tags_are_escaped_and_nothing_else() {
        let mut out = BytesMut::new();
        ForeverFrame {
            speaks: &hub_core::Classic,
        }
        .wrap(br#"{"M":["</script>","a>b"]}"#, &mut out);
        let expected =
            "<script>r(c, {\"M\":[\"\\u003c/script\\u003e\",\"a\\u003eb\"]});</script>\r\n";
        assert_eq!(std::str::from_utf8(&out), Ok(expected));
    }

    #[test]
    fn item_30_frame_ids_are_digits() {
        assert_eq!(frame_id(Some("007")), Some(7));
        assert_eq!(frame_id(Some("4294967295")), Some(u32::MAX));
        for bad in [
            None,
            Some(""),
            Some("4294967296"),
            Some("+1"),
            Some("-1"),
            Some("1a"),
            Some(" 1"),
        ] {
            assert_eq!(frame_id(bad), None, "{bad:?}");
        }
    }
}
