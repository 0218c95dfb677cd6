//! Hit rates at the same pace.
//!
//! Both servers note the time of a use in whole seconds. At full speed a cache of this size is replaced within about a second, so that LRU
//! hardly knows more than chance, and the faster server knows less. So requests come at a given rate here, slow enough for a key to stay
//! many seconds, and every server is asked for the same key at the same time. Servers run beside each other, as nothing depends on
//! how long they take.
//!
//! The verdict compares servers with the same bytes for data, as that is what a user sets. A policy by itself can only be judged at the
//! same number of keys, and servers need different numbers of bytes for a key: so ours runs once more with as much memory as makes it
//! hold about as many keys as redis-server, and that hit rate stands beside the other, without a verdict.

use std::fs;
use std::path::PathBuf;

use super::cache::{InRedis, LRU, Policy, S3_FIFO, keys};
use super::{Contenders, aside, limit, load, own_program, trace};
use crate::contender::Contender;
use crate::error::BenchError;
use crate::goal::{print_at_least, print_at_most};
use crate::load::deadline;
use crate::rig::Rig;
use crate::server::Server;
use crate::tool::Tool;

/// Bytes for data.
const BUDGET: u64 = 16 << 20;
/// GETs per second: keys stay for about ten of the seconds that policies tell apart.
const RATE: u64 = 20_000;
/// Seconds before GETs count, and while they do.
const WARM_SECONDS: u64 = 60;
const SECONDS: u64 = 20;
/// Policies at a time: up to three servers each, which take a few percent of a processor with their loads.
const AT_A_TIME: usize = 4;
/// How much longer than planned a load may take.
const LATE_AT_MOST: f64 = 1.01;
/// How much lower the hit rate may be than redis-server's, and how much higher that of S3-FIFO has to be than that of LRU, in points.
const LOST_POINTS_AT_MOST: f64 = 0.5;
const GAINED_POINTS_AT_LEAST: f64 = 2.0;

/// A trace, and where it is run.
struct Bench<'a> {
    contenders: &'a Contenders,
    trace: PathBuf,
    rig: &'a Rig,
}

/// A server with its load under way.
struct Running<'a> {
    name: &'static str,
    // In this order, as loads are ended first.
    load: Tool<'a>,
    server: Server<'a>,
}

/// The servers of a policy: ours, and if redis-server has it that and ours with about as many keys.
struct Side<'a> {
    policy: &'static str,
    ours: Running<'a>,
    redis: Option<[Running<'a>; 2]>,
}

/// Measures the policies and prints their figures.
pub(super) fn run(contenders: &Contenders, policies: &[&Policy], rig: &Rig) -> Result<(), BenchError> {
    let all = trace::keys_of(BUDGET);
    println!(
        "hit rates at {RATE} GETs a second: {} MiB beyond the empty server, {all} keys of ten times as many bytes, Zipf {}; {WARM_SECONDS} s, \
         then {SECONDS} s that count",
        BUDGET >> 20,
        trace::SKEW
    );
    let trace = trace::write(rig.scratch.path(), all, (WARM_SECONDS + SECONDS) * RATE)?;
    let bench = Bench { contenders, trace, rig };
    let mut rates = Vec::new();
    for policies in policies.chunks(AT_A_TIME) {
        // Before the loads that have a pace to keep.
        let shares: Vec<f64> = policies.iter().map(|policy| bench.share(policy)).collect::<Result<_, _>>()?;
        let sides = policies.iter().zip(shares).map(|(policy, share)| bench.side(policy, share));
        let sides: Vec<Side> = sides.collect::<Result<_, _>>()?;
        for side in sides {
            rates.push((side.policy, side.end()?));
        }
    }
    let rate_of = |name| rates.iter().find(|(policy, _)| *policy == name).map(|(_, rate)| rate);
    if let (Some(lru), Some(s3_fifo)) = (rate_of(LRU), rate_of(S3_FIFO)) {
        println!("  {S3_FIFO} beside {LRU}");
        print_at_least("points of hit rate that it is better by", s3_fifo - lru, GAINED_POINTS_AT_LEAST);
    }
    Ok(())
}

