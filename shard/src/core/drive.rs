//! A connection's turn: batch after batch until its input, its budget or its patience ends, then what became of it.

use crate::conn::{Closing, Conn, Share, Waiting};
use crate::mesh::Mesh;
use crate::resp::Parser;
use crate::ring::clock::{ticks, ticks_to_ns};
use crate::ring::{ConnId, Ring};
use crate::settings::{OutputLimit, OutputLimits};
use crate::shard::{OUT_BYTES_PER_TURN_MAX, Shard};

use super::Inner;
use super::batch::Progress;

/// Commands of one connection per turn: its share before others go on. A batch is not cut short for it.
const COMMANDS_PER_TURN_MAX: usize = 512;

/// Time of one connection per turn, in nanoseconds: commands are not equally dear. Looked at after each batch, and after each command
/// that is not for routing alone.
const TURN_NS_MAX: u64 = 250_000;

/// Unread input above which receiving pauses while the connection cannot take more, in bytes.
const UNREAD_BYTES_MAX: usize = 256 << 10;

/// The output limit of a client that has not authenticated, in bytes.
const UNAUTHENTICATED_OUT_BYTES_MAX: usize = 1 << 20;

impl<R: Ring> Inner<R> {
    /// Lets a connection work.
    pub(super) fn drive(&mut self, mesh: &Mesh<Shard>, mut conn: Box<Conn>) {
        if conn.out.capacity() == 0 {
            conn.out = self.buffer();
        }
        conn.release_held();
        let begun = conn.out.len();
        if conn.share.turn != self.turn {
            conn.share = Share { turn: self.turn, ..Share::default() };
        }
        let mut at = ticks();
        while conn.waiting == Waiting::No && conn.closing == Closing::No {
            let spent = conn.share.commands >= COMMANDS_PER_TURN_MAX || ticks_to_ns(conn.share.ticks) > TURN_NS_MAX;
            if spent || conn.out.len() - begun > OUT_BYTES_PER_TURN_MAX {
                self.again(&mut conn);
                break;
            }
            if self.evicts(mesh, &mut conn) {
                break;
            }
            let progress = match conn.deferred.take() {
                Some(args) => self.single(mesh, &mut conn, args.args()),
                None => self.batch(mesh, &mut conn),
            };
            let now = ticks();
            conn.share.ticks += now.wrapping_sub(std::mem::replace(&mut at, now));
            match progress {
                Progress::More(done) => conn.share.commands += done.max(1),
                Progress::Rest => {
                    // A batch that rests ends the connection only for malformed input, with an error reply.
                    if conn.closing != Closing::No {
                        self.owner.shard().stats.rejected(None, b"ERR");
                    }
                    break;
                }
            }
        }
        self.settle(conn);
    }

    /// Lets a connection of this core work, if it is still there.
    pub(super) fn drive_id(&mut self, mesh: &Mesh<Shard>, id: ConnId) {
        if let Some(conn) = self.conns.take(id) {
            self.drive(mesh, conn);
        }
    }

    /// Puts a connection in line for the next turn.
    fn again(&mut self, conn: &mut Conn) {
        if !std::mem::replace(&mut conn.ready, true) {
            self.ready.push(conn.id);
        }
    }

    /// Lets the hops and connections go on that had to wait for this turn.
    pub(super) fn due(&mut self, mesh: &Mesh<Shard>) {
        for hop in std::mem::take(&mut self.unfinished) {
            self.carry(hop);
        }
        for id in std::mem::take(&mut self.ready) {
            if let Some(mut conn) = self.conns.take(id) {
                conn.ready = false;
                self.drive(mesh, conn);
            }
        }
    }

