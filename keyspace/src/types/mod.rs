//! The structures of large collections, one file each, and what all of them can do.
//!
//! A small collection is bytes in its entry (`packed`, `intset`). When it passes a limit of the settings it becomes an `Object`,
//! and stays one. Every structure knows its bytes without counting them, and can be taken apart in pieces, so that no turn of a
//! core is longer because something large is dropped.

pub mod fields;
pub mod hash;
pub mod kind;
pub mod stream;

use crate::hash::KeyHasher;

use fields::Fields;
use kind::Kind;
use stream::Stream;

/// A large collection.
pub enum Object {
    /// A hash: fields with values.
    Hash(Fields),
    /// A set: members, which are fields without values.
    Set(Fields),
    /// A stream.
    Stream(Box<Stream>),
}

impl Object {
    /// The kind of value that it is.
    pub fn kind(&self) -> Kind {
        match self {
            Object::Hash(_) => Kind::Hash,
            Object::Set(_) => Kind::Set,
            Object::Stream(_) => Kind::Stream,
        }
    }

    /// The name of its encoding, as OBJECT ENCODING tells it.
    pub fn encoding_name(&self) -> &'static str {
        match self {
            Object::Hash(_) | Object::Set(_) => "hashtable",
            Object::Stream(_) => "stream",
        }
    }

    /// Bytes that it holds on the heap, its own size not included. O(1).
    #[inline]
    pub fn heap_bytes(&self) -> usize {
        match self {
            Object::Hash(fields) | Object::Set(fields) => fields.heap_bytes(),
            Object::Stream(stream) => size_of::<Stream>() + stream.heap_bytes(),
        }
    }

    /// Frees a part of it: `elements` of them or a few more. Returns how many; fewer than that when nothing is left. It is good
    /// for nothing else from then on.
    pub fn free_piece(&mut self, elements: usize) -> usize {
        match self {
            Object::Hash(fields) | Object::Set(fields) => fields.free_piece(elements),
            Object::Stream(stream) => stream.free_piece(elements),
        }
    }

    /// A copy of it with all its elements. O(n).
    pub fn duplicate(&self, hasher: &KeyHasher) -> Object {
        match self {
            Object::Hash(fields) => Object::Hash(fields.duplicate(hasher)),
            Object::Set(fields) => Object::Set(fields.duplicate(hasher)),
            Object::Stream(stream) => Object::Stream(stream.clone()),
        }
    }
}
