//! The entries of a stream: nodes in the order of their ids, and what is known about all of them.

use crate::args::Args;
use crate::limits::DataLimits;

use super::id::{AskedId, StreamId};
use super::node::{BYTES_MAX, Entries, EntryRef, Mark, Node};
use super::ordered::{Ordered, Position, Sum};
use super::radix::{self, Part};

/// The most room, in bytes, that a new node gets in advance, on the grounds that the one before it took as much.
const ROOM_BYTES_MAX: usize = 4096;

/// The nodes of a log, each by the id of its first entry.
pub(super) type Nodes = Ordered<StreamId, Node, Run>;

/// What is known of some nodes that follow one another: whether they can go together, and what goes with them.
#[derive(Clone, Copy)]
pub(super) struct Run {
    /// Entries that are not deleted.
    pub(super) live: u64,
    /// Bytes that the nodes hold on the heap.
    pub(super) bytes: usize,
    /// The greatest id that a node ends with.
    pub(super) end: StreamId,
    tree: Part,
}

impl Sum<StreamId, Node> for Run {
    fn of(nodes: &[(StreamId, Node)]) -> Run {
        let run = |(first, node): &(StreamId, Node)| Run {
            live: node.live(),
            bytes: node.heap_bytes(),
            end: node.entries(*first).next_back().map_or(*first, |last| last.id),
            tree: Part::of(*first),
        };
        let both = |a: Run, b: Run| Run {
            live: a.live + b.live,
            bytes: a.bytes + b.bytes,
            end: a.end.max(b.end),
            tree: a.tree.join(b.tree),
        };
        nodes.iter().map(run).reduce(both).expect("a chunk is not empty")
    }
}

/// Entries with their ids.
#[derive(Default)]
pub struct Log {
    pub(super) nodes: Nodes,
    /// Bytes that the nodes hold beside their places in `nodes`.
    pub(super) node_bytes: usize,
    pub(super) len: u64,
    /// The id of the last entry that was ever added, or what XSETID made of it.
    pub last_id: StreamId,
    /// The id of the first entry that is there; 0-0 without entries.
    pub first_id: StreamId,
    /// The greatest id of a deleted entry.
    pub max_deleted_id: StreamId,
    /// Entries that were ever added.
    pub entries_added: u64,
}

/// Why an entry is not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Its id is not greater than the last one.
    NotGreater,
    /// There is no id left.
    Exhausted,
    /// Its fields and values are too long together.
    TooLarge,
}

impl Clone for Log {
    fn clone(&self) -> Self {
        let nodes = self.nodes.clone();
        let node_bytes = nodes.iter().map(|(_, node)| node.heap_bytes()).sum();
        Log { nodes, node_bytes, ..*self }
    }
}

impl Log {
    /// Number of entries.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// True without entries, which a stream may be.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes on the heap. O(1).
    pub fn heap_bytes(&self) -> usize {
        self.nodes.heap_bytes() + self.node_bytes
    }

    /// Number of nodes.
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Number of nodes of the radix tree that Redis would keep the nodes in. O(nodes / 128), and for nodes
    /// that were changed since it was asked last O(nodes).
    pub fn radix_nodes(&self) -> usize {
        radix::nodes(self.nodes.sums().map(|run| run.tree))
    }

    /// The id of the next entry, or why there can be none. `now` is the time in milliseconds.
    pub fn next_id(&self, asked: AskedId, now: u64) -> Result<StreamId, Unfit> {
        let last = self.last_id;
        if last == StreamId::MAX {
            return Err(Unfit::Exhausted);
        }
        let id = match asked {
            AskedId::Exactly(id) => id,
            AskedId::NextOf(ms) if ms == last.ms => {
                // What Redis answers here is what it answers about large entries.
                StreamId { ms, seq: last.seq.checked_add(1).ok_or(Unfit::TooLarge)? }
            }
            AskedId::NextOf(ms) => StreamId { ms, seq: 0 },
            AskedId::Automatic if now > last.ms => StreamId { ms: now, seq: 0 },
            AskedId::Automatic => last.next().ok_or(Unfit::Exhausted)?,
        };
        if id > last { Ok(id) } else { Err(Unfit::NotGreater) }
    }

    /// Whether fields and values are short enough for an entry.
    pub fn check(pairs: Args) -> Result<(), Unfit> {
        if pairs.bytes() > BYTES_MAX { Err(Unfit::TooLarge) } else { Ok(()) }
    }

    /// Adds an entry of fields and values in turn. Its id is greater than `last_id`.
    pub fn append(&mut self, id: StreamId, pairs: Args, limits: &DataLimits) {
        let (bytes_max, entries_max) = (limits.stream_node_bytes, limits.stream_node_entries);
        let mut room = 0;
        let mut into = self.nodes.last();
        if let Some(at) = into {
            let node = self.nodes.at_mut(at);
            if node.is_full(pairs.bytes(), bytes_max, entries_max) {
                let before = node.heap_bytes();
                node.finish();
                self.node_bytes -= before - node.heap_bytes();
                room = node.used_bytes().min(ROOM_BYTES_MAX);
                into = None;
            }
        }
        match into {
            Some(at) => {
                let (first, _) = self.nodes.at(at);
                let first = *first;
                let node = self.nodes.at_mut(at);
                let before = node.heap_bytes();
                node.push(first, id, pairs);
                self.node_bytes += node.heap_bytes() - before;
            }
            None => {
                let node = Node::new(id, pairs, room);
                self.node_bytes += node.heap_bytes();
                // Only after XSETID took the last id back below a node of deleted entries can there be one to replace.
                if let Some(replaced) = self.nodes.insert(id, node) {
                    self.node_bytes -= replaced.heap_bytes();
                    self.len -= replaced.live();
                }
            }
        }
        self.len += 1;
        self.entries_added = self.entries_added.wrapping_add(1);
        self.last_id = id;
        if self.len == 1 {
            self.first_id = id;
        }
    }

