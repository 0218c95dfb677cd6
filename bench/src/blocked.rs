//! `blocked`: many clients that wait, each for a key of its own, and are woken one after the other. What a client costs in memory and a
//! wake-up in processor time must not grow with their number. Ashlar with one core loop and with four beside redis-server; a client
//! that gets anything but its own element, once, ends the run.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rlimit::Resource;

use crate::args::Options;
use crate::contender::{Contender, Kind};
use crate::error::BenchError;
use crate::goal::{ASHLAR, REDIS};
use crate::resp_client::{Client, push_command};
use crate::rig::Rig;
use crate::server::Server;
use crate::{binaries, procfs};

/// Clients of the run that the other is compared with.
const FEW: usize = 1_000;
/// Clients of the other run.
const MANY: u64 = 100_000;
/// Wake-ups of one measurement: rounds are repeated until there were so many.
const WAKE_UPS_MIN: usize = 20_000;
/// Descriptors of a process that are not clients.
const SPARE_FILES: u64 = 500;
/// Clients of one server address: a client's port is its own only among those of the same address.
const CLIENTS_PER_ADDRESS: usize = 20_000;
/// Addresses that servers listen on, beside how many clients they take at the most.
const FLAGS: &[&str] =
    &["--maxclients", "140000", "--bind", "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.6"];
/// Longest silence of a server.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time between two looks whether clients are blocked: they are to be no load of their own.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What was measured with some number of clients.
struct Figures {
    /// Resident bytes of the server per connection that does nothing.
    idle_bytes: f64,
    /// The same of one that waits.
    blocked_bytes: f64,
    /// The server's CPU per wake-up, which is a push and a served pop, in microseconds.
    wake_us: f64,
}

/// Measures and prints a line per server and number of clients.
pub(crate) fn run(options: &Options) -> Result<(), BenchError> {
    let many = usize::try_from(options.clients.unwrap_or(MANY)).unwrap_or(usize::MAX);
    allow(many)?;
    let rig = Rig::new()?;
    let contender = |name, kind, program: &_| Contender { extra: FLAGS, ..Contender::new(name, kind, program) };
    let redis = contender(REDIS, Kind::Redis, &binaries::redis(options.redis.clone())?);
    let ashlar = contender(ASHLAR, Kind::Ashlar, &binaries::ashlar(options.ashlar.clone())?);
    println!("clients that wait on keys of their own: bytes of a connection, of one that waits; CPU per wake-up");
    for (contender, cores) in [(&redis, 1), (&ashlar, 1), (&ashlar, 4)] {
        let mut first = None;
        for clients in [FEW, many] {
            let pin = rig.cpus.filter(|_| cores == 1).map(|cpus| cpus.server);
            let Figures { idle_bytes, blocked_bytes, wake_us } =
                measure(&Server::start(contender, cores, pin, &rig)?, clients)?;
            let ratio = wake_us / *first.get_or_insert(wake_us);
            println!(
                "  {:<12} {cores} loops {clients:>7} clients {idle_bytes:>8.0} {blocked_bytes:>8.0} bytes {wake_us:>7.1} us, {ratio:.2} \
                 of the first",
                contender.name
            );
        }
    }
    Ok(())
}

/// Raises the limit of descriptors, which servers inherit.
fn allow(clients: usize) -> Result<(), BenchError> {
    let needed = clients as u64 + SPARE_FILES;
    let (soft, hard) = Resource::NOFILE.get().map_err(BenchError::io("look at RLIMIT_NOFILE"))?;
    if soft >= needed {
        return Ok(());
    }
    let cure = || format!("raise RLIMIT_NOFILE, which is {hard}, to {needed} (ulimit -Hn)");
    Resource::NOFILE.set(needed, hard.max(needed)).map_err(BenchError::io(cure()))
}

