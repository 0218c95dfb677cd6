//! Trimming: entries go from the front of a stream, whole nodes first.

use super::Stream;
use super::id::StreamId;
use super::log::{Log, Nodes, Run};
use super::node::Node;

/// What is to stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stays {
    /// This many entries: the last ones.
    Newest(u64),
    /// Entries from this id on.
    From(StreamId),
}

/// How a stream is trimmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trim {
    /// What is to stay.
    pub stays: Stays,
    /// How exactly.
    pub by: By,
}

/// How exactly a stream is trimmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// To the entry.
    Entries,
    /// By whole nodes only, and at most as many entries; 0 for no limit.
    Nodes {
        /// The most entries.
        limit: u64,
    },
}

/// What trimming took out.
#[derive(Default)]
pub struct Trimmed {
    /// Entries.
    pub entries: u64,
    /// The nodes that went as a whole, if they are so many that freeing them takes a while.
    pub retired: Option<Box<Stream>>,
}

/// Above this number of nodes, they are freed later, in pieces.
const NODES_FREED_AT_ONCE: usize = 256;

impl Trim {
    /// Whether a node goes as a whole that stands first among `left` entries, when `gone` went before it.
    fn takes(&self, left: u64, gone: u64, first: StreamId, node: &Node) -> bool {
        if let By::Nodes { limit: limit @ 1.. } = self.by
            && gone + node.live() > limit
        {
            return false;
        }
        match self.stays {
            Stays::Newest(count) => left > count && left - node.live() >= count,
            Stays::From(id) => node.entries(first).next_back().is_none_or(|last| last.id < id),
        }
    }

    /// Whether `takes` holds for each node of a run in turn. False in doubt: a last node without entries may stay.
    fn takes_all(&self, left: u64, gone: u64, run: &Run) -> bool {
        if let By::Nodes { limit: limit @ 1.. } = self.by
            && gone + run.live > limit
        {
            return false;
        }
        match self.stays {
            Stays::Newest(count) => left - run.live > count,
            Stays::From(id) => run.end < id,
        }
    }
}

impl Log {
    /// Takes entries off the front. O(nodes / 128), and for nodes that were changed since they were counted O(nodes).
    pub fn trim(&mut self, trim: Trim) -> Trimmed {
        let (before, mut chunks) = (self.len, Vec::new());
        let bytes_before = self.node_bytes;
        loop {
            let (count, len) = (self.count_taken(trim, before), self.nodes.front().len());
            chunks.push(self.nodes.take_front(count));
            if count == 0 || count < len {
                break;
            }
            // Only behind the first chunk, which steady trimming changes over and over.
            while let Some(run) = self.nodes.front_sum()
                && trim.takes_all(self.len, before - self.len, run)
            {
                (self.len, self.node_bytes) = (self.len - run.live, self.node_bytes - run.bytes);
                chunks.push(self.nodes.take_front(self.nodes.front().len()));
            }
        }
        let bytes = bytes_before - self.node_bytes;
        if trim.by == By::Entries {
            self.trim_node(trim.stays);
        }
        if self.len < before {
            self.first_id = self.first_live();
        }
        let nodes: usize = chunks.iter().map(Vec::len).sum();
        let holder = || Box::new(Stream::of_nodes(Nodes::from_chunks(chunks), bytes));
        let retired = (nodes > NODES_FREED_AT_ONCE).then(holder);
        Trimmed { entries: before - self.len, retired }
    }

    /// Discounts the nodes of the first chunk that go as a whole; returns how many those are. `before` is how many entries there
    /// were when nothing was trimmed.
    fn count_taken(&mut self, trim: Trim, before: u64) -> usize {
        let mut count = 0;
        for (first, node) in self.nodes.front() {
            if !trim.takes(self.len, before - self.len, *first, node) {
                break;
            }
            count += 1;
            self.len -= node.live();
            self.node_bytes -= node.heap_bytes();
        }
        count
    }

    /// Deletes entries of the first node. It stays, even without any.
    fn trim_node(&mut self, stays: Stays) {
        let Some(at) = self.nodes.first() else { return };
        let (first, node) = self.nodes.at(at);
        let mut left = self.len;
        let mut marks = Vec::new();
        for entry in node.entries(*first) {
            let stop = match stays {
                Stays::Newest(count) => left <= count,
                Stays::From(id) => entry.id >= id,
            };
            if stop {
                break;
            }
            if !entry.deleted {
                marks.push(entry.mark());
                left -= 1;
            }
        }
        self.len = left;
        let node = self.nodes.at_mut(at);
        marks.iter().for_each(|mark| node.delete(*mark));
    }
}
