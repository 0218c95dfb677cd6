//! Questions to several addresses and their answers.

use keyspace::args::{Args, OwnedArgs};
use keyspace::commands::scan::ScanRequest;
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::Reply as Encoder;

use crate::acl::AccessCounters;
use crate::ask::{Answer, Ask, Asking, Audience, FinishFn};
use crate::command::Command;
use crate::commands::{SessionExec, Then};
use crate::conn::{Closing, Conn, Waiting};
use crate::mail::{Mail, Question, Reply};
use crate::mesh::Mesh;
use crate::mesh::loans::Need;
use crate::mesh::mailbox::Address;
use crate::report::Traffic;
use crate::ring::clock::{ticks, ticks_to_ns};
use crate::ring::{ConnId, Ring};
use crate::session::Session;
use crate::shard::Shard;
use crate::unit::UnitSeq;

use super::Inner;

/// What a session command has taken so far: the work of its own core. Waiting for others does not make it slow.
#[derive(Clone, Copy)]
pub(super) struct Begun {
    /// When the part that runs now began, in ticks.
    pub at: u64,
    /// Ticks of its earlier parts.
    pub spent: u64,
}

/// What a handler or a `finish` left.
pub(super) struct Ended {
    /// What it answered.
    pub outcome: Outcome,
    /// What happens next.
    pub then: Then,
    /// Where its reply begins in the connection's output.
    pub before: usize,
    /// Its time.
    pub begun: Begun,
}

/// A question that waits for answers.
pub(super) struct Gathering {
    conn: ConnId,
    /// The unit whose script asks, as a client of its own.
    script_of: Option<UnitSeq>,
    args: OwnedArgs,
    finish: FinishFn,
    /// Ticks that the command has taken on this core.
    spent: u64,
    answers: Vec<Option<Answer>>,
    /// The address of the first answer's place.
    first: Address,
    missing: usize,
}

impl Gathering {
    /// The arguments of the command that asks.
    pub(super) fn args(&self) -> Args<'_> {
        self.args.args()
    }

    /// Bytes of these.
    pub(super) fn heap_bytes(&self) -> usize {
        size_of::<Gathering>() + self.args.room()
    }
}

impl<R: Ring> Inner<R> {
    /// Asks on behalf of a connection, which waits.
    pub(super) fn ask(&mut self, mesh: &Mesh<Shard>, conn: &mut Conn, args: Args, asking: Asking, spent: u64) {
        if let (Audience::Core(core), Ask::Publish(publication)) = (asking.to, &asking.ask)
            && core == self.id
        {
            let answer = Answer::Count(self.publish_everywhere(publication.clone()));
            let gathering = Gathering {
                conn: conn.id,
                script_of: conn.script_of,
                args: OwnedArgs::copy(args),
                finish: asking.finish,
                spent,
                answers: vec![Some(answer)],
                first: core.into(),
                missing: 0,
            };
            // What runs now goes on by itself: nothing was waited for.
            return self.conclude(mesh, conn, gathering);
        }
        let cores = mesh.cores() as u16;
        let (first, count) = match asking.to {
            Audience::Cores => (0, cores),
            Audience::Core(core) => (core.0, 1),
            Audience::Service => (cores, 1),
            Audience::Bus => (self.bus.expect("only a cluster's commands ask the bus thread").0, 1),
        };
        self.next_gathering += 1;
        let id = self.next_gathering;
        conn.waiting = Waiting::Answers(id);
        self.gatherings.insert(
            id,
            Gathering {
                conn: conn.id,
                script_of: conn.script_of,
                args: OwnedArgs::copy(args),
                finish: asking.finish,
                spent,
                answers: (0..count).map(|_| None).collect(),
                first: Address(first),
                missing: count as usize,
            },
        );
        for address in (first..first + count).map(Address) {
            let question = Question { id, ask: asking.ask.clone() };
            match address == self.id.into() {
                true => self.own_questions.push(question),
                false => self.outboxes.request(address, Mail::Ask(Box::new(question))),
            }
        }
    }

