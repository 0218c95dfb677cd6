//! A unit: a command whose keys live on several cores, carried out on one with the others' slots on loan (`cores.md` §7).
//!
//! The coordinator is the client's home core. It asks for slots core by core in ascending order, its own in its place, so that
//! no two units wait for each other. When all are granted it puts the foreign slots into its own keyspace, runs the ordinary
//! command, takes them out again and sends them back.

use evict::time::UnixMillis;
use keyspace::args::{Args, OwnedArgs};
use keyspace::slot::Slot;
use keyspace::store::{Keyspace, SlotTables};

use crate::command::Command;
use crate::hop::Context;
use crate::mesh::CoreId;
use crate::mesh::loans::{Need, NeedOwned, UnitId};
use crate::ring::ConnId;
use crate::route::SlotMap;
use crate::shard::Shard;

/// The number of a unit at its coordinator.
pub type UnitSeq = u64;

/// A coordinator's request to one owner.
pub struct LeaseAsk {
    /// The unit that asks.
    pub unit: UnitId,
    /// What it needs of this owner.
    pub need: NeedOwned,
}

/// The values of a loan: they travel, and are in one place at a time.
pub enum Loan {
    /// These slots.
    Slots(Vec<(Slot, SlotTables)>),
    /// Everything that the owner has.
    Whole(Box<Keyspace>),
    /// The coordinator's own slots: they stay where they are.
    Own(NeedOwned),
}

/// An owner's answer.
pub struct Grant {
    /// The unit.
    pub unit: UnitId,
    /// The owner.
    pub core: CoreId,
    /// The slots.
    pub loan: Loan,
    /// The owner's clock.
    pub clock: UnixMillis,
}

/// A multi-core command under way, at its coordinator.
pub struct Unit {
    /// Its name in loans.
    pub id: UnitId,
    /// The connection that waits for it.
    pub conn: ConnId,
    /// The command.
    pub command: &'static Command,
    /// Its arguments.
    pub args: OwnedArgs,
    /// The session's part.
    pub context: Context,
    /// Whether its reply is dropped.
    pub muted: bool,
    /// What it needs of which core, ascending.
    pub plan: Vec<(CoreId, NeedOwned)>,
    /// What it has, in the order of the plan.
    pub grants: Vec<Grant>,
}

impl Unit {
    /// The owner to ask next.
    pub fn next(&self) -> Option<&(CoreId, NeedOwned)> {
        self.plan.get(self.grants.len())
    }
}

/// What a command that touches these keys needs of each core when `home` coordinates it.
///
/// The coordinator is in every plan, with no slots if the keys are elsewhere: the slots on loan are put into its keyspace, so that
/// must be here. While it is lent to a unit that needs everything, a stand-in has its place, and an exchange of databases
/// would not be known there until it returns.
pub fn plan_for_keys<'a>(
    keys: impl Iterator<Item = &'a [u8]>,
    map: &SlotMap,
    home: CoreId,
) -> Vec<(CoreId, NeedOwned)> {
    let mut slots: Vec<(CoreId, u16)> = keys
        .map(|key| {
            let slot = Slot::of(key);
            (map.owner(slot), slot.number())
        })
        .collect();
    slots.sort_unstable();
    slots.dedup();
    let by_core = slots.chunk_by(|a, b| a.0 == b.0);
    let mut plan: Vec<(CoreId, NeedOwned)> = by_core
        .map(|run| {
            let numbers: Vec<u16> = run.iter().map(|(_, slot)| *slot).collect();
            (run[0].0, Need::Slots(&numbers).to_owned())
        })
        .collect();
    if let Err(place) = plan.binary_search_by_key(&home, |(core, _)| *core) {
        plan.insert(place, (home, NeedOwned::Slots(Box::default())));
    }
    plan
}

/// The plan of a command that needs everything.
pub fn plan_for_all(map: &SlotMap) -> Vec<(CoreId, NeedOwned)> {
    (0..map.cores()).map(|core| (CoreId(core), NeedOwned::All)).collect()
}

/// The keys of a command in `args`.
pub fn keys_of<'a>(command: &Command, args: Args<'a>) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    command.spec.keys_of(args)
}

impl Shard {
    /// Moves what a unit needs out. The need is free.
    pub fn lend(&mut self, unit: UnitId, need: Need) -> Grant {
        self.loans.lend(unit, need);
        let loan = match need {
            Need::One(slot) => Loan::Slots(self.take_out(&[slot])),
            Need::Slots(slots) => Loan::Slots(self.take_out(slots)),
            Need::All => Loan::Whole(Box::new(self.keyspace.lend_whole())),
        };
        Grant { unit, core: self.core, loan, clock: self.now }
    }

    fn take_out(&mut self, slots: &[u16]) -> Vec<(Slot, SlotTables)> {
        let slots = slots.iter().map(|&number| Slot::new(number).expect("a need names slots"));
        slots.map(|slot| (slot, self.keyspace.take_slot(slot))).collect()
    }

    /// Takes a loan back in. What waited for it is handed out by `loans.next_runnable`.
    pub fn take_back(&mut self, unit: UnitId, loan: Loan, now: UnixMillis) {
        self.advance(now);
        self.freed = true;
        match loan {
            Loan::Slots(slots) => {
                let numbers: Vec<u16> = slots.iter().map(|(slot, _)| slot.number()).collect();
                for (slot, tables) in slots {
                    self.keyspace.put_slot(slot, tables);
                }
                self.loans.give_back(unit, Need::Slots(&numbers));
            }
            Loan::Whole(keyspace) => {
                self.keyspace.take_back_whole(*keyspace);
                self.loans.give_back(unit, Need::All);
            }
            Loan::Own(_) => unreachable!("the coordinator's own slots do not travel"),
        }
    }
}
