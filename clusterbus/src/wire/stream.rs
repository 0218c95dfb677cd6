//! From received bytes to frames: what a link keeps of what it has not read.
//!
//! §7.7. A length that a peer announces reserves nothing: the buffer grows with what arrived, by doubling up to a mebibyte and by
//! mebibytes above, and goes back to its first size after a large frame.

use super::header::{HEADER_BYTES, SIGNATURE};
use super::kind::Kind;
use crate::faults::{Fault, planted};

/// Bytes of the buffer at first.
const BUFFER_BYTES: usize = 1024;
/// The greatest step by which it grows, and the size up to which it doubles.
const STEP_BYTES: usize = 1024 * 1024;
/// Bytes that say how long a frame is, and those that say its type as well.
const LENGTH_BYTES: usize = 8;
const KIND_BYTES: usize = 14;

/// How long frames may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameLimits {
    /// With messages of clients, in bytes.
    pub publication_bytes: usize,
    /// Others.
    pub other_bytes: usize,
}

impl FrameLimits {
    /// What the protocol can say.
    pub const PROTOCOL: FrameLimits =
        FrameLimits { publication_bytes: u32::MAX as usize, other_bytes: u32::MAX as usize };
    /// What a node has a use for: a message of 64 MiB, and gossip about 20,000 nodes.
    pub const CLAMPED: FrameLimits =
        FrameLimits { publication_bytes: HEADER_BYTES + 64 * 1024 * 1024, other_bytes: 2 * 1024 * 1024 };

    /// The limit of a type. An unknown one is an other.
    fn of(&self, kind: u16) -> usize {
        match Kind::of_number(kind) {
            Some(kind) if kind.is_publication() => self.publication_bytes,
            _ => self.other_bytes,
        }
    }
}

/// Why a link is to be closed: it cannot be told where the next frame would begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// No frame begins here.
    #[error("not a frame of the bus")]
    Signature,
    /// It is shorter than a header.
    #[error("a frame shorter than its header")]
    Short,
    /// It is longer than what is allowed.
    #[error("a frame longer than allowed")]
    Long,
}

/// What arrived on a link and is not read yet.
#[derive(Clone, Debug)]
pub struct FrameStream {
    limits: FrameLimits,
    buffer: Vec<u8>,
    /// Bytes at the front that were given out as a frame.
    read: usize,
}

impl FrameStream {
    /// A link on which nothing arrived.
    pub const fn new(limits: FrameLimits) -> Self {
        Self { limits, buffer: Vec::new(), read: 0 }
    }

    /// Takes what arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.forget_read();
        let needed = self.buffer.len() + bytes.len();
        if needed > self.buffer.capacity() {
            let stepped = if needed <= STEP_BYTES {
                needed.next_power_of_two().max(BUFFER_BYTES)
            } else {
                needed.next_multiple_of(STEP_BYTES)
            };
            self.buffer.reserve_exact(stepped - self.buffer.len());
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The bytes of the next frame; none if it is not all there. After an error the stream has nothing more to say.
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>, StreamError> {
        let unread = &self.buffer[self.read..];
        let Some((head, _)) = unread.split_at_checked(LENGTH_BYTES) else {
            return Ok(None);
        };
        let (signature, length) = head.split_at(SIGNATURE.len());
        if signature != SIGNATURE {
            return Err(StreamError::Signature);
        }
        let length = u32::from_be_bytes(length.try_into().expect("eight bytes without four are four")) as usize;
        if length < HEADER_BYTES {
            return Err(StreamError::Short);
        }
        let Some(&[high, low]) = unread.get(KIND_BYTES - 2..KIND_BYTES) else {
            return Ok(None);
        };
        if length > self.limits.of(u16::from_be_bytes([high, low])) {
            return Err(StreamError::Long);
        }
        if planted(Fault::LengthReserved) {
            self.buffer.reserve(length.min(STEP_BYTES * 16));
            return Ok(None);
        }
        if unread.len() < length {
            return Ok(None);
        }
        let begin = self.read;
        self.read += length;
        Ok(Some(&self.buffer[begin..begin + length]))
    }

    /// Bytes that the buffer takes.
    pub fn memory_bytes(&self) -> usize {
        self.buffer.capacity()
    }

    /// Drops what was given out, and the space that only a large frame needed.
    fn forget_read(&mut self) {
        self.buffer.drain(..self.read);
        self.read = 0;
        if self.buffer.len() <= BUFFER_BYTES {
            self.buffer.shrink_to(BUFFER_BYTES);
        }
    }
}

#[cfg(test)]
#[allow(non_snake_case)]
pub(crate) mod tests {
    use super::*;

