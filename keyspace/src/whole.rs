//! The context of a command that needs every slot of every core.
//!
//! One core runs it with the keyspaces of all on loan (`cores.md` §7), so it is atomic and sees each key once. Its handlers are
//! in `commands::whole`, `commands::flush`, `commands::populate` and `commands::sort`; what they keep the cores from is why they are few.

use evict::time::UnixMillis;

use crate::args::Args;
use crate::exec::{Caller, Exec};
use crate::refusal::Outcome;
use crate::reply::Reply;
use crate::slot::Slot;
use crate::spec::CommandSpec;
use crate::store::{Db, Keyspace};

/// The handler of a command that needs everything: writes one reply, or refuses and changes nothing.
pub type WholeFn = fn(&mut Whole<'_>, Args<'_>, &mut Reply<'_>) -> Outcome;

/// The row of such a command in the command table.
pub struct WholeRow {
    /// What it is.
    pub spec: CommandSpec,
    /// What it does.
    pub run: WholeFn,
}

/// What a data command does that needs everything if its arguments say so.
pub struct WideRow {
    /// The name of its row among the data commands.
    pub name: &'static str,
    /// Whether these arguments, of a number that its row accepts, need everything. Without that its keys are all that it touches.
    pub is_needed: fn(Args<'_>) -> bool,
    /// What it does then.
    pub run: WholeFn,
}

/// All data of the process, or all that a command may touch.
pub struct Whole<'a> {
    /// The keyspace of every core, at least one. They agree on their databases, and each slot's keys are in one of them.
    pub keyspaces: &'a mut [&'a mut Keyspace],
    /// The caller.
    pub caller: Caller,
    /// The time of this command.
    pub now: UnixMillis,
    /// The index in `keyspaces` of the one that has a slot.
    pub owner: &'a dyn Fn(Slot) -> usize,
}

impl Whole<'_> {
    /// The caller's database.
    pub fn db(&self) -> Db {
        self.database(self.caller.db as usize).expect("a session selects a database that exists")
    }

    /// The database that clients select by `number`.
    pub fn database(&self, number: usize) -> Option<Db> {
        self.keyspaces[0].db(number)
    }

    /// Keys in a database, expired ones included. O(cores).
    pub fn keys(&self, db: Db) -> u64 {
        self.keyspaces.iter().map(|keyspace| keyspace.totals(db).keys).sum()
    }

    /// The view of an ordinary data command on keys of one slot.
    pub fn exec(&mut self, slot: Slot) -> Exec<'_> {
        let (db, now, caller) = (self.db(), self.now, self.caller);
        let keyspace = &mut *self.keyspaces[(self.owner)(slot)];
        let access = keyspace.made(now);
        Exec { keyspace, db, now, access, caller, routed: None }
    }

    /// Counts `n` changes. Which core counts them makes no difference: readers add all up.
    pub fn counted(&mut self, n: u64) {
        self.keyspaces[0].stats.changes += n;
        if n > 0 {
            self.keyspaces[0].signals.dirtied();
        }
    }
}
