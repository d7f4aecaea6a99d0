//! [`Cookies`]: what servers, and the gateways before them, want to be told again. Needs the feature `cookies`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cookie_store::CookieStore;
use http::{HeaderMap, HeaderValue, header};
use url::Url;

/// The cookies of one connection; clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cookies(Arc<Mutex<CookieStore>>);

impl Cookies {
    /// Adds those that are meant for this URL to what the application sends itself.
    pub(super) fn add_to(&self, url: &str, headers: &mut HeaderMap) {
        let Ok(url) = url.parse::<Url>() else { return };
        let store = self.lock();
        let own = headers
            .get(header::COOKIE)
            .and_then(|own| own.to_str().ok());
        let pairs = store.get_request_values(&url);
        let kept = pairs.map(|(name, value)| format!("{name}={value}"));
        let all: Vec<String> = own.map(str::to_owned).into_iter().chain(kept).collect();
        if let Ok(mut value) = HeaderValue::try_from(all.join("; "))
            && !all.is_empty()
        {
            value.set_sensitive(true);
            headers.insert(header::COOKIE, value);
        }
    }

    /// Keeps those of an answer. What is no cookie, or meant for others, is not kept.
    pub(super) fn take(&self, url: &str, headers: &HeaderMap) {
        let Ok(url) = url.parse::<Url>() else { return };
        let set = headers.get_all(header::SET_COOKIE);
        for cookie in set.iter().filter_map(|cookie| cookie.to_str().ok()) {
            // Expired ones go.
            let _ = self.lock().parse(cookie, &url);
        }
    }

    fn lock(&self) -> MutexGuard<'_, CookieStore> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
