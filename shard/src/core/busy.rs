//! Scripts that take long: who waits for their slots is told so, and what ends them (`cores.md` §7.7).

use keyspace::reply::Reply;

use crate::ask::{Answer, Ask, KillTarget};
use crate::busy::Busy;
use crate::conn::Waiting;
use crate::mail::{self, Mail};
use crate::mesh::Mesh;
use crate::mesh::loans::UnitId;
use crate::pubsub::notice::Notice;
use crate::ring::Ring;
use crate::script::{Program, Script};
use crate::shard::{Shard, Work};
use crate::unit::{Job, Unit};

use super::Inner;

impl<R: Ring> Inner<R> {
    /// A unit runs a script for long: refuses what waits for its slots here, and what will come for them.
    pub(super) fn refuse_for(&mut self, mesh: &Mesh<Shard>, unit: UnitId, busy: Busy) {
        if !self.owner.shard().mark_busy(unit, busy) {
            return;
        }
        let mut endings = Vec::new();
        while let Some(work) = self.owner.shard().withdraw_blocked(unit) {
            // What only stood behind it can go on.
            self.owner.shard().freed = true;
            match work {
                Work::Hop(hop) => {
                    let carried = self.owner.shard().refuse_next(hop, busy);
                    self.carried(carried);
                }
                Work::Lease(ask) => self.refuse_lease(mesh, ask.unit, busy),
                // A hold that is over is not kept for a script that only reads.
                Work::Question(from, question) if matches!(question.ask, Ask::EndHold(_)) => {
                    endings.push((from, question))
                }
                Work::Question(from, question) => {
                    let reply = mail::Reply { id: question.id, answer: Answer::Busy(busy) };
                    self.answer_later(mesh, from, reply);
                }
            }
        }
        for (from, question) in endings {
            let mail::Question { id, ask } = *question;
            let Ask::EndHold(end) = ask else { unreachable!("it was just looked at") };
            self.park_question(from, id, Ask::EndHold(end.clone()), &end.need);
        }
    }

    /// Refuses a unit slots that a busy script has.
    pub(super) fn refuse_lease(&mut self, mesh: &Mesh<Shard>, unit: UnitId, busy: Busy) {
        match unit.core == self.id.0 {
            true => self.refused(mesh, unit, busy),
            false => self.outboxes.answer(crate::mesh::CoreId(unit.core).into(), Mail::Refused(unit, busy)),
        }
    }

    /// A unit of this core was refused slots: it gives back what it has, and its client hears that a script is busy.
    pub(super) fn refused(&mut self, mesh: &Mesh<Shard>, id: UnitId, busy: Busy) {
        let unit = self.units.remove(&id.seq).expect("a refusal is for a unit that asked");
        let Unit { conn, job, grants, muted, wishes, .. } = unit;
        wishes.into_iter().for_each(|core| self.tell(core.into(), Notice::NoWish(id)));
        self.give_back(mesh, id, grants);
        if let Job::Serve(turn) = job {
            // A client that is still there keeps its place. Those behind it have waited for what becomes of it.
            match self.conns.get(conn).is_some() {
                true => turn.waiter.ticket.reopen(),
                false => turn.waiter.ticket.serve(),
            }
            return self.tell(self.map.owner(turn.key.slot).into(), Notice::Again(turn.key));
        }
        let Some(mut conn) = self.conns.take(conn) else {
            self.abandoned -= 1;
            return;
        };
        assert!(conn.waiting == Waiting::Unit(id.seq), "a client waits for its unit");
        conn.waiting = Waiting::No;
        if conn.out.capacity() == 0 {
            conn.out = self.buffer();
        }
        let text = match job {
            Job::Exec(_) => format!("EXECABORT Transaction discarded because of: {}", busy.text()),
            _ => busy.text().to_owned(),
        };
        if !muted {
            Reply::new(&mut conn.out, conn.session.resp).error(&text);
        }
        self.owner.shard().stats.rejected(None, text.as_bytes());
        self.drive(mesh, conn);
    }

    /// SCRIPT KILL and FUNCTION KILL: ends the script that has this core's engine between turns.
    pub(super) fn kill_script(&mut self, target: KillTarget) -> Answer {
        let unit = self.scripts.running().and_then(|seq| self.units.get_mut(&seq));
        let Some(script) = unit.and_then(script_of) else { return Answer::Done };
        let is_function = matches!(script.program, Program::Function(_));
        let outcome = match target {
            KillTarget::Script if is_function => Err(Busy::Function.text()),
            KillTarget::Function if !is_function => Err(Busy::Script.text()),
            _ if script.wrote => Err(
                "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the \
                 script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.",
            ),
            _ => {
                script.killed = true;
                Ok(())
            }
        };
        Answer::Text(outcome.map_err(str::to_owned))
    }
}

/// The script that a unit runs.
fn script_of(unit: &mut Unit) -> Option<&mut Script> {
    match &mut unit.job {
        Job::Script(script) => Some(script),
        Job::Exec(exec) => exec.script.as_deref_mut(),
        _ => None,
    }
}
