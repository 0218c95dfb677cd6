//! A first-in first-out queue of handles in pieces, so that no push moves what is already there.
//!
//! A ring of ten million handles would double in one push, which takes tens of milliseconds. Here a push allocates at most one
//! piece, and the list of pieces is short.

use std::collections::VecDeque;

/// Handles in a piece.
const PIECE: usize = 512;

/// A queue of handles.
#[derive(Clone, Debug)]
pub(crate) struct Fifo<H> {
    pieces: VecDeque<Vec<H>>,
    /// Handles of the first piece that have left.
    gone: usize,
    len: usize,
}

impl<H: Copy> Default for Fifo<H> {
    fn default() -> Self {
        Self { pieces: VecDeque::new(), gone: 0, len: 0 }
    }
}

impl<H: Copy> Fifo<H> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes on the heap. O(1).
    pub(crate) fn heap_bytes(&self) -> usize {
        self.pieces.capacity() * size_of::<Vec<H>>() + self.pieces.len() * PIECE * size_of::<H>()
    }

    /// Frees up to `max` pieces with what is in them, for giving the queue up step by step. Says how many.
    pub(crate) fn free_pieces(&mut self, max: usize) -> usize {
        let freed = max.min(self.pieces.len());
        self.pieces.drain(..freed);
        self.gone = 0;
        self.len = match self.pieces.back() {
            Some(last) => (self.pieces.len() - 1) * PIECE + last.len(),
            None => 0,
        };
        if self.pieces.is_empty() {
            self.pieces = VecDeque::new();
        }
        freed
    }

    /// Puts a handle at the end.
    pub(crate) fn push(&mut self, handle: H) {
        if self.pieces.back().is_none_or(|piece| piece.len() == PIECE) {
            self.pieces.push_back(Vec::with_capacity(PIECE));
        }
        self.pieces.back_mut().expect("there is a piece with room").push(handle);
        self.len += 1;
    }

    /// Takes the first handle.
    pub(crate) fn pop(&mut self) -> Option<H> {
        let piece = self.pieces.front()?;
        let handle = piece[self.gone];
        self.gone += 1;
        self.len -= 1;
        if self.gone == piece.len() {
            // The last piece may have room left; with nothing in it, it is given up all the same.
            self.pieces.pop_front();
            self.gone = 0;
        }
        Some(handle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_in_first_out() {
        let mut rng = fastrand::Rng::with_seed(1);
        let (mut fifo, mut model) = (Fifo::default(), VecDeque::new());
        for step in 0..50_000u32 {
            // Grows, and shrinks to nothing, several times.
            let grows = step % 10_000 < 4_000;
            if rng.u8(..4) < if grows { 3 } else { 1 } {
                fifo.push(step);
                model.push_back(step);
            } else {
                assert_eq!(fifo.pop(), model.pop_front());
            }
            assert_eq!(fifo.len(), model.len());
            let pieces = fifo.pieces.iter().map(|piece| piece.capacity() * size_of::<u32>()).sum::<usize>();
            assert_eq!(fifo.heap_bytes(), pieces + fifo.pieces.capacity() * size_of::<Vec<u32>>());
        }
        for number in 0..5_000 {
            fifo.push(number);
            model.push_back(number);
        }
        while !model.is_empty() {
            let left = fifo.len();
            let freed = fifo.free_pieces(3);
            assert!(freed <= 3 && fifo.len() + freed * PIECE >= left);
            model.drain(..left - fifo.len());
            assert_eq!(fifo.pieces.iter().flatten().copied().collect::<Vec<_>>(), Vec::from(model.clone()));
        }
        assert_eq!((fifo.free_pieces(3), fifo.len(), fifo.heap_bytes()), (0, 0, 0));
    }
}
