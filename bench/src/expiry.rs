//! `expiry`: what deadlines cost beside redis-server. Many keys whose deadlines fall in the same second, under a load at half of the
//! peak; the memory of a deadline; and SET with EX against plain SET.

mod connection;
mod cost;
mod memory;
pub(crate) mod pace;
mod rush;
mod stills;

use crate::args::Options;
use crate::binaries;
use crate::contender::{Contender, Kind};
use crate::error::BenchError;
use crate::goal::{ASHLAR, REDIS};
use crate::rig::Rig;

/// The parts, as `--only` names them.
const PARTS: [&str; 3] = ["rush", "memory", "cost"];

/// Measures the parts and prints a line per server with verdicts on ours.
pub(crate) fn run(options: &Options) -> Result<(), BenchError> {
    let wanted = |name: &str| options.only.as_deref().is_none_or(|only| name.contains(only));
    if options.list {
        PARTS.iter().for_each(|name| println!("{name}"));
        return Ok(());
    }
    let rig = Rig::new()?;
    let contenders = [
        Contender::new(ASHLAR, Kind::Ashlar, &binaries::ashlar(options.ashlar.clone())?),
        Contender::new(REDIS, Kind::Redis, &binaries::redis(options.redis.clone())?),
    ];
    let [rush, memory, cost] = PARTS.map(wanted);
    if rush {
        rush::run(&contenders, options.keys, &rig)?;
    }
    if memory {
        memory::run(&contenders, &rig)?;
    }
    if cost {
        cost::run(&contenders, options.rounds, options.requests, &rig)?;
    }
    Ok(())
}
