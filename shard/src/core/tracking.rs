//! Client-side caching at one core: as the home of clients that track, and of those that are told in their place.

use std::sync::Arc;

use keyspace::reply::Resp;

use crate::ask::Answer;
use crate::conn::Conn;
use crate::mesh::CoreId;
use crate::mesh::mailbox::Address;
use crate::pubsub::notice::Notice;
use crate::ring::{ConnId, Ring};
use crate::session::Session;
use crate::tracking::session::{Mode, Tracking};
use crate::tracking::{ChangedKey, Form, Invalid, Tracker, encode_broken_redirect};

use super::Inner;

impl<R: Ring> Inner<R> {
    /// Has clients told of a change, wherever they are; all of them if everything has changed.
    pub(super) fn invalidate(&mut self, invalid: Invalid, trackers: &[Tracker]) {
        match invalid {
            Invalid::Everything => {
                for core in (0..self.map.cores()).map(Address) {
                    self.tell(core, Notice::InvalidEverything);
                }
            }
            Invalid::Keys(_) => {
                for tracker in trackers {
                    self.tell(tracker.home.into(), Notice::Invalid(tracker.conn, invalid.clone()));
                }
            }
        }
    }

    /// Tells every client of this core that tracks that everything has changed.
    pub(super) fn invalidate_everything(&mut self) {
        let tracking = self.conns.iter().filter(|conn| conn.session.tracking.is_some());
        let ids: Vec<ConnId> = tracking.map(|conn| conn.id).collect();
        ids.into_iter().for_each(|id| self.invalid(id, &Invalid::Everything));
    }

    /// Tells a client of this core, or whoever is told in its place.
    pub(super) fn invalid(&mut self, id: ConnId, invalid: &Invalid) {
        let Some(conn) = self.conns.get(id) else { return };
        let Some(tracking) = &conn.session.tracking else { return };
        let Some(invalid) = for_client(&conn.session, tracking, invalid) else { return };
        match tracking.redirect {
            Some(redirect) => {
                self.tell(redirect.to.home.into(), Notice::Redirected(redirect.to.conn, invalid, id));
            }
            None if conn.session.resp == Resp::V3 => self.push_invalid(id, &invalid, Form::Push),
            // Without pushes of its own kind nothing can be told to a client that reads replies.
            None => {}
        }
    }

    fn push_invalid(&mut self, id: ConnId, invalid: &Invalid, form: Form) {
        let mut bytes = Vec::new();
        invalid.encode(form, &mut bytes);
        self.push(id, &bytes);
    }

    /// Tells a client in the place of `source`, a client of `from`.
    pub(super) fn redirected(&mut self, from: Address, id: ConnId, invalid: &Invalid, source: ConnId) {
        match self.conns.get(id).map(|conn| &conn.session) {
            None => self.tell(from, Notice::RedirectBroken(source, id)),
            Some(session) if session.resp == Resp::V3 => self.push_invalid(id, invalid, Form::Push),
            Some(session) if session.is_subscribed() => self.push_invalid(id, invalid, Form::Message),
            Some(_) => {}
        }
    }

    /// A client tracks for another one that is gone.
    pub(super) fn redirect_broken(&mut self, id: ConnId, gone: ConnId) {
        let Some(session) = self.conns.get_mut(id).map(|conn| &mut conn.session) else { return };
        let resp = session.resp;
        let redirect = session.tracking.as_mut().and_then(|tracking| tracking.redirect.as_mut());
        let Some(redirect) = redirect.filter(|redirect| redirect.to.conn == gone) else { return };
        redirect.broken = true;
        if resp == Resp::V3 {
            let mut bytes = Vec::new();
            encode_broken_redirect(redirect.client, &mut bytes);
            self.push(id, &bytes);
        }
    }

    /// Where a client of this core is.
    pub(super) fn find_client(&self, client: u64) -> Option<Tracker> {
        let found = self.conns.iter().find(|conn| conn.session.id == client);
        found.map(|conn| Tracker { home: self.id, conn: conn.id })
    }

    /// Notes a client that tracks by prefixes.
    pub(super) fn track_prefixes(&mut self, tracker: Tracker, prefixes: &[Arc<[u8]>]) {
        let shard = self.owner.shard();
        prefixes.iter().for_each(|prefix| shard.prefixes.add(prefix, tracker));
        shard.keyspace.signals.every_change = !shard.prefixes.is_empty();
    }

    /// Forgets a client that tracked by prefixes.
    pub(super) fn untrack_prefixes(&mut self, tracker: Tracker) {
        let shard = self.owner.shard();
        shard.prefixes.remove(tracker);
        shard.keyspace.signals.every_change = !shard.prefixes.is_empty();
    }

    /// A connection that tracks ends. What is noted of it beside keys goes with their next change.
    pub(super) fn forget_tracking(&mut self, conn: &mut Conn) {
        if let Some(tracking) = conn.session.tracking.take()
            && tracking.mode == Mode::Broadcast
        {
            self.untrack_everywhere(tracking.me);
        }
    }

    /// A client that is gone has the answers to its last question. If that was to track by prefixes, a core may have heard that it is
    /// gone before it heard of the prefixes.
    pub(super) fn untrack_gone(&mut self, answers: &[Option<Answer>]) {
        if let Some(Some(Answer::Tracked(tracker))) = answers.first() {
            self.untrack_everywhere(*tracker);
        }
    }

    fn untrack_everywhere(&mut self, tracker: Tracker) {
        for core in (0..self.map.cores()).map(CoreId) {
            self.tell(core.into(), Notice::Untracked(tracker));
        }
    }
}

/// What of it a client is told, if anything: not its own changes, if it wants so, and not keys that are not its to know of. Prefixes may
/// be of such, and its user may have changed since it read.
fn for_client(session: &Session, tracking: &Tracking, invalid: &Invalid) -> Option<Invalid> {
    let Invalid::Keys(keys) = invalid else { return Some(Invalid::Everything) };
    let is_told = |changed: &ChangedKey| {
        !(tracking.noloop && changed.by == session.id) && (!session.guarded || session.user.admits_key(&changed.key))
    };
    if keys.iter().all(is_told) {
        return Some(invalid.clone());
    }
    let told: Arc<[ChangedKey]> = keys.iter().filter(|changed| is_told(changed)).cloned().collect();
    (!told.is_empty()).then_some(Invalid::Keys(told))
}
