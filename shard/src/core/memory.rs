//! The core's memory: before commands that are not for routing alone, and at the end of the turn.

use evict::oom::{Need, Subject, refused};
use keyspace::refusal::Refusal;
use keyspace::spec::Flags;

use crate::command::Command;
use crate::conn::Conn;
use crate::memory::Want;
use crate::mesh::CoreId;
use crate::pubsub::notice::Notice;
use crate::ring::Ring;

use super::Inner;
use super::barrier::{EXEC, is_immediate};

impl<R: Ring> Inner<R> {
    /// Makes room before a command that is not for routing alone, if its core is short of memory, and says why it is refused if there
    /// is none. In a transaction everything needs memory: what is queued.
    pub(super) fn refused_for_memory(&mut self, conn: &Conn, command: &Command) -> Option<Refusal> {
        let shard = self.owner.shard();
        if !shard.memory.is_limited() {
            return None;
        }
        let need = |needs| if needs { Need::Memory } else { Need::Nothing };
        let subject = match &conn.session.transaction {
            Some(transaction) if command.spec.name == EXEC => Subject::Exec(need(transaction.needs_memory)),
            Some(_) => Subject::Command(need(!is_immediate(command.spec.name))),
            None => Subject::Command(need(command.is(Flags::DENYOOM))),
        };
        let refusal = refused(shard.memory_state(), subject)?;
        shard.note_oom(command);
        Some(Refusal::Text(refusal.text()))
    }

    /// Gives others of the memory budget, and makes room where it is short. Other cores that are parked are woken if this one needs
    /// something of them, or can no longer be the reason why they refuse.
    pub(super) fn share_memory(&mut self) {
        if !self.owner.shard().memory.is_limited() {
            return;
        }
        let others = self.other_bytes();
        if self.owner.shard().share_memory(others) == Want::Told {
            return;
        }
        let me = self.id;
        for core in (0..self.map.cores()).map(CoreId).filter(|core| *core != me) {
            self.tell(core.into(), Notice::Memory);
        }
    }
}
