//! The members themselves, each stored once: a record of score and bytes, known to the tree and to the table by a handle.
//!
//! Records of one length class (multiples of 8 bytes) stand densely in chunks of their own, so a record is as long as its
//! member needs and removing one leaves no hole: the class's last record takes its place. Whoever holds that one's handle has to
//! be told, which `last_alike` makes possible.
//!
//! ```text
//! offset 0   f64   score
//!        8   u8    length of the member, or OUTSIDE
//!        9         the member's bytes; with OUTSIDE at 12 the u32 number of a member with an allocation of its own
//! ```

use crate::dense::Dense;
use crate::prefetch::prefetch;

/// Names a record: number of the chunk (18 bits) and of the record in it.
pub(super) type Handle = u32;

const LEN_AT: usize = 8;
const MEMBER_AT: usize = 9;
const OUTSIDE_AT: usize = 12;

/// The longest member, in bytes, that its record holds.
const INSIDE_BYTES_MAX: usize = 247;

/// Marks a member that is not in its record.
const OUTSIDE: u8 = 255;

const UNIT_BYTES: usize = 8;
const RECORD_BYTES_MIN: usize = 2 * UNIT_BYTES;
const CLASSES: usize = (MEMBER_AT + INSIDE_BYTES_MAX - RECORD_BYTES_MIN) / UNIT_BYTES + 1;

/// A chunk grows up to this: large enough that the list of chunks stays in a cache, small enough that no step is long.
const CHUNK_BYTES_MAX: usize = 256 << 10;

/// What freeing a chunk weighs in elements: the system may have to take all its memory back.
const CHUNK_WEIGHT: usize = 64;

/// Bits of a handle that number a record in its chunk.
const INDEX_BITS: u32 = 14;

/// The most chunks that handles can tell apart: 64 GiB of records.
const CHUNKS_MAX: usize = 1 << (32 - INDEX_BITS);

const _: () = assert!(CHUNK_BYTES_MAX / RECORD_BYTES_MIN <= 1 << INDEX_BITS);

/// Members outside their records are listed in chunks of this many.
const OUTSIDE_CHUNK: usize = 1024;

struct Chunk {
    bytes: Vec<u8>,
    /// Bytes of each of its records.
    stride: usize,
}

/// A member with an allocation of its own, and the record that it belongs to.
struct Outside {
    member: Box<[u8]>,
    record: Handle,
}

/// All records of one sorted set.
pub(super) struct Records {
    chunks: Vec<Chunk>,
    /// Chunks that hold nothing.
    vacant: Vec<u32>,
    /// The chunks of each length class. All but the last are full, none is empty.
    classes: Box<[Vec<u32>; CLASSES]>,
    outside: Dense<Outside, OUTSIDE_CHUNK>,
    /// Bytes of chunks, of the lists of the classes and of members outside.
    bytes: usize,
}

impl Default for Records {
    fn default() -> Self {
        let classes = Box::new([const { Vec::new() }; CLASSES]);
        Records { chunks: Vec::new(), vacant: Vec::new(), classes, outside: Dense::default(), bytes: 0 }
    }
}

/// The class of records that are this long.
fn class_of(record_bytes: usize) -> usize {
    record_bytes.max(RECORD_BYTES_MIN).div_ceil(UNIT_BYTES) - RECORD_BYTES_MIN / UNIT_BYTES
}

fn stride_of(class: usize) -> usize {
    class * UNIT_BYTES + RECORD_BYTES_MIN
}

impl Records {
    /// Bytes on the heap. O(1).
    pub(super) fn heap_bytes(&self) -> usize {
        let lists = self.chunks.capacity() * size_of::<Chunk>() + self.vacant.capacity() * 4;
        self.bytes + lists + size_of::<[Vec<u32>; CLASSES]>() + self.outside.heap_bytes()
    }

    /// Whether handles may run out for so many more members.
    pub(super) fn has_room(&self, members: usize) -> bool {
        // A chunk of the longest records holds this many, and every class may have to begin one.
        let chunks = members / (CHUNK_BYTES_MAX / (MEMBER_AT + INSIDE_BYTES_MAX)) + CLASSES;
        self.chunks.len() + chunks <= CHUNKS_MAX
    }

    #[inline]
    fn record(&self, handle: Handle) -> &[u8] {
        let chunk = &self.chunks[(handle >> INDEX_BITS) as usize];
        let start = (handle & ((1 << INDEX_BITS) - 1)) as usize * chunk.stride;
        &chunk.bytes[start..start + chunk.stride]
    }

