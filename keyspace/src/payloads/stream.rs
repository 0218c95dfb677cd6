//! A stream as a payload, and a stream in the making.
//!
//! Nodes stay as they are in both directions: a node's entries share the names of their fields, and a stream that was cut anew
//! would repeat names more often than the payload does.

use crate::packed::{Element, Encoded};
use crate::rdb::Corrupt;
use crate::rdb::object_type::ObjectType;
use crate::rdb::stream::{
    Fields, Names, StreamConsumer, StreamGroup, StreamHistory, StreamId, StreamPending, StreamSink, StreamTotals,
    StreamWriter,
};
use crate::types::stream::node::BYTES_MAX;
use crate::types::stream::{ConsumerId, FieldsOf, Group, Node, Pending, Stream};

/// Appends a stream. Returns its type.
pub(super) fn write(stream: &Stream, out: &mut Vec<u8>) -> ObjectType {
    let mut writer = StreamWriter::new(out);
    let log = stream.log();
    for (first, node) in log.iter_nodes() {
        writer.node(first, node.fields());
        for entry in node.entries(first).filter(|entry| !entry.deleted) {
            match entry.fields_of() {
                FieldsOf::Node => writer.entry_as_named(entry.id, entry.pairs().map(|(_, value)| value)),
                FieldsOf::Entry => writer.entry(entry.id, entry.len, entry.pairs()),
            }
        }
    }
    let (first_id, max_deleted_id, entries_added) = (log.first_id, log.max_deleted_id, log.entries_added);
    let history = StreamHistory { first_id, max_deleted_id, entries_added };
    writer.totals(log.len(), log.last_id, history, stream.groups().len() as u64);
    for (name, group) in stream.groups().iter() {
        let head =
            StreamGroup { name, last_id: group.last_id, entries_read: group.entries_read.map(|read| read as u64) };
        writer.group(head, group.pending().len() as u64);
        for (id, pending) in group.pending().iter() {
            let deliveries = pending.deliveries as u64;
            writer.pending(StreamPending { id: *id, delivered_at: pending.delivered, deliveries });
        }
        writer.consumers(group.consumers() as u64);
        for consumer in group.iter() {
            let head = StreamConsumer { name: consumer.name(), seen_at: consumer.seen, active_at: None };
            writer.consumer(head, consumer.pending().len() as u64);
            consumer.pending().iter().for_each(|(id, ())| writer.consumer_pending(*id));
        }
    }
    StreamWriter::TYPE
}

/// The most bytes that a restored node may have as a listpack. XADD holds the texts of an entry against `BYTES_MAX` and not what
/// heads and lengths add to them, so a stream's own nodes can have more than that, by a few bytes for each argument.
const NODE_BYTES_MAX: usize = BYTES_MAX + BYTES_MAX / 8;

/// Bytes that a node of `bytes` bytes, as a listpack, has with some more elements.
fn grown<'e>(bytes: usize, mut elements: impl Iterator<Item = Element<'e>>) -> Result<usize, Corrupt> {
    elements.try_fold(bytes, |bytes, element| {
        let bytes = bytes.saturating_add(Encoded::element(element).stored_len());
        if bytes > NODE_BYTES_MAX { Err(Corrupt("a node of far more than 1 GiB")) } else { Ok(bytes) }
    })
}

/// What is known of a stream so far.
#[derive(Default)]
pub(super) struct StreamBuilder {
    stream: Box<Stream>,
    /// The node under way.
    node: Option<(StreamId, Node)>,
    /// The group under way.
    group: Option<OpenGroup>,
    /// What the payload tells beside the entries, once they are over.
    history: Option<StreamHistory>,
}

/// A group whose parts are still to come.
struct OpenGroup {
    name: Box<[u8]>,
    group: Group,
    /// Entries that are no consumer's yet, by their ids once the first consumer is there.
    pending: Vec<(StreamPending, Owner)>,
    consumer: Option<ConsumerId>,
}

/// Whether a pending entry has a consumer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    None,
    Known,
}

impl StreamBuilder {
    fn close_node(&mut self) {
        if let Some((first, node)) = self.node.take() {
            self.stream.log_mut().push_node(first, node);
        }
    }

    fn close_group(&mut self) -> Result<(), Corrupt> {
        let Some(open) = self.group.take() else { return Ok(()) };
        let new = self.stream.create_group(&open.name, open.group);
        if new { Ok(()) } else { Err(Corrupt("a group stands twice")) }
    }