    /// All nodes, each with the id of its first entry.
    pub fn iter_nodes(&self) -> impl Iterator<Item = (StreamId, &Node)> {
        self.nodes.iter().map(|(first, node)| (*first, node))
    }

    /// Adds a node that was made elsewhere behind all others. `settle` is to be called when all are there.
    pub fn push_node(&mut self, first: StreamId, mut node: Node) {
        node.finish();
        self.node_bytes += node.heap_bytes();
        self.len += node.live();
        self.nodes.insert(first, node);
    }

    /// Sets what is known beside the entries that `push_node` added.
    pub fn settle(&mut self, last_id: StreamId, max_deleted_id: StreamId, entries_added: u64) {
        self.first_id = self.first_live();
        self.last_id = last_id;
        self.max_deleted_id = max_deleted_id;
        self.entries_added = entries_added;
    }

    /// The entries with ids of `start..=end`, in order.
    pub fn range(&self, start: StreamId, end: StreamId) -> Range<'_> {
        let position = self.nodes.floor(&start).or(self.nodes.first());
        Range { log: self, position, entries: self.entries_at(position), start, end }
    }

    /// The entries with ids of `start..=end`, the last one first.
    pub fn range_back(&self, start: StreamId, end: StreamId) -> RangeBack<'_> {
        let position = self.nodes.floor(&end).or(self.nodes.first());
        RangeBack(Range { log: self, position, entries: self.entries_at(position), start, end })
    }

    fn entries_at(&self, position: Option<Position>) -> Option<Entries<'_>> {
        position.map(|at| {
            let (first, node) = self.nodes.at(at);
            node.entries(*first)
        })
    }

    /// The id of the first entry; 0-0 without entries.
    pub(super) fn first_live(&self) -> StreamId {
        self.range(StreamId::MIN, StreamId::MAX).next().map_or(StreamId::MIN, |entry| entry.id)
    }

    /// The id of the last entry, if there is one.
    pub fn last_live(&self) -> Option<StreamId> {
        self.range_back(StreamId::MIN, StreamId::MAX).next().map(|entry| entry.id)
    }

    /// The entry of an id.
    pub fn get(&self, id: StreamId) -> Option<EntryRef<'_>> {
        self.range(id, id).next()
    }

    /// Deletes an entry; false if there is none of this id.
    pub fn delete(&mut self, id: StreamId) -> bool {
        let mut range = self.range(id, id);
        let Some(entry) = range.next() else { return false };
        let (at, mark) = (range.position.expect("an entry has a node"), entry.mark());
        self.mark_deleted(at, mark);
        if id > self.max_deleted_id {
            self.max_deleted_id = id;
        }
        if self.len == 0 || id == self.first_id {
            self.first_id = self.first_live();
        }
        true
    }

    /// Marks one entry, and drops its node with the last one.
    fn mark_deleted(&mut self, at: Position, mark: Mark) {
        self.len -= 1;
        let node = self.nodes.at_mut(at);
        node.delete(mark);
        if node.live() == 0 {
            let node = self.nodes.remove_at(at);
            self.node_bytes -= node.heap_bytes();
        }
    }
}

/// Entries in ascending order.
pub struct Range<'a> {
    log: &'a Log,
    /// The node of the entry that was returned last.
    position: Option<Position>,
    entries: Option<Entries<'a>>,
    start: StreamId,
    end: StreamId,
}

impl<'a> Iterator for Range<'a> {
    type Item = EntryRef<'a>;

    fn next(&mut self) -> Option<EntryRef<'a>> {
        loop {
            let start = self.start;
            let found = self.entries.as_mut()?.find(|entry| !entry.deleted && entry.id >= start);
            match found {
                Some(entry) if entry.id > self.end => {
                    self.entries = None;
                    return None;
                }
                Some(entry) => return Some(entry),
                None => {
                    self.position = self.position.and_then(|at| self.log.nodes.next(at));
                    self.entries = self.log.entries_at(self.position);
                }
            }
        }
    }
}

/// Entries in descending order.
pub struct RangeBack<'a>(Range<'a>);

impl<'a> Iterator for RangeBack<'a> {
    type Item = EntryRef<'a>;

    fn next(&mut self) -> Option<EntryRef<'a>> {
        let range = &mut self.0;
        loop {
            let end = range.end;
            let found = range.entries.as_mut()?.rfind(|entry| !entry.deleted && entry.id <= end);
            match found {
                Some(entry) if entry.id < range.start => {
                    range.entries = None;
                    return None;
                }
                Some(entry) => return Some(entry),
                None => {
                    range.position = range.position.and_then(|at| range.log.nodes.previous(at));
                    range.entries = range.log.entries_at(range.position);
                }
            }
        }
    }
}
