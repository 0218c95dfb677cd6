//! The ring on io_uring: what the trait promises, in terms of operations and completions.
//!
//! Receives and accepts are multishot; whatever ends one without its being wanted is answered by arming it again. A send is
//! first tried while it is submitted (MSG_DONTWAIT, no completion on success), so that a reply costs neither a completion nor
//! a wake-up; only what does not fit the socket's buffer becomes an operation that waits. Every operation names its
//! connection's generation, and a place is freed only when its last operation has completed.
//!
//! The folder: `setup` makes the instance, `kernel` is its queues and the system call, `buffers` the provided-buffer ring,
//! `connections` the slab, `lanes` who uses which, `starved` the queue for them, `token` the `user_data`, `table` how rings wake each other,
//! `glance` what one sees of another, `sockets` options and addresses, `completions` what each completion does.

#![allow(unsafe_code)]

mod buffers;
mod completions;
mod connections;
mod glance;
mod kernel;
mod lanes;
mod setup;
mod sockets;
mod starved;
mod table;
#[cfg(test)]
mod tests;
mod token;

pub use setup::{Unusable, UringConfig, probe};
pub use table::{RingTable, UringWaker};

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use io_uring::types::{CancelBuilder, Fd};
use io_uring::{opcode, squeue};

use self::connections::{Connection, Connections, Receive, Send, Stage};
use self::kernel::Kernel;
use self::lanes::{Lane, Pools};
use self::token::Operation;
use super::{Addresses, BufferId, ConnId, Event, ListenerId, Now, Ring, Wait, clock};

/// Most that one send operation carries; the kernel cuts off a little below 2 GiB.
const SEND_BYTES_MAX: usize = 1 << 30;

/// IORING_RECVSEND_POLL_FIRST: the socket is known to be full, so do not try before it has room.
const POLL_FIRST: u16 = 1;

/// Enters per [`Ring::enter`]: the kernel runs deferred work in portions of about 20, and the turn must come round.
const PASSES_MAX: u32 = 16;

/// Waits for cancelled operations when the ring is dropped, each of [`DROP_WAIT`]; then their memory is leaked.
const DROP_WAITS_MAX: u32 = 20;

/// See [`DROP_WAITS_MAX`].
const DROP_WAIT: Duration = Duration::from_millis(50);

struct Listener {
    socket: OwnedFd,
    armed: bool,
}

/// The io_uring ring of one core; made, used and dropped on that core's thread.
///
/// Dropping it cancels what is in flight and closes every socket, listeners included.
pub struct Uring {
    // Dropped in this order: the instance before the memory it refers to.
    kernel: Kernel,
    pools: Option<Pools>,
    connections: Connections,
    listeners: Vec<Listener>,
    /// Sends in their first attempt; bounded by the connections, as each has one send.
    quick: Vec<ConnId>,
    /// How many of `quick` the kernel has seen.
    quick_submitted: usize,
    /// A queued send whose end the caller wants to hear of without waiting.
    prompt: bool,
    /// Somebody woke us since the last report.
    woken: bool,
    /// The last enter found nothing behind the kernel's hint of deferred work. To park on it is safe: a wait runs what is
    /// there before it sleeps.
    hint_is_stale: bool,
    /// The ring is being dropped: nothing is armed again.
    stopping: bool,
    /// Operations that will complete by themselves or by cancellation.
    operations: u32,
    table: Arc<RingTable>,
    core: u16,
    /// Where the kernel puts the eventfd's counter; owned here, as a pointer because the kernel writes through it.
    eventfd_counter: *mut u64,
}

