//! The cluster as one core knows it: the snapshot in force, and what the core and the bus thread tell each other.

use std::sync::Arc;

use clusterbus::slot_set::SlotSet;
use clusterbus::snapshot::Snapshot;
use keyspace::limits::Removal;
use keyspace::signals::EventClasses;
use keyspace::slot::Slot;

use crate::ask::Answer;
use crate::mail::Mail;
use crate::pubsub::Publication;
use crate::ring::Ring;
use crate::shard::Shard;

use super::Inner;

impl<R: Ring> Inner<R> {
    /// Takes a snapshot on, unless a newer one is in force.
    pub(super) fn take_routes(&mut self, snapshot: Arc<Snapshot>) {
        let shard = self.owner.shard();
        if shard.routes.as_ref().is_some_and(|routes| routes.version >= snapshot.version) {
            return;
        }
        let version = snapshot.version;
        shard.routes = Some(snapshot);
        let bus = self.bus.expect("who has a snapshot has it from the bus thread");
        self.outboxes.notice(bus, Mail::RoutesTaken(version));
    }

    /// Publishes a message of a client of this node: here, and at the other nodes of the cluster.
    pub(super) fn publish_everywhere(&mut self, publication: Arc<Publication>) -> u64 {
        if let Some(bus) = self.bus {
            self.outboxes.notice(bus, Mail::BusPublish(publication.clone()));
        }
        self.publish(publication)
    }

    /// Which slots of this core have keys, and how many keys databases have that a cluster does not know.
    pub(super) fn slot_keys(&mut self) -> Answer {
        let keyspace = &self.owner.shard().keyspace;
        let first = keyspace.db(0).expect("there is a first database");
        let slots: SlotSet = keyspace.filled(first, 0).map(|(slot, _)| slot).collect();
        let others = (1..keyspace.databases()).filter_map(|number| keyspace.db(number));
        let elsewhere = others.map(|db| keyspace.totals(db).keys).sum();
        Answer::SlotKeys(Box::new(slots), elsewhere)
    }

    /// Drops all keys of these slots.
    pub(super) fn drop_slots(&mut self, slots: &SlotSet) -> Answer {
        let map = self.map.clone();
        let own = slots.iter().filter(|slot| map.owner(*slot) == self.id);
        let shard = self.owner.shard();
        shard.acting = 0;
        let dropped = own.map(|slot| drop_slot(shard, slot)).sum();
        shard.hear();
        shard.serve_ready();
        Answer::Count(dropped)
    }
}

/// Deletes the keys of a slot, and tells of each as if a client had deleted it.
fn drop_slot(shard: &mut Shard, slot: Slot) -> u64 {
    let keyspace = &mut shard.keyspace;
    let db = keyspace.db(0).expect("there is a first database");
    let keys: Vec<Box<[u8]>> =
        keyspace.table(db, slot).into_iter().flat_map(|table| table.iter()).map(|entry| entry.key().into()).collect();
    for bytes in &keys {
        let key = keyspace.key(bytes);
        let place = keyspace.locate(db, &key).expect("it was just there");
        keyspace.discard(db, slot, key.hash, place, Removal::Server);
        keyspace.stats.changes += 1;
        keyspace.modified(db, &key);
        keyspace.notify(db, EventClasses::GENERIC, "del", &key);
    }
    if shard.log.is_some() {
        keys.iter().for_each(|key| shard.log_apart(vec![[&b"DEL"[..], key].into_iter().collect()]));
    }
    keys.len() as u64
}
