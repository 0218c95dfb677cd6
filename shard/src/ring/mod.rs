//! The ring of a core: every socket and every wait of one core loop, behind one small trait.
//!
//! Two implementations: `uring::Uring` on io_uring, and `sim::SimRing`, which is seeded and runs in virtual time. The core
//! loop owns no descriptor, sees no stale completion and never handles a lack of receive buffers: that is settled in here.
//!
//! # Contract
//!
//! - A turn calls [`Ring::enter`] once, handles every event, recycles every received buffer, queues sends, and enters again.
//!   Nothing that is queued reaches the kernel before the next `enter` or [`Ring::submit`].
//! - A connection is adopted, receives between [`Ring::receive`] and [`Ring::pause`], and ends with [`Ring::close`], which is
//!   answered by exactly one [`Event::Released`]. Until then its [`ConnId`] is not reused; afterwards its index is, under
//!   another generation.
//! - Events that were appended before `close` was called stay in the caller's list: of these, a `Received` still has to be
//!   recycled.
//! - Every buffer of a [`Event::Received`] is recycled before the caller enters with a wait. Holding some back is harmless, but
//!   they are missing to everybody else.
//!
//! It does not parse, decide, limit or time anything: back-pressure, timeouts and limits are the loop's.

pub mod clock;
pub mod process;
pub mod sim;
pub mod uring;

use std::io;
use std::time::Duration;

/// Receive buffers of a core for connections that send much, and the bytes of each.
pub const BULK_BUFFERS: u16 = 8;

/// See [`BULK_BUFFERS`].
pub const BULK_BUFFER_BYTES: u32 = 128 << 10;

/// A connection of one ring: a dense index for tables and the generation that tells apart its successive users.
///
/// Index and generation together never occur twice in the life of a ring (2^32 generations per index).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct ConnId {
    /// Place in a slab: as small as the number of connections allows, at most [`ConnId::INDEX_MAX`].
    pub index: u32,
    /// How often the index was used before.
    pub generation: u32,
}

impl ConnId {
    /// The largest index (24 bits): io_uring's `user_data` carries index, generation and operation in 64 bits.
    pub const INDEX_MAX: u32 = (1 << 24) - 1;
}

/// A listening socket of one ring: its place in the list given at construction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ListenerId(pub u32);

/// A receive buffer lent to the caller by [`Event::Received`] until [`Ring::recycle`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BufferId(pub u16);

/// How long [`Ring::enter`] may wait when nothing is ready.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait {
    /// Submit and reap, no wait.
    No,
    /// At most this long; zero is [`Wait::No`].
    Until(Duration),
    /// Until something happens.
    Forever,
}

/// Both ends of a connection as `CLIENT LIST` prints them: `ip:port`, `[ip6]:port`, `/path:0`; `?:0` when unknown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Addresses {
    /// The client's end (`addr=`).
    pub peer: String,
    /// Our end (`laddr=`).
    pub local: String,
}

/// Time as the ring's world has it: real for io_uring, virtual in a simulation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Now {
    /// Microseconds since the Unix epoch; may jump.
    pub wall_us: u64,
    /// Microseconds since an arbitrary start; never goes back.
    pub monotonic_us: u64,
}

/// What happened; appended by [`Ring::enter`] in the order in which it happened per connection.
#[derive(Debug)]
pub enum Event<S> {
    /// A connection was accepted. Adopt the socket here, send it to another core, or drop it, which closes it.
    Accepted {
        /// The listener it came in by.
        listener: ListenerId,
        /// The connected socket; whoever holds it owns it.
        socket: S,
    },
    /// Accepting has stopped (out of descriptors or memory); [`Ring::accept`] arms it again. Until then clients wait in the
    /// kernel's backlog.
    AcceptFailed {
        /// The listener that no longer accepts.
        listener: ListenerId,
        /// Why.
        error: io::Error,
    },
    /// Bytes arrived: read [`Ring::bytes`]`(buffer, len)`, then [`Ring::recycle`] the buffer.
    Received {
        /// The connection.
        conn: ConnId,
        /// Where the bytes are.
        buffer: BufferId,
        /// How many; at least 1, at most the configured buffer size.
        len: usize,
    },
    /// The peer closed (`None`) or receiving failed. Nothing more will be received; sends may still succeed.
    Ended {
        /// The connection.
        conn: ConnId,
        /// `None` for an orderly end.
        error: Option<io::Error>,
    },
    /// The whole buffer was sent, or sending failed. The buffer comes back for reuse, contents unchanged.
    Sent {
        /// The connection.
        conn: ConnId,
        /// The buffer given to [`Ring::send`].
        buffer: Vec<u8>,
        /// Whether all of it was handed to the kernel.
        result: io::Result<()>,
    },
    /// The answer to [`Ring::close`]: no operation is left, the descriptor is closed, the index may be reused.
    Released {
        /// The connection that is no more.
        conn: ConnId,
    },
    /// Another core or thread woke this ring; at most once per `enter`, however many did.
    Woken,
}