impl Uring {
    /// Makes the ring of `core` on this thread and publishes it in the table. Accepting starts with [`Ring::accept`].
    ///
    /// # Errors
    ///
    /// What is missing, with its cure.
    pub fn new(
        config: &UringConfig,
        core: u16,
        table: Arc<RingTable>,
        listeners: Vec<OwnedFd>,
    ) -> Result<Self, Unusable> {
        let kernel = Kernel::new(setup::build(config.entries)?);
        let fits = |count: u16| count.is_power_of_two() && count <= buffers::COUNT_MAX;
        if !fits(config.buffers) || !fits(config.bulk_buffers) {
            return Err(Unusable::Sizes);
        }
        let pools = Pools::new(&kernel, config).map_err(setup::unusable)?;
        let listeners: Vec<Listener> = listeners.into_iter().map(|socket| Listener { socket, armed: false }).collect();
        for listener in &listeners {
            sockets::set_blocking(listener.socket.as_raw_fd());
            sockets::set_nodelay(listener.socket.as_raw_fd());
            sockets::set_keepalive(listener.socket.as_raw_fd(), config.tcp_keepalive_s);
        }
        table.publish(core, kernel.fd(), kernel.glance().map_err(setup::unusable)?);
        let mut ring = Self {
            kernel,
            pools: Some(pools),
            connections: Connections::new(),
            listeners,
            quick: Vec::new(),
            quick_submitted: 0,
            prompt: false,
            woken: false,
            hint_is_stale: false,
            stopping: false,
            operations: 0,
            table,
            core,
            eventfd_counter: Box::into_raw(Box::new(0)),
        };
        ring.push_eventfd_read();
        Ok(ring)
    }

    fn pools(&self) -> &Pools {
        self.pools.as_ref().expect("only drop takes the buffers")
    }

    fn pools_mut(&mut self) -> &mut Pools {
        self.pools.as_mut().expect("only drop takes the buffers")
    }

    /// Arms the first of the starved of a lane, as many as there are free buffers. Before a wait even a few are used: nobody might
    /// recycle more.
    fn feed(&mut self, lane: Lane, waits: bool) {
        let pool = self.pools_mut().of_mut(lane);
        let mut room = pool.buffers.available();
        if pool.starved.is_empty() || room < if waits { 1 } else { pool.feed_at() } {
            return;
        }
        while room > 0 {
            let Some(conn) = self.pools_mut().of_mut(lane).starved.pop() else {
                return;
            };
            let Some(connection) = self.connections.get_mut(conn) else {
                continue;
            };
            connection.starved = false;
            if connection.may_arm() {
                self.push_receive(conn);
                room -= 1;
            }
        }
    }

    /// Arms a receive if it is wanted; behind those who starve, if there are some.
    fn arm(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get(conn) else {
            return;
        };
        if !connection.may_arm() || self.stopping {
            return;
        }
        let pool = self.pools().of(connection.habit.lane());
        if pool.starved.is_empty() && pool.buffers.available() > 0 {
            self.push_receive(conn);
        } else {
            self.starve(conn);
        }
    }

    /// Puts a connection into the queue for buffers.
    fn starve(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        debug_assert!(!connection.starved && connection.receive == Receive::Idle);
        connection.starved = true;
        let pools = self.pools.as_mut().expect("only drop takes the buffers");
        connection.ticket = Some(pools.of_mut(connection.habit.lane()).starved.add(conn, connection.ticket));
    }

    fn push_accept(&mut self, listener: ListenerId) {
        let Some(state) = self.listeners.get_mut(listener.0 as usize) else {
            return;
        };
        state.armed = true;
        self.operations += 1;
        // No SOCK_NONBLOCK: io_uring would not wait on such a socket but fail with EAGAIN.
        let entry = opcode::AcceptMulti::new(Fd(state.socket.as_raw_fd()))
            .flags(libc::SOCK_CLOEXEC)
            .build()
            .user_data(token::of_ring(Operation::Accept, listener.0));
        // SAFETY: refers to no memory; listeners are closed after the ring.
        unsafe { self.kernel.push(entry) };
    }

