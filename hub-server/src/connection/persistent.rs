//! [`PersistentIds`]: which persistent ids a server takes, and from whom (`delivery.md` 0). What clients bring is a text; what
//! the rest of the server knows is the id in it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hkdf::hmac::{Hmac, KeyInit, Mac};
use hub_core::{Log, PersistentId};
use sha2::Sha256;

/// A key has at least so many bytes: as many as a signature.
const MIN_KEY: usize = 32;

/// What is signed is this and the id, so that a signature is worth nothing anywhere else.
const PURPOSE: &[u8] = b"hub.PersistentId.v1:";

/// Which persistent ids a server takes: whoever presents one gets what was queued under it.
///
/// ```
/// use hub_server::{HubServer, PersistentIds};
///
/// # let (new_key, old_key) = ([1; 32], [2; 32]);
/// // The first key signs; the others are taken until nobody has an id of theirs any more.
/// let ids = PersistentIds::signed([new_key, old_key]);
/// // For a page that is served to a client without one.
/// let id = ids.make();
/// let server = HubServer::builder().persistent_ids(ids).build();
/// # assert!(server.is_ok());
/// # assert!(id.len() > 36);
/// ```
#[derive(Clone)]
pub struct PersistentIds {
    /// The first one signs; without any, ids are as clients make them.
    keys: Option<Vec<Key>>,
    /// Whether an id belongs to the first user who brought it.
    bound: bool,
}

/// A key, or nothing if it is too short for one.
type Key = Option<Hmac<Sha256>>;

impl PersistentIds {
    /// The default: any GUID, which belongs to the first user who brings it and is refused from anybody else. One that only
    /// anonymous clients have brought belongs to whoever knows it.
    #[must_use]
    pub const fn bound() -> Self {
        Self {
            keys: None,
            bound: true,
        }
    }

    /// Only ids that this server has made, `<guid>.<signature>` with the HMAC-SHA256 of one of these keys: nobody can try
    /// what others might have chosen. They belong to the first user who brings them, as with [`bound`](Self::bound).
    ///
    /// The first key signs, all of them are taken: a new one is put in front, and an old one left out when its ids may go.
    /// A key has 32 bytes or more, best of all random ones; [`build`](crate::Builder::build) refuses a shorter one, and none at all. The
    /// wires of XSockets give a client an id that has none; for others [`make`](Self::make) one, and hand it out with the page.
    #[must_use]
    pub fn signed<K: AsRef<[u8]>>(keys: impl IntoIterator<Item = K>) -> Self {
        let keyed = |key: K| {
            let key = key.as_ref();
            let mac = Hmac::new_from_slice(key).ok();
            mac.filter(|_| key.len() >= MIN_KEY)
        };
        Self {
            keys: Some(keys.into_iter().map(keyed).collect()),
            bound: true,
        }
    }

    /// Any GUID from anybody, as XSockets takes them. Whoever knows an id gets what is queued under it, whatever user it is,
    /// so this is for servers without users. What is kept for users (`for_users`) does not reach those who are away.
    #[must_use]
    pub const fn open() -> Self {
        Self {
            keys: None,
            bound: false,
        }
    }

    /// A new id, as a client brings it.
    #[must_use]
    pub fn make(&self) -> String {
        self.text(&fresh())
    }

    /// An id as its client brings it: signed, where that is asked for.
    #[must_use]
    pub fn text(&self, id: &PersistentId) -> String {
        let first = self.keys.as_ref().and_then(|keys| keys.first());
        match first.and_then(Option::as_ref) {
            None => id.as_str().to_owned(),
            Some(key) => {
                let signature = signing(key, id).finalize().into_bytes();
                format!(
                    "{id}.{}",
                    URL_SAFE_NO_PAD.encode(signature),
                    id = id.as_str()
                )
            }
        }
    }

    /// What is wrong with the keys, for whoever sets up the server.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        match &self.keys {
            Some(keys) if keys.is_empty() => Err("Signed persistent ids need a key."),
            Some(keys) if keys.iter().any(Option::is_none) => {
                Err("A key for persistent ids has 32 bytes or more.")
            }
            _ => Ok(()),
        }
    }

    /// The id in what a client brought.
    fn read(&self, text: &str) -> Result<PersistentId, Refusal> {
        let Some(keys) = &self.keys else {
            return PersistentId::parse(text).ok_or(Refusal::Unreadable);
        };
        let (id, signature) = text.trim().split_once('.').unwrap_or((text, ""));
        let id = PersistentId::parse(id).ok_or(Refusal::Unreadable)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
        // Compared in constant time: how far a guess was right is not to be told.
        let is_by = |key: &Hmac<Sha256>| signing(key, &id).verify_slice(&signature).is_ok();
        match keys.iter().flatten().any(is_by) {
            true => Ok(id),
            false => Err(Refusal::Forged),
        }
    }

    /// The id that a client of this user brings, or a new one for a client that brings none.
    pub(crate) async fn admit(
        &self,
        log: &dyn Log,
        text: Option<&str>,
        user: Option<&str>,
    ) -> Result<PersistentId, Refusal> {
        let id = match text {
            Some(text) => self.read(text)?,
            None => fresh(),
        };
        if !self.bound {
            return Ok(id);
        }
        match log.bind(&id, user.filter(|user| !user.is_empty())).await {
            Ok(true) => Ok(id),
            Ok(false) => Err(Refusal::OtherUser),
            Err(error) => {
                tracing::warn!(%error, "whose a persistent id is can't be looked up");
                Err(Refusal::Unavailable)
            }
        }
    }
}

