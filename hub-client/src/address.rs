//! Where requests go: the mount's URL taken apart, and query strings.

use http::Uri;

use crate::error::ConnectError;

const SCHEMES: &str = "it does not begin with `http://` or `https://`";

/// The URL of a mount, without its query: `scheme://authority/path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) secure: bool,
    /// Host and port as written in the URL.
    pub(crate) authority: String,
    /// Without a slash at the end.
    path: String,
}

impl Address {
    pub(crate) fn parse(url: &str) -> Result<Self, ConnectError> {
        let wrong = |problem| ConnectError::Url {
            url: url.to_owned(),
            problem,
        };
        if url.contains(['?', '#']) {
            return Err(wrong("give the query with `query()`"));
        }
        // Most that is no URL lacks this.
        if !url.contains("://") {
            return Err(wrong(SCHEMES));
        }
        let uri: Uri = url.parse().map_err(|_| wrong("it is no URL"))?;
        let secure = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(wrong(SCHEMES)),
        };
        let authority = uri.authority().ok_or_else(|| wrong("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("give credentials with `header()`"));
        }
        if authority.host().is_empty() {
            return Err(wrong("it has no host"));
        }
        Ok(Self {
            secure,
            authority: authority.as_str().to_owned(),
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// The URL of a request target here, with the port.
    pub(crate) fn url(&self, target: &str) -> String {
        let (scheme, port) = if self.secure {
            ("https", 443)
        } else {
            ("http", 80)
        };
        let authority = match self.authority.parse::<http::uri::Authority>() {
            Ok(authority) if authority.port_u16().is_none() => {
                format!("{}:{port}", authority.host())
            }
            _ => self.authority.clone(),
        };
        format!("{scheme}://{authority}{target}")
    }

    /// The request target for `verb`: path and query.
    pub(crate) fn target(&self, verb: &str, query: &Query) -> String {
        format!("{}/{verb}?{}", self.path, query.0)
    }
}

/// A query string that is being written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Query(String);

impl Query {
    /// Adds `name=value`, both percent-encoded.
    pub(crate) fn pair(mut self, name: &str, value: &str) -> Self {
        self.separate();
        encode(name, is_unreserved, &mut self.0);
        self.0.push('=');
        encode(value, is_unreserved, &mut self.0);
        self
    }

    /// Adds `name=value` if there is a value.
    pub(crate) fn maybe(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.pair(name, value),
            None => self,
        }
    }

    /// Adds a query string that is already encoded. What a URI can't hold is encoded all the same.
    pub(crate) fn encoded(mut self, text: &str) -> Self {
        if !text.is_empty() {
            self.separate();
            encode(text, |byte| byte == b'%' || is_query(byte), &mut self.0);
        }
        self
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// As the body of a form.
    pub(crate) fn into_bytes(self) -> bytes::Bytes {
        self.0.into()
    }

    fn separate(&mut self) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
    }
}

fn encode(text: &str, keep: impl Fn(u8) -> bool, out: &mut String) {
    for byte in text.bytes() {
        if keep(byte) {
            out.push(char::from(byte));
        } else {
            // Writing to memory can't fail.
            let _ = std::fmt::Write::write_fmt(out, format_args!("%{byte:02X}"));
        }
    }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn is_query(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=:@/?".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        for (url, whole) in [
            ("http://h:8080/signalr", "http://h:8080/signalr/start?a=b"),
            ("http://h/signalr//", "http://h:80/signalr/start?a=b"),
            ("https://h", "https://h:443/start?a=b"),
            ("http://[::1]:9/a/b", "http://[::1]:9/a/b/start?a=b"),
            ("http://[::1]/", "http://[::1]:80/start?a=b"),
        ] {
            let address = Address::parse(url).unwrap();
            let query = Query::default().pair("a", "b");
            assert_eq!(address.url(&address.target("start", &query)), whole);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for (url, why) in [
            ("", SCHEMES),
            ("/signalr", SCHEMES),
            ("127.0.0.1:8080/signalr", SCHEMES),
            ("h:8080/signalr", SCHEMES),
            ("ws://h/signalr", SCHEMES),
            ("http://", "no URL"),
            ("http:///x", "no URL"),
            ("http://a b/", "no URL"),
            ("http://:80/", "no host"),
            ("http://me:secret@h/", "credentials"),
            ("http://h/signalr?x=1", "query()"),
            ("http://h/#x", "query()"),
        ] {
            let Err(ConnectError::Url { problem, .. }) = Address::parse(url) else {
                panic!("{url} is taken");
            };
            assert!(problem.contains(why), "{url}: {problem}");
        }
    }

    #[test]
    fn queries_are_encoded_once() {
        let query = Query::default()
            .pair("connectionToken", "a+b/c==")
            .pair("connectionData", r#"[{"name":"chat"}]"#)
            .maybe("messageId", Some("d-1-B,0|C,ü"))
            .maybe("groupsToken", None)
            .encoded("x=1%20a&y={ü}#")
            .encoded("");
        assert_eq!(
            query.as_str(),
            "connectionToken=a%2Bb%2Fc%3D%3D&connectionData=%5B%7B%22name%22%3A%22chat%22%7D%5D\
             &messageId=d-1-B%2C0%7CC%2C%C3%BC&x=1%20a&y=%7B%C3%BC%7D%23"
        );
    }
}