    /// Puts a connection back after work: queues its replies, applies its limits, or ends it.
    pub(super) fn settle(&mut self, mut conn: Box<Conn>) {
        if self.is_over_limit(&mut conn) {
            tracing::debug!(client = conn.session.id, bytes = conn.output_bytes(), "closed: output buffer limit");
            self.cron.traffic.output_limit_closed += 1;
            conn.closing = Closing::Now;
        }
        if conn.input.is_empty() && conn.input.capacity() > 0 {
            let input = std::mem::take(&mut conn.input);
            self.spare(input);
        }
        let answered = conn.waiting == Waiting::No && !conn.ready && conn.deferred.is_none();
        if conn.ended && matches!(conn.waiting, Waiting::Blocked | Waiting::Snapshot(_)) {
            // It sends no more, and nothing is to be taken or kept for it.
            conn.closing = Closing::Now;
        }
        if conn.ended && answered && conn.closing == Closing::No {
            conn.closing = Closing::AfterReplies;
        }
        let idle = conn.out.is_empty() && conn.sending == 0;
        if conn.closing == Closing::Now || (conn.closing == Closing::AfterReplies && idle && conn.executing.is_none()) {
            return self.end(conn);
        }
        if conn.out.is_empty() {
            let out = std::mem::take(&mut conn.out);
            self.spare(out);
        } else if !std::mem::replace(&mut conn.dirty, true) {
            self.dirty.push(conn.id);
        }
        if conn.closing != Closing::No {
            // What it still sends is not read.
            conn.input = Vec::new();
            conn.parser = Parser::default();
            self.ring.pause(conn.id);
        }
        let full = conn.unread_bytes() > UNREAD_BYTES_MAX && (conn.waiting != Waiting::No || conn.ready);
        if full != conn.paused && conn.closing == Closing::No {
            conn.paused = full;
            if full { self.ring.pause(conn.id) } else { self.ring.receive(conn.id) }
        }
        self.put_back(conn);
    }

    /// Puts a connection in its place, and enters what it uses.
    pub(super) fn put_back(&mut self, mut conn: Box<Conn>) {
        conn.away_bytes = if conn.waiting == Waiting::No { 0 } else { self.away_bytes(&conn) };
        self.conns.put_back(conn);
    }

    fn is_over_limit(&self, conn: &mut Conn) -> bool {
        is_over_limit(conn, &self.settings.client_output_buffer_limit, self.now.monotonic_us)
    }

    /// Ends a connection that was taken out. What it waits for finds it gone; until then that has the connection's place among the
    /// clients, or a core that does not take turns for a while could be given any number of commands by clients that come and go.
    pub(super) fn end(&mut self, mut conn: Box<Conn>) {
        self.ring.close(conn.id);
        self.abandoned += conn.under_way();
        self.blocked_gone(&mut conn);
        self.sync_gone(&conn);
        self.conns.gone(&mut conn);
        self.forget_subscriptions(&mut conn);
        self.stop_monitoring(&mut conn);
        self.forget_tracking(&mut conn);
        self.cron.traffic.closed += 1;
        let (input, out) = (std::mem::take(&mut conn.input), std::mem::take(&mut conn.out));
        self.spare(input);
        self.spare(out);
        if conn.executing.is_some() {
            self.ghosts.insert(conn.id, conn);
        }
    }

    /// Hands the replies of this turn to the ring: one send per connection, whatever it answered.
    pub(super) fn send_dirty(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for id in dirty.drain(..) {
            let Some(conn) = self.conns.get_mut(id) else { continue };
            conn.dirty = false;
            if conn.sending == 0 && !conn.out.is_empty() {
                let out = std::mem::take(&mut conn.out);
                // What the client uses stays what it is: the buffer changes hands.
                (conn.sending, conn.sending_room) = (out.len(), out.capacity());
                // Nothing waits for the end of an ordinary send: it need not end the core's wait.
                match conn.closing {
                    Closing::No if !matches!(conn.waiting, Waiting::Snapshot(_)) => self.ring.send_quiet(id, out),
                    _ => self.ring.send(id, out),
                }
            }
        }
        self.dirty = dirty;
    }
}

/// True if a client has left more unread than its class may, at this time of the monotonic clock.
pub(super) fn is_over_limit(conn: &mut Conn, limits: &OutputLimits, now_us: u64) -> bool {
    let bytes = conn.output_bytes();
    // A snapshot is given in pieces that are as long as they are: how much that may be is not the settings' to say.
    if bytes == 0 || matches!(conn.waiting, Waiting::Snapshot(_)) {
        conn.soft_since_us = None;
        return false;
    }
    if bytes > UNAUTHENTICATED_OUT_BYTES_MAX && conn.session.auth == crate::resp::Auth::Needed {
        return true;
    }
    let class = if conn.session.is_subscribed() { limits.pubsub } else { limits.normal };
    let OutputLimit { hard_bytes, soft_bytes, soft_seconds } = class;
    if hard_bytes > 0 && bytes as u64 > hard_bytes {
        return true;
    }
    if soft_bytes == 0 || bytes as u64 <= soft_bytes {
        conn.soft_since_us = None;
        return false;
    }
    let since = *conn.soft_since_us.get_or_insert(now_us);
    now_us - since > soft_seconds.saturating_mul(1_000_000)
}
