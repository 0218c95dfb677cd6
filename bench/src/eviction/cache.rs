//! A cache with ten times more data than memory, under each policy.
//!
//! The verdict on hit rates compares servers with the same bytes for data, as that is what a user sets. A policy by itself can only be
//! judged at the same number of keys, and servers need different numbers of bytes for a key: so ours runs once more with as much memory
//! as makes it hold as many keys as redis-server, and that hit rate stands beside the other, without a verdict.

use std::path::{Path, PathBuf};

use super::{Contenders, PATIENCE, aside, limit, load, trace};
use crate::args::Options;
use crate::contender::{Contender, Kind};
use crate::error::BenchError;
use crate::goal::{print_at_least, print_at_most};
use crate::resp_client::info_number;
use crate::rig::Rig;
use crate::server::Server;
use crate::stats::Spread;

/// Bytes for data.
const BUDGET: u64 = 64 << 20;
/// GETs of the measured part, and for each of them the GETs before it: by then every policy has evicted several times what it holds.
const REQUESTS: u64 = 4_000_000;
const WARM: [u64; 2] = [3, 2];
const ROUNDS: u64 = 3;
/// `--quick`: a quarter of everything.
const QUICK: u64 = 4;
/// The highest and lowest figures that pass: processor time per command to redis-server's; how much lower the hit rate may be, in
/// points; how much higher that of S3-FIFO has to be than that of LRU.
const CPU_AT_MOST: f64 = 0.6;
const LOST_POINTS_AT_MOST: f64 = 0.5;
const GAINED_POINTS_AT_LEAST: f64 = 2.0;
/// Halves of the measured part whose hit rates differ by more points than this were not steady.
const STEADY_POINTS: f64 = 0.3;

const LRU: &str = "allkeys-lru";
const S3_FIFO: &str = "allkeys-s3fifo";

/// A policy that is measured.
pub(super) struct Policy {
    /// As `maxmemory-policy` names it.
    pub(super) name: &'static str,
    in_redis: InRedis,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum InRedis {
    Yes,
    No,
}

/// All policies that evict.
pub(super) const POLICIES: [Policy; 10] = [
    policy(LRU, InRedis::Yes),
    policy(S3_FIFO, InRedis::No),
    policy("allkeys-lfu", InRedis::Yes),
    policy("allkeys-lrm", InRedis::No),
    policy("allkeys-random", InRedis::Yes),
    policy("volatile-lru", InRedis::Yes),
    policy("volatile-lfu", InRedis::Yes),
    policy("volatile-lrm", InRedis::No),
    policy("volatile-random", InRedis::Yes),
    policy("volatile-ttl", InRedis::Yes),
];

const fn policy(name: &'static str, in_redis: InRedis) -> Policy {
    Policy { name, in_redis }
}

impl Policy {
    /// Whether SETs have a deadline.
    fn life(&self) -> &'static str {
        if self.name.starts_with("volatile") { aside::VOLATILE } else { aside::PERSISTENT }
    }
}

/// How much is measured.
pub(super) struct Size {
    budget: u64,
    requests: u64,
    warm: u64,
    rounds: u64,
}

impl Size {
    /// As the options say.
    pub(super) fn of(options: &Options) -> Size {
        let (part, rounds) = if options.quick { (QUICK, 1) } else { (1, ROUNDS) };
        let requests = options.requests.unwrap_or(REQUESTS / part);
        let rounds = options.rounds.unwrap_or(rounds);
        Size { budget: BUDGET / part, requests, warm: requests * WARM[0] / WARM[1], rounds }
    }
}

/// What one run found.
#[derive(Clone, Copy)]
struct Run {
    load: aside::Outcome,
    keys: u64,
    /// Of `maxmemory`.
    used: f64,
}

/// The middle of several runs.
struct Figures {
    hit_rate: f64,
    cpu: f64,
    keys: u64,
}

/// A trace, and where it is run.
struct Bench<'a> {
    contenders: &'a Contenders,
    size: &'a Size,
    trace: PathBuf,
    rig: &'a Rig,
}

/// Measures every policy and prints its figures.
pub(super) fn run(contenders: &Contenders, policies: &[&Policy], size: &Size, rig: &Rig) -> Result<(), BenchError> {
    let keys = trace::keys_of(size.budget);
    println!(
        "cache of {} MiB beyond the empty server, {keys} keys of ten times as many bytes, Zipf {}; GETs in batches of {} on {} connections, \
         and SETs of what is missing; {} GETs, then {} that count; medians of {} rounds",
        size.budget >> 20,
        trace::SKEW,
        aside::BATCH,
        aside::CONNECTIONS,
        size.warm,
        size.requests,
        size.rounds
    );
    let trace = trace::write(rig.scratch.path(), keys, size.warm + size.requests)?;
    let bench = Bench { contenders, size, trace, rig };
    let (mut lru, mut s3_fifo) = (None, None);
    for policy in policies {
        let ours = bench.policy(policy)?;
        match policy.name {
            LRU => lru = Some(ours.hit_rate),
            S3_FIFO => s3_fifo = Some(ours.hit_rate),
            _ => {}
        }
    }
    if let (Some(lru), Some(s3_fifo)) = (lru, s3_fifo) {
        println!("  {S3_FIFO} and {LRU}");
        print_at_least("points of hit rate that it is better by", s3_fifo - lru, GAINED_POINTS_AT_LEAST);
    }
    Ok(())
}

