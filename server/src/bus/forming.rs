//! A cluster that the configuration describes forms by itself: every node is started with the same description and does its part.
//!
//! A node takes part until it owns its slots under an epoch of its own; from then on `nodes.conf` counts and the description does
//! nothing, so a restart changes nothing. It meets whom it does not know, and claims its slots once it has met a majority, those
//! that nobody owns. Claims begin with epoch 0: whoever owned a slot before, and a cluster that was formed owns all of them with later
//! epochs, keeps it. So a node that lost its file takes nothing from the others.

use clusterbus::address::Address;
use clusterbus::cluster::Cluster;
use clusterbus::conf::NodesConf;
use clusterbus::epoch::Epoch;
use clusterbus::quorum::quorum;
use clusterbus::slot_set::SlotSet;
use clusterbus::time::UnixMillis;
use clusterbus::wire::Health;
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
    /// It has claimed its slots, and has no epoch of its own.
    Claimed,
    /// It is a node like any other.
    Formed,
}

impl Forming {
    /// What is to be done by a node that knows what `conf` says. A node that has not done its part does it, whenever it was stopped.
    pub(super) fn new(described: Described, conf: Option<&NodesConf>) -> Forming {
        let me = conf.and_then(|conf| conf.nodes.iter().find(|node| node.id == conf.myself));
        let stage = match me {
            Some(me) if me.config_epoch != Epoch::ZERO => Stage::Formed,
            Some(me) if !me.slots.is_empty() => Stage::Claimed,
            _ => Stage::Meeting,
        };
        Forming { described, stage }
    }

    /// Where the description says that this node is.
    pub(super) fn my_address(&self) -> Address {
        self.described.nodes[self.described.me].address
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
        if self.stage == Stage::Claimed && strangers.is_empty() && cluster.health() == Health::Ok {
            if cluster.nodes()[cluster.me()].config_epoch == Epoch::ZERO {
                cluster.bump();
            }
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
