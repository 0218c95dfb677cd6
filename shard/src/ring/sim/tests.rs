//! The simulated ring keeps the contract of the trait under every seed, and equal seeds give equal runs.

use std::collections::HashMap;
use std::time::Duration;

use super::*;
use crate::ring::{BufferId, ConnId, Event, ListenerId, Ring, Wait, Wake};

const LISTENER: ListenerId = ListenerId(0);

/// Turns after which a run counts as hung.
const TURNS_MAX: u32 = 200_000;

#[derive(Default)]
struct Peer {
    pending: Vec<u8>,
    sending: bool,
    ended: bool,
}

/// An echo server that holds some received buffers back for a turn.
struct Echo {
    ring: SimRing,
    peers: HashMap<ConnId, Peer>,
    lent: Vec<BufferId>,
    trace: Vec<String>,
    released: usize,
    resets: usize,
}

impl Echo {
    fn new(net: &SimNet, core: u16) -> Self {
        let mut ring = net.ring(core);
        ring.accept(LISTENER);
        Self { ring, peers: HashMap::new(), lent: Vec::new(), trace: Vec::new(), released: 0, resets: 0 }
    }

    fn turn(&mut self) {
        let wait = if self.ring.owes() { Wait::No } else { Wait::Forever };
        for buffer in self.lent.drain(..) {
            self.ring.recycle(buffer);
        }
        let mut events = Vec::new();
        self.ring.enter(wait, &mut events).unwrap();
        for event in events {
            self.trace.push(format!("{} {event:?}", self.ring.now().monotonic_us));
            self.handle(event);
        }
        let mut open: Vec<_> = self.peers.keys().copied().collect();
        open.sort();
        for conn in open {
            let peer = self.peers.get_mut(&conn).unwrap();
            if !peer.sending && !peer.pending.is_empty() {
                peer.sending = true;
                let buffer = std::mem::take(&mut peer.pending);
                if buffer.len().is_multiple_of(2) {
                    self.ring.send(conn, buffer);
                } else {
                    self.ring.send_quiet(conn, buffer);
                }
            } else if !peer.sending && peer.ended {
                self.peers.remove(&conn);
                self.ring.close(conn);
            }
        }
    }

    fn handle(&mut self, event: Event<SimSocket>) {
        match event {
            Event::Accepted { socket, .. } => {
                let conn = self.ring.adopt(socket);
                assert!(self.peers.insert(conn, Peer::default()).is_none());
                self.ring.receive(conn);
            }
            Event::AcceptFailed { listener, .. } => self.ring.accept(listener),
            Event::Received { conn, buffer, len } => {
                if let Some(peer) = self.peers.get_mut(&conn) {
                    peer.pending.extend_from_slice(self.ring.bytes(buffer, len));
                }
                self.lent.push(buffer);
            }
            Event::Ended { conn, error } => {
                self.resets += usize::from(error.is_some());
                let peer = self.peers.get_mut(&conn).expect("no Ended after close");
                assert!(!peer.ended, "ends once");
                peer.ended = true;
            }
            Event::Sent { conn, result, .. } => {
                let Some(peer) = self.peers.get_mut(&conn) else {
                    return;
                };
                assert!(peer.sending);
                peer.sending = false;
                if result.is_err() {
                    peer.pending.clear();
                }
            }
            Event::Released { .. } => self.released += 1,
            Event::Woken => {}
        }
    }
}

/// Clients write, read and end; returns the trace of the server and how many clients were reset.
fn run(seed: u64, options: SimOptions) -> (Vec<String>, usize) {
    const CLIENTS: usize = 30;
    const BYTES: usize = 3000;
    let net = SimNet::new(seed, 1, 1, options);
    let mut echo = Echo::new(&net, 0);
    let clients: Vec<_> = (0..CLIENTS).map(|_| net.connect(0, LISTENER)).collect();
    let sent: Vec<Vec<u8>> = (0..CLIENTS).map(|n| (0..BYTES).map(|i| (i * 7 + n) as u8).collect()).collect();
    for (client, bytes) in clients.iter().zip(&sent) {
        client.write(&bytes[..BYTES / 2]);
        client.write(&bytes[BYTES / 2..]);
        client.shutdown();
    }
    let mut answers = vec![Vec::new(); CLIENTS];
    for turn in 0.. {
        assert!(turn < TURNS_MAX, "seed {seed} hangs");
        echo.turn();
        for (answer, client) in answers.iter_mut().zip(&clients) {
            answer.extend(client.read());
        }
        let open = |client: &SimClient| !client.is_ended();
        if !clients.iter().any(open) && echo.peers.is_empty() && echo.released == CLIENTS {
            break;
        }
    }
    let mut resets = 0;
    for ((answer, client), bytes) in answers.iter().zip(&clients).zip(&sent) {
        if client.is_reset() {
            resets += 1;
            assert!(bytes.starts_with(answer), "seed {seed}: what arrives is a prefix");
        } else {
            assert!(answer == bytes, "seed {seed}: everything arrives");
        }
    }
    (echo.trace, resets)
}

#[test]
fn calm_and_rough_worlds_deliver_everything() {
    assert_eq!(run(1, SimOptions::calm()).1, 0);
    for seed in 0..200 {
        assert_eq!(run(seed, SimOptions::rough()).1, 0);
    }
}

