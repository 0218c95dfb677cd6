//! A unit: what one core carries out with slots of several on loan (`cores.md` §7): a command, a transaction, a blocked client's turn.
//!
//! The coordinator is the client's home core. It asks for slots core by core in ascending order, its own in its place, so that
//! no two units wait for each other. When all are granted it puts the foreign slots into its own keyspace, runs the ordinary
//! command, takes them out again and sends them back.

use clusterbus::gate::ClientModes;
use clusterbus::snapshot::Snapshot;
use evict::time::UnixMillis;
use std::sync::Arc;

use keyspace::args::{Args, OwnedArgs};
use keyspace::log::Notes;
use keyspace::signals::Changed;
use keyspace::slot::Slot;
use keyspace::spec::Flags;
use keyspace::store::{Keyspace, SlotTables};
use smallvec::SmallVec;

use crate::command::{Command, CommandTable};
use crate::hop::Context;
use crate::listeners::{Listeners, SlotListeners, Waiter};
use crate::log::Part;
use crate::mesh::CoreId;
use crate::mesh::loans::{Need, NeedOwned, UnitId};
use crate::ready::Ready;
use crate::ring::ConnId;
use crate::route::SlotMap;
use crate::script::Script;
use crate::shard::Shard;
use crate::transaction::Execution;

/// The number of a unit at its coordinator.
pub type UnitSeq = u64;

/// A coordinator's request to one owner.
pub struct LeaseAsk {
    /// The unit that asks.
    pub unit: UnitId,
    /// What it needs of this owner.
    pub need: NeedOwned,
    /// What of that it may write to: it is turned away if keys there are held.
    pub writes: Writes,
}

/// What of the slots that a unit asks for it may write to.
#[derive(Clone, Debug)]
pub enum Writes {
    /// It only reads.
    Nothing,
    /// All of them.
    Wanted,
    /// These: with one core a unit asks for everything, whatever its keys are.
    Only(NeedOwned),
}

impl LeaseAsk {
    /// The slots that it may write to.
    pub fn written(&self) -> Need<'_> {
        match &self.writes {
            Writes::Nothing => Need::Slots(&[]),
            Writes::Wanted => self.need.as_need(),
            Writes::Only(need) => need.as_need(),
        }
    }
}

/// A slot on loan.
pub struct LentSlot {
    /// Which.
    pub slot: Slot,
    /// Its tables.
    pub tables: SlotTables,
    /// What listens to it.
    pub listeners: Option<Box<SlotListeners>>,
    /// Bytes that its owner is charged with until it is back: what it had when it left.
    pub home_bytes: u64,
}

/// All that an owner has, on loan.
pub struct LentWhole {
    /// Its keyspace.
    pub keyspace: Keyspace,
    /// What listens to its slots.
    pub listeners: Listeners,
}

/// The values of a loan: they travel, and are in one place at a time.
pub enum Loan {
    /// These slots.
    Slots(Vec<LentSlot>),
    /// Everything that the owner has.
    Whole(Box<LentWhole>),
    /// The coordinator's own slots: they stay where they are.
    Own(NeedOwned),
    /// Likewise, of a unit that needs no others and runs at once: nobody can come between, so nothing is noted.
    Here(NeedOwned),
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
    /// Where the owner's log stands.
    pub order: u64,
    /// What the unit did to the slots, for the owner's log.
    pub log: Vec<Part>,
    /// What the owner knows of the cluster: the unit goes by nothing older.
    pub routes: Option<Arc<Snapshot>>,
}

/// What a unit needs of which core, ascending. Most need something of one.
pub type Plan = SmallVec<[(CoreId, NeedOwned); 1]>;

/// What owners granted.
pub type Grants = SmallVec<[Grant; 1]>;

/// What a unit carries out once it has its slots.
pub enum Job {
    /// A command.
    Command {
        /// Which.
        command: &'static Command,
        /// Its arguments.
        args: OwnedArgs,
        /// The session's part.
        context: Context,
    },
    /// A transaction.
    Exec(Box<Execution>),
    /// A script.
    Script(Box<Script>),
    /// WATCH, with what its client said of itself to a cluster's node.
    Watch(OwnedArgs, ClientModes),
    /// A look at which keys of a command are there, likewise: it is queued or belongs to the session, and their slot is being moved.
    Look(OwnedArgs, ClientModes),
    /// The turn of a blocked client, whose ticket is claimed for it.
    Serve(Box<Turn>),
}

