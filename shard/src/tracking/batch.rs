//! The keys that changed in one turn, for clients that track by prefixes: each key once, in order. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::prefixes::Prefixes;
use super::{ChangedKey, Invalid, Tracker};

/// Keys of one push.
const PUSH_KEYS_MAX: usize = 1024;

/// Keys that changed, each with the number of the client that changed it; 0 if several did.
#[derive(Debug, Default)]
pub struct Batch(BTreeMap<Arc<[u8]>, u64>);

impl Batch {
    /// Adds a key.
    pub fn add(&mut self, key: Arc<[u8]>, by: u64) {
        // One that does not hear of its own changes has to hear of a change by another.
        self.0.entry(key).and_modify(|known| *known = if *known == by { by } else { 0 }).or_insert(by);
    }

    /// Who is told of what: of each prefix, in order, the keys that begin so.
    pub fn told(self, prefixes: &Prefixes) -> Vec<(Invalid, Vec<Tracker>)> {
        let mut by_prefix: BTreeMap<&[u8], (Vec<Tracker>, Vec<ChangedKey>)> = BTreeMap::new();
        for (key, by) in &self.0 {
            for (prefix, trackers) in prefixes.matching(key) {
                let begin = || (trackers.iter().copied().collect(), Vec::new());
                by_prefix.entry(prefix).or_insert_with(begin).1.push(ChangedKey { key: key.clone(), by: *by });
            }
        }
        let mut told = Vec::new();
        for (trackers, keys) in by_prefix.into_values() {
            told.extend(keys.chunks(PUSH_KEYS_MAX).map(|keys| (Invalid::Keys(keys.into()), trackers.clone())));
        }
        told
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

    fn told(prefixes: &Prefixes, keys: impl IntoIterator<Item = (String, u64)>) -> Vec<(String, usize, Vec<u32>)> {
        let mut batch = Batch::default();
        for (key, by) in keys {
            batch.add(key.as_bytes().into(), by);
        }
        let row = |(invalid, trackers): (Invalid, Vec<Tracker>)| {
            let Invalid::Keys(keys) = invalid else { unreachable!("a batch is of keys") };
            let shown = |changed: &ChangedKey| format!("{}{}", String::from_utf8_lossy(&changed.key), changed.by);
            let names: Vec<String> = keys.iter().take(3).map(shown).collect();
            (names.join(" "), keys.len(), trackers.iter().map(|tracker| tracker.conn.index).collect())
        };
        batch.told(prefixes).into_iter().map(row).collect()
    }

    #[test]
    fn keys_go_once_and_in_order_to_each_prefix() {
        let mut prefixes = Prefixes::default();
        for (prefix, client) in [("", 1), ("u", 2), ("u", 3), ("v", 4), ("ux", 5)] {
            prefixes.add(&prefix.as_bytes().into(), tracker(client));
        }
        let keys = [("ub", 1), ("ua", 2), ("w", 3), ("ub", 4), ("ua", 2), ("ub", 4)];
        let wanted = [("ua2 ub0 w3".to_owned(), 3, vec![1]), ("ua2 ub0".to_owned(), 2, vec![2, 3])];
        assert_eq!(told(&prefixes, keys.map(|(key, by)| (key.to_owned(), by))), wanted);
        assert!(told(&prefixes, []).is_empty());
    }

    #[test]
    fn a_push_has_so_many_keys_at_most() {
        let mut prefixes = Prefixes::default();
        prefixes.add(&b"k"[..].into(), tracker(1));
        let lengths: Vec<usize> = told(&prefixes, (0..2 * PUSH_KEYS_MAX + 1).map(|number| (format!("k{number}"), 1)))
            .iter()
            .map(|row| row.1)
            .collect();
        assert_eq!(lengths, [PUSH_KEYS_MAX, PUSH_KEYS_MAX, 1]);
    }
}
