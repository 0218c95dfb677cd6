//! `soak`: many short runs, each of which must end.
//!
//! A lost wake-up shows as a run that never ends, and short runs on fresh connections meet the start and the end of load, where
//! cores park, most often. The runs go in turn over 2 and 4 core loops and over P=1 and P=16; each mixes commands of one key with
//! commands whose keys span cores. Servers are replaced every so often, for fresh hash seeds and addresses.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::args::Options;
use crate::binaries;
use crate::contender::{Contender, Kind};
use crate::error::BenchError;
use crate::goal::ASHLAR;
use crate::load::{REDIS_BENCHMARK, parse_redis_benchmark};
use crate::procfs;
use crate::rig::Rig;
use crate::server::Server;
use crate::tool::{Tool, quoted};
use crate::workload::CONNECTIONS;

const CORES: [usize; 2] = [2, 4];
const PIPELINES: [u32; 2] = [1, 16];
const TESTS: &str = "set,get,incr,mset";
const RUNS: u64 = 1_000;
const REQUESTS: u64 = 5_000;
const DEADLINE_SECONDS: u64 = 30;
/// Runs that one pair of servers serves.
const RUNS_PER_SERVER: u64 = 100;

/// How a soak ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Every run ended in time.
    Clean,
    /// A run stalled; everything that could be seen has been printed.
    Stalled,
}

/// Runs it; stops at the first stall.
pub(crate) fn run(options: &Options) -> Result<Ending, BenchError> {
    let rig = Rig::new()?;
    let contender = Contender::new(ASHLAR, Kind::Ashlar, &binaries::ashlar(options.ashlar.clone())?);
    let runs = options.runs.unwrap_or(RUNS);
    let deadline = Duration::from_secs(options.deadline.unwrap_or(DEADLINE_SECONDS));
    let begun = Instant::now();
    let mut servers = Vec::new();
    let mut slowest = Duration::ZERO;
    for run in 0..runs {
        if run.is_multiple_of(RUNS_PER_SERVER) {
            servers.clear();
            for cores in CORES {
                servers.push((cores, Server::start(&contender, cores, None, &rig)?));
            }
        }
        let turn = usize::try_from(run).unwrap_or(0);
        let (cores, server) = &servers[turn % servers.len()];
        let pipeline = PIPELINES[turn / servers.len() % PIPELINES.len()];
        let what = format!("run {} of {runs}: {cores} core loops, P={pipeline}", run + 1);
        let started = Instant::now();
        let line = command_line(server.endpoint.port, pipeline, options.requests.unwrap_or(REQUESTS));
        if one_run(server, &line, deadline, &rig, &what)? == Ending::Stalled {
            return Ok(Ending::Stalled);
        }
        slowest = slowest.max(started.elapsed());
        if (run + 1).is_multiple_of(RUNS_PER_SERVER) || run + 1 == runs {
            eprintln!("{what}: {:.0} s so far", begun.elapsed().as_secs_f64());
        }
    }
    println!(
        "soak: {runs} runs ended in {:.0} s, the slowest took {:.2} s",
        begun.elapsed().as_secs_f64(),
        slowest.as_secs_f64()
    );
    Ok(Ending::Clean)
}

fn command_line(port: u16, pipeline: u32, requests: u64) -> Vec<String> {
    let (port, requests, pipeline) = (port.to_string(), requests.to_string(), pipeline.to_string());
    let connections = CONNECTIONS.to_string();
    let words = [
        REDIS_BENCHMARK,
        "-h",
        "127.0.0.1",
        "-p",
        &port,
        "-t",
        TESTS,
        "-n",
        &requests,
        "-P",
        &pipeline,
        "-c",
        &connections,
        "-r",
        "100000",
        "-d",
        "64",
    ];
    words.map(str::to_owned).into()
}

fn one_run(
    server: &Server<'_>,
    line: &[String],
    deadline: Duration,
    rig: &Rig,
    what: &str,
) -> Result<Ending, BenchError> {
    let folder: &Path = rig.scratch.path();
    let mut tool = Tool::start(line, folder, &rig.reaper)?;
    let Some(output) = tool.wait(deadline)? else {
        eprintln!("STALL in {what}: not done after {} s\n{}", deadline.as_secs(), autopsy(server, &tool));
        return Ok(Ending::Stalled);
    };
    let tests = parse_redis_benchmark(&output)?.len();
    if tests == TESTS.split(',').count() { Ok(Ending::Clean) } else { Err(BenchError::parse(TESTS, &output)) }
}

/// What can be seen of a stall, taken before anything is disturbed; the questions to the server come last.
fn autopsy(server: &Server<'_>, tool: &Tool<'_>) -> String {
    const PATIENCE: Duration = Duration::from_secs(2);
    let answer = |words: &[&str]| server.ask(words, PATIENCE).unwrap_or_else(|error| error.to_string());
    let progress = tool.output();
    let last = progress.split(['\n', '\r']).rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    format!(
        "server: {}\n{}\nclient, last said: {last}\n{}\nsockets\n{}\nthe server's log\n{}\n\na fresh PING: {}\nINFO: {}",
        quoted(&server.command_line),
        procfs::dump(server.pid()),
        procfs::dump(tool.pid()),
        procfs::sockets(server.endpoint.port),
        server.log_tail(),
        answer(&["PING"]),
        answer(&["INFO", "everything"]),
    )
}
