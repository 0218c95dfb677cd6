//! The load of a burst: SETs of large values to keys that are new, as fast as the server takes them. A hidden subcommand, so that it runs
//! on the client's CPU.
//!
//! Beside the load it asks for INFO every 10 ms and has one PING under way all the time. A turn of a server that answers what came before
//! it delays at least one PING by its length, so the longest round trip bounds the longest turn from above; it also holds what comes
//! before and behind the turn, and whatever else took the server's CPU.

use std::io::Write as _;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::pipe::{Pipe, Reply, broken};
use crate::error::BenchError;
use crate::procfs;
use crate::resp_client::{Client, info_number};
use crate::workload::CONNECTIONS;

/// The hidden subcommand that runs [`serve`].
pub(crate) const SUBCOMMAND: &str = "flood";
/// SETs that a connection sends before it waits.
pub(super) const BATCH: u64 = 16;
/// Bytes of a value.
pub(super) const VALUE_BYTES: u64 = 10 << 10;
/// Digits of a key's number.
const DIGITS: usize = 12;
/// Time between two looks at the server's memory.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Longest silence of a full server that is asked to set its counters to zero.
const RESET_WITHIN: Duration = Duration::from_secs(10);
/// Longest latency that is told from longer ones, in nanoseconds.
const LONGEST_NS: u64 = 60_000_000_000;
/// A turn must not be longer.
pub(super) const TURN_MS: f64 = 5.0;

/// What a burst found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Outcome {
    /// Time of the burst, and the server's processor time in it.
    pub(super) elapsed_ns: u64,
    /// See [`Outcome::elapsed_ns`].
    pub(super) cpu_ns: u64,
    /// SETs that were carried out.
    pub(super) stored: u64,
    /// SETs that were refused.
    pub(super) refused: u64,
    /// Looks at the server's memory, and the longest time between two of them.
    pub(super) looks: u64,
    /// See [`Outcome::looks`].
    pub(super) longest_gap_ns: u64,
    /// The greatest `used_memory`, and the least.
    pub(super) used_max: u64,
    /// See [`Outcome::used_max`].
    pub(super) used_min: u64,
    /// The most that was resident.
    pub(super) resident_max: u64,
    /// PINGs: how many, median, 99th, 99.9th percentile and maximum of round trips; how many took longer than a turn may take.
    pub(super) pings: u64,
    /// See [`Outcome::pings`].
    pub(super) ping_ns: [u64; 4],
    /// See [`Outcome::pings`].
    pub(super) slow_pings: u64,
    /// The 99th percentile of the time in which a batch of SETs is answered.
    pub(super) batch_p99_ns: u64,
    /// Time for which the server had no CPU though it was ready: round trips hold it, turns do not.
    pub(super) waited_ns: u64,
}

/// Figures that a load prints.
const FIGURES: usize = 17;

/// Arguments of our own program that fill a server with so many SETs and then measure a burst. Keys begin with each of `prefixes` in turn,
/// which are equally long.
pub(super) fn arguments(port: u16, pid: u32, fill: u64, burst: u64, prefixes: &[String]) -> Vec<String> {
    let prefixes = prefixes.join(",");
    vec![SUBCOMMAND.to_owned(), port.to_string(), pid.to_string(), fill.to_string(), burst.to_string(), prefixes]
}

/// Reads what a run of [`arguments`] printed.
pub(super) fn read_outcome(output: &str) -> Result<Outcome, BenchError> {
    let wrong = || BenchError::parse("figures of a burst", output);
    let numbers: Option<Vec<u64>> = output.split_whitespace().map(|word| word.parse().ok()).collect();
    let numbers: [u64; FIGURES] = numbers.and_then(|numbers| numbers.try_into().ok()).ok_or_else(wrong)?;
    let [elapsed_ns, cpu_ns, stored, refused, looks, longest_gap_ns, used_max, used_min, resident_max, pings, ..] =
        numbers;
    let [.., p50, p99, p999, max, slow_pings, batch_p99_ns, waited_ns] = numbers;
    Ok(Outcome {
        elapsed_ns,
        cpu_ns,
        stored,
        refused,
        looks,
        longest_gap_ns,
        used_max,
        used_min,
        resident_max,
        pings,
        ping_ns: [p50, p99, p999, max],
        slow_pings,
        batch_p99_ns,
        waited_ns,
    })
}

