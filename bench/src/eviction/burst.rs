//! Bursts of large values into a full instance: how far memory overshoots, how long the server is deaf, and that nothing is refused.

use super::{Contenders, PATIENCE, flood, limit, load, set};
use crate::clients::slots::core_of;
use crate::contender::Contender;
use crate::error::BenchError;
use crate::goal::{print_at_least, print_at_most};
use crate::rig::Rig;
use crate::server::Server;

/// Bytes for data.
const BUDGET: u64 = 1 << 30;
/// SETs that are measured.
const SETS: u64 = 1_000_000;
/// SETs before them, as a share of what fits by the values alone: more than fits, so that keys are evicted already.
const FILL: [u64; 2] = [5, 4];
/// `--quick`: an eighth of everything.
const QUICK: u64 = 8;
const POLICY: &str = "allkeys-lru";
/// Hash tags of keys, for bursts of which one core has all keys.
const TAGS: usize = 64;
/// The highest and the lowest share of `maxmemory` that `used_memory` may be while the burst lasts.
const USED_AT_MOST: f64 = 1.01;
const USED_AT_LEAST: f64 = 0.98;

/// A burst that is measured.
pub(super) struct Burst {
    /// As `--only` names it.
    pub(super) name: &'static str,
    cores: u16,
    /// Of [`SETS`].
    part: u64,
}

/// All bursts: into one core; into one core of two, whose keys need all the memory.
pub(super) const BURSTS: [Burst; 2] =
    [Burst { name: "burst", cores: 1, part: 1 }, Burst { name: "cores burst", cores: 2, part: 4 }];

/// Measures the servers and prints their figures.
pub(super) fn run(contenders: &Contenders, burst: &Burst, quick: bool, rig: &Rig) -> Result<(), BenchError> {
    let quick = if quick { QUICK } else { 1 };
    let (budget, sets) = (BUDGET / quick, SETS / quick / burst.part);
    println!(
        "{}: {sets} SETs of {} bytes into {} MiB that are full, {POLICY}, {} core loops{}; batches of {} on {} connections",
        burst.name,
        flood::VALUE_BYTES,
        budget >> 20,
        burst.cores,
        if burst.cores > 1 { ", all keys on one of them" } else { "" },
        flood::BATCH,
        crate::workload::CONNECTIONS
    );
    let redis = match burst.cores {
        1 => Some(one_server(&contenders.redis, burst, budget, sets, rig)?),
        _ => None,
    };
    let ours = one_server(&contenders.ours, burst, budget, sets, rig)?;
    if let Some(redis) = redis {
        println!("    CPU per SET, ratio: {:.2}", ours.outcome.cpu_ns as f64 / redis.outcome.cpu_ns as f64);
    }
    let used = |bytes: u64| bytes as f64 / ours.maxmemory as f64;
    print_at_most("highest used_memory of maxmemory", used(ours.outcome.used_max), USED_AT_MOST);
    print_at_least("lowest used_memory of maxmemory", used(ours.outcome.used_min), USED_AT_LEAST);
    print_at_most("SETs refused", ours.outcome.refused as f64, 0.0);
    if let (Some(cpu), Some(turn)) = (ours.longest_cpu_us, ours.longest_turn_us) {
        print_at_most("longest turn, ms of processor time", cpu as f64 / 1e3, flood::TURN_MS);
        println!("    longest turn by the clock, with whoever had its CPU meanwhile: {:.1} ms", turn as f64 / 1e3);
    }
    Ok(())
}

/// What became of one server.
struct Figures {
    outcome: flood::Outcome,
    maxmemory: u64,
    /// The longest turn of the burst, in microseconds, if it says so.
    longest_turn_us: Option<u64>,
    /// The longest in processor time, likewise.
    longest_cpu_us: Option<u64>,
}

