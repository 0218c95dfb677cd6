//! The order of a sorted set: a B+tree of (score, member) with the number of members below every child.
//!
//! Leaves hold scores and handles, so that members are read only where scores are equal, and know their neighbours, so that a
//! walk needs nothing above them. An inner node holds for each child its least item and its count, always exact: that gives
//! ranks in O(log n), and no key outlives its member. Nodes are numbered in dense lists; freeing one moves the list's last node
//! into its place, so a tree that shrinks gives its memory back.
//!
//! A full node splits in half, except where a tree grows at its ends: there nearly all stays in the full node, so that members
//! that come in order fill their leaves. A node below a third joins or shares with a neighbour.

use std::cmp::Ordering;
use std::ops::Range;

use smallvec::SmallVec;

use crate::dense::Dense;

use super::records::{Handle, Records};
use super::run::Run;

const LEAF_ITEMS: usize = 64;
const CHILDREN: usize = 32;

/// What a node at the end of its level passes on to the new one when it splits, in children: enough for a node to have two.
const CHILDREN_AT_END: usize = 4;

/// Nodes are listed in chunks of this many.
const CHUNK: usize = 256;

/// What freeing a chunk of nodes weighs in elements: the system may have to take 200 KiB back.
const CHUNK_WEIGHT: usize = 64;

/// No leaf.
const NONE: u32 = u32::MAX;

/// One member of a leaf. Packed, as a third of a leaf would be padding.
#[derive(Clone, Copy, Default)]
#[repr(Rust, packed(4))]
pub(super) struct Item {
    pub(super) score: f64,
    pub(super) handle: Handle,
}

#[derive(Clone, Copy, Default)]
#[repr(Rust, packed(4))]
struct Child {
    least: Item,
    count: u32,
    node: u32,
}

#[derive(Clone, Copy)]
struct Leaf {
    items: Run<Item, LEAF_ITEMS>,
    prev: u32,
    next: u32,
}

type Inner = Run<Child, CHILDREN>;

/// The way from the root to a leaf: inner nodes with the index of the child that was taken, the root first.
type Path = SmallVec<[(u32, usize); 8]>;

/// A place in the order: between two items, or on the item that follows.
pub(super) struct Place {
    /// Items before it.
    pub(super) rank: usize,
    path: Path,
    leaf: u32,
    /// Index in the leaf; its length if the item that follows is the next leaf's first.
    index: usize,
}

/// The items of one sorted set in order.
pub(super) struct Tree {
    leaves: Dense<Leaf, CHUNK>,
    inners: Dense<Inner, CHUNK>,
    /// A leaf if `height` is 0, else an inner node.
    root: u32,
    height: usize,
    len: usize,
}

/// Nodes that left the tree and are still in their lists: number and height.
type Freed = SmallVec<[(u32, usize); 8]>;

impl Default for Tree {
    fn default() -> Self {
        let mut leaves = Dense::default();
        let root = leaves.push(Leaf { items: Run::default(), prev: NONE, next: NONE });
        Tree { leaves, inners: Dense::default(), root, height: 0, len: 0 }
    }
}

/// How an item stands to (score, member). Zeros are equal whatever their sign; no score is NaN.
#[inline]
fn compare(records: &Records, item: Item, score: f64, member: &[u8]) -> Ordering {
    let by_score = { item.score }.partial_cmp(&score).unwrap_or(Ordering::Equal);
    by_score.then_with(|| records.member(item.handle).cmp(member))
}

impl Tree {
    /// Number of items.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Bytes on the heap. O(1).
    pub(super) fn heap_bytes(&self) -> usize {
        self.leaves.heap_bytes() + self.inners.heap_bytes()
    }

    /// The first place whose item `order` does not call less; `order` ascends over the items.
    pub(super) fn place(&self, order: impl Fn(Item) -> Ordering) -> Place {
        let mut place = Place { rank: 0, path: Path::new(), leaf: self.root, index: 0 };
        for _ in 0..self.height {
            let inner = &self.inners[place.leaf];
            let child = inner.partition_point(|child| order(child.least) != Ordering::Greater).saturating_sub(1);
            place.rank += inner[..child].iter().map(|child| child.count as usize).sum::<usize>();
            place.path.push((place.leaf, child));
            place.leaf = inner[child].node;
        }
        place.index = self.leaves[place.leaf].items.partition_point(|&item| order(item) == Ordering::Less);
        place.rank += place.index;
        place
    }

