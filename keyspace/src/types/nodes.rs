//! The structure of a large list: packed nodes, some hundred to a chunk, chunks in a deque.
//!
//! A node is a packed collection within the list's limit, or one item that is larger by itself. Items enter and leave at both ends
//! in constant time: only the outermost node is edited, and it has room at both of its ends (`Gapped`). An index is found by the
//! counts of chunks, then of nodes, then by walking in one node. Nothing here moves more than a chunk's nodes or, one time in
//! thousands of nodes, the deque of chunks: for ten million items in nodes of one each that is 800 KB.
//!
//! Where a node ends is decided as in Redis's quicklist, since a list is packed again once it has only one node: an item counts
//! with its text and some bytes more, and a list keeps the limit that the settings had when it became large.

mod insert;

use std::collections::VecDeque;

use crate::limits::NodeLimit;
use crate::packed::{self, ByteStore, Element, Encoded, Gapped, Offset, Packed, PackedMut};

/// The most nodes of a chunk. Few in tests, which are to have many chunks.
const CHUNK_NODES_MAX: usize = if cfg!(test) { 8 } else { 512 };

/// What Redis adds to the text of an item, in bytes, when it asks whether a node has room for it.
const ITEM_OVERHEAD_BYTES: usize = 8;

/// Bytes of a node that count as much as one element when it is freed.
const FREED_BYTES: usize = 4096;

/// An end of a list, or the direction from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The first item: left.
    Head,
    /// The last item: right.
    Tail,
}

/// Some items one behind the other.
#[derive(Debug)]
struct Node {
    bytes: Gapped,
    items: usize,
}

impl Node {
    fn new(bytes: Vec<u8>) -> Node {
        let items = Packed::new(&bytes).len();
        Node { bytes: Gapped::new(bytes), items }
    }

    /// A node of one item, without room: nothing is added to one that is large by itself.
    fn of_item(item: &Encoded) -> Node {
        let mut bytes = Vec::with_capacity(packed::EMPTY.len() + item.stored_len());
        bytes.extend_from_slice(packed::EMPTY);
        PackedMut::new(&mut bytes).push_back(std::slice::from_ref(item));
        Node { bytes: Gapped::new(bytes), items: 1 }
    }

    #[inline]
    fn packed(&self) -> Packed<'_> {
        Packed::new(self.bytes.bytes())
    }

    /// True if one more item keeps to the limit.
    #[inline]
    fn has_room(&self, item: &Encoded, limit: NodeLimit) -> bool {
        let bytes = self.packed().listpack_bytes() + item.text_len() + ITEM_OVERHEAD_BYTES;
        limit.allows(bytes, self.items + 1)
    }
}

/// A run of nodes.
#[derive(Debug, Default)]
struct Chunk {
    nodes: VecDeque<Node>,
    items: usize,
}

impl Chunk {
    fn heap_bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>()
    }

    #[inline]
    fn end(&self, end: End) -> usize {
        if end == End::Head { 0 } else { self.nodes.len() - 1 }
    }
}

/// Where an item stands: its chunk, its node there, its index there.
#[derive(Clone, Copy, Debug)]
struct Spot {
    chunk: usize,
    node: usize,
    index: usize,
}

/// The nodes of one large list. None of its chunks and nodes is empty.
#[derive(Debug)]
pub struct Nodes {
    limit: NodeLimit,
    chunks: VecDeque<Chunk>,
    items: usize,
    /// Bytes of the nodes, and of the chunks' own.
    bytes: usize,
}

impl Nodes {
    /// Nothing yet, in nodes that will keep to this limit.
    pub fn new(limit: NodeLimit) -> Nodes {
        Nodes { limit, chunks: VecDeque::new(), items: 0, bytes: 0 }
    }

    /// Puts what a packed list holds behind the last item: as one node, or item by item if it is larger than any node.
    pub fn push_packed(&mut self, bytes: Vec<u8>) {
        let packed = Packed::new(&bytes);
        if packed.is_empty() {
            return;
        }
        if packed.listpack_bytes() > NodeLimit::BYTES_MAX && packed.len() > 1 {
            return packed.iter().for_each(|item| self.push(End::Tail, &Encoded::element(item)));
        }
        let last = self.chunks.len().saturating_sub(1);
        let at = self.chunks.back().map_or(0, |chunk| chunk.nodes.len());
        self.add_node(last, at, Node::new(bytes));
    }

    /// The limit to which its nodes keep.
    pub fn limit(&self) -> NodeLimit {
        self.limit
    }

    /// Number of items.
    #[inline]
    pub fn len(&self) -> usize {
        self.items
    }

