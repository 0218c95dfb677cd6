//! Buffers and hops that are empty, kept for the next that need one.

use crate::hop::Hop;

/// Buffers kept for reuse, per core; likewise hops.
const SPARES_MAX: usize = 256;

/// A reply or input buffer larger than this is freed rather than kept, in bytes.
const SPARE_BUFFER_BYTES_MAX: usize = 64 << 10;

/// Room of a new buffer, in bytes.
const BUFFER_BYTES: usize = 4096;

/// What a core keeps for reuse.
#[derive(Default)]
pub(super) struct Spares {
    buffers: Vec<Vec<u8>>,
    hops: Vec<Box<Hop>>,
    bytes: usize,
}

impl Spares {
    /// An empty buffer with some room.
    pub(super) fn buffer(&mut self) -> Vec<u8> {
        self.kept_buffer().unwrap_or_else(|| Vec::with_capacity(BUFFER_BYTES))
    }

    /// An empty buffer, if one is kept.
    pub(super) fn kept_buffer(&mut self) -> Option<Vec<u8>> {
        let buffer = self.buffers.pop()?;
        self.bytes -= buffer.capacity();
        Some(buffer)
    }

    /// Keeps a buffer.
    pub(super) fn keep_buffer(&mut self, mut buffer: Vec<u8>) {
        let fits = buffer.capacity() > 0 && buffer.capacity() <= SPARE_BUFFER_BYTES_MAX;
        if fits && self.buffers.len() < SPARES_MAX {
            buffer.clear();
            self.bytes += buffer.capacity();
            self.buffers.push(buffer);
        }
    }

    /// An empty hop.
    pub(super) fn hop(&mut self) -> Box<Hop> {
        let Some(hop) = self.hops.pop() else { return Box::default() };
        self.bytes -= hop.heap_bytes();
        hop
    }

    /// Keeps a hop.
    pub(super) fn keep_hop(&mut self, mut hop: Box<Hop>) {
        if hop.reset() && self.hops.len() < SPARES_MAX {
            self.bytes += hop.heap_bytes();
            self.hops.push(hop);
        }
    }

    /// Bytes that are kept.
    pub(super) fn heap_bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_those_of_what_is_kept() {
        let mut spares = Spares::default();
        let (small, large) = (Vec::with_capacity(100), Vec::with_capacity(SPARE_BUFFER_BYTES_MAX + 1));
        let room = small.capacity();
        [small, large, Vec::new()].into_iter().for_each(|buffer| spares.keep_buffer(buffer));
        assert_eq!(spares.heap_bytes(), room);
        let hop = spares.hop();
        let with_hop = room + hop.heap_bytes();
        spares.keep_hop(hop);
        assert_eq!(spares.heap_bytes(), with_hop);
        spares.hop();
        assert_eq!((spares.buffer().capacity(), spares.heap_bytes()), (room, 0));
        assert_eq!(spares.buffer().capacity(), BUFFER_BYTES);
        (0..SPARES_MAX + 9).for_each(|_| spares.keep_buffer(Vec::with_capacity(1)));
        assert_eq!(spares.heap_bytes(), spares.buffers.iter().map(Vec::capacity).sum::<usize>());
        assert_eq!(spares.buffers.len(), SPARES_MAX);
    }
}