    fn push_receive(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        connection.receive = Receive::Armed;
        self.operations += 1;
        let pools = self.pools.as_ref().expect("only drop takes the buffers");
        let (fd, buffers) = (Fd(connection.fd()), &pools.of(connection.habit.lane()).buffers);
        let entry = match connection.habit.lane() {
            Lane::Light => opcode::RecvMulti::new(fd, buffers.group()).build(),
            Lane::Bulk => opcode::Recv::new(fd, std::ptr::null_mut(), buffers.buffer_bytes() as u32)
                .buf_group(buffers.group())
                .build()
                .flags(squeue::Flags::BUFFER_SELECT),
        };
        let entry = entry.user_data(token::of_conn(Operation::Receive, conn));
        // SAFETY: the only memory is that of the registered buffers, and the descriptor is closed after the receive's last
        // completion.
        unsafe { self.kernel.push(entry) };
    }

    /// The first attempt: as a rule it completes inside the submission.
    fn push_quick_send(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        connection.send = Send::Quick;
        let entry = send_entry(connection)
            .flags(libc::MSG_WAITALL | libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT)
            .build()
            .flags(squeue::Flags::SKIP_SUCCESS)
            .user_data(token::of_conn(Operation::Send, conn));
        self.quick.push(conn);
        // SAFETY: the buffer stays in the connection, unmoved and unchanged, until the send is settled, and the connection
        // stays in its place until then.
        unsafe { self.kernel.push(entry) };
    }

    /// The rest of a send: waits in the kernel until the socket has room.
    fn push_slow_send(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        connection.send = Send::Slow;
        self.operations += 1;
        let entry = send_entry(connection)
            .flags(libc::MSG_WAITALL | libc::MSG_NOSIGNAL)
            .ioprio(POLL_FIRST)
            .build()
            .user_data(token::of_conn(Operation::Send, conn));
        // SAFETY: as for the quick send; settled by the completion.
        unsafe { self.kernel.push(entry) };
    }

    /// Cancels a receive or a send by its token. Only a failure to find it posts a completion.
    fn push_cancel(&mut self, of: Operation, report: Operation, conn: ConnId) {
        let entry = opcode::AsyncCancel::new(token::of_conn(of, conn))
            .build()
            .flags(squeue::Flags::SKIP_SUCCESS)
            .user_data(token::of_conn(report, conn));
        // SAFETY: refers to no memory and no descriptor.
        unsafe { self.kernel.push(entry) };
    }

    /// Closes a connection on which nothing is in flight.
    fn push_close(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        debug_assert!(connection.is_quiet());
        connection.stage = Stage::Closed;
        self.operations += 1;
        let entry = opcode::Close::new(Fd(connection.fd())).build().user_data(token::of_conn(Operation::Close, conn));
        // SAFETY: the descriptor is ours, and its owner forgets it when the close completes.
        unsafe { self.kernel.push(entry) };
    }

    fn push_eventfd_read(&mut self) {
        self.operations += 1;
        let eventfd = Fd(self.table.eventfd(self.core));
        let bytes = size_of::<u64>() as u32;
        let entry = opcode::Read::new(eventfd, self.eventfd_counter.cast(), bytes)
            .build()
            .user_data(token::of_ring(Operation::Eventfd, 0));
        // SAFETY: the counter is freed by `drop` once no operation is left; the table owns the eventfd and outlives the ring.
        unsafe { self.kernel.push(entry) };
    }

    fn start_send(&mut self, conn: ConnId, buffer: Vec<u8>) -> bool {
        debug_assert!(!buffer.is_empty(), "an empty send");
        let Some(connection) = self.connections.get_mut(conn) else {
            return false;
        };
        if connection.stage != Stage::Open || connection.send != Send::Idle {
            debug_assert!(connection.stage != Stage::Open, "two sends in flight");
            return false;
        }
        connection.buffer = buffer;
        connection.sent = 0;
        self.push_quick_send(conn);
        true
    }

