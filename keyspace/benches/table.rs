//! GET and SET through their handlers, in batches as a pipeline brings them, with and without prefetching the batch.
//!
//! Two sizes: 100,000 keys, whose tables and entries mostly stay in a cache, and 5 million, of which each look-up misses. Keys are drawn at
//! random among all. What prefetching gains at the large size is why a turn prefetches all it has parsed before it runs any.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use evict::access::AccessBits;
use evict::time::UnixMillis;
use keyspace::args::{Args, OwnedArgs};
use keyspace::exec::{Caller, DataFn, Exec};
use keyspace::hash::{KeyHasher, Random};
use keyspace::limits::DataLimits;
use keyspace::reply::{Reply, Resp};
use keyspace::store::Keyspace;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
const BATCH: usize = 64;
const VALUE: [u8; 64] = [b'v'; 64];

/// Whether a batch is prefetched before it runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Prefetch {
    No,
    Yes,
}

fn name(number: u64) -> [u8; 16] {
    let mut key = *b"key:000000000000";
    let mut rest = number;
    for digit in key[4..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    key
}

fn handler(name: &str) -> DataFn {
    keyspace::commands::rows().find(|row| row.spec.name == name).expect("the command exists").run
}

fn filled(keys: u64) -> Keyspace {
    let limits = DataLimits::default();
    let mut keyspace = Keyspace::new(16, KeyHasher::new([1, 2, 3, 4]), Random::new(5), limits);
    let set = handler("set");
    (0..keys).for_each(|number| {
        let args: OwnedArgs = [b"set".as_slice(), &name(number), &VALUE].into_iter().collect();
        run(&mut keyspace, set, &[args], Prefetch::No, &mut Vec::new());
    });
    keyspace
}

/// Runs a batch as a core does: keys first, then prefetch, then the commands.
fn run(keyspace: &mut Keyspace, handler: DataFn, batch: &[OwnedArgs], prefetch: Prefetch, out: &mut Vec<u8>) {
    let db = keyspace.db(0).expect("there are databases");
    let mut routed = [None; BATCH];
    for (routed, args) in routed.iter_mut().zip(batch) {
        let key = keyspace.key(args.args().at(1));
        *routed = Some((key.slot, key.hash));
    }
    if prefetch == Prefetch::Yes {
        keyspace.prefetch(db, routed.iter().copied().flatten());
    }
    for (routed, args) in routed.into_iter().zip(batch) {
        let access = AccessBits::lru(NOW);
        let args: Args = args.args();
        let mut exec = Exec { keyspace, db, now: NOW, access, caller: Caller::default(), routed };
        handler(&mut exec, args, &mut Reply::new(out, Resp::V2)).expect("the commands are right");
    }
}

fn look_ups(criterion: &mut Criterion) {
    for keys in [100_000, 5_000_000] {
        let mut keyspace = filled(keys);
        let mut group = criterion.benchmark_group(format!("{keys} keys"));
        group.throughput(Throughput::Elements(BATCH as u64));
        for command in ["get", "set"] {
            for (label, prefetch) in [("plain", Prefetch::No), ("prefetched", Prefetch::Yes)] {
                let (handler, mut random, mut out) = (handler(command), Random::new(7), Vec::new());
                group.bench_function(format!("{command} {label}"), |bencher| {
                    let draw = || {
                        let args = |key: [u8; 16]| match command {
                            "get" => [b"get".as_slice(), &key].into_iter().collect::<OwnedArgs>(),
                            _ => [b"set".as_slice(), &key, &VALUE].into_iter().collect(),
                        };
                        (0..BATCH).map(|_| args(name(random.below(keys)))).collect::<Vec<_>>()
                    };
                    bencher.iter_batched_ref(
                        draw,
                        |batch| {
                            out.clear();
                            run(&mut keyspace, handler, batch, prefetch, &mut out);
                            black_box(out.len())
                        },
                        criterion::BatchSize::SmallInput,
                    );
                });
            }
        }
    }
}

criterion_group!(benches, look_ups);
criterion_main!(benches);
