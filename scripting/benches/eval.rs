//! What a run costs in the engine, with a driver that answers at once.
//!
//! `cargo bench -p scripting`. The pair of GET and SET is the measure of EVAL; the others show what it is made of.

use criterion::{Criterion, criterion_group, criterion_main};
use keyspace::reply::Resp;
use scripting::{Answer, Engine, Env, Limits, Step, Target};
use std::hint::black_box;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Each name and its script.
const SCRIPTS: &[(&str, &str)] = &[
    ("return", "return 1"),
    ("get_set", "redis.call('GET',KEYS[1]); redis.call('SET',KEYS[1],ARGV[1])"),
    ("hundred_calls", "for i = 1, 100 do redis.call('GET', KEYS[1]) end"),
    ("million_additions", "local n = 0 for i = 1, 1000000 do n = n + i end return n"),
    ("hundred_inserts", "local t = {} for i = 1, 100 do table.insert(t, i) end return #t"),
    ("json", "return cjson.encode(cjson.decode('{\"a\":[1,2,3],\"b\":\"text\"}'))"),
];

fn runs(bench: &mut Criterion) {
    for (name, source) in SCRIPTS {
        let mut engine = Engine::new(Limits::default());
        let sha = engine.load(source.as_bytes(), true).expect("the script compiles").sha;
        bench.bench_function(name, |bencher| {
            bencher.iter(|| {
                let (keys, args) = ([b"key:000000000001".as_slice()], [b"value".as_slice()]);
                engine.start(Target::Script(&sha), keys.into_iter(), args.into_iter(), Env { resp: Resp::V2 });
                let mut step = engine.resume(Answer::Go);
                loop {
                    step = match step {
                        Step::Call(_) if black_box(engine.args()).len() == 3 => {
                            engine.resume(Answer::Reply(b"+OK\r\n"))
                        }
                        Step::Done(outcome) => break outcome,
                        _ => engine.resume(Answer::Reply(b"$5\r\nvalue\r\n")),
                    };
                }
            });
        });
    }
}

criterion_group!(benches, runs);
criterion_main!(benches);
