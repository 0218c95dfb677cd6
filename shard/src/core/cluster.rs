//! The cluster as one core knows it: the snapshot in force, and what the core and the bus thread tell each other.

use std::sync::Arc;

use clusterbus::slot_set::SlotSet;
use clusterbus::snapshot::{RoutingRules, Snapshot, SnapshotVersion};
use keyspace::slot::Slot;
use keyspace::store::{Db, Keyspace};

use crate::ask::Answer;
use crate::cluster::routes::{Routes, is_of_our_shard};
use crate::cluster::stats::SlotUse;
use crate::cluster::usage::Usage;
use crate::mail::Mail;
use crate::mesh::Mesh;
use crate::pubsub::Publication;
use crate::ring::Ring;
use crate::shard::Shard;
use crate::unit::Grant;

use super::Inner;

/// How far the beats of the bus thread are apart at most while nothing is amiss, in microseconds: two of its ticks.
const BEAT_US_MAX: u64 = 200_000;

impl<R: Ring> Inner<R> {
    /// A node of a cluster serves nothing until it is told what.
    pub(super) fn begin_cluster(&mut self) {
        if self.bus.is_some() {
            let snapshot = Snapshot::new(SnapshotVersion(0), RoutingRules::DEFAULT);
            self.owner.shard().routes = Some(Routes::new(Arc::new(snapshot)));
        }
    }

    /// Looks whether the bus thread is at work. Who stood still for longer than the node timeout, this core or that thread, does not know
    /// what has become of the cluster, and the core may run first.
    pub(super) fn heed_bus(&mut self, mesh: &Mesh<Shard>) {
        let beat_us = mesh.bus_beat_us().get();
        let patience_us = self.settings.cluster_node_timeout.saturating_mul(1_000).saturating_add(BEAT_US_MAX);
        self.bus_is_late = beat_us > 0 && self.now.monotonic_us.saturating_sub(beat_us) > patience_us;
        let routes = self.owner.shard().routes.as_mut().expect("a node of a cluster has a snapshot");
        if self.bus_is_late { routes.suspend() } else { routes.resume() }
    }

    /// Takes a snapshot on, unless a newer one is in force.
    pub(super) fn take_routes(&mut self, snapshot: Arc<Snapshot>) {
        let Shard { routes, loans, holds, usage, .. } = self.owner.shard();
        let routes = routes.as_mut().expect("only a node of a cluster is told of routes");
        let old = routes.snapshot.clone();
        let taken = routes.take(snapshot, loans, holds);
        if let Some(usage) = usage.as_mut().filter(|_| taken) {
            usage.forget(|slot| is_of_our_shard(&old, slot) != is_of_our_shard(&routes.snapshot, slot));
        }
        self.routes_changed |= taken;
    }

    /// Goes by what an owner that granted slots knows of the cluster, if that is newer.
    pub(super) fn follow_routes(&mut self, grant: &mut Grant) {
        if let Some(snapshot) = grant.routes.take() {
            self.take_routes(snapshot);
        }
    }

    /// Another snapshot came into force: who waits for keys or listens to channels that were lost hears of it in the same turn.
    pub(super) fn heed_routes(&mut self, mesh: &Mesh<Shard>) {
        if std::mem::take(&mut self.routes_changed) {
            self.sweep_routes(mesh);
        }
    }

    /// Looks for clients that wait for keys or listen to channels that are not this node's.
    pub(super) fn sweep_routes(&mut self, mesh: &Mesh<Shard>) {
        if self.is_clustered() {
            self.check_waiting(mesh);
            self.check_shard_channels();
        }
    }

    /// Tells the bus thread of the snapshot in force, once nothing works under an older one any more.
    pub(super) fn acknowledge_routes(&mut self) {
        let Shard { routes, loans, holds, .. } = self.owner.shard();
        if let Some(version) = routes.as_mut().and_then(|routes| routes.said(loans, holds)) {
            let bus = self.bus.expect("a node of a cluster has a bus thread");
            self.outboxes.notice(bus, Mail::RoutesTaken(version));
        }
    }

    /// Publishes a message of a client of this node: here, and at the other nodes of the cluster.
    pub(super) fn publish_everywhere(&mut self, publication: Arc<Publication>) -> u64 {
        if let Some(bus) = self.bus {
            // As for nodes that cannot be reached: who misses a message is not told.
            let _ = self.outboxes.publish(bus, &publication);
        }
        self.publish(publication)
    }

    /// How many keys a slot of this core has, those included whose time is over.
    pub(super) fn count_in_slot(&mut self, slot: Slot) -> Answer {
        Answer::Count(keys_in(&self.owner.shard().keyspace, slot))
    }

    /// So many keys of a slot of this core.
    pub(super) fn keys_in_slot(&mut self, slot: Slot, count: usize) -> Answer {
        let keyspace = &self.owner.shard().keyspace;
        let table = keyspace.table(first(keyspace), slot);
        let keys = table.into_iter().flat_map(|table| table.iter()).take(count);
        Answer::Names(keys.map(|entry| entry.key().into()).collect())
    }

    /// How the slots are used that the node or its master owns: those of this core, and of others what its commands took.
    pub(super) fn slot_stats(&mut self) -> Answer {
        let map = &self.map;
        let shard = self.owner.shard();
        let Some(snapshot) = shard.snapshot() else { return Answer::SlotStats(Vec::new()) };
        let keyspace = &shard.keyspace;
        let used = |slot: Slot| {
            let usage = shard.usage.as_ref().map_or(Usage::default(), |usage| usage.of(slot));
            if map.owner(slot) != shard.core {
                return (usage != Usage::default()).then_some(SlotUse { slot, keys: 0, bytes: 0, usage });
            }
            let bytes = keyspace.table(first(keyspace), slot).map_or(0, |table| table.heap_bytes());
            Some(SlotUse { slot, keys: keys_in(keyspace, slot), bytes, usage })
        };
        Answer::SlotStats(Slot::all().filter(|slot| is_of_our_shard(&snapshot, *slot)).filter_map(used).collect())
    }

    /// Which slots of this core have keys, and how many keys databases have that a cluster does not know.
    pub(super) fn slot_keys(&mut self) -> Answer {
        let keyspace = &self.owner.shard().keyspace;
        let slots: SlotSet = keyspace.filled(first(keyspace), 0).map(|(slot, _)| slot).collect();
        let others = (1..keyspace.databases()).filter_map(|number| keyspace.db(number));
        let elsewhere = others.map(|db| keyspace.totals(db).keys).sum();
        Answer::SlotKeys(Box::new(slots), elsewhere)
    }
}

/// The one database of a cluster.
pub(super) fn first(keyspace: &Keyspace) -> Db {
    keyspace.db(0).expect("there is a first database")
}

fn keys_in(keyspace: &Keyspace, slot: Slot) -> u64 {
    keyspace.table(first(keyspace), slot).map_or(0, |table| table.len() as u64)
}
