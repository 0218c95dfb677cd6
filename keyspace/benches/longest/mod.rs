//! The longest that operations of one kind take: what the benches of pauses share.
//!
//! Each run does the same operations in the same order, so the least time that an operation took in several runs is its own and no
//! less than its CPU time; what it took beyond that was the machine. So that memory given back between runs does not count, the
//! process starts itself once more with an allocator that keeps it.

use std::process::Command;
use std::time::Instant;

/// The longest that an operation may take.
const ALLOWED_NS: u32 = 1_000_000;

/// Runs of the same operations.
const RUNS: usize = 3;

/// Makes mimalloc keep what is freed.
const KEEP: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "-1");

/// The times of one kind of operation over several runs.
#[derive(Default)]
pub(crate) struct Times {
    /// The least time of each operation, in nanoseconds.
    least: Vec<u32>,
    /// Operations of the current run so far.
    operations: usize,
    /// The longest in any run.
    longest: u32,
}

impl Times {
    /// Times one operation.
    pub(crate) fn time<R>(&mut self, operation: impl FnOnce() -> R) -> R {
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

    /// Counts the best of several times as one: for operations so long that they are interrupted often.
    #[allow(dead_code, reason = "not every bench has such operations")]
    pub(crate) fn time_again<R>(&mut self, mut operation: impl FnMut() -> R) {
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

/// Does the operations of all kinds several times and prints the longest of each kind.
pub(crate) fn measure<const KINDS: usize>(title: &str, kinds: [&str; KINDS], mut run: impl FnMut(&mut [Times; KINDS])) {
    println!("{title}");
    let mut times: [Times; KINDS] = std::array::from_fn(|_| Times::default());
    for _ in 0..RUNS {
        times.iter_mut().for_each(|times| times.operations = 0);
        run(&mut times);
    }
    kinds.iter().zip(&times).for_each(|(label, times)| times.print(label));
}

/// Runs the bench in a process whose allocator keeps what is freed. `size` is the variable that says how large.
pub(crate) fn start(size: &str, bench: impl FnOnce(u64)) {
    if std::env::var_os(KEEP.0).is_none() {
        let this = std::env::current_exe().expect("a running program has a file");
        let status = Command::new(this).env(KEEP.0, KEEP.1).status().expect("it starts as it started before");
        assert!(status.success());
        return;
    }
    bench(std::env::var(size).map_or(10_000_000, |text| text.parse().expect("a number")));
}
