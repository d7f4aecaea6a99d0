//! The dashboard's page: one file that asks for nothing else, with `hub.js` in it, so that its security policy can name what
//! may run by hash.

use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, header};
use hub_core::Request;
use sha2::{Digest, Sha256};

use crate::http::proxies::HUB_JS;
use crate::http::reply::{ResponseBody, plain, typed};
use crate::server::{Running, Served};

const SOURCE: &str = include_str!("page.html");

/// Where the page has the client.
const CLIENT: &str = "/*hub.js*/";

/// Where it has the address of the hubs: beside itself, unless it has a path of its own.
const ADDRESS: &str = "data-hubs=\".\"";

struct Page {
    text: String,
    policy: String,
}

static PAGE: LazyLock<Page> = LazyLock::new(|| {
    let text = SOURCE.replace(CLIENT, &HUB_JS);
    let hash = |tag: &str, end: &str| {
        let (_, rest) = text.split_once(tag).unwrap_or_default();
        let (content, _) = rest.split_once(end).unwrap_or_default();
        BASE64_STANDARD.encode(Sha256::digest(content.as_bytes()))
    };
    let script = hash("<script type=\"module\">", "</script>");
    let style = hash("<style>", "</style>");
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    Page { text, policy }
});

/// Whether a request asks for the page.
pub(crate) fn is_asked(running: &Running, method: &Method, path: &str) -> bool {
    let Some(board) = &running.node.board else {
        return false;
    };
    let is_it = match board.path() {
        Some(own) => own == path,
        None => hubs(running).is_some_and(|hubs| below(hubs) == path),
    };
    is_it && matches!(*method, Method::GET | Method::HEAD)
}

/// The page, for whoever may see it.
pub(crate) async fn answer(
    running: &Running,
    head: &Parts,
    request: &Request,
) -> Response<ResponseBody> {
    let (Some(board), Some(hubs)) = (&running.node.board, hubs(running)) else {
        return plain(StatusCode::NOT_FOUND, "");
    };
    let authenticate = hubs.mount.authenticate.as_ref();
    let authenticate = authenticate.unwrap_or(&running.authenticate);
    let identity = match authenticate.authenticate(head).await {
        Ok(identity) => identity,
        Err(unauthenticated) => return unauthenticated.answer(),
    };
    if !board.dashboard.allows(&identity, request) {
        let status = match identity.is_authenticated() {
            true => StatusCode::FORBIDDEN,
            false => StatusCode::UNAUTHORIZED,
        };
        return plain(status, "");
    }
    let text = match board.path() {
        Some(_) => PAGE.text.replace(ADDRESS, &address(&hubs.mount.path)),
        None => PAGE.text.clone(),
    };
    let mut response = typed(text.into_bytes(), "text/html; charset=utf-8");
    let headers = response.headers_mut();
    for (name, value) in [
        // It may have a secret in its address.
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(policy) = HeaderValue::from_str(&PAGE.policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// The first mount that has hubs.
fn hubs(running: &Running) -> Option<&Served> {
    let mut mounts = running.mounts.iter();
    let served = mounts.find(|served| served.connection.is_none())?;
    Some(served)
}

fn below(hubs: &Served) -> String {
    format!("{}/dashboard", hubs.mount.path.trim_end_matches('/'))
}

/// An attribute's text, in which no path ends it.
fn address(path: &str) -> String {
    let path = path.replace('&', "&amp;").replace('"', "&quot;");
    format!("data-hubs=\"{path}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_asks_for_nothing_and_has_its_client_in_it() {
        let page = &PAGE.text;
        assert!(!page.contains(CLIENT) && page.contains("class HubConnection"));
        assert!(page.contains(ADDRESS));
        for outside in ["src=", "@import", "url(", "http-equiv"] {
            assert!(!page.contains(outside), "{outside}");
        }
        // No text of the client ends the script early.
        assert_eq!(page.matches("</script").count(), 1);
        assert_eq!(page.matches("style=").count(), 0);
        let empty = BASE64_STANDARD.encode(Sha256::digest(b""));
        assert!(!PAGE.policy.contains(&empty), "{}", PAGE.policy);
    }
}
