//! SCAN: a walk over a database of many cores, a few keys per call, that keeps no state between calls.
//!
//! The order of the walk is slot by slot, and within a slot by hash (`table`), so a cursor is a place in that order: the slot in
//! the upper bits, 48 bits of position below. Neither a resize nor a slot that changes its core disturbs it. The home core asks
//! every core for a part; each walks the slots it has, from the cursor on, until it has visited as many keys as asked for. The
//! reply goes as far as the part that stopped first; what other parts found beyond that is dropped and comes again later. So a
//! key that is there throughout is returned at least once, as in Redis.
//!
//! Empty slots cost next to nothing: a walk over all 16,384 takes some 10 µs, so they have no bound of their own.
//!
//! A part speaks for the slots that are in the keyspace. While any of a core's own are on loan, its part has to wait.

use evict::time::UnixMillis;

use super::scan_options::{BYTES_PER_VISIT, ScanOptions, Walk, parse_cursor};
use crate::args::{Args, spells};
use crate::entry::Entry;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::slot::Slot;
use crate::store::{Keyspace, is_expired};
use crate::table::ScanPosition;

/// Bits of a cursor below the slot.
const POSITION_BITS: u32 = 48;

/// What a call of SCAN asks for.
pub struct ScanRequest {
    cursor: u64,
    options: ScanOptions,
}

/// What one core found: at most as many keys as one call visits.
#[derive(Default)]
pub struct ScanPart {
    /// Where to go on; `None` when the walk is at its end.
    stop: Option<u64>,
    /// The keys, one behind the other.
    bytes: Vec<u8>,
    /// The cursor and length of each key, in the order of the walk.
    keys: Vec<(u64, usize)>,
    /// Keys that the walk would have returned, had they not expired: as in Redis, a filter protects what it hides.
    expired: Vec<Box<[u8]>>,
}

fn cursor_at(slot: Slot, position: ScanPosition) -> u64 {
    (slot.index() as u64) << POSITION_BITS | position
}

impl ScanRequest {
    /// Reads `SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]`. A cursor that no call returned is legal: the walk begins
    /// at the place that it means.
    pub fn parse(args: Args) -> Result<ScanRequest, Refusal> {
        let cursor = parse_cursor(args.at(1))?;
        Ok(ScanRequest { cursor, options: ScanOptions::parse(args.from(2), Walk::Keys)? })
    }

    /// Whether the reply is to show an entry, if it lives.
    fn wants(&self, entry: &Entry) -> bool {
        let type_name = self.options.type_name.as_ref();
        type_name.is_none_or(|name| spells(name, entry.kind().name())) && self.options.matches(entry.key())
    }

    /// One core's part: a walk over the slots in `keyspace`, in the database that clients select by `number`.
    ///
    /// Cost: at most as many entries as one call visits and one segment more, and a glance at each empty slot. Nothing is reserved for COUNT.
    pub fn part(&self, keyspace: &Keyspace, number: usize, now: UnixMillis) -> ScanPart {
        let mut part = ScanPart::default();
        let Some(db) = keyspace.db(number) else {
            return part;
        };
        let limit = self.options.visits();
        let mut visited = 0;
        let first = (self.cursor >> POSITION_BITS) as usize;
        for (slot, _) in keyspace.filled(db, first) {
            // Only once it is known that more follows does the walk stop, so that the last call does not find nothing.
            if visited >= limit {
                part.stop = Some(cursor_at(slot, 0));
                break;
            }
            let from = if slot.index() == first { self.cursor & ((1 << POSITION_BITS) - 1) } else { 0 };
            let next = keyspace.scan(db, slot, from, limit - visited, &mut |position, entry| {
                let mut weight = 1;
                if self.wants(entry) {
                    weight += entry.key().len() / BYTES_PER_VISIT;
                    match is_expired(entry.deadline(), now) {
                        true => part.expired.push(entry.key().into()),
                        false => part.add(cursor_at(slot, position), entry.key()),
                    }
                }
                visited += weight;
                weight
            });
            if let Some(position) = next {
                part.stop = Some(cursor_at(slot, position));
                break;
            }
        }
        part
    }
}

impl ScanPart {
    /// Removes what the walk found expired from the keyspace that it walked over: a scan is an access.
    pub fn remove_expired(&mut self, keyspace: &mut Keyspace, number: usize, now: UnixMillis) {
        let Some(db) = keyspace.db(number) else { return };
        for bytes in self.expired.drain(..) {
            let key = keyspace.key(&bytes);
            let place = keyspace.locate(db, &key);
            let expired = place.filter(|&place| is_expired(keyspace.at(db, key.slot, place).deadline(), now));
            if let Some(place) = expired {
                keyspace.expire(db, &key, place);
            }
        }
    }

    /// Takes a key in.
    fn add(&mut self, cursor: u64, key: &[u8]) {
        self.bytes.extend_from_slice(key);
        self.keys.push((cursor, key.len()));
    }

    /// Keys before `stop`, in the order of the walk.
    fn before(&self, stop: Option<u64>) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.bytes.as_slice();
        self.keys.iter().take_while(move |(cursor, _)| stop.is_none_or(|stop| *cursor < stop)).map(move |(_, len)| {
            let (key, behind) = rest.split_at(*len);
            rest = behind;
            key
        })
    }
}

/// Writes the reply from the parts of all cores.
pub fn merge(request: &ScanRequest, parts: Vec<ScanPart>, reply: &mut Reply) {
    let stop = parts.iter().filter_map(|part| part.stop).min();
    debug_assert!(stop.is_none_or(|stop| stop > request.cursor), "a walk goes forward");
    reply.array(2);
    reply.text(itoa::Buffer::new().format(stop.unwrap_or(0)));
    reply.array(parts.iter().map(|part| part.before(stop).count()).sum());
    parts.iter().flat_map(|part| part.before(stop)).for_each(|key| reply.bulk(key));
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