/// Runs the load that the arguments after the subcommand name, and prints what it found.
pub(crate) fn serve(arguments: &[String]) -> Result<(), BenchError> {
    let wrong = || BenchError::Usage(format!("{SUBCOMMAND} {}", arguments.join(" ")));
    let [port, pid, fill, burst, prefixes] = arguments else { return Err(wrong()) };
    let (port, pid) = (port.parse().map_err(|_| wrong())?, pid.parse().map_err(|_| wrong())?);
    let (fill, burst): (u64, u64) = (fill.parse().map_err(|_| wrong())?, burst.parse().map_err(|_| wrong())?);
    let prefixes: Vec<&str> = prefixes.split(',').collect();
    if prefixes.iter().any(|prefix| prefix.len() != prefixes[0].len()) {
        return Err(wrong());
    }
    let mut writers = Writers::open(port, &prefixes)?;
    let mut watch = Watch::open(port, pid)?;
    let (batches, all) = (fill.div_ceil(BATCH), (fill + burst).div_ceil(BATCH));
    writers.run_until(batches, None)?;
    writers.forget();
    // What its turns took so far is not the burst's.
    Client::connect(port, RESET_WITHIN)?.ask(&["CONFIG", "RESETSTAT"])?;
    let (begun, cpu, waited) = (Instant::now(), procfs::cpu_ns(pid)?, procfs::waited_ns(pid)?);
    watch.begun(begun);
    writers.run_until(all, Some(&mut watch))?;
    let elapsed_ns = begun.elapsed().as_nanos() as u64;
    let cpu_ns = procfs::cpu_ns(pid)?.saturating_sub(cpu);
    println!("{elapsed_ns} {cpu_ns} {} {}", writers.stored, writers.refused);
    println!("{}", watch.figures().map(|figure| figure.to_string()).join(" "));
    let waited_ns = procfs::waited_ns(pid)?.saturating_sub(waited);
    println!("{} {waited_ns}", writers.latency.value_at_quantile(0.99));
    Ok(())
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("the bounds are in order and the digits few")
}

/// The connections that write.
struct Writers<'a> {
    writers: Vec<Writer>,
    prefixes: &'a [&'a str],
    /// Batches that were sent.
    sent: u64,
    stored: u64,
    refused: u64,
    latency: Histogram<u64>,
}

impl<'a> Writers<'a> {
    fn open(port: u16, prefixes: &'a [&'a str]) -> Result<Self, BenchError> {
        let writers = (0..CONNECTIONS).map(|_| Writer::open(port, prefixes[0].len())).collect::<Result<_, _>>()?;
        Ok(Writers { writers, prefixes, sent: 0, stored: 0, refused: 0, latency: histogram() })
    }

    /// Begins to count anew.
    fn forget(&mut self) {
        (self.stored, self.refused) = (0, 0);
        self.latency.reset();
    }

    /// Runs until so many batches were sent and answered.
    fn run_until(&mut self, end: u64, mut watch: Option<&mut Watch>) -> Result<(), BenchError> {
        loop {
            let mut idle = 0;
            for writer in &mut self.writers {
                if writer.open_replies == 0 && self.sent < end {
                    writer.send(self.sent, self.prefixes);
                    self.sent += 1;
                }
                if writer.open_replies == 0 {
                    idle += 1;
                } else {
                    let [stored, refused] = writer.look()?;
                    self.stored += stored;
                    self.refused += refused;
                    if writer.open_replies == 0 {
                        self.latency.saturating_record(writer.since.elapsed().as_nanos() as u64);
                    }
                }
                if let Some(watch) = &mut watch {
                    watch.look()?;
                }
            }
            if idle == self.writers.len() {
                return Ok(());
            }
        }
    }
}

/// A connection that writes. Its batch is made once; only the keys change.
struct Writer {
    pipe: Pipe,
    /// Where the keys of the batch are.
    keys: Vec<usize>,
    open_replies: u64,
    since: Instant,
}

impl Writer {
    fn open(port: u16, prefix_length: usize) -> Result<Self, BenchError> {
        let mut pipe = Pipe::open(port)?;
        let (key, value) = ("k".repeat(prefix_length + DIGITS), "x".repeat(VALUE_BYTES as usize));
        let output = pipe.batch();
        let mut keys = Vec::new();
        for _ in 0..BATCH {
            // Writing to a vector cannot fail.
            let _ = write!(output, "*3\r\n$3\r\nSET\r\n${}\r\n", key.len());
            keys.push(output.len());
            let _ = write!(output, "{key}\r\n${VALUE_BYTES}\r\n{value}\r\n");
        }
        // It is not to go out before it has its keys.
        let mut writer = Writer { pipe, keys, open_replies: 0, since: Instant::now() };
        writer.pipe.hold();
        Ok(writer)
    }

    /// Begins the batch with this number.
    fn send(&mut self, batch: u64, prefixes: &[&str]) {
        let output = self.pipe.batch_again();
        for (number, at) in (batch * BATCH..).zip(&self.keys) {
            let prefix = prefixes[(number % prefixes.len() as u64) as usize];
            let digits = at + prefix.len();
            output[*at..digits].copy_from_slice(prefix.as_bytes());
            output[digits..digits + DIGITS].copy_from_slice(format!("{number:0DIGITS$}").as_bytes());
        }
        self.open_replies = BATCH;
        self.since = Instant::now();
    }

