//! What a core knows of the cluster: who owns which slot, for routing. It never changes; another one takes its place.
//!
//! §18: the control core makes it, every core holds it, and its version tells one from another. Equal versions are the same
//! snapshot, so what was concluded from one is true as long as the version is the same.
//!
//! Lever LEV-007: the gate's answer for a slot that is ours and not being moved is known with the snapshot and goes with it (§18.7). It is
//! one bit of 2 KiB, where the owner of a slot is a place in 32 KiB: what `benches/gate.rs` and `examples/gate_memo.rs` measure.

use std::collections::BTreeMap;

use keyspace::slot::{SLOTS, Slot};

use crate::address::{Host, Label, Ports};
use crate::conf::PrimaryPort;
use crate::faults::{Fault, planted};
use crate::id::NodeId;
use crate::slot_set::SlotSet;
use crate::wire::Health;

/// Tells snapshots apart. Only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SnapshotVersion(pub u64);

/// A node's place in a snapshot's list of endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointIndex(u16);

/// Where clients are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The node.
    pub id: NodeId,
    /// Its address.
    pub host: Host,
    /// Its host name.
    pub hostname: Option<Label>,
    /// Its ports.
    pub ports: Ports,
}

/// Who owns a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// This node.
    Me,
    /// Another one.
    Other(EndpointIndex),
    /// Nobody.
    Nobody,
}

/// What this node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A master.
    Master,
    /// A replica of this node, if it is known.
    Replica(Option<EndpointIndex>),
}

/// Whether something may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// It may.
    Allowed,
    /// It may not.
    Refused,
}

/// What clients are told where a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreferredEndpoint {
    /// Its address.
    Ip,
    /// Its host name.
    Hostname,
    /// Nothing: where they are connected.
    Unknown,
}

/// Settings that routing depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoutingRules {
    /// `cluster-allow-reads-when-down`.
    pub reads_when_down: Permission,
    /// `cluster-allow-pubsubshard-when-down`.
    pub pubsub_when_down: Permission,
    /// `cluster-preferred-endpoint-type`.
    pub preferred: PreferredEndpoint,
    /// Which port of an endpoint is the first.
    pub primary: PrimaryPort,
}

impl RoutingRules {
    /// Redis's defaults.
    pub const DEFAULT: RoutingRules = RoutingRules {
        reads_when_down: Permission::Refused,
        pubsub_when_down: Permission::Allowed,
        preferred: PreferredEndpoint::Ip,
        primary: PrimaryPort::Tcp,
    };
}

/// How a slot is being moved by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It is not.
    Stable,
    /// From us to this node.
    Migrating(EndpointIndex),
    /// From another node to us.
    Importing,
}

/// Owners as they are kept: places of endpoints, and two that none has.
const ME: u16 = u16::MAX;
const NOBODY: u16 = u16::MAX - 1;

/// What a core knows of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Which one it is.
    pub version: SnapshotVersion,
    /// Whether the cluster serves.
    pub health: Health,
    /// What this node is.
    pub role: Role,
    /// Settings.
    pub rules: RoutingRules,
    owners: Box<[u16]>,
    /// Slots with a mark, so that the others, all but a few, are known by one bit.
    marked: SlotSet,
    /// Slots of ours without a mark.
    settled: SlotSet,
    /// Slots that are nobody's for a moment, until it is decided what becomes of them.
    withheld: SlotSet,
    migrating: BTreeMap<Slot, EndpointIndex>,
    importing: BTreeMap<Slot, EndpointIndex>,
    endpoints: Vec<Endpoint>,
}

impl Snapshot {
    /// Of a node that knows nobody: no slot has an owner, and the cluster does not serve.
    pub fn new(version: SnapshotVersion, rules: RoutingRules) -> Self {
        Self {
            version,
            health: Health::Fail,
            role: Role::Master,
            rules,
            owners: vec![NOBODY; SLOTS].into(),
            marked: SlotSet::EMPTY,
            settled: SlotSet::EMPTY,
            withheld: SlotSet::EMPTY,
            migrating: BTreeMap::new(),
            importing: BTreeMap::new(),
            endpoints: Vec::new(),
        }
    }

    /// Adds a node.
    pub fn add_endpoint(&mut self, endpoint: Endpoint) -> EndpointIndex {
        let index = u16::try_from(self.endpoints.len()).ok().filter(|index| *index < NOBODY);
        self.endpoints.push(endpoint);
        EndpointIndex(index.expect("the table of nodes is smaller than 65,534"))
    }

    /// Says who owns a slot.
    pub fn set_owner(&mut self, slot: Slot, owner: Owner) {
        self.owners[slot.index()] = match owner {
            Owner::Me => ME,
            Owner::Nobody => NOBODY,
            Owner::Other(EndpointIndex(index)) => index,
        };
        self.settle(slot);
    }

    /// Says of a slot that is nobody's that this is for a moment.
    pub fn set_withheld(&mut self, slot: Slot) {
        self.withheld.insert(slot);
    }

    /// Whether it is about to be decided whose a slot is.
    pub fn is_withheld(&self, slot: Slot) -> bool {
        self.withheld.contains(slot)
    }

    /// Says that a slot of ours is being moved to a node.
    pub fn set_migrating(&mut self, slot: Slot, target: EndpointIndex) {
        self.migrating.insert(slot, target);
        self.marked.insert(slot);
        self.settle(slot);
    }

    /// Says that a slot is being moved to us from a node.
    pub fn set_importing(&mut self, slot: Slot, source: EndpointIndex) {
        self.importing.insert(slot, source);
        self.marked.insert(slot);
        self.settle(slot);
    }

    /// Notes whether a slot is settled, now that something was said of it.
    fn settle(&mut self, slot: Slot) {
        let moves = self.marked.contains(slot) && !planted(Fault::SettledWhileMoving);
        if self.owner(slot) == Owner::Me && !moves {
            self.settled.insert(slot);
        } else {
            self.settled.remove(slot);
        }
    }

    /// Who owns a slot.
    #[inline]
    pub fn owner(&self, slot: Slot) -> Owner {
        match self.owners[slot.index()] {
            ME => Owner::Me,
            NOBODY => Owner::Nobody,
            index => Owner::Other(EndpointIndex(index)),
        }
    }

    /// Whether every request on keys of a slot is served here, whatever else is to be said of it: what nearly all of them need to know.
    #[inline]
    pub fn is_settled(&self, slot: Slot) -> bool {
        self.health == Health::Ok && self.settled.contains(slot)
    }

    /// How a slot is being moved. Only an owner migrates it; a mark of importing counts on others, and on an owner without the other.
    #[inline]
    pub fn mark(&self, slot: Slot) -> Mark {
        if !self.marked.contains(slot) {
            return Mark::Stable;
        }
        match self.migrating.get(&slot) {
            Some(target) if self.owner(slot) == Owner::Me => Mark::Migrating(*target),
            _ if self.importing.contains_key(&slot) => Mark::Importing,
            _ => Mark::Stable,
        }
    }

    /// A node.
    pub fn endpoint(&self, index: EndpointIndex) -> &Endpoint {
        &self.endpoints[usize::from(index.0)]
    }
}
