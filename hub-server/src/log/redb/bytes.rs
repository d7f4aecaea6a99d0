//! Rows of the file as bytes: fields one after another, and a seal that tells what was damaged.

use std::ops::Deref;

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What bytes come to.
pub(super) type Digest = u64;

/// A row being written.
#[derive(Debug, Default)]
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

    /// A count, in as few bytes as it takes: seven bits each, the lowest first.
    pub(super) fn count(&mut self, value: usize) {
        let mut left = value;
        while let low @ 0x80.. = left {
            self.0.push(low.to_le_bytes()[0] | 0x80);
            left >>= 7;
        }
        self.0.push(left.to_le_bytes()[0]);
    }

    pub(super) fn bytes(&mut self, value: &[u8]) {
        self.count(value.len());
        self.0.extend_from_slice(value);
    }

    /// Bytes whose number is known to who reads them.
    pub(super) fn bytes_of(&mut self, value: &[u8]) {
        self.0.extend_from_slice(value);
    }

    /// Puts these in place of the first ones.
    pub(super) fn begin_with(&mut self, head: &[u8]) {
        if let Some(first) = self.0.get_mut(..head.len()) {
            first.copy_from_slice(head);
        }
    }

    pub(super) fn text(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    /// Ends the row with a seal over it and over where it stands.
    pub(super) fn seal(mut self, place: &[u64]) -> Vec<u8> {
        let seal = seal(place, &[&self.0]);
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
        (*sealed == seal(place, &[fields])).then_some(Self(fields))
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

    pub(super) fn count(&mut self) -> Option<usize> {
        let (mut value, mut shift) = (0_u64, 0);
        loop {
            let byte = u64::from(self.byte()?);
            value |= (byte & 0x7F).checked_shl(shift)?;
            if byte < 0x80 {
                return usize::try_from(value).ok();
            }
            shift += 7;
        }
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.count()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// So many of what `read` reads, as the row says.
    pub(super) fn list<T>(&mut self, read: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.count()?;
        (0..count).map(|_| read(self)).collect()
    }
}

impl Row {
    pub(super) fn list<T>(&mut self, values: &[T], write: impl Fn(&mut Self, &T)) {
        self.count(values.len());
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

impl From<Row> for Vec<u8> {
    fn from(row: Row) -> Self {
        row.0
    }
}

/// The seal of a row that stands in this place, over its parts.
pub(super) fn seal(place: &[u64], row: &[&[u8]]) -> [u8; 8] {
    let place = place.iter().map(|part| part.to_le_bytes());
    let sum = place.fold(0, |sum, part| digest(sum, &part));
    let sum = row.iter().fold(sum, |sum, part| digest(sum, part));
    sum.to_le_bytes()
}

/// What bytes come to after others: enough to find damage, which nobody means to do.
pub(super) fn digest(before: Digest, bytes: &[u8]) -> Digest {
    xxh3_64_with_seed(bytes, before)
}
