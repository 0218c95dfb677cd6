//! A list as its entry keeps it: packed while it is small, packed nodes when it is large.
//!
//! Commands see neither form: they read a `List` and change a `ListMut`, which makes nodes of a list that passes the limit, and
//! makes it packed again when it has one node that is half as large: a list that is filled and emptied is as small as before.

use std::ops::ControlFlow;

use evict::access::AccessBits;
use smallvec::SmallVec;

use crate::entry::{Entry, INLINE_BYTES_MAX};
use crate::limits::NodeLimit;
use crate::packed::{self, Element, Encoded, Packed, PackedMut};

use super::Object;
use super::kind::{Form, Kind};
use super::nodes::{End, Nodes, equal_to, remove_at_end};

/// Items of one push that need no allocation.
const AT_ONCE: usize = 4;

/// The entry of a key with a list that has no items yet.
pub fn empty(key: &[u8], access: AccessBits) -> Entry {
    Entry::packed(key, Kind::List, Form::Packed, packed::EMPTY, access)
}

/// The entry of a key with a list that was made at once. It is packed if it has one node and keeps to the limit of its nodes.
pub fn made(key: &[u8], nodes: Nodes, access: AccessBits) -> Entry {
    let limit = nodes.limit();
    match nodes.only_node().filter(|node| limit.allows_packed(node.listpack_bytes(), node.len())) {
        Some(node) => Entry::packed(key, Kind::List, Form::Packed, node.bytes(), access),
        None => Entry::large(key, Box::new(Object::List(nodes)), access),
    }
}

/// A list, to read.
#[derive(Clone, Copy)]
pub enum List<'a> {
    /// Its items.
    Packed(Packed<'a>),
    /// Nodes of them.
    Large(&'a Nodes),
}

impl<'a> List<'a> {
    /// The list of an entry of that kind.
    #[inline]
    pub fn of(entry: &'a Entry) -> List<'a> {
        debug_assert!(entry.kind() == Kind::List);
        match entry.object() {
            Some(Object::List(nodes)) => List::Large(nodes),
            _ => List::Packed(Packed::new(entry.value())),
        }
    }

    /// Number of items.
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            List::Packed(packed) => packed.len(),
            List::Large(nodes) => nodes.len(),
        }
    }

    /// True without items, which no stored list is.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The item at an index.
    #[inline]
    pub fn get(&self, index: usize) -> Option<Element<'a>> {
        match self {
            List::Packed(packed) => packed.seek(i64::try_from(index).ok()?).map(|at| packed.get(at)),
            List::Large(nodes) => nodes.get(index),
        }
    }

    /// The item at an end.
    #[inline]
    pub fn end(&self, end: End) -> Option<Element<'a>> {
        match (end, self) {
            (End::Head, _) => self.get(0),
            (End::Tail, List::Packed(packed)) => packed.last().map(|at| packed.get(at)),
            (End::Tail, List::Large(nodes)) => nodes.get(nodes.len().checked_sub(1)?),
        }
    }

    /// Visits `count` items from that at `start` on, or as many as there are.
    #[inline]
    pub fn for_range(&self, start: usize, mut count: usize, mut visit: impl FnMut(Element<'a>)) {
        match self {
            List::Packed(packed) => visit_some(packed, start, count, &mut visit),
            List::Large(nodes) => {
                let (nodes, mut from) = nodes.nodes_from(start);
                for node in nodes {
                    visit_some(&node, from, count, &mut visit);
                    count = count.saturating_sub(node.len() - from);
                    from = 0;
                    if count == 0 {
                        return;
                    }
                }
            }
        }
    }

    /// Visits the last `count` items, the last one first.
    #[inline]
    pub fn last(&self, mut count: usize, mut visit: impl FnMut(Element<'a>)) {
        self.walk(End::Tail, |item| {
            if count == 0 {
                return ControlFlow::Break(());
            }
            count -= 1;
            visit(item);
            ControlFlow::Continue(())
        });
    }

    /// Visits the items from an end on until `visit` says that it is enough.
    #[inline]
    pub fn walk(&self, from: End, mut visit: impl FnMut(Element<'a>) -> ControlFlow<()>) {
        let mut some = |packed: Packed<'a>| match from {
            End::Head => packed.iter().try_for_each(&mut visit),
            End::Tail => packed.iter().rev().try_for_each(&mut visit),
        };
        let _ = match (self, from) {
            (List::Packed(packed), _) => some(*packed),
            (List::Large(nodes), End::Head) => nodes.nodes().try_for_each(some),
            (List::Large(nodes), End::Tail) => nodes.nodes().rev().try_for_each(some),
        };
    }
}

/// Visits `count` items from that at `from` on, or as many as there are.
#[inline]
fn visit_some<'a>(packed: &Packed<'a>, from: usize, count: usize, visit: &mut impl FnMut(Element<'a>)) {
    if let Some(at) = packed.seek(from as i64) {
        packed.range(at, packed.end()).take(count).for_each(visit);
    }
}

/// A list, to change.
pub struct ListMut<'a> {
    entry: &'a mut Entry,
    limit: NodeLimit,
}

