//! A load of GETs and SETs at a given rate, whatever the server does: a hidden subcommand, so that it runs on the client's CPU.
//!
//! A request has a time at which it is due, and its latency counts from then: requests that a pause of the server delays are counted
//! with the delay (coordinated omission). One thread goes round its connections without ever waiting, as a thread that sleeps would
//! wake up later than what is to be measured. Beside the load it asks for DBSIZE, which tells when all that was to expire is gone.

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hdrhistogram::Histogram;

use super::connection::{Connection, Expected};
use super::stills::{Stills, Watch, Watched};
use crate::error::BenchError;
use crate::resp_client::push_command;
use crate::rig::Cpus;
use crate::workload::CONNECTIONS;

/// The hidden subcommand that runs [`serve`].
pub(crate) const SUBCOMMAND: &str = "pace";
/// Keys of the load, which have no deadline.
pub(crate) const KEYS: u64 = 100_000;
/// What stands before their digits.
pub(crate) const PREFIX: &str = "key:";
/// Bytes of their values.
pub(crate) const VALUE_BYTES: usize = 64;
/// How long the rate without pauses is measured.
const PEAK_FOR: Duration = Duration::from_secs(3);
/// Time in which a load gets going before its latency counts.
pub(crate) const SETTLE: Duration = Duration::from_millis(500);
/// Time between two looks at DBSIZE.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Time after the first deadline after which a run ends with whatever is left.
pub(crate) const GONE_WITHIN: Duration = Duration::from_secs(180);
/// Numbers that tell a [`Latency`].
const LATENCY_FIGURES: usize = 5;
/// Longest latency that is told from longer ones, in nanoseconds: longer than any run.
const LONGEST_NS: u64 = 600_000_000_000;

/// Latencies of a part of a run. Without requests all are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Latency {
    /// Requests.
    pub(crate) count: u64,
    /// Median, 99th and 99.9th percentile and maximum, in microseconds.
    pub(crate) micros: [f64; 4],
}

/// What a paced run found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Outcome {
    /// Requests that were due before the first deadline.
    pub(crate) before: Latency,
    /// Requests that were due while keys expired.
    pub(crate) during: Latency,
    /// Of both, those that the machine did not hold up; none if nobody could watch it.
    pub(crate) undisturbed: [Latency; 2],
    /// How often it held something up.
    pub(crate) stills: u64,
    /// When all keys were gone, in Unix milliseconds, and how many were left then: 0 but if the run gave up.
    pub(crate) gone_at: u64,
    /// See [`Outcome::gone_at`].
    pub(crate) left: u64,
}

/// Arguments of our own program that measure the rate at which every connection always has one request under way.
pub(crate) fn peak_arguments(port: u16) -> Vec<String> {
    vec![SUBCOMMAND.to_owned(), port.to_string()]
}

/// Arguments of our own program that make `rate` requests per second until no keys but the load's are left, the first of the others
/// having its deadline at `first` in Unix milliseconds; and that watch whether the machine holds up the server's thread `thread` of
/// `pid`, or the load, on `cpus`.
pub(crate) fn paced_arguments(port: u16, rate: u64, first: u64, cpus: Option<Cpus>, server: (u32, u32)) -> Vec<String> {
    let (pid, thread) = server;
    let mut arguments = vec![SUBCOMMAND.to_owned(), port.to_string(), rate.to_string(), first.to_string()];
    let watched = cpus.map(|cpus| [cpus.server, cpus.client, pid as usize, thread as usize]);
    arguments.extend(watched.iter().flatten().map(usize::to_string));
    arguments
}

/// Reads what a run of [`peak_arguments`] printed: requests per second.
pub(crate) fn read_peak(output: &str) -> Result<u64, BenchError> {
    output.trim().parse().map_err(|_| BenchError::parse("requests per second", output))
}

/// Reads what a run of [`paced_arguments`] printed.
pub(crate) fn read_outcome(output: &str) -> Result<Outcome, BenchError> {
    let numbers: Option<Vec<f64>> = output.split_whitespace().map(|word| word.parse().ok()).collect();
    let numbers = numbers.filter(|numbers| numbers.len() == 4 * LATENCY_FIGURES + 3);
    let numbers = numbers.ok_or_else(|| BenchError::parse("figures of a paced load", output))?;
    let (latencies, rest) = numbers.split_at(4 * LATENCY_FIGURES);
    let latency = |index: usize| {
        let figures = &latencies[index * LATENCY_FIGURES..][..LATENCY_FIGURES];
        Latency { count: figures[0] as u64, micros: [figures[1], figures[2], figures[3], figures[4]] }
    };
    Ok(Outcome {
        before: latency(0),
        during: latency(1),
        undisturbed: [latency(2), latency(3)],
        stills: rest[0] as u64,
        gone_at: rest[1] as u64,
        left: rest[2] as u64,
    })
}