    /// True without items.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.items == 0
    }

    /// Bytes on the heap. O(1).
    #[inline]
    pub fn heap_bytes(&self) -> usize {
        self.bytes + self.chunks.capacity() * size_of::<Chunk>()
    }

    /// Number of nodes. O(chunks).
    pub fn node_count(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.nodes.len()).sum()
    }

    /// The only node, if there is only one.
    pub fn only_node(&self) -> Option<Packed<'_>> {
        let chunk = self.chunks.front().filter(|chunk| self.chunks.len() == 1 && chunk.nodes.len() == 1)?;
        chunk.nodes.front().map(Node::packed)
    }

    /// The bytes of its first node, which is the only one.
    pub fn into_packed(mut self) -> Vec<u8> {
        let node = self.chunks.front_mut().and_then(|chunk| chunk.nodes.pop_front());
        node.map_or(packed::EMPTY.to_vec(), |node| node.bytes.into_vec())
    }

    /// All nodes, in order.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = Packed<'_>> + Clone {
        self.chunks.iter().flat_map(|chunk| chunk.nodes.iter()).map(Node::packed)
    }

    /// The nodes from that on which holds the item at `index`, and the item's index there. O(chunks).
    pub fn nodes_from(&self, index: usize) -> (impl Iterator<Item = Packed<'_>>, usize) {
        let spot = self.seek(index);
        let first = self.chunks.get(spot.chunk).into_iter().flat_map(move |chunk| chunk.nodes.range(spot.node..));
        let rest = self.chunks.range((spot.chunk + 1).min(self.chunks.len())..).flat_map(|chunk| chunk.nodes.iter());
        (first.chain(rest).map(Node::packed), spot.index)
    }

    /// The item at an index. O(chunks + items of a node).
    pub fn get(&self, index: usize) -> Option<Element<'_>> {
        if index >= self.items {
            return None;
        }
        let spot = self.seek(index);
        let packed = self.chunks[spot.chunk].nodes[spot.node].packed();
        Some(packed.get(place(&packed, spot.index)))
    }

    /// Where the item at `index` stands, from the nearer end. Behind the last item: in no chunk.
    fn seek(&self, index: usize) -> Spot {
        let (chunk, index) = seek(&self.chunks, |chunk| chunk.items, self.items, index);
        match self.chunks.get(chunk) {
            None => Spot { chunk, node: 0, index },
            Some(found) => {
                let (node, index) = seek(&found.nodes, |node| node.items, found.items, index);
                Spot { chunk, node, index }
            }
        }
    }

    /// Adds an item at an end.
    #[inline]
    pub fn push(&mut self, end: End, item: &Encoded) {
        let outer = match end {
            End::Head => self.chunks.front().and_then(|chunk| chunk.nodes.front()),
            End::Tail => self.chunks.back().and_then(|chunk| chunk.nodes.back()),
        };
        if !outer.is_some_and(|node| node.has_room(item, self.limit)) {
            return self.push_node(end, item);
        }
        let chunk = if end == End::Head { 0 } else { self.chunks.len() - 1 };
        let node = self.chunks[chunk].end(end);
        self.edit(chunk, node, |packed| match end {
            End::Head => packed.push_front(std::slice::from_ref(item)),
            End::Tail => packed.push_back(std::slice::from_ref(item)),
        });
    }

    /// Adds a node with an item at an end. The node that was there before keeps no room to grow in.
    fn push_node(&mut self, end: End, item: &Encoded) {
        let chunk = if end == End::Head { 0 } else { self.chunks.len().saturating_sub(1) };
        let mut at = 0;
        if let Some(outer) = self.chunks.get_mut(chunk) {
            let node = outer.end(end);
            let bytes = &mut outer.nodes[node].bytes;
            let before = bytes.capacity();
            bytes.trim();
            self.bytes -= before - bytes.capacity();
            at = if end == End::Head { 0 } else { outer.nodes.len() };
        }
        self.add_node(chunk, at, Node::of_item(item));
    }

    /// Puts a node in a chunk at `at`. A full chunk is divided; one that grows at an end of the list begins another.
    fn add_node(&mut self, mut chunk: usize, mut at: usize, node: Node) {
        let full = self.chunks.get(chunk).is_none_or(|chunk| chunk.nodes.len() == CHUNK_NODES_MAX);
        if full {
            match at {
                0 if chunk == 0 => self.chunks.push_front(Chunk::default()),
                CHUNK_NODES_MAX if chunk + 1 == self.chunks.len() => {
                    self.chunks.push_back(Chunk::default());
                    (chunk, at) = (chunk + 1, 0);
                }
                _ => {
                    self.divide(chunk);
                    let half = self.chunks[chunk].nodes.len();
                    if at > half {
                        (chunk, at) = (chunk + 1, at - half);
                    }
                }
            }
        }
        let chunk = &mut self.chunks[chunk];
        self.bytes -= chunk.heap_bytes();
        self.bytes += node.bytes.capacity();
        self.items += node.items;
        chunk.items += node.items;
        chunk.nodes.insert(at, node);
        self.bytes += chunk.heap_bytes();
    }

    /// Makes two chunks of one.
    fn divide(&mut self, chunk: usize) {
        let first = &mut self.chunks[chunk];
        let nodes = first.nodes.split_off(first.nodes.len() / 2);
        let items = nodes.iter().map(|node| node.items).sum();
        first.items -= items;
        let second = Chunk { nodes, items };
        self.bytes += second.heap_bytes();
        self.chunks.insert(chunk + 1, second);
    }

    /// Edits a node, which may become empty: then the caller removes it.
    #[inline]
    fn edit<R>(&mut self, chunk: usize, node: usize, edit: impl FnOnce(&mut PackedMut<Gapped>) -> R) -> R {
        let chunk = &mut self.chunks[chunk];
        let node = &mut chunk.nodes[node];
        let (bytes, items) = (node.bytes.capacity(), node.items);
        let mut packed = PackedMut::new(&mut node.bytes);
        let result = edit(&mut packed);
        node.items = packed.as_packed().len();
        self.bytes = self.bytes - bytes + node.bytes.capacity();
        self.items = self.items - items + node.items;
        chunk.items = chunk.items - items + node.items;
        result
    }

    /// Takes out a node, and its chunk with the last one.
    fn take_node(&mut self, chunk: usize, node: usize) {
        let shrunk = &mut self.chunks[chunk];
        let before = shrunk.heap_bytes();
        let Some(gone) = shrunk.nodes.remove(node) else { return };
        shrink(&mut shrunk.nodes);
        shrunk.items -= gone.items;
        self.items -= gone.items;
        self.bytes = self.bytes - before - gone.bytes.capacity() + shrunk.heap_bytes();
        if shrunk.nodes.is_empty() {
            self.bytes -= shrunk.heap_bytes();
            self.chunks.remove(chunk);
            shrink(&mut self.chunks);
        }
    }

    /// Takes out `count` items at an end. Whole chunks among them are not freed but returned, in a list of their own: freeing them
    /// takes as long as they are large.
    pub fn remove(&mut self, end: End, mut count: usize) -> Nodes {
        let mut gone = Nodes::new(self.limit);
        while count > 0 && !self.chunks.is_empty() {
            let chunk = if end == End::Head { 0 } else { self.chunks.len() - 1 };
            let node = self.chunks[chunk].end(end);
            let items = self.chunks[chunk].nodes[node].items;
            if self.chunks[chunk].nodes.len() == CHUNK_NODES_MAX && self.chunks[chunk].items <= count {
                count -= self.chunks[chunk].items;
                self.hand_over(end, &mut gone);
            } else if items <= count {
                count -= items;
                self.take_node(chunk, node);
            } else {
                self.edit(chunk, node, |packed| remove_at_end(packed, end, items, count));
                break;
            }
        }
        gone
    }

    /// Gives the chunk at an end to another list.
    fn hand_over(&mut self, end: End, gone: &mut Nodes) {
        let chunk = match end {
            End::Head => self.chunks.pop_front(),
            End::Tail => self.chunks.pop_back(),
        };
        shrink(&mut self.chunks);
        let Some(chunk) = chunk else { return };
        let bytes = chunk.heap_bytes() + chunk.nodes.iter().map(|node| node.bytes.capacity()).sum::<usize>();
        self.bytes -= bytes;
        self.items -= chunk.items;
        gone.bytes += bytes;
        gone.items += chunk.items;
        gone.chunks.push_back(chunk);
    }

    /// Takes out the items that equal `item`, at most `count` of them, the first ones from `end` on. Returns how many. O(n).
    pub fn remove_equal(&mut self, end: End, item: &Encoded, count: usize) -> usize {
        let (mut left, mut emptied) = (count, false);
        for step in 0..self.chunks.len() {
            let chunk = step_from(end, step, self.chunks.len());
            let (bytes, nodes) = (self.chunks[chunk].heap_bytes(), self.chunks[chunk].nodes.len());
            let mut node_emptied = false;
            for step in 0..nodes {
                if left == 0 {
                    break;
                }
                let node = step_from(end, step, nodes);
                let places = equal_to(&self.chunks[chunk].nodes[node].packed(), end, item, left);
                if !places.is_empty() {
                    left -= places.len();
                    self.edit(chunk, node, |packed| packed.remove_each(&places));
                    node_emptied |= self.chunks[chunk].nodes[node].items == 0;
                }
            }
            if node_emptied {
                let chunk = &mut self.chunks[chunk];
                let freed = chunk.nodes.iter().filter(|node| node.items == 0).map(|node| node.bytes.capacity());
                self.bytes -= freed.sum::<usize>();
                chunk.nodes.retain(|node| node.items > 0);
                if chunk.nodes.is_empty() {
                    self.bytes -= bytes;
                    chunk.nodes = VecDeque::new();
                    emptied = true;
                }
            }
            if left == 0 {
                break;
            }
        }
        if emptied {
            self.chunks.retain(|chunk| chunk.items > 0);
            shrink(&mut self.chunks);
        }
        count - left
    }

    /// Frees some nodes, until they weigh as much as `elements` of them. Returns what they weigh: fewer when nothing is left.
    pub(super) fn free_piece(&mut self, elements: usize) -> usize {
        let mut freed = 0;
        while freed < elements {
            let Some(chunk) = self.chunks.back_mut() else { break };
            match chunk.nodes.pop_back() {
                Some(node) => {
                    self.bytes -= node.bytes.capacity();
                    freed += 1 + node.bytes.capacity() / FREED_BYTES;
                }
                None => {
                    self.bytes -= chunk.heap_bytes();
                    self.chunks.pop_back();
                }
            }
        }
        freed
    }

    /// A copy with all items. O(n).
    pub(super) fn duplicate(&self) -> Nodes {
        let mut copy = Nodes::new(self.limit);
        self.nodes().for_each(|node| copy.push_packed(node.bytes().to_vec()));
        copy
    }
}

