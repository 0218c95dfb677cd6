//! Which seeds a test runs, and what is printed when one of them fails, loops or stalls.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::abort;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use super::world::TRACE;
use super::{blocking, endings, pubsub, readers, scripts, serial, storm, transactions};

/// A seed that takes longer is in an endless loop, which no test could report by itself: the process ends with a word.
const SEED_TIME_MAX: Duration = Duration::from_secs(60);

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number, not {text:?}")))
}

/// Runs `test` for each seed: `count` of them, or as the environment says.
pub(crate) fn each(name: &str, count: u64, test: impl Fn(u64) -> Result<(), String>) {
    let seeds = match number("ASHLAR_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("ASHLAR_SIM_SEEDS").unwrap_or(count),
    };
    for seed in seeds {
        let failed = |what: &str| {
            eprintln!(
                "{name}: {what}; replay with ASHLAR_SIM_SEED={seed} cargo test -p shard --test simulation {name}"
            );
        };
        match catch_unwind(AssertUnwindSafe(|| guarded(name, seed, || test(seed)))) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                failed("failed");
                panic!("{name}, seed {seed}: {error}");
            }
            Err(panic) => {
                failed("panicked");
                resume_unwind(panic);
            }
        }
    }
}

/// Runs a test under a watchdog.
pub(crate) fn guarded<T>(name: &str, seed: u64, test: impl FnOnce() -> T) -> T {
    let (done, watch) = channel::<()>();
    let name = name.to_owned();
    let dog = thread::spawn(move || {
        if watch.recv_timeout(SEED_TIME_MAX) == Err(RecvTimeoutError::Timeout) {
            eprintln!("{name}, seed {seed}: still running after {SEED_TIME_MAX:?}");
            abort();
        }
    });
    let result = test();
    drop(done);
    dog.join().expect("the watchdog only waits");
    result
}

#[test]
fn a_seed_replays_exactly() {
    let plays: [fn(u64) -> Result<(), String>; 9] = [
        blocking::run,
        endings::run,
        pubsub::run,
        readers::run,
        scripts::run,
        |seed| scripts::long(seed).map(drop),
        serial::run,
        storm::run,
        transactions::run,
    ];
    for (index, play) in plays.into_iter().enumerate() {
        let trace = |seed| {
            TRACE.set(0);
            play(seed).expect("its own test runs this seed too");
            TRACE.get()
        };
        for seed in 0..4 {
            let (first, again) = (trace(seed), trace(seed));
            assert_eq!(first, again, "play {index}, seed {seed}");
            assert_ne!(first, trace(seed + 1), "play {index}: seeds differ");
        }
    }
}
