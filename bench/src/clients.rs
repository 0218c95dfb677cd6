//! `clients`: transactions, scripts, messages and blocking pops beside redis-server, as server CPU per request; and on two core loops
//! what commands over both cores cost, and what they do to others.

pub(crate) mod drive;
pub(crate) mod sends;
pub(crate) mod slots;

use crate::args::Options;
use crate::binaries;
use crate::contender::{Contender, Kind, pinned};
use crate::error::BenchError;
use crate::goal::{ASHLAR, REDIS, Verdict};
use crate::load::{REDIS_BENCHMARK, deadline, parse_redis_benchmark};
use crate::procfs;
use crate::resp_client::{KeyRange, fill};
use crate::rig::Rig;
use crate::server::Server;
use crate::stats::{Spread, ratio};
use crate::tool::Tool;
use crate::workload::CONNECTIONS;

use drive::{Drive, SUBSCRIBERS};
use std::time::Duration;

/// Many short rounds: a slow moment of the machine then takes a round, not the figure.
const ROUNDS: u64 = 15;
/// Keys that the loads choose from.
const KEYS: u64 = 100_000;
/// Returns what a key held and sets it.
const SCRIPT: &str = "local old = redis.call('GET', KEYS[1]) redis.call('SET', KEYS[1], ARGV[1]) return old";
/// The SHA-1 of [`SCRIPT`], as SCRIPT LOAD answers it: the bench takes it from there.
const SHA_BYTES: usize = 40;

/// What makes the load of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// Our own driver.
    Drive(Drive),
    /// redis-benchmark with EVAL or EVALSHA of [`SCRIPT`].
    Script(&'static str),
}

/// A load beside redis-server.
struct Row {
    name: &'static str,
    source: Source,
    /// Requests of one run.
    requests: u64,
    /// What one request counts for: messages delivered by a PUBLISH.
    units: u64,
    at_most: f64,
}

const ROWS: &[Row] = &[
    Row { name: "MULTI of 5 SETs", source: Source::Drive(Drive::Multi), requests: 60_000, units: 1, at_most: 0.8 },
    Row { name: "EVALSHA of GET and SET", source: Source::Script("EVALSHA"), requests: 80_000, units: 1, at_most: 0.8 },
    Row { name: "EVAL of GET and SET", source: Source::Script("EVAL"), requests: 80_000, units: 1, at_most: 0.8 },
    Row {
        name: "PUBLISH to 1,000, per message",
        source: Source::Drive(Drive::Publish),
        requests: 600,
        units: SUBSCRIBERS,
        at_most: 0.7,
    },
    Row { name: "BLPOP hand-off", source: Source::Drive(Drive::HandOff), requests: 60_000, units: 1, at_most: 1.0 },
];

/// The rows of two core loops.
const MSET: &str = "MSET of 2 keys over 2 cores";
const LEASES: &str = "p99 of GETs beside leases";
/// The highest ratios that pass.
const MSET_AT_MOST: f64 = 3.0;
const LEASES_AT_MOST: f64 = 1.2;
const MSET_REQUESTS: u64 = 60_000;
const GET_REQUESTS: u64 = 100_000;
/// GETs beside a load come from fewer connections than elsewhere, so that two CPUs are not the bound.
const GET_CONNECTIONS: u64 = 8;

