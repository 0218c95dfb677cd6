//! The load of a cache: GETs in batches, and after each batch a SET of every key that was not there. A hidden subcommand, so that it runs
//! on the client's CPU.
//!
//! It goes round its connections without ever waiting, unless it has a rate to keep and is ahead of it, and takes the keys from a trace. The server's processor time is read in here, as
//! only here it is known when the measured part begins and ends.

use std::io::Write as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::pipe::{Pipe, Reply, broken};
use super::trace;
use crate::error::BenchError;
use crate::procfs;
use crate::resp_client::{Client, info_number};

/// The hidden subcommand that runs [`serve`].
pub(crate) const SUBCOMMAND: &str = "aside";
/// Connections of the load, each with one batch under way.
pub(super) const CONNECTIONS: usize = 8;
/// GETs of a batch.
pub(super) const BATCH: usize = 32;
/// Whether SETs have a deadline, as an argument.
pub(super) const VOLATILE: &str = "volatile";
/// See [`VOLATILE`].
pub(super) const PERSISTENT: &str = "persistent";
/// Longest silence of a server that is asked for its figures.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a load waits that is ahead of its rate.
const PAUSE: Duration = Duration::from_micros(500);
/// Longest latency that is told from longer ones, in nanoseconds.
const LONGEST_NS: u64 = 60_000_000_000;
/// Figures of a [`Mark`] in what a load prints.
const MARK_FIGURES: usize = 6;

/// How far a load has come at some moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// GETs that found their key.
    pub(super) hits: u64,
    /// GETs that did not.
    pub(super) misses: u64,
    /// SETs.
    pub(super) sets: u64,
    /// Time since the load began.
    pub(super) elapsed_ns: u64,
    /// Processor time of the server since it began.
    pub(super) cpu_ns: u64,
    /// Keys that the server has evicted.
    pub(super) evicted: u64,
}

impl Mark {
    fn figures(&self) -> [u64; MARK_FIGURES] {
        [self.hits, self.misses, self.sets, self.elapsed_ns, self.cpu_ns, self.evicted]
    }

    /// What was added since `before`.
    pub(super) fn since(&self, before: &Mark) -> Mark {
        let (now, then) = (self.figures(), before.figures());
        Mark::from(std::array::from_fn(|place| now[place].saturating_sub(then[place])))
    }

    /// The share of GETs that found their key, in percent.
    pub(super) fn hit_rate(&self) -> f64 {
        100.0 * self.hits as f64 / (self.hits + self.misses).max(1) as f64
    }

    /// Processor nanoseconds of the server per command.
    pub(super) fn cpu_per_command(&self) -> f64 {
        self.cpu_ns as f64 / (self.hits + self.misses + self.sets).max(1) as f64
    }

    /// Processor nanoseconds of the server per GET, with the SET that may follow it.
    pub(super) fn cpu_per_get(&self) -> f64 {
        self.cpu_ns as f64 / (self.hits + self.misses).max(1) as f64
    }

    /// The share of the time in which the server worked, in percent.
    pub(super) fn busy(&self) -> f64 {
        100.0 * self.cpu_ns as f64 / self.elapsed_ns.max(1) as f64
    }
}

impl From<[u64; MARK_FIGURES]> for Mark {
    fn from([hits, misses, sets, elapsed_ns, cpu_ns, evicted]: [u64; MARK_FIGURES]) -> Mark {
        Mark { hits, misses, sets, elapsed_ns, cpu_ns, evicted }
    }
}

/// What a load found in its measured part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Outcome {
    /// Its first and its second half.
    pub(super) halves: [Mark; 2],
    /// Both.
    pub(super) whole: Mark,
    /// Median and 99th percentile of latency, from when a batch was sent to when the reply was there, in microseconds.
    pub(super) micros: [f64; 2],
}

/// A load.
pub(super) struct Plan<'a> {
    /// The server.
    pub(super) port: u16,
    /// See [`Plan::port`].
    pub(super) pid: u32,
    /// File of the trace.
    pub(super) trace: &'a Path,
    /// GETs at its beginning that do not count.
    pub(super) warm: u64,
    /// [`VOLATILE`] or [`PERSISTENT`].
    pub(super) life: &'a str,
    /// GETs per second; 0 for as many as the server takes.
    pub(super) rate: u64,
}

impl Plan<'_> {
    /// Arguments of our own program that carry it out.
    pub(super) fn arguments(&self) -> Vec<String> {
        let Plan { port, pid, trace, warm, life, rate } = self;
        let trace = trace.to_string_lossy().into_owned();
        let mut words = vec![SUBCOMMAND.to_owned(), trace, (*life).to_owned()];
        words.extend([u64::from(*port), u64::from(*pid), *warm, *rate].map(|number| number.to_string()));
        words
    }
}

