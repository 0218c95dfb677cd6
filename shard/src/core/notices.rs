//! Notices between cores, this one included, the effects of commands, and pushes to clients.

use std::sync::Arc;

use crate::ask::Answer;
use crate::conn::{Closing, Conn};
use crate::effects::Effect;
use crate::mesh::mailbox::Address;
use crate::mesh::{CoreId, Mesh};
use crate::pubsub::notice::{Lost, Notice};
use crate::pubsub::{Publication, events};
use crate::ring::{ConnId, Ring};
use crate::session::Session;
use crate::shard::Shard;
use crate::tracking::batch::Batch;

use super::Inner;
use super::drive::is_over_limit;
use super::spares::Spares;

impl<R: Ring> Inner<R> {
    /// Tells a core something, behind everything that it was told before. What this core tells itself has its turn at the end of
    /// the turn, when every connection is in its place.
    pub(super) fn tell(&mut self, to: Address, notice: Notice) {
        match to == self.id.into() {
            true => self.own_notices.push(notice),
            false => self.outboxes.tell(to, notice),
        }
    }

    /// Heeds what this core told itself.
    pub(super) fn heed_own(&mut self, mesh: &Mesh<Shard>) {
        for notice in std::mem::take(&mut self.own_notices) {
            self.heed(mesh, self.id.into(), notice);
        }
    }

    /// Heeds a notice. Every connection is in its place.
    pub(super) fn heed(&mut self, mesh: &Mesh<Shard>, from: Address, notice: Notice) {
        match notice {
            Notice::Publish(publication) => {
                self.publish(publication);
            }
            Notice::Deliver(publication) => self.deliver(CoreId(from.0), &publication),
            Notice::Left(topics) => self.unsubscribe(from, &topics),
            Notice::Answer(reply) => {
                if from != self.id.into() {
                    self.outboxes.answered(from, 1);
                }
                match &reply.answer {
                    Answer::Joined(topics) => self.joined(reply.id, CoreId(from.0), topics),
                    Answer::Parted(topics) => self.parted(reply.id, CoreId(from.0), topics),
                    _ => {}
                }
                self.answered(mesh, from, *reply);
            }
            Notice::Served(served) => self.served(mesh, *served),
            Notice::Turn(turn) => self.start_turn(mesh, turn),
            Notice::Again(key) => self.again.push(key),
            Notice::Busy(unit, busy) => self.refuse_for(mesh, unit, busy),
            Notice::TurnedAway(unit) => self.turned_away(mesh, from, unit),
            Notice::AskAgain(unit) => self.ask_again(mesh, unit),
            Notice::NoWish(unit) => self.owner.shard().fulfil(unit),
            Notice::Monitored(lines) => self.monitors.receive(lines),
            // The end of the turn looks at it.
            Notice::Memory => {}
            Notice::MonitorGone => self.monitors.count(CoreId(from.0), -1),
            Notice::Invalid(conn, invalid) => self.invalid(conn, &invalid),
            Notice::InvalidEverything => self.invalidate_everything(),
            Notice::Redirected(conn, invalid, source) => self.redirected(from, conn, &invalid, source),
            Notice::RedirectBroken(conn, gone) => self.redirect_broken(conn, gone),
            Notice::Untracked(tracker) => self.untrack_prefixes(tracker),
            Notice::Cut(lost) => self.cut(lost),
        }
    }

    /// Does what commands left to do.
    pub(super) fn see_to_effects(&mut self) {
        if self.owner.shard().effects.is_empty() {
            return;
        }
        let classes = self.settings.notify_keyspace_events;
        let mut batch = Batch::default();
        for effect in std::mem::take(&mut self.owner.shard().effects) {
            match effect {
                Effect::Event(event) => {
                    events::publications(&event, classes).for_each(|told| self.publish_unasked(told))
                }
                Effect::Served(served) => self.tell(served.home.into(), Notice::Served(served)),
                Effect::Again(key) => self.tell(self.map.owner(key.slot).into(), Notice::Again(key)),
                Effect::Turn(turn) => self.tell(turn.waiter.home.into(), Notice::Turn(turn)),
                Effect::Invalid(invalid, trackers) => self.invalidate(invalid, &trackers),
                Effect::Broadcast(changed) => batch.add(changed.key, changed.by),
            }
        }
        for (invalid, trackers) in batch.told(&self.owner.shard().prefixes) {
            self.invalidate(invalid, &trackers);
        }
    }