/// Runs the load that the arguments after the subcommand name, and prints what it found.
pub(crate) fn serve(arguments: &[String]) -> Result<(), BenchError> {
    let wrong = || BenchError::Usage(format!("{SUBCOMMAND} {}", arguments.join(" ")));
    let numbers: Vec<u64> = arguments.iter().map_while(|word| word.parse().ok()).collect();
    let [port, rest @ ..] = numbers.as_slice() else { return Err(wrong()) };
    let port = u16::try_from(*port).map_err(|_| wrong())?;
    let mut load = Load::open(port)?;
    match *rest {
        [] => println!("{}", load.peak()?),
        [rate, first, ref rest @ ..] if rate > 0 => {
            let watched = match *rest {
                [server, client, pid, thread] => watched(server as usize, client as usize, pid, thread),
                _ => Vec::new(),
            };
            let outcome = load.paced(rate, first, watched, Connection::open(port)?)?;
            let figures = |latency: Latency| {
                let [p50, p99, p999, max] = latency.micros;
                format!("{} {p50} {p99} {p999} {max}", latency.count)
            };
            let [before, during] = outcome.undisturbed;
            for latency in [outcome.before, outcome.during, before, during] {
                println!("{}", figures(latency));
            }
            println!("{} {} {}", outcome.stills, outcome.gone_at, outcome.left);
        }
        _ => return Err(wrong()),
    }
    Ok(())
}

/// The server's thread on its CPU, and ours, which is the first of this process.
fn watched(server: usize, client: usize, pid: u64, thread: u64) -> Vec<Watched> {
    let ours = std::process::id();
    vec![
        Watched { cpu: server, thread: format!("/proc/{pid}/task/{thread}").into() },
        Watched { cpu: client, thread: format!("/proc/{ours}/task/{ours}").into() },
    ]
}

/// Now, in milliseconds since 1970.
pub(crate) fn unix_millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// The connections, and what they ask next.
struct Load {
    connections: Vec<Connection>,
    number: u64,
    value: String,
}

impl Load {
    fn open(port: u16) -> Result<Self, BenchError> {
        let connections = (0..CONNECTIONS).map(|_| Connection::open(port)).collect::<Result<_, _>>()?;
        Ok(Load { connections, number: 0, value: "x".repeat(VALUE_BYTES) })
    }

    /// GET or SET in turn, of keys in an order without a pattern, sent on the connection with this place.
    fn send(&mut self, place: usize, due: Instant) -> Result<(), BenchError> {
        let key = format!("{PREFIX}{:012}", self.number.wrapping_mul(2_654_435_761) % KEYS);
        let connection = &mut self.connections[place];
        let expected = if self.number.is_multiple_of(2) {
            push_command(connection.output(), &["GET", &key]);
            Expected::Value(VALUE_BYTES)
        } else {
            push_command(connection.output(), &["SET", &key, &self.value]);
            Expected::Ok
        };
        self.number += 1;
        connection.send(expected, due)
    }

    /// Requests per second with one request under way on every connection.
    fn peak(&mut self) -> Result<u64, BenchError> {
        let begun = Instant::now();
        let mut replies = 0_u64;
        for place in 0..self.connections.len() {
            self.send(place, begun)?;
        }
        while begun.elapsed() < PEAK_FOR {
            for place in 0..self.connections.len() {
                let mut answered = false;
                self.connections[place].receive(|_, _| answered = true)?;
                if answered {
                    replies += 1;
                    self.send(place, begun)?;
                }
            }
        }
        Ok((replies as f64 / begun.elapsed().as_secs_f64()) as u64)
    }

