//! The records of the internal log: what persistence and replication will read of what a core changed.
//!
//! C15, `spec/expire-evict.md` §6.2 and §6.3. A record says what a replica or a log has to do: delete these keys, delete these fields of
//! a key, or carry out this command, which is the client's own or what it was rewritten to. An expired key becomes a deletion
//! here and nowhere else: replicas and replays never expire by themselves.
//!
//! # Order, and exactly once
//!
//! 1. Each core numbers its records from 1 without a gap. A number is given in the turn, and before the next command, in which the
//!    data changes: so per key the numbers are the order of the changes, on whichever core the key's slot is.
//! 2. What a command's own look-up expires comes before the command's record; what is evicted for a command comes before it too.
//!    A command that is refused or changes nothing leaves no record of its own, but what expired on its behalf stays.
//! 3. A deletion by the cycle, or by eviction, stands alone. Inside a transaction or a script it is a member of that unit, at the
//!    place in its order at which it happened.
//! 4. A unit's records on a core are without a gap, from its first to its last. A unit over several cores has a part on each,
//!    under one number: whoever merges them takes the parts as one, and its records by their index.
//! 5. One change, one record: who removes an entry appends. What is deleted again before it was ever there leaves nothing.
//! 6. A record stands in the log of the core that has its first key. Has a command keys of other cores, those have a record of
//!    the same unit and index that only names these keys: so each key's log shows the place of all that happened to it.
//! 7. Each record has an order (Lamport 1978): of two that concern one key the later has the greater, and all of a unit have the
//!    same. Whoever sorts the records of all logs by order, unit and index can carry them out one after the other.
//!
//! [`crate::order`] checks what of this a reader of the log can see.
//!
//! # Form
//!
//! Little-endian: `u32` length of the rest; version, kind, place in the unit, 0; `u64` number; `u64` unit; `u64` order; `i64` time; `u16`
//! core, database, slot (65535 for none), logs; `u32` index in the unit; `u32` number of parts; then for each part `u32` length
//! and the bytes. No checksum: the file or link that carries records has its own. Nothing is copied on encoding but into the
//! buffer, and nothing on decoding.

use crate::time::UnixMillis;

/// Version of the form.
const VERSION: u8 = 1;

/// Bytes before the parts, the length included.
const HEADER_BYTES: usize = 56;

/// Most bytes of a record: two values of the largest kind (512 MiB), and some. A command of many keys that is larger is logged as several
/// records of one unit.
pub const RECORD_BYTES_MAX: usize = (1 << 30) + (1 << 20);

/// The slot number of what has no slot.
const NO_SLOT: u16 = u16::MAX;

/// Number of slots.
const SLOTS: u16 = 16_384;

/// Why keys went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Past their deadline.
    Expired,
    /// For memory.
    Evicted,
    /// A command gave them a deadline that was past.
    PastDeadline,
}

/// How they are deleted: by `lazyfree-lazy-expire` or `lazyfree-lazy-eviction`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `DEL`.
    Del,
    /// `UNLINK`.
    Unlink,
}

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Its parts are keys that are deleted.
    Keys(Cause, Form),
    /// Its first part is a hash, the others are fields that are deleted for being expired.
    Fields,
    /// Its parts are the words of a command.
    Command,
    /// Its parts are keys that a command of its unit reads or changes which stands in another core's log; none if that is about no
    /// key. There is nothing to do for it.
    Touched,
}

/// Where a record stands in its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is a unit by itself.
    Alone,
    /// The first of several.
    First,
    /// Between them.
    Middle,
    /// The last of several.
    Last,
    /// The only one in this log of a unit that has others elsewhere.
    Only,
}

/// All of a record but its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its number on its core, from 1.
    pub sequence: u64,
    /// The number of the unit, 0 for one that stands alone.
    pub unit: u64,
    /// What it comes after: greater than those of all earlier records of its keys.
    pub order: u64,
    /// Its place among all records of its unit, from 0. What only names keys has that of its command.
    pub index: u32,
    /// How many logs have records of its unit.
    pub logs: u16,
    /// The time of the command or the cycle.
    pub time: UnixMillis,
    /// The core.
    pub core: u16,
    /// The database.
    pub db: u16,
    /// The slot, 0..16384; none for what is about no key.
    pub slot: Option<u16>,
    /// What it says.
    pub kind: Kind,
    /// Its place.
    pub place: Place,
}

/// A record in the bytes that it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// All but the parts.
    pub header: Header,
    parts: &'a [u8],
    count: u32,
}

/// What is wrong with bytes, or with what was to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordFault {
    /// They end before the record does; so many are needed at least.
    Truncated(usize),
    /// It is longer than [`RECORD_BYTES_MAX`].
    TooLong,
    /// Another version's.
    Version(u8),
    /// A field has a value that means nothing.
    Field,
    /// Number or lengths of the parts do not fit the record, or its kind.
    Parts,
}