/// Reads what a run of a [`Plan`] printed.
pub(super) fn read_outcome(output: &str) -> Result<Outcome, BenchError> {
    let wrong = || BenchError::parse("figures of a cache's load", output);
    let numbers: Option<Vec<u64>> = output.split_whitespace().map(|word| word.parse().ok()).collect();
    let numbers = numbers.ok_or_else(wrong)?;
    let (marks, rest) = numbers.as_chunks::<MARK_FIGURES>();
    let ([begin, middle, end], [p50, p99]) = (marks, rest) else { return Err(wrong()) };
    let [begin, middle, end] = [begin, middle, end].map(|figures| Mark::from(*figures));
    Ok(Outcome {
        halves: [middle.since(&begin), end.since(&middle)],
        whole: end.since(&begin),
        micros: [*p50 as f64 / 1000.0, *p99 as f64 / 1000.0],
    })
}

/// Runs the load that the arguments after the subcommand name, and prints what it found.
pub(crate) fn serve(arguments: &[String]) -> Result<(), BenchError> {
    let wrong = || BenchError::Usage(format!("{SUBCOMMAND} {}", arguments.join(" ")));
    let [path, life, numbers @ ..] = arguments else { return Err(wrong()) };
    let numbers: Vec<u64> = numbers.iter().map_while(|word| word.parse().ok()).collect();
    let [port, pid, warm, rate] = numbers[..] else { return Err(wrong()) };
    let port = u16::try_from(port).map_err(|_| wrong())?;
    let (pid, warm) = (u32::try_from(pid).map_err(|_| wrong())?, warm as usize);
    let trace = trace::read(Path::new(path))?;
    let measured = trace.len().saturating_sub(warm);
    let sets = Sets { volatile: life == VOLATILE, filler: vec![b'x'; trace::longest_value()] };
    let mut load = Load {
        talks: (0..CONNECTIONS).map(|_| Talk::open(port)).collect::<Result<_, _>>()?,
        tally: Tally { mark: Mark::default(), latency: None },
        sets,
        trace: &trace,
        next: 0,
        port,
        pid,
        rate,
        begun: Instant::now(),
    };
    load.run_until(warm)?;
    let begin = load.mark()?;
    load.tally.latency =
        Some(Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("the bounds are in order and the digits few"));
    load.run_until(warm + measured / 2)?;
    let middle = load.mark()?;
    load.run_until(trace.len())?;
    let end = load.mark()?;
    for mark in [begin, middle, end] {
        println!("{}", mark.figures().map(|figure| figure.to_string()).join(" "));
    }
    let quantile = |share| load.tally.latency.as_ref().map_or(0, |latency| latency.value_at_quantile(share));
    println!("{} {}", quantile(0.5), quantile(0.99));
    Ok(())
}

/// The connections, and where in the trace they are.
struct Load<'a> {
    talks: Vec<Talk<'a>>,
    tally: Tally,
    sets: Sets,
    trace: &'a [u32],
    next: usize,
    port: u16,
    pid: u32,
    rate: u64,
    begun: Instant,
}

impl Load<'_> {
    /// Runs until the trace up to `end` has been asked for and what was missing was set.
    fn run_until(&mut self, end: usize) -> Result<(), BenchError> {
        loop {
            let (mut idle, mut due) = (0, end.min(self.due()));
            // A batch is due when its last request is.
            due = if due < end { due / BATCH * BATCH } else { end };
            for talk in &mut self.talks {
                if talk.doing == Doing::Nothing && self.next < due {
                    let until = end.min(self.next + BATCH);
                    talk.ask(&self.trace[self.next..until]);
                    self.next = until;
                }
                if talk.doing == Doing::Nothing {
                    idle += 1;
                    continue;
                }
                talk.look(&self.sets, &mut self.tally)?;
            }
            match (idle == self.talks.len(), self.next < end) {
                (true, false) => return Ok(()),
                // It keeps to a rate and is ahead of it: spinning would take the processor that the client's kernel work needs.
                (true, true) => thread::sleep(PAUSE),
                (false, _) => {}
            }
        }
    }

    /// Requests of the trace that are due by now.
    fn due(&self) -> usize {
        match self.rate {
            0 => self.trace.len(),
            rate => (self.begun.elapsed().as_nanos() * u128::from(rate) / 1_000_000_000) as usize,
        }
    }

    fn mark(&self) -> Result<Mark, BenchError> {
        let cpu_ns = procfs::cpu_ns(self.pid)?;
        let elapsed_ns = self.begun.elapsed().as_nanos() as u64;
        let evicted = info_number(&Client::connect(self.port, PATIENCE)?.ask(&["INFO", "stats"])?, "evicted_keys")?;
        Ok(Mark { elapsed_ns, cpu_ns, evicted, ..self.tally.mark })
    }
}

/// What the load counts.
struct Tally {
    mark: Mark,
    /// Once latencies count.
    latency: Option<Histogram<u64>>,
}