impl<'a> Bench<'a> {
    /// Starts the servers of a policy and their loads. Ours needs this share of redis-server's bytes for a key.
    fn side(&self, policy: &Policy, share: f64) -> Result<Side<'a>, BenchError> {
        let Contenders { ours, redis } = self.contenders;
        let redis = match policy.in_redis {
            InRedis::No => None,
            InRedis::Yes => {
                let as_many = (BUDGET as f64 * share) as u64;
                Some([
                    self.start(redis, redis.name, policy, BUDGET)?,
                    self.start(ours, "as many keys", policy, as_many)?,
                ])
            }
        };
        Ok(Side { policy: policy.name, ours: self.start(ours, ours.name, policy, BUDGET)?, redis })
    }

    /// What ours needs of the bytes that redis-server needs for as many keys.
    fn share(&self, policy: &Policy) -> Result<f64, BenchError> {
        if policy.in_redis == InRedis::No {
            return Ok(1.0);
        }
        let mut held = [0.0; 2];
        for (contender, held) in [&self.contenders.redis, &self.contenders.ours].into_iter().zip(&mut held) {
            let server = Server::start(contender, 1, None, self.rig)?;
            limit(&server, BUDGET, policy.name)?;
            let plan = self.plan(&server, policy, 0);
            load(&server, &plan.arguments(), 2 * (WARM_SECONDS + SECONDS) * RATE, None, self.rig)?;
            *held = keys(&server)? as f64;
        }
        Ok(held[0] / held[1])
    }

    fn plan(&self, server: &Server, policy: &Policy, rate: u64) -> aside::Plan<'_> {
        let (port, pid) = (server.endpoint.port, server.pid());
        aside::Plan { port, pid, trace: &self.trace, warm: WARM_SECONDS * RATE, life: policy.life(), rate }
    }

    fn start(
        &self,
        contender: &Contender,
        name: &'static str,
        policy: &Policy,
        budget: u64,
    ) -> Result<Running<'a>, BenchError> {
        let server = Server::start(contender, 1, None, self.rig)?;
        limit(&server, budget, policy.name)?;
        // A folder of its own for the output of each load.
        let folder = self.rig.scratch.path().join(server.endpoint.port.to_string());
        fs::create_dir(&folder).map_err(BenchError::io("create a folder for a load"))?;
        let line = own_program(&self.plan(&server, policy, RATE).arguments(), None)?;
        Ok(Running { name, load: Tool::start(&line, &folder, &self.rig.reaper)?, server })
    }
}

impl Side<'_> {
    /// Waits for the loads, prints what they found, and returns our hit rate in percent.
    fn end(self) -> Result<f64, BenchError> {
        println!("  {}", self.policy);
        let redis = self.redis.map(|[redis, as_many]| Ok((redis.end()?, as_many.end()?)));
        let redis: Option<(f64, f64)> = redis.transpose()?;
        let ours = self.ours.end()?;
        if let Some((redis, as_many)) = redis {
            println!("    with about as many keys: {:+.2} points", as_many - redis);
            print_at_most("points of hit rate that redis-server has more", redis - ours, LOST_POINTS_AT_MOST);
        }
        Ok(ours)
    }
}

impl Running<'_> {
    /// Waits for the load, prints what it found, and returns the hit rate in percent.
    fn end(mut self) -> Result<f64, BenchError> {
        let output = self.load.wait(deadline((WARM_SECONDS + SECONDS) * RATE))?.unwrap_or_default();
        let aside::Outcome { halves, whole, .. } = aside::read_outcome(&output)?;
        println!(
            "    {:<14} hit rate {:>6.2} % ({:.2}, {:.2}) with {} keys; {} evicted",
            self.name,
            whole.hit_rate(),
            halves[0].hit_rate(),
            halves[1].hit_rate(),
            keys(&self.server)?,
            whole.evicted
        );
        let seconds = whole.elapsed_ns as f64 / 1e9;
        if seconds > SECONDS as f64 * LATE_AT_MOST {
            println!("    {:<14} did not keep the pace: {seconds:.1} s, not {SECONDS}", self.name);
        }
        Ok(whole.hit_rate())
    }
}
