//! The longest that a single operation on one large sorted set holds its core: none may take 1 ms of CPU time.
//!
//! Builds a set member by member, takes half of it apart again and frees the rest in pieces; `longest` tells how it is timed.
//!
//! `MEMBERS` sets the number of members, 10 million by default.

mod longest;

use std::hint::black_box;

use keyspace::hash::{KeyHasher, Random};
use keyspace::types::sorted_set::SortedSet;

use longest::{Times, measure, start};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SCANS: u64 = 2_000;

/// What is measured.
const KINDS: [&str; 6] = ["nothing", "insert", "rescore", "scan", "remove", "free"];

fn run(times: &mut [Times; 6], members: u64) {
    let [nothing, insert, rescore, scan, remove, free] = times;
    let hasher = KeyHasher::new([1, 2, 3, 4]);
    let name = |number: u64| (number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_be_bytes();
    let mut set = SortedSet::default();
    let mut random = Random::new(7);
    (0..1_000_000).for_each(|_| nothing.time(|| ()));
    let mut put = |times: &mut Times, set: &mut SortedSet, member: [u8; 8]| {
        let score = random.below(members) as f64;
        times.time(|| set.upsert(&hasher, &member, |_| Some(score)));
    };
    (0..members).for_each(|number| put(insert, &mut set, name(number)));
    (0..members / 10).for_each(|number| put(rescore, &mut set, name(number)));
    (0..SCANS).for_each(|number| {
        scan.time(|| black_box(set.scan(&hasher, number << 37, 10, |_, _| 1)));
    });
    (0..members / 2).for_each(|number| assert!(remove.time(|| set.remove(&hasher, &name(number))).is_some()));
    while free.time(|| set.free_piece(1792)) >= 1792 {}
}

fn main() {
    start("MEMBERS", |members| {
        measure(&format!("{members} members in one sorted set"), KINDS, |times| run(times, members));
    });
}
