//! `fairness`: how long a GET waits on a connection that sends one at a time, beside another client that asks for as much as it can.
//! Ashlar with one core loop beside redis-server; nothing passes or fails.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::args::Options;
use crate::binaries;
use crate::contender::{Contender, Kind};
use crate::error::BenchError;
use crate::goal::{ASHLAR, REDIS};
use crate::resp_client::{Client, push_command};
use crate::rig::Rig;
use crate::server::Server;

const SECONDS: u64 = 3;
const PATIENCE: Duration = Duration::from_secs(30);
/// Time between two probes, or two looks whether clients are blocked: they are to be no load of their own.
const PROBE_EVERY: Duration = Duration::from_millis(1);
/// Time in which a load gets going before the first probe. Nothing relies on it: a load that is slower has a few probes without it
/// at the beginning, which are among the quickest.
const SETTLE: Duration = Duration::from_millis(300);
/// Bytes of one write of an endless pipeline.
const PIPELINE_BYTES: usize = 64 << 10;
/// Clients that one push serves.
const BLOCKED: usize = 2_000;
const SCRIPT: &str = "return redis.call('GET', KEYS[1])";

/// What the other client does.
#[derive(Clone, Copy)]
enum Load {
    /// Nothing.
    None,
    /// These commands one after the other without an end, and without waiting for replies.
    Pipeline(&'static [&'static [&'static str]]),
    /// Transactions of so many commands, likewise.
    Transactions(usize),
    /// [`BLOCKED`] clients wait for one list, and one push serves them all.
    Blocked,
}

const LOADS: &[(&str, Load)] = &[
    ("nothing", Load::None),
    ("GETs", Load::Pipeline(&[&["GET", "k"]])),
    ("EXECs", Load::Pipeline(&[&["MULTI"], &["SET", "k", "v"], &["EXEC"]])),
    ("EVALs", Load::Pipeline(&[&["EVAL", SCRIPT, "1", "k"]])),
    ("PUBLISHes", Load::Pipeline(&[&["PUBLISH", "c", "m"]])),
    ("SUBSCRIBEs", Load::Pipeline(&[&["SUBSCRIBE", "c"], &["UNSUBSCRIBE", "c"]])),
    ("WATCHes", Load::Pipeline(&[&["WATCH", "k"], &["UNWATCH"]])),
    ("questions to all cores", Load::Pipeline(&[&["PUBSUB", "NUMPAT"], &["SCRIPT", "EXISTS", "x"]])),
    ("CLIENT LISTs", Load::Pipeline(&[&["CLIENT", "LIST"]])),
    ("transactions of 10,000", Load::Transactions(10_000)),
    ("transactions of 100,000", Load::Transactions(100_000)),
    ("2,000 served by one push", Load::Blocked),
];

/// Measures and prints a line per load.
pub(crate) fn run(options: &Options) -> Result<(), BenchError> {
    let wanted = |name: &str| options.only.as_deref().is_none_or(|only| name.contains(only));
    let rig = Rig::new()?;
    let contenders = [
        Contender::new(REDIS, Kind::Redis, &binaries::redis(options.redis.clone())?),
        Contender::new(ASHLAR, Kind::Ashlar, &binaries::ashlar(options.ashlar.clone())?),
    ];
    let time = Duration::from_secs(options.seconds.unwrap_or(SECONDS));
    println!("GETs beside a load, microseconds: median, p99, longest");
    for (name, load) in LOADS.iter().filter(|(name, _)| wanted(name)) {
        print!("  {name:<26}");
        for contender in &contenders {
            let server = Server::start(contender, 1, rig.cpus.map(|cpus| cpus.server), &rig)?;
            let [median, p99, longest] = beside(*load, server.endpoint.port, time)?;
            print!("  {} {median:>6} {p99:>8} {longest:>8}", contender.name);
        }
        println!();
    }
    Ok(())
}

/// Microseconds of GETs beside a load: their median, their 99th percentile, the longest.
fn beside(load: Load, port: u16, time: Duration) -> Result<[u128; 3], BenchError> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let loader = scope.spawn(|| match load {
            Load::None => Ok(()),
            Load::Pipeline(commands) => pipeline(port, &repeated(commands), &stop),
            Load::Transactions(count) => pipeline(port, &transaction(count), &stop),
            Load::Blocked => blocked(port, &stop),
        });
        let waits = probe(port, time);
        stop.store(true, Ordering::Relaxed);
        loader.join().map_err(|_| BenchError::Usage("the load panicked".to_owned()))??;
        waits
    })
}