impl Job {
    /// Bytes that it holds on the heap for its client.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Job::Command { args, .. } | Job::Watch(args, _) | Job::Look(args, _) => args.room(),
            Job::Exec(exec) => exec.heap_bytes(),
            Job::Script(script) => script.heap_bytes(),
            Job::Serve(_) => size_of::<Turn>(),
        }
    }

    /// Whether it may change a key.
    pub fn may_write(&self) -> bool {
        match self {
            Job::Command { command, .. } => command.is(Flags::WRITE),
            Job::Exec(exec) => exec.transaction.writes,
            Job::Script(script) => !script.read_only,
            Job::Serve(_) => true,
            Job::Watch(..) | Job::Look(..) => false,
        }
    }

    /// The slots of its keys, as far as these are known.
    pub fn slots(&self, table: &'static CommandTable) -> Option<NeedOwned> {
        match self {
            Job::Command { command, args, .. } if command.whole(args.args()).is_none() => {
                Some(slots_of(command.spec.keys_of(args.args())))
            }
            Job::Exec(exec) if !exec.transaction.touches_all(table) => {
                Some(slots_of(exec.transaction.iter().flat_map(|(id, args)| table.get(id).spec.keys_of(args))))
            }
            Job::Serve(turn) => Some(slots_of(table.get(turn.waiter.command).spec.keys_of(turn.waiter.args.args()))),
            Job::Watch(keys, _) => Some(slots_of(keys.args().iter())),
            Job::Command { .. } | Job::Exec(_) | Job::Script(_) | Job::Look(..) => None,
        }
    }

    /// The arguments of the command that a client waits for.
    pub fn args(&self) -> Option<Args<'_>> {
        match self {
            Job::Command { args, .. } | Job::Watch(args, _) | Job::Look(args, _) => Some(args.args()),
            Job::Exec(exec) => Some(exec.args.args()),
            Job::Script(script) => Some(script.args.args()),
            Job::Serve(_) => None,
        }
    }

    /// The script that it runs, as itself or in a transaction.
    pub fn script_mut(&mut self) -> Option<&mut Script> {
        match self {
            Job::Script(script) => Some(script),
            Job::Exec(exec) => exec.script.as_deref_mut(),
            Job::Command { .. } | Job::Watch(..) | Job::Look(..) | Job::Serve(_) => None,
        }
    }
}

/// The turn of a blocked client.
#[derive(Clone, Debug)]
pub struct Turn {
    /// The client, and the command that serves it.
    pub waiter: Waiter,
    /// The key that was changed.
    pub key: Changed,
}

/// A unit under way, at its coordinator.
pub struct Unit {
    /// Its name in loans.
    pub id: UnitId,
    /// The connection that it is for.
    pub conn: ConnId,
    /// What it is for.
    pub job: Job,
    /// Whether its reply is dropped.
    pub muted: bool,
    /// What it needs of which core, ascending.
    pub plan: Plan,
    /// What it has, in the order of the plan.
    pub grants: Grants,
    /// What is the unit's while others have the core.
    pub aside: Aside,
    /// Owners that have turned it away, and may know of its wish still.
    pub wishes: Vec<CoreId>,
}

/// What a unit in the middle keeps out of others' hands.
#[derive(Debug, Default)]
pub struct Aside {
    /// Keys that it changed and on which clients wait: they are served when it is over.
    pub ready: Ready,
    /// Its time, which does not pass (`cores.md` §4).
    pub now: Option<UnixMillis>,
    /// The shard's time while the unit has the shard.
    outside: UnixMillis,
    /// What it left for the log so far.
    notes: Notes,
}

impl Aside {
    /// The unit has the shard from now on, or not any more: its keys and its time change places with the shard's.
    pub fn enter(&mut self, shard: &mut Shard) {
        std::mem::swap(&mut shard.ready, &mut self.ready);
        self.exchange_notes(shard);
        shard.in_unit = true;
        let now = *self.now.get_or_insert(shard.now);
        self.outside = std::mem::replace(&mut shard.now, now);
    }

    /// Undoes `enter`.
    pub fn leave(&mut self, shard: &mut Shard) {
        std::mem::swap(&mut shard.ready, &mut self.ready);
        self.exchange_notes(shard);
        shard.in_unit = false;
        shard.now = self.outside.max(shard.now);
    }

    fn exchange_notes(&mut self, shard: &mut Shard) {
        if shard.log.is_some() {
            shard.keyspace.signals.log.exchange(&mut self.notes);
        }
    }
}

