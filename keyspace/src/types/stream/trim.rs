//! Trimming: entries go from the front of a stream, whole nodes first.

use super::Stream;
use super::id::StreamId;
use super::log::Log;
use super::node::Node;
use super::ordered::Ordered;

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
}

impl Log {
    /// Takes entries off the front.
    pub fn trim(&mut self, trim: Trim) -> Trimmed {
        let (mut gone, mut chunks, mut nodes) = (0, Vec::new(), 0);
        loop {
            let front = self.nodes.front();
            let (mut count, len) = (0, front.len());
            let before = self.len;
            for (first, node) in front {
                if !trim.takes(self.len, gone, *first, node) {
                    break;
                }
                count += 1;
                gone += node.live();
                self.len -= node.live();
                self.node_bytes -= node.heap_bytes();
            }
            debug_assert!(before >= self.len);
            nodes += count;
            chunks.push(self.nodes.take_front(count));
            if count == 0 || count < len {
                break;
            }
        }
        if trim.by == By::Entries {
            gone += self.trim_node(trim.stays);
        }
        if gone > 0 {
            self.first_id = self.first_live();
        }
        let retired = (nodes > NODES_FREED_AT_ONCE).then(|| Box::new(Stream::of_nodes(Ordered::from_chunks(chunks))));
        Trimmed { entries: gone, retired }
    }

    /// Deletes entries of the first node. It stays, even without any.
    fn trim_node(&mut self, stays: Stays) -> u64 {
        let Some(at) = self.nodes.first() else { return 0 };
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
        marks.len() as u64
    }
}
