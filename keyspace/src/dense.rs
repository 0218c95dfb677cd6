//! A list in chunks: growing never moves what it holds, and a gap is filled with the last value, so it stays dense.
//!
//! Only the last chunk is not full. It doubles up to `CHUNK` values, so a short list is small and no step copies more than half
//! a chunk. The list of chunks itself is the one allocation that grows with the whole: 24 bytes per chunk.

use std::ops::{Index, IndexMut};

/// Values by number, in chunks of `CHUNK`, a power of two.
pub(crate) struct Dense<T, const CHUNK: usize> {
    chunks: Vec<Vec<T>>,
    /// Bytes of the chunks.
    chunk_bytes: usize,
}

/// The room of a new chunk, in values.
const FIRST_ROOM: usize = 2;

impl<T, const CHUNK: usize> Default for Dense<T, CHUNK> {
    fn default() -> Self {
        const { assert!(CHUNK.is_power_of_two() && CHUNK >= FIRST_ROOM) };
        Dense { chunks: Vec::new(), chunk_bytes: 0 }
    }
}

impl<T, const CHUNK: usize> Dense<T, CHUNK> {
    /// Number of values.
    pub(crate) fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    /// Bytes on the heap, without what the values point to.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.chunk_bytes + self.chunks.capacity() * size_of::<Vec<T>>()
    }

    /// Adds a value and tells its number.
    pub(crate) fn push(&mut self, value: T) -> u32 {
        let number = self.len();
        if number.is_multiple_of(CHUNK) {
            self.chunks.push(Vec::new());
        }
        let chunk = self.chunks.last_mut().expect("there is a chunk with room");
        if chunk.len() == chunk.capacity() {
            let before = chunk.capacity();
            let room = (before * 2).clamp(FIRST_ROOM, CHUNK);
            chunk.reserve_exact(room - chunk.len());
            self.chunk_bytes += (chunk.capacity() - before) * size_of::<T>();
        }
        chunk.push(value);
        u32::try_from(number).expect("a list holds fewer than 2^32 values")
    }

    /// Takes the value out and puts the last one in its place.
    pub(crate) fn swap_remove(&mut self, number: u32) -> T {
        let chunk = self.chunks.last_mut().expect("the number is one of a value");
        let value = chunk.pop().expect("no chunk is empty");
        let before = chunk.capacity();
        if chunk.len() * 4 < before {
            chunk.shrink_to(chunk.len() * 2);
        }
        self.chunk_bytes -= (before - chunk.capacity()) * size_of::<T>();
        if chunk.is_empty() {
            self.chunks.pop();
        }
        if number as usize == self.len() { value } else { std::mem::replace(&mut self[number], value) }
    }

    /// All values, in the order of their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }

    /// Takes the last chunk off, for freeing the list step by step.
    pub(crate) fn take_chunk(&mut self) -> Option<Vec<T>> {
        let chunk = self.chunks.pop()?;
        self.chunk_bytes -= chunk.capacity() * size_of::<T>();
        Some(chunk)
    }
}

impl<T, const CHUNK: usize> Index<u32> for Dense<T, CHUNK> {
    type Output = T;

    #[inline]
    fn index(&self, number: u32) -> &T {
        &self.chunks[number as usize / CHUNK][number as usize % CHUNK]
    }
}

impl<T, const CHUNK: usize> IndexMut<u32> for Dense<T, CHUNK> {
    #[inline]
    fn index_mut(&mut self, number: u32) -> &mut T {
        &mut self.chunks[number as usize / CHUNK][number as usize % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_filled_and_bytes_come_back() {
        let mut list: Dense<u64, 8> = Dense::default();
        for value in 0..1000 {
            assert_eq!(list.push(value), value as u32);
        }
        assert!(list.heap_bytes() >= 8000 && list.heap_bytes() < 8000 + 125 * 24 * 2);
        assert_eq!(list.swap_remove(3), 3);
        assert_eq!(list[3], 999);
        for left in (0..999).rev() {
            let last = list.len() as u32 - 1;
            list.swap_remove(last);
            assert_eq!(list.len(), left);
            let chunks: usize = list.chunks.iter().map(|chunk| chunk.capacity() * 8).sum();
            assert_eq!(list.chunk_bytes, chunks);
        }
        assert_eq!(list.chunk_bytes, 0);
        assert!(list.take_chunk().is_none());
    }
}