    /// Answers this core's own questions: after the asking connection is back in its place.
    pub(super) fn answer_own(&mut self, mesh: &Mesh<Shard>) {
        if self.own_questions.iter().any(|question| matches!(question.ask, Ask::Sleep(_))) {
            // The others are to stop at the same time, not after this core.
            self.post_mail(mesh);
            self.ring.submit();
        }
        // What the asking connections ask next has its turn in the next turn.
        for question in std::mem::take(&mut self.own_questions) {
            let Question { id, ask } = question;
            let started = ticks();
            let answer = self.answer_to(mesh, self.id.into(), id, ask);
            if let Some(asking) = self.gatherings.get_mut(&id) {
                asking.spent += ticks().wrapping_sub(started);
            }
            if let Some(answer) = answer {
                self.answered(mesh, self.id.into(), Reply { id, answer });
            }
        }
    }

    /// Answers another address.
    pub(super) fn answer(&mut self, mesh: &Mesh<Shard>, from: Address, question: Question) {
        let Question { id, ask } = question;
        if let Some(answer) = self.answer_to(mesh, from, id, ask) {
            self.outboxes.answer(from, Mail::Answer(Box::new(Reply { id, answer })));
        }
    }

    /// The answer to a question that concerns a slot or all of them; once they are here.
    pub(super) fn about_slots(&mut self, from: Address, id: u64, ask: Ask) -> Option<Answer> {
        let shard = self.owner.shard();
        let need = match &ask {
            Ask::CountInSlot(slot) | Ask::KeysInSlot(slot, _) => Need::One(slot.number()),
            _ => Need::All,
        };
        if let Some(busy) = shard.busy_with(need) {
            return Some(Answer::Busy(busy));
        }
        if !shard.loans.is_free(need) {
            self.park_question(from, id, ask, &need.to_owned());
            return None;
        }
        Some(self.about_slots_now(ask))
    }

    /// The answer to a question that waited for every slot and has its turn.
    pub(super) fn about_slots_now(&mut self, ask: Ask) -> Answer {
        match ask {
            Ask::Scan(request, db) => self.scan_part(&request, db),
            Ask::CountInSlot(slot) => self.count_in_slot(slot),
            Ask::KeysInSlot(slot, count) => self.keys_in_slot(slot, count),
            Ask::SlotStats => self.slot_stats(),
            Ask::SlotKeys => self.slot_keys(),
            _ => unreachable!("no other question concerns slots"),
        }
    }

    fn scan_part(&mut self, request: &ScanRequest, db: u16) -> Answer {
        let paused = self.pauses.is_in_force(self.now);
        let shard = self.owner.shard();
        let mut part = request.part(&shard.keyspace, db as usize, shard.now);
        if !paused {
            part.remove_expired(&mut shard.keyspace, db as usize, shard.now);
            shard.acting = 0;
            shard.hear();
            shard.serve_ready();
        }
        Answer::Scan(part)
    }

    /// The connection for which a question was asked. It may be gone.
    pub(super) fn asker(&self, id: u64) -> ConnId {
        self.gatherings.get(&id).expect("an answer belongs to a question").conn
    }

    /// An answer arrived. After the last one the reply is made.
    pub(super) fn answered(&mut self, mesh: &Mesh<Shard>, from: Address, reply: Reply) {
        if self.migrations.contains_key(&reply.id) {
            return self.migration_answered(mesh, reply);
        }
        if self.emptyings.contains_key(&reply.id) {
            return self.has_freed(mesh, reply.id);
        }
        if self.syncs.contains_key(&reply.id) || matches!(reply.answer, Answer::Save(_)) {
            return self.save_answered(reply);
        }
        let gathering = self.gatherings.get_mut(&reply.id).expect("an answer belongs to a question");
        let place = (from.0 - gathering.first.0) as usize;
        gathering.answers[place] = Some(reply.answer);
        gathering.missing -= 1;
        if gathering.missing > 0 {
            return;
        }
        let gathering = self.gatherings.remove(&reply.id).expect("it was just there");
        if let Some(seq) = gathering.script_of {
            return self.script_answered(mesh, seq, |core, client| core.finish(mesh, client, gathering));
        }
        let id = gathering.conn;
        if let Some(mut conn) = self.conns.take(id) {
            self.finish(mesh, &mut conn, gathering);
            return self.drive(mesh, conn);
        }
        // A transaction is carried out to its end even if its client is gone.
        let Some(mut ghost) = self.ghosts.remove(&id) else {
            self.abandoned -= 1;
            return self.untrack_gone(&gathering.answers);
        };
        self.finish(mesh, &mut ghost, gathering);
        self.keep_ghost(ghost);
    }