    /// See [`paced_arguments`].
    fn paced(
        &mut self,
        rate: u64,
        first: u64,
        watched: Vec<Watched>,
        mut watch: Connection,
    ) -> Result<Outcome, BenchError> {
        let begun = Instant::now();
        // The first deadline, and the end whatever happens, on the clock that the load goes by.
        let deadline = begun + Duration::from_millis(first.saturating_sub(unix_millis()));
        let settled = begun + SETTLE;
        let watched = Watch::start(watched);
        let (mut before, mut during) = (Vec::new(), Vec::new());
        let (mut sent, mut next_look) = (0, deadline);
        let mut left = u64::MAX;
        while left > 0 && begun < deadline {
            let now = Instant::now();
            if now > deadline + GONE_WITHIN {
                break;
            }
            // The first is due at once.
            let due_by_now = (now.duration_since(begun).as_nanos() * u128::from(rate) / 1_000_000_000) as u64 + 1;
            while sent < due_by_now {
                let due = begun + Duration::from_nanos((u128::from(sent) * 1_000_000_000 / u128::from(rate)) as u64);
                self.send((sent % u64::from(CONNECTIONS)) as usize, due)?;
                sent += 1;
            }
            for connection in &mut self.connections {
                connection.receive(|due, _| {
                    let request = (due, due.elapsed());
                    if due >= deadline {
                        during.push(request);
                    } else if due >= settled {
                        before.push(request);
                    }
                })?;
            }
            if now >= next_look {
                push_command(watch.output(), &["DBSIZE"]);
                watch.send(Expected::Integer, now)?;
                next_look = now + LOOK_EVERY;
            }
            watch.receive(|_, size| left = size.saturating_sub(KEYS))?;
        }
        let gone_at = unix_millis();
        let stills = watched.end();
        let parts = [before, during].map(|requests| {
            let undisturbed = |stills: &Stills| latency(&requests, |due, answered| !stills.held_up(due, answered));
            (latency(&requests, |_, _| true), stills.as_ref().map(undisturbed).unwrap_or_default())
        });
        let [(before, before_undisturbed), (during, during_undisturbed)] = parts;
        Ok(Outcome {
            before,
            during,
            undisturbed: [before_undisturbed, during_undisturbed],
            stills: stills.map_or(0, |stills| stills.len() as u64),
            gone_at,
            left,
        })
    }
}

/// When a request was due, and how long it took. Kept until it is known when the machine held it up.
type Request = (Instant, Duration);

/// What those of the requests come to that count, by when they were due and answered.
fn latency(requests: &[Request], counts: impl Fn(Instant, Instant) -> bool) -> Latency {
    // Three digits of nanoseconds.
    let mut histogram: Histogram<u64> =
        Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("the bounds are in order and the digits few");
    for (_, took) in requests.iter().filter(|(due, took)| counts(*due, *due + *took)) {
        histogram.saturating_record(took.as_nanos() as u64);
    }
    let micros = |ns: u64| ns as f64 / 1000.0;
    let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|quantile| micros(histogram.value_at_quantile(quantile)));
    Latency { count: histogram.len(), micros: [p50, p99, p999, micros(histogram.max())] }
}

/// Waits until a time in Unix milliseconds, if it is not past.
pub(crate) fn sleep_until(at: u64) {
    // The time itself is what is waited for: a deadline that was given to the server.
    thread::sleep(Duration::from_millis(at.saturating_sub(unix_millis())));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_read() {
        let output = "10 1 2 3 4.5\n20 5 6 7 8\n9 1 1 2 3\n19 5 5 6 7\n3 1700000000000 0\n";
        let outcome = read_outcome(output).expect("as many figures as are printed");
        assert_eq!(outcome.before, Latency { count: 10, micros: [1.0, 2.0, 3.0, 4.5] });
        assert_eq!(outcome.during, Latency { count: 20, micros: [5.0, 6.0, 7.0, 8.0] });
        assert_eq!(outcome.undisturbed[1], Latency { count: 19, micros: [5.0, 5.0, 6.0, 7.0] });
        assert_eq!(outcome.stills, 3);
        assert_eq!((outcome.gone_at, outcome.left), (1_700_000_000_000, 0));
        assert!(read_outcome("10 1 2 3").is_err());
    }

    #[test]
    fn percentiles_are_in_microseconds() {
        let begun = Instant::now();
        let some: Vec<Request> = (1..=1000).map(|micros| (begun, Duration::from_micros(micros))).collect();
        let Latency { count, micros: [p50, p99, p999, max] } = latency(&some, |_, _| true);
        assert_eq!(count, 1000);
        for (got, expected) in [(p50, 500.0), (p99, 990.0), (p999, 999.0), (max, 1000.0)] {
            assert!((got / expected - 1.0_f64).abs() < 0.002, "{got} {expected}");
        }
    }
}
