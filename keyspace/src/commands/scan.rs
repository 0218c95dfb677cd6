//! SCAN: a walk over a database of many cores, a few keys per call, that keeps no state between calls.
//!
//! The order of the walk is slot by slot, and within a slot by hash (`table`), so a cursor is a place in that order: the slot in
//! the upper bits, 48 bits of position below. Neither a resize nor a slot that changes its core disturbs it. The home core asks
//! every core for a part; each walks the slots it has, from the cursor on, until it has visited as many keys as asked for. The
//! reply goes as far as the part that stopped first; what other parts found beyond that is dropped and comes again later. So a
//! key that is there throughout is returned at least once, as in Redis.
//!
//! A part speaks for the slots that are in the keyspace. While any of a core's own are on loan, its part has to wait.

use evict::time::UnixMillis;

use super::keys::type_name;
use crate::args::Args;
use crate::entry::Entry;
use crate::glob::{self, Case};
use crate::number::parse_i64;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::slot::Slot;
use crate::store::{Keyspace, is_expired};
use crate::table::ScanPosition;

/// Keys that a call visits unless COUNT says otherwise.
const COUNT_DEFAULT: usize = 10;

/// The most keys that one part visits, whatever COUNT says: with a cache miss or two for each, about 1 ms.
///
/// Empty slots cost next to nothing in comparison: a walk over all 16,384 takes some 10 µs, so they have no bound of their own.
const VISITS_MAX: usize = 4096;

/// A key that is taken along counts once more for each so many bytes of it: that bounds a part's memory to 4 MiB and one key.
const KEY_BYTES_PER_VISIT: usize = 1024;

/// Bits of a cursor below the slot.
const POSITION_BITS: u32 = 48;

/// What a call of SCAN asks for.
pub struct ScanRequest {
    cursor: u64,
    pattern: Option<Box<[u8]>>,
    count: usize,
    type_name: Option<Box<[u8]>>,
}

/// What one core found: at most `VISITS_MAX` keys.
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

/// Reads a cursor with the freedom that C's `strtoul` gives: nothing is zero, a sign is allowed, a zero byte ends the text.
fn parse_cursor(arg: &[u8]) -> Result<u64, Refusal> {
    let text = arg.split(|&byte| byte == 0).next().unwrap_or(arg);
    let (negative, digits) = match text {
        [] => return Ok(0),
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let mut value = if digits.is_empty() { None } else { Some(0u64) };
    for &byte in digits {
        let digit = byte.is_ascii_digit().then(|| (byte - b'0') as u64);
        value = value.zip(digit).and_then(|(value, digit)| value.checked_mul(10)?.checked_add(digit));
    }
    let value = value.ok_or(Refusal::Text("ERR invalid cursor"))?;
    Ok(if negative { value.wrapping_neg() } else { value })
}

impl ScanRequest {
    /// Reads `SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]`. A cursor that no call returned is legal: the walk begins
    /// at the place that it means.
    pub fn parse(args: Args) -> Result<ScanRequest, Refusal> {
        let cursor = parse_cursor(args.at(1))?;
        let mut request = ScanRequest { cursor, pattern: None, count: COUNT_DEFAULT, type_name: None };
        let mut options = args.from(2);
        while !options.is_empty() {
            let value = options.get(1).ok_or(Refusal::Syntax)?;
            if options.is(0, "count") {
                let count = parse_i64(value).ok_or(Refusal::NotInteger)?;
                if count < 1 {
                    return Err(Refusal::Syntax);
                }
                request.count = count as usize;
            } else if options.is(0, "match") {
                request.pattern = (!glob::is_everything(value)).then(|| value.into());
            } else if options.is(0, "type") {
                request.type_name = Some(value.into());
            } else {
                return Err(Refusal::Syntax);
            }
            options = options.from(2);
        }
        Ok(request)
    }

    /// Whether the reply is to show an entry, if it lives.
    fn wants(&self, entry: &Entry) -> bool {
        self.type_name.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(type_name(entry).as_bytes()))
            && self.pattern.as_ref().is_none_or(|pattern| glob::matches(pattern, entry.key(), Case::Exact))
    }

    /// One core's part: a walk over the slots in `keyspace`, in the database that clients select by `number`.
    ///
    /// Cost: at most `VISITS_MAX` entries and one segment more, and a glance at each empty slot. Nothing is reserved for COUNT.
    pub fn part(&self, keyspace: &Keyspace, number: usize, now: UnixMillis) -> ScanPart {
        let mut part = ScanPart::default();
        let Some(db) = keyspace.db(number) else {
            return part;
        };
        let limit = self.count.min(VISITS_MAX);
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
                    weight += entry.key().len() / KEY_BYTES_PER_VISIT;
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
                keyspace.discard(db, key.slot, key.hash, place);
                keyspace.stats.expired_keys += 1;
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
