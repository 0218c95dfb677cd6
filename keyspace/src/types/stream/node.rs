//! A node of a stream: some entries that follow one another, in one allocation.
//!
//! The fields of a node's first entry stand before the entries, and an entry with the same fields has only their values. An id
//! is kept as its distance from the first one. A deleted entry stays, with a mark, until all are: Redis counts deleted entries
//! when it decides whether a node is full, and keeps them, so what XTRIM and XINFO tell depends on them.
//!
//! ```text
//! node      field* entry*
//! entry     length flags ms seq [count] (value* or (field value)*) length
//! flags     1: deleted; 2: the fields are the node's
//! ms        distance from the node's first id
//! seq       the number itself, or with the same ms the distance from the first id's
//! length    of what stands between both; a varint, the second one read from its end
//! field     head and data of a packed element
//! ```

use crate::args::Args;
use crate::packed::{Element, Encoded, LISTPACK_FRAME_BYTES};

use super::id::StreamId;

const DELETED: u8 = 1;
const SAME_FIELDS: u8 = 2;

/// The most bytes that fields and values of one entry may have, and that a node may have before it takes no more: Redis's bound
/// of a listpack.
pub const BYTES_MAX: usize = 1 << 30;

/// The bytes of a node, and what is counted of them.
#[derive(Clone)]
pub struct Node {
    bytes: Vec<u8>,
    /// Number of fields before the entries.
    fields: u32,
    /// Bytes of these fields.
    fields_bytes: u32,
    /// Entries that are not deleted.
    live: u32,
    /// Entries that are.
    deleted: u32,
    /// What the node would have as a listpack, without its two counts.
    listpack: u32,
}

/// One entry of a node.
#[derive(Clone, Copy)]
pub struct EntryRef<'a> {
    /// Its id.
    pub id: StreamId,
    /// True if it is deleted.
    pub deleted: bool,
    /// Number of fields with values.
    pub len: usize,
    /// The node's fields, if they are the entry's.
    shared: Option<&'a [u8]>,
    /// Values, or fields and values in turn.
    elements: &'a [u8],
    /// Where the flags stand in the node.
    flags_at: usize,
}

/// Whose the fields of an entry are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldsOf {
    /// Its node's, which it does not repeat.
    Node,
    /// Its own.
    Entry,
}

impl<'a> EntryRef<'a> {
    /// Whose its fields are.
    pub fn fields_of(&self) -> FieldsOf {
        if self.shared.is_some() { FieldsOf::Node } else { FieldsOf::Entry }
    }

    /// Fields and values in order.
    pub fn pairs(&self) -> impl Iterator<Item = (Element<'a>, Element<'a>)> + use<'a> {
        let (mut shared, mut elements) = (self.shared, self.elements);
        (0..self.len).map(move |_| {
            let field = take(shared.as_mut().unwrap_or(&mut elements));
            (field, take(&mut elements))
        })
    }
}

/// Takes the first element off.
#[inline]
fn take<'a>(elements: &mut &'a [u8]) -> Element<'a> {
    let (element, len) = Element::read(elements);
    *elements = &elements[len..];
    element
}

/// Appends a number: 7 bits per byte, the lowest first, the upper bit set while more follow.
#[inline]
fn push_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// The number that `bytes` begin with, and how many bytes it takes.
#[inline]
fn varint(bytes: &[u8]) -> (u64, usize) {
    if bytes[0] < 0x80 {
        return (u64::from(bytes[0]), 1);
    }
    let (mut value, mut taken) = (0, 0);
    for &byte in bytes {
        value |= u64::from(byte & 0x7f) << (7 * taken);
        taken += 1;
        if byte < 0x80 {
            break;
        }
    }
    (value, taken)
}

/// The number that `bytes` end with, its own bytes in reverse, and how many it takes.
#[inline]
fn varint_before(bytes: &[u8]) -> (u64, usize) {
    let (mut value, mut taken) = (0, 0);
    for &byte in bytes.iter().rev() {
        value |= u64::from(byte & 0x7f) << (7 * taken);
        taken += 1;
        if byte < 0x80 {
            break;
        }
    }
    (value, taken)
}

/// Bytes of an integer in a listpack.
#[inline]
fn integer_bytes(value: i64) -> usize {
    Encoded::int(value).stored_len()
}

