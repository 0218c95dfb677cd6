//! How many nodes Redis's radix tree of a stream would have, which XINFO STREAM tells.
//!
//! The tree compresses chains: there is one node for each key, one for each point where keys part, and one for each edge that is
//! longer than one byte. That follows from the sorted keys alone, and can be put together from parts: where the trees of two runs
//! of keys meet, only the ways to the last key of the one and to the first key of the other change.

use super::id::StreamId;

/// Bytes of a key, an id as a big-endian number: the depth of the tree's leaves.
const KEY_BYTES: i32 = 16;

/// Nodes of a tree without keys.
const EMPTY: usize = 1;

/// Bytes that two different keys have in common at their beginning.
fn common(a: StreamId, b: StreamId) -> i32 {
    match (a.ms ^ b.ms, a.seq ^ b.seq) {
        (0, seq) => 8 + (seq.leading_zeros() / 8) as i32,
        (ms, _) => (ms.leading_zeros() / 8) as i32,
    }
}

/// The points that the way to a key passes, at which others part from it: a bit for each depth.
#[derive(Clone, Copy, Default)]
struct Way(u32);

impl Way {
    fn to(self, depth: i32) -> Way {
        Way(self.0 & ((1 << depth) - 1))
    }

    fn with(self, depth: i32) -> Way {
        Way(self.0 | 1 << depth)
    }

    fn and(self, other: Way) -> Way {
        Way(self.0 | other.0)
    }

    /// Nodes of the way below the point at depth `from`; -1 for all of it.
    fn nodes(self, from: i32) -> usize {
        let (mut points, mut above, mut nodes) = (self.0 >> (from + 1) << (from + 1), from, 0);
        while points != 0 {
            let depth = points.trailing_zeros() as i32;
            // The edge needs a node of its own if it is longer than the byte that its upper end holds.
            nodes += 1 + usize::from(depth > above + 1);
            (points, above) = (points & (points - 1), depth);
        }
        nodes
    }
}

/// The tree of keys that follow one another.
#[derive(Clone, Copy)]
pub struct Part {
    nodes: usize,
    first: StreamId,
    last: StreamId,
    to_first: Way,
    to_last: Way,
}

impl Part {
    /// That of one key.
    pub fn of(key: StreamId) -> Part {
        let way = Way::default().with(KEY_BYTES);
        Part { nodes: way.nodes(-1), first: key, last: key, to_first: way, to_last: way }
    }

    /// That of the keys of both, the ones of `next` behind the own ones.
    pub fn join(self, next: Part) -> Part {
        let (last, first) = (self.to_last, next.to_first);
        let parting = common(self.last, next.first);
        let before = last.nodes(-1) + first.nodes(-1);
        let shared = last.and(first).to(parting).with(parting);
        let after = shared.nodes(-1) + last.nodes(parting) + first.nodes(parting);
        let outer = (common(self.first, next.first), common(self.last, next.last));
        Part {
            nodes: self.nodes + next.nodes + after - before,
            first: self.first,
            last: next.last,
            to_first: self.to_first.with(outer.0).and(first.to(outer.0)),
            to_last: next.to_last.with(outer.1).and(last.to(outer.1)),
        }
    }
}

/// Number of nodes of a tree of these parts, which are in order. O(parts).
pub fn nodes(parts: impl Iterator<Item = Part>) -> usize {
    parts.reduce(Part::join).map_or(EMPTY, |tree| tree.nodes)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    fn id(ms: u64, seq: u64) -> StreamId {
        StreamId { ms, seq }
    }

    fn nodes_of(keys: &[StreamId]) -> usize {
        nodes(keys.iter().copied().map(Part::of))
    }

    #[test]
    fn trees() {
        let rows: [(&[StreamId], usize); 5] = [
            (&[], 1),
            (&[id(1, 1)], 2),
            // A chain of 15 bytes, a fork and two ends.
            (&[id(1, 1), id(1, 2)], 4),
            // The fork at the millisecond's last byte has a chain below each of its ways.
            (&[id(1, 1), id(2, 1)], 6),
            (&[id(1, 1), id(1, 2), id(2, 1)], 8),
        ];
        for (keys, expected) in rows {
            assert_eq!(nodes_of(keys), expected, "{keys:?}");
        }
    }

    /// The tree byte by byte: a node where keys end or part, and one for each chain of bytes that lead only one way, but for a
    /// byte that a fork holds.
    fn counted(keys: &BTreeSet<StreamId>) -> usize {
        let mut ways: BTreeMap<Vec<u8>, BTreeSet<u8>> = BTreeMap::new();
        for key in keys {
            let bytes = [key.ms.to_be_bytes(), key.seq.to_be_bytes()].concat();
            for (depth, byte) in bytes.iter().enumerate() {
                ways.entry(bytes[..depth].to_vec()).or_default().insert(*byte);
            }
        }
        let forks = |prefix: &[u8]| ways[prefix].len() > 1;
        let chain_starts =
            |prefix: &&Vec<u8>| !forks(prefix) && (prefix.is_empty() || forks(&prefix[..prefix.len() - 1]));
        let chains = ways.keys().filter(chain_starts).count();
        EMPTY.max(keys.len() + ways.keys().filter(|prefix| forks(prefix)).count() + chains)
    }

    proptest! {
        #[test]
        fn parts_add_up(
            keys in proptest::collection::btree_set((0..4u64, 0..4u64, 0..300u64), 0..60),
            cuts in proptest::collection::vec(1..20usize, 1..20),
        ) {
            let keys: BTreeSet<StreamId> = keys.into_iter().map(|(a, b, c)| id(a << 40 | b << 8, c << 12 | a)).collect();
            let all: Vec<StreamId> = keys.iter().copied().collect();
            prop_assert_eq!(nodes_of(&all), counted(&keys));
            let (mut rest, mut parts) = (&all[..], Vec::new());
            for cut in cuts.iter().cycle() {
                let (part, behind) = rest.split_at(rest.len().min(*cut));
                parts.extend(part.iter().copied().map(Part::of).reduce(Part::join));
                rest = behind;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(nodes(parts.into_iter()), counted(&keys));
        }
    }
}
