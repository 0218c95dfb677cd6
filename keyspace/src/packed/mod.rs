//! The packed form of small collections: byte strings one behind the other, walked in both directions.
//!
//! A collection of few short elements is read as fast by walking as by any index, and costs a byte or two per element instead of
//! an allocation. What the elements mean is the family's business: a list's items, a set's members, a hash's fields and values in
//! turn, a sorted set's members and scores.
//!
//! ```text
//! packed    count (u16, little-endian; 0xffff: walk to know) element*
//! element   head data back
//! head      0x00..=0x7f               an integer, 0 to 127
//!           0x80..=0xbf               a string of up to 63 bytes
//!           0xc0..=0xdf, u8           an integer, -4,096 to 4,095
//!           0xe0..=0xef, u8           a string of up to 4,095 bytes
//!           0xf0, u32                 a longer string
//!           0xf1 0xf2 0xf3 0xf4       an integer of 2, 3, 4 or 8 bytes, little-endian
//! back      the length of head and data: 7 bits per byte, the lowest in the last byte, the upper bit set while more stand before
//! ```
//!
//! The elements are those of Redis's listpack, byte for byte. Limits that Redis states in bytes of a listpack are met by the same
//! elements here, and what DUMP writes of a packed collection is a copy of it in another frame, a sorted set's scores excepted.
//!
//! A string that is the canonical decimal form of an `i64` is stored as an integer and comes back as the same text, and every
//! length and integer takes the shortest form. So every string has exactly one encoding, and looking for one compares encoded
//! bytes. The exception are scores that are stored as the eight bytes of a double: a string, even where the bytes are digits. Nobody
//! looks for those. The bytes are ours alone: nothing that came from outside is ever read as packed without having been built here.

mod builder;
mod editor;
mod element;
mod gapped;
mod reader;

pub use builder::Builder;
pub use editor::PackedMut;
pub(crate) use element::Back;
pub use element::{Element, Encoded};
pub use gapped::Gapped;
pub use reader::{Iter, Offset, Packed};

use std::ops::Range;

/// Bytes of a packed collection without elements.
pub const EMPTY: &[u8] = &[0, 0];

/// Bytes that a listpack has beside its elements: a header of 6 and an end mark.
pub const LISTPACK_FRAME_BYTES: usize = 7;

/// Bytes that can be edited in place: a `Vec`, bytes with room at both ends, or the payload of an entry.
pub trait ByteStore {
    /// The bytes.
    fn bytes(&self) -> &[u8];

    /// The bytes, to overwrite.
    fn bytes_mut(&mut self) -> &mut [u8];

    /// Puts the bytes of all `pieces` in the place of `range`, which lies within the bytes. Cost: O(bytes behind the range).
    fn replace(&mut self, range: Range<usize>, pieces: &[&[u8]]);
}

impl ByteStore for Vec<u8> {
    #[inline]
    fn bytes(&self) -> &[u8] {
        self
    }

    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        self
    }

    fn replace(&mut self, range: Range<usize>, pieces: &[&[u8]]) {
        let added: usize = pieces.iter().map(|piece| piece.len()).sum();
        let before = self.len();
        let after = before - range.len() + added;
        if after > self.capacity() {
            self.reserve_exact(after + spare(after) - before);
        }
        if range.end == before {
            self.truncate(range.start);
            pieces.iter().for_each(|piece| self.extend_from_slice(piece));
        } else {
            self.resize(before.max(after), 0);
            self.copy_within(range.end..before, range.start + added);
            self.truncate(after);
            fill(&mut self[range.start..], pieces);
        }
        if self.capacity() > 2 * after + SPARE_BYTES_MIN {
            self.shrink_to(after + spare(after));
        }
    }
}

/// The least room to grow in.
const SPARE_BYTES_MIN: usize = 16;

/// Room beside `len` bytes for what comes next: little, since packed collections are many.
fn spare(len: usize) -> usize {
    (len / 8).max(SPARE_BYTES_MIN)
}

/// Writes pieces one behind the other.
fn fill(mut room: &mut [u8], pieces: &[&[u8]]) {
    for piece in pieces {
        let (here, rest) = room.split_at_mut(piece.len());
        here.copy_from_slice(piece);
        room = rest;
    }
}

#[cfg(test)]
mod tests;
