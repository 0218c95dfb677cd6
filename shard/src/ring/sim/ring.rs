//! One simulated ring: the bookkeeping of connections and buffers over the shared world.
//!
//! An enter first carries out what is queued, then lets every connection go on in random order, and parks if there was nothing.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::Ordering;

use super::link::{SimSocket, peer_address};
use super::net::{Net, SimNet, SimWaker};
use crate::ring::{Addresses, BufferId, ConnId, Event, ListenerId, Now, Ring, Wait};

/// Enters that a phase without buffers lasts at most.
const STARVATION_ENTERS_MAX: u64 = 5;

/// Enters between a close and its release at most.
const RELEASE_ENTERS_MAX: u64 = 3;

/// Receives of one connection per enter at most.
const RECEIVES_MAX: u32 = 4;

struct Sending {
    buffer: Vec<u8>,
    sent: usize,
    quiet: bool,
}

struct Connection {
    link: usize,
    wanted: bool,
    /// Paused, but one more piece may already be on its way.
    trailing: bool,
    ended: bool,
    sending: Option<Sending>,
    /// After `close`: enters until the release.
    closing: Option<u64>,
}

struct Place {
    generation: u32,
    connection: Option<Connection>,
}

/// Whether an enter left something that would go on without time passing.
#[derive(PartialEq, Eq)]
enum Left {
    Nothing,
    Work,
}

/// A simulated ring; see [`SimNet`].
pub struct SimRing {
    net: SimNet,
    core: u16,
    places: Vec<Place>,
    free: Vec<u32>,
    memory: Vec<u8>,
    buffer_bytes: usize,
    buffers: VecDeque<BufferId>,
    buffers_total: usize,
    starved_enters: u64,
    wakes: Vec<u16>,
    /// Quiet sends that are done: reported with the next other event.
    held: Vec<Event<SimSocket>>,
    prompt: bool,
}

impl SimRing {
    pub(super) fn new(net: SimNet, core: u16) -> Self {
        let (count, buffer_bytes) = {
            let mut world = net.borrow();
            let place = &mut world.cores[usize::from(core)];
            assert!(!place.present, "one ring per core");
            place.present = true;
            (world.options.buffers, world.options.buffer_bytes)
        };
        Self {
            net,
            core,
            places: Vec::new(),
            free: Vec::new(),
            memory: vec![0; usize::from(count) * buffer_bytes],
            buffer_bytes,
            buffers: (0..count).map(BufferId).collect(),
            buffers_total: usize::from(count),
            starved_enters: 0,
            wakes: Vec::new(),
            held: Vec::new(),
            prompt: false,
        }
    }

    /// Whether a wait would end at once: for a driver that steps a parked core only then.
    pub fn is_ready(&self) -> bool {
        let due = {
            let net = self.net.borrow();
            let mut listeners = net.cores[usize::from(self.core)].listeners.iter();
            listeners.any(|one| one.armed && one.backlog.front().is_some_and(|&(at, _)| at <= net.now_us))
        };
        due || self.owes()
    }

    fn get_mut(&mut self, conn: ConnId) -> Option<&mut Connection> {
        let place = self.places.get_mut(conn.index as usize)?;
        let open = place.generation == conn.generation;
        place.connection.as_mut().filter(|connection| open && connection.closing.is_none())
    }

    fn start_send(&mut self, conn: ConnId, buffer: Vec<u8>, quiet: bool) {
        debug_assert!(!buffer.is_empty(), "an empty send");
        let Some(connection) = self.get_mut(conn) else {
            return;
        };
        debug_assert!(connection.sending.is_none(), "two sends in flight");
        connection.sending = Some(Sending { buffer, sent: 0, quiet });
        let link = connection.link;
        self.prompt |= !quiet;
        self.net.borrow().stir(link);
    }

    /// Lets everything go on once.
    fn step(&mut self, events: &mut Vec<Event<SimSocket>>) -> Left {
        let world = self.net.clone();
        let net = &mut *world.borrow();
        let mut left = self.accept_due(net, events);
        let starvation = net.options.starvation;
        if self.starved_enters == 0 && net.random.chance(starvation) {
            self.starved_enters = net.random.up_to(STARVATION_ENTERS_MAX);
        }
        let stirred = std::mem::take(&mut net.cores[usize::from(self.core)].stirred);
        let mut order: Vec<u32> = match net.options.reset {
            0 => stirred.into_iter().collect(),
            // A reset may strike any of them.
            _ => (0..self.places.len() as u32).collect(),
        };
        net.random.shuffle(&mut order);
        for index in order {
            if self.go_on(index, net, events) == Left::Work {
                left = Left::Work;
            }
            if !self.is_idle(index, net) {
                net.cores[usize::from(self.core)].stirred.insert(index);
            }
        }
        self.starved_enters = self.starved_enters.saturating_sub(1);
        if net.cores[usize::from(self.core)].woken.swap(false, Ordering::AcqRel) {
            events.push(Event::Woken);
        }
        left
    }

