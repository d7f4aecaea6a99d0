//! [`Names`]: what stands under a name, found ignoring case: hubs, and the methods of one. There are few, and they don't change, so
//! that looking through a sorted list takes less than hashing, and no allocation.

use std::cmp::Ordering;

/// Sorted by length and then by letter, each name in lower case: most are told apart by their length.
#[derive(Debug)]
pub(super) struct Names<T>(Vec<(Box<str>, T)>);

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Names<T> {
    /// What stands under a name.
    pub(super) fn get(&self, name: &str) -> Option<&T> {
        let place = if name.is_ascii() {
            let lower = name.bytes().map(|b| b.to_ascii_lowercase());
            self.place(|own| match own.len().cmp(&name.len()) {
                Ordering::Equal if own.eq_ignore_ascii_case(name) => Ordering::Equal,
                Ordering::Equal => own.bytes().cmp(lower.clone()),
                longer_or_shorter => longer_or_shorter,
            })
        } else {
            self.place_of(&name.to_lowercase())
        };
        place.ok().and_then(|at| self.0.get(at)).map(|(_, it)| it)
    }

    /// Puts something under a name; gives what stood there, in whatever case.
    pub(super) fn insert(&mut self, name: &str, it: T) -> Option<T> {
        let name = name.to_lowercase();
        match self.place_of(&name) {
            Ok(at) => self
                .0
                .get_mut(at)
                .map(|(_, old)| std::mem::replace(old, it)),
            Err(at) => {
                self.0.insert(at, (name.into(), it));
                None
            }
        }
    }

    fn place_of(&self, lower: &str) -> Result<usize, usize> {
        self.place(|own| own.len().cmp(&lower.len()).then_with(|| own.cmp(lower)))
    }

    fn place(&self, order: impl Fn(&str) -> Ordering) -> Result<usize, usize> {
        self.0.binary_search_by(|(own, _)| order(own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_and_others_are_not() {
        let mut names = Names::default();
        let known = ["Echo", "echoes", "ech", "Straße", "Ünder", "z", "_a", "A1"];
        for (n, name) in known.iter().enumerate() {
            assert_eq!(names.insert(name, n), None, "{name}");
        }
        for (n, name) in known.iter().enumerate() {
            for spelled in [name.to_string(), name.to_uppercase(), name.to_lowercase()] {
                // A capital sharp s is two letters.
                let same = spelled.to_lowercase() == name.to_lowercase();
                assert_eq!(names.get(&spelled), same.then_some(&n), "{spelled}");
            }
        }
        for name in ["", "e", "echo ", "echoe", "strasse", "under", "zz", "\u{1}"] {
            assert_eq!(names.get(name), None, "{name}");
        }
        assert_eq!(names.insert("ECHO", 9), Some(0));
        assert_eq!(names.get("echo"), Some(&9));
    }
}
