//! Mail: what other cores and the service thread sent, and what goes out at the end of the turn.

use crate::ask::{Answer, Ask};
use crate::conn::{Closing, Waiting};
use crate::hop::Hop;
use crate::mail::{Mail, Question, Reply};
use crate::mesh::baton::Post;
use crate::mesh::loans::NeedOwned;
use crate::mesh::mailbox::{Address, Received};
use crate::mesh::{CoreId, Mesh};
use crate::pubsub::notice::Notice;
use crate::ring::Ring;
use crate::shard::{Carried, Shard, Work};

use super::Inner;

/// Messages taken from one sender in one turn.
const MESSAGES_PER_SENDER_MAX: usize = 64;

/// Rounds of visits in one turn: connections whose hops are back go on and may have further ones, which then go by mail.
const VISITS_PER_TURN_MAX: usize = 4;

impl<R: Ring> Inner<R> {
    /// Handles what arrived in the mailboxes.
    pub(super) fn receive_mail(&mut self, mesh: &Mesh<Shard>) {
        if self.owner.take_mail() || self.mail_left {
            let mail = &mut self.mail;
            let received = self.ends.receive(MESSAGES_PER_SENDER_MAX, |from, message| mail.push((from, message)));
            self.mail_left = received == Received::Left;
            let mut mail = std::mem::take(&mut self.mail);
            for (from, message) in mail.drain(..) {
                self.handle(mesh, from, message);
            }
            self.mail = mail;
        }
    }

    /// What the parts of a turn left for later in the turn: hops that are back, own questions, work whose slots came free, and
    /// hops to cores that are parked.
    pub(super) fn loose_ends(&mut self, mesh: &Mesh<Shard>) {
        self.answer_own(mesh);
        self.heed_routes(mesh);
        self.drop_some(mesh);
        let mut visits = 0;
        loop {
            self.bring_home(mesh);
            self.confirm_pause(mesh);
            for (unit, busy) in std::mem::take(&mut self.own_refusals) {
                self.refused(mesh, unit, busy);
            }
            self.see_to_effects();
            self.heed_own(mesh);
            if std::mem::take(&mut self.owner.shard().freed) {
                self.release(mesh);
                continue;
            }
            visits += 1;
            let may_visit = visits <= VISITS_PER_TURN_MAX;
            if self.returned.is_empty() && !(may_visit && self.visit_parked(mesh)) {
                break;
            }
        }
        self.tell_monitors();
        self.acknowledge_routes();
    }

    fn handle(&mut self, mesh: &Mesh<Shard>, from: Address, message: Mail<R::Socket>) {
        match message {
            Mail::Hops(hops) => hops.into_iter().for_each(|hop| self.carry(hop)),
            Mail::Done(hops) => {
                self.outboxes.answered(from, hops.len());
                self.returned.extend(hops);
            }
            Mail::Lease(ask) => self.lease(mesh, *ask),
            Mail::Refused(unit, busy) => {
                self.outboxes.answered(from, 1);
                self.refused(mesh, unit, busy);
            }
            Mail::Granted(grant) => self.granted(mesh, *grant),
            Mail::Return(back) => {
                self.owner.shard().take_back(back.unit, back.loan, back.log, back.now);
            }
            Mail::Ask(question) => self.answer(mesh, from, *question),
            Mail::Answer(reply) => {
                self.outboxes.answered(from, 1);
                self.answered(mesh, from, *reply);
            }
            Mail::Notices(notices) => notices.into_iter().for_each(|notice| self.heed(mesh, from, notice)),
            Mail::Accepted(accepted) => self.welcome(mesh, *accepted),
            Mail::Routes(snapshot) => self.take_routes(snapshot),
            Mail::BusPublished(publication) => {
                self.publish(publication);
            }
            Mail::Stop => self.stopping = true,
            Mail::Configured(_) | Mail::Audit(_) | Mail::RoutesTaken(_) | Mail::BusPublish(_) => {
                unreachable!("only service threads are told of that by mail")
            }
        }
    }

    /// Carries out a hop here, and sends it home once it is done.
    pub(super) fn carry(&mut self, hop: Box<Hop>) {
        let carried = self.owner.shard().carry_out_or_park(hop);
        self.carried(carried);
    }

    pub(super) fn carried(&mut self, carried: Carried) {
        match carried {
            Carried::Done(hop) => self.send_home(hop),
            Carried::More(hop) => self.unfinished.push(hop),
            Carried::Parked => {}
        }
    }