    fn accept_due(&mut self, net: &mut Net, events: &mut Vec<Event<SimSocket>>) -> Left {
        let now = net.now_us;
        let error = net.options.accept_error;
        for number in 0..net.cores[usize::from(self.core)].listeners.len() {
            let listener = ListenerId(number as u32);
            loop {
                let state = &mut net.cores[usize::from(self.core)].listeners[number];
                let due = state.backlog.front().filter(|(at, _)| state.armed && *at <= now);
                let Some(&(_, link)) = due else { break };
                if net.random.chance(error) {
                    let error = io::Error::from_raw_os_error(libc::EMFILE);
                    events.push(Event::AcceptFailed { listener, error });
                    net.cores[usize::from(self.core)].listeners[number].armed = false;
                    break;
                }
                net.cores[usize::from(self.core)].listeners[number].backlog.pop_front();
                let dropped = net.links[link].dropped.clone();
                events.push(Event::Accepted { listener, socket: SimSocket::new(link, dropped) });
            }
        }
        Left::Nothing
    }

    /// Lets one connection go on.
    fn go_on(&mut self, index: u32, net: &mut Net, events: &mut Vec<Event<SimSocket>>) -> Left {
        let place = &self.places[index as usize];
        let conn = ConnId { index, generation: place.generation };
        let Some(connection) = &place.connection else {
            return Left::Nothing;
        };
        let (link, closing) = (connection.link, connection.closing);
        let (skip, reset) = (net.options.skip, net.options.reset);
        if net.random.chance(reset) {
            net.links[link].reset();
        }
        if closing.is_none() && net.random.chance(skip) {
            // Only a connection with something to do is work.
            return if self.has_work(index, net) { Left::Work } else { Left::Nothing };
        }
        self.send_on(conn, net, events);
        if closing.is_some() {
            self.close_on(conn, net, events);
            return Left::Work;
        }
        self.receive_on(conn, net, events);
        if self.has_work(index, net) { Left::Work } else { Left::Nothing }
    }

    /// Whether a connection goes on only after something has happened to it.
    fn is_idle(&self, index: u32, net: &Net) -> bool {
        let Some(connection) = &self.places[index as usize].connection else { return true };
        let link = &net.links[connection.link];
        let own = connection.sending.is_none() && connection.closing.is_none() && !connection.trailing;
        own && link.to_server.is_idle() && !link.reset
    }

    /// Whether a connection would go on without time passing.
    fn has_work(&self, index: u32, net: &Net) -> bool {
        let Some(connection) = &self.places[index as usize].connection else {
            return false;
        };
        let link = &net.links[connection.link];
        let room = link.to_client.bytes() < net.options.window_bytes;
        let sends = connection.sending.is_some() && (room || link.reset || link.client_gone);
        let due = link.to_server.arrived(net.now_us) > 0;
        let end = link.reset || link.to_server.at_end(net.now_us);
        // With all buffers lent, it is the caller who has to go on.
        let buffers = !self.buffers.is_empty();
        let receives = connection.wanted && !connection.ended && (end || due && buffers);
        sends || receives || connection.closing.is_some()
    }

    fn send_on(&mut self, conn: ConnId, net: &mut Net, events: &mut Vec<Event<SimSocket>>) {
        let place = &mut self.places[conn.index as usize];
        let Some(connection) = &mut place.connection else {
            return;
        };
        let Some(sending) = &mut connection.sending else {
            return;
        };
        let link = &net.links[connection.link];
        let failed = link.reset || link.client_gone;
        let window = net.options.window_bytes.saturating_sub(link.to_client.bytes());
        let fits = window.min(sending.buffer.len() - sending.sent);
        if !failed && fits > 0 {
            let short = net.options.short_send;
            let n = if net.random.chance(short) { net.random.length(fits) } else { fits };
            let at = net.arrival();
            let piece = &sending.buffer[sending.sent..sending.sent + n];
            net.links[connection.link].to_client.push(at, piece);
            sending.sent += n;
        }
        let result = if failed {
            Err(io::Error::from_raw_os_error(libc::EPIPE))
        } else if sending.sent == sending.buffer.len() {
            Ok(())
        } else if connection.closing.is_some() {
            Err(io::Error::from_raw_os_error(libc::ECANCELED))
        } else {
            return;
        };
        let hold = sending.quiet && result.is_ok();
        let Some(done) = connection.sending.take() else {
            return;
        };
        let event = Event::Sent { conn, buffer: done.buffer, result };
        if hold { self.held.push(event) } else { events.push(event) }
    }