    /// Sends and receives what there is: how many SETs were carried out and refused.
    fn look(&mut self) -> Result<[u64; 2], BenchError> {
        self.pipe.look()?;
        let mut counts = [0; 2];
        while self.open_replies > 0 {
            match self.pipe.reply()? {
                None => break,
                Some(Reply::Status(b"OK")) => counts[0] += 1,
                Some(Reply::Error(text)) if text.starts_with(b"OOM") => counts[1] += 1,
                Some(Reply::Status(text) | Reply::Error(text) | Reply::Value(text)) => return Err(broken(text)),
                Some(Reply::Nil) => return Err(broken(b"nil")),
            }
            self.open_replies -= 1;
        }
        Ok(counts)
    }
}

/// What is looked at beside the load.
struct Watch {
    pid: u32,
    ping: Question,
    info: Question,
    next_info: Instant,
    last_info: Instant,
    looks: u64,
    longest_gap: Duration,
    used: [u64; 2],
    resident_max: u64,
    pings: Histogram<u64>,
    slow_pings: u64,
}

/// A connection with one command under way or none.
struct Question {
    pipe: Pipe,
    asked: Option<Instant>,
}

impl Question {
    fn open(port: u16) -> Result<Self, BenchError> {
        Ok(Question { pipe: Pipe::open(port)?, asked: None })
    }

    fn ask(&mut self, command: &[u8], now: Instant) {
        self.pipe.batch().extend_from_slice(command);
        self.asked = Some(now);
    }
}

impl Watch {
    fn open(port: u16, pid: u32) -> Result<Self, BenchError> {
        let (ping, info) = (Question::open(port)?, Question::open(port)?);
        let now = Instant::now();
        Ok(Watch {
            pid,
            ping,
            info,
            next_info: now,
            last_info: now,
            looks: 0,
            longest_gap: Duration::ZERO,
            used: [0, u64::MAX],
            resident_max: 0,
            pings: histogram(),
            slow_pings: 0,
        })
    }

    fn begun(&mut self, now: Instant) {
        (self.next_info, self.last_info) = (now, now);
    }

    fn look(&mut self) -> Result<(), BenchError> {
        let now = Instant::now();
        if self.ping.asked.is_none() {
            self.ping.ask(b"*1\r\n$4\r\nPING\r\n", now);
        }
        self.ping.pipe.look()?;
        match (self.ping.pipe.reply()?, self.ping.asked) {
            (None, _) | (_, None) => {}
            (Some(Reply::Status(b"PONG")), Some(asked)) => {
                let took = asked.elapsed();
                self.pings.saturating_record(took.as_nanos() as u64);
                self.slow_pings += u64::from(took.as_secs_f64() * 1000.0 > TURN_MS);
                self.ping.asked = None;
            }
            (Some(_), _) => return Err(broken(b"something else than PONG")),
        }
        if self.info.asked.is_none() && now >= self.next_info {
            self.info.ask(b"*2\r\n$4\r\nINFO\r\n$6\r\nmemory\r\n", now);
            // A look that comes late does not bring others closer together.
            self.next_info = now + LOOK_EVERY;
        }
        if self.info.asked.is_some() {
            self.info.pipe.look()?;
            self.read_info(now)?;
        }
        Ok(())
    }

    fn read_info(&mut self, now: Instant) -> Result<(), BenchError> {
        match self.info.pipe.reply()? {
            None => return Ok(()),
            Some(Reply::Value(text)) => {
                let used = info_number(&String::from_utf8_lossy(text), "used_memory")?;
                self.used = [self.used[0].max(used), self.used[1].min(used)];
            }
            Some(_) => return Err(broken(b"something else than INFO")),
        }
        self.info.asked = None;
        self.resident_max = self.resident_max.max(procfs::resident_bytes(self.pid)?);
        self.looks += 1;
        self.longest_gap = self.longest_gap.max(now.duration_since(self.last_info));
        self.last_info = now;
        Ok(())
    }

    fn figures(&self) -> [u64; 11] {
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|share| self.pings.value_at_quantile(share));
        let gap = self.longest_gap.as_nanos() as u64;
        let (used, pings) = (self.used, &self.pings);
        [
            self.looks,
            gap,
            used[0],
            used[1],
            self.resident_max,
            pings.len(),
            p50,
            p99,
            p999,
            pings.max(),
            self.slow_pings,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_read() {
        let outcome = read_outcome("1 2 3 4\n5 6 7 8 9 10 11 12 13 14 15\n16 17\n").expect("seventeen figures");
        assert_eq!((outcome.elapsed_ns, outcome.cpu_ns, outcome.stored, outcome.refused), (1, 2, 3, 4));
        assert_eq!((outcome.looks, outcome.longest_gap_ns, outcome.used_max, outcome.used_min), (5, 6, 7, 8));
        assert_eq!((outcome.resident_max, outcome.pings, outcome.ping_ns), (9, 10, [11, 12, 13, 14]));
        assert_eq!((outcome.slow_pings, outcome.batch_p99_ns, outcome.waited_ns), (15, 16, 17));
        assert!(read_outcome("1 2 3").is_err());
    }
}
