//! Connection and groups tokens: sealed text that travels with the client, so that any node with the key can serve any
//! request (`classic-signalr.md` 4).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, Payload as Sealed};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hub_core::ConnectionId;
use sha2::Sha256;

const NONCE: usize = 24;

/// Seals and opens tokens: XChaCha20-Poly1305, with a key of its own for each purpose, so that neither token works in
/// the other's place.
pub(crate) struct Tokens {
    connection: XChaCha20Poly1305,
    groups: XChaCha20Poly1305,
}

/// Why a token does not count.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BadToken {
    /// It can't be opened, or nothing is in it.
    Malformed,
    /// It belongs to another user.
    OtherUser,
}

impl Tokens {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let keys = Hkdf::<Sha256>::new(None, key);
        let cipher = |purpose: &str| {
            let mut okm = [0; 32];
            // Fails for outputs over 255 hashes only.
            let _ = keys.expand(purpose.as_bytes(), &mut okm);
            XChaCha20Poly1305::new(&okm.into())
        };
        Self {
            connection: cipher("SignalR.ConnectionToken"),
            groups: cipher("SignalR.Groups.v1.1"),
        }
    }

    pub(crate) fn connection(&self, id: &ConnectionId, user: Option<&str>) -> String {
        seal(
            &self.connection,
            &format!("{id}:{}", user.unwrap_or_default()),
        )
    }

    /// The connection that a token names, if it was made for this user. Names are compared ignoring case; they may
    /// contain colons, ids don't.
    pub(crate) fn open_connection(
        &self,
        token: &str,
        user: Option<&str>,
    ) -> Result<ConnectionId, BadToken> {
        let text = open(&self.connection, token).ok_or(BadToken::Malformed)?;
        let (id, name) = text.split_once(':').ok_or(BadToken::Malformed)?;
        if id.is_empty() {
            return Err(BadToken::Malformed);
        }
        if name.to_lowercase() != user.unwrap_or_default().to_lowercase() {
            return Err(BadToken::OtherUser);
        }
        Ok(ConnectionId::from(id))
    }

    /// `groups` are names with their hub and a dot in front.
    pub(crate) fn groups(&self, id: &ConnectionId, groups: &[String]) -> String {
        let groups = serde_json::to_string(groups).unwrap_or_default();
        seal(&self.groups, &format!("{id}:{groups}"))
    }

    /// The groups that a token names; none if it is missing, damaged or another connection's (`classic-signalr.md` 4.2).
    pub(crate) fn open_groups(&self, token: &str, id: &ConnectionId) -> Vec<String> {
        let text = open(&self.groups, token).unwrap_or_default();
        match text.split_once(':') {
            Some((owner, groups)) if owner.eq_ignore_ascii_case(id.as_str()) => {
                serde_json::from_str(groups).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }
}

/// A key made at start: tokens end with the process.
pub(crate) fn random_key() -> Result<[u8; 32], getrandom::Error> {
    let mut key = [0; 32];
    getrandom::fill(&mut key)?;
    Ok(key)
}

fn seal(cipher: &XChaCha20Poly1305, text: &str) -> String {
    let mut nonce = [0; NONCE];
    // Without random numbers no key was made, and the server did not start.
    let _ = getrandom::fill(&mut nonce);
    let sealed = cipher
        .encrypt(&XNonce::from(nonce), Sealed::from(text.as_bytes()))
        .unwrap_or_default();
    STANDARD.encode([&nonce[..], &sealed].concat())
}

fn open(cipher: &XChaCha20Poly1305, token: &str) -> Option<String> {
    // The Java client leaves a `+` raw on the wire, where it means a space (`classic-signalr.md` 14.3).
    let bytes = STANDARD.decode(token.replace(' ', "+")).ok()?;
    let (nonce, sealed) = bytes.split_first_chunk::<NONCE>()?;
    let text = cipher
        .decrypt(&XNonce::from(*nonce), Sealed::from(sealed))
        .ok()?;
    String::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> Tokens {
        Tokens::new(&[7; 32])
    }

    #[test]
    fn a_token_is_bound_to_its_user_whatever_the_case_item_9_and_10() {
        let (tokens, id) = (tokens(), ConnectionId::from("6a24"));
        let token = tokens.connection(&id, Some("DOMAIN:Änn:x"));
        assert_eq!(
            tokens.open_connection(&token, Some("domain:änn:X")),
            Ok(id.clone())
        );
        assert_eq!(
            tokens.open_connection(&token, Some("bob")),
            Err(BadToken::OtherUser)
        );
        assert_eq!(
            tokens.open_connection(&token, None),
            Err(BadToken::OtherUser)
        );
        let anonymous = tokens.connection(&id, None);
        assert_eq!(tokens.open_connection(&anonymous, None), Ok(id));
        assert_eq!(
            tokens.open_connection(&anonymous, Some("bob")),
            Err(BadToken::OtherUser)
        );
    }

    #[test]
    fn damaged_foreign_and_misplaced_tokens_are_malformed() {
        let (tokens, id) = (tokens(), ConnectionId::from("6a24"));
        let token = tokens.connection(&id, None);
        let mut damaged = token.clone().into_bytes();
        damaged[40] ^= 1;
        let damaged = String::from_utf8(damaged).unwrap();
        let foreign = Tokens::new(&[8; 32]).connection(&id, None);
        let groups = tokens.groups(&id, &["chat.a".into()]);
        for bad in ["", "x", "AAAA", &damaged, &foreign, &groups] {
            assert_eq!(
                tokens.open_connection(bad, None),
                Err(BadToken::Malformed),
                "{bad}"
            );
        }
        assert!(tokens.open_groups(&token, &id).is_empty());
    }

    #[test]
    fn a_groups_token_is_bound_to_its_connection_item_57() {
        let (tokens, id) = (tokens(), ConnectionId::from("6a24"));
        let token = tokens.groups(&id, &["chat.a, \"b\"|c".into(), "chat.".into()]);
        assert_eq!(
            tokens.open_groups(&token, &"6A24".into()),
            ["chat.a, \"b\"|c", "chat."]
        );
        assert_eq!(tokens.open_groups(&token.replace('+', " "), &id).len(), 2);
        assert!(tokens.open_groups(&token, &"6a25".into()).is_empty());
    }
}
