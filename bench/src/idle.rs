//! `idle`: the CPU share of servers that hold connections and have nothing to do.

use std::time::{Duration, Instant};

use crate::args::Options;
use crate::contender::{Contender, Kind};
use crate::error::BenchError;
use crate::goal::{ASHLAR, IDLE_SHARE, REDIS, Verdict};
use crate::resp_client::Client;
use crate::rig::Rig;
use crate::server::Server;
use crate::workload::CONNECTIONS;
use crate::{binaries, procfs};

const SECONDS: u64 = 10;
/// Time after start-up in which a server may still be settling.
const SETTLE: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(5);

/// Measures ashlar with a core loop per CPU, and redis-server beside it; returns the verdict on ashlar.
pub(crate) fn run(options: &Options) -> Result<Verdict, BenchError> {
    let rig = Rig::new()?;
    let cores = procfs::allowed_cpus()?.len();
    let ashlar = Contender::new(ASHLAR, Kind::Ashlar, &binaries::ashlar(options.ashlar.clone())?);
    let redis = Contender::new(REDIS, Kind::Redis, &binaries::redis(options.redis.clone())?);
    let seconds = Duration::from_secs(options.seconds.unwrap_or(SECONDS));
    println!("share of one core, idle for {} s with {CONNECTIONS} connections, {cores} core loops", seconds.as_secs());
    share(&redis, cores, seconds, &rig)?;
    let measured = Some(share(&ashlar, cores, seconds, &rig)?);
    let verdict = Verdict { what: "idle server, share of one core".to_owned(), measured, at_most: IDLE_SHARE };
    println!("{}: {} (at most {:.1} %)", verdict.what, verdict.word(), IDLE_SHARE * 100.0);
    Ok(verdict)
}

fn share(contender: &Contender, cores: usize, time: Duration, rig: &Rig) -> Result<f64, BenchError> {
    let server = Server::start(contender, cores, None, rig)?;
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut client = Client::connect(server.endpoint.port, PATIENCE)?;
        client.ask(&["PING"])?;
        connections.push(client);
    }
    std::thread::sleep(SETTLE);
    let (before, begun) = (procfs::cpu_ns(server.pid())?, Instant::now());
    std::thread::sleep(time);
    let spent = procfs::cpu_ns(server.pid())?.saturating_sub(before);
    let share = spent as f64 / begun.elapsed().as_nanos() as f64;
    println!("  {:<14} {:.3} %", contender.name, share * 100.0);
    Ok(share)
}
