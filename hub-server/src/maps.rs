//! Hash tables of what is looked up with every connection, message and group. Clients choose some of the keys, so each table hashes
//! with a seed of its own; the standard library's hash is several times slower on keys of a few dozen bytes.

use std::collections::{HashMap, HashSet};

use foldhash::quality::RandomState;

pub(crate) type Map<K, V> = HashMap<K, V, RandomState>;

pub(crate) type Set<K> = HashSet<K, RandomState>;
