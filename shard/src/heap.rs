//! What the standard library's containers hold on the heap, as far as it follows from how many entries they have. Pure.
//!
//! Neither says so itself. Both are estimates of the layout, and err on the large side; bytes that the allocator adds are not in them.

/// Entries of a node of a B-tree.
const NODE_ENTRIES: usize = 11;

/// What a node has beside its entries, in bytes: its place in the tree, and its part of the nodes above it.
const NODE_HEAD_BYTES: usize = 32;

/// Entries per node where they came in ascending order: what is left when a full node is cut.
const FILLED_ENTRIES: usize = 6;

/// Bytes of a hash table with room for so many entries of type `T`: of its places 7 in 8 are used, and each has a byte of its own.
pub const fn table_bytes<T>(capacity: usize) -> usize {
    capacity.div_ceil(7) * 8 * (size_of::<T>() + 1)
}

/// Bytes of a B-tree of so many entries of type `T`.
pub const fn tree_bytes<T>(entries: usize) -> usize {
    let nodes = if entries <= NODE_ENTRIES { (entries > 0) as usize } else { entries.div_ceil(FILLED_ENTRIES) };
    nodes * (NODE_ENTRIES * size_of::<T>() + NODE_HEAD_BYTES)
}

/// Bytes of a counted slice beside its elements: the two counts.
pub const ARC_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_without_entries_hold_nothing() {
        assert_eq!((table_bytes::<u64>(0), tree_bytes::<u64>(0)), (0, 0));
    }

    #[test]
    fn containers_hold_at_least_their_entries() {
        for entries in [1, 7, 11, 12, 13, 1000, 123_457] {
            let least = entries * size_of::<[u64; 3]>();
            assert!(table_bytes::<[u64; 3]>(entries) > least, "{entries}");
            let tree = tree_bytes::<[u64; 3]>(entries);
            assert!(tree > least && (entries < 100 || tree < 3 * least), "{entries}: {tree}");
        }
    }
}