    fn receive_on(&mut self, conn: ConnId, net: &mut Net, events: &mut Vec<Event<SimSocket>>) {
        let Some(connection) = &mut self.places[conn.index as usize].connection else {
            return;
        };
        let trailing = std::mem::take(&mut connection.trailing);
        if connection.ended || !(connection.wanted || trailing) {
            return;
        }
        let wanted = connection.wanted;
        let (number, now) = (connection.link, net.now_us);
        let rounds = if wanted { RECEIVES_MAX } else { 1 };
        for _ in 0..rounds {
            let due = net.links[number].to_server.arrived(now);
            if due == 0 || self.starved_enters > 0 {
                break;
            }
            let Some(buffer) = self.buffers.pop_front() else {
                break;
            };
            let most = due.min(self.buffer_bytes);
            let short = net.options.short_receive;
            let len = if net.random.chance(short) { net.random.length(most) } else { most };
            let start = usize::from(buffer.0) * self.buffer_bytes;
            net.links[number].to_server.take(&mut self.memory[start..start + len]);
            events.push(Event::Received { conn, buffer, len });
        }
        let link = &net.links[number];
        let error = link.reset.then(|| io::Error::from_raw_os_error(libc::ECONNRESET));
        if wanted && (link.reset || link.to_server.at_end(now)) {
            connection.ended = true;
            events.push(Event::Ended { conn, error });
        }
    }

    fn close_on(&mut self, conn: ConnId, net: &mut Net, events: &mut Vec<Event<SimSocket>>) {
        let place = &mut self.places[conn.index as usize];
        let Some(connection) = &mut place.connection else {
            return;
        };
        match &mut connection.closing {
            Some(0) => {
                let at = net.arrival();
                net.links[connection.link].to_client.end(at);
                place.connection = None;
                place.generation = place.generation.wrapping_add(1);
                self.free.push(conn.index);
                // What was held for it comes first, as promised.
                events.append(&mut self.held);
                events.push(Event::Released { conn });
            }
            Some(enters) => *enters -= 1,
            None => {}
        }
    }

    /// Delivers queued wake-ups.
    fn deliver_wakes(&mut self) {
        let mut net = self.net.borrow();
        for core in self.wakes.drain(..) {
            let lost = net.options.lost_wake;
            if net.random.chance(lost) {
                continue;
            }
            let target = &mut net.cores[usize::from(core)];
            target.woken.store(true, Ordering::Release);
            target.parked_until = None;
        }
    }

    /// Waits: notes until when, and lets time pass if everybody waits. Tells whether it passed.
    fn park(&mut self, wait: Wait) -> bool {
        let mut net = self.net.borrow();
        let end = match wait {
            Wait::Forever => u64::MAX,
            Wait::Until(limit) => {
                // Rounded up, so that a wait always lets some time pass.
                let us = u64::try_from(limit.as_nanos().div_ceil(1000)).unwrap_or(u64::MAX);
                net.now_us.saturating_add(us)
            }
            Wait::No => return false,
        };
        net.cores[usize::from(self.core)].parked_until = Some(end);
        net.advance_if_all_park()
    }
}

impl Ring for SimRing {
    type Socket = SimSocket;
    type Waker = SimWaker;

    fn accept(&mut self, listener: ListenerId) {
        let mut net = self.net.borrow();
        net.cores[usize::from(self.core)].listeners[listener.0 as usize].armed = true;
        net.disturb();
    }

    fn adopt(&mut self, socket: SimSocket) -> ConnId {
        let link = socket.adopt();
        let connection =
            Connection { link, wanted: false, trailing: false, ended: false, sending: None, closing: None };
        let index = self.free.pop().unwrap_or(self.places.len() as u32);
        if index as usize == self.places.len() {
            self.places.push(Place { generation: 0, connection: None });
        }
        let place = &mut self.places[index as usize];
        place.connection = Some(connection);
        let mut net = self.net.borrow();
        net.links[link].place = Some((self.core, index));
        net.stir(link);
        ConnId { index, generation: place.generation }
    }

