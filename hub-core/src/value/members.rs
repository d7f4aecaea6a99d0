//! Members of objects and variants of enums, found whatever the case of their names.

use serde::Deserialize;
use serde::de::value::StringDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess,
    VariantAccess, Visitor,
};
use serde_json::Error;
use serde_json::value::RawValue;

use super::coerce::Lenient;

type Member<'de> = (String, &'de RawValue);

/// The place of a name: the very same one, or else one that differs in case only.
fn find(name: &str, names: &[&str]) -> Option<usize> {
    let same = |other: &&str| {
        other.eq_ignore_ascii_case(name)
            || other
                .chars()
                .flat_map(char::to_lowercase)
                .eq(name.chars().flat_map(char::to_lowercase))
    };
    names
        .iter()
        .position(|other| *other == name)
        .or_else(|| names.iter().position(same))
}

/// All members of an object, in order.
fn members(object: Lenient<'_>) -> Result<Vec<Member<'_>>, Error> {
    struct All;

    impl<'de> Visitor<'de> for All {
        type Value = Vec<Member<'de>>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry()? {
                members.push(member);
            }
            Ok(members)
        }
    }

    serde_json::Deserializer::from_str(object.0).deserialize_map(All)
}

/// An object as a struct reads it: each member that belongs to a field under the field's name, and only one of those.
pub(super) struct Members<'de> {
    left: std::vec::IntoIter<Member<'de>>,
    value: Option<Lenient<'de>>,
}

impl<'de> Members<'de> {
    pub(super) fn of(object: Lenient<'de>, fields: &'static [&'static str]) -> Result<Self, Error> {
        let mut kept: Vec<Member<'de>> = Vec::new();
        // For each field the place of its member in `kept`, and whether that one's name is exact.
        let mut found: Vec<Option<(usize, bool)>> = vec![None; fields.len()];
        for (name, value) in members(object)? {
            let field = find(&name, fields)
                .and_then(|place| Some((*fields.get(place)?, found.get_mut(place)?)));
            let Some((field, found)) = field else {
                kept.push((name, value));
                continue;
            };
            let exact = name == field;
            match *found {
                Some((_, true)) if !exact => {}
                Some((place, _)) => {
                    *found = Some((place, exact));
                    if let Some(member) = kept.get_mut(place) {
                        member.1 = value;
                    }
                }
                None => {
                    *found = Some((kept.len(), exact));
                    kept.push((field.to_owned(), value));
                }
            }
        }
        Ok(Self {
            left: kept.into_iter(),
            value: None,
        })
    }
}

impl<'de> MapAccess<'de> for Members<'de> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        let Some((name, value)) = self.left.next() else {
            return Ok(None);
        };
        self.value = Some(Lenient(value.get()));
        seed.deserialize(name.into_deserializer()).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let value = self.value.take();
        seed.deserialize(value.ok_or_else(|| Error::custom("a value before its name"))?)
    }
}

/// A variant, by its name or by its number, and what it holds.
pub(super) struct Variant<'de> {
    name: Result<String, u64>,
    inside: Option<Lenient<'de>>,
}

impl<'de> Variant<'de> {
    /// A unit variant by its number: how many are declared before it.
    pub(super) fn numbered(text: &str) -> Result<Self, Error> {
        Ok(Self {
            name: Err(text.parse().map_err(Error::custom)?),
            inside: None,
        })
    }

    /// A unit variant by its name, or by its number in a string.
    pub(super) fn named(text: &str, variants: &[&str]) -> Self {
        let name = match find(text, variants).and_then(|place| variants.get(place)) {
            Some(name) => Ok((*name).to_owned()),
            None => text.parse().map_or_else(|_| Ok(text.to_owned()), Err),
        };
        Self { name, inside: None }
    }

    /// A variant that holds something: an object whose only member has its name.
    pub(super) fn of(object: Lenient<'de>, variants: &[&str]) -> Result<Self, Error> {
        let mut members = members(object)?.into_iter();
        let (Some((name, value)), None) = (members.next(), members.next()) else {
            return Err(Error::custom("a variant is an object with one member"));
        };
        let known = find(&name, variants).and_then(|place| variants.get(place));
        Ok(Self {
            name: Ok(known.map_or(name, |known| (*known).to_owned())),
            inside: Some(Lenient(value.get())),
        })
    }

    fn inside(self) -> Result<Lenient<'de>, Error> {
        self.inside
            .ok_or_else(|| Error::custom("a variant without its content"))
    }
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        let which = match &self.name {
            Ok(name) => seed.deserialize(StringDeserializer::<Error>::new(name.clone()))?,
            Err(number) => {
                seed.deserialize(IntoDeserializer::<Error>::into_deserializer(*number))?
            }
        };
        Ok((which, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.inside {
            Some(inside) => <()>::deserialize(inside),
            None => Ok(()),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(self.inside()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        self.inside()?.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.inside()?.deserialize_struct("", fields, visitor)
    }
}
