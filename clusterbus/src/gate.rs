//! The gate: who serves a command. One pure function.
//!
//! C02, C03, §4.2: the order of its rules is the contract. It is fed the commands and keys of a request (several commands for EXEC)
//! and then decides. Any doubt is a redirect or an error: nothing here ends in [`Decision::Local`] but by a rule that says so.

use std::num::Saturating;

use keyspace::slot::Slot;

use crate::faults::{Fault, planted};
use crate::snapshot::{EndpointIndex, Mark, Owner, Permission, Role, Snapshot};
use crate::wire::Health;

/// Who serves a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// This node.
    Local,
    /// Another node, for good.
    Moved(Slot, EndpointIndex),
    /// Another node, this time.
    Ask(Slot, EndpointIndex),
    /// Nobody: its keys are of different slots.
    CrossSlot,
    /// Nobody for the moment: its keys are on two nodes.
    Unstable,
    /// Nobody: the slot has no owner.
    Unassigned,
    /// Nobody: the cluster is down.
    Down,
    /// Nobody: the cluster is down and this is a write.
    DownReadOnly,
}

/// Whether a request writes. EXEC writes if one of its commands does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It does not.
    Read,
    /// It does.
    Write,
}

/// What a command's "keys" are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Keys.
    Keys,
    /// Channels: of PUBLISH, SPUBLISH, SUBSCRIBE, PSUBSCRIBE and SSUBSCRIBE.
    Channels,
}

/// Commands that the gate treats in their own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// All others.
    Ordinary,
    /// MIGRATE: it moves keys of open slots.
    Migrate,
    /// RESTORE-ASKING: brings its ASKING along.
    RestoreAsking,
}

/// What a client said of itself. §5.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ClientModes {
    /// ASKING, for the next command.
    pub asking: bool,
    /// READONLY.
    pub readonly: bool,
}

/// What is known of a request beside its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Whether it writes.
    pub access: Access,
    /// Which command it is.
    pub verb: Verb,
    /// Whose it is.
    pub modes: ClientModes,
}

/// Whether a key is there: neither missing nor expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is.
    Present,
    /// It is not.
    Absent,
}

/// A decision that is being made: the keys of a request so far.
#[derive(Clone, Copy, Debug)]
pub struct Gate<'s, 'k> {
    snapshot: &'s Snapshot,
    first: Option<First<'k>>,
    /// What was decided before the last key.
    decided: Option<Decision>,
    topic: Topic,
    /// Whether a later key is another one than the first.
    several: bool,
    present: Saturating<u32>,
    absent: Saturating<u32>,
}

/// The first key, and what its slot is.
#[derive(Clone, Copy, Debug)]
struct First<'k> {
    key: &'k [u8],
    slot: Slot,
    owner: Owner,
    mark: Mark,
}

impl<'s, 'k> Gate<'s, 'k> {
    /// Nothing is known of the request.
    #[inline]
    pub fn new(snapshot: &'s Snapshot) -> Self {
        let none = Saturating(0);
        Self { snapshot, first: None, decided: None, topic: Topic::Keys, several: false, present: none, absent: none }
    }

    /// A command of the request begins. Once one of them has channels, no key is looked for any more (§4.2, 3).
    #[inline]
    pub fn command(&mut self, topic: Topic) {
        if topic == Topic::Channels {
            self.topic = topic;
        }
    }

    /// A key of the command. `presence` is asked only where the slot is being moved.
    #[inline]
    pub fn key(&mut self, key: &'k [u8], presence: impl FnOnce() -> Presence) {
        if self.decided.is_some() {
            return;
        }
        let slot = Slot::of(key);
        let mark = match &self.first {
            None => {
                let owner = self.snapshot.owner(slot);
                let down = planted(Fault::DownBeforeUnassigned) && self.snapshot.health == Health::Fail;
                if owner == Owner::Nobody && !down {
                    self.decided = Some(Decision::Unassigned);
                    return;
                }
                let mark = self.snapshot.mark(slot);
                self.first = Some(First { key, slot, owner, mark });
                mark
            }
            Some(first) if first.slot != slot && !planted(Fault::CrossSlotTaken) => {
                self.decided = Some(Decision::CrossSlot);
                return;
            }
            Some(first) => {
                self.several |= first.key != key;
                first.mark
            }
        };
        if mark != Mark::Stable && self.topic == Topic::Keys {
            match presence() {
                Presence::Present => self.present += 1,
                Presence::Absent => self.absent += 1,
            }
        }
    }

