//! What each completion does.
//!
//! A completion either carries an event to the caller, or ends an operation (no F_MORE), or both. The end of an operation is
//! where receives are armed again, short sends are continued and closing connections are closed.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{FromRawFd, OwnedFd};

use io_uring::cqueue;

use super::Uring;
use super::connections::{Receive, Send, Stage};
use super::kernel::REAP_BATCH;
use super::lanes::Lane;
use super::token::{self, Operation};
use crate::ring::{BufferId, ConnId, Event, ListenerId};

type Events = Vec<Event<OwnedFd>>;

impl Uring {
    /// Handles every completion in the queue; tells how many.
    pub(super) fn reap(&mut self, events: &mut Events) -> usize {
        let mut reaped = 0;
        loop {
            let mut batch = [const { MaybeUninit::uninit() }; REAP_BATCH];
            let completions = self.kernel.reap(&mut batch);
            if completions.is_empty() {
                return reaped;
            }
            reaped += completions.len();
            for completion in completions {
                self.complete(completion, events);
            }
        }
    }

    fn complete(&mut self, completion: &cqueue::Entry, events: &mut Events) {
        let (result, flags) = (completion.result(), completion.flags());
        let Some((operation, subject)) = token::parse(completion.user_data()) else {
            return;
        };
        match operation {
            Operation::Receive => self.on_receive(subject, result, flags, events),
            Operation::Send => {
                if self.connections.get(subject).is_some_and(|c| c.send != Send::Quick) {
                    self.operations -= 1;
                }
                self.on_sent(subject, result, events);
            }
            Operation::Accept => self.on_accept(ListenerId(subject.index), result, flags, events),
            Operation::Message => self.woken = true,
            Operation::Eventfd => {
                self.operations -= 1;
                self.woken = true;
                if !self.stopping {
                    self.push_eventfd_read();
                }
            }
            Operation::Close => self.on_close(subject, events),
            Operation::CancelReceive => self.on_receive_not_cancelled(subject, result),
            Operation::CancelSend => self.on_send_not_cancelled(subject, result),
            // Whoever could not be reached by a message is reached by its eventfd.
            Operation::MessageFailed => self.table.signal(subject.index as u16),
            Operation::CancelAll => {}
        }
    }

    fn on_receive(&mut self, conn: ConnId, result: i32, flags: u32, events: &mut Events) {
        let buffer = cqueue::buffer_select(flags).map(BufferId);
        let last = !cqueue::more(flags);
        if let Some(buffer) = buffer {
            self.pools_mut().buffers_with(buffer).lend();
        }
        if last {
            self.operations -= 1;
        }
        let pools = self.pools.as_ref().expect("only drop takes the buffers");
        let Some(connection) = self.connections.get_mut(conn) else {
            self.give_back(buffer);
            return;
        };
        if last {
            connection.receive = Receive::Idle;
        }
        if connection.stage != Stage::Open {
            self.give_back(buffer);
            self.close_if_quiet(conn);
            return;
        }
        match (result, buffer) {
            (1.., Some(buffer)) => {
                connection.ticket = None;
                let room = pools.of(Lane::of(buffer)).buffers.buffer_bytes();
                connection.habit.received(result as usize == room);
                events.push(Event::Received { conn, buffer, len: result as usize });
            }
            (0, buffer) => {
                connection.ended = true;
                events.push(Event::Ended { conn, error: None });
                self.give_back(buffer);
            }
            (_, buffer) => {
                self.give_back(buffer);
                self.on_receive_failed(conn, -result, events);
            }
        }
        if last {
            self.arm(conn);
        }
    }

    /// A receive ended with an error; most of them are none for the caller.
    fn on_receive_failed(&mut self, conn: ConnId, errno: i32, events: &mut Events) {
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        match errno {
            libc::ENOBUFS => {
                if connection.habit.starved() {
                    // A place in the queue of one lane means nothing in that of the other.
                    connection.ticket = None;
                }
                if connection.may_arm() && !self.stopping {
                    self.starve(conn);
                }
            }
            libc::ECANCELED | libc::EINTR | libc::EAGAIN => {}
            _ => {
                connection.ended = true;
                let error = Some(io::Error::from_raw_os_error(errno));
                events.push(Event::Ended { conn, error });
            }
        }
    }

