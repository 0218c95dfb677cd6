//! Choosing and evicting a key, by policy: what a write pays that needs the room of one key.
//!
//! A million keys over all slots, one in ten with a deadline. What is timed is the choice and the removal; the keys are put back
//! untimed, so that their number stays. redis-server samples five keys for each that it evicts, as is done here.

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use evict::access::LfuSettings;
use evict::policy::{Class, Policy};
use evict::s3fifo::Search;
use evict::time::UnixMillis;
use evict::victim::Choice;
use keyspace::entry::Entry;
use keyspace::hash::{KeyHasher, Random};
use keyspace::limits::DataLimits;
use keyspace::store::{Db, Keyspace};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
const KEYS: u64 = 1_000_000;

/// Keys evicted in a row, after which as many are put back.
const RUN: u64 = 10_000;

fn store(keyspace: &mut Keyspace, db: Db, number: u64) {
    let name = format!("key:{number:012}");
    let when = number.is_multiple_of(10).then(|| NOW.saturating_add(number as i64 % 1_000_000));
    let key = keyspace.key(name.as_bytes());
    let entry = Entry::new(key.bytes, &[b'v'; 64], when, keyspace.made(NOW));
    keyspace.insert(db, key.slot, key.hash, entry);
}

fn filled(policy: Policy) -> (Keyspace, Db) {
    let limits = DataLimits::default();
    let mut keyspace = Keyspace::new(16, KeyHasher::new([1, 2, 3, 4]), Random::new(5), limits);
    keyspace.set_choice(Choice { policy, samples: 5, lfu: LfuSettings::default() }, true);
    let db = keyspace.db(0).expect("there are databases");
    (0..KEYS).for_each(|number| store(&mut keyspace, db, number));
    (keyspace, db)
}

/// Evicts some keys, and says how long it took.
fn evict(keyspace: &mut Keyspace, keys: u64) -> Duration {
    let start = Instant::now();
    let mut left = keys;
    while left > 0 {
        if let Search::Victim(victim) = keyspace.choose_victim(NOW) {
            keyspace.evict(victim);
            left -= 1;
        }
    }
    start.elapsed()
}

fn victims(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("evict");
    for policy in Policy::all().filter(|policy| policy.class().is_some()) {
        let (mut keyspace, db) = filled(policy);
        let mut next = KEYS;
        group.bench_function(policy.name(), |bencher| {
            bencher.iter_custom(|iterations| {
                let (mut left, mut spent) = (iterations, Duration::ZERO);
                while left > 0 {
                    let keys = left.min(RUN);
                    spent += evict(&mut keyspace, keys);
                    left -= keys;
                    // Of the class that lost them: every tenth number has a deadline.
                    let step = if policy.class() == Some(Class::Volatile) { 10 } else { 1 };
                    for _ in 0..keys {
                        store(&mut keyspace, db, next);
                        next += step;
                    }
                }
                spent
            });
        });
    }
}

criterion_group!(benches, victims);
criterion_main!(benches);
