//! What the active-expire cycle pays per key where all keys are due: a key that nobody has looked at for long is in no cache.
//!
//! Ten million keys over all slots, removed as the cycle does it (`shard/src/core/expiry.rs`): some keys of a slot, then of the next.

use std::time::Instant;

use evict::access::AccessBits;
use evict::time::UnixMillis;
use keyspace::entry::Entry;
use keyspace::hash::{KeyHasher, Random};
use keyspace::limits::DataLimits;
use keyspace::slot::Slot;
use keyspace::store::Keyspace;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
const KEYS: i64 = 10_000_000;
/// Their deadlines are spread over so many milliseconds.
const SPREAD_MS: i64 = 1000;
/// Keys that are removed in a slot before it is the next one's turn: the cycle's at its lowest effort.
const KEYS_PER_LOOP: u32 = 20;
/// Of these, what is removed before the next step is made ahead.
const AT_ONCE: u32 = 3;

fn main() {
    let mut keyspace = Keyspace::new(1, KeyHasher::new([1, 2, 3, 4]), Random::new(5), DataLimits::default());
    let db = keyspace.db(0).expect("there are databases");
    for number in 0..KEYS {
        let name = format!("due:{number:012}");
        let key = keyspace.key(name.as_bytes());
        let entry =
            Entry::new(key.bytes, b"value", Some(NOW.saturating_add(number % SPREAD_MS)), AccessBits::default());
        keyspace.insert(db, key.slot, key.hash, entry);
    }
    let (now, begun) = (NOW.saturating_add(SPREAD_MS), Instant::now());
    let mut from = Slot::FIRST;
    while let Some(slot) = keyspace.due_slot(db, from, now) {
        from = slot.next();
        let ahead = keyspace.due_slot(db, from, now);
        let mut looks = 0;
        for step in 0.. {
            ahead.into_iter().for_each(|ahead| keyspace.prefetch_due(db, ahead, now, step));
            let expired = keyspace.expire_in(db, slot, now, AT_ONCE.min(KEYS_PER_LOOP - looks), KEYS_PER_LOOP);
            looks += expired.looks();
            if expired.is_all || looks >= KEYS_PER_LOOP {
                break;
            }
        }
    }
    assert_eq!(keyspace.stats.expired_keys, KEYS as u64);
    println!("{:.0} ns per key", begun.elapsed().as_nanos() as f64 / KEYS as f64);
}