    /// A send got `result` bytes further, or failed.
    pub(super) fn on_sent(&mut self, conn: ConnId, result: i32, events: &mut Events) {
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        let outcome = match result {
            1.. => {
                connection.sent += result as usize;
                if connection.sent >= connection.buffer.len() { Some(Ok(())) } else { None }
            }
            0 => Some(Err(io::Error::from(io::ErrorKind::WriteZero))),
            _ => match -result {
                libc::EAGAIN | libc::EINTR => None,
                errno => Some(Err(io::Error::from_raw_os_error(errno))),
            },
        };
        let outcome = match outcome {
            Some(outcome) => outcome,
            None if connection.stage == Stage::Open && !self.stopping => {
                self.push_slow_send(conn);
                return;
            }
            None => Err(io::Error::from_raw_os_error(libc::ECANCELED)),
        };
        connection.send = Send::Idle;
        let buffer = std::mem::take(&mut connection.buffer);
        events.push(Event::Sent { conn, buffer, result: outcome });
        self.close_if_quiet(conn);
    }

    fn on_accept(&mut self, listener: ListenerId, result: i32, flags: u32, events: &mut Events) {
        if result >= 0 {
            // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
            let socket = unsafe { OwnedFd::from_raw_fd(result) };
            events.push(Event::Accepted { listener, socket });
        }
        if cqueue::more(flags) {
            return;
        }
        self.operations -= 1;
        let Some(state) = self.listeners.get_mut(listener.0 as usize) else {
            return;
        };
        state.armed = false;
        if self.stopping {
            return;
        }
        if result >= 0 || is_the_clients_fault(-result) {
            self.push_accept(listener);
        } else {
            let error = io::Error::from_raw_os_error(-result);
            events.push(Event::AcceptFailed { listener, error });
        }
    }

    fn on_close(&mut self, conn: ConnId, events: &mut Events) {
        self.operations -= 1;
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        // Linux has released the descriptor whatever close reports.
        connection.forget_socket();
        self.connections.remove(conn);
        events.push(Event::Released { conn });
    }

    /// The receive was not found: it has ended, or it was just being run, and is then tried again unless it is wanted again.
    fn on_receive_not_cancelled(&mut self, conn: ConnId, result: i32) {
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        if connection.receive != Receive::Cancelling || result != -libc::ENOENT {
            return;
        }
        if connection.wanted {
            connection.receive = Receive::Armed;
        } else {
            self.push_cancel(Operation::Receive, Operation::CancelReceive, conn);
        }
    }

    /// As for the receive; a send is cancelled only by `close`.
    fn on_send_not_cancelled(&mut self, conn: ConnId, result: i32) {
        let cancelling = |send| send == Send::Cancelling;
        if result == -libc::ENOENT && self.connections.get(conn).is_some_and(|c| cancelling(c.send)) {
            self.push_cancel(Operation::Send, Operation::CancelSend, conn);
        }
    }

    fn close_if_quiet(&mut self, conn: ConnId) {
        if let Some(connection) = self.connections.get(conn)
            && connection.stage == Stage::Closing
            && connection.is_quiet()
        {
            self.push_close(conn);
        }
    }

    fn give_back(&mut self, buffer: Option<BufferId>) {
        if let Some(buffer) = buffer {
            self.pools_mut().buffers_with(buffer).recycle(buffer);
        }
    }
}

/// Errors of accept(2) that concern one connection: the next one may be fine.
fn is_the_clients_fault(errno: i32) -> bool {
    matches!(errno, libc::ECONNABORTED | libc::EPERM | libc::EPROTO | libc::EINTR | libc::EAGAIN | libc::ETIMEDOUT)
}