    /// Something that looks like a frame of this type and length.
    fn frame(kind: Kind, length: usize) -> Vec<u8> {
        let mut bytes = vec![0xab; length];
        bytes[..4].copy_from_slice(&SIGNATURE);
        bytes[4..8].copy_from_slice(&(length as u32).to_be_bytes());
        bytes[12..14].copy_from_slice(&kind.number().to_be_bytes());
        bytes
    }

    #[test]
    pub(crate) fn FR_P2C_007_U010_frames_come_out_however_they_arrive() {
        let mut rng = fastrand::Rng::with_seed(10);
        for _ in 0..200 {
            let lengths: Vec<usize> = (0..rng.usize(1..6)).map(|_| rng.usize(HEADER_BYTES..12_000)).collect();
            let frames: Vec<Vec<u8>> = lengths.iter().map(|&length| frame(Kind::Publish, length)).collect();
            let all = frames.concat();
            let (mut stream, mut at, mut got) = (FrameStream::new(FrameLimits::CLAMPED), 0, Vec::new());
            while at < all.len() {
                let piece = rng.usize(1..=4352).min(all.len() - at);
                stream.push(&all[at..at + piece]);
                at += piece;
                while let Some(frame) = stream.next_frame().expect("well-formed") {
                    got.push(frame.to_vec());
                }
            }
            assert_eq!(got, frames);
        }
    }

    #[test]
    pub(crate) fn FR_P2C_007_U010_what_closes_a_link() {
        let limits = FrameLimits { publication_bytes: 9_000, other_bytes: 5_000 };
        let verdict = |bytes: &[u8]| {
            let mut stream = FrameStream::new(limits);
            stream.push(bytes);
            stream.next_frame().map(|frame| frame.map(<[u8]>::len))
        };
        assert_eq!(verdict(b"RCmb\xff\xff"), Ok(None));
        assert_eq!(verdict(b"GET / HTTP"), Err(StreamError::Signature));
        assert_eq!(verdict(b"RCmb\0\0\x08\xcf"), Err(StreamError::Short), "2255 bytes");
        assert_eq!(verdict(&frame(Kind::Ping, HEADER_BYTES)), Ok(Some(HEADER_BYTES)));
        for (kind, limit) in [(Kind::Publish, 9_000), (Kind::PublishShard, 9_000), (Kind::Ping, 5_000)] {
            assert_eq!(verdict(&frame(kind, limit)), Ok(Some(limit)));
            // Said to be too long: it is not waited for.
            assert_eq!(verdict(&frame(kind, limit + 1)[..KIND_BYTES]), Err(StreamError::Long));
        }
    }

    #[test]
    pub(crate) fn FR_P2C_007_U010_announced_lengths_reserve_nothing() {
        let mut huge = frame(Kind::Publish, HEADER_BYTES);
        huge[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
        let mut stream = FrameStream::new(FrameLimits::PROTOCOL);
        stream.push(&huge);
        assert_eq!(stream.next_frame(), Ok(None));
        assert!(stream.memory_bytes() <= 4 * BUFFER_BYTES);
        let large = frame(Kind::Publish, 3 * STEP_BYTES + 5);
        let mut stream = FrameStream::new(FrameLimits::CLAMPED);
        for (piece, arrived) in large.chunks(4352).zip((4352..).step_by(4352)) {
            stream.push(piece);
            assert!(stream.memory_bytes() < (2 * arrived).max(BUFFER_BYTES).min(arrived + STEP_BYTES) + 1, "{arrived}");
        }
        assert_eq!(stream.next_frame().map(|frame| frame.map(<[u8]>::len)), Ok(Some(large.len())));
        stream.push(b"R");
        assert_eq!(stream.memory_bytes(), BUFFER_BYTES);
    }
}
