//! [`Credentials`]: what a request says about its sender, for an [`Authenticate`](super::auth::Authenticate).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use http::{HeaderMap, header};

/// What a request's head says about who sends it. Nothing of it is checked: that is for whoever asks.
#[derive(Debug)]
pub struct Credentials<'a> {
    headers: &'a HeaderMap,
    query: &'a str,
}

impl<'a> Credentials<'a> {
    /// Those of this head.
    #[must_use]
    pub fn of(head: &'a Parts) -> Self {
        Self {
            headers: &head.headers,
            query: head.uri.query().unwrap_or_default(),
        }
    }

    /// Name and password of an `Authorization: Basic` header. The password may have colons, the name has none.
    #[must_use]
    pub fn basic(&self) -> Option<(String, String)> {
        let decoded = STANDARD.decode(self.authorization("Basic")?).ok()?;
        let text = String::from_utf8(decoded).ok()?;
        let (name, password) = text.split_once(':')?;
        Some((name.to_owned(), password.to_owned()))
    }

    /// The token of an `Authorization: Bearer` header, or else the query value `access_token`: browsers can't set headers
    /// on WebSockets and event streams (`classic-signalr.md` 2.3, 3.2).
    #[must_use]
    pub fn bearer(&self) -> Option<String> {
        if let Some(token) = self.authorization("Bearer") {
            return Some(token.to_owned());
        }
        let mut query = form_urlencoded::parse(self.query.as_bytes());
        let (_, token) = query.find(|(key, _)| key.eq_ignore_ascii_case("access_token"))?;
        (!token.is_empty()).then(|| token.into_owned())
    }

    /// A cookie's value, as it is.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&'a str> {
        let all = self.headers.get_all(header::COOKIE).into_iter();
        let texts = all.filter_map(|value| value.to_str().ok());
        let mut pairs = texts
            .flat_map(|text| text.split(';'))
            .filter_map(|pair| pair.split_once('='));
        pairs
            .find(|(key, _)| key.trim() == name)
            .map(|(_, value)| value.trim())
    }

    fn authorization(&self, scheme: &str) -> Option<&'a str> {
        let value = self.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (own, rest) = value.trim().split_once(' ')?;
        let rest = rest.trim();
        (own.eq_ignore_ascii_case(scheme) && !rest.is_empty()).then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn basic_credentials() {
        let basic = |value: &str| {
            let head = head("/", &[("authorization", value)]);
            Credentials::of(&head).basic()
        };
        let encoded = STANDARD.encode("Aladdin:open: sesame");
        let both = Some(("Aladdin".to_owned(), "open: sesame".to_owned()));
        assert_eq!(basic(&format!("Basic {encoded}")), both);
        assert_eq!(basic(&format!("bAsIc   {encoded} ")), both);
        assert_eq!(basic(&format!("Bearer {encoded}")), None);
        assert_eq!(basic("Basic"), None);
        assert_eq!(basic("Basic ???"), None);
        assert_eq!(
            basic(&format!("Basic {}", STANDARD.encode("nocolon"))),
            None
        );
        assert_eq!(
            basic(&format!("Basic {}", STANDARD.encode([0xff, b':']))),
            None
        );
    }

    #[test]
    fn bearer_tokens_come_in_the_header_or_in_the_query() {
        let bearer = |uri: &str, headers: &[(&str, &str)]| {
            let head = head(uri, headers);
            Credentials::of(&head).bearer()
        };
        let header = [("Authorization", "Bearer a.b.c")];
        assert_eq!(
            bearer("/x?access_token=q", &header).as_deref(),
            Some("a.b.c")
        );
        assert_eq!(bearer("/x?access_token=a%2Bb", &[]).as_deref(), Some("a+b"));
        assert_eq!(bearer("/x?Access_Token=q", &[]).as_deref(), Some("q"));
        assert_eq!(bearer("/x?access_token=", &[]), None);
        assert_eq!(bearer("/x", &[("Authorization", "Basic a")]), None);
    }

    #[test]
    fn cookies_by_name() {
        let head = head("/", &[("cookie", "a=1; b=2=3"), ("cookie", "c=4")]);
        let credentials = Credentials::of(&head);
        assert_eq!(credentials.cookie("a"), Some("1"));
        assert_eq!(credentials.cookie("b"), Some("2=3"));
        assert_eq!(credentials.cookie("c"), Some("4"));
        assert_eq!(credentials.cookie("A"), None);
        assert_eq!(credentials.cookie("d"), None);
    }
}
