//! Bytes that grow and shrink at both ends without moving: what a list's node is made of.
//!
//! Unlike in a `Vec`, there may be room before the bytes as well. An edit moves the shorter of the two sides, so that with a
//! packed collection in it both ends cost the same: at the front only the count moves.

use std::ops::Range;

use super::{ByteStore, fill};

/// The least and the most room to grow in. An edit that finds none copies all bytes.
const SPARE_BYTES_MIN: usize = 16;
const SPARE_BYTES_MAX: usize = 1024;

/// Bytes with room on both sides.
#[derive(Debug, Default)]
pub struct Gapped {
    /// Room, then the bytes. The room behind is the rest of the capacity.
    buf: Vec<u8>,
    start: usize,
}

impl Gapped {
    /// Bytes without room beside them.
    pub fn new(bytes: Vec<u8>) -> Gapped {
        Gapped { buf: bytes, start: 0 }
    }

    /// Bytes that it takes on the heap.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.buf.capacity()
    }

    /// The bytes alone.
    pub fn into_vec(mut self) -> Vec<u8> {
        self.buf.drain(..self.start);
        self.buf
    }

    #[inline]
    fn len(&self) -> usize {
        self.buf.len() - self.start
    }

    /// Gives back the room on both sides.
    pub fn trim(&mut self) {
        if self.capacity() > self.len() {
            self.move_out(0, 0);
        }
    }

    /// Moves the bytes to an allocation with this room.
    #[cold]
    fn move_out(&mut self, before: usize, behind: usize) {
        let mut buf = Vec::with_capacity(before + self.len() + behind);
        buf.resize(before, 0);
        buf.extend_from_slice(self.bytes());
        *self = Gapped { buf, start: before };
    }

    /// Makes room for `count` more bytes before the others.
    fn make_room_before(&mut self, count: usize) {
        if count > self.start {
            self.move_out(count + spare(self.len() + count), 0);
        }
    }

    /// Makes room for `count` more bytes behind the others.
    fn make_room_behind(&mut self, count: usize) {
        if count <= self.buf.capacity() - self.buf.len() {
            return;
        }
        let room = count + spare(self.len() + count);
        if room <= self.start {
            // A queue wanders through its buffer, and begins anew once there is enough room before it.
            self.buf.copy_within(self.start.., 0);
            self.buf.truncate(self.len());
            self.start = 0;
        } else {
            self.buf.reserve_exact(room);
        }
    }
}

/// Room beside `len` bytes for what comes next.
fn spare(len: usize) -> usize {
    (len / 8).clamp(SPARE_BYTES_MIN, SPARE_BYTES_MAX)
}

impl ByteStore for Gapped {
    #[inline]
    fn bytes(&self) -> &[u8] {
        &self.buf[self.start..]
    }

    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.buf[self.start..]
    }

    fn replace(&mut self, range: Range<usize>, pieces: &[&[u8]]) {
        let added: usize = pieces.iter().map(|piece| piece.len()).sum();
        let (len, removed) = (self.len(), range.len());
        let after = len - removed + added;
        if range.start < len - range.end {
            self.make_room_before(added.saturating_sub(removed));
            let start = self.start + removed - added;
            self.buf.copy_within(self.start..self.start + range.start, start);
            self.start = start;
        } else {
            self.make_room_behind(added.saturating_sub(removed));
            let (from, to) = (self.start + range.end, self.start + range.start + added);
            self.buf.resize(self.buf.len().max(self.start + after), 0);
            self.buf.copy_within(from..self.start + len, to);
            self.buf.truncate(self.start + after);
        }
        fill(&mut self.buf[self.start + range.start..], pieces);
        if self.capacity() > 2 * after + SPARE_BYTES_MAX {
            self.move_out(0, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_a_vec(edits in proptest::collection::vec((any::<u16>(), any::<u16>(), 0..40usize, any::<bool>()), 0..300)) {
            let (mut gapped, mut model) = (Gapped::default(), Vec::new());
            for (byte, (from, to, added, few)) in edits.into_iter().enumerate() {
                let start = from as usize % (model.len() + 1);
                let most = if few { 3 } else { usize::MAX };
                let end = start + (to as usize % (model.len() - start + 1)).min(most);
                let piece = vec![byte as u8; added];
                let (left, right) = piece.split_at(added / 3);
                gapped.replace(start..end, &[left, right]);
                model.splice(start..end, piece.iter().copied());
                prop_assert_eq!(gapped.bytes(), &model[..]);
                prop_assert!(gapped.capacity() >= model.len() && gapped.capacity() <= 2 * model.len() + SPARE_BYTES_MAX);
            }
            prop_assert_eq!(&Gapped { buf: gapped.buf.clone(), start: gapped.start }.into_vec(), &model);
            gapped.trim();
            prop_assert_eq!(gapped.bytes(), &model[..]);
            prop_assert_eq!(gapped.capacity(), model.len());
        }
    }

    #[test]
    fn a_queue_keeps_its_buffer() {
        for front_to_back in [true, false] {
            let mut gapped = Gapped::new(vec![1; 200]);
            for _ in 0..10_000 {
                let (enter, leave) = if front_to_back { (0..0, 200..203) } else { (200..200, 0..3) };
                gapped.replace(enter, &[b"abc"]);
                gapped.replace(leave, &[]);
            }
            assert!(gapped.len() == 200 && gapped.capacity() < 1000, "{} bytes", gapped.capacity());
        }
    }
}
