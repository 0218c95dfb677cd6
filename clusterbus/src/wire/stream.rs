//! From received bytes to frames: what a link keeps of what it has not read.
//!
//! §7.7. A length that a peer announces reserves nothing: the buffer grows with what arrived, by doubling up to a mebibyte and by
//! mebibytes above, and goes back to its first size after a large frame. A frame may be as long as the protocol can say, in both modes, as
//! it may with Redis; but what is too long to say anything is not kept: it is dropped as it comes, and the next frame is read.

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

/// How long a frame can be.
pub const FRAME_BYTES_MAX: usize = u32::MAX as usize;
/// The longest frame that is kept though it has no message of clients: gossip about 20,000 nodes. No kind but gossip comes near it, nor do
/// strangers have more to say.
const KEPT_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Up to which length a frame is kept until it is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameLimits {
    /// With messages of clients, in bytes.
    publication_bytes: usize,
    /// Others.
    other_bytes: usize,
}

impl FrameLimits {
    /// On a link of a member. Its messages may be of any length: what is kept on all links together has a bound of its own.
    pub const MEMBER: FrameLimits = FrameLimits { publication_bytes: FRAME_BYTES_MAX, other_bytes: KEPT_BYTES_MAX };
    /// On a link of somebody else, whose messages count for nothing.
    pub const STRANGER: FrameLimits = FrameLimits { publication_bytes: KEPT_BYTES_MAX, other_bytes: KEPT_BYTES_MAX };

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
}

/// What has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrived<'a> {
    /// The bytes of a frame, all of them.
    Frame(&'a [u8]),
    /// The beginning of a frame that is too long to be kept. None of it will be seen.
    TooLong,
}

/// What arrived on a link and is not read yet.
#[derive(Clone, Debug, Default)]
pub struct FrameStream {
    buffer: Vec<u8>,
    /// Bytes at the front that were given out as a frame.
    read: usize,
    /// Bytes that are to come of a frame that is not kept.
    dropped: usize,
}

impl FrameStream {
    /// Takes what arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.forget_read();
        let dropped = self.dropped.min(bytes.len());
        self.dropped -= dropped;
        let bytes = &bytes[dropped..];
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

    /// The next frame; none if it is not all there. After an error the stream has nothing more to say.
    pub fn next_frame(&mut self, limits: FrameLimits) -> Result<Option<Arrived<'_>>, StreamError> {
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
        if length > limits.of(u16::from_be_bytes([high, low])) {
            let arrived = unread.len().min(length);
            self.read += arrived;
            self.dropped = length - arrived;
            return Ok(Some(Arrived::TooLong));
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
        Ok(Some(Arrived::Frame(&self.buffer[begin..begin + length])))
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
        let limits = FrameLimits { publication_bytes: 9_000, other_bytes: 5_000 };
        for _ in 0..200 {
            let any = |_| (if rng.bool() { Kind::Publish } else { Kind::Ping }, rng.usize(HEADER_BYTES..12_000));
            let frames: Vec<(Kind, usize)> = (0..6).map(any).collect();
            let all: Vec<u8> = frames.iter().flat_map(|(kind, length)| frame(*kind, *length)).collect();
            let kept = |(kind, length): &(Kind, usize)| (*length <= limits.of(kind.number())).then_some(*length);
            let expected: Vec<Option<usize>> = frames.iter().map(kept).collect();
            let (mut stream, mut at, mut got) = (FrameStream::default(), 0, Vec::new());
            while at < all.len() {
                let piece = rng.usize(1..=4352).min(all.len() - at);
                stream.push(&all[at..at + piece]);
                at += piece;
                while let Some(arrived) = stream.next_frame(limits).expect("well-formed") {
                    got.push(match arrived {
                        Arrived::Frame(frame) => Some(frame.len()),
                        Arrived::TooLong => None,
                    });
                }
            }
            assert_eq!(got, expected);
        }
    }

    #[test]
    pub(crate) fn FR_P2C_007_U010_what_closes_a_link() {
        let verdict = |bytes: &[u8]| {
            let mut stream = FrameStream::default();
            stream.push(bytes);
            stream.next_frame(FrameLimits::STRANGER).map(|arrived| arrived.is_some())
        };
        assert_eq!(verdict(b"RCmb\xff\xff"), Ok(false));
        assert_eq!(verdict(b"GET / HTTP"), Err(StreamError::Signature));
        assert_eq!(verdict(b"RCmb\0\0\x08\xcf"), Err(StreamError::Short), "2255 bytes");
        assert_eq!(verdict(&frame(Kind::Ping, HEADER_BYTES)), Ok(true));
    }

    #[test]
    pub(crate) fn FR_P2C_007_U010_what_is_too_long_is_dropped_as_it_comes() {
        let kinds = [(Kind::Ping, false), (Kind::Module, false), (Kind::Publish, true), (Kind::PublishShard, true)];
        for (limits, member) in [(FrameLimits::MEMBER, true), (FrameLimits::STRANGER, false)] {
            for (kind, message) in kinds {
                let mut stream = FrameStream::default();
                let mut huge = frame(kind, HEADER_BYTES);
                huge[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
                stream.push(&huge[..KIND_BYTES]);
                if member && message {
                    assert_eq!(stream.next_frame(limits), Ok(None), "it is waited for");
                    continue;
                }
                assert_eq!(stream.next_frame(limits), Ok(Some(Arrived::TooLong)));
                let mut left = FRAME_BYTES_MAX - KIND_BYTES;
                let piece = vec![0; 64 * STEP_BYTES];
                while left > 0 {
                    let length = left.min(piece.len());
                    stream.push(&piece[..length]);
                    left -= length;
                    assert_eq!(stream.next_frame(limits), Ok(None));
                    assert!(stream.memory_bytes() <= BUFFER_BYTES);
                }
                let next = frame(Kind::Ping, HEADER_BYTES);
                stream.push(&next);
                assert_eq!(stream.next_frame(limits), Ok(Some(Arrived::Frame(&next))));
            }
        }
    }

    #[test]
    pub(crate) fn FR_P2C_007_U010_announced_lengths_reserve_nothing() {
        let mut huge = frame(Kind::Publish, HEADER_BYTES);
        huge[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
        let mut stream = FrameStream::default();
        stream.push(&huge);
        assert_eq!(stream.next_frame(FrameLimits::MEMBER), Ok(None));
        assert!(stream.memory_bytes() <= 4 * BUFFER_BYTES);
        let large = frame(Kind::Publish, 3 * STEP_BYTES + 5);
        let mut stream = FrameStream::default();
        for (piece, arrived) in large.chunks(4352).zip((4352..).step_by(4352)) {
            stream.push(piece);
            assert!(stream.memory_bytes() < (2 * arrived).max(BUFFER_BYTES).min(arrived + STEP_BYTES) + 1, "{arrived}");
        }
        assert_eq!(stream.next_frame(FrameLimits::MEMBER), Ok(Some(Arrived::Frame(&large))));
        stream.push(b"R");
        assert_eq!(stream.memory_bytes(), BUFFER_BYTES);
    }
}