fn measure(server: &Server, clients: usize) -> Result<Figures, BenchError> {
    let empty = procfs::resident_bytes(server.pid())?;
    let mut waiting = (0..clients).map(|index| Waiting::open(server, index)).collect::<Result<Vec<_>, _>>()?;
    pings(&mut waiting)?;
    let idle = procfs::resident_bytes(server.pid())?;
    let mut pusher = open(server, 0)?;
    let (mut spent, mut blocked) = (0, 0);
    let rounds = WAKE_UPS_MIN.div_ceil(clients);
    for _ in 0..rounds {
        for client in &mut waiting {
            client.send(&["BLPOP", &client.key.clone(), "0"])?;
        }
        await_blocked(server, clients)?;
        blocked = procfs::resident_bytes(server.pid())?;
        let before = procfs::cpu_ns(server.pid())?;
        for turn in 0..clients {
            let client = &mut waiting[scattered(turn, clients)];
            client.wake(&mut pusher)?;
        }
        spent += procfs::cpu_ns(server.pid())?.saturating_sub(before);
        // The answer would stand behind whatever else a client got.
        pings(&mut waiting)?;
    }
    let each = |bytes: u64| bytes.saturating_sub(empty) as f64 / clients as f64;
    let wake_us = spent as f64 / 1000.0 / (rounds * clients) as f64;
    Ok(Figures { idle_bytes: each(idle), blocked_bytes: each(blocked), wake_us })
}

/// The `turn`th of all numbers below `count`, in an order that is not theirs. The factor is a prime above any number of clients.
fn scattered(turn: usize, count: usize) -> usize {
    turn * 2_654_435_761 % count
}

/// A client and its key.
struct Waiting {
    stream: TcpStream,
    key: String,
}

impl Waiting {
    fn open(server: &Server, index: usize) -> Result<Self, BenchError> {
        let address = index / CLIENTS_PER_ADDRESS;
        Ok(Waiting { stream: open(server, address)?, key: format!("key:{index}") })
    }

    fn send(&mut self, words: &[&str]) -> Result<(), BenchError> {
        send(&mut self.stream, words)
    }

    /// Has the client's element pushed, and reads it.
    fn wake(&mut self, pusher: &mut TcpStream) -> Result<(), BenchError> {
        let element = format!("for {}", self.key);
        send(pusher, &["RPUSH", &self.key, &element])?;
        expect(pusher, b":1\r\n")?;
        let mut reply = Vec::new();
        push_command(&mut reply, &[&self.key, &element]);
        expect(&mut self.stream, &reply)
    }
}

/// Has every client answered.
fn pings(clients: &mut [Waiting]) -> Result<(), BenchError> {
    for client in &mut *clients {
        client.send(&["PING"])?;
    }
    clients.iter_mut().try_for_each(|client| expect(&mut client.stream, b"+PONG\r\n"))
}

fn send(stream: &mut TcpStream, words: &[&str]) -> Result<(), BenchError> {
    let mut command = Vec::with_capacity(128);
    push_command(&mut command, words);
    stream.write_all(&command).map_err(BenchError::io(words.join(" ")))
}

fn expect(stream: &mut TcpStream, expected: &[u8]) -> Result<(), BenchError> {
    let mut reply = vec![0; expected.len()];
    stream.read_exact(&mut reply).map_err(BenchError::io("read a reply"))?;
    if reply == expected {
        return Ok(());
    }
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Err(BenchError::Reply { command: format!("what is answered by {}", text(expected)), reply: text(&reply) })
}

/// Waits until all clients are blocked, which only the server can tell, and only who asks.
fn await_blocked(server: &Server, clients: usize) -> Result<(), BenchError> {
    let mut client = Client::connect(server.endpoint.port, PATIENCE)?;
    let field = format!("blocked_clients:{clients}\r");
    let deadline = Instant::now() + PATIENCE;
    while !client.ask(&["INFO", "clients"])?.contains(&field) {
        if Instant::now() > deadline {
            let why = format!("{clients} clients are not blocked after {PATIENCE:?}");
            return Err(BenchError::Server { server: server.name.to_owned(), why });
        }
        // Between looks at what only the server knows: the loop ends by what it says, or by the deadline.
        thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

/// A connection to one of the server's addresses.
fn open(server: &Server, address: usize) -> Result<TcpStream, BenchError> {
    let last = u8::try_from(1 + address).map_err(|_| BenchError::Usage("too many clients".to_owned()))?;
    let what = || BenchError::io("connect a client");
    let stream = TcpStream::connect((Ipv4Addr::new(127, 0, 0, last), server.endpoint.port)).map_err(what())?;
    stream.set_nodelay(true).map_err(what())?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(what())?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_has_a_turn() {
        for count in [1, 7, FEW, 4096, MANY as usize] {
            let mut turns: Vec<usize> = (0..count).map(|turn| scattered(turn, count)).collect();
            turns.sort_unstable();
            assert!(turns.into_iter().eq(0..count), "{count}");
        }
    }
}