    /// Publishes a message from any core; nobody waits for the number of its receivers.
    fn publish_unasked(&mut self, publication: Arc<Publication>) {
        let core = publication.core(&self.map);
        match core == self.id {
            true => drop(self.publish(publication)),
            false => self.outboxes.tell(core.into(), Notice::Publish(publication)),
        }
    }

    /// Gives a client of this core bytes that it did not ask for.
    pub(super) fn push(&mut self, id: ConnId, bytes: &[u8]) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        append_push(conn, bytes, &mut self.spares, &mut self.dirty);
        let is_slow = is_over_limit(conn, &self.settings.client_output_buffer_limit, self.now.monotonic_us);
        self.conns.renew(id);
        if is_slow {
            self.settle_id(id);
        }
    }

    /// Puts a message before the clients of this core that hear what `from` orders. Each version of the message is encoded once.
    fn deliver(&mut self, from: CoreId, publication: &Publication) {
        let mut slow = Vec::new();
        let limits = &self.settings.client_output_buffer_limit;
        for hearing in self.audience.hearings(publication, from) {
            let mut encoded = [Vec::new(), Vec::new()];
            for id in hearing.clients() {
                // A client that ended while it unsubscribed stays in the audience until that is done.
                let Some(conn) = self.conns.get_mut(id) else { continue };
                let bytes = &mut encoded[conn.session.resp as usize];
                if bytes.is_empty() {
                    hearing.encode(publication, conn.session.resp, bytes);
                }
                append_push(conn, bytes, &mut self.spares, &mut self.dirty);
                if is_over_limit(conn, limits, self.now.monotonic_us) {
                    slow.push(id);
                }
                self.conns.renew(id);
            }
        }
        slow.into_iter().for_each(|id| self.settle_id(id));
    }

    /// Settles a connection that is in its place: one above its limit is ended.
    fn settle_id(&mut self, id: ConnId) {
        if let Some(conn) = self.conns.take(id) {
            self.settle(conn);
        }
    }

    /// Ends every client that misses what was dropped on its way here. What was to be published here may be for clients of any core.
    fn cut(&mut self, lost: Lost) {
        match lost {
            Lost::Lines => self.cut_all(|session| session.monitors),
            Lost::Delivered => self.cut_all(Session::is_subscribed),
            Lost::Published => {
                let cores = (0..self.map.cores()).map(CoreId);
                cores.for_each(|core| self.tell(core.into(), Notice::Cut(Lost::Delivered)));
            }
        }
    }

    fn cut_all(&mut self, misses: impl Fn(&Session) -> bool) {
        let cut = self.conns.iter().filter(|conn| misses(&conn.session));
        let ids: Vec<ConnId> = cut.map(|conn| conn.id).collect();
        tracing::warn!(clients = ids.len(), "closed: messages for them were too many to be kept");
        self.cron.traffic.output_limit_closed += ids.len() as u64;
        for id in ids {
            let mut conn = self.conns.take(id).expect("it was just there");
            conn.closing = Closing::Now;
            self.settle(conn);
        }
    }
}

/// Appends a push to what a connection sends at the end of the turn, or to what it holds. What it uses is to be entered then.
pub(super) fn append_push(conn: &mut Conn, bytes: &[u8], spares: &mut Spares, dirty: &mut Vec<ConnId>) {
    if conn.closing != Closing::No {
        return;
    }
    if conn.out.capacity() == 0 && !conn.awaits_reply() {
        conn.out = spares.kept_buffer().unwrap_or_default();
    }
    conn.push(bytes);
    if !conn.out.is_empty() && !std::mem::replace(&mut conn.dirty, true) {
        dirty.push(conn.id);
    }
}
