//! The structures of large collections, one file each, and what all of them can do.
//!
//! A small collection is bytes in its entry (`packed`, `intset`). When it passes a limit of the settings it becomes an `Object`,
//! and stays one; only a list becomes bytes again. Every structure knows its bytes without counting them, and can be taken apart
//! in pieces, so that no turn of a core is longer because something large is dropped.

pub mod fields;
pub mod hash;
pub mod kind;
pub mod list;
pub mod nodes;
pub mod scored;
pub mod selection;
pub mod set;
pub mod sorted_set;
pub mod stream;

use crate::hash::KeyHasher;

use fields::Fields;
use kind::Kind;
use nodes::Nodes;
use sorted_set::SortedSet;
use stream::Stream;

/// A large collection.
pub enum Object {
    /// A list: nodes of items.
    List(Nodes),
    /// A hash: fields with values.
    Hash(Fields),
    /// A set: members, which are fields without values.
    Set(Fields),
    /// Members with scores; boxed, as it is much larger than the others.
    SortedSet(Box<SortedSet>),
    /// A stream.
    Stream(Box<Stream>),
}

impl Object {
    /// The kind of value that it is.
    pub fn kind(&self) -> Kind {
        match self {
            Object::List(_) => Kind::List,
            Object::Hash(_) => Kind::Hash,
            Object::Set(_) => Kind::Set,
            Object::SortedSet(_) => Kind::SortedSet,
            Object::Stream(_) => Kind::Stream,
        }
    }

    /// The fields of a hash.
    #[inline]
    pub fn fields(&self) -> Option<&Fields> {
        match self {
            Object::Hash(fields) => Some(fields),
            _ => None,
        }
    }

    /// The name of its encoding, as OBJECT ENCODING tells it.
    pub fn encoding_name(&self) -> &'static str {
        match self {
            Object::List(_) => "quicklist",
            Object::Hash(_) | Object::Set(_) => "hashtable",
            Object::SortedSet(_) => "skiplist",
            Object::Stream(_) => "stream",
        }
    }

    /// Bytes that it holds on the heap, its own size not included. O(1).
    #[inline]
    pub fn heap_bytes(&self) -> usize {
        match self {
            Object::List(nodes) => nodes.heap_bytes(),
            Object::Hash(fields) | Object::Set(fields) => fields.heap_bytes(),
            Object::SortedSet(set) => size_of::<SortedSet>() + set.heap_bytes(),
            Object::Stream(stream) => size_of::<Stream>() + stream.heap_bytes(),
        }
    }

    /// Fetches where an element with this hash is looked up first, if this is a hash, a set or a sorted set.
    #[inline]
    pub(crate) fn prefetch_line(&self, hash: u64) {
        match self {
            Object::Hash(fields) | Object::Set(fields) => fields.prefetch_line(hash),
            Object::SortedSet(set) => set.prefetch_line(hash),
            Object::List(_) | Object::Stream(_) => {}
        }
    }

    /// Fetches an element that probably has this hash.
    #[inline]
    pub(crate) fn prefetch_element(&self, hash: u64) {
        match self {
            Object::Hash(fields) | Object::Set(fields) => fields.prefetch_field(hash),
            Object::SortedSet(set) => set.prefetch_member(hash),
            Object::List(_) | Object::Stream(_) => {}
        }
    }

    /// Frees a part of it: `elements` of them or a few more. Returns how many; fewer than that when nothing is left. It is good
    /// for nothing else from then on, but knows its bytes.
    pub fn free_piece(&mut self, elements: usize) -> usize {
        match self {
            Object::List(nodes) => nodes.free_piece(elements),
            Object::Hash(fields) | Object::Set(fields) => fields.free_piece(elements),
            Object::SortedSet(set) => set.free_piece(elements),
            Object::Stream(stream) => stream.free_piece(elements),
        }
    }

    /// A copy of it with all its elements. O(n).
    pub fn duplicate(&self, hasher: &KeyHasher) -> Object {
        match self {
            Object::List(nodes) => Object::List(nodes.duplicate()),
            Object::Hash(fields) => Object::Hash(fields.duplicate(hasher)),
            Object::Set(fields) => Object::Set(fields.duplicate(hasher)),
            Object::SortedSet(set) => Object::SortedSet(Box::new(set.duplicate(hasher))),
            Object::Stream(stream) => Object::Stream(stream.clone()),
        }
    }
}