impl<'a> ListMut<'a> {
    /// The list of an entry of that kind, which is to stay packed within `limit`.
    #[inline]
    pub fn of(entry: &'a mut Entry, limit: NodeLimit) -> ListMut<'a> {
        debug_assert!(entry.kind() == Kind::List);
        ListMut { entry, limit }
    }

    /// The list, to read.
    #[inline]
    pub fn as_list(&self) -> List<'_> {
        List::of(self.entry)
    }

    /// Adds items at an end, one after the other.
    #[inline]
    pub fn push<'t>(&mut self, end: End, items: impl ExactSizeIterator<Item = &'t [u8]> + Clone) {
        self.make_room(items.len(), items.clone().map(<[u8]>::len).sum());
        if let Some(Object::List(nodes)) = self.entry.object_mut() {
            return items.for_each(|item| nodes.push(end, &Encoded::of(item)));
        }
        let mut encoded: SmallVec<[Encoded; AT_ONCE]> = items.map(Encoded::of).collect();
        let mut packed = PackedMut::new(self.entry);
        match end {
            End::Head => {
                encoded.reverse();
                packed.push_front(&encoded);
            }
            End::Tail => packed.push_back(&encoded),
        }
    }

    /// Makes nodes of the list if so many more items pass the limit, by the bytes of their texts.
    #[inline]
    pub fn make_room(&mut self, items: usize, bytes: usize) {
        if self.entry.is_large() {
            return;
        }
        let packed = Packed::new(self.entry.value());
        if !self.limit.allows(packed.listpack_bytes().saturating_add(bytes), packed.len().saturating_add(items)) {
            self.enlarge();
        }
    }

    /// Makes a packed list one of nodes.
    #[cold]
    fn enlarge(&mut self) {
        let mut nodes = Nodes::new(self.limit);
        nodes.push_packed(std::mem::take(self.entry.boxed_mut()));
        self.entry.set_object(Box::new(Object::List(nodes)));
    }

    /// Makes the list packed again if it is small. To be called when items are gone.
    #[inline]
    pub fn settle(&mut self) {
        let Some(Object::List(nodes)) = self.entry.object() else { return };
        let small = |node: Packed| self.limit.allows_packed_again(node.listpack_bytes(), node.len());
        if nodes.only_node().is_some_and(small) {
            self.reduce();
        }
    }

    #[cold]
    fn reduce(&mut self) {
        let Some(object) = self.entry.take_object() else { return };
        if let Object::List(nodes) = *object {
            let bytes = nodes.into_packed();
            if bytes.len() <= INLINE_BYTES_MAX {
                return self.entry.set_packed(Kind::List, Form::Packed, &bytes);
            }
            // A single item may be very long: it changes hands.
            self.entry.set_packed(Kind::List, Form::Packed, packed::EMPTY);
            *self.entry.boxed_mut() = bytes;
        }
    }

    /// Puts an item before the one at `pivot` (`End::Head`) or behind it. The pivot is there.
    pub fn insert(&mut self, pivot: usize, side: End, item: &[u8]) {
        let item = Encoded::of(item);
        if let Some(Object::List(nodes)) = self.entry.object_mut() {
            return nodes.insert(pivot, side, &item);
        }
        let mut packed = PackedMut::new(self.entry);
        let view = packed.as_packed();
        let index = if side == End::Head { pivot } else { pivot + 1 };
        let at = view.seek(index as i64).unwrap_or(view.end());
        packed.insert(at, &[item]);
    }

    /// Puts an item in the place of that at `index`; false if there is none.
    pub fn set(&mut self, index: usize, item: &[u8]) -> bool {
        let item = Encoded::of(item);
        if let Some(Object::List(nodes)) = self.entry.object_mut() {
            let found = index < nodes.len();
            if found {
                nodes.set(index, &item);
            }
            return found;
        }
        let mut packed = PackedMut::new(self.entry);
        let found = i64::try_from(index).ok().and_then(|index| packed.as_packed().seek(index));
        if let Some(at) = found {
            packed.set(at, &item);
        }
        found.is_some()
    }

    /// Takes out `count` items at an end. Returns what is too much to be freed at once, if it is.
    #[inline]
    pub fn remove(&mut self, end: End, count: usize) -> Option<Box<Object>> {
        if let Some(Object::List(nodes)) = self.entry.object_mut() {
            let gone = nodes.remove(end, count);
            return (!gone.is_empty()).then(|| Box::new(Object::List(gone)));
        }
        let mut packed = PackedMut::new(self.entry);
        let items = packed.as_packed().len();
        remove_at_end(&mut packed, end, items, count);
        None
    }

    /// Takes out the items that equal `item`, at most `count` of them, the first ones from `end` on. Returns how many. O(n).
    pub fn remove_equal(&mut self, end: End, item: &[u8], count: usize) -> usize {
        let item = Encoded::of(item);
        if let Some(Object::List(nodes)) = self.entry.object_mut() {
            return nodes.remove_equal(end, &item, count);
        }
        let mut packed = PackedMut::new(self.entry);
        let places = equal_to(&packed.as_packed(), end, &item, count);
        packed.remove_each(&places);
        places.len()
    }
}

#[cfg(test)]
#[path = "list_tests.rs"]
mod tests;
