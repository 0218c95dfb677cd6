//! The longest that a single operation holds its core: none may take 1 ms of CPU time (design §1).
//!
//! Builds a keyspace key by key and empties it again, once with all keys in one slot and once over all slots, and prints the
//! worst insertion, removal, SCAN call, flush and step of freeing; then the same for one hash with as many fields: its
//! fields, its deletion, and what is freed later. `longest` tells how an operation is timed; on virtual machines the first touch
//! of memory can cost 10 ms per huge page, in the figure of any run. `nothing` shows the clock's own share.
//!
//! `KEYS` sets the number of keys, 10 million by default; 100 million take some 7 GB.

mod longest;

use evict::access::AccessBits;
use evict::time::UnixMillis;
use keyspace::args::OwnedArgs;
use keyspace::commands::scan::ScanRequest;
use keyspace::entry::Entry;
use keyspace::hash::{KeyHasher, Random};
use keyspace::limits::{DataLimits, Pace, Removal};
use keyspace::slot::Slot;
use keyspace::store::{Db, Keyspace};
use keyspace::types::hash::{self, HashMut};

use longest::{Times, measure, start};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

const SCAN_CALLS: usize = 2_000;

fn keyspace() -> (Keyspace, Db) {
    let limits = DataLimits::default();
    let keyspace = Keyspace::new(16, KeyHasher::new([1, 2, 3, 4]), Random::new(5), limits);
    let db = keyspace.db(0).expect("there are databases");
    (keyspace, db)
}

/// Writes the key of this number.
fn name(key: &mut Vec<u8>, tag: &str, number: u64) {
    key.clear();
    key.extend_from_slice(tag.as_bytes());
    key.extend_from_slice(format!("{number:x}").as_bytes());
}

/// What is measured.
const KINDS: [&str; 8] = ["nothing", "scan empty", "insert", "scan 10", "scan all", "remove", "flush", "free"];

/// One run over all kinds of operations.
fn run(times: &mut [Times; 8], tag: &str, keys: u64) {
    let [nothing, scan_empty, insert, scan_ten, scan_all, remove, flush, free] = times;
    let (mut keyspace, db) = keyspace();
    (0..1_000_000).for_each(|_| nothing.time(|| ()));
    scan(&keyspace, scan_empty, "10");
    fill(&mut keyspace, db, tag, keys, |operation| insert.time(operation));
    scan(&keyspace, scan_ten, "10");
    scan(&keyspace, scan_all, "9223372036854775807");
    empty(&mut keyspace, db, tag, keys, remove);
    assert_eq!(keyspace.totals(db).keys, 0);
    fill(&mut keyspace, db, tag, keys, |operation| operation());
    flush.time(|| keyspace.flush(db, Pace::Prompt));
    while free.time(|| keyspace.free_dropped()) {}
}

fn fill(keyspace: &mut Keyspace, db: Db, tag: &str, keys: u64, mut around: impl FnMut(&mut dyn FnMut())) {
    let mut bytes = Vec::new();
    for number in 0..keys {
        name(&mut bytes, tag, number);
        around(&mut || {
            let key = keyspace.key(&bytes);
            assert!(keyspace.locate(db, &key).is_none());
            let entry = Entry::new(key.bytes, b"value", None, AccessBits::new(0));
            keyspace.insert(db, key.slot, key.hash, entry);
        });
    }
}

fn empty(keyspace: &mut Keyspace, db: Db, tag: &str, keys: u64, times: &mut Times) {
    let mut bytes = Vec::new();
    for number in 0..keys {
        name(&mut bytes, tag, number);
        times.time(|| {
            let key = keyspace.key(&bytes);
            let place = keyspace.locate(db, &key).expect("the key was stored");
            drop(keyspace.remove(db, key.slot, key.hash, place));
        });
    }
}

/// Calls of SCAN from places all over the database.
fn scan(keyspace: &Keyspace, times: &mut Times, count: &str) {
    let slot = Slot::of(b"{tag}").number() as u64;
    let mut random = Random::new(3);
    for call in 0..SCAN_CALLS {
        // The first starts a walk, half of the rest are in the tag's slot.
        let cursor = match call {
            0 => 0,
            call if call % 2 == 0 => random.below(1 << 62),
            _ => slot << 48 | random.below(1 << 48),
        };
        let args: OwnedArgs = ["scan", &cursor.to_string(), "count", count].into_iter().collect();
        let request = ScanRequest::parse(args.args()).expect("the arguments are right");
        // A call takes long enough to be interrupted often, so it has a few more chances.
        times.time_again(|| request.part(keyspace, 0, NOW));
    }
}

/// One hash in one entry: what its growth, its deletion and the freeing of it take.
fn run_hash([set, delete, free]: &mut [Times; 3], fields: u64) {
    let limits = DataLimits::default().hash;
    let (mut keyspace, db) = keyspace();
    let key = keyspace.key(b"hash");
    keyspace.insert(db, key.slot, key.hash, hash::empty(key.bytes, AccessBits::new(0)));
    let place = keyspace.locate(db, &key).expect("the key was stored");
    let mut bytes = Vec::new();
    for number in 0..fields {
        name(&mut bytes, "", number);
        set.time(|| {
            keyspace.edit_hashed(db, key.slot, place, |entry, hasher| {
                assert!(HashMut::of(entry, hasher, limits, NOW).set(&bytes, b"value"));
            });
        });
    }
    delete.time(|| keyspace.discard(db, key.slot, key.hash, place, Removal::Del));
    while free.time(|| keyspace.free_dropped()) {}
}

fn main() {
    start("KEYS", |keys| {
        measure(&format!("{keys} keys in one slot"), KINDS, |times| run(times, "{tag}", keys));
        measure(&format!("{keys} keys in all slots"), KINDS, |times| run(times, "", keys));
        measure(&format!("a hash of {keys} fields"), ["set", "delete", "free"], |times| run_hash(times, keys));
    });
}
