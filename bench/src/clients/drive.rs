//! The loads that redis-benchmark cannot make: a hidden subcommand, so that they run in a process of their own on the client's CPU.
//!
//! Connections take turns: all send, then all are read. So one thread keeps as many requests under way as there are connections.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use super::slots::core_of;
use crate::error::BenchError;
use crate::resp_client::push_command;
use crate::workload::CONNECTIONS;

/// The hidden subcommand that runs [`serve`].
pub(crate) const SUBCOMMAND: &str = "drive";

/// Who gets each message of [`Drive::Publish`].
pub(crate) const SUBSCRIBERS: u64 = 1_000;
/// From one subscriber to the next who reads; prime to their number.
const READING_STEP: u64 = 617;
/// Pairs of keys of the MSETs.
const PAIRS: u64 = 1_000;
/// Keys of the transactions.
const KEYS: u64 = 100_000;
/// MSETs per second beside other loads, in all: often enough that a slot is nearly always on loan.
const BESIDE_PER_SECOND: u64 = 4_000;
/// Connections of a load beside another.
const BESIDE_CONNECTIONS: usize = 4;

/// A load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drive {
    /// Five SETs in a transaction, sent at once.
    Multi,
    /// Messages to [`SUBSCRIBERS`], one at a time.
    Publish,
    /// BLPOP on one connection, LPUSH on another.
    HandOff,
    /// MSET of two keys that one core of two owns.
    MsetOne,
    /// MSET of two keys of both cores.
    MsetBoth,
    /// [`Drive::MsetOne`] from few connections at a fixed rate.
    BesideOne,
    /// [`Drive::MsetBoth`] from few connections at a fixed rate.
    BesideBoth,
}

const NAMES: [(&str, Drive); 7] = [
    ("multi", Drive::Multi),
    ("publish", Drive::Publish),
    ("hand-off", Drive::HandOff),
    ("mset-one", Drive::MsetOne),
    ("mset-both", Drive::MsetBoth),
    ("beside-one", Drive::BesideOne),
    ("beside-both", Drive::BesideBoth),
];

impl Drive {
    /// Program and arguments that make this load.
    pub(crate) fn command_line(self, port: u16, requests: u64) -> Result<Vec<String>, BenchError> {
        let program = std::env::current_exe().map_err(BenchError::io("find our own program"))?;
        let name = NAMES.iter().find(|(_, drive)| *drive == self).map_or("", |(name, _)| *name);
        let words = [&program.to_string_lossy(), SUBCOMMAND, name, &port.to_string(), &requests.to_string()];
        Ok(words.iter().map(|word| (*word).to_owned()).collect())
    }
}

/// Runs the load that the arguments after the subcommand name.
pub(crate) fn serve(arguments: &[String]) -> Result<(), BenchError> {
    let wrong = || BenchError::Usage(format!("{SUBCOMMAND} {}", arguments.join(" ")));
    let [name, port, requests] = arguments else { return Err(wrong()) };
    let drive = NAMES.iter().find(|(known, _)| known == name).map(|(_, drive)| *drive).ok_or_else(wrong)?;
    let port: u16 = port.parse().map_err(|_| wrong())?;
    let requests: u64 = requests.parse().map_err(|_| wrong())?;
    match drive {
        Drive::Multi => requests_of(port, CONNECTIONS_HERE, requests, &mut transaction, None),
        Drive::Publish => publish(port, requests),
        Drive::HandOff => hand_off(port, requests),
        Drive::MsetOne => requests_of(port, CONNECTIONS_HERE, requests, &mut msets(Owners::One), None),
        Drive::MsetBoth => requests_of(port, CONNECTIONS_HERE, requests, &mut msets(Owners::Both), None),
        Drive::BesideOne => requests_of(port, BESIDE_CONNECTIONS, requests, &mut msets(Owners::One), Some(pause())),
        Drive::BesideBoth => requests_of(port, BESIDE_CONNECTIONS, requests, &mut msets(Owners::Both), Some(pause())),
    }
}

const CONNECTIONS_HERE: usize = CONNECTIONS as usize;

/// The time between two turns of a load at a fixed rate.
fn pause() -> Duration {
    Duration::from_micros(1_000_000 * BESIDE_CONNECTIONS as u64 / BESIDE_PER_SECOND)
}

/// Makes the bytes of the request with this number and says how many lines answer it.
type Request<'a> = dyn FnMut(u64, &mut Vec<u8>) -> usize + 'a;