    fn addresses(&self, conn: ConnId) -> Addresses {
        let place = self.places.get(conn.index as usize);
        let connection = place.filter(|place| place.generation == conn.generation);
        let peer = match connection.and_then(|place| place.connection.as_ref()) {
            Some(connection) => peer_address(self.net.borrow().links[connection.link].port),
            None => "?:0".to_owned(),
        };
        Addresses { peer, local: "127.0.0.1:6379".to_owned() }
    }

    fn set_keepalive(&mut self, _seconds: u32) {}

    fn receive(&mut self, conn: ConnId) {
        if let Some(connection) = self.get_mut(conn) {
            connection.wanted = true;
            let link = connection.link;
            self.net.borrow().stir(link);
        }
    }

    fn pause(&mut self, conn: ConnId) {
        let trailing = self.net.borrow().random.chance(500_000);
        if let Some(connection) = self.get_mut(conn)
            && connection.wanted
        {
            connection.wanted = false;
            connection.trailing = trailing;
            let link = connection.link;
            self.net.borrow().stir(link);
        }
    }

    fn send(&mut self, conn: ConnId, buffer: Vec<u8>) {
        self.start_send(conn, buffer, false);
    }

    fn send_quiet(&mut self, conn: ConnId, buffer: Vec<u8>) {
        self.start_send(conn, buffer, true);
    }

    fn close(&mut self, conn: ConnId) {
        let enters = self.net.borrow().random.up_to(RELEASE_ENTERS_MAX);
        if let Some(connection) = self.get_mut(conn) {
            connection.wanted = false;
            connection.trailing = false;
            connection.closing = Some(enters);
            let link = connection.link;
            self.net.borrow().stir(link);
        }
    }

    fn wake_core(&mut self, core: u16) {
        self.wakes.push(core);
    }

    /// Nothing is known of other rings: a simulation visits whenever the baton lets it.
    fn is_due(&self, _: u16) -> bool {
        false
    }

    fn submit(&mut self) {
        self.deliver_wakes();
    }

    fn bytes(&self, buffer: BufferId, len: usize) -> &[u8] {
        let start = usize::from(buffer.0) * self.buffer_bytes;
        assert!(len <= self.buffer_bytes && !self.buffers.contains(&buffer), "a lent buffer");
        &self.memory[start..start + len]
    }

    fn recycle(&mut self, buffer: BufferId) {
        assert!(
            usize::from(buffer.0) < self.buffers_total && !self.buffers.contains(&buffer),
            "a lent buffer is given back once"
        );
        // Whoever reads a buffer after giving it back shall see it.
        let start = usize::from(buffer.0) * self.buffer_bytes;
        self.memory[start..start + self.buffer_bytes].fill(0xa5);
        self.buffers.push_back(buffer);
    }

    fn enter(&mut self, wait: Wait, events: &mut Vec<Event<SimSocket>>) -> io::Result<()> {
        let before = events.len();
        self.deliver_wakes();
        let prompt = std::mem::take(&mut self.prompt);
        let left = self.step(events);
        let waits = !matches!(wait, Wait::No) && wait != Wait::Until(std::time::Duration::ZERO);
        if events.len() == before && left == Left::Nothing && waits && !prompt && self.park(wait) {
            self.step(events);
        }
        if events.len() > before {
            let mut net = self.net.borrow();
            let most = net.options.turn_us_max;
            net.now_us += net.random.up_to(most);
            net.disturb();
        }
        if events.len() > before || !waits || prompt {
            events.append(&mut self.held);
        }
        // What this enter did not get done is no longer quiet: more output may come to wait for it.
        let world = self.net.clone();
        for &index in &world.borrow().cores[usize::from(self.core)].stirred {
            let connection = self.places[index as usize].connection.as_mut();
            if let Some(sending) = connection.and_then(|connection| connection.sending.as_mut()) {
                sending.quiet = false;
            }
        }
        Ok(())
    }

    fn owes(&self) -> bool {
        let net = self.net.borrow();
        let core = &net.cores[usize::from(self.core)];
        self.prompt
            || self.wakes.contains(&self.core)
            || core.woken.load(Ordering::Acquire)
            || core.stirred.iter().any(|index| self.has_work(*index, &net))
    }

    fn waker(&self) -> SimWaker {
        self.net.waker(self.core)
    }

    fn now(&self) -> Now {
        self.net.now()
    }
}

impl Drop for SimRing {
    fn drop(&mut self) {
        let mut net = self.net.borrow();
        net.cores[usize::from(self.core)].present = false;
        for place in &self.places {
            if let Some(connection) = &place.connection {
                let at = net.arrival();
                net.links[connection.link].to_client.end(at);
            }
        }
        net.disturb();
    }
}