    /// The slot of the request, once a key is known.
    pub fn slot(&self) -> Option<Slot> {
        self.first.map(|first| first.slot)
    }

    /// Who serves it.
    #[inline]
    pub fn decide(&self, request: &Request) -> Decision {
        if let Some(decision) = self.decided {
            return decision;
        }
        let Some(First { slot, owner, mark, .. }) = self.first else {
            return Decision::Local;
        };
        if self.snapshot.health == Health::Fail
            && let Some(decision) = self.when_down(request.access)
        {
            return decision;
        }
        if mark != Mark::Stable
            && !planted(Fault::MovingSlotServed)
            && let Some(decision) = self.while_moving(slot, mark, request)
        {
            return decision;
        }
        match owner {
            Owner::Me => Decision::Local,
            Owner::Other(other) if self.may_read_here(other, request) => Decision::Local,
            Owner::Other(other) => Decision::Moved(slot, other),
            Owner::Nobody => Decision::Unassigned,
        }
    }

    /// Rule 6: what the settings leave of a cluster that is down.
    fn when_down(&self, access: Access) -> Option<Decision> {
        let rules = &self.snapshot.rules;
        match (self.topic, access) {
            (Topic::Channels, _) => (rules.pubsub_when_down == Permission::Refused).then_some(Decision::Down),
            (Topic::Keys, _) if rules.reads_when_down == Permission::Refused => Some(Decision::Down),
            (Topic::Keys, Access::Write) => Some(Decision::DownReadOnly),
            (Topic::Keys, Access::Read) => None,
        }
    }

    /// Rules 8 to 10: a slot that is on two nodes.
    fn while_moving(&self, slot: Slot, mark: Mark, request: &Request) -> Option<Decision> {
        if request.verb == Verb::Migrate {
            return Some(Decision::Local);
        }
        let (some_absent, some_present) = (self.absent.0 > 0, self.present.0 > 0);
        match mark {
            Mark::Migrating(_) if some_absent && some_present => Some(Decision::Unstable),
            Mark::Migrating(target) => some_absent.then_some(Decision::Ask(slot, target)),
            Mark::Importing if !request.modes.asking && request.verb != Verb::RestoreAsking => None,
            Mark::Importing if self.several && some_absent => Some(Decision::Unstable),
            Mark::Importing => Some(Decision::Local),
            Mark::Stable => None,
        }
    }

    /// Rule 11: a replica serves what its master owns to those who want to read.
    fn may_read_here(&self, owner: EndpointIndex, request: &Request) -> bool {
        let asked = request.modes.readonly || self.topic == Topic::Channels;
        asked
            && (request.access == Access::Read || planted(Fault::ReplicaWrites))
            && self.snapshot.role == Role::Replica(Some(owner))
    }
}

/// The decision for a command with one key in a slot that is not being moved, which is nearly every one.
#[inline]
pub fn decide_key(snapshot: &Snapshot, key: &[u8], request: &Request, presence: impl FnOnce() -> Presence) -> Decision {
    let mut gate = Gate::new(snapshot);
    gate.key(key, presence);
    gate.decide(request)
}

/// What becomes of a client that waits on keys of `slot`, now that the snapshot is this: `None` if it goes on waiting (C05, §5.3).
///
/// Redis applies no exception for reads while the cluster is down here; nor do we.
pub fn decide_waiting(snapshot: &Snapshot, slot: Slot, modes: ClientModes, access: Access) -> Option<Decision> {
    if snapshot.health == Health::Fail {
        return Some(Decision::Down);
    }
    match snapshot.owner(slot) {
        Owner::Me => None,
        _ if snapshot.mark(slot) == Mark::Importing => None,
        // Whose the slot is they hear when that is decided.
        _ if snapshot.is_withheld(slot) => None,
        Owner::Nobody => Some(Decision::Unassigned),
        Owner::Other(owner) => {
            let reads_here = modes.readonly && access == Access::Read && snapshot.role == Role::Replica(Some(owner));
            (!reads_here && !planted(Fault::WaitsForEver)).then_some(Decision::Moved(slot, owner))
        }
    }
}
