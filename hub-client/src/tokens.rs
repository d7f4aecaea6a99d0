//! [`Tokens`]: the bearer token of an application, asked for when it is needed and again when a server refuses it.

use std::error::Error;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, header};
use hub_core::BoxFuture;
use tokio::sync::Mutex;

use crate::error::ConnectError;

/// Where tokens come from.
pub(crate) type Source =
    Arc<dyn Fn() -> BoxFuture<'static, Result<String, Box<dyn Error + Send + Sync>>> + Send + Sync>;

/// The token of one connection.
pub(crate) struct Tokens {
    source: Source,
    /// One asks, the others wait for what he gets.
    held: Mutex<Option<HeaderValue>>,
}

impl Tokens {
    pub(crate) fn of(source: Source) -> Self {
        let held = Mutex::new(None);
        Self { source, held }
    }

    /// `headers` with the token; with another one than `refused`, if there is one that was.
    pub(crate) async fn add_to(
        &self,
        headers: &HeaderMap,
        refused: Option<&HeaderMap>,
    ) -> Result<HeaderMap, ConnectError> {
        let mut held = self.held.lock().await;
        let refused = refused.and_then(|headers| headers.get(header::AUTHORIZATION));
        let token = match &*held {
            Some(token) if Some(token) != refused => token.clone(),
            _ => {
                let token = (self.source)().await.map_err(ConnectError::Token)?;
                held.insert(bearer(&token)?).clone()
            }
        };
        let mut headers = headers.clone();
        headers.insert(header::AUTHORIZATION, token);
        Ok(headers)
    }
}

/// The header's value for a token, which logs don't show.
pub(crate) fn bearer(token: &str) -> Result<HeaderValue, ConnectError> {
    let mut value = HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|_| ConnectError::Header("authorization".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_token_is_kept_until_it_is_refused_and_asked_for_once_by_many() {
        let asked = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&asked);
        let tokens = Tokens::of(Arc::new(move || {
            let n = count.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move {
                tokio::task::yield_now().await;
                if n == 2 {
                    Err("none left".into())
                } else {
                    Ok(format!("t{n}"))
                }
            })
        }));
        let plain = HeaderMap::new();
        let (one, two) = tokio::join!(tokens.add_to(&plain, None), tokens.add_to(&plain, None));
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!(one[header::AUTHORIZATION], "Bearer t0");
        assert_eq!(one, two);
        assert!(!format!("{one:?}").contains("t0"));
        let again = (
            tokens.add_to(&plain, Some(&one)),
            tokens.add_to(&plain, Some(&two)),
        );
        let (one, two) = tokio::join!(again.0, again.1);
        let one = one.unwrap();
        assert_eq!(one[header::AUTHORIZATION], "Bearer t1");
        assert_eq!(one, two.unwrap());
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        let none = tokens.add_to(&plain, Some(&one)).await.unwrap_err();
        assert!(matches!(none, ConnectError::Token(error) if error.to_string() == "none left"));
    }
}
