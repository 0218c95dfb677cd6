//! Large sorted sets: insertion, rank, score and ranges at 10 thousand, 1 million and 10 million members; then whole commands.
//!
//! Members are drawn at random, so at the large sizes every step misses the cache.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use evict::access::AccessBits;
use evict::time::UnixMillis;
use keyspace::args::OwnedArgs;
use keyspace::exec::{Caller, DataFn, Exec};
use keyspace::hash::{KeyHasher, Random};
use keyspace::limits::DataLimits;
use keyspace::reply::{Reply, Resp};
use keyspace::store::Keyspace;
use keyspace::types::sorted_set::{Edge, SortedSet};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn name(number: u64) -> [u8; 12] {
    let mut member = *b"m00000000000";
    let mut rest = number;
    for digit in member[1..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    member
}

fn filled(hasher: &KeyHasher, members: u64) -> SortedSet {
    let mut random = Random::new(7);
    let mut set = SortedSet::default();
    (0..members).for_each(|number| set.upsert(hasher, &name(number), |_| Some(random.below(members) as f64)));
    set
}

fn operations(criterion: &mut Criterion) {
    let hasher = KeyHasher::new([1, 2, 3, 4]);
    for members in [10_000, 1_000_000, 10_000_000] {
        let mut set = filled(&hasher, members);
        let mut random = Random::new(9);
        let mut group = criterion.benchmark_group(format!("{members} members"));
        group.bench_function("score", |bencher| {
            bencher.iter(|| black_box(set.score(&hasher, &name(random.below(members)))));
        });
        group.bench_function("rank", |bencher| {
            bencher.iter(|| black_box(set.rank(&hasher, &name(random.below(members)))));
        });
        group.bench_function("count between scores", |bencher| {
            bencher.iter(|| {
                let low = random.below(members) as f64;
                set.rank_at(Edge::AfterScore(low + 1000.0)) - set.rank_at(Edge::BeforeScore(low))
            });
        });
        group.bench_function("range of 100", |bencher| {
            bencher.iter(|| {
                let range = set.ascending(random.below(members) as usize).take(100);
                range.map(|(member, score)| member.len() as f64 + score).sum::<f64>()
            });
        });
        group.bench_function("new score", |bencher| {
            bencher.iter(|| {
                let score = random.below(members) as f64;
                set.upsert(&hasher, &name(random.below(members)), |_| Some(score));
            });
        });
        let mut next = members;
        group.bench_function("remove and insert", |bencher| {
            bencher.iter(|| {
                set.remove(&hasher, &name(next - members));
                let score = random.below(members) as f64;
                set.upsert(&hasher, &name(next), |_| Some(score));
                next += 1;
            });
        });
    }
}

/// A keyspace with a set of so many members under `z`, scored with tenths.
fn keyspace(members: u64) -> Keyspace {
    let mut keyspace = Keyspace::new(16, KeyHasher::new([1, 2, 3, 4]), Random::new(5), DataLimits::default());
    let zadd = handler("zadd");
    (0..members).for_each(|number| {
        let score = format!("{}.{}", number / 10, number % 10);
        run(&mut keyspace, zadd, &[b"zadd", b"z", score.as_bytes(), &name(number)], &mut Vec::new());
    });
    keyspace
}

fn handler(name: &str) -> DataFn {
    keyspace::commands::rows().find(|row| row.spec.name == name).expect("the command exists").run
}

fn run(keyspace: &mut Keyspace, handler: DataFn, words: &[&[u8]], out: &mut Vec<u8>) {
    let args: OwnedArgs = words.iter().collect();
    let (now, db) = (UnixMillis(1_700_000_000_000), keyspace.db(0).expect("there are databases"));
    let access = AccessBits::lru(now);
    let mut exec = Exec { keyspace, db, now, access, caller: Caller::default(), routed: None };
    handler(&mut exec, args.args(), &mut Reply::new(out, Resp::V2)).expect("the command is right");
}

/// Whole commands, with their replies, on a packed set and on a large one.
fn commands(criterion: &mut Criterion) {
    for members in [100, 1_000_000] {
        let mut keyspace = keyspace(members);
        let mut group = criterion.benchmark_group(format!("commands, {members} members"));
        let (mut random, mut out) = (Random::new(9), Vec::new());
        let mut measure = |label: &str, command: &str, words: &mut dyn FnMut(&mut Random) -> Vec<Vec<u8>>| {
            let handler = handler(command);
            group.bench_function(label, |bencher| {
                bencher.iter(|| {
                    let words = words(&mut random);
                    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
                    out.clear();
                    run(&mut keyspace, handler, &words, &mut out);
                    black_box(out.len())
                });
            });
        };
        let text = |number: u64| number.to_string().into_bytes();
        measure("zadd, new score", "zadd", &mut |random| {
            let member = name(random.below(members)).to_vec();
            vec![b"zadd".to_vec(), b"z".to_vec(), text(random.below(members / 10)), member]
        });
        measure("zscore", "zscore", &mut |random| {
            vec![b"zscore".to_vec(), b"z".to_vec(), name(random.below(members)).to_vec()]
        });
        measure("zrange 100 withscores", "zrange", &mut |random| {
            let start = random.below(members);
            vec![b"zrange".to_vec(), b"z".to_vec(), text(start), text(start + 99), b"withscores".to_vec()]
        });
        measure("zrangebyscore, about 100", "zrangebyscore", &mut |random| {
            let low = random.below(members / 10);
            vec![b"zrangebyscore".to_vec(), b"z".to_vec(), text(low), text(low + 10)]
        });
    }
}

criterion_group!(benches, operations, commands);
criterion_main!(benches);
