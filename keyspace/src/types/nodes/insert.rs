//! Putting items between others, where nodes are divided and joined.
//!
//! Both are done as in Redis's quicklist. A node that has no room is divided at the new item's place, and the two halves and their
//! neighbours are joined again where they fit: else every insertion into full nodes would leave them half as full.

use super::{End, Node, Nodes, Spot, place};
use crate::limits::NodeLimit;
use crate::packed::{ByteStore, Encoded, Packed, PackedMut};

impl Nodes {
    /// Puts an item before the one at `pivot` (`End::Head`) or behind it. The pivot is there.
    pub fn insert(&mut self, pivot: usize, side: End, item: &Encoded) {
        let Spot { chunk, node, index } = self.seek(pivot);
        let here = &self.chunks[chunk].nodes[node];
        let at = if side == End::Head { index } else { index + 1 };
        if here.has_room(item, self.limit) {
            return self.insert_into(chunk, node, at, item);
        }
        if at != 0 && at != here.items {
            return self.insert_dividing(pivot, side, item);
        }
        match self.neighbour(chunk, node, side) {
            Some((chunk, node)) if self.chunks[chunk].nodes[node].has_room(item, self.limit) => {
                let at = if side == End::Head { self.chunks[chunk].nodes[node].items } else { 0 };
                self.insert_into(chunk, node, at, item);
            }
            _ => {
                let before = if side == End::Head { node } else { node + 1 };
                self.add_node(chunk, before, Node::of_item(item));
            }
        }
    }

    /// Puts an item at a place in a node.
    fn insert_into(&mut self, chunk: usize, node: usize, at: usize, item: &Encoded) {
        self.edit(chunk, node, |packed| {
            let view = packed.as_packed();
            let at = view.seek(at as i64).unwrap_or(view.end());
            packed.insert(at, std::slice::from_ref(item));
        });
    }

    /// Divides a node between the pivot and what stands on that side of it, and adds the item to the half without the pivot.
    fn insert_dividing(&mut self, pivot: usize, side: End, item: &Encoded) {
        let Spot { chunk, node, index } = self.seek(pivot);
        let at = if side == End::Head { index } else { index + 1 };
        let count = self.chunks[chunk].nodes[node].items - at;
        let mut tail = self.edit(chunk, node, |packed| packed.split_off(place(&packed.as_packed(), at), count));
        let item = std::slice::from_ref(item);
        match side {
            End::Head => self.edit(chunk, node, |packed| packed.push_back(item)),
            End::Tail => PackedMut::new(&mut tail).push_front(item),
        }
        self.add_node(chunk, node + 1, Node::new(tail));
        self.join_around(if side == End::Head { pivot + 1 } else { pivot });
    }

    /// Joins the nodes about the one that holds the item at `index` where two of them fit one: the two before it, the two behind it,
    /// it with the one before, and what it is then with the one behind.
    fn join_around(&mut self, index: usize) {
        let steps: [(Option<End>, End); 4] =
            [(Some(End::Head), End::Head), (Some(End::Tail), End::Tail), (None, End::Head), (None, End::Tail)];
        for (first, then) in steps {
            // Joining moves nodes, and never items: the index finds the centre again.
            let Spot { chunk, node, .. } = self.seek(index);
            let from = match first {
                Some(side) => self.neighbour(chunk, node, side),
                None => Some((chunk, node)),
            };
            let Some(from) = from else { continue };
            let Some(to) = self.neighbour(from.0, from.1, then) else { continue };
            self.join(from.min(to), from.max(to));
        }
    }

    /// Joins two nodes that follow one another, if they fit one.
    fn join(&mut self, first: (usize, usize), second: (usize, usize)) {
        let taken = &self.chunks[second.0].nodes[second.1];
        let kept = &self.chunks[first.0].nodes[first.1];
        let bytes = kept.packed().listpack_bytes() + taken.packed().elements().len();
        if !self.limit.allows(bytes, kept.items + taken.items) {
            return;
        }
        let taken = taken.bytes.bytes().to_vec();
        self.edit(first.0, first.1, |packed| packed.append(Packed::new(&taken)));
        self.take_node(second.0, second.1);
    }

    /// The node next to another one on a side.
    fn neighbour(&self, chunk: usize, node: usize, side: End) -> Option<(usize, usize)> {
        match side {
            End::Head if node > 0 => Some((chunk, node - 1)),
            End::Head => {
                let chunk = chunk.checked_sub(1)?;
                Some((chunk, self.chunks[chunk].nodes.len() - 1))
            }
            End::Tail if node + 1 < self.chunks[chunk].nodes.len() => Some((chunk, node + 1)),
            End::Tail => (chunk + 1 < self.chunks.len()).then_some((chunk + 1, 0)),
        }
    }

    /// Puts an item in the place of that at `index`, which is there.
    ///
    /// Redis lets a node grow by this as it comes. So it does here, to the size of the largest nodes of any setting; then it is
    /// divided.
    pub fn set(&mut self, index: usize, item: &Encoded) {
        let spot = self.seek(index);
        let node = &self.chunks[spot.chunk].nodes[spot.node];
        let packed = node.packed();
        let old = Encoded::element(packed.get(place(&packed, spot.index))).stored_len();
        let bytes = packed.listpack_bytes() - old + item.stored_len();
        if node.items == 1 || bytes <= NodeLimit::BYTES_MAX {
            return self.edit(spot.chunk, spot.node, |packed| packed.set(place(&packed.as_packed(), spot.index), item));
        }
        self.insert(index, End::Head, item);
        self.remove_at(index + 1);
    }

    /// Takes out the item at an index.
    fn remove_at(&mut self, index: usize) {
        let spot = self.seek(index);
        self.edit(spot.chunk, spot.node, |packed| packed.remove(place(&packed.as_packed(), spot.index), 1));
        if self.chunks[spot.chunk].nodes[spot.node].items == 0 {
            self.take_node(spot.chunk, spot.node);
        }
    }
}
