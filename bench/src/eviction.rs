//! `eviction`: what a full memory costs beside redis-server. A cache with ten times more data than memory under each policy; a burst of
//! large values into a full instance; and the same where one core of two needs all the memory.
//!
//! `maxmemory` is what the empty server uses plus the same number of bytes for each, so that servers have the same memory for data
//! whatever they need for themselves.

pub(crate) mod aside;
mod burst;
mod cache;
pub(crate) mod flood;
mod hits;
mod pipe;
mod trace;

use std::time::Duration;

use crate::args::Options;
use crate::binaries;
use crate::contender::{Contender, Kind, pinned};
use crate::error::BenchError;
use crate::goal::{ASHLAR, REDIS};
use crate::load::deadline;
use crate::resp_client::info_number;
use crate::rig::Rig;
use crate::server::Server;
use crate::tool::Tool;

/// Longest silence of a server that is asked for its figures.
const PATIENCE: Duration = Duration::from_secs(30);

/// The servers that are measured.
struct Contenders {
    ours: Contender,
    redis: Contender,
}

/// Measures the rows and prints a line per server with verdicts on ours.
pub(crate) fn run(options: &Options) -> Result<(), BenchError> {
    let wanted = |row: &str| options.only.as_deref().is_none_or(|only| row.contains(only));
    let rows =
        |part: &str| cache::POLICIES.iter().filter(|policy| wanted(&format!("{part} {}", policy.name))).collect();
    let (costs, hits): (Vec<_>, Vec<_>) = (rows("cost"), rows("hits"));
    let bursts: Vec<_> = burst::BURSTS.iter().filter(|burst| wanted(burst.name)).collect();
    if options.list {
        costs.iter().for_each(|policy| println!("cost {}", policy.name));
        hits.iter().for_each(|policy| println!("hits {}", policy.name));
        bursts.iter().for_each(|burst| println!("{}", burst.name));
        return Ok(());
    }
    let rig = Rig::new()?;
    let contenders = Contenders {
        ours: Contender::new(ASHLAR, Kind::Ashlar, &binaries::ashlar(options.ashlar.clone())?),
        redis: Contender::new(REDIS, Kind::Redis, &binaries::redis(options.redis.clone())?),
    };
    if !costs.is_empty() {
        cache::run(&contenders, &costs, &cache::Size::of(options), &rig)?;
    }
    if !hits.is_empty() {
        hits::run(&contenders, &hits, &rig)?;
    }
    for burst in bursts {
        burst::run(&contenders, burst, options.quick, &rig)?;
    }
    Ok(())
}

/// Gives a server that is empty so many bytes for data, and a policy, and returns its `maxmemory`.
fn limit(server: &Server, budget: u64, policy: &str) -> Result<u64, BenchError> {
    let empty = info_number(&server.ask(&["INFO", "memory"], PATIENCE)?, "used_memory")?;
    let maxmemory = empty + budget;
    set(server, "maxmemory-policy", policy)?;
    set(server, "maxmemory", &maxmemory.to_string())?;
    Ok(maxmemory)
}

fn set(server: &Server, name: &str, value: &str) -> Result<(), BenchError> {
    let reply = server.ask(&["CONFIG", "SET", name, value], PATIENCE)?;
    if reply.starts_with("+OK") {
        return Ok(());
    }
    Err(BenchError::Reply { command: format!("CONFIG SET {name} {value}"), reply })
}

/// The command line that runs our own program, on a processor if one is given.
fn own_program(arguments: &[String], cpu: Option<usize>) -> Result<Vec<String>, BenchError> {
    let program = std::env::current_exe().map_err(BenchError::io("find our own program"))?;
    let mut line = pinned(cpu);
    line.push(program.to_string_lossy().into_owned());
    line.extend_from_slice(arguments);
    Ok(line)
}

/// Runs our own program until it ends and returns what it prints.
fn load(
    server: &Server,
    arguments: &[String],
    commands: u64,
    cpu: Option<usize>,
    rig: &Rig,
) -> Result<String, BenchError> {
    let limit = deadline(commands);
    let line = own_program(arguments, cpu)?;
    let output = Tool::start(&line, rig.scratch.path(), &rig.reaper)?.wait(limit)?;
    output.ok_or_else(|| BenchError::Server {
        server: server.name.to_owned(),
        why: format!("stalled: the load is not done in {} s\n{}", limit.as_secs(), server.log_tail()),
    })
}
