//! [`FirstLine`]: what a terminal says first (`delivery.md` e.1).

use hub_core::Request;

/// What the first line begins with.
const NAME: &str = "PuttyProtocol";

/// What the first line says: `PuttyProtocol`, perhaps with parameters like a URL's.
#[derive(Debug)]
pub(super) struct FirstLine {
    /// As the client wrote it.
    pub(super) persistent_id: Option<String>,
    pub(super) request: Request,
    /// What waited is to be forgotten.
    pub(super) clean: bool,
    /// The client acknowledges each message.
    pub(super) acknowledges: bool,
}

impl FirstLine {
    pub(super) fn read(line: &[u8]) -> Result<Self, &'static str> {
        let text = std::str::from_utf8(line).map_err(|_| "a line must be UTF-8")?;
        let (name, query) = text.split_once('?').unwrap_or((text, ""));
        if !name.trim().eq_ignore_ascii_case(NAME) {
            return Err("the first line is PuttyProtocol, perhaps with ?PersistentId=<guid>");
        }
        let query = form_urlencoded::parse(query.trim().as_bytes());
        let request = Request {
            query: query.into_owned().collect(),
            ..Request::default()
        };
        let persistent_id = request.query("PersistentId");
        let is_on = |name| request.query(name).as_deref() == Some("1");
        let (clean, acknowledges) = (is_on("cs"), is_on("qos"));
        Ok(Self {
            persistent_id,
            request,
            clean,
            acknowledges,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_may_say_who_comes() {
        let asked = FirstLine::read(b"PuttyProtocol").unwrap();
        assert!(!asked.clean && !asked.acknowledges);
        assert!(
            FirstLine::read(b"PuttyProtocol?QoS=1")
                .unwrap()
                .acknowledges
        );
        let line = b"puttyprotocol?persistentid=0F8FAD5BD9CB469FA16570867728950E&cs=1&Tag=a+b";
        let asked = FirstLine::read(line).unwrap();
        assert_eq!(
            asked.persistent_id.as_deref(),
            Some("0F8FAD5BD9CB469FA16570867728950E")
        );
        assert!(asked.clean);
        assert_eq!(asked.request.query("tag").as_deref(), Some("a b"));
        for wrong in [&b""[..], b"GET / HTTP/1.1", b"\xff"] {
            assert!(FirstLine::read(wrong).is_err(), "{wrong:?}");
        }
    }
}
