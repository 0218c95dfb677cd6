//! Keys whose deadlines all fall in the same second, under a load on other keys at half of the rate that the server can take.

use std::time::{Duration, Instant};

use super::pace::{self, Latency, Outcome, sleep_until, unix_millis};
use crate::contender::{Contender, pinned};
use crate::error::BenchError;
use crate::goal::{ASHLAR, print_at_most};
use crate::load::deadline;
use crate::procfs;
use crate::resp_client::{KeyRange, feed, fill, info_number};
use crate::rig::Rig;
use crate::server::Server;
use crate::tool::Tool;

/// Keys with a deadline.
const KEYS: u64 = 10_000_000;
/// Their deadlines are spread over so many milliseconds.
const SPREAD_MS: u64 = 1000;
/// Time for filling: some, and per key a multiple of what a key of the load took, as larger tables are slower. Who needs more ends the
/// run with an error.
const FILL_MS: u64 = 12_000;
const FILL_FACTOR: u64 = 4;
/// How long the load runs before the first deadline.
const BEFORE_MS: u64 = 4_000;
/// Longest silence of a server that is asked for its figures.
const PATIENCE: Duration = Duration::from_secs(30);
/// The highest figures that pass: the load's p99.9 while keys expire in milliseconds, and seconds until all are gone.
const P999_MS_AT_MOST: f64 = 2.0;
const GONE_SECONDS_AT_MOST: f64 = 15.0;

/// The server's processor time and that of its cycle at some moment.
struct Spent {
    at: u64,
    cpu_ns: u64,
    cycle_ms: u64,
}

impl Spent {
    fn now(server: &Server) -> Result<Self, BenchError> {
        let stats = server.ask(&["INFO", "stats"], PATIENCE)?;
        let cycle_ms = info_number(&stats, "expire_cycle_cpu_milliseconds")?;
        Ok(Spent { at: unix_millis(), cpu_ns: procfs::cpu_ns(server.pid())?, cycle_ms })
    }

    /// Shares of one processor since `before`, in percent: the server's, its cycle's.
    fn shares_since(&self, before: &Spent) -> [f64; 2] {
        let elapsed = self.at.saturating_sub(before.at).max(1) as f64;
        let cpu_ms = self.cpu_ns.saturating_sub(before.cpu_ns) as f64 / 1e6;
        [cpu_ms, self.cycle_ms.saturating_sub(before.cycle_ms) as f64].map(|spent| 100.0 * spent / elapsed)
    }
}

/// Measures every contender and prints its figures.
pub(super) fn run(contenders: &[Contender], keys: Option<u64>, rig: &Rig) -> Result<(), BenchError> {
    let keys = keys.unwrap_or(KEYS);
    println!("{keys} keys with deadlines in the same second, under GETs and SETs at half of the peak");
    for contender in contenders {
        one_server(contender, keys, rig)?;
    }
    Ok(())
}

fn one_server(contender: &Contender, keys: u64, rig: &Rig) -> Result<(), BenchError> {
    let server = Server::start(contender, 1, rig.cpus.map(|cpus| cpus.server), rig)?;
    let port = server.endpoint.port;
    let filling = Instant::now();
    fill(port, KeyRange { prefix: pace::PREFIX, first: 0, count: pace::KEYS }, &"x".repeat(pace::VALUE_BYTES))?;
    let fill_ns_per_key = filling.elapsed().as_nanos() as u64 / pace::KEYS;
    let (began, cpu_before) = (unix_millis(), procfs::cpu_ns(server.pid())?);
    let output = start(pace::peak_arguments(port), rig)?.wait(deadline(0))?;
    let busy_ms = (procfs::cpu_ns(server.pid())?.saturating_sub(cpu_before)) as f64 / 1e6;
    let busy = 100.0 * busy_ms / unix_millis().saturating_sub(began).max(1) as f64;
    let peak = pace::read_peak(&output.unwrap_or_default())?;

    let fill_ms = FILL_MS + keys.saturating_mul(FILL_FACTOR * fill_ns_per_key) / 1_000_000;
    let first = unix_millis() + fill_ms + BEFORE_MS;
    feed(port, &mut (0..keys).map(|number| with_deadline(number, first)))?;
    if unix_millis() + BEFORE_MS > first {
        let why = format!("{keys} keys take longer to set than was allowed for");
        return Err(BenchError::Server { server: contender.name.to_owned(), why });
    }
    sleep_until(first - BEFORE_MS);
    let (worker, _) = procfs::busiest_thread(server.pid())?;
    let paced = pace::paced_arguments(port, (peak / 2).max(1), first, rig.cpus, (server.pid(), worker));
    let mut load = start(paced, rig)?;
    sleep_until(unix_millis() + pace::SETTLE.as_millis() as u64);
    let settled = Spent::now(&server)?;
    sleep_until(first);
    let begun = Spent::now(&server)?;
    let output = load.wait(pace::GONE_WITHIN + deadline(0))?;
    let ended = Spent::now(&server)?;
    let outcome = pace::read_outcome(&output.unwrap_or_default())?;
    let expired = info_number(&server.ask(&["INFO", "stats"], PATIENCE)?, "expired_keys")?;
    if outcome.left == 0 && expired != keys {
        let why = format!("{expired} keys have expired, not {keys}");
        return Err(BenchError::Server { server: contender.name.to_owned(), why });
    }
    println!("  {:<12} peak {peak} requests per second at {busy:.0} % of a processor", contender.name);
    print_latency("load alone", outcome.before, begun.shares_since(&settled));
    print_latency("while keys expire", outcome.during, ended.shares_since(&begun));
    let (_, others_ns) = procfs::busiest_thread(server.pid())?;
    print_undisturbed(&outcome, others_ns);
    print_end(contender, &outcome, first + SPREAD_MS);
    Ok(())
}

