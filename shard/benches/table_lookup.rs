//! Time of finding a received command's row: `CommandTable::resolve`, on the path of every command.
//!
//! `cargo bench -p shard --bench table_lookup`; the time is per command.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use keyspace::args::OwnedArgs;
use shard::command::table;

fn lookups(c: &mut Criterion) {
    let rows: [&[&str]; 5] =
        [&["GET", "k"], &["SET", "k", "v"], &["get", "k"], &["IncrByFloat", "k", "1"], &["NOSUCH", "k"]];
    let mut group = c.benchmark_group("table_lookup");
    for words in rows {
        let args: OwnedArgs = words.iter().collect();
        group.bench_function(BenchmarkId::from_parameter(words[0]), |b| {
            b.iter(|| table().resolve(black_box(args.args())).map(|command| command.id).ok());
        });
    }
    group.finish();
}

criterion_group!(benches, lookups);
criterion_main!(benches);
