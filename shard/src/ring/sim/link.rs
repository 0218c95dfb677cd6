//! A connection of the simulation: a stream of bytes each way, and the client's end of it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::net::SimNet;

/// Bytes under way in one direction, in order.
#[derive(Default)]
pub(super) struct Stream {
    chunks: VecDeque<(u64, Vec<u8>)>,
    /// Bytes in all chunks.
    bytes: usize,
    /// Arrival of what was sent last: nothing overtakes it.
    last_us: u64,
    /// When the end of the stream arrives.
    end_us: Option<u64>,
}

impl Stream {
    /// Sends bytes that arrive at `at` or after what was sent before.
    pub(super) fn push(&mut self, at: u64, bytes: &[u8]) {
        self.last_us = self.last_us.max(at);
        self.bytes += bytes.len();
        self.chunks.push_back((self.last_us, bytes.to_vec()));
    }

    /// Ends the stream behind what was sent.
    pub(super) fn end(&mut self, at: u64) {
        self.last_us = self.last_us.max(at);
        self.end_us.get_or_insert(self.last_us);
    }

    /// Bytes that have been sent and not been taken.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes that have arrived.
    pub(super) fn arrived(&self, now: u64) -> usize {
        self.chunks.iter().take_while(|(at, _)| *at <= now).map(|(_, bytes)| bytes.len()).sum()
    }

    /// Whether the end has arrived and everything before it was taken.
    pub(super) fn at_end(&self, now: u64) -> bool {
        self.chunks.is_empty() && self.end_us.is_some_and(|at| at <= now)
    }

    /// Whether nothing is under way or waits to be taken.
    pub(super) fn is_idle(&self) -> bool {
        self.chunks.is_empty() && self.end_us.is_none()
    }

    /// Takes bytes that have arrived into all of `into`; there are at least so many.
    pub(super) fn take(&mut self, into: &mut [u8]) {
        let mut filled = 0;
        while filled < into.len() {
            let Some((_, chunk)) = self.chunks.front_mut() else {
                break;
            };
            let n = chunk.len().min(into.len() - filled);
            into[filled..filled + n].copy_from_slice(&chunk[..n]);
            filled += n;
            if n == chunk.len() {
                self.chunks.pop_front();
            } else {
                chunk.drain(..n);
            }
        }
        self.bytes -= filled;
        debug_assert_eq!(filled, into.len());
    }

    fn clear(&mut self) {
        self.chunks.clear();
        self.bytes = 0;
    }

    fn arrivals(&self) -> impl Iterator<Item = u64> + '_ {
        self.chunks.iter().map(|(at, _)| *at).chain(self.end_us)
    }
}

/// One connection.
pub(super) struct Link {
    pub(super) port: u64,
    /// The core whose ring has the server's end, and where in that.
    pub(super) place: Option<(u16, u32)>,
    pub(super) to_server: Stream,
    pub(super) to_client: Stream,
    /// Reset by either side or by the network: what was under way is lost.
    pub(super) reset: bool,
    /// The client has closed its end: sends fail.
    pub(super) client_gone: bool,
    /// Set when the server's end is dropped before it is adopted.
    pub(super) dropped: Arc<AtomicBool>,
}

impl Link {
    pub(super) fn new(port: u64) -> Self {
        Self {
            port,
            place: None,
            to_server: Stream::default(),
            to_client: Stream::default(),
            reset: false,
            client_gone: false,
            dropped: Arc::new(AtomicBool::new(false)),
        }
    }

    /// Loses what is under way and fails both ends.
    pub(super) fn reset(&mut self) {
        self.reset = true;
        self.to_server.clear();
        self.to_client.clear();
    }

    /// When anything of this link arrives.
    pub(super) fn arrivals(&self) -> impl Iterator<Item = u64> + '_ {
        self.to_server.arrivals().chain(self.to_client.arrivals())
    }
}

/// An accepted connection that no ring has adopted. Dropping it closes it.
#[derive(Debug)]
pub struct SimSocket {
    pub(super) link: usize,
    dropped: Option<Arc<AtomicBool>>,
}

impl SimSocket {
    pub(super) fn new(link: usize, dropped: Arc<AtomicBool>) -> Self {
        Self { link, dropped: Some(dropped) }
    }

    /// Hands the connection to a ring.
    pub(super) fn adopt(mut self) -> usize {
        self.dropped = None;
        self.link
    }
}

impl Drop for SimSocket {
    fn drop(&mut self) {
        if let Some(dropped) = &self.dropped {
            dropped.store(true, Ordering::Release);
        }
    }
}

/// The client's end of a connection, in the hands of the test. Dropping it closes it.
pub struct SimClient {
    net: SimNet,
    link: usize,
}

impl SimClient {
    pub(super) fn new(net: SimNet, link: usize) -> Self {
        Self { net, link }
    }

    /// Sends bytes, in pieces of random size. Without effect after a reset.
    pub fn write(&self, bytes: &[u8]) {
        let mut net = self.net.borrow();
        let mut rest = bytes;
        while !rest.is_empty() && !net.links[self.link].reset {
            let whole = net.options.short_receive == 0;
            let n = if whole { rest.len() } else { net.random.length(rest.len()) };
            let (piece, after) = rest.split_at(n);
            let at = net.arrival();
            net.links[self.link].to_server.push(at, piece);
            rest = after;
        }
        net.stir(self.link);
    }

    /// Takes everything that has arrived. Not calling this makes a slow reader.
    pub fn read(&self) -> Vec<u8> {
        let mut net = self.net.borrow();
        let now = net.now_us;
        let stream = &mut net.links[self.link].to_client;
        let mut bytes = vec![0; stream.arrived(now)];
        stream.take(&mut bytes);
        if !bytes.is_empty() {
            net.stir(self.link);
        }
        bytes
    }

    /// Whether the server has closed and everything was read, or the connection was reset.
    pub fn is_ended(&self) -> bool {
        let net = self.net.borrow();
        let link = &net.links[self.link];
        link.reset || link.to_client.at_end(net.now_us) || link.dropped.load(Ordering::Acquire)
    }

    /// Whether the connection was reset.
    pub fn is_reset(&self) -> bool {
        self.net.borrow().links[self.link].reset
    }

    /// Sends the end of the stream; the server's bytes can still be read.
    pub fn shutdown(&self) {
        let mut net = self.net.borrow();
        let at = net.arrival();
        net.links[self.link].to_server.end(at);
        net.stir(self.link);
    }

    /// Resets the connection: whatever is under way is lost.
    pub fn reset(&self) {
        let mut net = self.net.borrow();
        net.links[self.link].reset();
        net.stir(self.link);
    }

    /// This end as [`crate::ring::Addresses`] has it in `peer`.
    pub fn address(&self) -> String {
        peer_address(self.net.borrow().links[self.link].port)
    }
}

impl Drop for SimClient {
    fn drop(&mut self) {
        let mut net = self.net.borrow();
        let at = net.arrival();
        let link = &mut net.links[self.link];
        link.to_server.end(at);
        link.to_client.clear();
        link.client_gone = true;
        net.stir(self.link);
    }
}

/// A client's address as the server prints it.
pub(super) fn peer_address(port: u64) -> String {
    format!("127.0.0.1:{port}")
}