/// Measures the rows and prints each with a verdict.
pub(crate) fn run(options: &Options) -> Result<(), BenchError> {
    let wanted = |name: &str| options.only.as_deref().is_none_or(|only| name.contains(only));
    if options.list {
        ROWS.iter().for_each(|row| println!("{}", row.name));
        println!("{MSET}\n{LEASES}");
        return Ok(());
    }
    let rig = Rig::new()?;
    let redis = Contender::new(REDIS, Kind::Redis, &binaries::redis(options.redis.clone())?);
    let ashlar = Contender::new(ASHLAR, Kind::Ashlar, &binaries::ashlar(options.ashlar.clone())?);
    let rounds = options.rounds.unwrap_or(ROUNDS);
    println!(
        "server CPU per request, ns ({CONNECTIONS} connections, P=1, medians of {rounds} rounds and of their ratios)"
    );
    for row in ROWS.iter().filter(|row| wanted(row.name)) {
        let requests = options.requests.unwrap_or(row.requests);
        let cpu = |contender| Ok(cpu_of(row.source, contender, 1, requests, &rig)? / row.units as f64);
        if row.source == Source::Drive(Drive::Publish) {
            let [reference, subject, sends] = alternate(rounds, |index| match index {
                0 => cpu(&redis),
                1 => cpu(&ashlar),
                _ => sends::cpu_per_send(requests, &rig),
            })?;
            print_row(row.name, (REDIS, &reference), (ASHLAR, &subject), row.at_most);
            print_least("the same sends, nothing else", &sends, &reference);
        } else {
            let [reference, subject] = alternate(rounds, |index| cpu([&redis, &ashlar][index]))?;
            print_row(row.name, (REDIS, &reference), (ASHLAR, &subject), row.at_most);
        }
    }
    if wanted(MSET) {
        let requests = options.requests.unwrap_or(MSET_REQUESTS);
        println!("on two core loops: server CPU per request, ns");
        let [one, both] = alternate(rounds, |index| {
            let drive = [Drive::MsetOne, Drive::MsetBoth][index];
            cpu_of(Source::Drive(drive), &ashlar, 2, requests, &rig)
        })?;
        print_row(MSET, ("one core", &one), ("both", &both), MSET_AT_MOST);
    }
    if wanted(LEASES) {
        let requests = options.requests.unwrap_or(GET_REQUESTS);
        println!(
            "on two core loops: p99 in microseconds, beside the same number of MSETs on one core each and over both"
        );
        let [one, both] = alternate(rounds, |index| {
            let drive = [Drive::BesideOne, Drive::BesideBoth][index];
            p99_beside(drive, &ashlar, requests, &rig)
        })?;
        print_row(LEASES, ("beside one", &one), ("beside both", &both), LEASES_AT_MOST);
    }
    Ok(())
}

/// Things measured in turn, in the other order in every other round: what each round gave.
fn alternate<const N: usize>(
    rounds: u64,
    mut measure: impl FnMut(usize) -> Result<f64, BenchError>,
) -> Result<[Vec<f64>; N], BenchError> {
    let mut samples = [const { Vec::new() }; N];
    for round in 0..rounds {
        for place in 0..N {
            let index = if round % 2 == 0 { place } else { N - 1 - place };
            samples[index].push(measure(index)?);
        }
    }
    Ok(samples)
}

/// CPU nanoseconds of a fresh server per request. With one core loop server and client have a CPU each, with more they share all.
fn cpu_of(source: Source, contender: &Contender, cores: usize, requests: u64, rig: &Rig) -> Result<f64, BenchError> {
    let cpus = rig.cpus.filter(|_| cores == 1);
    let server = Server::start(contender, cores, cpus.map(|cpus| cpus.server), rig)?;
    let port = server.endpoint.port;
    let mut line = pinned(cpus.map(|cpus| cpus.client));
    match source {
        Source::Drive(drive) => line.extend(drive.command_line(port, requests)?),
        Source::Script(verb) => line.extend(script_line(verb, &server, requests)?),
    }
    let before = procfs::cpu_ns(server.pid())?;
    let limit =
        deadline(requests.saturating_mul(if source == Source::Drive(Drive::Publish) { SUBSCRIBERS } else { 1 }));
    let output = Tool::start(&line, rig.scratch.path(), &rig.reaper)?.wait(limit)?;
    if output.is_none() {
        let why = format!("stalled: {source:?} not done in {} s", limit.as_secs());
        return Err(BenchError::Server { server: contender.name.to_owned(), why });
    }
    let spent = procfs::cpu_ns(server.pid())?.saturating_sub(before);
    Ok(spent as f64 / requests as f64)
}

