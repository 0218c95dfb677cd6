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

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clusterbus::cluster::{Cluster, TICK};
use clusterbus::effect::Effect;
use clusterbus::time::UnixMillis;
use clusterbus::wire::{Frame, Kind};

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

/// What a frame and a tick cost a node of a quiet cluster, by its size. In the world all nodes take turns, so each finds the processor's caches
/// full of others; what arrived at one of them is played to it again alone.
fn growth() {
    /// Until all have asked all, and all that follows is done.
    const SETTLED_MILLIS: u64 = 10_000;
    /// Of what happens meanwhile.
    const RECORDED_MILLIS: u64 = 5_000;
    for count in [100, 250, 500, 1_000] {
        let begun = Instant::now();
        let mut world = World::of_files(count, 15_000, 1);
        let serves = world.run_until(60_000, "all serve", World::all_ok);
        world.run(SETTLED_MILLIS);
        world.record_at = Some(0);
        world.record = Some(Vec::new());
        world.run(RECORDED_MILLIS);
        let frames: Vec<Arc<[u8]>> = world.record.take().into_iter().flatten().map(|(_, frame)| frame).collect();
        let node = world.member(0).clone();
        let now = world.clock(0);
        drop(world);
        let per_frame = fastest(&node, |node| heard(node, &frames, now)) / frames.len() as f64;
        // In a larger cluster more nodes are to be asked in a tick, and each such frame is work of its own.
        let sent = ticked(&mut node.clone(), now);
        let per_tick = fastest(&node, |node| _ = ticked(node, now)) / (TICKS + sent) as f64;
        let (of_frame, of_tick) = (per_frame / count as f64, per_tick / count as f64);
        println!(
            "{count:5} nodes: {per_frame:7.0} ns per frame, {of_frame:4.1} for each node; {per_tick:7.0} ns per tick and frame \
             sent, {of_tick:4.1} for each node ({sent} sent in {TICKS} ticks); all serve {serves} ms after a restart of all; played in {:.0} s",
            begun.elapsed().as_secs_f64()
        );
    }
}

/// The least time in nanoseconds of several in which a copy of a node does something.
fn fastest(node: &Cluster, act: impl Fn(&mut Cluster)) -> f64 {
    const TIMES: usize = 30;
    let once = || {
        let mut node = node.clone();
        let begun = Instant::now();
        act(&mut node);
        begun.elapsed().as_nanos() as f64
    };
    (0..TIMES).map(|_| once()).fold(f64::INFINITY, f64::min)
}

/// Frames arrive, on the links on which they came.
fn heard(node: &mut Cluster, frames: &[Arc<[u8]>], now: UnixMillis) {
    for frame in frames {
        let frame = Frame::decode(frame).expect("our own frames are well-formed");
        let sender = &node.nodes()[node.nodes().find(&frame.header.sender).expect("all know all")];
        let answers = frame.body.kind() == Kind::Pong;
        let link = if answers { sender.outbound } else { sender.inbound };
        node.handle_frame(link.expect("all are linked"), &frame, now);
        settle(node, now);
    }
}

/// How many ticks are timed: fewer than it takes until who is asked meanwhile is missed.
const TICKS: u64 = 50;

/// Time passes, and nobody answers. Returns how many frames were sent.
fn ticked(node: &mut Cluster, now: UnixMillis) -> u64 {
    let sent = |node: &Cluster| node.counts().sent.iter().sum::<u64>();
    let before = sent(node);
    for tick in 1..=TICKS {
        let now = now + TICK * tick;
        node.tick(now);
        settle(node, now);
    }
    sent(node) - before
}

/// The end of a round: what is to be done leaves the node.
fn settle(node: &mut Cluster, now: UnixMillis) {
    node.before_sleep(now);
    while let Some(effect) = node.poll_effect() {
        match effect {
            Effect::Save(seq, ..) => node.saved(seq),
            Effect::Routes(version) => node.acknowledged(version),
            _ => {}
        }
    }
}