    /// Sends a hop that is done to its connection's core.
    fn send_home(&mut self, hop: Box<Hop>) {
        let (home, _) = hop.home.expect("a hop has a home");
        match home == self.id {
            true => self.returned.push(hop),
            false => self.outboxes.done(home.into(), hop),
        }
    }

    /// Carries out what waited for slots that are back, or for keys that are held no more.
    pub(super) fn release(&mut self, mesh: &Mesh<Shard>) {
        loop {
            let shard = self.owner.shard();
            if let Some((need, work)) = shard.loans.next_runnable() {
                self.release_one(mesh, &need, work);
            } else if let Some(work) = shard.holds.next_due() {
                self.try_again(mesh, work);
            } else if let Some(unit) = shard.holds.next_called() {
                self.tell(CoreId(unit.core).into(), Notice::AskAgain(unit));
            } else {
                return;
            }
        }
    }

    /// Carries out what has its turn for the slots that it waited for.
    fn release_one(&mut self, mesh: &Mesh<Shard>, need: &NeedOwned, work: Work) {
        match work {
            Work::Hop(hop) => {
                let carried = self.owner.shard().carry_on_or_park(hop);
                self.carried(carried);
            }
            Work::Lease(ask) => {
                debug_assert!(*need == ask.need, "a lease waits for what it asks for");
                self.lease_now(mesh, *ask);
            }
            Work::Question(from, question) => {
                let Question { id, ask } = *question;
                let answer = match ask {
                    Ask::Hold(ask) => self.hold_now(from, id, ask),
                    Ask::EndHold(end) => {
                        self.owner.shard().end_hold(&end);
                        Some(Answer::Done)
                    }
                    ask => Some(self.about_slots_now(ask)),
                };
                if let Some(answer) = answer {
                    self.answer_later(mesh, from, Reply { id, answer });
                }
            }
        }
    }

    /// Tries again what waited for a key that was held.
    fn try_again(&mut self, mesh: &Mesh<Shard>, work: Work) {
        match work {
            Work::Hop(hop) => self.carry(hop),
            Work::Question(from, question) => {
                let Question { id, ask } = *question;
                if let Some(answer) = self.answer_to(mesh, from, id, ask) {
                    self.answer_later(mesh, from, Reply { id, answer });
                }
            }
            Work::Lease(_) => unreachable!("a unit that meets a hold is turned away"),
        }
    }

    /// Gives the hops that are back to their connections.
    pub(super) fn bring_home(&mut self, mesh: &Mesh<Shard>) {
        while let Some(hop) = self.returned.pop() {
            self.land(mesh, hop);
        }
    }

    /// A hop is back. After the last of a batch its replies go out in order and the connection goes on.
    fn land(&mut self, mesh: &Mesh<Shard>, hop: Box<Hop>) {
        let (_, id) = hop.home.expect("a hop has a home");
        self.pauses.writing_hops -= usize::from(hop.writes);
        let Some(mut conn) = self.conns.take(id) else {
            self.abandoned -= 1;
            return self.spares.keep_hop(hop);
        };
        let flight = conn.flight.as_mut().expect("a connection with a hop has a flight");
        if !flight.returned(hop.target, hop) {
            return self.put_back(conn);
        }
        if conn.out.capacity() == 0 {
            conn.out = self.buffer();
        }
        for (_, mut hop) in flight.land(&mut conn.out) {
            self.log_slow(&conn.session, &mut hop.slow);
            if hop.overflowed {
                conn.closing = Closing::Now;
            }
            self.spares.keep_hop(hop);
        }
        conn.waiting = Waiting::No;
        self.drive(mesh, conn);
    }

    /// Posts the turn's mail and wakes the targets that are parked.
    pub(super) fn post_mail(&mut self, mesh: &Mesh<Shard>) {
        self.cron.traffic.hops += self.outboxes.post(&mut self.ends);
        let ring = &mut self.ring;
        let (wake_service, wake_bus) = (&self.wake_service, &self.wake_bus);
        self.ends.flush(|to| {
            if mesh.post(to) == Post::Wake {
                match (to.0 as usize) < mesh.cores() {
                    true => ring.wake_core(to.0),
                    false if Some(to) == self.bus => wake_bus(),
                    false => wake_service(),
                }
            }
        });
    }
}
