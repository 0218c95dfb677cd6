//! The node of a stream: one listpack of entries that share a base id and, where they can, their fields' names.
//!
//! ```text
//! live entries, deleted entries, n, n field names, 0               all of them elements
//!
//! each entry: flags, ms - base ms, seq - base seq, then
//!   with SAME_FIELDS: n values
//!   else: m, m times field and value
//! and last the number of its elements before this one
//! ```

use super::Corrupt;
use super::element::Element;
use super::listpack::{self, Elements};
use super::stream::{StreamId, StreamSink};
use crate::packed::{Builder, Packed};

/// The entry is deleted.
const DELETED: i64 = 1;
/// The entry's fields are the node's.
const SAME_FIELDS: i64 = 2;

/// Reads the node at `base`: the sink is handed the entries that are not deleted, in ascending order and all above `last`,
/// which becomes the last of them. Returns how many there were.
pub(super) fn read(
    base: StreamId,
    listpack: &[u8],
    last: &mut Option<StreamId>,
    sink: &mut impl StreamSink,
) -> Result<u64, Corrupt> {
    let mut elements = Elements::of(listpack)?;
    let (live, deleted) = (elements.unsigned()?, elements.unsigned()?);
    let width = elements.unsigned()?;
    let names = Names { elements: elements.clone(), left: width };
    for _ in 0..width {
        elements.one()?;
    }
    if elements.integer()? != 0 {
        return Err(Corrupt("a stream's node has no end of its field names"));
    }
    if live > 0 {
        if last.is_some_and(|last| last >= base) {
            return Err(Corrupt("a stream's nodes are not in order"));
        }
        sink.node(base, names.clone())?;
    }
    let (mut live_left, mut deleted_left) = (live, deleted);
    while let Some(flags) = elements.next() {
        let flags = flags?.as_int().ok_or(Corrupt("an entry's flags are not an integer"))?;
        if flags & !(DELETED | SAME_FIELDS) != 0 {
            return Err(Corrupt("an entry's flags are unknown"));
        }
        // A difference is told modulo 2^64: both sides are unsigned.
        let ms = base.ms.wrapping_add(elements.integer()? as u64);
        let id = StreamId { ms, seq: base.seq.wrapping_add(elements.integer()? as u64) };
        let fields;
        (fields, elements) = read_fields(elements, (flags & SAME_FIELDS != 0).then_some(&names))?;
        let left = if flags & DELETED == 0 { &mut live_left } else { &mut deleted_left };
        *left = left.checked_sub(1).ok_or(Corrupt("a stream's node has more entries than announced"))?;
        if flags & DELETED == 0 {
            // Redis can set a stream's last id back behind entries that are deleted, so those may be out of order.
            if id < base || last.replace(id).is_some_and(|last| last >= id) {
                return Err(Corrupt("a stream's entries are not in order"));
            }
            sink.entry(id, fields)?;
        }
    }
    if live_left != 0 || deleted_left != 0 {
        return Err(Corrupt("a stream's node has fewer entries than announced"));
    }
    Ok(live)
}

/// The fields of an entry that goes on at `elements`, checked to the last, and what follows the entry.
fn read_fields<'a>(
    mut elements: Elements<'a>,
    names: Option<&Names<'a>>,
) -> Result<(Fields<'a>, Elements<'a>), Corrupt> {
    let count = match names {
        Some(names) => names.left,
        None => elements.unsigned()?,
    };
    if count == 0 {
        return Err(Corrupt("an entry without fields"));
    }
    let fields = Fields { names: names.cloned(), elements, left: count };
    let mut rest = fields.clone();
    for field in &mut rest {
        field?;
    }
    // Flags and the two parts of the id, then the values, or a number and pairs.
    let expected =
        if names.is_some() { count.checked_add(3) } else { count.checked_mul(2).and_then(|n| n.checked_add(4)) };
    if Some(rest.elements.unsigned()?) != expected {
        return Err(Corrupt("an entry's two lengths differ"));
    }
    Ok((fields, rest.elements))
}

/// Names of the fields that a node's entries share.
#[derive(Clone, Debug)]
pub struct Names<'a> {
    elements: Elements<'a>,
    left: u64,
}

impl<'a> Iterator for Names<'a> {
    type Item = Result<Element<'a>, Corrupt>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        Some(self.elements.one())
    }
}

/// The fields of an entry with their values.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    /// The node's names, if they are this entry's.
    names: Option<Names<'a>>,
    elements: Elements<'a>,
    left: u64,
}

impl Fields<'_> {
    /// How many fields there are, those that were taken left out.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Whether the names are those of the node.
    pub fn same_names(&self) -> bool {
        self.names.is_some()
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(Element<'a>, Element<'a>), Corrupt>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let name = match &mut self.names {
            Some(names) => names.next().unwrap_or(Err(Corrupt("a field without name"))),
            None => self.elements.one(),
        };
        let pair = name.and_then(|name| Ok((name, self.elements.one()?)));
        if pair.is_err() {
            self.left = 0;
        }
        Some(pair)
    }
}

/// A node in the making.
#[derive(Clone, Debug)]
pub(super) struct NodeWriter {
    base: StreamId,
    names: Builder,
    live: u64,
    /// Everything behind the node's names.
    body: Builder,
}

impl NodeWriter {
    pub(super) fn new<'n>(base: StreamId, names: impl Iterator<Item = Element<'n>>) -> Self {
        let mut packed = Builder::default();
        names.for_each(|name| packed.push(name));
        NodeWriter { base, names: packed, live: 0, body: Builder::default() }
    }

    /// Appends an entry above all before it that has the node's names, by its values.
    pub(super) fn entry_as_named<'f>(&mut self, id: StreamId, values: impl Iterator<Item = Element<'f>>) {
        let before = self.begin(id, SAME_FIELDS);
        values.for_each(|value| self.body.push(value));
        self.end(before);
    }

    /// Appends an entry above all before it with `count` names of its own.
    pub(super) fn entry<'f>(
        &mut self,
        id: StreamId,
        count: usize,
        fields: impl Iterator<Item = (Element<'f>, Element<'f>)>,
    ) {
        let before = self.begin(id, 0);
        self.body.push(Element::Int(count as i64));
        for (name, value) in fields {
            self.body.push(name);
            self.body.push(value);
        }
        self.end(before);
    }

    /// Returns how many elements stand before the entry.
    fn begin(&mut self, id: StreamId, flags: i64) -> usize {
        let before = self.body.count();
        self.body.push(Element::Int(flags));
        self.body.push(Element::Int(id.ms.wrapping_sub(self.base.ms) as i64));
        self.body.push(Element::Int(id.seq.wrapping_sub(self.base.seq) as i64));
        before
    }

    fn end(&mut self, before: usize) {
        self.body.push(Element::Int((self.body.count() - before) as i64));
        self.live += 1;
    }

    /// Id and listpack of the node, if it holds anything.
    pub(super) fn finish(self) -> Option<(StreamId, Vec<u8>)> {
        let mut node = Builder::default();
        node.push(Element::Int(self.live as i64));
        node.push(Element::Int(0));
        node.push(Element::Int(self.names.count() as i64));
        node.append(&self.names);
        node.push(Element::Int(0));
        node.append(&self.body);
        (self.live > 0).then(|| (self.base, listpack::of(&Packed::new(&node.finish()))))
    }
}
