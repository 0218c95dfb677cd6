//! Start-up: what is stored and what the table says are made to agree before the first client is served.
//!
//! C08, §13.5. First slots without owner that have keys are claimed, then that is saved durably, and only then may keys of slots of
//! others go: a crash in between leaves keys that are still there to be claimed.

use super::Cluster;
use crate::slot_set::SlotSet;
use crate::topics::Topic;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconciled {
    /// Slots that are ours from now on.
    pub claimed: SlotSet,
    /// Slots whose keys go once that is saved: others own them.
    pub foreign: SlotSet,
}

impl Cluster {
    /// Compares the slots that have keys with the table. A replica has what its master has, so nothing is done there.
    pub fn reconcile(&mut self, stored: &SlotSet) -> Reconciled {
        let mut found = Reconciled { claimed: SlotSet::EMPTY, foreign: SlotSet::EMPTY };
        if !self.nodes[self.me].is_master() {
            return found;
        }
        let before = self.slots.count_of(self.me);
        for slot in stored.iter() {
            match self.slots.owner(slot) {
                Some(owner) if owner == self.me => {}
                _ if self.slots.importing(slot).is_some() => {}
                None => {
                    self.slots.add(self.me, slot).expect("it has no owner");
                    found.claimed.insert(slot);
                }
                Some(_) => {
                    found.foreign.insert(slot);
                }
            }
        }
        if !found.claimed.is_empty() {
            self.note(Topic::SlotsClaimed, &found.claimed.to_wire());
            self.note_first_slots(self.me, before);
            self.claims_changed();
        }
        if !found.foreign.is_empty() {
            self.note(Topic::ForeignKeys, &found.foreign.to_wire());
            self.claims_changed();
            self.drop_keys(found.foreign.clone());
        }
        found
    }
}

#[cfg(test)]
#[allow(non_snake_case)]
pub(crate) mod tests {
    use super::*;
    use crate::cluster::world::World;
    use crate::effect::{Effect, SaveSeq};
    use crate::time::UnixMillis;
    use fastrand::Rng;
    use keyspace::slot::Slot;

    /// A node that owns some slots, knows another that owns some, and imports some of these.
    fn node(rng: &mut Rng) -> Cluster {
        let mut world = World::formed(2, 2, 1_000, 1);
        let mut cluster = world.members[0].take().expect("it runs").cluster;
        let other = cluster.nodes().find(&World::id(1)).expect("known");
        for slot in Slot::all() {
            let _ = cluster.slots.remove(slot);
            match rng.u8(..4) {
                0 => drop(cluster.slots.assign(cluster.me, slot)),
                1 => drop(cluster.slots.assign(other, slot)),
                2 => {
                    cluster.slots.assign(other, slot);
                    cluster.slots.set_importing(slot, Some(other));
                }
                _ => {}
            }
        }
        while cluster.poll_effect().is_some() {}
        cluster
    }

    #[test]
    pub(crate) fn FR_P2C_007_U008_claim_then_save_then_delete() {
        for seed in 0..20 {
            let mut rng = Rng::with_seed(seed);
            let mut cluster = node(&mut rng);
            let before = cluster.clone();
            let stored: SlotSet = Slot::all().filter(|_| rng.bool()).collect();
            let found = cluster.reconcile(&stored);
            for slot in Slot::all() {
                let (owner, kept) = (before.slots.owner(slot), stored.contains(slot));
                let free = kept && owner.is_none() && before.slots.importing(slot).is_none();
                assert_eq!(found.claimed.contains(slot), free);
                let foreign = owner.is_some_and(|owner| owner != cluster.me) && before.slots.importing(slot).is_none();
                assert_eq!(found.foreign.contains(slot), kept && foreign);
                assert_eq!(cluster.slots.owner(slot), if free { Some(cluster.me) } else { owner });
            }
            cluster.before_sleep(UnixMillis(1));
            let effects: Vec<Effect> = std::iter::from_fn(|| cluster.poll_effect()).collect();
            assert!(!effects.iter().any(|effect| matches!(effect, Effect::Lost(_))), "nothing goes before the save");
            let save = effects.iter().find_map(|effect| match effect {
                Effect::Save(seq, _, conf) => Some((*seq, conf.clone())),
                _ => None,
            });
            let (seq, conf) = save.expect("it is saved");
            // A crash here: the file has the claims, the keys are all there, and the next start finds nothing to claim.
            let mut again = Cluster::restore(cluster.settings.clone(), &conf, 1, UnixMillis(1));
            assert_eq!(
                again.reconcile(&stored),
                Reconciled { claimed: SlotSet::EMPTY, foreign: found.foreign.clone() }
            );
            cluster.acknowledged(cluster.decided().routes);
            cluster.saved(SaveSeq(seq.0 - 1));
            assert!(cluster.poll_effect().is_none(), "an older save is not enough");
            cluster.saved(seq);
            let lost = std::iter::from_fn(|| cluster.poll_effect()).find_map(|effect| match effect {
                Effect::Lost(slots) => Some(*slots),
                _ => None,
            });
            assert_eq!(lost, Some(found.foreign));
        }
    }

    #[test]
    pub(crate) fn FR_P2C_007_U008_a_replica_keeps_what_it_has() {
        let mut world = World::formed(2, 1, 1_000, 2);
        let stored: SlotSet = Slot::all().collect();
        let found = world.at_node(1, |cluster, _| cluster.reconcile(&stored));
        assert!(found.claimed.is_empty() && found.foreign.is_empty());
    }
}
