//! Values that clients of XSockets' protocols keep on a hub (`delivery.md` e.1), under names of their own: they are one
//! property of the client, so that none of them can be taken for one that the hub has set.

use std::collections::BTreeMap;

use hub_core::{Context, DeliveryError, LogError, Packet, Payload};
use serde::Deserialize;
use serde_json::Value;

/// The property that all of them are.
const PROPERTY: &str = "@storage";

/// A name of a value has so many bytes.
const MAX_NAME: usize = 255;

/// What is to become of a value, or of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Storage {
    Set,
    Get,
    Remove,
    Clear,
}

/// What a client says of it: `key,value` or `key`, or an object.
#[derive(Deserialize)]
#[serde(untagged)]
enum Said {
    Text(String),
    Number(serde_json::Number),
    Object {
        #[serde(rename = "K", alias = "k", alias = "Key", alias = "key")]
        key: String,
        #[serde(rename = "V", alias = "v", alias = "Value", alias = "value")]
        #[serde(default)]
        value: Value,
    },
}

/// Does it; gives the topic on which to answer, and the value.
///
/// # Errors
/// What to tell the client.
pub(super) async fn change(
    cx: &Context,
    what: Storage,
    packet: &Packet,
) -> Result<Option<(String, Option<Payload>)>, &'static str> {
    if what == Storage::Clear {
        let done = cx.remove_property(PROPERTY).await;
        return done.map(|()| None).map_err(|error| failed(cx, &error));
    }
    let (key, value) = said(what, packet)?;
    let kept = cx.property(PROPERTY).await;
    let mut kept: BTreeMap<String, Value> = kept
        .map_err(|error| failed(cx, &error))?
        .unwrap_or_default();
    match what {
        Storage::Get => {
            let value = kept.get(&key).and_then(|value| Payload::of(value).ok());
            return Ok(Some((format!("s2:{key}"), value)));
        }
        Storage::Set => drop(kept.insert(key, value)),
        Storage::Remove | Storage::Clear => {
            if kept.remove(&key).is_none() {
                return Ok(None);
            }
        }
    }
    let done = if kept.is_empty() {
        cx.remove_property(PROPERTY).await
    } else {
        cx.set_property(PROPERTY, &kept).await
    };
    done.map(|()| None).map_err(|error| failed(cx, &error))
}

fn said(what: Storage, packet: &Packet) -> Result<(String, Value), &'static str> {
    const UNREADABLE: &str = "storage is set with key,value and asked for with a key";
    let data = packet.data.as_ref().ok_or(UNREADABLE)?;
    let text = match data.read().map_err(|_| UNREADABLE)? {
        Said::Object { key, value } => return checked(key, value),
        Said::Text(text) => text,
        Said::Number(number) => number.to_string(),
    };
    if what != Storage::Set {
        return checked(text, Value::Null);
    }
    let (key, value) = text.split_once(',').ok_or(UNREADABLE)?;
    checked(key.to_owned(), value.into())
}

fn checked(key: String, value: Value) -> Result<(String, Value), &'static str> {
    if key.is_empty() || key.len() > MAX_NAME || key.chars().any(char::is_control) {
        return Err("a key has 1 to 255 bytes and no control characters");
    }
    Ok((key, value))
}

fn failed(cx: &Context, error: &DeliveryError) -> &'static str {
    if let DeliveryError::Log(LogError::TooLarge { .. }) = error {
        return "there is too much in the storage: it has 64 KiB";
    }
    tracing::warn!(connection = %cx.connection_id(), %error, "the storage failed");
    "the storage failed"
}
