//! Lever LEV-007: the gate's answers for slots that are not being moved, remembered.
//!
//! The key is the slot, the snapshot's version, whether the command writes, and what the client said of itself. Equal versions are the
//! same snapshot, so an answer holds as long as its version does, and all of them go with it (§18.7). What depends on which keys are
//! there is never kept. What it gains is measured by `benches/gate.rs` and `examples/gate_memo.rs`: where it gains nothing the plain
//! gate is used.

use keyspace::slot::{SLOTS, Slot};

use crate::faults::{Fault, planted};
use crate::gate::{Access, ClientModes, Decision, Presence, Request, decide_key};
use crate::snapshot::{EndpointIndex, Mark, Snapshot, SnapshotVersion};

/// Kinds of requests that may have different answers: reads and writes, with each word of a client.
const CLASSES: usize = 8;

/// Answers as they are kept: these, and from [`MOVED`] on the places of endpoints.
const UNKNOWN: u16 = 0;
const LOCAL: u16 = 1;
const UNASSIGNED: u16 = 2;
const DOWN: u16 = 3;
const DOWN_READ_ONLY: u16 = 4;
const MOVED: u16 = 5;

/// What the gate answered under one snapshot: 32 KiB for each class of requests that came.
#[derive(Clone, Debug, Default)]
pub struct GateMemo {
    version: Option<SnapshotVersion>,
    answers: [Option<Box<[u16]>>; CLASSES],
    computed: u64,
}

impl GateMemo {
    /// As [`decide_key`]: the same answer.
    #[inline]
    pub fn decide_key(
        &mut self,
        snapshot: &Snapshot,
        key: &[u8],
        request: &Request,
        presence: impl FnOnce() -> Presence,
    ) -> Decision {
        let slot = Slot::of(key);
        match self.known(snapshot, slot, request) {
            Some(decision) => decision,
            None => self.compute(snapshot, slot, key, request, presence),
        }
    }

    /// The answer for a slot, if it is known.
    #[inline]
    pub fn known(&self, snapshot: &Snapshot, slot: Slot, request: &Request) -> Option<Decision> {
        if self.version != Some(snapshot.version) && !planted(Fault::MemoOutlivesSnapshot) {
            return None;
        }
        match self.answers[class_of(request)].as_ref()?[slot.index()] {
            UNKNOWN => None,
            LOCAL => Some(Decision::Local),
            UNASSIGNED => Some(Decision::Unassigned),
            DOWN => Some(Decision::Down),
            DOWN_READ_ONLY => Some(Decision::DownReadOnly),
            moved => Some(Decision::Moved(slot, EndpointIndex::from_number(moved - MOVED))),
        }
    }

    /// How many answers were computed.
    pub fn computed(&self) -> u64 {
        self.computed
    }

    #[cold]
    fn compute(
        &mut self,
        snapshot: &Snapshot,
        slot: Slot,
        key: &[u8],
        request: &Request,
        presence: impl FnOnce() -> Presence,
    ) -> Decision {
        self.computed += 1;
        let decision = decide_key(snapshot, key, request, presence);
        if snapshot.mark(slot) != Mark::Stable {
            return decision;
        }
        if self.version != Some(snapshot.version) {
            self.version = Some(snapshot.version);
            self.answers.iter_mut().flatten().for_each(|answers| answers.fill(UNKNOWN));
        }
        let answer = match decision {
            Decision::Local => LOCAL,
            Decision::Unassigned => UNASSIGNED,
            Decision::Down => DOWN,
            Decision::DownReadOnly => DOWN_READ_ONLY,
            Decision::Moved(_, endpoint) => endpoint.number().checked_add(MOVED).unwrap_or(UNKNOWN),
            // Answers of several keys, or of slots that are being moved: they are not kept.
            Decision::Ask(..) | Decision::CrossSlot | Decision::Unstable => UNKNOWN,
        };
        let answers = self.answers[class_of(request)].get_or_insert_with(|| vec![UNKNOWN; SLOTS].into());
        answers[slot.index()] = answer;
        decision
    }
}

fn class_of(request: &Request) -> usize {
    let ClientModes { asking, readonly } = request.modes;
    usize::from(request.access == Access::Write) | usize::from(asking) << 1 | usize::from(readonly) << 2
}

#[cfg(test)]
#[allow(non_snake_case)]
pub(crate) mod tests {
    use super::*;
    use crate::address::{Host, Ports};
    use crate::gate::Verb;
    use crate::id::NodeId;
    use crate::snapshot::{Endpoint, Owner, Permission, Role, RoutingRules};
    use crate::wire::Health;

    /// Any snapshot over a few slots and nodes.
    fn snapshot(rng: &mut fastrand::Rng, version: u64, slots: &[Slot]) -> Snapshot {
        let refused = |rng: &mut fastrand::Rng| if rng.bool() { Permission::Refused } else { Permission::Allowed };
        let rules = RoutingRules { reads_when_down: refused(rng), ..RoutingRules::DEFAULT };
        let mut snapshot = Snapshot::new(SnapshotVersion(version), rules);
        let ports = Ports { client: 1, other: 0, bus: 2 };
        let endpoint = |n| Endpoint { id: NodeId::from_entropy([n; 20]), host: Host::UNKNOWN, hostname: None, ports };
        let others: Vec<EndpointIndex> = (0..3).map(|n| snapshot.add_endpoint(endpoint(n))).collect();
        for slot in slots {
            let other = others[rng.usize(..3)];
            snapshot.set_owner(*slot, [Owner::Me, Owner::Other(other), Owner::Nobody][rng.usize(..3)]);
            match rng.u8(..6) {
                0 => snapshot.set_migrating(*slot, other),
                1 => snapshot.set_importing(*slot, other),
                _ => {}
            }
        }
        snapshot.health = [Health::Ok, Health::Ok, Health::Fail][rng.usize(..3)];
        snapshot.role = [Role::Master, Role::Replica(Some(others[0]))][rng.usize(..2)];
        snapshot
    }

    #[test]
    pub(crate) fn FR_P2C_007_U003_the_memo_answers_as_the_plain_gate() {
        let mut rng = fastrand::Rng::with_seed(7);
        let keys: Vec<String> = (0..40).map(|n| format!("key:{n}")).collect();
        let slots: Vec<Slot> = keys.iter().map(|key| Slot::of(key.as_bytes())).collect();
        let mut memo = GateMemo::default();
        let mut asked = 0;
        for version in 0..2_000 {
            let snapshot = snapshot(&mut rng, version, &slots);
            for _ in 0..rng.usize(..200) {
                let key = keys[rng.usize(..keys.len())].as_bytes();
                let request = Request {
                    access: [Access::Read, Access::Write][rng.usize(..2)],
                    verb: [Verb::Ordinary, Verb::Ordinary, Verb::Migrate, Verb::RestoreAsking][rng.usize(..4)],
                    modes: ClientModes { asking: rng.bool(), readonly: rng.bool() },
                };
                // Keys come and go without a new snapshot.
                let presence = [Presence::Present, Presence::Absent][rng.usize(..2)];
                let plain = decide_key(&snapshot, key, &request, || presence);
                assert_eq!(memo.decide_key(&snapshot, key, &request, || presence), plain, "{request:?} {presence:?}");
                asked += 1;
            }
        }
        assert!(memo.computed() < asked, "some were remembered");
    }
}