    /// The place of (score, member): on it if it is here, else where it belongs.
    pub(super) fn place_of(&self, records: &Records, score: f64, member: &[u8]) -> Place {
        self.place(|item| compare(records, item, score, member))
    }

    /// The place with so many items before it, at most all.
    fn place_at(&self, rank: usize) -> Place {
        let mut place = Place { rank, path: Path::new(), leaf: self.root, index: rank };
        for _ in 0..self.height {
            let inner = &self.inners[place.leaf];
            let mut child = 0;
            while child + 1 < inner.len() && place.index >= inner[child].count as usize {
                place.index -= inner[child].count as usize;
                child += 1;
            }
            place.path.push((place.leaf, child));
            place.leaf = inner[child].node;
        }
        place
    }

    /// The item with so many before it.
    pub(super) fn nth(&self, rank: usize) -> Option<Item> {
        let place = self.place_at(rank);
        self.leaves[place.leaf].items.get(place.index).copied()
    }

    /// The items from `rank` on.
    pub(super) fn ascending(&self, rank: usize) -> Ascending<'_> {
        let place = self.place_at(rank);
        Ascending { tree: self, leaf: place.leaf, index: place.index }
    }

    /// The items before `rank`, from the last of them down.
    pub(super) fn descending(&self, rank: usize) -> Descending<'_> {
        let place = self.place_at(rank);
        Descending { tree: self, leaf: place.leaf, index: place.index.min(self.leaves[place.leaf].items.len()) }
    }

    /// The least item and the number of items below a node.
    fn summary(&self, node: u32, height: usize) -> Child {
        match height {
            0 => {
                let items = &self.leaves[node].items;
                Child { least: items[0], count: items.len() as u32, node }
            }
            _ => {
                let inner = &self.inners[node];
                Child { least: inner[0].least, count: inner.iter().map(|child| child.count).sum(), node }
            }
        }
    }

    /// Adds an item whose member is not here.
    pub(super) fn insert(&mut self, records: &Records, score: f64, handle: Handle) {
        let place = self.place_of(records, score, records.member(handle));
        let mut split = self.insert_in_leaf(place.leaf, place.index, Item { score, handle });
        for (above, &(node, index)) in place.path.iter().rev().enumerate() {
            let child = self.inners[node][index].node;
            let summary = self.summary(child, above);
            self.inners[node][index] = summary;
            if let Some(right) = split {
                let right = self.summary(right, above);
                split = self.insert_in_inner(node, index + 1, right);
            }
        }
        if let Some(right) = split {
            let children = [self.summary(self.root, self.height), self.summary(right, self.height)];
            self.root = self.inners.push(Inner::of(&children));
            self.height += 1;
        }
        self.len += 1;
    }

    /// Adds an item to a leaf. Returns the new leaf behind it if it had to be split.
    fn insert_in_leaf(&mut self, id: u32, index: usize, item: Item) -> Option<u32> {
        let leaf = &mut self.leaves[id];
        if !leaf.items.is_full() {
            leaf.items.insert(index, item);
            return None;
        }
        let cut = match index {
            LEAF_ITEMS if leaf.next == NONE => LEAF_ITEMS,
            0 if leaf.prev == NONE => 0,
            _ => LEAF_ITEMS / 2,
        };
        let mut tail = leaf.items.split_off(cut);
        // An item between the halves goes to the left one, but the new leaf must not stay empty.
        match index <= cut && cut < LEAF_ITEMS {
            true => leaf.items.insert(index, item),
            false => tail.insert(index - cut, item),
        }
        let next = leaf.next;
        let right = self.leaves.push(Leaf { items: tail, prev: id, next });
        self.leaves[id].next = right;
        if next != NONE {
            self.leaves[next].prev = right;
        }
        Some(right)
    }

    /// Adds a child to an inner node. Returns the new node behind it if it had to be split.
    fn insert_in_inner(&mut self, id: u32, index: usize, child: Child) -> Option<u32> {
        let inner = &mut self.inners[id];
        if !inner.is_full() {
            inner.insert(index, child);
            return None;
        }
        let cut = match index {
            CHILDREN => CHILDREN - CHILDREN_AT_END,
            // A new child stands behind the one that split, so a tree that grows at its front adds at 1.
            1 => CHILDREN_AT_END,
            _ => CHILDREN / 2,
        };
        let mut tail = inner.split_off(cut);
        match index <= cut {
            true => inner.insert(index, child),
            false => tail.insert(index - cut, child),
        }
        Some(self.inners.push(tail))
    }

    /// Gives an item that is here another score if its place in its leaf stays the same.
    pub(super) fn rescore(&mut self, records: &Records, place: &Place, score: f64) -> bool {
        let items = &self.leaves[place.leaf].items;
        if place.index == 0 || place.index + 1 >= items.len() {
            return false;
        }
        let member = records.member(items[place.index].handle);
        let stays = compare(records, items[place.index - 1], score, member) == Ordering::Less
            && compare(records, items[place.index + 1], score, member) == Ordering::Greater;
        if stays {
            self.leaves[place.leaf].items[place.index].score = score;
        }
        stays
    }

    /// Gives the member of an item another handle.
    pub(super) fn rename(&mut self, records: &Records, from: Handle, to: Handle) {
        let place = self.place_of(records, records.score(from), records.member(from));
        debug_assert!(self.leaves[place.leaf].items[place.index].handle == from);
        self.leaves[place.leaf].items[place.index].handle = to;
        if place.index > 0 {
            return;
        }
        for &(node, index) in place.path.iter().rev() {
            self.inners[node][index].least.handle = to;
            if index > 0 {
                return;
            }
        }
    }

    /// Removes the items of one leaf that stand in a range of ranks: the first at least, more as far as the leaf goes.
    pub(super) fn remove_run(&mut self, records: &Records, ranks: Range<usize>) -> SmallVec<[Handle; LEAF_ITEMS]> {
        let place = self.place_at(ranks.start);
        let wanted = ranks.len();
        self.remove_at(records, place, wanted)
    }

    /// Removes the item at a place and up to `wanted - 1` that follow it in its leaf.
    pub(super) fn remove_at(
        &mut self,
        records: &Records,
        place: Place,
        wanted: usize,
    ) -> SmallVec<[Handle; LEAF_ITEMS]> {
        let items = &mut self.leaves[place.leaf].items;
        let end = items.len().min(place.index.saturating_add(wanted));
        let removed: SmallVec<_> = items[place.index..end].iter().map(|item| item.handle).collect();
        items.remove(place.index..end);
        let mut freed = Freed::new();
        for (above, &(node, index)) in place.path.iter().rev().enumerate() {
            self.refresh(node, index, above, removed.len());
            let child = self.inners[node][index].node;
            let thin = match above {
                0 => self.leaves[child].items.len() < LEAF_ITEMS / 3,
                _ => self.inners[child].len() < CHILDREN / 3,
            };
            // Only a root has fewer than two children.
            if thin && self.inners[node].len() > 1 {
                self.mend(node, if index > 0 { index - 1 } else { 0 }, above, &mut freed);
            }
        }
        while self.height > 0 && self.inners[self.root].len() == 1 {
            freed.push((self.root, self.height));
            self.root = self.inners[self.root][0].node;
            self.height -= 1;
        }
        self.len -= removed.len();
        self.free(records, freed);
        removed
    }

    /// Corrects what a node knows about a child that lost items. A child that lost all is mended next.
    fn refresh(&mut self, node: u32, index: usize, above: usize, lost: usize) {
        let child = &self.inners[node][index];
        let least = match above {
            0 => self.leaves[child.node].items.first().copied(),
            _ => self.inners[child.node].first().map(|child| child.least),
        };
        let child = &mut self.inners[node][index];
        child.count -= lost as u32;
        child.least = least.unwrap_or(child.least);
    }

    /// Merges two neighbouring children, at `index` and behind it, or shares between them what both hold.
    fn mend(&mut self, node: u32, index: usize, above: usize, freed: &mut Freed) {
        let (left, right) = (self.inners[node][index].node, self.inners[node][index + 1].node);
        let emptied = match above {
            0 => self.mend_leaves(left, right),
            _ => {
                let mut behind = self.inners[right];
                self.inners[left].level_with(&mut behind);
                self.inners[right] = behind;
                behind.is_empty()
            }
        };
        let summary = self.summary(left, above);
        self.inners[node][index] = summary;
        if emptied {
            self.inners[node].remove(index + 1..index + 2);
            freed.push((right, above));
        } else {
            let summary = self.summary(right, above);
            self.inners[node][index + 1] = summary;
        }
    }

    fn mend_leaves(&mut self, left: u32, right: u32) -> bool {
        let mut behind = self.leaves[right];
        self.leaves[left].items.level_with(&mut behind.items);
        self.leaves[right].items = behind.items;
        if !behind.items.is_empty() {
            return false;
        }
        self.leaves[left].next = behind.next;
        if behind.next != NONE {
            self.leaves[behind.next].prev = left;
        }
        true
    }

    /// Takes nodes that left the tree out of their lists.
    fn free(&mut self, records: &Records, mut freed: Freed) {
        while let Some((id, height)) = freed.pop() {
            let last = if height == 0 { self.leaves.len() } else { self.inners.len() } as u32 - 1;
            let kind = |height: usize| height > 0;
            match freed.iter_mut().find(|(other, at)| *other == last && kind(*at) == kind(height)) {
                // The last node left the tree too: it has no references, and takes this one's number.
                Some(other) => other.0 = id,
                None if last != id => self.renumber(records, last, id, height),
                None => {}
            }
            match height {
                0 => drop(self.leaves.swap_remove(id)),
                _ => drop(self.inners.swap_remove(id)),
            }
        }
    }

    /// Makes everything that refers to a node `from` refer to `to`: to a leaf if `height` is 0, else to an inner node.
    fn renumber(&mut self, records: &Records, from: u32, to: u32, height: usize) {
        let least = match height {
            0 => self.leaves[from].items.first().copied(),
            _ => self.inners[from].first().map(|child| child.least),
        };
        if height == 0 {
            let Leaf { prev, next, .. } = self.leaves[from];
            if prev != NONE {
                self.leaves[prev].next = to;
            }
            if next != NONE {
                self.leaves[next].prev = to;
            }
        }
        if from == self.root && (height > 0) == (self.height > 0) {
            self.root = to;
            return;
        }
        let least = least.expect("only a root may be empty");
        let place = self.place_of(records, least.score, records.member(least.handle));
        let inner_above = |&&(node, index): &&(u32, usize)| self.inners[node][index].node == from;
        // An inner node's number may be a leaf's too, so the kind of child decides first.
        let parent = match height {
            0 => place.path.last().filter(inner_above),
            _ => place.path.iter().rev().skip(1).find(inner_above),
        };
        let &(node, index) = parent.expect("every node but the root has a parent");
        self.inners[node][index].node = to;
    }

    /// Frees some nodes; the tree is void from then on. Returns what that weighs in elements: 0 when nothing is left.
    pub(super) fn free_piece(&mut self) -> usize {
        let freed = self.leaves.take_chunk().is_some() || self.inners.take_chunk().is_some();
        if freed { CHUNK_WEIGHT } else { 0 }
    }
}

/// A walk up the order.
pub(super) struct Ascending<'a> {
    tree: &'a Tree,
    leaf: u32,
    index: usize,
}

impl Iterator for Ascending<'_> {
    type Item = Item;

    #[inline]
    fn next(&mut self) -> Option<Item> {
        loop {
            if self.leaf == NONE {
                return None;
            }
            let leaf = &self.tree.leaves[self.leaf];
            if let Some(&item) = leaf.items.get(self.index) {
                self.index += 1;
                return Some(item);
            }
            (self.leaf, self.index) = (leaf.next, 0);
        }
    }
}

/// A walk down the order.
pub(super) struct Descending<'a> {
    tree: &'a Tree,
    leaf: u32,
    index: usize,
}

impl Iterator for Descending<'_> {
    type Item = Item;

    #[inline]
    fn next(&mut self) -> Option<Item> {
        while self.index == 0 {
            let prev = self.tree.leaves[self.leaf].prev;
            if prev == NONE {
                return None;
            }
            (self.leaf, self.index) = (prev, self.tree.leaves[prev].items.len());
        }
        self.index -= 1;
        Some(self.tree.leaves[self.leaf].items[self.index])
    }
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