    fn record_mut(&mut self, handle: Handle) -> &mut [u8] {
        let chunk = &mut self.chunks[(handle >> INDEX_BITS) as usize];
        let start = (handle & ((1 << INDEX_BITS) - 1)) as usize * chunk.stride;
        &mut chunk.bytes[start..start + chunk.stride]
    }

    /// The member of a record.
    #[inline]
    pub(super) fn member(&self, handle: Handle) -> &[u8] {
        let record = self.record(handle);
        match record[LEN_AT] {
            OUTSIDE => &self.outside[outside_number(record)].member,
            len => &record[MEMBER_AT..MEMBER_AT + len as usize],
        }
    }

    /// Fetches a record.
    #[inline]
    pub(super) fn prefetch(&self, handle: Handle) {
        prefetch(self.record(handle));
    }

    /// The score of a record.
    #[inline]
    pub(super) fn score(&self, handle: Handle) -> f64 {
        let bytes = *self.record(handle).first_chunk().expect("a record begins with its score");
        f64::from_le_bytes(bytes)
    }

    /// Changes the score of a record.
    pub(super) fn set_score(&mut self, handle: Handle, score: f64) {
        self.record_mut(handle)[..LEN_AT].copy_from_slice(&score.to_le_bytes());
    }

    /// Adds a record. There is room: see `has_room`.
    pub(super) fn add(&mut self, score: f64, member: &[u8]) -> Handle {
        let inside = member.len() <= INSIDE_BYTES_MAX;
        let handle = self.room_in(class_of(if inside { MEMBER_AT + member.len() } else { RECORD_BYTES_MIN }));
        self.set_score(handle, score);
        if inside {
            let record = self.record_mut(handle);
            record[LEN_AT] = member.len() as u8;
            record[MEMBER_AT..MEMBER_AT + member.len()].copy_from_slice(member);
        } else {
            let number = self.outside.push(Outside { member: member.into(), record: handle });
            self.bytes += member.len();
            let record = self.record_mut(handle);
            record[LEN_AT] = OUTSIDE;
            record[OUTSIDE_AT..OUTSIDE_AT + 4].copy_from_slice(&number.to_le_bytes());
        }
        handle
    }

    /// A new record of a class, all zeros.
    fn room_in(&mut self, class: usize) -> Handle {
        let stride = stride_of(class);
        let records_max = CHUNK_BYTES_MAX / stride;
        let list = &mut self.classes[class];
        let last = list.last().copied().filter(|&id| self.chunks[id as usize].bytes.len() / stride < records_max);
        let id = last.unwrap_or_else(|| {
            let id = self.vacant.pop().unwrap_or_else(|| {
                self.chunks.push(Chunk { bytes: Vec::new(), stride });
                (self.chunks.len() - 1) as u32
            });
            self.chunks[id as usize].stride = stride;
            let before = list.capacity();
            list.push(id);
            self.bytes += (list.capacity() - before) * 4;
            id
        });
        let bytes = &mut self.chunks[id as usize].bytes;
        if bytes.capacity() - bytes.len() < stride {
            let before = bytes.capacity();
            let room = (before * 2).clamp(4 * stride, records_max * stride);
            bytes.reserve_exact(room - bytes.len());
            self.bytes += bytes.capacity() - before;
        }
        let index = bytes.len() / stride;
        bytes.resize(bytes.len() + stride, 0);
        id << INDEX_BITS | index as u32
    }

    fn class_at(&self, handle: Handle) -> usize {
        class_of(self.chunks[(handle >> INDEX_BITS) as usize].stride)
    }

    /// The record that will get this handle when the record that has it now is removed; the same one if none will.
    pub(super) fn last_alike(&self, handle: Handle) -> Handle {
        let id = *self.classes[self.class_at(handle)].last().expect("the class of a record is not empty");
        let chunk = &self.chunks[id as usize];
        id << INDEX_BITS | (chunk.bytes.len() / chunk.stride - 1) as u32
    }

