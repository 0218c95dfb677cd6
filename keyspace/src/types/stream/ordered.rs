//! A sorted map in chunks: what a stream keeps its nodes, its groups and their pending entries in.
//!
//! Streams grow at their end and shrink at their front. A sorted array of chunks does both without moving more than one chunk,
//! fills chunks completely when it grows at the end, is walked in both directions and found in by halving, and knows its bytes
//! exactly. Only the array of chunks is ever reallocated as a whole: for up to 128 pairs it has 32 bytes without a sum, and 112
//! with that of a stream's nodes.
//!
//! What is asked of many pairs at once can be answered by chunks: a map keeps a sum of each (`Sum`).

use std::borrow::Borrow;
use std::cell::OnceCell;
use std::collections::VecDeque;

/// The most pairs in one chunk: what an insertion or a removal moves.
const CHUNK: usize = 128;

/// What is known of the pairs of a chunk together.
pub trait Sum<K, V> {
    /// The sum of some pairs in order, of which there is at least one.
    fn of(pairs: &[(K, V)]) -> Self;
}

/// For maps that nobody asks for sums.
impl<K, V> Sum<K, V> for () {
    fn of(_: &[(K, V)]) {}
}

/// Some pairs that follow one another.
struct Chunk<K, V, S> {
    pairs: Vec<(K, V)>,
    /// Computed when the chunk is full, and when it is asked for after a change.
    sum: OnceCell<S>,
}

impl<K, V, S: Sum<K, V>> Chunk<K, V, S> {
    fn new(pairs: Vec<(K, V)>) -> Self {
        Chunk { pairs, sum: OnceCell::new() }
    }

    fn sum(&self) -> &S {
        self.sum.get_or_init(|| S::of(&self.pairs))
    }

    fn change(&mut self) -> &mut Vec<(K, V)> {
        self.sum.take();
        &mut self.pairs
    }
}

/// A sorted map.
pub struct Ordered<K, V, S = ()> {
    /// None of them is empty.
    chunks: VecDeque<Chunk<K, V, S>>,
    len: usize,
    /// Pairs for which the chunks have room.
    capacity: usize,
}

/// Where a pair stands, until the next change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    chunk: usize,
    index: usize,
}

impl<K, V, S> Default for Ordered<K, V, S> {
    fn default() -> Self {
        Ordered { chunks: VecDeque::new(), len: 0, capacity: 0 }
    }
}

impl<K: Clone + Ord, V: Clone, S: Sum<K, V>> Clone for Ordered<K, V, S> {
    fn clone(&self) -> Self {
        Ordered::from_chunks(self.chunks.iter().map(|chunk| chunk.pairs.clone()))
    }
}

impl<K: Ord, V, S: Sum<K, V>> Ordered<K, V, S> {
    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True without pairs.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of the chunks and of their array; what keys and values hold themselves is not known here. O(1).
    pub fn heap_bytes(&self) -> usize {
        self.chunks.capacity() * size_of::<Chunk<K, V, S>>() + self.capacity * size_of::<(K, V)>()
    }

    /// Where a key stands (`Ok`), or belongs: behind that place's predecessor, in its chunk.
    fn search<Q: Ord + ?Sized>(&self, key: &Q) -> Result<Position, Position>
    where
        K: Borrow<Q>,
    {
        let chunk = self.chunks.partition_point(|chunk| chunk.pairs[0].0.borrow() <= key).saturating_sub(1);
        let Some(Chunk { pairs, .. }) = self.chunks.get(chunk) else { return Err(Position { chunk, index: 0 }) };
        match pairs.binary_search_by(|pair| pair.0.borrow().cmp(key)) {
            Ok(index) => Ok(Position { chunk, index }),
            Err(index) => Err(Position { chunk, index }),
        }
    }

