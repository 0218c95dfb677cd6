//! Streams: nodes of entries, totals, and consumer groups with what is pending. Three versions: 5.0's, 7.0's and 7.2's.
//!
//! ```text
//! nodes, each: id of 16 bytes, listpack (`stream_node`)
//! entries, last id; from V2 on: first id, highest id deleted, entries ever added
//! groups, each: name, last id; from V2 on: entries read
//!   pending, each: id of 16 bytes, time of delivery, deliveries
//!   consumers, each: name, time seen; from V3 on: time active; pending, each: id of 16 bytes
//! ```

use super::Corrupt;
use super::element::Element;
use super::object_type::ObjectType;
use super::reader::Reader;
use super::stream_node::{self, NodeWriter};
use super::writer::{push_length, push_millis, push_string};

pub use super::stream_node::{Fields, Names};
pub use crate::types::stream::StreamId;

/// The forms of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StreamForm {
    /// Redis 5.0.
    V1,
    /// Redis 7.0: what is needed to tell a group's lag.
    V2,
    /// Redis 7.2: when a consumer was active last.
    V3,
}

/// What a stream knows beside its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamTotals {
    /// Entries in it.
    pub length: u64,
    /// The highest id it ever had; not below any entry's.
    pub last_id: StreamId,
    /// What V1 does not tell.
    pub history: Option<StreamHistory>,
}

/// What a stream knows of entries that are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamHistory {
    /// The lowest id in it.
    pub first_id: StreamId,
    /// The highest id that was deleted.
    pub max_deleted_id: StreamId,
    /// How many entries were ever added.
    pub entries_added: u64,
}

/// A consumer group's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamGroup<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// The last id that was delivered.
    pub last_id: StreamId,
    /// How many entries were delivered, where that is known.
    pub entries_read: Option<u64>,
}

/// An entry that was delivered and not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamPending {
    /// The entry. It may be deleted by now.
    pub id: StreamId,
    /// When it was delivered last, in milliseconds since 1970.
    pub delivered_at: i64,
    /// How often it was delivered.
    pub deliveries: u64,
}

/// A consumer's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamConsumer<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// When it asked last, in milliseconds since 1970.
    pub seen_at: i64,
    /// When it was given something last: `None` where the form does not tell.
    pub active_at: Option<i64>,
}

/// What builds a stream from a payload, called in the payload's order. It refuses names and ids that it has already, and an
/// id of a consumer that is not pending in the group, or that belongs to another consumer.
pub trait StreamSink {
    /// A node begins, at or below its first entry's id and above all entries before it. Its entries repeat these names, so
    /// whoever stores them once per node takes no more than the payload does; whoever stores them once per entry lets a small payload fill the memory.
    fn node(&mut self, base: StreamId, names: Names<'_>) -> Result<(), Corrupt>;
    /// An entry, above all before it. Its fields have been checked to the last.
    fn entry(&mut self, id: StreamId, fields: Fields<'_>) -> Result<(), Corrupt>;
    /// All entries have been handed over.
    fn totals(&mut self, totals: StreamTotals) -> Result<(), Corrupt>;
    /// A group begins.
    fn group(&mut self, group: StreamGroup<'_>) -> Result<(), Corrupt>;
    /// An entry is pending in the group.
    fn pending(&mut self, pending: StreamPending) -> Result<(), Corrupt>;
    /// A consumer of the group begins.
    fn consumer(&mut self, consumer: StreamConsumer<'_>) -> Result<(), Corrupt>;
    /// An entry that is pending in the group is the consumer's. Every one is some consumer's.
    fn consumer_pending(&mut self, id: StreamId) -> Result<(), Corrupt>;
}

/// The number of entries read that says "not known".
const UNKNOWN: u64 = u64::MAX;
const ID_BYTES: u64 = 16;
const TIME_BYTES: u64 = 8;

/// Reads a stream. One without entries is a stream, too.
pub fn read(form: StreamForm, reader: &mut Reader<'_>, sink: &mut impl StreamSink) -> Result<(), Corrupt> {
    let mut last = None;
    let mut entries = 0;
    for _ in 0..reader.count(1 + ID_BYTES)? {
        let key = reader.packed()?;
        let base = raw_id(&mut Reader::new(&key))?;
        if key.len() as u64 != ID_BYTES {
            return Err(Corrupt("a stream's node has an id of another length"));
        }
        entries += stream_node::read(base, &reader.packed()?, &mut last, sink)?;
    }
    let length = reader.length()?;
    let last_id = id(reader)?;
    if length != entries || last.is_some_and(|last| last > last_id) {
        return Err(Corrupt("a stream's totals are not its entries'"));
    }
    let history = match form {
        StreamForm::V1 => None,
        _ => {
            Some(StreamHistory { first_id: id(reader)?, max_deleted_id: id(reader)?, entries_added: reader.length()? })
        }
    };
    sink.totals(StreamTotals { length, last_id, history })?;
    for _ in 0..reader.count(1)? {
        read_group(form, reader, sink)?;
    }
    Ok(())
}

fn read_group(form: StreamForm, reader: &mut Reader<'_>, sink: &mut impl StreamSink) -> Result<(), Corrupt> {
    let name = reader.string()?;
    let mut digits = itoa::Buffer::new();
    let name = name.element().text(&mut digits);
    let last_id = id(reader)?;
    let entries_read = match form {
        StreamForm::V1 => None,
        _ => match reader.length()? {
            UNKNOWN => None,
            known => Some(known),
        },
    };
    sink.group(StreamGroup { name, last_id, entries_read })?;
    let mut unowned = reader.count(ID_BYTES + TIME_BYTES + 1)?;
    for _ in 0..unowned {
        sink.pending(StreamPending {
            id: raw_id(reader)?,
            delivered_at: reader.millis()?,
            deliveries: reader.length()?,
        })?;
    }
    for _ in 0..reader.count(1 + TIME_BYTES + 1)? {
        let owned = read_consumer(form, reader, sink)?;
        unowned = unowned.checked_sub(owned).ok_or(Corrupt("consumers have more pending than their group"))?;
    }
    if unowned == 0 { Ok(()) } else { Err(Corrupt("a pending entry is no consumer's")) }
}

/// Reads a consumer. Returns how many pending entries it has.
fn read_consumer(form: StreamForm, reader: &mut Reader<'_>, sink: &mut impl StreamSink) -> Result<u64, Corrupt> {
    let name = reader.string()?;
    let mut digits = itoa::Buffer::new();
    let name = name.element().text(&mut digits);
    let seen_at = reader.millis()?;
    let active_at = if form == StreamForm::V3 { Some(reader.millis()?) } else { None };
    sink.consumer(StreamConsumer { name, seen_at, active_at })?;
    let owned = reader.count(ID_BYTES)?;
    for _ in 0..owned {
        sink.consumer_pending(raw_id(reader)?)?;
    }
    Ok(owned)
}

/// An id in the form of two lengths.
fn id(reader: &mut Reader<'_>) -> Result<StreamId, Corrupt> {
    Ok(StreamId { ms: reader.length()?, seq: reader.length()? })
}

/// An id in the form of 16 bytes.
fn raw_id(reader: &mut Reader<'_>) -> Result<StreamId, Corrupt> {
    Ok(StreamId { ms: u64::from_be_bytes(reader.array()?), seq: u64::from_be_bytes(reader.array()?) })
}

/// Writes a stream, part by part in the order of the methods.
///
/// The form is 7.0's, so what V3 adds is left out.
pub struct StreamWriter<'a> {
    out: &'a mut Vec<u8>,
    nodes: Vec<u8>,
    node_count: u64,
    node: Option<NodeWriter>,
}

impl<'a> StreamWriter<'a> {
    /// The type of what is written.
    pub const TYPE: ObjectType = ObjectType::Stream(StreamForm::V2);

    /// A writer that appends to `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        StreamWriter { out, nodes: Vec::new(), node_count: 0, node: None }
    }

    /// Begins a node with the id of its first entry and the names that most of its entries have.
    pub fn node<'n>(&mut self, base: StreamId, names: impl Iterator<Item = Element<'n>>) {
        self.close();
        self.node = Some(NodeWriter::new(base, names));
    }

    /// Appends an entry that has the names of its node, by its values. Ids ascend.
    pub fn entry_as_named<'f>(&mut self, id: StreamId, values: impl Iterator<Item = Element<'f>>) {
        if let Some(node) = &mut self.node {
            node.entry_as_named(id, values);
        }
    }

