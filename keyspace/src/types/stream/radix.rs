//! How many nodes Redis's radix tree of a stream would have, which XINFO STREAM tells.
//!
//! The tree compresses chains: there is one node for each key, one for each point where keys part, and one for each edge that is
//! longer than one byte. That follows from the sorted keys alone.

use super::id::StreamId;

/// Bytes of a key: an id as a big-endian number.
const KEY_BYTES: i32 = 16;

/// Bytes that two keys have in common at their beginning.
fn common(a: StreamId, b: StreamId) -> i32 {
    match (a.ms ^ b.ms, a.seq ^ b.seq) {
        (0, seq) => 8 + (seq.leading_zeros() / 8) as i32,
        (ms, _) => (ms.leading_zeros() / 8) as i32,
    }
}

/// One node if the edge between nodes at these depths needs one: it is longer than the byte that its upper end holds.
fn edge(from: i32, to: i32) -> usize {
    usize::from(to > from + 1)
}

/// Number of nodes for these keys, which are in ascending order. O(keys).
pub fn nodes(mut keys: impl Iterator<Item = StreamId>) -> usize {
    let Some(mut key) = keys.next() else { return 1 };
    // Depths of the points at which the last key parts from earlier ones, ascending; -1 is above the root.
    let (mut open, mut nodes, mut left) = (Vec::new(), 0, -1);
    for next in keys {
        let right = common(key, next);
        nodes += 1 + edge(left.max(right), KEY_BYTES);
        nodes += close(&mut open, right);
        if open.last() != Some(&right) {
            open.push(right);
        }
        (key, left) = (next, right);
    }
    nodes + 1 + edge(left, KEY_BYTES) + close(&mut open, -1)
}

/// Nodes of the points deeper than `depth`, and of the edges that lead to them.
fn close(open: &mut Vec<i32>, depth: i32) -> usize {
    let mut nodes = 0;
    while let Some(point) = open.pop_if(|point| *point > depth) {
        let above = open.last().copied().unwrap_or(-1).max(depth);
        nodes += 1 + edge(above, point);
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees() {
        let id = |ms, seq| StreamId { ms, seq };
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
            assert_eq!(nodes(keys.iter().copied()), expected, "{keys:?}");
        }
    }
}