    fn open_group(&mut self) -> Result<&mut OpenGroup, Corrupt> {
        self.group.as_mut().ok_or(Corrupt("what belongs to a group stands before it"))
    }

    /// The stream.
    pub(super) fn finish(mut self) -> Result<Box<Stream>, Corrupt> {
        self.close_group()?;
        Ok(self.stream)
    }
}

impl StreamSink for StreamBuilder {
    fn node(&mut self, base: StreamId, names: Names<'_>) -> Result<(), Corrupt> {
        self.close_node();
        grown(0, names.clone().filter_map(Result::ok))?;
        self.node = Some((base, Node::with_fields(names.filter_map(Result::ok))));
        Ok(())
    }

    fn entry(&mut self, id: StreamId, fields: Fields<'_>) -> Result<(), Corrupt> {
        let (first, node) = self.node.as_mut().ok_or(Corrupt("an entry without node"))?;
        let (same, count) = (fields.same_names(), fields.left() as usize);
        let pairs = fields.filter_map(Result::ok);
        match same {
            true => {
                let values = pairs.map(|(_, value)| value);
                grown(node.listpack_bytes(), values.clone())?;
                node.push_elements(*first, id, FieldsOf::Node, count, values);
            }
            false => {
                let elements = pairs.flat_map(|(name, value)| [name, value]);
                grown(node.listpack_bytes(), elements.clone())?;
                node.push_elements(*first, id, FieldsOf::Entry, count, elements);
            }
        }
        Ok(())
    }

    fn totals(&mut self, totals: StreamTotals) -> Result<(), Corrupt> {
        self.close_node();
        self.history = totals.history;
        let (max_deleted_id, entries_added) = match totals.history {
            Some(history) => (history.max_deleted_id, history.entries_added),
            None => (StreamId::MIN, totals.length),
        };
        self.stream.log_mut().settle(totals.last_id, max_deleted_id, entries_added);
        Ok(())
    }

    fn group(&mut self, group: StreamGroup<'_>) -> Result<(), Corrupt> {
        self.close_group()?;
        // Before 7.0 nobody counted what groups read, so it is what can be told now.
        let read = match self.history {
            Some(_) => group.entries_read.map(|read| read as i64),
            None => self.stream.log().entries_up_to(group.last_id),
        };
        let group_of = Group::new(group.last_id, read);
        self.group = Some(OpenGroup { name: group.name.into(), group: group_of, pending: Vec::new(), consumer: None });
        Ok(())
    }

    fn pending(&mut self, pending: StreamPending) -> Result<(), Corrupt> {
        self.open_group()?.pending.push((pending, Owner::None));
        Ok(())
    }

    fn consumer(&mut self, consumer: StreamConsumer<'_>) -> Result<(), Corrupt> {
        let open = self.open_group()?;
        if open.consumer.is_none() {
            open.pending.sort_unstable_by_key(|(pending, _)| pending.id);
            if open.pending.windows(2).any(|two| two[0].0.id == two[1].0.id) {
                return Err(Corrupt("a pending entry stands twice"));
            }
        }
        let (id, new) = open.group.find_or_create(consumer.name, consumer.seen_at);
        open.consumer = Some(id);
        if new { Ok(()) } else { Err(Corrupt("a consumer stands twice")) }
    }

    fn consumer_pending(&mut self, id: StreamId) -> Result<(), Corrupt> {
        const NOT_ITS: Corrupt = Corrupt("a consumer's entry is not pending, or another's");
        let open = self.open_group()?;
        let found = open.pending.binary_search_by_key(&id, |(pending, _)| pending.id).map_err(|_| NOT_ITS)?;
        let (pending, owner) = &mut open.pending[found];
        let consumer = open.consumer.ok_or(NOT_ITS)?;
        if std::mem::replace(owner, Owner::Known) == Owner::Known {
            return Err(NOT_ITS);
        }
        let (delivered, deliveries) = (pending.delivered_at, pending.deliveries as i64);
        open.group.set_pending(id, Pending { consumer, delivered, deliveries });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_empty_takes_room() {
        let empty = |count| std::iter::repeat_n(Element::Bytes(b""), count);
        assert_eq!(grown(100, empty(50)), Ok(200));
        assert_eq!(grown(NODE_BYTES_MAX - 20, empty(10)), Ok(NODE_BYTES_MAX));
        assert!(grown(NODE_BYTES_MAX - 20, empty(11)).is_err());
        assert!(grown(usize::MAX, empty(1)).is_err());
    }
}
