//! A client pause at one core: taking it on, saying that it holds, and its end.

use keyspace::spec::Flags;

use crate::ask::Answer;
use crate::command::Command;
use crate::commands::client_pause::{Pause, PauseOrder, Paused};
use crate::conn::Waiting;
use crate::mail::Reply;
use crate::mesh::Mesh;
use crate::mesh::mailbox::Address;
use crate::ring::{Now, Ring};
use crate::session::Session;
use crate::shard::Shard;
use crate::unit::Job;

use super::Inner;

/// The pause in force at a core, and who waits for it to hold.
#[derive(Default)]
pub(super) struct PauseState {
    pause: Option<Pause>,
    /// The number of the order that it comes from.
    number: u64,
    /// It ended or became weaker: who waits may go on.
    released: bool,
    /// Questions that are answered once no write is under way, by address and number.
    unanswered: Vec<(Address, u64)>,
    /// Hops with a write that are under way for our connections.
    pub(super) writing_hops: usize,
}

impl PauseState {
    /// True if the pause holds this command back.
    #[inline]
    pub(super) fn holds_back(&self, command: &Command) -> bool {
        match self.pause {
            None => false,
            Some(Pause { holds: Paused::All, .. }) => true,
            Some(Pause { holds: Paused::Writes, .. }) => writes(command),
        }
    }

    /// True if the pause holds back the transaction of a session.
    pub(super) fn holds_back_exec(&self, session: &Session) -> bool {
        self.pause.is_some() && session.transaction.as_ref().is_some_and(|transaction| transaction.writes)
    }

    /// True while a pause is in force: what is expired stays, and nobody visits.
    #[inline]
    pub(super) fn is_in_force(&self, now: Now) -> bool {
        self.pause.is_some_and(|pause| now.monotonic_us < pause.until_us)
    }

    /// When it ends, in microseconds of the monotonic clock.
    pub(super) fn ends_us(&self) -> u64 {
        self.pause.map_or(u64::MAX, |pause| pause.until_us)
    }

    /// True if those who wait may go on, and have not been told.
    pub(super) fn is_released(&self) -> bool {
        self.released
    }
}

/// True if a pause of writes holds this command back.
#[inline]
pub(super) fn writes(command: &Command) -> bool {
    command.is(Flags::WRITE) || command.is(Flags::MAY_REPLICATE)
}

/// True if a unit may change data. A transaction that waits for answers may have asked for this very pause: it holds it up no longer.
fn unit_writes(job: &Job) -> bool {
    match job {
        Job::Command { command, .. } => writes(command),
        Job::Exec(exec) => exec.transaction.writes && exec.next == 0,
        // It may have asked for this pause itself, too, and is suspended as long as others take turns.
        Job::Script(script) => !script.started && !script.read_only,
        Job::Serve(_) => true,
        Job::Watch(..) | Job::Look(..) => false,
    }
}

impl<R: Ring> Inner<R> {
    /// Decides about a pause, on the core that decides. `None` ends it.
    pub(super) fn decide_pause(&mut self, asked: Option<Pause>) -> PauseOrder {
        let now_us = self.now.monotonic_us;
        let pause = asked.and_then(|pause| pause.on_top_of(self.pauses.pause, now_us));
        let order = match asked {
            // One that is over at once changes nothing.
            Some(_) if pause.is_none() => PauseOrder { pause: self.pauses.pause, number: self.pauses.number },
            _ => PauseOrder { pause, number: self.pauses.number + 1 },
        };
        self.take_pause(order);
        order
    }

    /// Takes a decision on, unless a newer one is in force.
    pub(super) fn take_pause(&mut self, order: PauseOrder) {
        if order.number <= self.pauses.number {
            return;
        }
        let strength = |pause: Option<Pause>| pause.map(|pause| pause.holds);
        self.pauses.released |= strength(order.pause) < strength(self.pauses.pause);
        self.pauses.number = order.number;
        self.pauses.pause = order.pause;
        self.owner.shard().paused = order.pause.is_some();
    }

    /// Notes that a question about a pause is answered once it holds.
    pub(super) fn answer_when_paused(&mut self, from: Address, question: u64) {
        self.pauses.unanswered.push((from, question));
    }

    /// Answers those questions if no write of our connections is under way. None can begin while a pause is in force.
    pub(super) fn confirm_pause(&mut self, mesh: &Mesh<Shard>) {
        if self.pauses.unanswered.is_empty() {
            return;
        }
        let migrating = self.migrations.values().any(|migration| migration.may_write());
        let writing =
            migrating || self.pauses.writing_hops > 0 || self.units.values().any(|unit| unit_writes(&unit.job));
        if writing && self.pauses.pause.is_some() {
            return;
        }
        for (from, id) in std::mem::take(&mut self.pauses.unanswered) {
            self.answer_later(mesh, from, Reply { id, answer: Answer::Done });
        }
    }

    /// Ends the pause when its time is over, and lets those go on that it held back and no longer does.
    pub(super) fn end_pause(&mut self, mesh: &Mesh<Shard>) {
        if self.pauses.ends_us() <= self.now.monotonic_us {
            self.pauses.pause = None;
            self.pauses.released = true;
            self.owner.shard().paused = false;
        }
        if std::mem::take(&mut self.pauses.released) {
            for id in std::mem::take(&mut self.postponed) {
                if let Some(conn) = self.conns.get_mut(id) {
                    conn.waiting = Waiting::No;
                    self.drive_id(mesh, id);
                }
            }
        }
    }
}
