//! A stream: a log of entries, and the groups that read it.
//!
//! Every stream is large: it has ids and counts to keep even without entries. Its entries are in nodes (`log`, `node`), each one
//! allocation; nodes, groups, consumers and pending entries are found in sorted chunks (`ordered`). What depends on Redis's
//! encoding is computed: when a node is full (`node`), and how large the tree of nodes is (`radix`), part by part of each chunk.

mod group;
mod id;
mod log;
pub mod node;
mod ordered;
pub mod radix;
mod trim;

pub use group::{Consumer, ConsumerId, Deleted, EntriesRead, Group, Pending};
pub use id::{AskedId, ID_BYTES_MAX, INVALID_ID, StreamId};
use log::Nodes;
pub use log::{Log, Unfit};
pub use node::{EntryRef, FieldsOf, Node};
pub use ordered::Ordered;
pub use trim::{By, Stays, Trim, Trimmed};

/// A stream.
#[derive(Default)]
pub struct Stream {
    log: Log,
    groups: Ordered<Box<[u8]>, Group>,
    /// Bytes that the groups hold beside their places in `groups`.
    group_bytes: usize,
}

impl Clone for Stream {
    fn clone(&self) -> Self {
        let (log, groups) = (self.log.clone(), self.groups.clone());
        // A copied allocation has no spare room, so bytes are counted anew, here and below.
        let group_bytes = groups.iter().map(|(name, group)| name.len() + group.heap_bytes()).sum();
        Stream { log, groups, group_bytes }
    }
}

impl Stream {
    /// A stream to be freed, of nodes that another one has no more, and which hold `node_bytes`: that one knows it, and to count
    /// would be one more walk over all of them.
    fn of_nodes(nodes: Nodes, node_bytes: usize) -> Stream {
        Stream { log: Log { nodes, node_bytes, ..Log::default() }, ..Stream::default() }
    }

    /// A stream to be freed, of a group that another one has no more.
    fn of_group(group: Group) -> Stream {
        let mut holder = Stream::default();
        holder.create_group(b"", group);
        holder
    }

    /// Its entries.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Its entries, to change.
    pub fn log_mut(&mut self) -> &mut Log {
        &mut self.log
    }

    /// Its groups, by name.
    pub fn groups(&self) -> &Ordered<Box<[u8]>, Group> {
        &self.groups
    }

    /// The group of a name.
    pub fn group(&self, name: &[u8]) -> Option<&Group> {
        self.groups.get(name)
    }

    /// Adds a group; false if there is one of this name.
    pub fn create_group(&mut self, name: &[u8], group: Group) -> bool {
        if self.groups.get(name).is_some() {
            return false;
        }
        self.group_bytes += name.len() + group.heap_bytes();
        self.groups.insert(name.into(), group);
        true
    }

    /// Takes a group out. What is returned holds it, to be freed in pieces.
    pub fn destroy_group(&mut self, name: &[u8]) -> Option<Box<Stream>> {
        let group = self.groups.remove(name)?;
        self.group_bytes -= name.len() + group.heap_bytes();
        Some(Box::new(Stream::of_group(group)))
    }

    /// Changes a group beside the entries, which stay as they are.
    pub fn edit_group<R>(&mut self, name: &[u8], edit: impl FnOnce(&Log, &mut Group) -> R) -> Option<R> {
        let group = self.groups.get_mut(name)?;
        let before = group.heap_bytes();
        let result = edit(&self.log, group);
        let after = group.heap_bytes();
        self.group_bytes = self.group_bytes + after - before;
        Some(result)
    }

    /// Bytes on the heap, its own size not included. O(1).
    pub fn heap_bytes(&self) -> usize {
        self.log.heap_bytes() + self.groups.heap_bytes() + self.group_bytes
    }

    /// Allocations that Redis takes it for when it is freed: nodes of the radix tree, groups, and for each group as many pending
    /// entries as the first one has. Not counted on once there are more than `most`.
    pub(crate) fn allocations(&self, most: usize) -> usize {
        let first = self.groups.first().map_or(0, |first| 1 + self.groups.at(first).1.pending().len());
        let known = self.log.nodes().saturating_add(self.groups.len().saturating_mul(first));
        if known > most { known } else { known - self.log.nodes() + self.log.radix_nodes() }
    }

    /// Frees a part of it; see `Object::free_piece`. A node counts as an element for every 4 KiB.
    pub(super) fn free_piece(&mut self, elements: usize) -> usize {
        /// Bytes that are freed as fast as a small element.
        const BYTES_PER_ELEMENT: usize = 4096;
        let mut freed = 0;
        while freed < elements {
            let nodes = self.log.nodes.front().len();
            if nodes > 0 {
                for (_, node) in self.log.nodes.take_front(nodes) {
                    self.log.node_bytes -= node.heap_bytes();
                    freed += 1 + node.heap_bytes() / BYTES_PER_ELEMENT;
                }
            } else if let Some(at) = self.groups.last() {
                let group = self.groups.at_mut(at);
                let before = group.heap_bytes();
                let wanted = elements - freed;
                let piece = group.free_piece(wanted);
                let after = group.heap_bytes();
                self.group_bytes -= before - after;
                if piece < wanted {
                    self.group_bytes -= self.groups.at(at).0.len() + after;
                    self.groups.remove_at(at);
                }
                freed += piece + 1;
            } else {
                break;
            }
        }
        freed
    }
}

#[cfg(test)]
mod tests;