/// Appends a record to `out`, which stays as it is if the record cannot be one.
pub fn encode<'k>(
    header: &Header,
    parts: impl Iterator<Item = &'k [u8]> + Clone,
    out: &mut Vec<u8>,
) -> Result<(), RecordFault> {
    let mut bytes = HEADER_BYTES;
    let mut count = 0usize;
    for part in parts.clone() {
        bytes = bytes.saturating_add(4).saturating_add(part.len());
        count += 1;
    }
    if bytes > RECORD_BYTES_MAX {
        return Err(RecordFault::TooLong);
    }
    if count < parts_min(header.kind) {
        return Err(RecordFault::Parts);
    }
    if header.slot.is_some_and(|slot| slot >= SLOTS) {
        return Err(RecordFault::Field);
    }
    out.reserve(bytes);
    out.extend_from_slice(&((bytes - 4) as u32).to_le_bytes());
    out.extend_from_slice(&[VERSION, kind_code(header.kind), header.place as u8, 0]);
    out.extend_from_slice(&header.sequence.to_le_bytes());
    out.extend_from_slice(&header.unit.to_le_bytes());
    out.extend_from_slice(&header.order.to_le_bytes());
    out.extend_from_slice(&header.time.0.to_le_bytes());
    for number in [header.core, header.db, header.slot.unwrap_or(NO_SLOT), header.logs] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(&header.index.to_le_bytes());
    out.extend_from_slice(&(count as u32).to_le_bytes());
    for part in parts {
        out.extend_from_slice(&(part.len() as u32).to_le_bytes());
        out.extend_from_slice(part);
    }
    Ok(())
}

/// Reads the record at the start of `bytes`, and tells how many of them it is. All of it is checked here.
pub fn decode(bytes: &[u8]) -> Result<(Record<'_>, usize), RecordFault> {
    let mut rest = bytes;
    let length = u32::from_le_bytes(take(&mut rest)?) as usize;
    let whole = length + 4;
    if whole > RECORD_BYTES_MAX {
        return Err(RecordFault::TooLong);
    }
    if whole < HEADER_BYTES {
        return Err(RecordFault::Parts);
    }
    let mut rest = rest.get(..length).ok_or(RecordFault::Truncated(whole))?;
    let [version, kind, place, zero] = take(&mut rest)?;
    if version != VERSION {
        return Err(RecordFault::Version(version));
    }
    let sequence = u64::from_le_bytes(take(&mut rest)?);
    let unit = u64::from_le_bytes(take(&mut rest)?);
    let order = u64::from_le_bytes(take(&mut rest)?);
    let time = UnixMillis(i64::from_le_bytes(take(&mut rest)?));
    let mut short = || take(&mut rest).map(u16::from_le_bytes);
    let [core, db, slot, logs] = [short()?, short()?, short()?, short()?];
    let index = u32::from_le_bytes(take(&mut rest)?);
    let count = u32::from_le_bytes(take(&mut rest)?);
    let slot = (slot != NO_SLOT).then_some(slot);
    if zero != 0 || slot.is_some_and(|slot| slot >= SLOTS) {
        return Err(RecordFault::Field);
    }
    let kind = kind_of(kind).ok_or(RecordFault::Field)?;
    let place = place_of(place).ok_or(RecordFault::Field)?;
    let header = Header { sequence, unit, order, index, logs, time, core, db, slot, kind, place };
    let record = Record { header, parts: rest, count };
    check_parts(&record)?;
    Ok((record, whole))
}

impl<'a> Record<'a> {
    /// Keys, or a key and its fields, or the words of a command.
    pub fn parts(&self) -> Parts<'a> {
        Parts { rest: self.parts }
    }

    /// The command that does what the record says; the keys alone where it says nothing to do.
    pub fn words(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let name: Option<&'static [u8]> = match self.header.kind {
            Kind::Keys(_, Form::Del) => Some(b"DEL"),
            Kind::Keys(_, Form::Unlink) => Some(b"UNLINK"),
            Kind::Fields => Some(b"HDEL"),
            Kind::Command | Kind::Touched => None,
        };
        name.into_iter().chain(self.parts())
    }
}

/// The parts of a record.
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        // What does not fit was refused when the record was decoded.
        let length = u32::from_le_bytes(take(&mut self.rest).ok()?) as usize;
        let (part, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(part)
    }
}

fn check_parts(record: &Record) -> Result<(), RecordFault> {
    let mut parts = record.parts();
    let found = parts.by_ref().count();
    let fits = parts.rest.is_empty() && found == record.count as usize && found >= parts_min(record.header.kind);
    if fits { Ok(()) } else { Err(RecordFault::Parts) }
}

/// The next bytes of `rest`.
fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], RecordFault> {
    let (taken, left) = rest.split_first_chunk::<N>().ok_or(RecordFault::Truncated(HEADER_BYTES))?;
    *rest = left;
    Ok(*taken)
}

const fn parts_min(kind: Kind) -> usize {
    match kind {
        Kind::Keys(..) | Kind::Command => 1,
        Kind::Fields => 2,
        Kind::Touched => 0,
    }
}

const KINDS: [Kind; 9] = [
    Kind::Command,
    Kind::Fields,
    Kind::Keys(Cause::Expired, Form::Del),
    Kind::Keys(Cause::Expired, Form::Unlink),
    Kind::Keys(Cause::Evicted, Form::Del),
    Kind::Keys(Cause::Evicted, Form::Unlink),
    Kind::Keys(Cause::PastDeadline, Form::Del),
    Kind::Keys(Cause::PastDeadline, Form::Unlink),
    Kind::Touched,
];

fn kind_code(kind: Kind) -> u8 {
    KINDS.iter().position(|&listed| listed == kind).expect("all kinds are listed") as u8
}

fn kind_of(code: u8) -> Option<Kind> {
    KINDS.get(usize::from(code)).copied()
}

fn place_of(code: u8) -> Option<Place> {
    [Place::Alone, Place::First, Place::Middle, Place::Last, Place::Only].get(usize::from(code)).copied()
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