#[test]
fn a_hostile_world_only_loses_what_it_resets() {
    let resets: usize = (0..100).map(|seed| run(seed, SimOptions::hostile()).1).sum();
    assert!(resets > 0);
}

#[test]
fn equal_seeds_give_equal_runs() {
    assert_eq!(run(5, SimOptions::hostile()), run(5, SimOptions::hostile()));
    assert_ne!(run(5, SimOptions::rough()).0, run(6, SimOptions::rough()).0);
}

#[test]
fn one_buffer_is_enough() {
    run(3, SimOptions { buffers: 1, buffer_bytes: 16, ..SimOptions::rough() });
}

#[test]
fn a_wait_takes_exactly_its_time() {
    let net = SimNet::new(0, 1, 0, SimOptions::rough());
    let mut ring = net.ring(0);
    let mut events = Vec::new();
    ring.enter(Wait::Until(Duration::from_millis(3)), &mut events).unwrap();
    assert_eq!(net.now().monotonic_us, 3000);
    ring.enter(Wait::Forever, &mut events).unwrap();
    ring.enter(Wait::No, &mut events).unwrap();
    assert_eq!(net.now().monotonic_us, 3000);
    net.advance(5);
    assert_eq!(ring.now().monotonic_us, 3005);
    assert!(events.is_empty());
}

#[test]
fn time_waits_for_the_slowest_ring() {
    let net = SimNet::new(0, 2, 0, SimOptions::calm());
    let (mut one, mut two) = (net.ring(0), net.ring(1));
    let mut events = Vec::new();
    one.enter(Wait::Until(Duration::from_millis(100)), &mut events).unwrap();
    assert_eq!(net.now().monotonic_us, 0, "the other ring has not looked yet");
    two.enter(Wait::Until(Duration::from_millis(10)), &mut events).unwrap();
    assert_eq!(net.now().monotonic_us, 10_000);
}

#[test]
fn rings_and_threads_wake_rings() {
    let net = SimNet::new(0, 2, 0, SimOptions::rough());
    let (mut one, mut two) = (net.ring(0), net.ring(1));
    let mut events = Vec::new();
    one.wake_core(1);
    assert!(!two.owes(), "queued until the next enter or submit");
    one.submit();
    assert!(two.owes());
    two.enter(Wait::Forever, &mut events).unwrap();
    assert!(matches!(events[..], [Event::Woken]));
    let waker = one.waker();
    std::thread::spawn(move || waker.wake()).join().unwrap();
    events.clear();
    one.enter(Wait::Forever, &mut events).unwrap();
    assert!(matches!(events[..], [Event::Woken]));
}

/// A ring with one connection, and the client's end of it.
fn connected(seed: u64, options: SimOptions) -> (SimRing, SimClient, ConnId) {
    let net = SimNet::new(seed, 1, 1, options);
    let mut ring = net.ring(0);
    ring.accept(LISTENER);
    let client = net.connect(0, LISTENER);
    let mut events = Vec::new();
    ring.enter(Wait::Forever, &mut events).unwrap();
    let Some(Event::Accepted { socket, .. }) = events.pop() else { panic!("an accept") };
    let conn = ring.adopt(socket);
    (ring, client, conn)
}

#[test]
fn a_slow_reader_holds_the_send_and_a_close_ends_it() {
    let (mut ring, client, conn) = connected(0, SimOptions { window_bytes: 100, ..SimOptions::calm() });
    let mut events = Vec::new();
    assert_eq!(ring.addresses(conn).peer, client.address());
    ring.send(conn, vec![1; 250]);
    for expected in [100, 100] {
        ring.enter(Wait::No, &mut events).unwrap();
        assert!(events.is_empty() && !ring.owes());
        assert_eq!(client.read().len(), expected);
    }
    ring.close(conn);
    while !matches!(events.last(), Some(Event::Released { .. })) {
        ring.enter(Wait::No, &mut events).unwrap();
    }
    assert!(matches!(events[0], Event::Sent { .. }));
    assert_eq!(client.read().len(), 50);
    assert!(client.is_ended());
}

#[test]
fn a_socket_that_nobody_adopts_is_closed() {
    let net = SimNet::new(0, 1, 1, SimOptions::calm());
    let mut ring = net.ring(0);
    ring.accept(LISTENER);
    let client = net.connect(0, LISTENER);
    let mut events = Vec::new();
    ring.enter(Wait::Forever, &mut events).unwrap();
    assert!(!client.is_ended());
    events.clear();
    assert!(client.is_ended());
}

#[test]
fn a_paused_connection_gets_at_most_one_piece_more() {
    for seed in 0..50 {
        let (mut ring, client, conn) = connected(seed, SimOptions::calm());
        let mut events = Vec::new();
        ring.receive(conn);
        ring.pause(conn);
        client.write(&[1; 10]);
        for _ in 0..5 {
            ring.enter(Wait::No, &mut events).unwrap();
        }
        assert!(events.len() <= 1);
        client.write(&[2; 10]);
        ring.receive(conn);
        ring.enter(Wait::Forever, &mut events).unwrap();
        let bytes = |event: &Event<_>| match event {
            Event::Received { len, .. } => *len,
            _ => 0,
        };
        assert_eq!(events.iter().map(bytes).sum::<usize>(), 20, "seed {seed}");
    }
}
