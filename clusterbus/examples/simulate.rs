//! Plays stories of the simulator (`tests/simulator/`).
//!
//! ```text
//! cargo run --release -p clusterbus --example simulate -- seeds [COUNT [FIRST]]   many stories; stops at the first that fails
//! cargo run --release -p clusterbus --example simulate -- replay SEED             one story again
//! cargo run --release -p clusterbus --example simulate -- hail [FRAMES [SEED]]    malformed frames: 10 million
//! cargo run --release -p clusterbus --example simulate -- speed                   virtual time per real time, 6 nodes
//! cargo run --release -p clusterbus --example simulate -- growth                  work per packet and tick, 100 to 1,000 nodes
//! ```
//!
//! A story that fails prints its seed and the command that plays it again, frame by frame the same.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clusterbus::epoch::Epoch;

#[path = "../tests/simulator/mod.rs"]
#[allow(dead_code, reason = "the crate's tests use more of it")]
mod simulator;

use simulator::{World, hail, story};

/// The seed of the story that is played, for who reads of its failure.
static SEED: AtomicU64 = AtomicU64::new(0);

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: u64| {
        let text = args.get(at).map(|text| text.parse().unwrap_or_else(|_| panic!("{text} is no number")));
        text.unwrap_or(default)
    };
    let default_hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        default_hook(info);
        let seed = SEED.load(Ordering::Relaxed);
        eprintln!("the story of seed {seed} failed; again:");
        eprintln!("cargo run --release -p clusterbus --example simulate -- replay {seed}");
    }));
    match args.first().map(String::as_str) {
        None | Some("seeds") => seeds(number(2, 0), number(1, 100)),
        Some("replay") => replay(number(1, 0)),
        Some("hail") => hailstorm(number(1, 10_000_000), number(2, 0)),
        Some("speed") => speed(),
        Some("growth") => growth(),
        Some(other) => panic!("{other} is no command of this: see the head of examples/simulate.rs"),
    }
}

fn seeds(first: u64, count: u64) {
    let begun = Instant::now();
    let (mut hours, mut elections, mut calm, mut overlap, mut frames) = (0.0, 0, 0, 0, 0);
    for seed in first..first + count {
        SEED.store(seed, Ordering::Relaxed);
        let outcome = story::play(seed, |_| ());
        hours += outcome.virtual_millis as f64 / 3_600_000.0;
        elections += outcome.elections;
        frames += outcome.frames;
        (calm, overlap) = (calm.max(outcome.calm_millis), overlap.max(outcome.overlap_millis));
    }
    let real = begun.elapsed().as_secs_f64();
    println!(
        "{count} stories from seed {first}: all hold; {hours:.1} cluster-hours in {real:.0} s, {frames} frames, {elections} \
         elections won, agreement within {calm} ms, an older claim served for {overlap} ms at most"
    );
}

fn replay(seed: u64) {
    SEED.store(seed, Ordering::Relaxed);
    let (one, two) = (story::play(seed, |what| println!("{what}")), story::play(seed, |_| ()));
    assert_eq!(one, two, "a story is the same each time");
    println!("seed {seed}: {one:?}");
}

fn hailstorm(frames: u64, seed: u64) {
    SEED.store(seed, Ordering::Relaxed);
    let begun = Instant::now();
    let fallen = hail::fall(seed, frames);
    println!("{fallen:?} in {:.0} s", begun.elapsed().as_secs_f64());
}

/// A cluster in fair weather for ten virtual minutes.
fn speed() {
    let mut world = World::formed(6, 3, 2_000, 1);
    let (begun, frames) = (Instant::now(), world.frames);
    const MILLIS: u64 = 600_000;
    world.run(MILLIS);
    let real = begun.elapsed().as_secs_f64();
    let times = MILLIS as f64 / 1_000.0 / real;
    println!(
        "6 nodes: {times:.0} times real time, {} frames a virtual second",
        (world.frames - frames) * 1_000 / MILLIS
    );
}

/// The cost of a quiet cluster of several sizes.
fn growth() {
    for count in [100, 250, 500, 1_000] {
        let begun = Instant::now();
        let mut world = World::new(count, 15_000, 1);
        for member in 0..count {
            // As `redis-cli --cluster create` does: hundreds of equal epochs take minutes to part.
            let epoch = Epoch::taken(member as u64 + 1).expect("in range");
            world.at_node(member, |cluster, _| cluster.set_config_epoch(epoch)).expect("it knows nobody");
        }
        world.form(count / 2);
        let formed = begun.elapsed().as_secs_f64();
        let (begun, frames) = (Instant::now(), world.frames);
        world.run(3_000);
        let (real, frames) = (begun.elapsed(), world.frames - frames);
        let nanos = real.as_nanos() as f64 / frames as f64;
        println!(
            "{count:5} nodes: {nanos:8.0} ns per frame with its share of ticks, {frames} frames; formed in {formed:.1} s"
        );
    }
}
