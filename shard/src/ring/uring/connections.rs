//! The connections of a ring: a dense slab with generations, and what the kernel is doing for each.
//!
//! A place stays taken until every operation of its connection has completed and its descriptor is closed, so the send buffer
//! in it outlives the operation that reads it. Free places are reused last in, first out: low indices stay warm.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use super::lanes::Habit;
use super::starved::Ticket;
use crate::ring::ConnId;

/// The receive of a connection in the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Receive {
    /// There is none.
    Idle,
    /// Queued or armed.
    Armed,
    /// Armed, and its cancellation is queued or under way.
    Cancelling,
}

/// The send of a connection in the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Send {
    /// There is none.
    Idle,
    /// First attempt: completes while it is submitted, and only a failure or a short send posts a completion.
    Quick,
    /// The rest: waits in the kernel for room.
    Slow,
    /// Waiting, and its cancellation is queued or under way.
    Cancelling,
}

/// How far a connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// In use.
    Open,
    /// `close` was called; operations are in flight.
    Closing,
    /// The close of its descriptor is queued.
    Closed,
}

/// One connection.
pub(super) struct Connection {
    /// Owned by the ring until the close of it completes.
    socket: Option<OwnedFd>,
    pub(super) stage: Stage,
    pub(super) receive: Receive,
    pub(super) send: Send,
    /// The caller wants to receive.
    pub(super) wanted: bool,
    /// In the queue of the starved.
    pub(super) starved: bool,
    /// Nothing more can be received.
    pub(super) ended: bool,
    /// From which buffers it receives.
    pub(super) habit: Habit,
    /// Kept from the first starvation until bytes arrive.
    pub(super) ticket: Option<Ticket>,
    /// Owned here while a send is in flight.
    pub(super) buffer: Vec<u8>,
    /// How much of the buffer was sent.
    pub(super) sent: usize,
}

impl Connection {
    fn new(socket: OwnedFd) -> Self {
        Self {
            socket: Some(socket),
            stage: Stage::Open,
            receive: Receive::Idle,
            send: Send::Idle,
            wanted: false,
            starved: false,
            ended: false,
            habit: Habit::NEW,
            ticket: None,
            buffer: Vec::new(),
            sent: 0,
        }
    }

    /// The socket's descriptor; -1 once it is closed.
    pub(super) fn fd(&self) -> RawFd {
        self.socket.as_ref().map_or(-1, OwnedFd::as_raw_fd)
    }

    /// Forgets the descriptor, because the kernel has closed it.
    pub(super) fn forget_socket(&mut self) {
        if let Some(socket) = self.socket.take() {
            std::mem::forget(socket);
        }
    }

    /// Whether a receive may be armed now.
    pub(super) fn may_arm(&self) -> bool {
        self.stage == Stage::Open && self.wanted && !self.ended && !self.starved && self.receive == Receive::Idle
    }

    /// Whether the kernel does nothing for it.
    pub(super) fn is_quiet(&self) -> bool {
        self.receive == Receive::Idle && self.send == Send::Idle
    }
}

struct Place {
    generation: u32,
    connection: Option<Connection>,
}

/// All connections of a ring.
pub(super) struct Connections {
    places: Vec<Place>,
    free: Vec<u32>,
}

impl Connections {
    /// None yet.
    pub(super) fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }

    /// Takes a socket into a free place.
    pub(super) fn add(&mut self, socket: OwnedFd) -> ConnId {
        let connection = Some(Connection::new(socket));
        if let Some(index) = self.free.pop() {
            let place = &mut self.places[index as usize];
            place.connection = connection;
            return ConnId { index, generation: place.generation };
        }
        let index = self.places.len() as u32;
        assert!(index <= ConnId::INDEX_MAX, "more connections than a process can have descriptors");
        self.places.push(Place { generation: 0, connection });
        ConnId { index, generation: 0 }
    }

    /// The connection, unless it is no more.
    pub(super) fn get(&self, conn: ConnId) -> Option<&Connection> {
        let place = self.places.get(conn.index as usize)?;
        if place.generation == conn.generation { place.connection.as_ref() } else { None }
    }

    /// The connection, unless it is no more.
    pub(super) fn get_mut(&mut self, conn: ConnId) -> Option<&mut Connection> {
        let place = self.places.get_mut(conn.index as usize)?;
        if place.generation == conn.generation { place.connection.as_mut() } else { None }
    }

    /// Frees the place of a connection for another generation.
    pub(super) fn remove(&mut self, conn: ConnId) {
        let place = &mut self.places[conn.index as usize];
        debug_assert_eq!(place.generation, conn.generation);
        place.connection = None;
        place.generation = place.generation.wrapping_add(1);
        self.free.push(conn.index);
    }
}
