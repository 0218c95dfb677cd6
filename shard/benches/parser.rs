//! Time of the request parser per batch: GET and SET, 64 B and 1 KiB values, alone and 64 deep.
//!
//! `cargo bench -p shard --bench parser`; the throughput column is commands per second.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use shard::resp::{Limits, Parser, Span, Step};

/// A request of these arguments.
fn request(args: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        bytes.extend_from_slice(arg);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// Parses all of `input` as a connection does; returns how many commands it held.
fn parse(parser: &mut Parser, input: &[u8], limits: &Limits, spans: &mut Vec<Span>) -> usize {
    let mut commands = 0;
    spans.clear();
    while parser.position() < input.len() {
        match parser.next(input, limits, spans) {
            Step::Command => commands += 1,
            other => panic!("not a command: {other:?}"),
        }
    }
    parser.drained();
    commands
}

fn requests(c: &mut Criterion) {
    let key = b"key:000000000042";
    let rows = [
        ("GET", request(&[b"GET", key])),
        ("SET 64 B", request(&[b"SET", key, &[b'v'; 64]])),
        ("SET 1 KiB", request(&[b"SET", key, &[b'v'; 1024]])),
    ];
    let limits = Limits::default();
    let mut group = c.benchmark_group("parser");
    for (name, one) in &rows {
        for depth in [1, 64] {
            let input = one.repeat(depth);
            let (mut parser, mut spans) = (Parser::default(), Vec::new());
            group.throughput(Throughput::Elements(depth as u64));
            group.bench_function(BenchmarkId::new(*name, format!("P={depth}")), |b| {
                b.iter(|| parse(&mut parser, black_box(&input), &limits, &mut spans));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, requests);
criterion_main!(benches);
