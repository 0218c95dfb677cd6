//! The ring on the real kernel: echo under every kind of pressure, and the ends of connections.
//!
//! `Echo` is the smallest loop that keeps the contract of the trait. Peers are plain blocking sockets, on threads where the
//! loop has to run at the same time; nothing waits by sleeping.

mod endings;
mod pressure;
mod wakeups;

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::*;

/// Longer than anything here takes; a test that reaches it has hung.
const DEADLINE: Duration = Duration::from_secs(60);

/// What the tests need to know about a connection.
#[derive(Default)]
struct Client {
    pending: Vec<u8>,
    sending: bool,
    ended: Option<Option<io::ErrorKind>>,
    received: usize,
}

/// An echo server on one ring.
struct Echo {
    ring: Uring,
    clients: HashMap<ConnId, Client>,
    released: Vec<ConnId>,
    sent: Vec<(ConnId, io::Result<()>)>,
    accept_errors: Vec<io::Error>,
    woken: usize,
    quiet: bool,
    close_at_end: bool,
    events: Vec<Event<OwnedFd>>,
}

impl Echo {
    fn new(config: &UringConfig, listeners: Vec<OwnedFd>) -> Self {
        let table = RingTable::new(1).unwrap();
        let mut ring = Uring::new(config, 0, table, listeners).unwrap();
        ring.accept(ListenerId(0));
        Self {
            ring,
            clients: HashMap::new(),
            released: Vec::new(),
            sent: Vec::new(),
            accept_errors: Vec::new(),
            woken: 0,
            quiet: true,
            close_at_end: true,
            events: Vec::new(),
        }
    }

    fn listening(config: &UringConfig) -> (Self, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (Self::new(config, vec![listener.into()]), address)
    }

    fn adopt(&mut self, socket: OwnedFd) -> ConnId {
        let conn = self.ring.adopt(socket);
        assert!(self.clients.insert(conn, Client::default()).is_none(), "{conn:?} is in use");
        self.ring.receive(conn);
        conn
    }

    /// A connection over a socket pair, and its other end.
    fn pair(&mut self) -> (ConnId, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (self.adopt(ours.into()), theirs)
    }

    fn flush(&mut self, conn: ConnId) {
        let Some(client) = self.clients.get_mut(&conn) else {
            return;
        };
        if client.sending || client.pending.is_empty() {
            return;
        }
        client.sending = true;
        let buffer = std::mem::take(&mut client.pending);
        if self.quiet { self.ring.send_quiet(conn, buffer) } else { self.ring.send(conn, buffer) }
    }

    fn close(&mut self, conn: ConnId) {
        if self.clients.remove(&conn).is_some() {
            self.ring.close(conn);
        }
    }

    fn turn(&mut self, wait: Wait) {
        let wait = if self.ring.owes() { Wait::No } else { wait };
        let mut events = std::mem::take(&mut self.events);
        self.ring.enter(wait, &mut events).unwrap();
        let mut touched = Vec::new();
        for event in events.drain(..) {
            match event {
                Event::Accepted { socket, .. } => {
                    self.adopt(socket);
                }
                Event::AcceptFailed { error, .. } => self.accept_errors.push(error),
                Event::Received { conn, buffer, len } => {
                    if let Some(client) = self.clients.get_mut(&conn) {
                        assert!(client.ended.is_none(), "bytes after the end");
                        client.received += len;
                        client.pending.extend_from_slice(self.ring.bytes(buffer, len));
                        touched.push(conn);
                    }
                    self.ring.recycle(buffer);
                }
                Event::Ended { conn, error } => {
                    let client = self.clients.get_mut(&conn).expect("no Ended after close");
                    client.ended = Some(error.map(|error| error.kind()));
                    touched.push(conn);
                }
                Event::Sent { conn, result, .. } => {
                    if let Some(client) = self.clients.get_mut(&conn) {
                        client.sending = false;
                        touched.push(conn);
                    }
                    self.sent.push((conn, result));
                }
                Event::Released { conn } => self.released.push(conn),
                Event::Woken => self.woken += 1,
            }
        }
        self.events = events;
        for conn in touched {
            self.flush(conn);
            let done = |c: &Client| c.ended.is_some() && !c.sending && c.pending.is_empty();
            if self.close_at_end && self.clients.get(&conn).is_some_and(done) {
                self.close(conn);
            }
        }
    }

    /// Runs until the condition holds.
    fn run_until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let start = Instant::now();
        while !done(self) {
            assert!(start.elapsed() < DEADLINE, "waited too long for: {what}");
            self.turn(Wait::Until(Duration::from_millis(20)));
        }
    }
}

fn small() -> UringConfig {
    UringConfig {
        entries: 64,
        buffers: 8,
        buffer_bytes: 512,
        bulk_buffers: 2,
        bulk_buffer_bytes: 2048,
        tcp_keepalive_s: 60,
    }
}

fn pattern(bytes: usize, seed: usize) -> Vec<u8> {
    (0..bytes).map(|i| ((i * 31 + seed * 7 + i / 251) % 256) as u8).collect()
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}