    fn finish(&mut self, mesh: &Mesh<Shard>, conn: &mut Conn, gathering: Gathering) {
        // In a transaction the reply belongs to that of the EXEC.
        self.exchange_reply(conn);
        self.conclude(mesh, conn, gathering);
        self.exchange_reply(conn);
        self.resume_exec(mesh, conn);
    }

    /// Has the reply made from the answers.
    fn conclude(&mut self, mesh: &Mesh<Shard>, conn: &mut Conn, gathering: Gathering) {
        let Gathering { args, finish, spent, answers, .. } = gathering;
        conn.waiting = Waiting::No;
        if let Some(Some(Answer::Parted(_))) = answers.first()
            && conn.executing.is_none()
        {
            // What was published before the client unsubscribed comes before the reply that says so.
            conn.release_held();
        }
        let begun = Begun { at: ticks(), spent };
        let answers: Vec<Answer> = answers.into_iter().map(|answer| answer.expect("none is missing")).collect();
        if conn.out.capacity() == 0 {
            conn.out = self.buffer();
        }
        let before = conn.out.len();
        let mut then = Then::Nothing;
        let facts = self.facts(mesh);
        let resp = conn.session.resp;
        let mut exec = SessionExec { conn: conn.id, session: &mut conn.session, facts: &facts, then: &mut then };
        let busy = answers.iter().find_map(|answer| if let Answer::Busy(busy) = answer { Some(*busy) } else { None });
        let outcome = match busy {
            Some(busy) => Err(Refusal::Text(busy.text())),
            None => finish(&mut exec, args.args(), answers, &mut Encoder::new(&mut conn.out, resp)),
        };
        let command = self.table.get(conn.session.last_command.expect("a command asked"));
        self.end_of_session_command(mesh, conn, command, args.args(), Ended { outcome, then, before, begun });
    }

    /// What follows a handler or a `finish`: its refusal, the books, and what it wants next.
    pub(super) fn end_of_session_command(
        &mut self,
        mesh: &Mesh<Shard>,
        conn: &mut Conn,
        command: &'static Command,
        args: Args,
        ended: Ended,
    ) {
        let Ended { outcome, then, before, begun } = ended;
        let shard = self.owner.shard();
        if let Err(refusal) = outcome {
            let context = conn.session.context(false);
            shard.refuse(command, &refusal, &context, before, &mut conn.out);
        }
        let spent = begun.spent + ticks().wrapping_sub(begun.at);
        // A command that asks is over once the answers are in: the counters that it reads or resets do not hold itself.
        if let Then::Ask(asking) = then {
            return self.ask(mesh, conn, args, asking, spent);
        }
        // What goes on for longer is in the books when that is over.
        if !matches!(then, Then::Exec | Then::Script(_) | Then::Migrate(_)) {
            shard.account(command, args, ticks_to_ns(spent));
            self.collect_slow(&conn.session);
        }
        let muted = conn.session.ends();
        if muted {
            conn.out.truncate(before);
        }
        match then {
            Then::Close => conn.closing = Closing::AfterReplies,
            Then::Exec => self.start_exec(mesh, conn, args, muted),
            Then::Script(request) => self.start_script(mesh, conn, command.id, args, muted, request),
            Then::Migrate(request) => self.start_migration(mesh, conn, command.id, args, muted, *request),
            Then::Watch => self.start_watch(mesh, conn, args, muted),
            Then::Monitor => self.monitors.add(conn.id),
            Then::StopMonitor => self.stop_monitoring(conn),
            Then::Nothing | Then::Ask(_) => {}
        }
        self.end_modes(conn);
    }

    /// Takes what the command that just ended left as slow into the slow log.
    #[inline]
    pub(super) fn collect_slow(&mut self, session: &Session) {
        if !self.owner.shard().slow.is_empty() {
            let mut slow = std::mem::take(&mut self.owner.shard().slow);
            self.log_slow(session, &mut slow);
        }
    }

    /// Sets the counters that INFO prints to zero.
    pub(super) fn reset_stats(&mut self) {
        let shard = self.owner.shard();
        shard.reset_stats();
        self.cron.traffic = Traffic::default();
        self.cron.turns.reset();
        self.expiry.reset_stats();
        self.guard.book.borrow_mut().counters = AccessCounters::default();
        self.cron.meters.reset_rates(self.now.monotonic_us);
    }
}