/// redis-benchmark with the script by its text or, as clients do, by its SHA-1.
fn script_line(verb: &str, server: &Server, requests: u64) -> Result<Vec<String>, BenchError> {
    let reply = server.ask(&["SCRIPT", "LOAD", SCRIPT], Duration::from_secs(5))?;
    let sha = reply.lines().nth(1).filter(|sha| sha.len() == SHA_BYTES);
    let sha = sha.ok_or_else(|| BenchError::Reply { command: "SCRIPT LOAD".to_owned(), reply: reply.clone() })?;
    let port = server.endpoint.port;
    let body = if verb == "EVAL" { SCRIPT } else { sha };
    let numbers = format!("{REDIS_BENCHMARK} -p {port} -c {CONNECTIONS} -n {requests} -r {KEYS} {verb}");
    let words = numbers.split(' ').map(str::to_owned);
    Ok(words.chain([body, "1", "key:__rand_int__", "value"].map(str::to_owned)).collect())
}

/// The 99th percentile in microseconds of GETs on all keys, beside `drive` that goes on until it is ended.
fn p99_beside(drive: Drive, contender: &Contender, requests: u64, rig: &Rig) -> Result<f64, BenchError> {
    let server = Server::start(contender, 2, None, rig)?;
    let port = server.endpoint.port;
    fill(port, KeyRange { prefix: "key:", first: 0, count: KEYS }, "value")?;
    let aside = tempfile::tempdir_in(rig.scratch.path()).map_err(BenchError::io("create a scratch folder"))?;
    let _beside = Tool::start(&drive.command_line(port, u64::MAX)?, aside.path(), &rig.reaper)?;
    let line = format!("{REDIS_BENCHMARK} -p {port} -c {GET_CONNECTIONS} -n {requests} -r {KEYS} GET key:__rand_int__");
    let line: Vec<String> = line.split(' ').map(str::to_owned).collect();
    let limit = deadline(requests);
    let output = Tool::start(&line, rig.scratch.path(), &rig.reaper)?.wait(limit)?;
    let output = output.ok_or_else(|| BenchError::Server {
        server: contender.name.to_owned(),
        why: format!("stalled: GETs beside {drive:?} not done in {} s", limit.as_secs()),
    })?;
    let reports = parse_redis_benchmark(&output)?;
    let report = reports.first().ok_or_else(|| BenchError::parse("one test", &output))?;
    Ok(report.p99_ms * 1000.0)
}

fn print_row(name: &str, reference: (&str, &[f64]), subject: (&str, &[f64]), at_most: f64) {
    let verdict = Verdict { what: name.to_owned(), measured: of_rounds(subject.1, reference.1), at_most };
    let measured = show(verdict.measured, 2);
    println!(
        "  {name:<32} {} {:>7}  {} {:>7}  {measured:>5} <= {at_most:.2}  {}",
        reference.0,
        show(median(reference.1), 0),
        subject.0,
        show(median(subject.1), 0),
        verdict.word()
    );
}

/// What no server of its kind can do without, beside the reference.
fn print_least(name: &str, least: &[f64], reference: &[f64]) {
    // Under the figures of the servers.
    println!("  {name:<32} {:>36}  {:>5}", show(median(least), 0), show(of_rounds(least, reference), 2));
}

/// The median of the ratios in each round: both sides of one have the machine as it was then.
fn of_rounds(subject: &[f64], reference: &[f64]) -> Option<f64> {
    let ratios: Option<Vec<f64>> =
        subject.iter().zip(reference).map(|(&part, &whole)| ratio(Some(part), Some(whole))).collect();
    median(&ratios?)
}

fn median(values: &[f64]) -> Option<f64> {
    Spread::of(values.to_vec()).map(|spread| spread.median)
}

fn show(value: Option<f64>, decimals: usize) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.decimals$}"))
}