impl Bench<'_> {
    /// Measures ours, redis-server in turn with it if that has the policy, and judges.
    fn policy(&self, policy: &Policy) -> Result<Figures, BenchError> {
        println!("  {}", policy.name);
        let Contenders { ours, redis } = self.contenders;
        let (mut our_runs, mut redis_runs) = (Vec::new(), Vec::new());
        for round in 0..self.size.rounds {
            let mut both = [(redis, &mut redis_runs), (ours, &mut our_runs)];
            if round % 2 == 1 {
                both.reverse();
            }
            for (contender, runs) in both {
                if contender.kind != Kind::Redis || policy.in_redis == InRedis::Yes {
                    runs.push(self.one(contender, policy, self.size.budget)?);
                }
            }
        }
        let redis_figures = (!redis_runs.is_empty()).then(|| figures(redis.name, &redis_runs));
        let our_figures = figures(ours.name, &our_runs);
        if let Some(redis_figures) = redis_figures {
            let budget =
                u128::from(self.size.budget) * u128::from(redis_figures.keys) / u128::from(our_figures.keys.max(1));
            let same_keys = self.one(ours, policy, budget as u64)?;
            println!(
                "    {:<14} hit rate {:>6.2} % with {} keys, for which it needs {:.2} of the memory: {:+.2} points",
                "as many keys",
                same_keys.load.whole.hit_rate(),
                same_keys.keys,
                budget as f64 / self.size.budget as f64,
                same_keys.load.whole.hit_rate() - redis_figures.hit_rate
            );
            print_at_most("server CPU per command, ratio", our_figures.cpu / redis_figures.cpu, CPU_AT_MOST);
            let lost = redis_figures.hit_rate - our_figures.hit_rate;
            print_at_most("points of hit rate that redis-server has more", lost, LOST_POINTS_AT_MOST);
        }
        Ok(our_figures)
    }

    /// A fresh server with so many bytes for data.
    fn one(&self, contender: &Contender, policy: &Policy, budget: u64) -> Result<Run, BenchError> {
        let server = Server::start(contender, 1, self.rig.cpus.map(|cpus| cpus.server), self.rig)?;
        let maxmemory = limit(&server, budget, policy.name)?;
        let path: &Path = &self.trace;
        let arguments = aside::arguments(server.endpoint.port, server.pid(), path, self.size.warm, policy.life());
        let commands = 2 * (self.size.warm + self.size.requests);
        let output = load(&server, &arguments, commands, self.rig.cpus.map(|cpus| cpus.client), self.rig)?;
        let load = aside::read_outcome(&output)?;
        let used = info_number(&server.ask(&["INFO", "memory"], PATIENCE)?, "used_memory")?;
        let size = server.ask(&["DBSIZE"], PATIENCE)?;
        let keys = size.trim().strip_prefix(':').and_then(|digits| digits.parse().ok());
        let keys = keys.ok_or_else(|| BenchError::parse("a number of keys", &size))?;
        Ok(Run { load, keys, used: used as f64 / maxmemory as f64 })
    }
}

/// Prints a server's line and returns what is judged.
fn figures(name: &str, runs: &[Run]) -> Figures {
    let median =
        |of: &dyn Fn(&Run) -> f64| Spread::of(runs.iter().map(of).collect()).map_or(f64::NAN, |spread| spread.median);
    let figures = Figures {
        hit_rate: median(&|run| run.load.whole.hit_rate()),
        cpu: median(&|run| run.load.whole.cpu_per_command()),
        keys: median(&|run| run.keys as f64) as u64,
    };
    println!(
        "    {name:<14} hit rate {:>6.2} %  CPU {:>5.0} ns per command, {:>5.0} per GET with its SET; p50 {:>4.0} p99 {:>5.0} us; \
         {} evicted of {} keys; memory {:.3}; busy {:.0} %",
        figures.hit_rate,
        figures.cpu,
        median(&|run| run.load.whole.cpu_per_get()),
        median(&|run| run.load.micros[0]),
        median(&|run| run.load.micros[1]),
        median(&|run| run.load.whole.evicted as f64),
        figures.keys,
        median(&|run| run.used),
        median(&|run| run.load.whole.busy())
    );
    let moved = median(&|run| run.load.halves[1].hit_rate() - run.load.halves[0].hit_rate());
    if moved.abs() > STEADY_POINTS {
        println!("    {name:<14} not steady: the second half's hit rate is {moved:+.2} points beside the first's");
    }
    figures
}
