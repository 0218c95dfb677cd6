//! Orders about slots in any sequence, beside a model that is one list of owners.
#![allow(non_snake_case)]

use fastrand::Rng;
use keyspace::slot::{SLOTS, Slot};

use super::command_tests::{Asked, MASTER, NAMES};
use super::{ClusterReply, CommandFacts};
use crate::cluster::Cluster;
use crate::slot_set::SlotSet;
use crate::snapshot::{Owner, SnapshotVersion};

/// Owners of slots: the short name of a master, or nothing.
struct Model(Vec<&'static str>);

impl Model {
    /// ADDSLOTS or DELSLOTS: the first slot that is named twice, or that `wrong` says is not to be had, refuses all.
    fn take(&mut self, slots: &[usize], owner: &'static str) -> Result<(), String> {
        for (place, slot) in slots.iter().enumerate() {
            match (self.0[*slot].is_empty(), owner.is_empty()) {
                (true, true) => return Err(format!("ERR Slot {slot} is already unassigned")),
                (false, false) => return Err(format!("ERR Slot {slot} is already busy")),
                _ if slots[..place].contains(slot) => return Err(format!("ERR Slot {slot} specified multiple times")),
                _ => {}
            }
        }
        slots.iter().for_each(|slot| self.0[*slot] = owner);
        Ok(())
    }

    /// SETSLOT NODE.
    fn give(&mut self, slot: usize, owner: &'static str, stored: &SlotSet) -> Result<(), String> {
        let kept = stored.contains(Slot::new(slot as u16).expect("in range"));
        if self.0[slot] == "<m>" && owner != "<m>" && kept {
            let rest = "to a different node while I still hold keys for this hash slot.";
            return Err(format!("ERR Can't assign hashslot {slot} {rest}"));
        }
        self.0[slot] = owner;
        Ok(())
    }

    fn check(&self, cluster: &Cluster) {
        let name = |short: &str| NAMES.iter().find(|(of, _)| *of == short).map(|(_, name)| *name);
        let snapshot = cluster.snapshot(SnapshotVersion(1));
        for (slot, owner) in Slot::all().zip(&self.0) {
            let found = cluster.slots().owner(slot).map(|owner| cluster.nodes()[owner].id);
            assert_eq!(found.as_ref().map(|id| id.as_str()), name(owner), "{slot:?}");
            // What is ours on disk is served; what is another's never is.
            assert!(snapshot.owner(slot) != Owner::Me || *owner == "<m>", "{slot:?}");
        }
        for (index, node) in cluster.nodes().iter() {
            let mine = |owner: &&&str| name(owner) == Some(node.id.as_str());
            let count = self.0.iter().filter(mine).count();
            assert_eq!((cluster.slots().count_of(index), cluster.slots().slots_of(index).len()), (count, count));
        }
        assert_eq!(cluster.slots().assigned(), self.0.iter().filter(|owner| !owner.is_empty()).count());
    }
}

#[test]
pub(crate) fn FR_P2C_007_U014_orders_about_slots_beside_a_model() {
    let mut rng = Rng::with_seed(14);
    let mut asked = Asked::new(MASTER);
    let mut model = Model((0..SLOTS).map(|slot| if slot < SLOTS / 2 { "<m>" } else { "<o>" }).collect());
    let (mut facts, mut refused) = (CommandFacts::quiet(), 0);
    facts.stored = Slot::all().filter(|slot| slot.number() % 5 == 0).collect();
    for step in 0..4_000 {
        // A few slots, so that orders meet.
        let slots: Vec<usize> = (0..rng.usize(1..4)).map(|_| 8_180 + rng.usize(..24)).collect();
        let list = slots.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
        let (line, expected) = match rng.u8(..9) {
            0..3 => (format!("CLUSTER ADDSLOTS {list}"), model.take(&slots, "<m>")),
            3..6 => (format!("CLUSTER DELSLOTS {list}"), model.take(&slots, "")),
            6 => {
                let (first, last) = (slots[0], slots[0] + rng.usize(..4));
                let all: Vec<usize> = (first..=last).collect();
                (format!("CLUSTER ADDSLOTSRANGE {first} {last}"), model.take(&all, "<m>"))
            }
            7 => (format!("CLUSTER SETSLOT {} NODE <o>", slots[0]), model.give(slots[0], "<o>", &facts.stored)),
            _ => (format!("CLUSTER SETSLOT {} NODE <m>", slots[0]), model.give(slots[0], "<m>", &facts.stored)),
        };
        refused += usize::from(expected.is_err());
        assert_eq!(asked.tell(&line, &facts), expected.map(|()| ClusterReply::Ok), "{line}");
        if step % 100 == 0 {
            asked.settle();
            model.check(&asked.cluster);
        }
    }
    assert!((1_000..3_800).contains(&refused), "{refused}");
    assert_eq!(asked.say("CLUSTER FLUSHSLOTS"), Ok(ClusterReply::Ok));
    model.0.iter_mut().filter(|owner| **owner == "<m>").for_each(|owner| *owner = "");
    model.check(&asked.cluster);
}