impl Unit {
    /// The arguments of the command that a client waits for.
    pub fn args(&self) -> Option<Args<'_>> {
        self.job.args()
    }

    /// An owner's slots are the unit's.
    pub fn take(&mut self, grant: Grant) {
        self.wishes.retain(|core| *core != grant.core);
        self.grants.push(grant);
    }

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
pub fn plan_for_keys<'a>(keys: impl Iterator<Item = &'a [u8]>, map: &SlotMap, home: CoreId) -> Plan {
    if map.cores() == 1 {
        // Nobody else has anything to wait for.
        return plan_for_all(map);
    }
    let mut slots: SmallVec<[(CoreId, u16); 4]> = keys
        .map(|key| {
            let slot = Slot::of(key);
            (map.owner(slot), slot.number())
        })
        .collect();
    slots.sort_unstable();
    slots.dedup();
    let by_core = slots.chunk_by(|a, b| a.0 == b.0);
    let mut plan: Plan = by_core
        .map(|run| {
            let numbers: SmallVec<[u16; 4]> = run.iter().map(|(_, slot)| *slot).collect();
            (run[0].0, Need::Slots(&numbers).to_owned())
        })
        .collect();
    if let Err(place) = plan.binary_search_by_key(&home, |(core, _)| *core) {
        plan.insert(place, (home, NeedOwned::Slots(Box::default())));
    }
    plan
}

fn slots_of<'a>(keys: impl Iterator<Item = &'a [u8]>) -> NeedOwned {
    let mut slots: Vec<u16> = keys.map(|key| Slot::of(key).number()).collect();
    slots.sort_unstable();
    slots.dedup();
    NeedOwned::Slots(slots.into())
}

/// The plan of a command that needs everything.
pub fn plan_for_all(map: &SlotMap) -> Plan {
    (0..map.cores()).map(|core| (CoreId(core), NeedOwned::All)).collect()
}

/// The keys of a command in `args`.
pub fn keys_of<'a>(command: &Command, args: Args<'a>) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    command.spec.keys_of(args)
}

impl Shard {
    /// Moves what a unit needs out. The need is free.
    pub fn lend(&mut self, unit: UnitId, need: Need) -> Grant {
        self.fulfil(unit);
        self.loans.lend(unit, need);
        let loan = match need {
            Need::One(slot) => Loan::Slots(self.take_out(&[slot])),
            Need::Slots(slots) => Loan::Slots(self.take_out(slots)),
            Need::All => {
                let listeners = std::mem::take(&mut self.listeners);
                Loan::Whole(Box::new(LentWhole { keyspace: self.keyspace.lend_whole(), listeners }))
            }
        };
        let (clock, order, routes) = (self.now, self.log_order(), self.snapshot());
        Grant { unit, core: self.core, loan, clock, order, log: Vec::new(), routes }
    }

    fn take_out(&mut self, slots: &[u16]) -> Vec<LentSlot> {
        let slots = slots.iter().map(|&number| Slot::new(number).expect("a need names slots"));
        let lend = |slot| {
            let before = self.keyspace.heap_bytes();
            let lent = self.take_slot(slot);
            let home_bytes = before - self.keyspace.heap_bytes();
            self.memory.lent(home_bytes);
            LentSlot { home_bytes, ..lent }
        };
        slots.map(lend).collect()
    }

    /// Takes a slot out, with what listens to it.
    pub fn take_slot(&mut self, slot: Slot) -> LentSlot {
        let (tables, listeners) = (self.keyspace.take_slot(slot), self.listeners.take(slot));
        LentSlot { slot, tables, listeners, home_bytes: 0 }
    }

    /// Puts a slot in that is nowhere else.
    pub fn put_slot(&mut self, lent: LentSlot) {
        self.keyspace.put_slot(lent.slot, lent.tables);
        self.listeners.put(lent.slot, lent.listeners);
    }

    /// Notes what a unit has of this shard, its coordinator's: others have their turn before it is over.
    pub fn hold(&mut self, grants: &mut [Grant]) {
        for grant in grants {
            if let Loan::Here(need) = &mut grant.loan {
                let need = std::mem::replace(need, NeedOwned::All);
                self.loans.lend(grant.unit, need.as_need());
                grant.loan = Loan::Own(need);
            }
        }
    }

    /// Takes a loan back in. What waited for it is handed out by `loans.next_runnable`.
    pub fn take_back(&mut self, unit: UnitId, loan: Loan, parts: Vec<Part>, now: UnixMillis) {
        self.advance(now);
        if let Some(log) = &mut self.log {
            parts.into_iter().for_each(|part| log.append(part));
        }
        self.freed = true;
        self.no_longer_busy(unit);
        match loan {
            Loan::Slots(slots) => {
                let numbers: Vec<u16> = slots.iter().map(|lent| lent.slot.number()).collect();
                for lent in slots {
                    self.memory.returned(lent.home_bytes);
                    self.put_slot(lent);
                }
                self.loans.give_back(unit, Need::Slots(&numbers));
            }
            Loan::Whole(lent) => {
                let LentWhole { keyspace, listeners } = *lent;
                self.keyspace.take_back_whole(keyspace);
                assert!(self.listeners.is_empty(), "nothing begins to listen to slots that are on loan");
                self.listeners = listeners;
                self.loans.give_back(unit, Need::All);
            }
            Loan::Own(_) | Loan::Here(_) => unreachable!("the coordinator's own slots do not travel"),
        }
    }
}
