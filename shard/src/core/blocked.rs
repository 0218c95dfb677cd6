//! Clients that wait for an element: their time-outs, and the end of their waiting (`cores.md` §8).

use std::collections::BTreeSet;

use clusterbus::gate::{Decision, decide_waiting};
use clusterbus::snapshot::Snapshot;
use keyspace::args::OwnedArgs;
use keyspace::refusal::Refusal;
use keyspace::reply::Reply;
use keyspace::signals::Wait;
use keyspace::slot::Slot;

use crate::ask::Ending;
use crate::cluster::request::access;
use crate::conn::{Blocked, Conn, Waiting};
use crate::effects::Served;
use crate::mesh::Mesh;
use crate::mesh::ticket::Ticket;
use crate::ring::{ConnId, Ring};
use crate::shard::Shard;

use super::Inner;
use super::access::Origin;

/// After how long a client's time-out is looked at again that somebody was about to serve, in microseconds.
const CLAIMED_RETRY_US: u64 = 1_000;

/// The blocked clients of a core.
#[derive(Default)]
pub(super) struct BlockedClients {
    /// Those whose time will be up, by when, in microseconds of the monotonic clock.
    deadlines: BTreeSet<(u64, ConnId)>,
    count: usize,
}

impl BlockedClients {
    /// When the next one's time is up.
    pub(super) fn next_us(&self) -> u64 {
        self.deadlines.first().map_or(u64::MAX, |(at, _)| *at)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// How many of them have a time-out.
    pub(super) fn timed(&self) -> usize {
        self.deadlines.len()
    }

    /// Has a client's time be up at once.
    fn hurry(&mut self, id: ConnId, blocked: &mut Blocked) {
        self.deadlines.remove(&(blocked.deadline_us, id));
        blocked.deadline_us = 0;
        self.deadlines.insert((0, id));
    }

    fn leave(&mut self, id: ConnId, blocked: &Blocked) {
        self.count -= 1;
        self.deadlines.remove(&(blocked.deadline_us, id));
    }
}

impl<R: Ring> Inner<R> {
    /// A connection's command waits from now on.
    pub(super) fn blocked(&mut self, conn: &mut Conn, ticket: Ticket, wait: &Wait, (args, muted): (OwnedArgs, bool)) {
        let deadline_us = match wait.timeout_ms {
            0 => u64::MAX,
            ms => self.now.monotonic_us.saturating_add(ms.saturating_mul(1000)),
        };
        conn.waiting = Waiting::Blocked;
        conn.blocked = Some(Box::new(Blocked { ticket, deadline_us, muted, args, denied: None }));
        self.blocked_clients.count += 1;
        if deadline_us != u64::MAX {
            self.blocked_clients.deadlines.insert((deadline_us, conn.id));
        }
    }

    /// A blocked client has its reply, and goes on.
    pub(super) fn unblocked(&mut self, conn: &mut Conn, reply: &[u8]) {
        let blocked = conn.blocked.take().expect("a blocked client has a ticket");
        self.blocked_clients.leave(conn.id, &blocked);
        conn.waiting = Waiting::No;
        if !blocked.muted {
            conn.out.extend_from_slice(reply);
        }
    }

    /// A connection that is blocked ends.
    pub(super) fn blocked_gone(&mut self, conn: &mut Conn) {
        if let Some(blocked) = conn.blocked.take() {
            self.blocked_clients.leave(conn.id, &blocked);
            // If it is about to be served, what it would have got is lost with the connection.
            blocked.ticket.end();
        }
    }

    /// The reply of a blocked client of this core.
    pub(super) fn served(&mut self, mesh: &Mesh<Shard>, served: Served) {
        let Some(mut conn) = self.conns.take(served.conn) else { return };
        if conn.out.capacity() == 0 {
            conn.out = self.buffer();
        }
        self.unblocked(&mut conn, &served.reply);
        self.drive(mesh, conn);
    }

    /// Serves those who wait on keys that are looked at again, once their slots are here.
    pub(super) fn serve_again(&mut self) {
        let shard = self.owner.shard();
        for key in std::mem::take(&mut self.again) {
            match shard.is_free(key.slot) {
                true => shard.serve_key(&key, None),
                false => self.again.push(key),
            }
        }
        shard.serve_ready();
    }