/// Gives back what a deque needs no more: its capacity stays within 8 and four times its length.
fn shrink<T>(deque: &mut VecDeque<T>) {
    if deque.capacity() > 4 * deque.len() + 8 {
        deque.shrink_to(2 * deque.len());
    }
}

/// Which of the parts of something that counts `total` holds `index`, and the index there, from the nearer end.
fn seek<T>(parts: &VecDeque<T>, count: impl Fn(&T) -> usize, total: usize, index: usize) -> (usize, usize) {
    if index <= total / 2 {
        let mut left = index;
        for (number, part) in parts.iter().enumerate() {
            match left.checked_sub(count(part)) {
                Some(rest) => left = rest,
                None => return (number, left),
            }
        }
        return (parts.len(), left);
    }
    let mut start = total;
    for (number, part) in parts.iter().enumerate().rev() {
        start -= count(part);
        if start <= index && index < start + count(part) {
            return (number, index - start);
        }
    }
    (parts.len(), 0)
}

/// The item at an index that a node has.
#[inline]
fn place(packed: &Packed, index: usize) -> Offset {
    packed.seek(index as i64).expect("the node was found by this index")
}

/// The number that is `step` steps from one end of `0..len`.
fn step_from(end: End, step: usize, len: usize) -> usize {
    if end == End::Head { step } else { len - 1 - step }
}