    /// Removes a record. The one that `last_alike` names takes its place and its handle.
    pub(super) fn remove(&mut self, handle: Handle) {
        if self.record(handle)[LEN_AT] == OUTSIDE {
            self.remove_outside(outside_number(self.record(handle)));
        }
        let last = self.last_alike(handle);
        if last != handle {
            let mut copy = [0; MEMBER_AT + INSIDE_BYTES_MAX];
            let record = self.record(last);
            let copy = &mut copy[..record.len()];
            copy.copy_from_slice(record);
            self.record_mut(handle).copy_from_slice(copy);
            if copy[LEN_AT] == OUTSIDE {
                self.outside[outside_number(copy)].record = handle;
            }
        }
        self.drop_last(self.class_at(handle), last >> INDEX_BITS);
    }

    fn remove_outside(&mut self, number: u32) {
        let moved = self.outside.len() as u32 - 1;
        let gone = self.outside.swap_remove(number);
        self.bytes -= gone.member.len();
        if number != moved {
            let record = self.outside[number].record;
            self.record_mut(record)[OUTSIDE_AT..OUTSIDE_AT + 4].copy_from_slice(&number.to_le_bytes());
        }
    }

    /// Drops the last record of a class, which stands in chunk `id`.
    fn drop_last(&mut self, class: usize, id: u32) {
        let chunk = &mut self.chunks[id as usize];
        let bytes = &mut chunk.bytes;
        let before = bytes.capacity();
        bytes.truncate(bytes.len() - chunk.stride);
        match bytes.len() {
            0 => *bytes = Vec::new(),
            len if len * 4 < before => bytes.shrink_to(len * 2),
            _ => {}
        }
        self.bytes -= before - bytes.capacity();
        if bytes.is_empty() {
            self.classes[class].pop();
            self.vacant.push(id);
        }
    }

    /// Frees a chunk or some members outside; the records are void from then on. Returns what that weighs in elements: 0 when
    /// nothing is left.
    pub(super) fn free_piece(&mut self) -> usize {
        if let Some(chunk) = self.chunks.pop() {
            self.bytes -= chunk.bytes.capacity();
            return CHUNK_WEIGHT;
        }
        let Some(members) = self.outside.take_chunk() else { return 0 };
        self.bytes -= members.iter().map(|outside| outside.member.len()).sum::<usize>();
        members.len()
    }
}

fn outside_number(record: &[u8]) -> u32 {
    let bytes = record[OUTSIDE_AT..].first_chunk().expect("a record is 16 bytes long or longer");
    u32::from_le_bytes(*bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_stay_dense_and_bytes_are_exact() {
        let mut records = Records::default();
        let mut known: Vec<(Handle, Vec<u8>, f64)> = Vec::new();
        let mut random = fastrand::Rng::with_seed(7);
        for step in 0..60_000 {
            if known.is_empty() || random.u32(..20_000) > step % 20_000 {
                let len = if random.u8(..10) == 0 { random.usize(200..2000) } else { random.usize(..40) };
                let member: Vec<u8> = (0..len).map(|_| random.u8(..)).collect();
                known.push((records.add(step as f64, &member), member, step as f64));
            } else {
                let (handle, ..) = known.swap_remove(random.usize(..known.len()));
                let last = records.last_alike(handle);
                records.remove(handle);
                if let Some(moved) = known.iter_mut().find(|(known, ..)| *known == last) {
                    moved.0 = handle;
                }
            }
            if step % 1000 == 0 {
                for (handle, member, score) in &known {
                    assert_eq!((records.member(*handle), records.score(*handle)), (&member[..], *score));
                }
                let chunks: usize = records.chunks.iter().map(|chunk| chunk.bytes.capacity()).sum();
                let lists: usize = records.classes.iter().map(|list| list.capacity() * 4).sum();
                let outside = known.iter().map(|(_, member, _)| member.len()).filter(|&len| len > INSIDE_BYTES_MAX);
                assert_eq!(records.bytes, chunks + lists + outside.sum::<usize>());
            }
        }
        let mut before = records.heap_bytes();
        while records.free_piece() > 0 {
            assert!(records.heap_bytes() <= before, "what is freed does not come back");
            before = records.heap_bytes();
        }
        let lists: usize = records.classes.iter().map(|list| list.capacity() * 4).sum();
        assert_eq!(records.bytes, lists, "of the chunks and of the members outside nothing is left");
    }

    #[test]
    fn classes_cover_all_lengths() {
        for len in 0..=INSIDE_BYTES_MAX {
            let class = class_of(MEMBER_AT + len);
            assert!(
                class < CLASSES && stride_of(class) >= MEMBER_AT + len && stride_of(class) < MEMBER_AT + len + 8 + 8
            );
            assert_eq!(class_of(stride_of(class)), class);
        }
    }
}