    /// One enter and everything that it brought; tells how many completions that were.
    fn pass(&mut self, want: u32, timeout: Option<Duration>, events: &mut Vec<Event<OwnedFd>>) -> io::Result<usize> {
        self.kernel.enter(want, timeout)?;
        if self.kernel.all_submitted() {
            self.quick_submitted = self.quick.len();
        }
        let reaped = self.reap(events);
        // A first attempt posts its failure while it is submitted, so whatever is not in the queue by now succeeded.
        if !self.kernel.is_ready() {
            self.settle(events);
        }
        Ok(reaped)
    }

    /// Reports the first attempts that posted no completion: they were sent whole.
    fn settle(&mut self, events: &mut Vec<Event<OwnedFd>>) {
        let seen = std::mem::take(&mut self.quick_submitted);
        for place in 0..seen {
            let conn = self.quick[place];
            if let Some(connection) = self.connections.get(conn)
                && connection.send == Send::Quick
            {
                let attempted = connection.buffer.len().min(SEND_BYTES_MAX);
                self.on_sent(conn, attempted as i32, events);
            }
        }
        self.quick.drain(..seen);
    }
}

impl Ring for Uring {
    type Socket = OwnedFd;
    type Waker = UringWaker;

    fn accept(&mut self, listener: ListenerId) {
        if self.listeners.get(listener.0 as usize).is_some_and(|state| !state.armed) {
            self.push_accept(listener);
        }
    }

    fn adopt(&mut self, socket: OwnedFd) -> ConnId {
        self.connections.add(socket)
    }

    fn addresses(&self, conn: ConnId) -> Addresses {
        let fd = self.connections.get(conn).map_or(-1, |connection| connection.fd());
        Addresses { peer: sockets::peer(fd), local: sockets::local(fd) }
    }

    fn set_keepalive(&mut self, seconds: u32) {
        for listener in &self.listeners {
            sockets::set_keepalive(listener.socket.as_raw_fd(), seconds);
        }
    }

    fn receive(&mut self, conn: ConnId) {
        if let Some(connection) = self.connections.get_mut(conn) {
            connection.wanted = true;
            self.arm(conn);
        }
    }

    fn pause(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        connection.wanted = false;
        if connection.receive == Receive::Armed && connection.stage == Stage::Open {
            connection.receive = Receive::Cancelling;
            self.push_cancel(Operation::Receive, Operation::CancelReceive, conn);
        }
    }

    fn send(&mut self, conn: ConnId, buffer: Vec<u8>) {
        self.prompt |= self.start_send(conn, buffer);
    }

    fn send_quiet(&mut self, conn: ConnId, buffer: Vec<u8>) {
        self.start_send(conn, buffer);
    }

    fn close(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        if connection.stage != Stage::Open {
            return;
        }
        connection.stage = Stage::Closing;
        connection.wanted = false;
        let (receive, send) = (connection.receive, connection.send);
        if receive == Receive::Armed {
            connection.receive = Receive::Cancelling;
        }
        if send == Send::Slow {
            connection.send = Send::Cancelling;
        }
        let quiet = connection.is_quiet();
        if receive == Receive::Armed {
            self.push_cancel(Operation::Receive, Operation::CancelReceive, conn);
        }
        if send == Send::Slow {
            self.push_cancel(Operation::Send, Operation::CancelSend, conn);
        }
        if quiet {
            self.push_close(conn);
        }
    }

    fn wake_core(&mut self, core: u16) {
        if core == self.core {
            self.woken = true;
            return;
        }
        let Some(ring) = self.table.ring(core) else {
            self.table.signal(core);
            return;
        };
        let message = token::of_ring(Operation::Message, 0);
        let entry = opcode::MsgRingData::new(Fd(ring), 0, message, None)
            .build()
            .flags(squeue::Flags::SKIP_SUCCESS)
            .user_data(token::of_ring(Operation::MessageFailed, u32::from(core)));
        // SAFETY: refers to no memory. If the other ring is closed meanwhile, its number means nothing or another file, which
        // the kernel refuses unless it is a ring; a ring takes the message for a needless wake-up.
        unsafe { self.kernel.push(entry) };
    }