/// Appends an element without its back length. Returns the bytes that it has in a listpack.
fn push_element(bytes: &mut Vec<u8>, element: Element) -> u32 {
    let encoded = Encoded::element(element);
    bytes.extend_from_slice(encoded.head());
    bytes.extend_from_slice(encoded.data());
    encoded.stored_len() as u32
}

impl Node {
    /// A node of one entry, whose fields become the node's. `pairs` are fields and values in turn; `room` is how many bytes it
    /// will probably have.
    pub fn new(id: StreamId, pairs: Args, room: usize) -> Node {
        let fields = pairs.len() / 2;
        let mut node = Node {
            bytes: Vec::with_capacity(room),
            fields: fields as u32,
            fields_bytes: 0,
            live: 0,
            deleted: 0,
            listpack: (LISTPACK_FRAME_BYTES + integer_bytes(fields as i64) + integer_bytes(0)) as u32,
        };
        for index in (0..pairs.len()).step_by(2) {
            node.listpack += push_element(&mut node.bytes, Element::of(pairs.at(index)));
        }
        node.fields_bytes = node.bytes.len() as u32;
        node.push(id, id, pairs);
        node
    }

    /// Entries that are not deleted.
    pub fn live(&self) -> u64 {
        u64::from(self.live)
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Bytes in use.
    pub fn used_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes that it would have as a listpack.
    pub fn listpack_bytes(&self) -> usize {
        self.listpack as usize + integer_bytes(i64::from(self.live)) + integer_bytes(i64::from(self.deleted))
    }

    /// True if an entry of `added` bytes belongs into a new node. Limits of 0 are none.
    pub fn is_full(&self, added: usize, bytes_max: usize, entries_max: usize) -> bool {
        let bytes_max = if bytes_max == 0 { BYTES_MAX } else { bytes_max.min(BYTES_MAX) };
        let entries = self.live as usize + self.deleted as usize;
        self.listpack_bytes() + added >= bytes_max || entries_max > 0 && entries >= entries_max
    }

    /// Gives back the room that is left: no entry will be added.
    pub fn finish(&mut self) {
        if self.bytes.capacity() - self.bytes.len() > self.bytes.len() / 16 {
            self.bytes.shrink_to_fit();
        }
    }

    fn has_fields(&self, pairs: Args) -> bool {
        if pairs.len() / 2 != self.fields as usize {
            return false;
        }
        let mut known = &self.bytes[..self.fields_bytes as usize];
        (0..pairs.len()).step_by(2).all(|index| {
            let field = Encoded::of(pairs.at(index));
            let same = field.starts(known);
            known = if same { &known[field.head().len() + field.data().len()..] } else { known };
            same
        })
    }

    /// A node without entries, whose entries need not repeat these fields.
    pub fn with_fields<'e>(fields: impl Iterator<Item = Element<'e>>) -> Node {
        let mut node = Node { bytes: Vec::new(), fields: 0, fields_bytes: 0, live: 0, deleted: 0, listpack: 0 };
        for field in fields {
            node.listpack += push_element(&mut node.bytes, field);
            node.fields += 1;
        }
        node.fields_bytes = node.bytes.len() as u32;
        node.listpack += (LISTPACK_FRAME_BYTES + integer_bytes(i64::from(node.fields)) + integer_bytes(0)) as u32;
        node
    }

