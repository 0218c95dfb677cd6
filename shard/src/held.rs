//! Keys of a shard that MIGRATE has sent while it waits for the other server: copied, held, deleted.

use clusterbus::snapshot::Mark;
use keyspace::args::Args;
use keyspace::commands::dump::{self, KeyCopy};
use keyspace::exec::Exec;
use keyspace::slot::Slot;
use keyspace::spec::Flags;

use crate::cluster::routes::is_of_our_shard;
use crate::command::Command;
use crate::hop::{Context, Hop};
use crate::mesh::loans::{Need, UnitId};
use crate::migration::{HoldAsk, HoldEnd};
use crate::shard::{Carried, Shard, Work, refuse_rest};
use crate::unit::LeaseAsk;

impl Shard {
    /// The slot of a key that is held and that a command would write to.
    #[inline]
    pub fn held_slot(&self, command: &Command, args: Args) -> Option<Slot> {
        if self.holds.is_quiet() { None } else { self.find_held(command, args) }
    }

    #[cold]
    fn find_held(&self, command: &Command, args: Args) -> Option<Slot> {
        if !command.is(Flags::WRITE) {
            return None;
        }
        command.spec.keys_of(args).find(|key| self.holds.is_held(key)).map(Slot::of)
    }

    /// Likewise for the next command of a hop.
    #[inline]
    pub fn held_by_next(&self, hop: &Hop) -> Option<Slot> {
        if self.holds.is_quiet() {
            return None;
        }
        let call = hop.next()?;
        self.find_held(self.table.get(call.command), hop.args(call))
    }

    /// Parks a hop whose next command writes to a key that is held.
    pub fn park_held(&mut self, hop: Box<Hop>) -> Carried {
        let slot = self.held_by_next(&hop).expect("the caller looked");
        match self.holds.park(Need::One(slot.number()), Work::Hop(hop)) {
            Ok(()) => Carried::Parked,
            Err(work) => refuse_rest(work),
        }
    }

    /// True if a slot belongs to another node of the cluster, and is not on its way to this one.
    pub fn has_lost(&self, slot: Slot) -> bool {
        self.routes.as_ref().is_some_and(|routes| {
            let snapshot = &routes.snapshot;
            !is_of_our_shard(snapshot, slot) && snapshot.mark(slot) == Mark::Stable
        })
    }

    /// A unit has slots of this shard: if it was turned away before, who gave way to it may go on.
    pub fn fulfil(&mut self, unit: UnitId) {
        self.freed |= self.holds.fulfil(unit);
    }

    /// Copies the keys of a hold that are there, and holds them. Their slots are here, and none is held.
    pub fn hold_keys(&mut self, ask: &HoldAsk) -> Vec<(u32, KeyCopy)> {
        let copies = self.copy_keys(&ask.context, ask.keys.iter().map(|(number, key)| (*number, &**key)));
        if !copies.is_empty() {
            // What is not there is not held: who makes it has nothing to wait for.
            let there = |number: &u32| copies.binary_search_by_key(number, |(found, _)| *found).is_ok();
            let held = ask.keys.iter().filter(|(number, _)| there(number));
            self.holds.begin(ask.id, held.map(|(_, key)| (Slot::of(key).number(), key.clone())));
        }
        copies
    }

    /// Copies those of these keys that are there. Their slots are in the keyspace.
    pub fn copy_keys<'k>(
        &mut self,
        context: &Context,
        keys: impl Iterator<Item = (u32, &'k [u8])>,
    ) -> Vec<(u32, KeyCopy)> {
        let copies = self.exec_for(context, |exec| {
            let copy = |(number, bytes)| {
                let key = exec.key(bytes);
                Some((number, dump::copy_key(exec, &key)?))
            };
            keys.filter_map(copy).collect()
        });
        self.serve_heard();
        copies
    }

    /// Ends a hold, after the deletion of what was sent. The slots are here.
    pub fn end_hold(&mut self, end: &HoldEnd) {
        if !end.sent.is_empty() {
            self.remove_sent(&end.context, end.sent.iter().map(|key| &**key));
            self.serve_heard();
        }
        self.holds.end(end.id);
        self.freed = true;
    }

    /// Deletes keys that were sent. Their slots are in the keyspace.
    pub fn remove_sent<'k>(&mut self, context: &Context, keys: impl Iterator<Item = &'k [u8]>) {
        self.exec_for(context, |exec| dump::remove_sent(exec, keys));
    }

    /// Runs a piece of a command, and takes what it left.
    fn exec_for<T>(&mut self, context: &Context, run: impl FnOnce(&mut Exec) -> T) -> T {
        let (access, now) = (self.access(), self.now);
        let db = self.keyspace.db(context.caller.db as usize).expect("SELECT checks the number");
        let mut exec = Exec { keyspace: &mut self.keyspace, db, now, access, caller: context.caller, routed: None };
        let result = run(&mut exec);
        if self.keyspace.signals.pending {
            self.acting = context.client;
            self.end_command(context, Args::new(&[], &[]));
            self.hear();
        }
        result
    }

    fn serve_heard(&mut self) {
        if !self.in_unit && !self.ready.is_empty() {
            self.serve_ready();
        }
    }

    /// Whether keys that are held keep a unit from what it asks for. If so, its wish is noted.
    pub fn turns_away(&mut self, ask: &LeaseAsk) -> bool {
        let turned_away = self.holds.covers(ask.written());
        if turned_away {
            self.holds.wish(ask.unit, ask.written());
        }
        turned_away
    }
}