    /// Appends an entry with `count` names of its own. Ids ascend.
    pub fn entry<'f>(&mut self, id: StreamId, count: usize, fields: impl Iterator<Item = (Element<'f>, Element<'f>)>) {
        if let Some(node) = &mut self.node {
            node.entry(id, count, fields);
        }
    }

    fn close(&mut self) {
        if let Some((base, listpack)) = self.node.take().and_then(NodeWriter::finish) {
            push_length(&mut self.nodes, ID_BYTES);
            push_raw_id(&mut self.nodes, base);
            push_string(&mut self.nodes, &listpack);
            self.node_count += 1;
        }
    }

    /// Ends the entries. So many groups follow.
    pub fn totals(&mut self, length: u64, last_id: StreamId, history: StreamHistory, groups: u64) {
        self.close();
        push_length(self.out, self.node_count);
        self.out.append(&mut self.nodes);
        push_length(self.out, length);
        push_id(self.out, last_id);
        push_id(self.out, history.first_id);
        push_id(self.out, history.max_deleted_id);
        push_length(self.out, history.entries_added);
        push_length(self.out, groups);
    }

    /// Begins a group, of which so many entries are pending.
    pub fn group(&mut self, group: StreamGroup<'_>, pending: u64) {
        push_string(self.out, group.name);
        push_id(self.out, group.last_id);
        push_length(self.out, group.entries_read.unwrap_or(UNKNOWN));
        push_length(self.out, pending);
    }

    /// Appends a pending entry of the group.
    pub fn pending(&mut self, pending: StreamPending) {
        push_raw_id(self.out, pending.id);
        push_millis(self.out, pending.delivered_at);
        push_length(self.out, pending.deliveries);
    }

    /// Ends the group's pending entries. So many consumers follow.
    pub fn consumers(&mut self, count: u64) {
        push_length(self.out, count);
    }

    /// Begins a consumer, of whom so many entries are pending.
    pub fn consumer(&mut self, consumer: StreamConsumer<'_>, pending: u64) {
        push_string(self.out, consumer.name);
        push_millis(self.out, consumer.seen_at);
        push_length(self.out, pending);
    }

    /// Appends a pending entry of the consumer.
    pub fn consumer_pending(&mut self, id: StreamId) {
        push_raw_id(self.out, id);
    }
}

fn push_id(out: &mut Vec<u8>, id: StreamId) {
    push_length(out, id.ms);
    push_length(out, id.seq);
}

fn push_raw_id(out: &mut Vec<u8>, id: StreamId) {
    out.extend_from_slice(&id.ms.to_be_bytes());
    out.extend_from_slice(&id.seq.to_be_bytes());
}
