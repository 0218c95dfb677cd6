//! Publish and subscribe at one core: as the core of its channels, and as the home of its clients.

use std::collections::BTreeMap;
use std::sync::Arc;

use keyspace::slot::Slot;

use crate::ask::{Answer, PubsubQuery};
use crate::cluster::routes::is_of_our_shard;
use crate::commands::pubsub::confirm;
use crate::conn::Conn;
use crate::mesh::CoreId;
use crate::mesh::mailbox::Address;
use crate::pubsub::notice::Notice;
use crate::pubsub::{Kind, Publication, Topic};
use crate::ring::{ConnId, Ring};

use super::Inner;

impl<R: Ring> Inner<R> {
    /// Orders a message to a channel of this core and tells every core with receivers. Says how many subscriptions it reaches.
    pub(super) fn publish(&mut self, publication: Arc<Publication>) -> u64 {
        debug_assert!(publication.core(&self.map) == self.id, "a message goes to its channel's core");
        let receivers = self.directory.receivers(&publication);
        for core in receivers.cores {
            self.tell(core.into(), Notice::Deliver(publication.clone()));
        }
        receivers.count
    }

    /// Notes that a client of another core, or of this one, listens.
    pub(super) fn subscribe(&mut self, from: Address, topics: &[Topic]) {
        self.note_subscribers(from, topics, 1);
    }

    /// Notes that it does no longer.
    pub(super) fn unsubscribe(&mut self, from: Address, topics: &[Topic]) {
        self.note_subscribers(from, topics, -1);
    }

    fn note_subscribers(&mut self, from: Address, topics: &[Topic], change: i64) {
        for topic in topics.iter().filter(|topic| topic.concerns(self.id, &self.map)) {
            self.directory.add(topic, CoreId(from.0), change);
        }
    }

    /// What PUBSUB wants to know of this core.
    pub(super) fn answer_about_pubsub(&self, query: &PubsubQuery) -> Answer {
        match query {
            PubsubQuery::Active(kind, pattern) => Answer::Names(self.directory.active(*kind, pattern.as_deref())),
            PubsubQuery::Subscribers(kind, names) => {
                Answer::Counts(names.args().iter().map(|name| self.directory.subscribers(*kind, name)).collect())
            }
            PubsubQuery::Patterns => Answer::Counts(vec![self.directory.len(Kind::Pattern) as u64]),
        }
    }

    /// A core noted what the client of question `id` subscribed to: from here on the client hears what that core orders. If the
    /// client is gone, the core is told.
    pub(super) fn joined(&mut self, id: u64, core: CoreId, topics: &[Topic]) {
        let conn = self.asker(id);
        let noted = topics.iter().filter(|topic| topic.concerns(core, &self.map));
        if self.conns.get(conn).is_some() {
            let cores = self.map.cores();
            noted.for_each(|topic| self.audience.join(topic, conn, core, cores));
        } else {
            let noted = noted.cloned().collect();
            self.tell(core.into(), Notice::Left(noted));
        }
    }

    /// A core noted what the client of question `id` unsubscribed from: from here on the client hears nothing that this core orders.
    pub(super) fn parted(&mut self, id: u64, core: CoreId, topics: &[Topic]) {
        let (conn, cores) = (self.asker(id), self.map.cores());
        for topic in topics.iter().filter(|topic| topic.concerns(core, &self.map)) {
            self.audience.part(topic, conn, core, cores);
        }
    }

    /// Ends the subscriptions of this core's clients to shard channels whose slots are another shard's now (§5.4).
    pub(super) fn check_shard_channels(&mut self) {
        let Some(snapshot) = self.owner.shard().snapshot() else { return };
        let lost = self.audience.of_shard_channels().filter(|(name, _)| !is_of_our_shard(&snapshot, Slot::of(name)));
        let mut lost: Vec<(Arc<[u8]>, ConnId)> = lost.map(|(name, client)| (name.clone(), client)).collect();
        lost.sort_unstable();
        for (name, client) in lost {
            self.lose_shard_channel(Topic { kind: Kind::Shard, name }, client);
        }
    }

    /// Ends a client's subscription to a shard channel, and tells it. One that ends it itself hears that by its reply.
    fn lose_shard_channel(&mut self, topic: Topic, client: ConnId) {
        let Some(conn) = self.conns.get_mut(client) else { return };
        let Some(subscriptions) = &mut conn.session.subscriptions else { return };
        if !subscriptions.remove(Kind::Shard, &topic.name) {
            return;
        }
        let (count, mut told) = (subscriptions.counted_with(Kind::Shard), Vec::new());
        confirm(&mut told, conn.session.resp, "sunsubscribe", Some(&topic.name), count);
        let is_answered = subscriptions.replies.is_empty();
        if is_answered {
            conn.session.drop_empty_subscriptions();
        }
        self.push(client, &told);
        let core = self.map.owner(Slot::of(&topic.name));
        if !self.audience.leave(&topic, client, vec![core]).is_empty() {
            self.tell(core.into(), Notice::Left(vec![topic]));
        }
    }

    /// Takes a connection that ends out of everything that it listens to. A core that has not noted a subscription yet is told when
    /// it has (`joined`).
    pub(super) fn forget_subscriptions(&mut self, conn: &mut Conn) {
        let Some(subscriptions) = conn.session.subscriptions.take() else { return };
        let mut left: BTreeMap<CoreId, Vec<Topic>> = BTreeMap::new();
        for topic in subscriptions.all() {
            let concerned = match topic.core(&self.map) {
                Some(core) => vec![core],
                None => (0..self.map.cores()).map(CoreId).collect(),
            };
            let know = self.audience.leave(&topic, conn.id, concerned);
            know.into_iter().for_each(|core| left.entry(core).or_default().push(topic.clone()));
        }
        for (core, topics) in left {
            self.tell(core.into(), Notice::Left(topics));
        }
    }
}