    /// The value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.search(key).ok().map(|at| self.at(at).1)
    }

    /// The value of a key, to change.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.search(key).ok().map(|at| self.at_mut(at))
    }

    /// Where the first pair stands.
    pub fn first(&self) -> Option<Position> {
        self.checked(Position { chunk: 0, index: 0 })
    }

    /// Where the last pair stands.
    pub fn last(&self) -> Option<Position> {
        let chunk = self.chunks.len().checked_sub(1)?;
        Some(Position { chunk, index: self.chunks[chunk].pairs.len() - 1 })
    }

    /// Where the last pair with a key not above this one stands.
    pub fn floor<Q: Ord + ?Sized>(&self, key: &Q) -> Option<Position>
    where
        K: Borrow<Q>,
    {
        match self.search(key) {
            Ok(at) => Some(at),
            Err(at) => self.previous(at),
        }
    }

    /// Where the first pair with a key not below this one stands.
    pub fn ceiling<Q: Ord + ?Sized>(&self, key: &Q) -> Option<Position>
    where
        K: Borrow<Q>,
    {
        match self.search(key) {
            Ok(at) => Some(at),
            Err(at) => self.checked(at),
        }
    }

    /// A place within or behind a chunk as that of a pair.
    fn checked(&self, at: Position) -> Option<Position> {
        if at.index < self.chunks.get(at.chunk)?.pairs.len() {
            return Some(at);
        }
        (at.chunk + 1 < self.chunks.len()).then_some(Position { chunk: at.chunk + 1, index: 0 })
    }

    /// The place of the following pair.
    pub fn next(&self, at: Position) -> Option<Position> {
        self.checked(Position { index: at.index + 1, ..at })
    }

    /// The place of the pair before.
    pub fn previous(&self, at: Position) -> Option<Position> {
        if let Some(index) = at.index.checked_sub(1) {
            return Some(Position { index, ..at });
        }
        let chunk = at.chunk.checked_sub(1)?;
        Some(Position { chunk, index: self.chunks[chunk].pairs.len() - 1 })
    }

    /// The pair at a place.
    pub fn at(&self, at: Position) -> (&K, &V) {
        let (key, value) = &self.chunks[at.chunk].pairs[at.index];
        (key, value)
    }

    /// The value at a place, to change.
    pub fn at_mut(&mut self, at: Position) -> &mut V {
        &mut self.chunks[at.chunk].change()[at.index].1
    }

    /// The pairs from a place on.
    pub fn iter_from(&self, from: Option<Position>) -> impl Iterator<Item = (&K, &V)> {
        let mut next = from;
        std::iter::from_fn(move || {
            let at = next?;
            next = self.next(at);
            Some(self.at(at))
        })
    }

    /// All pairs in order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.chunks.iter().flat_map(|chunk| &chunk.pairs).map(|(key, value)| (key, value))
    }

    /// Adds a pair, or replaces the value of its key and returns the old one. Moves at most one chunk.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.search(&key) {
            Ok(at) => Some(std::mem::replace(self.at_mut(at), value)),
            Err(at) => {
                self.insert_at(at, key, value);
                None
            }
        }
    }

    fn insert_at(&mut self, at: Position, key: K, value: V) {
        let Position { mut chunk, mut index } = at;
        self.len += 1;
        let at_end = chunk + 1 >= self.chunks.len();
        match self.chunks.get(chunk).map(|chunk| chunk.pairs.len()) {
            None => self.add_chunk(0, Vec::with_capacity(1)),
            Some(CHUNK) if index == CHUNK && at_end => {
                self.chunks[chunk].sum();
                (chunk, index) = (chunk + 1, 0);
                self.add_chunk(chunk, Vec::with_capacity(1));
            }
            Some(CHUNK) => {
                let upper = self.change(chunk, |pairs| pairs.split_off(CHUNK / 2));
                self.add_chunk(chunk + 1, upper);
                if index > CHUNK / 2 {
                    (chunk, index) = (chunk + 1, index - CHUNK / 2);
                }
            }
            Some(_) => {}
        }
        self.change(chunk, |pairs| {
            if pairs.len() == pairs.capacity() {
                pairs.reserve_exact(pairs.len().clamp(1, CHUNK - pairs.len()));
            }
            pairs.insert(index, (key, value));
        });
    }

    fn add_chunk(&mut self, at: usize, pairs: Vec<(K, V)>) {
        self.capacity += pairs.capacity();
        self.chunks.insert(at, Chunk::new(pairs));
    }

    fn remove_chunk(&mut self, at: usize) -> Vec<(K, V)> {
        let Chunk { pairs, .. } = self.chunks.remove(at).expect("the chunk was found before");
        self.capacity -= pairs.capacity();
        if self.chunks.capacity() > 16 && self.chunks.len() < self.chunks.capacity() / 4 {
            self.chunks.shrink_to(self.chunks.len() * 2);
        }
        pairs
    }

    /// Changes one chunk and keeps the count of its room.
    fn change<R>(&mut self, chunk: usize, change: impl FnOnce(&mut Vec<(K, V)>) -> R) -> R {
        let pairs = self.chunks[chunk].change();
        self.capacity -= pairs.capacity();
        let result = change(pairs);
        self.capacity += pairs.capacity();
        result
    }

    /// Removes a key. Moves at most one chunk and a half.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.search(key).ok().map(|at| self.remove_at(at))
    }

    /// Removes the pair at a place. Moves at most one chunk and a half.
    pub fn remove_at(&mut self, at: Position) -> V {
        self.len -= 1;
        let (_, value) = self.change(at.chunk, |pairs| pairs.remove(at.index));
        self.tidy(at.chunk);
        value
    }

    /// Drops a chunk that became empty, gives back its room, or joins it with its neighbours when both are nearly empty.
    fn tidy(&mut self, chunk: usize) {
        let len = self.chunks[chunk].pairs.len();
        if len == 0 {
            self.remove_chunk(chunk);
            return;
        }
        if len > CHUNK / 4 {
            return;
        }
        for first in [chunk, chunk.wrapping_sub(1)] {
            let small = |at: usize| self.chunks.get(at).map_or(CHUNK, |chunk| chunk.pairs.len());
            if small(first) + small(first.wrapping_add(1)) <= CHUNK / 2 {
                let mut upper = self.remove_chunk(first + 1);
                self.change(first, |pairs| pairs.append(&mut upper));
                return;
            }
        }
        self.change(chunk, |pairs| {
            if pairs.capacity() >= 4 * len {
                pairs.shrink_to(2 * len);
            }
        });
    }

    /// The pairs of the first chunk, in order.
    pub fn front(&self) -> &[(K, V)] {
        self.chunks.front().map_or(&[], |chunk| &chunk.pairs)
    }

    /// The sum of the first chunk.
    pub fn front_sum(&self) -> Option<&S> {
        self.sums().next()
    }

    /// The sums of all chunks, in order.
    pub fn sums(&self) -> impl Iterator<Item = &S> {
        self.chunks.iter().map(Chunk::sum)
    }

    /// Takes the first `count` pairs of the first chunk out; all of them cost no more than one.
    pub fn take_front(&mut self, count: usize) -> Vec<(K, V)> {
        let len = self.front().len();
        if len == 0 {
            return Vec::new();
        }
        self.len -= count;
        if count == len {
            return self.remove_chunk(0);
        }
        let taken = self.change(0, |pairs| pairs.drain(..count).collect());
        if count > 0 {
            self.tidy(0);
        }
        taken
    }

    /// A map of chunks that `take_front` gave, in that order.
    pub fn from_chunks(chunks: impl IntoIterator<Item = Vec<(K, V)>>) -> Self {
        let filled = chunks.into_iter().filter(|pairs| !pairs.is_empty());
        let chunks: VecDeque<Chunk<K, V, S>> = filled.map(Chunk::new).collect();
        let count = |of: fn(&Vec<(K, V)>) -> usize| chunks.iter().map(|chunk| of(&chunk.pairs)).sum();
        let (len, capacity) = (count(Vec::len), count(Vec::capacity));
        Ordered { chunks, len, capacity }
    }

    /// Keeps the pairs that are wanted. O(n), in one walk: much faster than as many removals.
    pub fn retain(&mut self, mut wanted: impl FnMut(&K, &V) -> bool) {
        let mut kept: Vec<Vec<(K, V)>> = Vec::new();
        for Chunk { mut pairs, .. } in std::mem::take(&mut self.chunks) {
            pairs.retain(|(key, value)| wanted(key, value));
            match kept.last_mut() {
                Some(last) if last.len() + pairs.len() <= CHUNK => last.append(&mut pairs),
                _ => kept.push(pairs),
            }
        }
        *self = Ordered::from_chunks(kept);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::StreamId;
    use super::super::log::Run;
    use super::super::node::Node;
    use super::*;
    use proptest::prelude::*;

    /// All values of a chunk together.
    struct Total(u64);

    impl Sum<u32, u32> for Total {
        fn of(pairs: &[(u32, u32)]) -> Self {
            Total(pairs.iter().map(|pair| u64::from(pair.1)).sum())
        }
    }

    fn agrees(map: &Ordered<u32, u32, Total>, model: &BTreeMap<u32, u32>, key: u32) {
        assert_eq!((map.len(), map.is_empty()), (model.len(), model.is_empty()));
        assert_eq!(map.get(&key), model.get(&key));
        let pair = |at: Option<Position>| at.map(|at| map.at(at));
        assert_eq!(pair(map.floor(&key)), model.range(..=key).next_back());
        assert_eq!(pair(map.ceiling(&key)), model.range(key..).next());
        assert_eq!(pair(map.first()), model.iter().next());
        assert_eq!(pair(map.last()), model.iter().next_back());
        let room: usize = map.chunks.iter().map(|chunk| chunk.pairs.capacity()).sum();
        assert_eq!(map.capacity, room);
        assert!(map.chunks.iter().all(|chunk| !chunk.pairs.is_empty() && chunk.pairs.len() <= CHUNK));
        assert_eq!(map.sums().map(|sum| sum.0).sum::<u64>(), model.values().map(|value| u64::from(*value)).sum());
    }

    proptest! {
        #[test]
        fn is_a_sorted_map(edits in proptest::collection::vec((0..10u8, 0..1500u32, 1..300u32), 0..60)) {
            let (mut map, mut model, mut end) = (Ordered::default(), BTreeMap::new(), 2000);
            for (edit, key, count) in edits {
                if edit == 8 {
                    map.retain(|key, value| key % 4 > 0 && *value < count);
                    model.retain(|key, value| key % 4 > 0 && *value < count);
                }
                for step in 0..count {
                    let key = (key + step * 7) % 1500;
                    match edit {
                        0..3 => prop_assert_eq!(map.insert(key, step), model.insert(key, step)),
                        3 => {
                            end += 1;
                            prop_assert_eq!(map.insert(end, step), model.insert(end, step));
                        }
                        4 => prop_assert_eq!(map.remove(&(end - step)), model.remove(&(end - step))),
                        8 => break,
                        9 => {
                            if let (Some(value), Some(same)) = (map.get_mut(&key), model.get_mut(&key)) {
                                (*value, *same) = (step, step);
                            }
                        }
                        5 => {
                            let taken = map.take_front((step as usize).min(map.front().len()));
                            for (key, value) in taken {
                                prop_assert_eq!(model.pop_first(), Some((key, value)));
                            }
                        }
                        _ => prop_assert_eq!(map.remove(&key), model.remove(&key)),
                    }
                }
                agrees(&map, &model, key);
            }
            prop_assert!(map.iter().eq(model.iter()));
            prop_assert!(map.iter_from(map.ceiling(&700)).eq(model.range(700..)));
            let mut back = map.last();
            for (key, value) in model.iter().rev() {
                prop_assert_eq!(map.at(back.unwrap()), (key, value));
                back = map.previous(back.unwrap());
            }
            prop_assert_eq!(back, None);
            agrees(&map.clone(), &model, 700);
        }
    }

    // What the head of this file says of the bytes of a chunk.
    const _: () = assert!(size_of::<Chunk<StreamId, (), ()>>() == 32);
    const _: () = assert!(size_of::<Chunk<StreamId, Node, Run>>() == 112);

    #[test]
    fn fills_its_chunks_when_it_grows_at_the_end() {
        let mut map: Ordered<u64, ()> = Ordered::default();
        (0..100_000u64).for_each(|key| assert!(map.insert(key, ()).is_none()));
        assert!(map.heap_bytes() < 100_000 * 8 * 108 / 100, "{} bytes", map.heap_bytes());
        while !map.is_empty() {
            map.take_front(map.front().len());
        }
        assert!(map.heap_bytes() < 1000);
    }
}