/// How SETs are written.
struct Sets {
    volatile: bool,
    filler: Vec<u8>,
}

impl Sets {
    fn write(&self, output: &mut Vec<u8>, key: u32) {
        let (count, length) = (if self.volatile { 5 } else { 3 }, trace::value_bytes(key));
        // Writing to a vector cannot fail.
        let _ = write!(output, "*{count}\r\n$3\r\nSET\r\n$16\r\nkey:{key:012}\r\n${length}\r\n");
        output.extend_from_slice(&self.filler[..length]);
        output.extend_from_slice(b"\r\n");
        if self.volatile {
            let seconds = trace::life_seconds(key).to_string();
            let _ = write!(output, "$2\r\nEX\r\n${}\r\n{seconds}\r\n", seconds.len());
        }
    }
}

/// What replies a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    Nothing,
    Gets,
    Sets,
}

/// One connection and its batch.
struct Talk<'a> {
    pipe: Pipe,
    doing: Doing,
    asked: &'a [u32],
    missing: Vec<u32>,
    answered: usize,
    since: Instant,
}

impl<'a> Talk<'a> {
    fn open(port: u16) -> Result<Self, BenchError> {
        let (pipe, since) = (Pipe::open(port)?, Instant::now());
        Ok(Talk { pipe, doing: Doing::Nothing, asked: &[], missing: Vec::new(), answered: 0, since })
    }

    fn ask(&mut self, keys: &'a [u32]) {
        let output = self.pipe.batch();
        for key in keys {
            let _ = write!(output, "*2\r\n$3\r\nGET\r\n$16\r\nkey:{key:012}\r\n");
        }
        self.asked = keys;
        self.begin(Doing::Gets);
    }

    fn begin(&mut self, doing: Doing) {
        self.doing = doing;
        self.answered = 0;
        self.since = Instant::now();
    }

    /// Sends and receives what there is, and goes on to the SETs once the GETs are answered.
    fn look(&mut self, sets: &Sets, tally: &mut Tally) -> Result<(), BenchError> {
        self.pipe.look()?;
        let before = self.answered;
        let expected = if self.doing == Doing::Gets { self.asked.len() } else { self.missing.len() };
        while self.answered < expected {
            let Some(reply) = self.pipe.reply()? else { break };
            match (self.doing, reply) {
                (Doing::Gets, Reply::Value(value)) if value.len() == trace::value_bytes(self.asked[self.answered]) => {
                    tally.mark.hits += 1;
                }
                (Doing::Gets, Reply::Nil) => {
                    tally.mark.misses += 1;
                    self.missing.push(self.asked[self.answered]);
                }
                (Doing::Sets, Reply::Status(b"OK")) => tally.mark.sets += 1,
                (_, Reply::Status(text) | Reply::Value(text) | Reply::Error(text)) => return Err(broken(text)),
                (_, Reply::Nil) => return Err(broken(b"nil")),
            }
            self.answered += 1;
        }
        if let Some(latency) = &mut tally.latency
            && self.answered > before
        {
            latency.saturating_record_n(self.since.elapsed().as_nanos() as u64, (self.answered - before) as u64);
        }
        if self.answered == expected {
            self.go_on(sets);
        }
        Ok(())
    }

    fn go_on(&mut self, sets: &Sets) {
        if self.doing == Doing::Sets || self.missing.is_empty() {
            self.missing.clear();
            self.doing = Doing::Nothing;
            return;
        }
        let output = self.pipe.batch();
        self.missing.iter().for_each(|key| sets.write(output, *key));
        self.begin(Doing::Sets);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_read() {
        let outcome = read_outcome("10 10 9 100 50 0\n40 20 19 200 150 5\n90 30 29 400 250 25\n1500 99000\n");
        let outcome = outcome.expect("twenty figures");
        assert_eq!(outcome.whole, Mark { hits: 80, misses: 20, sets: 20, elapsed_ns: 300, cpu_ns: 200, evicted: 25 });
        assert_eq!(outcome.halves.map(|half| half.hits), [30, 50]);
        assert_eq!(outcome.micros, [1.5, 99.0]);
        let whole = outcome.whole;
        let figures = [whole.hit_rate(), whole.cpu_per_command(), whole.cpu_per_get(), whole.busy().floor()];
        assert_eq!(figures, [80.0, 200.0 / 120.0, 2.0, 66.0]);
        assert!(read_outcome("1 2 3").is_err());
    }

    #[test]
    fn sets_are_whole_commands() {
        let filler = vec![b'x'; trace::longest_value()];
        let mut output = Vec::new();
        Sets { volatile: true, filler }.write(&mut output, 7);
        let (value, life) = ("x".repeat(trace::value_bytes(7)), trace::life_seconds(7).to_string());
        let mut expected = Vec::new();
        crate::resp_client::push_command(&mut expected, &["SET", "key:000000000007", &value, "EX", &life]);
        assert_eq!(output, expected);
    }
}