fn probe(port: u16, time: Duration) -> Result<[u128; 3], BenchError> {
    let mut client = Client::connect(port, PATIENCE)?;
    // For a load to measure; nothing relies on its being there.
    thread::sleep(SETTLE);
    let begun = Instant::now();
    let mut waits = Vec::new();
    while begun.elapsed() < time {
        let sent = Instant::now();
        client.ask(&["GET", "probe"])?;
        waits.push(sent.elapsed().as_micros());
        // The pace of the probes.
        thread::sleep(PROBE_EVERY);
    }
    waits.sort_unstable();
    Ok([waits.len() / 2, waits.len() * 99 / 100, waits.len() - 1].map(|place| waits[place]))
}

/// As many rounds of some commands as fit one write.
fn repeated(commands: &[&[&str]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < PIPELINE_BYTES {
        commands.iter().for_each(|words| push_command(&mut bytes, words));
    }
    bytes
}

fn transaction(count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    push_command(&mut bytes, &["MULTI"]);
    (0..count).for_each(|number| push_command(&mut bytes, &["SET", &format!("k{number}"), "value"]));
    push_command(&mut bytes, &["EXEC"]);
    bytes
}

/// Writes the same bytes again and again while somebody else reads what comes.
fn pipeline(port: u16, bytes: &[u8], stop: &AtomicBool) -> Result<(), BenchError> {
    let mut writer = open(port)?;
    let mut reader = writer.try_clone().map_err(BenchError::io("share a connection"))?;
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut buffer = vec![0; PIPELINE_BYTES];
            while reader.read(&mut buffer).is_ok_and(|length| length > 0) {}
        });
        let mut written = Ok(());
        while !stop.load(Ordering::Relaxed) && written.is_ok() {
            written = writer.write_all(bytes).map_err(BenchError::io("write a pipeline"));
        }
        // The reader has nothing to wait for.
        let _ = writer.shutdown(Shutdown::Both);
        written
    })
}

fn blocked(port: u16, stop: &AtomicBool) -> Result<(), BenchError> {
    let mut waiting = (0..BLOCKED).map(|_| open(port)).collect::<Result<Vec<_>, _>>()?;
    let mut pusher = open(port)?;
    let (mut pop, mut push) = (Vec::new(), Vec::new());
    push_command(&mut pop, &["BLPOP", "list", "0"]);
    push_command(&mut push, &[&["RPUSH", "list"][..], &["e"; BLOCKED]].concat());
    let served = b"*2\r\n$4\r\nlist\r\n$1\r\ne\r\n".len();
    let what = || BenchError::io("clients that are served");
    while !stop.load(Ordering::Relaxed) {
        for client in &mut waiting {
            client.write_all(&pop).map_err(what())?;
        }
        await_blocked(port)?;
        pusher.write_all(&push).map_err(what())?;
        for client in &mut waiting {
            client.read_exact(&mut vec![0; served]).map_err(what())?;
        }
    }
    Ok(())
}

/// Waits until all clients are blocked, which only the server can tell, and only who asks.
fn await_blocked(port: u16) -> Result<(), BenchError> {
    let mut client = Client::connect(port, PATIENCE)?;
    let field = format!("blocked_clients:{BLOCKED}\r");
    let deadline = Instant::now() + PATIENCE;
    while !client.ask(&["INFO", "clients"])?.contains(&field) {
        if Instant::now() > deadline {
            let why = format!("{BLOCKED} clients are not blocked after {PATIENCE:?}");
            return Err(BenchError::Server { server: format!("port {port}"), why });
        }
        // Between looks at what only the server knows: the loop ends by what it says, or by the deadline.
        thread::sleep(PROBE_EVERY);
    }
    Ok(())
}

fn open(port: u16) -> Result<TcpStream, BenchError> {
    let stream = TcpStream::connect(("127.0.0.1", port)).map_err(BenchError::io(format!("connect to port {port}")))?;
    stream.set_nodelay(true).map_err(BenchError::io("set an option"))?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(BenchError::io("set an option"))?;
    Ok(stream)
}
