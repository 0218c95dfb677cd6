//! The tables of one slot.

use crate::table::Table;

use super::{Db, Victim};

/// All entries of one slot: the value that a loan or a migration moves. In a cache line of its own, which every look-up begins with.
#[derive(Default)]
#[repr(align(64))]
pub struct SlotTables {
    /// Its mark says that somebody wants to hear of changes in the slot.
    pub(super) first: Table,
    others: Option<Box<Others>>,
}

/// What few slots have: a thin pointer leads to it.
#[derive(Default)]
struct Others {
    /// The tables of the databases but the first; none until one of them has a key.
    tables: Box<[Table]>,
    /// Which keys were made while the slot was on loan, if its owner wants to know.
    made: Option<Made>,
}

/// Keys that were made in a slot while it was on loan.
#[derive(Default)]
pub(super) struct Made {
    /// At most `MADE_MAX`, in order.
    pub(super) keys: Vec<Victim>,
    /// Not all of them are listed.
    pub(super) incomplete: bool,
}

/// Keys that a slot on loan lists; where there are more, its owner looks through all of them.
const MADE_MAX: usize = 256;

const _: () = assert!(size_of::<SlotTables>() == 64, "a slot's tables begin in one cache line");

impl SlotTables {
    #[inline]
    pub(super) fn table(&self, db: Db) -> Option<&Table> {
        match db.0 {
            0 => Some(&self.first),
            n => self.others.as_ref().and_then(|others| others.tables.get(n as usize - 1)),
        }
    }

    #[inline]
    pub(super) fn table_mut(&mut self, db: Db, databases: usize) -> &mut Table {
        match db.0 {
            0 => &mut self.first,
            n => {
                let others = self.others.get_or_insert_default();
                if others.tables.is_empty() {
                    others.tables = (1..databases).map(|_| Table::default()).collect();
                }
                &mut others.tables[n as usize - 1]
            }
        }
    }

    pub(super) fn tables(&self) -> impl Iterator<Item = (Db, &Table)> {
        let others = self.others.iter().flat_map(|others| others.tables.iter());
        std::iter::once(&self.first).chain(others).enumerate().map(|(n, table)| (Db(n as u16), table))
    }

    /// From now on keys are listed that are made in it.
    pub(super) fn list_made(&mut self) {
        self.others.get_or_insert_default().made = Some(Made::default());
    }

    /// Lists a key that was made, if its owner wants to know.
    pub(super) fn made(&mut self, key: Victim) {
        if let Some(made) = self.made_mut() {
            made.incomplete |= made.keys.len() == MADE_MAX;
            if !made.incomplete {
                made.keys.push(key);
            }
        }
    }

    /// The slot was where keys that were made are not listed.
    pub(super) fn made_unlisted(&mut self) {
        if let Some(made) = self.made_mut() {
            made.incomplete = true;
        }
    }

    /// Takes the list, if there is one.
    pub(super) fn take_made(&mut self) -> Option<Made> {
        let others = self.others.as_mut()?;
        let made = others.made.take();
        if others.tables.is_empty() {
            self.others = None;
        }
        made
    }

    fn made_mut(&mut self) -> Option<&mut Made> {
        self.others.as_mut()?.made.as_mut()
    }

    /// Bytes of its tables and entries. O(databases).
    pub fn heap_bytes(&self) -> u64 {
        self.tables().map(|(_, table)| table.heap_bytes()).sum()
    }

    /// Number of entries in all databases.
    pub fn len(&self) -> usize {
        self.tables().map(|(_, table)| table.len()).sum()
    }

    /// True without entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