/// Takes `count` of `items` out at an end.
#[inline]
pub(super) fn remove_at_end<S: ByteStore>(packed: &mut PackedMut<S>, end: End, items: usize, count: usize) {
    let view = packed.as_packed();
    let (from, to) = match end {
        _ if count == 0 => return,
        _ if count >= items => (view.start(), view.end()),
        End::Head => (view.start(), place(&view, count)),
        End::Tail => (place(&view, items - count), view.end()),
    };
    packed.remove_range(from, to, count.min(items));
}

/// The places of items that equal `item`, at most `count`, the first ones from `end` on; in ascending order.
pub(super) fn equal_to(packed: &Packed, end: End, item: &Encoded, count: usize) -> Vec<Offset> {
    let mut places = Vec::new();
    match end {
        End::Head => {
            let mut next = packed.first();
            while let Some(at) = next.filter(|_| places.len() < count).and_then(|at| packed.find(at, item, 1)) {
                places.push(at);
                next = packed.next(at);
            }
        }
        End::Tail => {
            let mut next = packed.last();
            while let Some(at) = next.filter(|_| places.len() < count) {
                if packed.is(at, item) {
                    places.push(at);
                }
                next = packed.prev(at);
            }
            places.reverse();
        }
    }
    places
}

#[cfg(test)]
#[path = "nodes_tests.rs"]
mod tests;
