//! Replies that wait until what a command dropped is free: FLUSHALL and FLUSHDB.
//!
//! The command is over, and its slots are back with their owners. Each of these frees what was dropped in pieces at the end of its turns, as
//! ever, and says when it has come so far.

use crate::ask::{Answer, Ask};
use crate::conn::{Conn, Waiting};
use crate::mail::{Mail, Question, Reply};
use crate::mesh::Mesh;
use crate::mesh::mailbox::Address;
use crate::ring::{ConnId, Ring};
use crate::shard::Shard;

use super::Inner;

/// A reply that waits.
pub(super) struct Emptying {
    conn: ConnId,
    reply: Vec<u8>,
    /// Cores that have not said that theirs is free.
    missing: u16,
}

/// Somebody who wants to hear when what was dropped here is free.
pub(super) struct Listening {
    from: Address,
    id: u64,
    /// How far freeing has to come; unknown while everything is on loan.
    by: Option<u64>,
}

impl<R: Ring> Inner<R> {
    /// Keeps what a command replied, from `before` on, until every core has freed what was dropped.
    pub(super) fn reply_when_free(&mut self, conn: &mut Conn, before: usize) {
        self.next_gathering += 1;
        let id = self.next_gathering;
        conn.waiting = Waiting::Answers(id);
        let missing = self.map.cores();
        self.emptyings.insert(id, Emptying { conn: conn.id, reply: conn.out.split_off(before), missing });
        for address in (0..missing).map(Address) {
            let question = Question { id, ask: Ask::Freed };
            match address == self.id.into() {
                true => self.own_questions.push(question),
                false => self.outboxes.request(address, Mail::Ask(Box::new(question))),
            }
        }
    }

    /// A core has freed what was dropped. After the last one the reply is given.
    pub(super) fn has_freed(&mut self, mesh: &Mesh<Shard>, id: u64) {
        let emptying = self.emptyings.get_mut(&id).expect("an answer belongs to a reply that waits");
        emptying.missing -= 1;
        if emptying.missing > 0 {
            return;
        }
        let Emptying { conn, reply, .. } = self.emptyings.remove(&id).expect("it was just there");
        let Some(mut conn) = self.conns.take(conn) else {
            self.abandoned -= 1;
            return;
        };
        conn.waiting = Waiting::No;
        if conn.out.capacity() == 0 {
            conn.out = self.buffer();
        }
        conn.out.extend_from_slice(&reply);
        self.end_modes(&mut conn);
        self.drive(mesh, conn);
    }

    /// Notes who wants to hear when what was dropped so far is free.
    pub(super) fn note_listening(&mut self, from: Address, id: u64) {
        self.listening.push(Listening { from, id, by: None });
        self.owner.shard().loans.owner_waits = true;
    }

    /// Tells those for whom enough is free. At the end of a turn.
    pub(super) fn tell_freed(&mut self, mesh: &Mesh<Shard>) {
        let shard = self.owner.shard();
        if self.listening.is_empty() || shard.loans.all_are_lent() {
            return;
        }
        let keyspace = &shard.keyspace;
        let is_done = |one: &mut Listening| {
            let by = *one.by.get_or_insert_with(|| keyspace.freed_by());
            keyspace.has_freed(by)
        };
        let done: Vec<Listening> = self.listening.extract_if(.., is_done).collect();
        self.owner.shard().loans.owner_waits = !self.listening.is_empty();
        for Listening { from, id, .. } in done {
            self.answer_later(mesh, from, Reply { id, answer: Answer::Done });
        }
    }
}
