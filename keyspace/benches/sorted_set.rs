//! Large sorted sets: insertion, rank, score and ranges at 10 thousand, 1 million and 10 million members.
//!
//! Members are drawn at random, so at the large sizes every step misses the cache.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use keyspace::hash::{KeyHasher, Random};
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

criterion_group!(benches, operations);
criterion_main!(benches);