/// How any thread wakes a ring out of its wait. A wake-up of a ring that does not wait makes its next wait return at once.
pub trait Wake: Clone + Send + Sync + 'static {
    /// Wakes the ring. Costs one system call; never blocks.
    fn wake(&self);
}

/// The ring of one core. See the module for the order of calls.
///
/// All calls belong to the thread that made the ring. Calls on a [`ConnId`] after its `close` are ignored.
pub trait Ring {
    /// An accepted connection between [`Event::Accepted`] and [`Ring::adopt`]; may change threads.
    type Socket: Send + 'static;
    /// Wakes this ring from any thread.
    type Waker: Wake;

    /// Arms accepting on one of the listeners given at construction. No effect if it is armed. The process's limit of
    /// descriptors is taken now: raise it before.
    fn accept(&mut self, listener: ListenerId);

    /// Takes a socket (in blocking mode) over. Nothing is received before [`Ring::receive`]. No system call: TCP_NODELAY and
    /// keepalive are inherited from the listener.
    fn adopt(&mut self, socket: Self::Socket) -> ConnId;

    /// Both addresses; costs two system calls and two allocations, so not for every command.
    fn addresses(&self, conn: ConnId) -> Addresses;

    /// Sets the TCP keepalive time in seconds (0: off) for connections accepted from now on.
    fn set_keepalive(&mut self, seconds: u32);

    /// Starts or resumes receiving. Idempotent; no effect once [`Event::Ended`] was reported.
    fn receive(&mut self, conn: ConnId);

    /// Stops receiving. Bytes that the ring had already taken still arrive as [`Event::Received`]. Idempotent, and may be
    /// followed by `receive` at any time.
    fn pause(&mut self, conn: ConnId);

    /// Sends a whole buffer; answered by one [`Event::Sent`]. At most one at a time per connection. The buffer must not be empty.
    fn send(&mut self, conn: ConnId, buffer: Vec<u8>);

    /// As [`Ring::send`], but a success within the next `enter` does not end its wait: the `Sent` then comes with the next
    /// other event. A send that takes longer is as any other. For replies with nothing behind them, that is, no close waits
    /// for the `Sent`. It saves a system call and a turn per reply on a core that is not busy.
    fn send_quiet(&mut self, conn: ConnId, buffer: Vec<u8>);

    /// Ends a connection: cancels what is in flight, closes, then reports [`Event::Released`]. No `Received` or `Ended`
    /// for it is appended after this call; the `Sent` of a send in flight still comes, before `Released`. What was
    /// completely sent before reaches the peer.
    fn close(&mut self, conn: ConnId);

    /// Queues a wake-up of another core's ring. It happens at the next `enter` or `submit`.
    fn wake_core(&mut self, core: u16);

    /// Whether another core's ring has something that its core has not taken yet: that core runs by itself as soon as its CPU
    /// lets it. A hint, which may be stale either way; one load from memory that the kernel writes.
    fn is_due(&self, core: u16) -> bool;

    /// Hands what is queued to the kernel now, without waiting or reaping.
    fn submit(&mut self);

    /// The first `len` received bytes of a buffer.
    fn bytes(&self, buffer: BufferId, len: usize) -> &[u8];

    /// Gives a receive buffer back.
    fn recycle(&mut self, buffer: BufferId);

    /// Submits everything queued, waits if nothing is ready and `wait` allows it, and appends what happened to `events`.
    ///
    /// May return without an event before the time is up. Reaps a bounded number of completions; what is left makes
    /// [`Ring::owes`] true.
    ///
    /// # Errors
    ///
    /// Only what makes the ring unusable (a broken invariant); a signal, a full queue or a passed timeout is no error.
    fn enter(&mut self, wait: Wait, events: &mut Vec<Event<Self::Socket>>) -> io::Result<()>;

    /// Whether something is ready or has still to be armed or submitted, so that the loop must not park: the next `enter`
    /// would have something to do at once. Part of the condition for leaving the baton.
    fn owes(&self) -> bool;

    /// How other threads wake this ring.
    fn waker(&self) -> Self::Waker;

    /// The time now. Costs two clock reads without a system call (about 50 ns).
    fn now(&self) -> Now;
}