fn print_latency(when: &str, latency: Latency, [server, cycle]: [f64; 2]) {
    let [p50, p99, p999, max] = latency.micros;
    println!(
        "    {when:<18} p50 {p50:>7.0}  p99 {p99:>7.0}  p99.9 {p999:>7.0}  longest {max:>8.0} us of {} requests; processor {server:.0} %, \
         of it the cycle {cycle:.0} %",
        latency.count
    );
}

/// The requests that the machine did not hold up. Threads of the server that take its own CPU would count as the machine: they had
/// `others_ns` of it altogether.
fn print_undisturbed(outcome: &Outcome, others_ns: u64) {
    if outcome.undisturbed[1].count == 0 {
        println!("    nobody could watch what holds them up: chrt needs the right to a real-time priority");
        return;
    }
    let parts = [("load alone", outcome.before), ("while keys expire", outcome.during)];
    for ((when, all), Latency { count, micros: [p50, p99, p999, max] }) in parts.into_iter().zip(outcome.undisturbed) {
        let left_out = 100.0 * (all.count - count) as f64 / all.count.max(1) as f64;
        println!(
            "    {when:<18} p50 {p50:>7.0}  p99 {p99:>7.0}  p99.9 {p999:>7.0}  longest {max:>8.0} us without the {left_out:.2} % of them \
             that the machine held up",
        );
    }
    println!(
        "    it stood still, or had something else to do, {} times; threads of the server that do not serve had {} ms",
        outcome.stills,
        others_ns / 1_000_000
    );
}

fn print_end(contender: &Contender, outcome: &Outcome, last: u64) {
    let seconds = outcome.gone_at.saturating_sub(last) as f64 / 1000.0;
    if outcome.left > 0 {
        println!("    {} keys are left {seconds:.0} s after the last deadline", outcome.left);
    } else {
        println!("    all gone {seconds:.2} s after the last deadline");
    }
    if contender.name == ASHLAR {
        let [all, undisturbed] = [outcome.during, outcome.undisturbed[1]].map(|latency| latency.micros[2] / 1000.0);
        print_at_most("p99.9 while keys expire, ms", all, P999_MS_AT_MOST);
        if outcome.undisturbed[1].count > 0 {
            print_at_most("the same where the machine held nothing up", undisturbed, P999_MS_AT_MOST);
        }
        print_at_most("seconds until all are gone", seconds, GONE_SECONDS_AT_MOST);
    }
}

/// Starts our own program on the client's processor.
fn start(arguments: Vec<String>, rig: &Rig) -> Result<Tool<'_>, BenchError> {
    let program = std::env::current_exe().map_err(BenchError::io("find our own program"))?;
    let mut line = pinned(rig.cpus.map(|cpus| cpus.client));
    line.push(program.to_string_lossy().into_owned());
    line.extend(arguments);
    Tool::start(&line, rig.scratch.path(), &rig.reaper)
}

/// SET of the key with this number. Neighbours have different deadlines, as keys that are set together need not be due together.
fn with_deadline(number: u64, first: u64) -> Vec<String> {
    let at = first + number % SPREAD_MS;
    ["SET", &format!("due:{number:012}"), "value", "PXAT", &at.to_string()].map(str::to_owned).to_vec()
}