    fn is_due(&self, core: u16) -> bool {
        self.table.is_due(core)
    }

    fn submit(&mut self) {
        self.kernel.submit();
    }

    fn bytes(&self, buffer: BufferId, len: usize) -> &[u8] {
        self.pools().of(Lane::of(buffer)).buffers.bytes(buffer, len)
    }

    fn recycle(&mut self, buffer: BufferId) {
        self.pools_mut().buffers_with(buffer).recycle(buffer);
    }

    fn enter(&mut self, wait: Wait, events: &mut Vec<Event<OwnedFd>>) -> io::Result<()> {
        let (mut want, timeout) = match wait {
            Wait::Until(limit) if !limit.is_zero() => (1, Some(limit)),
            Wait::Forever => (1, None),
            Wait::No | Wait::Until(_) => (0, None),
        };
        if self.prompt || self.woken {
            want = 0;
        }
        self.feed(Lane::Light, want > 0);
        self.feed(Lane::Bulk, want > 0);
        if self.pools().is_owing() {
            // The first of them are armed, and may want nothing: no wait before the others had their turn.
            want = 0;
        }
        for _ in 0..PASSES_MAX {
            let reaped = self.pass(want, timeout, events)?;
            want = 0;
            let deferring = self.kernel.is_deferring();
            self.hint_is_stale = deferring && reaped == 0;
            if !self.kernel.is_ready() && (reaped == 0 || !deferring) {
                break;
            }
        }
        self.prompt &= !self.quick.is_empty();
        if std::mem::take(&mut self.woken) {
            events.push(Event::Woken);
        }
        Ok(())
    }

    fn owes(&self) -> bool {
        self.woken
            || self.prompt
            || self.kernel.has_backlog()
            || self.kernel.is_ready()
            || (self.kernel.is_deferring() && !self.hint_is_stale)
            || self.pools().is_due()
    }

    fn waker(&self) -> UringWaker {
        self.table.waker(self.core)
    }

    fn now(&self) -> Now {
        Now { wall_us: clock::now_us(), monotonic_us: clock::monotonic_ns() / 1000 }
    }
}

impl Drop for Uring {
    fn drop(&mut self) {
        self.table.withdraw(self.core);
        self.stopping = true;
        let everything = opcode::AsyncCancel2::new(CancelBuilder::any())
            .build()
            .flags(squeue::Flags::SKIP_SUCCESS)
            .user_data(token::of_ring(Operation::CancelAll, 0));
        let mut events = Vec::new();
        let mut want = 0;
        for _ in 0..DROP_WAITS_MAX {
            // SAFETY: refers to no memory and no descriptor.
            unsafe { self.kernel.push(everything.clone()) };
            match self.pass(want, Some(DROP_WAIT), &mut events) {
                Ok(0) => want = 1,
                Ok(_) => want = 0,
                Err(_) => break,
            }
            if self.operations == 0 && self.quick.is_empty() {
                // SAFETY: made by `Box::into_raw` in `new`, and no read of the eventfd is left.
                drop(unsafe { Box::from_raw(self.eventfd_counter) });
                return;
            }
        }
        // Operations that the kernel did not end may still touch their memory: better lost than reused.
        std::mem::forget(self.pools.take());
        std::mem::forget(std::mem::replace(&mut self.connections, Connections::new()));
    }
}

/// A send of what is left of the connection's buffer.
fn send_entry(connection: &Connection) -> opcode::Send {
    let rest = &connection.buffer[connection.sent..];
    let bytes = rest.len().min(SEND_BYTES_MAX) as u32;
    opcode::Send::new(Fd(connection.fd()), rest.as_ptr(), bytes)
}
