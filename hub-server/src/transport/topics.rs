//! Topics that clients of XSockets' protocols subscribe to (`delivery.md` e.1, e.2).

use hub_core::{Context, GroupName, Packet};
use serde::Deserialize;

use crate::connection::link::Membership;

/// A name of a topic has so many bytes.
const MAX_NAME: usize = 255;

/// A client may subscribe to so many topics of a hub (`delivery.md` a.4).
const MAX_TOPICS: usize = 128;

/// What is to become of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subscription {
    Begin,
    End,
}

/// Whether a topic may be called so.
///
/// # Errors
/// Why not.
pub(super) fn check(name: &str) -> Result<(), &'static str> {
    if name.is_empty() || name.len() > MAX_NAME {
        return Err("the name of a topic has 1 to 255 bytes");
    }
    if name.chars().any(char::is_control) {
        return Err("the name of a topic has no control characters");
    }
    Ok(())
}

/// What a client says of it: the topic alone, or an object.
#[derive(Deserialize)]
#[serde(untagged)]
enum Said {
    Topic(String),
    Object {
        #[serde(alias = "t", alias = "Topic", alias = "topic")]
        #[serde(rename = "T")]
        topic: String,
        #[serde(default, alias = "a", rename = "A")]
        confirm: bool,
    },
}

/// Subscribes or unsubscribes; gives the topic on which the client wants that confirmed.
///
/// # Errors
/// What to tell the client.
pub(super) async fn change(
    cx: &Context,
    what: Subscription,
    packet: &Packet,
    groups: &[Membership],
) -> Result<Option<String>, &'static str> {
    const UNREADABLE: &str = "a subscription names its topic";
    let data = packet.data.as_ref().ok_or(UNREADABLE)?;
    let (topic, confirm) = match data.read() {
        Ok(Said::Topic(topic)) => (topic, false),
        Ok(Said::Object { topic, confirm }) => (topic, confirm),
        // A topic may be called `42`.
        Err(_) => match data.read::<serde_json::Number>() {
            Ok(number) => (number.to_string(), false),
            Err(_) => return Err(UNREADABLE),
        },
    };
    check(&topic)?;
    let done = match what {
        Subscription::Begin => {
            let mut own = groups.iter().filter(|(hub, _)| hub == cx.hub());
            let name = GroupName::of_topic(&topic);
            let has = own.clone().any(|(_, group)| *group == name);
            let others = own.by_ref().filter(|(_, group)| group.topic().is_some());
            if !has && others.count() >= MAX_TOPICS {
                return Err("there are too many subscriptions");
            }
            cx.subscribe(&topic).await
        }
        Subscription::End => cx.unsubscribe(&topic).await,
    };
    if let Err(error) = done {
        tracing::warn!(connection = %cx.connection_id(), %error, "a subscription failed");
        return Err("the subscription failed");
    }
    Ok(confirm.then(|| format!("__{topic}")))
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn names_have_up_to_255_bytes_and_no_control_characters() {
        for (name, fits) in [
            ("a".into(), true),
            ("a".repeat(254), true),
            ("a".repeat(255), true),
            ("a".repeat(256), false),
            ("ü".repeat(127), true),
            ("ü".repeat(128), false),
            (String::new(), false),
            ("a\u{1}".into(), false),
            ("a\u{85}".into(), false),
            ("a b|c".into(), true),
        ] {
            assert_eq!(check(&name).is_ok(), fits, "{name:?}");
        }
    }
}
