//! Where a unit's commands run: the coordinator's shard, with the slots on loan in it for as long as commands run.
//!
//! A unit with slots has all of them in the coordinator's keyspace. One with everything has the other cores' keyspaces beside it: commands on
//! everything see all of them, and a command on some keys has the slots of those brought over and back.

use clusterbus::gate::Presence;
use keyspace::args::Args;
use keyspace::commands::scan::{ScanPart, ScanRequest};
use keyspace::exec::Caller;
use keyspace::reply::Reply;
use keyspace::slot::Slot;
use keyspace::store::Keyspace;
use keyspace::whole::Whole;

use crate::cluster::admission::presence;
use crate::command::Command;
use crate::hop::Context;
use crate::mesh::CoreId;
use crate::ring::clock::{ticks, ticks_to_ns};
use crate::serve::{Told, hear};
use crate::shard::Shard;
use crate::unit::{Aside, Grant, LentSlot, LentWhole, Loan};

/// A unit's stage while it runs.
pub struct Stage<'a> {
    shard: &'a mut Shard,
    grants: &'a mut [Grant],
}

impl<'a> Stage<'a> {
    /// The stage of a unit with these grants.
    pub fn of(shard: &'a mut Shard, grants: &'a mut [Grant]) -> Stage<'a> {
        Stage { shard, grants }
    }

    /// Puts the slots on loan into the coordinator's keyspace.
    pub fn enter(&mut self, aside: &mut Aside) {
        for grant in self.grants.iter_mut() {
            self.shard.advance(grant.clock);
            if let Some(log) = &mut self.shard.log {
                log.follow(grant.order);
            }
            if let Loan::Slots(slots) = &mut grant.loan {
                for LentSlot { slot, tables, listeners, home_bytes } in slots {
                    let (tables, listeners) = (std::mem::take(tables), listeners.take());
                    self.shard.memory.guest(*home_bytes);
                    self.shard.put_slot(LentSlot { slot: *slot, tables, listeners, home_bytes: *home_bytes });
                }
            }
        }
        aside.enter(self.shard);
    }

    /// Takes them out again.
    pub fn leave(&mut self, aside: &mut Aside) {
        aside.leave(self.shard);
        self.hand_over_log();
        for grant in self.grants.iter_mut() {
            if let Loan::Slots(slots) = &mut grant.loan {
                for lent in slots {
                    let home_bytes = lent.home_bytes;
                    *lent = LentSlot { home_bytes, ..self.shard.take_slot(lent.slot) };
                    self.shard.memory.guest_left(home_bytes);
                }
            }
        }
    }

    /// Leaves what the unit did to others' slots for their logs.
    fn hand_over_log(&mut self) {
        let Some(log) = &mut self.shard.log else { return };
        for (core, part) in log.take_outward() {
            match self.grants.iter_mut().find(|grant| grant.core == core) {
                Some(grant) => grant.log.push(part),
                // Nothing of that core was changed.
                None => assert!(part.is_lost(), "a unit changes only what it has"),
            }
        }
    }

    /// The coordinator's shard.
    pub fn shard(&mut self) -> &mut Shard {
        self.shard
    }

    /// The end of the unit: what it left for the log belongs together, and the clients that it made ready are served.
    pub fn serve_ready(&mut self) {
        self.shard.seal_unit();
        while let Some(key) = self.shard.ready.first() {
            let slots = [key.slot];
            self.with_slots(&slots, |shard| shard.serve_next());
        }
    }

    /// Carries out one command; its keys' slots are on loan, or everything is.
    pub fn execute(&mut self, command: &Command, context: &Context, args: Args, out: &mut Vec<u8>) {
        if command.whole(args).is_some() {
            return self.execute_whole(command, context, args, out);
        }
        let mut slots: Vec<Slot> = Vec::new();
        if self.has_other_keyspaces() {
            slots.extend(command.spec.keys_of(args).map(Slot::of));
        }
        self.with_slots(&slots, |shard| {
            shard.execute(command, context, None, args, ticks(), out);
        });
    }

    /// Likewise a command of a client, which counts for its slot while somebody wants to know; otherwise for the price of one test.
    pub fn execute_counted(&mut self, command: &Command, context: &Context, args: Args, out: &mut Vec<u8>) {
        if self.shard.usage.is_none() {
            return self.execute(command, context, args, out);
        }
        let (before, started) = (out.len(), ticks());
        self.execute(command, context, args, out);
        let ns = ticks_to_ns(ticks().wrapping_sub(started));
        self.shard.note_use(command, args, ns, out.len() - before);
    }

    /// True if the keyspaces of other cores are at hand.
    fn has_other_keyspaces(&self) -> bool {
        self.grants.iter().any(|grant| matches!(grant.loan, Loan::Whole(_)))
    }

    /// Runs something with these slots in the coordinator's keyspace, if they are on loan with everything else.
    pub fn with_slots<T>(&mut self, slots: &[Slot], run: impl FnOnce(&mut Shard) -> T) -> T {
        let mut brought: Vec<Slot> = Vec::new();
        for &slot in slots {
            if !brought.contains(&slot)
                && let Some(lent) = lent_whole(self.grants, self.shard.map.owner(slot))
            {
                let (tables, listeners) = (lent.keyspace.take_slot(slot), lent.listeners.take(slot));
                self.shard.put_slot(LentSlot { slot, tables, listeners, home_bytes: 0 });
                brought.push(slot);
            }
        }
        let result = run(self.shard);
        for slot in brought {
            let LentSlot { tables, listeners, .. } = self.shard.take_slot(slot);
            let lent = lent_whole(self.grants, self.shard.map.owner(slot)).expect("it was brought from there");
            lent.keyspace.put_slot(slot, tables);
            lent.listeners.put(slot, listeners);
        }
        result
    }

    /// Whether a key is there, without any trace. Its slot is on loan, or everything is.
    pub fn presence(&mut self, key: &[u8]) -> Presence {
        self.with_slots(&[Slot::of(key)], |shard| presence(&shard.keyspace, key, shard.now))
    }

    /// Every core's part of a scan.
    pub fn scan(&mut self, request: &ScanRequest, db: u16) -> Vec<ScanPart> {
        let now = self.shard.now;
        let mut own = Some(&mut self.shard.keyspace);
        let parts = keyspaces(self.grants, &mut own).into_iter().map(|keyspace| {
            let mut part = request.part(keyspace, db as usize, now);
            part.remove_expired(keyspace, db as usize, now);
            part
        });
        let parts = parts.collect();
        self.shard.acting = 0;
        self.gather_notes();
        self.hear();
        parts
    }

    /// Runs a command that needs everything.
    fn execute_whole(&mut self, command: &Command, context: &Context, args: Args, out: &mut Vec<u8>) {
        let run = command.whole(args).expect("the caller looked");
        let Shard { keyspace, map, now, acting, .. } = &mut *self.shard;
        let (started, start, now) = (ticks(), out.len(), *now);
        *acting = context.client;
        let mut own = Some(keyspace);
        let mut keyspaces = keyspaces(self.grants, &mut own);
        let owner = |slot: Slot| map.owner(slot).0 as usize;
        let caller: Caller = context.caller;
        let mut whole = Whole { keyspaces: &mut keyspaces, caller, now, owner: &owner };
        let outcome = run(&mut whole, args, &mut Reply::new(out, context.resp));
        if let Err(refusal) = outcome {
            self.shard.refuse(command, &refusal, context, start, out);
        }
        self.shard.account(command, args, ticks_to_ns(ticks().wrapping_sub(started)));
        self.gather_notes();
        self.shard.end_command(context, args);
        self.hear();
    }

    /// Brings together what a command on everything left for the log in all keyspaces.
    fn gather_notes(&mut self) {
        if self.shard.log.is_none() {
            return;
        }
        for grant in self.grants.iter_mut() {
            if let Loan::Whole(lent) = &mut grant.loan {
                self.shard.keyspace.signals.log.gather(&mut lent.keyspace.signals.log);
            }
        }
    }

    /// Takes what a command on everything left in all keyspaces.
    fn hear(&mut self) {
        self.shard.hear();
        for grant in self.grants.iter_mut() {
            if let Loan::Whole(lent) = &mut grant.loan {
                let Shard { ready, effects, prefixes, acting, .. } = &mut *self.shard;
                // Who has everything takes nothing back.
                let told = Told { ready, effects, prefixes, by: *acting, doubt: None };
                hear(&mut lent.keyspace, &mut lent.listeners, told);
            }
        }
    }
}

fn lent_whole(grants: &mut [Grant], core: CoreId) -> Option<&mut LentWhole> {
    let grant = grants.iter_mut().find(|grant| grant.core == core)?;
    match &mut grant.loan {
        Loan::Whole(lent) => Some(lent),
        Loan::Own(_) | Loan::Here(_) | Loan::Slots(_) => None,
    }
}

/// The keyspaces of a unit that has everything, in the order of the cores.
fn keyspaces<'a>(grants: &'a mut [Grant], own: &mut Option<&'a mut Keyspace>) -> Vec<&'a mut Keyspace> {
    let all = grants.iter_mut().map(|grant| match &mut grant.loan {
        Loan::Whole(lent) => &mut lent.keyspace,
        Loan::Own(_) | Loan::Here(_) => own.take().expect("a plan names each core once"),
        Loan::Slots(_) => unreachable!("who needs everything asks for everything"),
    });
    all.collect()
}
