//! Types that JSON does not have, as the original writes and reads them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize, Serializer};

/// Written as its number, read by number or name.
#[derive(Clone, Copy, Default, Deserialize)]
pub(crate) enum Color {
    #[default]
    Red,
    Green,
    Blue,
}

impl Serialize for Color {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(*self as u8)
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Person {
    pub(crate) name: Option<String>,
    pub(crate) age: i32,
    pub(crate) favourite: Color,
    pub(crate) numbers: Option<Vec<i32>>,
}

/// In the order of insertion, as .NET's dictionaries.
#[derive(Serialize)]
pub(crate) struct Dict {
    pub(crate) b: i32,
    #[serde(rename = "A")]
    pub(crate) a: i32,
}

/// Written as base64.
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

/// With braces or without, in any case; written without, in lower case.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Guid(uuid::Uuid);

impl TryFrom<String> for Guid {
    type Error = uuid::Error;

    fn try_from(text: String) -> Result<Self, uuid::Error> {
        uuid::Uuid::parse_str(&text).map(Self)
    }
}

impl Serialize for Guid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}