/// Requests from some connections in turns, with a pause between turns if the rate is fixed.
fn requests_of(
    port: u16,
    connections: usize,
    requests: u64,
    make: &mut Request<'_>,
    pause: Option<Duration>,
) -> Result<(), BenchError> {
    let mut connections = (0..connections).map(|_| Connection::open(port)).collect::<Result<Vec<_>, _>>()?;
    let mut due = Instant::now();
    let mut number = 0;
    while number < requests {
        let mut lines = Vec::new();
        for connection in &mut connections {
            let mut bytes = Vec::with_capacity(512);
            lines.push(make(number, &mut bytes));
            connection.send(&bytes)?;
            number += 1;
        }
        for (connection, lines) in connections.iter_mut().zip(lines) {
            connection.skip_lines(lines)?;
        }
        if let Some(pause) = pause {
            due += pause;
            // The rate of the load, which waits for nobody: every reply has been read. Late is made up for.
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }
    Ok(())
}

/// MULTI, five SETs, EXEC: answered by OK, five times QUEUED, and six lines.
fn transaction(number: u64, bytes: &mut Vec<u8>) -> usize {
    push_command(bytes, &["MULTI"]);
    for set in 0..5 {
        push_command(bytes, &["SET", &key(number * 5 + set), "value"]);
    }
    push_command(bytes, &["EXEC"]);
    1 + 5 + 6
}

/// A key of the range, in an order without a pattern.
fn key(number: u64) -> String {
    format!("key:{:012}", number.wrapping_mul(2_654_435_761) % KEYS)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Owners {
    One,
    Both,
}

/// MSETs of pairs whose keys one core owns, or both.
fn msets(owners: Owners) -> impl FnMut(u64, &mut Vec<u8>) -> usize {
    let second = |first: &str, pair: u64| {
        let fits = |name: &String| (core_of(first, 2) == core_of(name, 2)) == (owners == Owners::One);
        (0..).map(|attempt| format!("pair:{pair}:{attempt}")).find(fits).unwrap_or_default()
    };
    let pairs: Vec<(String, String)> = (0..PAIRS)
        .map(|pair| {
            let first = format!("pair:{pair}");
            let second = second(&first, pair);
            (first, second)
        })
        .collect();
    move |number, bytes| {
        let (first, second) = &pairs[(number % PAIRS) as usize];
        push_command(bytes, &["MSET", first, "value", second, "value"]);
        1
    }
}

/// One message at a time to all subscribers, each of whom has read it before the next is sent. They read once a server has sent to all of
/// them, which its answer to a PING shows, and in no order of its own: otherwise it depends on the order in which a server sends how many
/// of them read beside it, and that was seen to take a third of its time.
fn publish(port: u16, messages: u64) -> Result<(), BenchError> {
    const CHANNEL: &str = "channel";
    const TEXT: &str = "a message of thirty-two letters.";
    let mut subscribers = (0..SUBSCRIBERS).map(|_| Connection::open(port)).collect::<Result<Vec<_>, _>>()?;
    for subscriber in &mut subscribers {
        subscriber.command(&["SUBSCRIBE", CHANNEL])?;
        subscriber.skip_lines(6)?;
    }
    let mut publisher = Connection::open(port)?;
    for message in 0..messages {
        publisher.command(&["PUBLISH", CHANNEL, TEXT])?;
        publisher.skip_lines(1)?;
        publisher.command(&["PING"])?;
        publisher.skip_lines(1)?;
        for place in 0..SUBSCRIBERS {
            let subscriber = (message + place * READING_STEP) % SUBSCRIBERS;
            subscribers[subscriber as usize].skip_lines(7)?;
        }
    }
    Ok(())
}

/// Every client waits for its list, then each list gets an element.
fn hand_off(port: u16, requests: u64) -> Result<(), BenchError> {
    let open = || (0..CONNECTIONS_HERE / 2).map(|_| Connection::open(port)).collect::<Result<Vec<_>, _>>();
    let (mut waiting, mut pushing) = (open()?, open()?);
    let mut number = 0;
    while number < requests {
        for (index, connection) in waiting.iter_mut().enumerate() {
            connection.command(&["BLPOP", &format!("list:{index}"), "0"])?;
        }
        for (index, connection) in pushing.iter_mut().enumerate() {
            connection.command(&["LPUSH", &format!("list:{index}"), "element"])?;
            number += 1;
        }
        pushing.iter_mut().try_for_each(|connection| connection.skip_lines(1))?;
        waiting.iter_mut().try_for_each(|connection| connection.skip_lines(5))?;
    }
    Ok(())
}

/// One connection that counts lines of replies.
struct Connection {
    stream: TcpStream,
    replies: BufReader<TcpStream>,
}

impl Connection {
    fn open(port: u16) -> Result<Self, BenchError> {
        let what = || BenchError::io(format!("connect to port {port}"));
        let stream = TcpStream::connect(("127.0.0.1", port)).map_err(what())?;
        stream.set_nodelay(true).map_err(what())?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).map_err(what())?;
        let replies = BufReader::with_capacity(4096, stream.try_clone().map_err(what())?);
        Ok(Self { stream, replies })
    }

    fn command(&mut self, words: &[&str]) -> Result<(), BenchError> {
        let mut bytes = Vec::with_capacity(128);
        push_command(&mut bytes, words);
        self.send(&bytes)
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), BenchError> {
        self.stream.write_all(bytes).map_err(BenchError::io("send a request"))
    }

    /// Reads so many lines; an error among them ends the run.
    fn skip_lines(&mut self, count: usize) -> Result<(), BenchError> {
        let mut line = Vec::with_capacity(64);
        for _ in 0..count {
            line.clear();
            let length = self.replies.by_ref().read_until(b'\n', &mut line).map_err(BenchError::io("read a reply"))?;
            if length == 0 || line.first() == Some(&b'-') {
                let reply = String::from_utf8_lossy(&line).into_owned();
                return Err(BenchError::Reply { command: "a request of a load".to_owned(), reply });
            }
        }
        Ok(())
    }
}
