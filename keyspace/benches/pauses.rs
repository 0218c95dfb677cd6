//! The longest that a single operation holds its core: none may take 1 ms of CPU time (design §1).
//!
//! Builds a keyspace key by key and empties it again, once with all keys in one slot and once over all slots, and prints the
//! worst insertion, removal, SCAN call, flush and step of freeing; then the same for one hash with as many fields: its
//! fields, its deletion, and what is freed later. Each run does the same operations in the same order, so the
//! least time that an operation took in three runs is its own and no less than its CPU time; what it took beyond that was the
//! machine: other processes, interrupts, and on virtual machines the first touch of memory, which can cost 10 ms per huge
//! page. `nothing` shows the clock's own share.
//!
//! For the same reason it starts itself once more with an allocator that gives nothing back to the system between runs.
//!
//! `KEYS` sets the number of keys, 10 million by default; 100 million take some 7 GB.

use std::process::Command;
use std::time::Instant;

use evict::access::AccessBits;
use evict::time::UnixMillis;
use keyspace::args::OwnedArgs;
use keyspace::commands::scan::ScanRequest;
use keyspace::entry::Entry;
use keyspace::hash::{KeyHasher, Random};
use keyspace::limits::DataLimits;
use keyspace::slot::Slot;
use keyspace::store::{Db, Keyspace};
use keyspace::types::hash::{self, HashMut};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
const ALLOWED_NS: u32 = 1_000_000;

/// Runs of the same operations.
const RUNS: usize = 3;

const SCAN_CALLS: usize = 2_000;

/// The times of one kind of operation over several runs.
#[derive(Default)]
struct Times {
    /// The least time of each operation, in nanoseconds.
    least: Vec<u32>,
    /// Operations of the current run so far.
    operations: usize,
    /// The longest in any run.
    longest: u32,
}

impl Times {
    fn time<R>(&mut self, operation: impl FnOnce() -> R) -> R {
        let start = Instant::now();
        let result = operation();
        let took = u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX);
        self.longest = self.longest.max(took);
        match self.least.get_mut(self.operations) {
            Some(least) => *least = took.min(*least),
            None => self.least.push(took),
        }
        self.operations += 1;
        result
    }

    /// Counts the best of several times as one.
    fn time_again<R>(&mut self, mut operation: impl FnMut() -> R) {
        self.time(&mut operation);
        for _ in 1..RUNS {
            self.operations -= 1;
            self.time(&mut operation);
        }
    }

    fn print(&self, label: &str) {
        let (at, longest) = self.least.iter().enumerate().max_by_key(|(_, least)| **least).expect("something ran");
        let mean = self.least.iter().map(|&least| least as u64).sum::<u64>() / self.least.len() as u64;
        let verdict = if *longest < ALLOWED_NS { "" } else { "  TOO LONG" };
        println!(
            "  {label:<10} {:>10} operations: mean {mean} ns, longest {} us (number {at}), in any run {} us{verdict}",
            self.least.len(),
            longest / 1000,
            self.longest / 1000,
        );
    }
}

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
    flush.time(|| keyspace.flush(db));
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

fn measure(label: &str, tag: &str, keys: u64) {
    println!("{label}");
    let mut times: [Times; 8] = Default::default();
    for _ in 0..RUNS {
        times.iter_mut().for_each(|times| times.operations = 0);
        run(&mut times, tag, keys);
    }
    KINDS.iter().zip(&times).for_each(|(label, times)| times.print(label));
}

/// One hash in one entry: what its growth, its deletion and the freeing of it take.
fn measure_hash(fields: u64) {
    println!("a hash of {fields} fields");
    let mut times: [Times; 3] = Default::default();
    let limits = DataLimits::default().hash;
    for _ in 0..RUNS {
        times.iter_mut().for_each(|times| times.operations = 0);
        let [set, delete, free] = &mut times;
        let (mut keyspace, db) = keyspace();
        let key = keyspace.key(b"hash");
        keyspace.insert(db, key.slot, key.hash, hash::empty(key.bytes, AccessBits::new(0)));
        let place = keyspace.locate(db, &key).expect("the key was stored");
        let mut bytes = Vec::new();
        for number in 0..fields {
            name(&mut bytes, "", number);
            set.time(|| {
                keyspace.edit_hashed(db, key.slot, place, |entry, hasher| {
                    assert!(HashMut::of(entry, hasher, limits).set(&bytes, b"value"));
                });
            });
        }
        delete.time(|| keyspace.discard(db, key.slot, key.hash, place));
        while free.time(|| keyspace.free_dropped()) {}
    }
    ["set", "delete", "free"].iter().zip(&times).for_each(|(label, times)| times.print(label));
}

/// Makes mimalloc keep what is freed.
const KEEP: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "-1");

fn main() {
    if std::env::var_os(KEEP.0).is_none() {
        let this = std::env::current_exe().expect("a running program has a file");
        let status = Command::new(this).env(KEEP.0, KEEP.1).status().expect("it starts as it started before");
        assert!(status.success());
        return;
    }
    let keys = std::env::var("KEYS").map_or(10_000_000, |keys| keys.parse().expect("KEYS is a number"));
    measure(&format!("{keys} keys in one slot"), "{tag}", keys);
    measure(&format!("{keys} keys in all slots"), "", keys);
    measure_hash(keys);
}
