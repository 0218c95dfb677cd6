//! Claims of slots, config epochs, and what becomes of those who lose.
//!
//! C09, C14, §10. A claim with a greater epoch wins; two masters with one epoch part; who lost its last slot follows the winner.

use keyspace::slot::Slot;

use super::Cluster;
use crate::effect::{Alarm, Durability, Effect};
use crate::epoch::Epoch;
use crate::faults::{Fault, planted};
use crate::slot_set::SlotSet;
use crate::slot_table::{NodeIndex, SlotClaim};
use crate::snapshot::Permission;
use crate::topics::Topic;
use crate::wire::Claim;

impl Cluster {
    /// `claimer` says that these slots are its own, with this epoch (§10.1).
    pub(super) fn hear_claim(&mut self, claimer: NodeIndex, epoch: Epoch, claimed: &SlotSet) {
        let Some(mine) = self.my_master().filter(|_| claimer != self.me) else { return };
        let mut moved_from_us = SlotSet::EMPTY;
        let mut moved_from_mine = 0;
        let (mut moved, before) = (false, self.slots.count_of(claimer));
        for slot in Slot::all() {
            let owner = self.slots.owner(slot);
            if !claimed.contains(slot) {
                if owner == Some(claimer) {
                    self.slots.note_claim(slot, SlotClaim::Dropped);
                }
                continue;
            }
            if owner == Some(claimer) {
                self.slots.note_claim(slot, SlotClaim::Claimed);
                continue;
            }
            let older = |owner: NodeIndex| self.nodes[owner].config_epoch < epoch || planted(Fault::OldClaimsWin);
            let free = self.slots.unclaimed(slot) || owner.is_some_and(older);
            // A slot that is being imported by hand is closed by hand.
            if !free || self.slots.importing(slot).is_some() {
                continue;
            }
            self.slots.assign(claimer, slot);
            moved = true;
            moved_from_mine += usize::from(owner == Some(mine));
            if owner == Some(self.me) {
                moved_from_us.insert(slot);
                self.slots.set_migrating(slot, None);
            }
        }
        if moved {
            self.note_first_slots(claimer, before);
            self.changed(Durability::Synced);
        }
        self.follow_claims(claimer, mine, claimed, moved_from_mine, moved_from_us);
    }

    /// What a claim means for our own role.
    fn follow_claims(
        &mut self,
        claimer: NodeIndex,
        mine: NodeIndex,
        claimed: &SlotSet,
        moved_from_mine: usize,
        moved_from_us: SlotSet,
    ) {
        let all_lost = moved_from_mine > 0 && self.slots.count_of(mine) == 0;
        let wanted = self.settings.replica_migration == Permission::Allowed || claimed.len() == moved_from_mine;
        let allowed = wanted && self.settings.replication == Permission::Allowed && !planted(Fault::StaysBehind);
        if all_lost && allowed {
            self.follow(claimer);
        } else if !moved_from_us.is_empty() {
            self.claims_changed();
            self.drop_keys(moved_from_us);
        }
    }

    /// A replica whose master has become a replica follows whom that follows: there are no chains.
    pub(super) fn leave_chain(&mut self) {
        let Some(master) = self.nodes[self.me].master.filter(|master| !self.nodes[*master].is_master()) else { return };
        let grandmaster = self.nodes[master].master.filter(|other| *other != self.me && !planted(Fault::ChainKept));
        if let Some(grandmaster) = grandmaster {
            self.follow(grandmaster);
        }
    }

    /// UPDATE: somebody says what a node owns.
    pub(super) fn hear_update(&mut self, claim: &Claim) {
        let Some(owner) = self.nodes.find(&claim.owner) else { return };
        // Nobody else makes a master of this node.
        let promotes_me = owner == self.me && !self.nodes[self.me].is_master();
        if promotes_me || self.nodes[owner].config_epoch > claim.config_epoch {
            return;
        }
        if self.nodes[owner].config_epoch == claim.config_epoch {
            return self.hear_more(owner, claim);
        }
        self.current_epoch.raise(claim.config_epoch);
        if !self.nodes[owner].is_master() {
            self.become_recorded_master(owner);
        }
        self.nodes[owner].config_epoch = claim.config_epoch;
        if owner == self.me {
            self.claims_changed();
        }
        self.changed(Durability::Synced);
        self.hear_claim(owner, claim.config_epoch, &claim.slots);
    }

    /// UPDATE of an epoch that is known: the owner may have taken slots since without a new epoch, if it had the greatest already. Redis
    /// ignores it, and a replica that missed such a move is refused every vote. What is not in it may be newer, so nothing is dropped.
    fn hear_more(&mut self, owner: NodeIndex, claim: &Claim) {
        if planted(Fault::EqualUpdateIgnored) || !self.nodes[owner].is_master() {
            return;
        }
        let mut slots = claim.slots.clone();
        self.slots.slots_of(owner).iter().for_each(|slot| {
            slots.insert(slot);
        });
        self.hear_claim(owner, claim.config_epoch, &slots);
    }

    /// The owner with the greatest right among slots that `claimed` holds and that a later epoch owns: whom to tell about.
    pub(super) fn stale_claim(&self, sender: NodeIndex, epoch: Epoch, claimed: &SlotSet) -> Option<NodeIndex> {
        let claimer = if self.nodes[sender].is_master() { Some(sender) } else { self.nodes[sender].master };
        let owned = claimer.map(|claimer| self.slots.slots_of(claimer));
        let differing = owned.map_or_else(|| claimed.clone(), |owned| owned.differing(claimed));
        differing.iter().filter(|slot| claimed.contains(*slot) && !self.slots.unclaimed(*slot)).find_map(|slot| {
            let owner = self.slots.owner(slot).filter(|owner| *owner != sender)?;
            (self.nodes[owner].config_epoch > epoch).then_some(owner)
        })
    }

    /// Two masters with one config epoch: the one with the smaller name takes a new one (C09, §10.3).
    pub(super) fn part_from(&mut self, sender: NodeIndex) {
        let (me, other) = (&self.nodes[self.me], &self.nodes[sender]);
        if other.id <= me.id || planted(Fault::CollisionIgnored) {
            return;
        }
        let other = other.id;
        self.current_epoch = self.current_epoch.next();
        self.nodes[self.me].config_epoch = self.current_epoch;
        self.claims_changed();
        self.outbox.push(Effect::Alarm(Alarm::EpochCollision(other)));
        self.note(Topic::EpochCollision, other.bytes());
    }

    /// Takes a config epoch that is greater than all that are known, without asking anybody (§10.2). Returns whether it had to.
    pub(super) fn bump_epoch(&mut self) -> bool {
        let greatest = self.nodes.iter().map(|(_, node)| node.config_epoch).max().unwrap_or(Epoch::ZERO);
        let greatest = greatest.max(self.current_epoch);
        let mine = self.nodes[self.me].config_epoch;
        if mine != Epoch::ZERO && mine == greatest {
            return false;
        }
        self.current_epoch = greatest.next();
        self.nodes[self.me].config_epoch = self.current_epoch;
        self.claims_changed();
        true
    }
}
