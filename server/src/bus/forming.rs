//! A cluster that the configuration describes forms by itself: every node is started with the same description and does its part.
//!
//! A new node takes the epoch of its place in the description, meets whom it does not know, and once it has met a majority it claims
//! those of its slots that nobody owns. From then on `nodes.conf` counts and the description does nothing, so a restart changes
//! nothing. A node that lost its file is new again, but its epoch is as old as the cluster: whoever took slots since keeps them.

use clusterbus::address::Address;
use clusterbus::cluster::Cluster;
use clusterbus::conf::NodesConf;
use clusterbus::epoch::Epoch;
use clusterbus::quorum::quorum;
use clusterbus::slot_set::SlotSet;
use clusterbus::time::UnixMillis;
use keyspace::slot::Slot;

use super::driver::Bus;
use crate::config::Described;

/// A described cluster, and how far it is.
#[derive(Clone, Debug)]
pub(super) struct Forming {
    described: Described,
    stage: Stage,
}

/// How far a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It meets the others, and has claimed nothing.
    Meeting,
    /// It has claimed its slots, and does not know all others.
    Claimed,
    /// It is a node like any other.
    Formed,
}

impl Forming {
    /// What is to be done by a node that knows what `conf` says. A node that has not done its part does it, whenever it was stopped.
    pub(super) fn new(described: Described, conf: Option<&NodesConf>) -> Forming {
        let mut forming = Forming { described, stage: Stage::Meeting };
        let me = conf.and_then(|conf| conf.nodes.iter().find(|node| node.id == conf.myself));
        if me.is_some_and(|me| !me.slots.is_empty() || me.config_epoch != forming.my_epoch()) {
            forming.stage = Stage::Formed;
        }
        forming
    }

    /// Where the description says that this node is.
    pub(super) fn my_address(&self) -> Address {
        self.described.nodes[self.described.me].address
    }

    /// The epoch of this node's place: no two nodes have the same, so none has to give way.
    pub(super) fn my_epoch(&self) -> Epoch {
        Epoch::stored(self.described.me as u64 + 1).expect("a cluster has few nodes")
    }

    /// Does what is due.
    fn go_on(&mut self, cluster: &mut Cluster, now: UnixMillis) {
        if self.stage == Stage::Formed {
            return;
        }
        let others = self.described.nodes.iter().enumerate().filter(|(index, _)| *index != self.described.me);
        let strangers: Vec<Address> =
            others.map(|(_, node)| node.address).filter(|address| !knows(cluster, *address)).collect();
        strangers.iter().for_each(|address| cluster.meet(*address, now));
        let count = self.described.nodes.len();
        if self.stage == Stage::Meeting && count - strangers.len() >= quorum(count) {
            claim(cluster, &self.described.nodes[self.described.me].slots);
            self.stage = Stage::Claimed;
        }
        if self.stage == Stage::Claimed && strangers.is_empty() {
            self.stage = Stage::Formed;
            tracing::info!("This node has done its part of forming the cluster that the configuration describes.");
        }
    }
}

/// Whether the node at an address has introduced itself.
fn knows(cluster: &Cluster, address: Address) -> bool {
    let there = |other: &Address| other.host == address.host && other.ports.bus == address.ports.bus;
    cluster.nodes().iter().any(|(_, node)| !node.in_handshake() && there(&node.address))
}

/// Claims the slots of these that nobody owns.
fn claim(cluster: &mut Cluster, slots: &SlotSet) {
    let free: Vec<Slot> = slots.iter().filter(|slot| cluster.slots().owner(*slot).is_none()).collect();
    if free.len() < slots.len() {
        tracing::warn!("{} slots of this node's entry belong to other nodes already.", slots.len() - free.len());
    }
    if !free.is_empty() {
        cluster.add_slots(free).expect("they have no owner, and each is there once");
    }
}

impl Bus {
    /// Does this node's part of forming the cluster, as far as it is due.
    pub(super) fn form(&mut self) {
        let now = self.clock.now();
        if let Some(forming) = &mut self.forming {
            forming.go_on(&mut self.cluster, now);
        }
    }
}
