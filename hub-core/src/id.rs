//! Names of things. Each is its own type, so that a group can't be passed where a user is meant; each is cheap to clone.

use std::fmt;
use std::sync::Arc;

use smol_str::SmolStr;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes the text as it is.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl From<&$name> for $name {
            fn from(name: &$name) -> Self {
                name.clone()
            }
        }

        impl From<&String> for $name {
            fn from(text: &String) -> Self {
                Self(text.as_str().into())
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                &*self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                &*self.0 == *other
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}

name! {
    /// One logical connection: a lower-case hyphenated GUID that survives reconnects (`classic-signalr.md` 1).
    ConnectionId
}
name! {
    /// A user, by the name of the authenticated identity. Compared exactly (`classic-signalr.md` 11.1, 11.3).
    UserId
}
name! {
    /// A group inside one hub. Any text, compared exactly (`classic-signalr.md` 11.1).
    GroupName
}
name! {
    /// A hub by its name on the wire, in its declared casing. Look-ups ignore case, names of topics don't.
    HubName
}

/// One server among those that share a log. Made anew at each start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeId(pub u64);

impl GroupName {
    /// Those who have subscribed to a topic of the hub. Names of topics are compared ignoring case, and no group that a
    /// hub names is one of these (`delivery.md` e.1).
    #[must_use]
    pub fn of_topic(topic: impl AsRef<str>) -> Self {
        Self(format!("{TOPIC}{}", topic.as_ref().to_lowercase()).into())
    }

    /// The topic, if that is what it is of.
    #[must_use]
    pub fn topic(&self) -> Option<&str> {
        self.0.strip_prefix(TOPIC)
    }
}

impl GroupName {
    /// Those who watch who is in a group of the hub, or on the hub itself (`None`). No group that a hub names is one of these.
    #[must_use]
    pub fn of_presence(group: Option<&Self>) -> Self {
        let group = group.map(Self::as_str).unwrap_or_default();
        Self(format!("{PRESENCE}{group}").into())
    }

    /// The group, empty for the hub, if it is those who watch one.
    #[must_use]
    pub fn watched(&self) -> Option<&str> {
        self.0.strip_prefix(PRESENCE)
    }

    /// Whether it is one that a hub has named.
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.topic().is_none() && self.watched().is_none()
    }
}

/// What sets those who watch a group apart from the group.
const PRESENCE: char = '\u{2}';

/// What sets topics apart from groups and queues: not a character of a name.
const TOPIC: char = '\u{1}';

/// The name of a queue inside one hub, in lower case: names of queues are compared ignoring case (`delivery.md` 0).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueueName(Arc<str>);

impl QueueName {
    /// Lower-cases the text.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(text.as_ref().to_lowercase().into())
    }

    /// What was published to a topic, kept for those who had subscribed to it when they left.
    #[must_use]
    pub fn of_topic(topic: impl AsRef<str>) -> Self {
        Self(format!("{TOPIC}{}", topic.as_ref().to_lowercase()).into())
    }

    /// The topic, if that is what it is of.
    #[must_use]
    pub fn topic(&self) -> Option<&str> {
        self.0.strip_prefix(TOPIC)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: AsRef<str>> From<T> for QueueName {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// One client's device across its connections: the owner of what is queued while it is away. A GUID that the client
/// makes and keeps secret: whoever brings it gets the queue.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PersistentId(Arc<str>);

impl PersistentId {
    /// Reads a GUID: 32 hex digits, with or without its hyphens and braces, in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let bare = text
            .strip_prefix('{')
            .and_then(|text| text.strip_suffix('}'))
            .unwrap_or(text);
        let places = [8, 13, 18, 23];
        let hyphenated =
            bare.len() == 36 && places.iter().all(|&at| bare.get(at..=at) == Some("-"));
        let digits: String = match bare.len() {
            36 if hyphenated => bare.chars().filter(|&c| c != '-').collect(),
            32 => bare.to_owned(),
            _ => return None,
        };
        let well_formed = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        well_formed.then(|| u128::from_str_radix(&digits, 16).ok().map(Self::from))?
    }

    /// The GUID, in lower case with hyphens.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The GUID with these bits.
impl From<u128> for PersistentId {
    fn from(bits: u128) -> Self {
        let mut text = format!("{bits:032x}");
        for at in [8, 13, 18, 23] {
            text.insert(at, '-');
        }
        Self(text.into())
    }
}

/// Not its text: that is a secret.
impl fmt::Debug for PersistentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersistentId")
    }
}

/// A call's id as its caller chose it. Classic clients send numbers or strings and are always answered with
/// a string (`classic-signalr.md` 8.1), so the text is what is kept.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct InvocationId(SmolStr);

impl InvocationId {
    /// Takes the text as it is.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(SmolStr::new(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for InvocationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn persistent_ids_are_guids_in_several_forms() {
        let id = PersistentId::parse("0F8FAD5B-D9CB-469F-A165-70867728950E").unwrap();
        assert_eq!(id.as_str(), "0f8fad5b-d9cb-469f-a165-70867728950e");
        assert_eq!(
            PersistentId::from(0x0f8f_ad5b_d9cb_469f_a165_7086_7728_950e),
            id
        );
        assert_eq!(
            PersistentId::from(7).as_str(),
            "00000000-0000-0000-0000-000000000007"
        );
        for text in [
            "0f8fad5bd9cb469fa16570867728950e",
            "{0f8fad5b-d9cb-469f-a165-70867728950e}",
            " 0f8fad5b-d9cb-469f-a165-70867728950e\r",
        ] {
            assert_eq!(PersistentId::parse(text), Some(id.clone()), "{text}");
        }
        for text in [
            "",
            "0",
            "0f8fad5bd9cb469fa16570867728950",
            "0f8fad5b-d9cb-469f-a16570867728950e-",
            "0f8fad5bd9cb469fa16570867728950g",
            "--------0f8fad5bd9cb469fa16570867728",
            "ä8fad5b-d9cb-469f-a165-70867728950e",
        ] {
            assert_eq!(PersistentId::parse(text), None, "{text}");
        }
        assert_eq!(format!("{id:?}"), "PersistentId");
    }

    #[test]
    fn queue_names_ignore_case() {
        assert_eq!(QueueName::from("Bar"), QueueName::new("bAR"));
        assert_eq!(QueueName::from("Bar").as_str(), "bar");
    }
}