    /// Ends the waiting of those whose time is up.
    pub(super) fn time_out(&mut self, mesh: &Mesh<Shard>) {
        while let Some(&(at, id)) = self.blocked_clients.deadlines.first() {
            if at > self.now.monotonic_us {
                return;
            }
            if !self.end_waiting(mesh, id, Ending::TimeOut) {
                // Somebody is about to serve it, and either will or will not.
                let later = self.now.monotonic_us + CLAIMED_RETRY_US;
                self.blocked_clients.deadlines.remove(&(at, id));
                self.blocked_clients.deadlines.insert((later, id));
                let conn = self.conns.get_mut(id).and_then(|conn| conn.blocked.as_mut());
                conn.expect("who has a deadline is blocked").deadline_us = later;
            }
        }
    }

    /// Ends a client's waiting with nothing. False if it is not blocked, or somebody is about to serve it.
    pub(super) fn end_waiting(&mut self, mesh: &Mesh<Shard>, id: ConnId, ending: Ending) -> bool {
        let Some(mut conn) = self.conns.take(id) else { return false };
        let ended = conn.blocked.as_ref().is_some_and(|blocked| blocked.ticket.end());
        if ended {
            let mut text = Vec::new();
            let mut reply = Reply::new(&mut text, conn.session.resp);
            match (conn.blocked.as_ref().and_then(|blocked| blocked.denied.as_ref()), ending) {
                (Some(refusal), _) => {
                    let text = refusal.text();
                    let command = conn.session.last_command.expect("a command waits");
                    self.owner.shard().stats.failed(command, &text);
                    reply.error(text);
                }
                (None, Ending::TimeOut) => reply.null_array(),
                (None, Ending::Error) => reply.error("UNBLOCKED client unblocked via CLIENT UNBLOCK"),
            }
            if conn.out.capacity() == 0 {
                conn.out = self.buffer();
            }
            self.unblocked(&mut conn, &text);
            self.drive(mesh, conn);
        } else {
            self.put_back(conn);
        }
        ended
    }

    /// Checks the command of a client that may be blocked after its user changed. If it is not allowed any more, its waiting ends; if
    /// somebody is about to serve it, once that was in vain.
    pub(super) fn check_blocked(&mut self, id: ConnId) {
        let Some(denied) = self.conns.get(id).and_then(|conn| self.denied_by_now(conn)) else { return };
        self.deny_waiting(id, denied);
    }

    /// Ends the waiting of clients on keys that this node does not serve any more.
    pub(super) fn check_waiting(&mut self, mesh: &Mesh<Shard>) {
        let Some(snapshot) = self.owner.shard().snapshot() else { return };
        if self.blocked_clients.count == 0 {
            return;
        }
        let decided = self.conns.iter().filter_map(|conn| Some((conn.id, self.waits_elsewhere(&snapshot, conn)?)));
        let lost: Vec<(ConnId, Decision)> = decided.collect();
        for (id, decision) in lost {
            let text = self.owner.shard().redirect_text(decision);
            self.deny_waiting(id, Refusal::owned(text));
        }
        self.time_out(mesh);
    }

    /// Who serves what a client waits for, if it is blocked and that is not this node any more.
    fn waits_elsewhere(&self, snapshot: &Snapshot, conn: &Conn) -> Option<Decision> {
        let args = conn.blocked.as_ref()?.args.args();
        let command = self.table.resolve(args).ok()?;
        let slot = Slot::of(command.spec.keys_of(args).next()?);
        decide_waiting(snapshot, slot, conn.session.modes, access(command))
    }

    fn deny_waiting(&mut self, id: ConnId, refusal: Refusal) {
        let conn = self.conns.get_mut(id).expect("it was just there");
        let blocked = conn.blocked.as_mut().expect("it was just blocked");
        blocked.denied = Some(refusal);
        self.blocked_clients.hurry(id, blocked);
    }

    fn denied_by_now(&self, conn: &Conn) -> Option<Refusal> {
        let args = conn.blocked.as_ref()?.args.args();
        let command = self.table.resolve(args).expect("it was found by these words");
        self.may(&conn.session, command, args, Origin::Client).err()
    }

    /// CLIENT UNBLOCK of one of this core's clients, by its number.
    pub(super) fn unblock(&mut self, mesh: &Mesh<Shard>, client: u64, ending: Ending) -> bool {
        let found = self.conns.iter().find(|conn| conn.session.id == client && conn.blocked.is_some());
        let id = found.map(|conn| conn.id);
        id.is_some_and(|id| self.end_waiting(mesh, id, ending))
    }
}
