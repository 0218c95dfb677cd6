//! A cache with ten times more data than memory, under each policy: what a command costs, at full speed. Hit rates are judged elsewhere
//! (`hits`), as they depend on the pace.

use std::path::PathBuf;

use super::{Contenders, PATIENCE, aside, limit, load, trace};
use crate::args::Options;
use crate::contender::{Contender, Kind};
use crate::error::BenchError;
use crate::goal::print_at_most;
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
/// The highest ratio of processor time per command that passes.
const CPU_AT_MOST: f64 = 0.6;
/// Halves of the measured part whose hit rates differ by more points than this were not steady.
const STEADY_POINTS: f64 = 0.3;

/// The policy that others are compared with.
pub(super) const LRU: &str = "allkeys-lru";
/// The policy that has to be better than [`LRU`].
pub(super) const S3_FIFO: &str = "allkeys-s3fifo";

/// A policy that is measured.
pub(super) struct Policy {
    /// As `maxmemory-policy` names it.
    pub(super) name: &'static str,
    /// Whether redis-server has it.
    pub(super) in_redis: InRedis,
}

/// See [`Policy::in_redis`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum InRedis {
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
    /// Whether a server has it.
    fn is_had_by(&self, contender: &Contender) -> bool {
        contender.kind != Kind::Redis || self.in_redis == InRedis::Yes
    }

    /// Whether SETs have a deadline.
    pub(super) fn life(&self) -> &'static str {
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

/// A trace, and where it is run.
struct Bench<'a> {
    size: &'a Size,
    trace: PathBuf,
    rig: &'a Rig,
}

/// Measures every policy and prints its figures.
pub(super) fn run(contenders: &Contenders, policies: &[&Policy], size: &Size, rig: &Rig) -> Result<(), BenchError> {
    let keys = trace::keys_of(size.budget);
    println!(
        "cache of {} MiB beyond the empty server at full speed, {keys} keys of ten times as many bytes, Zipf {}; GETs in batches of {} on {} \
         connections, and SETs of what is missing; {} GETs, then {} that count; medians of {} rounds",
        size.budget >> 20,
        trace::SKEW,
        aside::BATCH,
        aside::CONNECTIONS,
        size.warm,
        size.requests,
        size.rounds
    );
    let trace = trace::write(rig.scratch.path(), keys, size.warm + size.requests)?;
    let bench = Bench { size, trace, rig };
    policies.iter().try_for_each(|policy| bench.policy(contenders, policy))
}

impl Bench<'_> {
    /// Measures ours, redis-server in turn with it if that has the policy, and judges.
    fn policy(&self, contenders: &Contenders, policy: &Policy) -> Result<(), BenchError> {
        println!("  {}", policy.name);
        let Contenders { ours, redis } = contenders;
        let (mut our_runs, mut redis_runs) = (Vec::new(), Vec::new());
        for round in 0..self.size.rounds {
            let mut both = [(redis, &mut redis_runs), (ours, &mut our_runs)];
            if round % 2 == 1 {
                both.reverse();
            }
            for (contender, runs) in both {
                if policy.is_had_by(contender) {
                    runs.push(self.one(contender, policy)?);
                }
            }
        }
        let redis_cpu = (!redis_runs.is_empty()).then(|| print(redis.name, &redis_runs));
        let our_cpu = print(ours.name, &our_runs);
        if let Some(redis_cpu) = redis_cpu {
            print_at_most("server CPU per command, ratio", our_cpu / redis_cpu, CPU_AT_MOST);
        }
        Ok(())
    }

    /// A fresh server.
    fn one(&self, contender: &Contender, policy: &Policy) -> Result<Run, BenchError> {
        let server = Server::start(contender, 1, self.rig.cpus.map(|cpus| cpus.server), self.rig)?;
        let maxmemory = limit(&server, self.size.budget, policy.name)?;
        let (port, pid, warm) = (server.endpoint.port, server.pid(), self.size.warm);
        let plan = aside::Plan { port, pid, trace: &self.trace, warm, life: policy.life(), rate: 0 };
        let commands = 2 * (warm + self.size.requests);
        let output = load(&server, &plan.arguments(), commands, self.rig.cpus.map(|cpus| cpus.client), self.rig)?;
        let load = aside::read_outcome(&output)?;
        let used = info_number(&server.ask(&["INFO", "memory"], PATIENCE)?, "used_memory")?;
        Ok(Run { load, keys: keys(&server)?, used: used as f64 / maxmemory as f64 })
    }
}

/// Prints a server's line and returns its processor time per command, in nanoseconds.
fn print(name: &str, runs: &[Run]) -> f64 {
    let median =
        |of: &dyn Fn(&Run) -> f64| Spread::of(runs.iter().map(of).collect()).map_or(f64::NAN, |spread| spread.median);
    let cpu = median(&|run| run.load.whole.cpu_per_command());
    println!(
        "    {name:<14} CPU {cpu:>5.0} ns per command, {:>5.0} per GET with its SET; p50 {:>4.0} p99 {:>5.0} us; hit rate {:>6.2} %; \
         {} evicted of {} keys; memory {:.3}; busy {:.0} %",
        median(&|run| run.load.whole.cpu_per_get()),
        median(&|run| run.load.micros[0]),
        median(&|run| run.load.micros[1]),
        median(&|run| run.load.whole.hit_rate()),
        median(&|run| run.load.whole.evicted as f64),
        median(&|run| run.keys as f64),
        median(&|run| run.used),
        median(&|run| run.load.whole.busy())
    );
    let moved = median(&|run| run.load.halves[1].hit_rate() - run.load.halves[0].hit_rate());
    if moved.abs() > STEADY_POINTS {
        println!("    {name:<14} not steady: the second half's hit rate is {moved:+.2} points beside the first's");
    }
    cpu
}

/// How many keys a server holds.
pub(super) fn keys(server: &Server) -> Result<u64, BenchError> {
    let size = server.ask(&["DBSIZE"], PATIENCE)?;
    let keys = size.trim().strip_prefix(':').and_then(|digits| digits.parse().ok());
    keys.ok_or_else(|| BenchError::parse("a number of keys", &size))
}