impl Default for PersistentIds {
    fn default() -> Self {
        Self::bound()
    }
}

/// Not its keys.
impl std::fmt::Debug for PersistentIds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PersistentIds")
            .field("signed", &self.keys.is_some())
            .field("bound", &self.bound)
            .finish_non_exhaustive()
    }
}

/// Why a persistent id is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("The persistentId is not a GUID.")]
    Unreadable,
    #[error("The persistentId was not signed by this server.")]
    Forged,
    #[error("The persistentId is another user's.")]
    OtherUser,
    #[error("Try again later.")]
    Unavailable,
}

fn fresh() -> PersistentId {
    PersistentId::from(uuid::Uuid::new_v4().as_u128())
}

fn signing(key: &Hmac<Sha256>, id: &PersistentId) -> Hmac<Sha256> {
    let mut mac = key.clone();
    mac.update(PURPOSE);
    mac.update(id.as_str().as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

    fn id() -> PersistentId {
        PersistentId::parse(ID).unwrap()
    }

    #[test]
    fn a_signature_is_of_one_id_and_one_key() {
        let ids = PersistentIds::signed([[1; 32]]);
        let text = ids.text(&id());
        assert_eq!(ids.read(&text), Ok(id()));
        // The id is compared, not how it is written.
        let upper = text.replacen(ID, &ID.to_uppercase(), 1);
        assert_eq!(ids.read(&upper), Ok(id()));
        let (_, signature) = text.split_once('.').unwrap();
        assert_eq!(signature.len(), 43);
        for at in 0..signature.len() {
            // Not the last bits, which a decoder must not overlook either.
            let other = if &signature[at..=at] == "A" { "B" } else { "A" };
            let altered = format!("{ID}.{}{other}{}", &signature[..at], &signature[at + 1..]);
            assert_eq!(ids.read(&altered), Err(Refusal::Forged), "{at}");
        }
        for wrong in [
            ID.to_owned(),
            format!("{ID}."),
            format!("{ID}.{}", &signature[1..]),
            format!("{ID}.{signature}A"),
            format!("{ID}.{signature}.{signature}"),
            format!("{ID}.{}", "A".repeat(100_000)),
            text.replacen('0', "1", 1),
            PersistentIds::signed([[2; 32]]).text(&id()),
        ] {
            assert_eq!(ids.read(&wrong), Err(Refusal::Forged), "{wrong}");
        }
        for wrong in ["", ".", "x", "x.y", &format!(".{signature}")] {
            assert_eq!(ids.read(wrong), Err(Refusal::Unreadable), "{wrong}");
        }
        assert_ne!(ids.make(), ids.make());
        assert!(ids.read(&ids.make()).is_ok());
        assert!(!format!("{ids:?}").contains('1'));
    }

    #[test]
    fn the_first_key_signs_and_all_are_taken() {
        let (old, new) = ([1; 32], [2; 40].to_vec());
        let before = PersistentIds::signed([old]);
        let both = PersistentIds::signed([new.clone(), old.to_vec()]);
        let after = PersistentIds::signed([new]);
        let (first, second) = (before.text(&id()), both.text(&id()));
        assert_eq!(both.read(&first), Ok(id()));
        assert_eq!(both.read(&second), Ok(id()));
        assert_eq!(after.read(&second), Ok(id()));
        assert_eq!(after.read(&first), Err(Refusal::Forged));
        assert_eq!(before.read(&second), Err(Refusal::Forged));
    }

    #[test]
    fn keys_are_long_and_there_is_one() {
        for (keys, fits) in [
            (vec![], false),
            (vec![31], false),
            (vec![32], true),
            (vec![32, 0], false),
            (vec![200, 32], true),
        ] {
            let lengths = keys.iter().map(|length| vec![7; *length]);
            let ids = PersistentIds::signed(lengths);
            assert_eq!(ids.check().is_ok(), fits, "{keys:?}");
        }
        assert!(PersistentIds::bound().check().is_ok());
        assert!(PersistentIds::open().check().is_ok());
    }

    #[test]
    fn without_keys_any_guid_will_do() {
        for ids in [PersistentIds::bound(), PersistentIds::open()] {
            assert_eq!(ids.text(&id()), ID);
            assert_eq!(ids.read(ID), Ok(id()));
            assert_eq!(ids.read(&format!("{ID}.x")), Err(Refusal::Unreadable));
        }
    }
}