/// What a fresh server makes of it.
fn one_server(contender: &Contender, burst: &Burst, budget: u64, sets: u64, rig: &Rig) -> Result<Figures, BenchError> {
    // Two core loops need the client's processor too.
    let cpus = rig.cpus.filter(|_| burst.cores == 1);
    let server = Server::start(contender, usize::from(burst.cores), cpus.map(|cpus| cpus.server), rig)?;
    set(&server, "latency-monitor-threshold", "1")?;
    let maxmemory = limit(&server, budget, POLICY)?;
    let fill = budget / flood::VALUE_BYTES * FILL[0] / FILL[1];
    let arguments = flood::arguments(server.endpoint.port, server.pid(), fill, sets, &prefixes(burst.cores));
    let output = load(&server, &arguments, fill + sets, cpus.map(|cpus| cpus.client), rig)?;
    let outcome = flood::read_outcome(&output)?;
    let cycle = longest_event(&server.ask(&["LATENCY", "LATEST"], PATIENCE)?, "eviction-cycle");
    print(contender.name, &outcome, maxmemory, cycle);
    let turns = server.ask(&["INFO", "debug"], PATIENCE)?;
    let longest = |name| turns.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    let longest_turn_us = longest("eventloop_duration_max:");
    Ok(Figures { outcome, maxmemory, longest_turn_us, longest_cpu_us: longest("eventloop_cpu_max:") })
}

/// What keys begin with: hash tags of slots of the first core, if there are others.
fn prefixes(cores: u16) -> Vec<String> {
    if cores == 1 {
        return vec!["burst:".to_owned()];
    }
    let tags = (10_000_u32..).map(|number| number.to_string()).filter(|tag| core_of(tag, cores) == 0);
    tags.take(TAGS).map(|tag| format!("{{{tag}}}:")).collect()
}

/// The longest that an event took, in milliseconds, by what LATENCY LATEST answers; `None` if it never took one.
fn longest_event(reply: &str, event: &str) -> Option<u64> {
    // Its name, then integers: when it came last, how long it took then, how long it took at most.
    let mut lines = reply.lines().skip_while(|line| *line != event);
    lines.nth(3)?.strip_prefix(':')?.parse().ok()
}

fn print(name: &str, outcome: &flood::Outcome, maxmemory: u64, cycle: Option<u64>) {
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let seconds = outcome.elapsed_ns as f64 / 1e9;
    let sets = (outcome.stored + outcome.refused).max(1) as f64;
    println!(
        "  {name:<14} {:.0} SETs/s, CPU {:.0} ns per SET, busy {:.0} %, {:.0} % waiting for a CPU, {} refused; a batch's p99 {:.1} ms",
        sets / seconds,
        outcome.cpu_ns as f64 / sets,
        100.0 * outcome.cpu_ns as f64 / outcome.elapsed_ns as f64,
        100.0 * outcome.waited_ns as f64 / outcome.elapsed_ns as f64,
        outcome.refused,
        outcome.batch_p99_ns as f64 / 1e6
    );
    println!(
        "  {:<14} used_memory {:.1} to {:.1} MiB of {:.1}, resident at most {:.1}; {} looks, at most {:.1} ms apart",
        "",
        mib(outcome.used_min),
        mib(outcome.used_max),
        mib(maxmemory),
        mib(outcome.resident_max),
        outcome.looks,
        outcome.longest_gap_ns as f64 / 1e6
    );
    let [p50, p99, p999, max] = outcome.ping_ns.map(|ns| ns as f64 / 1e3);
    println!(
        "  {:<14} PING p50 {p50:.0} p99 {p99:.0} p99.9 {p999:.0} longest {max:.0} us of {}, {} above {} ms; longest eviction-cycle {}",
        "",
        outcome.pings,
        outcome.slow_pings,
        flood::TURN_MS,
        cycle.map_or("below 1 ms".to_owned(), |ms| format!("{ms} ms"))
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_of_an_event() {
        let reply = "*2\r\n*4\r\n$7\r\ncommand\r\n:1\r\n:2\r\n:3\r\n*4\r\n$14\r\neviction-cycle\r\n:1700000000\r\n:4\r\n:17\r\n";
        assert_eq!(longest_event(reply, "eviction-cycle"), Some(17));
        assert_eq!(longest_event("*0\r\n", "eviction-cycle"), None);
    }

    #[test]
    fn prefixes_are_equally_long() {
        let some = prefixes(2);
        assert_eq!(some.len(), TAGS);
        assert!(some.iter().all(|prefix| prefix.len() == some[0].len()));
        assert_eq!(prefixes(1).len(), 1);
    }
}
