//! Rows of the file as bytes: fields one after another, and a seal that tells what was damaged.

use std::ops::Deref;

use sha2::{Digest, Sha256};

/// A row being written.
#[derive(Default)]
pub(super) struct Row(Vec<u8>);

impl Row {
    /// With room for a body of so many bytes.
    pub(super) fn with_room(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes + 64))
    }

    pub(super) fn byte(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(super) fn number(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// Texts and bodies are far below 4 GiB: the log refuses larger ones.
    pub(super) fn bytes(&mut self, value: &[u8]) {
        self.number(value.len() as u64);
        self.0.extend_from_slice(value);
    }

    pub(super) fn text(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    /// Ends the row with a seal over it and over where it stands.
    pub(super) fn seal(mut self, place: &[u64]) -> Vec<u8> {
        let seal = seal(place, &self.0);
        self.0.extend_from_slice(&seal);
        self.0
    }
}

/// A row being read; `None` where it is not what was written.
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// Reads a row that is whole and stands where it was written.
    pub(super) fn open(row: &'a [u8], place: &[u64]) -> Option<Self> {
        let (fields, sealed) = row.split_last_chunk::<8>()?;
        (*sealed == seal(place, fields)).then_some(Self(fields))
    }

    /// Reads part of a row that is sealed as a whole.
    pub(super) fn plain(fields: &'a [u8]) -> Self {
        Self(fields)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*first))
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// So many of what `read` reads, as the row says.
    pub(super) fn list<T>(&mut self, read: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.number()?;
        (0..count).map(|_| read(self)).collect()
    }
}

impl Row {
    pub(super) fn list<T>(&mut self, values: &[T], write: impl Fn(&mut Self, &T)) {
        self.number(values.len() as u64);
        for value in values {
            write(self, value);
        }
    }
}

impl Deref for Row {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

fn seal(place: &[u64], row: &[u8]) -> [u8; 8] {
    let mut hash = Sha256::new();
    for part in place {
        hash.update(part.to_le_bytes());
    }
    hash.update(row);
    let digest: [u8; 32] = hash.finalize().into();
    let (seal, _) = digest.split_first_chunk().unwrap_or((&[0; 8], &[]));
    *seal
}
