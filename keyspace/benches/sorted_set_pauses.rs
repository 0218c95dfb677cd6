//! The longest that a single operation on one large sorted set holds its core: none may take 1 ms of CPU time.
//!
//! Builds a set member by member, takes half of it apart again and frees the rest in pieces, three times in the same order, as
//! `pauses` does for the keyspace and for the same reason: the least time of an operation in three runs is its own, what it took
//! beyond that was the machine. It starts itself once more with an allocator that gives nothing back to the system.
//!
//! `MEMBERS` sets the number of members, 10 million by default.

use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

use keyspace::hash::{KeyHasher, Random};
use keyspace::types::sorted_set::SortedSet;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ALLOWED_NS: u32 = 1_000_000;

/// Runs of the same operations.
const RUNS: usize = 3;

const SCANS: u64 = 2_000;

/// The least time of each operation of one kind over all runs, in nanoseconds.
#[derive(Default)]
struct Times {
    least: Vec<u32>,
    operations: usize,
}

impl Times {
    fn time<R>(&mut self, operation: impl FnOnce() -> R) -> R {
        let start = Instant::now();
        let result = operation();
        let took = u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX);
        match self.least.get_mut(self.operations) {
            Some(least) => *least = took.min(*least),
            None => self.least.push(took),
        }
        self.operations += 1;
        result
    }

    fn print(&self, label: &str) {
        let (at, longest) = self.least.iter().enumerate().max_by_key(|(_, least)| **least).expect("something ran");
        let mean = self.least.iter().map(|&least| least as u64).sum::<u64>() / self.least.len() as u64;
        let verdict = if *longest < ALLOWED_NS { "" } else { "  TOO LONG" };
        let operations = self.least.len();
        println!(
            "  {label:<8} {operations:>10} operations: mean {mean} ns, longest {} us (number {at}){verdict}",
            longest / 1000
        );
    }
}

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

/// Makes mimalloc keep what is freed.
const KEEP: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "-1");

fn main() {
    if std::env::var_os(KEEP.0).is_none() {
        let this = std::env::current_exe().expect("a running program has a file");
        let status = Command::new(this).env(KEEP.0, KEEP.1).status().expect("it starts as it started before");
        assert!(status.success());
        return;
    }
    let members = std::env::var("MEMBERS").map_or(10_000_000, |text| text.parse().expect("MEMBERS is a number"));
    println!("{members} members in one sorted set");
    let mut times: [Times; 6] = Default::default();
    for _ in 0..RUNS {
        times.iter_mut().for_each(|times| times.operations = 0);
        run(&mut times, members);
    }
    KINDS.iter().zip(&times).for_each(|(label, times)| times.print(label));
}
