//! Who tracks by prefixes: the same on every core.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::heap::{ARC_BYTES, tree_bytes};

use super::Tracker;

/// Prefixes with the clients that are told of keys that begin so.
#[derive(Debug, Default)]
pub struct Prefixes {
    by_prefix: BTreeMap<Arc<[u8]>, BTreeSet<Tracker>>,
    /// How many prefixes there are of each length: a key is looked up once per length.
    lengths: BTreeMap<usize, usize>,
}

impl Prefixes {
    /// Adds a client's prefix.
    pub fn add(&mut self, prefix: &Arc<[u8]>, tracker: Tracker) {
        if !self.by_prefix.contains_key(prefix) {
            *self.lengths.entry(prefix.len()).or_default() += 1;
        }
        self.by_prefix.entry(prefix.clone()).or_default().insert(tracker);
    }

    /// Takes a client away. O(prefixes).
    pub fn remove(&mut self, tracker: Tracker) {
        let lengths = &mut self.lengths;
        self.by_prefix.retain(|prefix, trackers| {
            trackers.remove(&tracker);
            if trackers.is_empty() {
                let count = lengths.get_mut(&prefix.len()).expect("every prefix is counted");
                *count -= 1;
                if *count == 0 {
                    lengths.remove(&prefix.len());
                }
            }
            !trackers.is_empty()
        });
    }

    /// The prefixes of a key, each with the clients that have it. O(different lengths of prefixes).
    pub fn matching<'a>(&'a self, key: &'a [u8]) -> impl Iterator<Item = (&'a Arc<[u8]>, &'a BTreeSet<Tracker>)> + 'a {
        self.lengths.keys().filter_map(|&len| self.by_prefix.get_key_value(key.get(..len)?))
    }

    /// True if nobody tracks by prefixes.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.by_prefix.is_empty()
    }

    /// Bytes that they hold on the heap. O(prefixes).
    pub fn heap_bytes(&self) -> usize {
        let bytes = |(prefix, trackers): (&Arc<[u8]>, &BTreeSet<Tracker>)| {
            prefix.len() + ARC_BYTES + tree_bytes::<Tracker>(trackers.len())
        };
        let entries = tree_bytes::<(Arc<[u8]>, BTreeSet<Tracker>)>(self.by_prefix.len());
        entries + self.by_prefix.iter().map(bytes).sum::<usize>()
    }

    /// How many prefixes there are.
    pub fn len(&self) -> usize {
        self.by_prefix.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::CoreId;
    use crate::ring::ConnId;

    fn tracker(index: u32) -> Tracker {
        Tracker { home: CoreId(0), conn: ConnId { index, generation: 0 } }
    }

    #[test]
    fn a_key_is_told_to_those_whose_prefix_it_has() {
        let mut prefixes = Prefixes::default();
        for (prefix, client) in [("", 1), ("user:", 2), ("user:", 3), ("u", 4), ("user:7", 2)] {
            prefixes.add(&prefix.as_bytes().into(), tracker(client));
        }
        let told = |prefixes: &Prefixes, key: &str| -> Vec<u32> {
            let trackers = prefixes.matching(key.as_bytes()).flat_map(|(_, trackers)| trackers);
            trackers.map(|tracker| tracker.conn.index).collect()
        };
        assert_eq!(told(&prefixes, "user:1"), [1, 4, 2, 3]);
        assert_eq!(told(&prefixes, "us"), [1, 4]);
        assert_eq!(told(&prefixes, ""), [1]);
        prefixes.remove(tracker(2));
        assert_eq!((told(&prefixes, "user:7"), prefixes.len()), (vec![1, 4, 3], 3));
        [1, 3, 4].map(tracker).into_iter().for_each(|client| prefixes.remove(client));
        assert!(prefixes.is_empty() && prefixes.lengths.is_empty());
    }
}
