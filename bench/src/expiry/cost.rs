//! Server CPU per request of SET with EX against plain SET.

use crate::contender::{Contender, pinned};
use crate::error::BenchError;
use crate::goal::{ASHLAR, print_at_most};
use crate::load::{REDIS_BENCHMARK, deadline, parse_redis_benchmark};
use crate::procfs;
use crate::rig::Rig;
use crate::server::Server;
use crate::stats::{Spread, ratio};
use crate::tool::Tool;
use crate::workload::CONNECTIONS;

const ROUNDS: u64 = 5;
/// Commands sent before the client waits for replies, and requests of a run.
const PIPELINES: [(u32, u64); 2] = [(1, 200_000), (16, 1_000_000)];
/// Keys that the load chooses from.
const KEYS: u64 = 100_000;
/// What stands behind key and value.
const FORMS: [&str; 2] = ["", " EX 100000"];
/// The highest ratio that passes.
const AT_MOST: f64 = 1.15;

/// Measures every contender and prints its figures.
pub(super) fn run(
    contenders: &[Contender],
    rounds: Option<u64>,
    requests: Option<u64>,
    rig: &Rig,
) -> Result<(), BenchError> {
    let rounds = rounds.unwrap_or(ROUNDS);
    println!("server CPU per request, ns (redis-benchmark, {CONNECTIONS} connections, medians of {rounds} rounds)");
    for (pipeline, usual) in PIPELINES {
        for contender in contenders {
            let mut samples = [Vec::new(), Vec::new()];
            for round in 0..rounds {
                for form in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
                    let requests = requests.unwrap_or(usual);
                    samples[form].push(cpu_of(contender, FORMS[form], pipeline, requests, rig)?);
                }
            }
            let [plain, volatile] = samples.map(|values| Spread::of(values).map(|spread| spread.median));
            let (Some(plain_ns), Some(volatile_ns)) = (plain, volatile) else { continue };
            let measured = ratio(volatile, plain).unwrap_or(f64::NAN);
            println!(
                "  {:<12} P={pipeline:<2}  SET {plain_ns:>6.0}  SET with EX {volatile_ns:>6.0}  {measured:.2}",
                contender.name
            );
            if contender.name == ASHLAR {
                print_at_most(&format!("SET with EX over SET, P={pipeline}"), measured, AT_MOST);
            }
        }
    }
    Ok(())
}

/// CPU nanoseconds of a fresh server per request.
fn cpu_of(contender: &Contender, form: &str, pipeline: u32, requests: u64, rig: &Rig) -> Result<f64, BenchError> {
    let server = Server::start(contender, 1, rig.cpus.map(|cpus| cpus.server), rig)?;
    let numbers = format!("-p {} -c {CONNECTIONS} -P {pipeline} -n {requests} -r {KEYS}", server.endpoint.port);
    let text = format!("{REDIS_BENCHMARK} {numbers} SET key:__rand_int__ value{form}");
    let mut line = pinned(rig.cpus.map(|cpus| cpus.client));
    line.extend(text.split(' ').map(str::to_owned));
    let before = procfs::cpu_ns(server.pid())?;
    let limit = deadline(requests);
    let output = Tool::start(&line, rig.scratch.path(), &rig.reaper)?.wait(limit)?;
    let output = output.ok_or_else(|| BenchError::Server {
        server: contender.name.to_owned(),
        why: format!("stalled: SETs not done in {} s", limit.as_secs()),
    })?;
    let spent = procfs::cpu_ns(server.pid())?.saturating_sub(before);
    parse_redis_benchmark(&output)?;
    Ok(spent as f64 / requests as f64)
}