    /// The fields that its entries need not repeat.
    pub fn fields(&self) -> impl Iterator<Item = Element<'_>> {
        let mut rest = &self.bytes[..self.fields_bytes as usize];
        (0..self.fields).map(move |_| take(&mut rest))
    }

    /// Adds an entry behind all others. `first` is the id of the node's first one.
    pub fn push(&mut self, first: StreamId, id: StreamId, pairs: Args) {
        let of = |index| Element::of(pairs.at(index));
        match self.has_fields(pairs) {
            true => {
                let values = (1..pairs.len()).step_by(2).map(of);
                self.push_elements(first, id, FieldsOf::Node, pairs.len() / 2, values);
            }
            false => self.push_elements(first, id, FieldsOf::Entry, pairs.len() / 2, (0..pairs.len()).map(of)),
        }
    }

    /// Adds an entry behind all others: `count` values where its fields are the node's, or else as many fields and values in turn.
    pub fn push_elements<'e>(
        &mut self,
        first: StreamId,
        id: StreamId,
        fields: FieldsOf,
        count: usize,
        elements: impl Iterator<Item = Element<'e>>,
    ) {
        let same = fields == FieldsOf::Node;
        let (count, flags) = (count as i64, if same { SAME_FIELDS } else { 0 });
        let (ms, seq) = (id.ms.wrapping_sub(first.ms), id.seq.wrapping_sub(first.seq));
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0, flags]);
        push_varint(&mut self.bytes, ms);
        push_varint(&mut self.bytes, if ms == 0 { seq } else { id.seq });
        let pieces = if same { count + 3 } else { 2 * count + 4 };
        let numbers = [i64::from(flags), ms as i64, seq as i64, pieces];
        self.listpack += numbers.iter().map(|&number| integer_bytes(number) as u32).sum::<u32>();
        if !same {
            push_varint(&mut self.bytes, count as u64);
            self.listpack += integer_bytes(count) as u32;
        }
        for element in elements {
            self.listpack += push_element(&mut self.bytes, element);
        }
        self.enclose(start);
        self.live += 1;
    }

    /// Writes both lengths of the entry whose first length stands at `start`, with room for one byte.
    fn enclose(&mut self, start: usize) {
        let len = self.bytes.len() - start - 1;
        if len <= 0x7f {
            self.bytes[start] = len as u8;
            self.bytes.push(len as u8);
            return;
        }
        let mut length = Vec::new();
        push_varint(&mut length, len as u64);
        self.bytes.splice(start..start + 1, length.iter().copied());
        self.bytes.extend(length.iter().rev());
    }

    /// Decodes the entry at `at`; also tells where the next one begins.
    fn entry(&self, first: StreamId, at: usize) -> (EntryRef<'_>, usize) {
        let (len, taken) = varint(&self.bytes[at..]);
        let flags_at = at + taken;
        let end = flags_at + len as usize;
        let body = &self.bytes[flags_at..end];
        let (ms, ms_len) = varint(&body[1..]);
        let (seq, seq_len) = varint(&body[1 + ms_len..]);
        let mut elements = &body[1 + ms_len + seq_len..];
        let (mut count, mut shared) = (self.fields as usize, None);
        if body[0] & SAME_FIELDS != 0 {
            shared = Some(&self.bytes[..self.fields_bytes as usize]);
        } else {
            let (fields, taken) = varint(elements);
            (count, elements) = (fields as usize, &elements[taken..]);
        }
        let seq = if ms == 0 { first.seq.wrapping_add(seq) } else { seq };
        let id = StreamId { ms: first.ms.wrapping_add(ms), seq };
        (EntryRef { id, deleted: body[0] & DELETED != 0, len: count, shared, elements, flags_at }, end + taken)
    }

    /// All entries in order, deleted ones included.
    pub fn entries(&self, first: StreamId) -> Entries<'_> {
        Entries { node: self, first, front: self.fields_bytes as usize, back: self.bytes.len() }
    }

    /// Marks an entry as deleted.
    pub fn delete(&mut self, mark: Mark) {
        self.bytes[mark.0] |= DELETED;
        self.live -= 1;
        self.deleted += 1;
    }
}

/// Which entry of a node to mark.
#[derive(Clone, Copy)]
pub struct Mark(usize);

impl EntryRef<'_> {
    /// How the entry's node knows it.
    pub fn mark(&self) -> Mark {
        Mark(self.flags_at)
    }
}

/// The entries of a node, from both ends.
#[derive(Clone)]
pub struct Entries<'a> {
    node: &'a Node,
    first: StreamId,
    front: usize,
    back: usize,
}

impl<'a> Iterator for Entries<'a> {
    type Item = EntryRef<'a>;

    fn next(&mut self) -> Option<EntryRef<'a>> {
        if self.front >= self.back {
            return None;
        }
        let (entry, next) = self.node.entry(self.first, self.front);
        self.front = next;
        Some(entry)
    }
}

impl DoubleEndedIterator for Entries<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        let (len, taken) = varint_before(&self.node.bytes[self.front..self.back]);
        self.back -= len as usize + 2 * taken;
        Some(self.node.entry(self.first, self.back).0)
    }
}
