//! The floor: what one core costs before it does anything. The same ring as `ashlar`, no parser, no keyspace.
//!
//! It counts requests and answers `+OK` to each, which is the least that redis-benchmark accepts. A request is counted by its
//! array header: a `*` at the start of a line. That holds for arguments that do not begin with a star, as the benchmarks send
//! them; it is no RESP parser.
//!
//! `cargo run --release --example floor -- --port N [--pin CPU]`; `--port 0` takes a free one. Ends with a signal.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::process::ExitCode;

use shard::ring::uring::{RingTable, Uring, UringConfig, probe};
use shard::ring::{ConnId, Event, ListenerId, Ring, Wait};
use socket2::{Domain, Socket, Type};

/// The answer to everything.
const ANSWER: &[u8] = b"+OK\r\n";

/// Connects that wait in the kernel.
const BACKLOG: i32 = 511;

/// Counts array headers across pieces.
struct Counter {
    /// The last byte of the piece before; a line end at first.
    last: u8,
}

impl Counter {
    /// How many requests start in these bytes.
    fn count(&mut self, bytes: &[u8]) -> usize {
        let starts_line = |place: &usize| match place.checked_sub(1) {
            Some(before) => bytes[before] == b'\n',
            None => self.last == b'\n',
        };
        let requests = memchr::memchr_iter(b'*', bytes).filter(starts_line).count();
        self.last = bytes.last().copied().unwrap_or(self.last);
        requests
    }
}

impl Default for Counter {
    fn default() -> Self {
        Self { last: b'\n' }
    }
}

/// One connection.
#[derive(Default)]
struct Client {
    open: Option<u32>,
    counter: Counter,
    /// Answers to be sent.
    owed: usize,
    sending: bool,
    dirty: bool,
}

/// The loop.
struct Floor {
    ring: Uring,
    clients: Vec<Client>,
    dirty: Vec<ConnId>,
    spare: Vec<Vec<u8>>,
}

impl Floor {
    fn client(&mut self, conn: ConnId) -> Option<&mut Client> {
        let client = self.clients.get_mut(conn.index as usize)?;
        (client.open == Some(conn.generation)).then_some(client)
    }

    fn handle(&mut self, event: Event<OwnedFd>) {
        match event {
            Event::Accepted { socket, .. } => {
                let conn = self.ring.adopt(socket);
                let index = conn.index as usize;
                if index >= self.clients.len() {
                    self.clients.resize_with(index + 1, Client::default);
                }
                self.clients[index] = Client { open: Some(conn.generation), ..Client::default() };
                self.ring.receive(conn);
            }
            Event::AcceptFailed { listener, .. } => self.ring.accept(listener),
            Event::Received { conn, buffer, len } => {
                if let Some(client) = self.clients.get_mut(conn.index as usize) {
                    client.owed += client.counter.count(self.ring.bytes(buffer, len));
                    if !client.dirty {
                        client.dirty = true;
                        self.dirty.push(conn);
                    }
                }
                self.ring.recycle(buffer);
            }
            Event::Ended { conn, .. } => {
                if let Some(client) = self.client(conn) {
                    client.open = None;
                    self.ring.close(conn);
                }
            }
            Event::Sent { conn, mut buffer, .. } => {
                buffer.clear();
                self.spare.push(buffer);
                if let Some(client) = self.client(conn) {
                    client.sending = false;
                    if client.owed > 0 && !client.dirty {
                        client.dirty = true;
                        self.dirty.push(conn);
                    }
                }
            }
            Event::Released { .. } | Event::Woken => {}
        }
    }

    /// One send per connection that owes answers.
    fn flush(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for conn in dirty.drain(..) {
            let Some(client) = self.client(conn) else { continue };
            client.dirty = false;
            if client.sending || client.owed == 0 {
                continue;
            }
            client.sending = true;
            let answers = std::mem::take(&mut client.owed);
            let mut buffer = self.spare.pop().unwrap_or_default();
            for _ in 0..answers {
                buffer.extend_from_slice(ANSWER);
            }
            self.ring.send_quiet(conn, buffer);
        }
        self.dirty = dirty;
    }

    fn run(&mut self) -> io::Result<()> {
        let mut events = Vec::new();
        loop {
            let wait = if self.ring.owes() { Wait::No } else { Wait::Forever };
            self.ring.enter(wait, &mut events)?;
            for event in events.drain(..) {
                self.handle(event);
            }
            self.flush();
        }
    }
}

/// What the command line says: the port and the CPU.
fn arguments() -> Result<(u16, Option<usize>), String> {
    let (mut port, mut pin) = (0, None);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        let wrong = |_| format!("{word}: {value} is not a number in range");
        match word.as_str() {
            "--port" => port = value.parse().map_err(wrong)?,
            "--pin" => pin = Some(value.parse().map_err(wrong)?),
            _ => return Err(format!("{word} is unknown: floor --port N [--pin CPU]")),
        }
    }
    Ok((port, pin))
}

fn pin_to(cpu: usize) -> io::Result<()> {
    match core_affinity::set_for_current(core_affinity::CoreId { id: cpu }) {
        true => Ok(()),
        false => Err(io::Error::from(io::ErrorKind::InvalidInput)),
    }
}

fn listen(port: u16) -> io::Result<Socket> {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    listener.set_reuse_address(true)?;
    listener.set_reuse_port(true)?;
    listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    listener.listen(BACKLOG)?;
    Ok(listener)
}

fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let (port, pin) = arguments()?;
    if let Some(cpu) = pin {
        pin_to(cpu)?;
    }
    probe()?;
    let listener = listen(port)?;
    let address = listener.local_addr()?.as_socket().ok_or("a TCP listener has an address")?;
    let ring = Uring::new(&UringConfig::default(), 0, RingTable::new(1)?, vec![listener.into()])?;
    let mut floor = Floor { ring, clients: Vec::new(), dirty: Vec::new(), spare: Vec::new() };
    floor.ring.accept(ListenerId(0));
    let mut out = io::stdout();
    writeln!(out, "Ready to accept connections on {address}")?;
    out.flush()?;
    floor.run()?;
    Ok(())
}

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("floor: {error}");
            ExitCode::FAILURE
        }
    }
}
