//! Walks over the keys that are here: in scan order, of slots, of databases, and a draw among all.

use crate::entry::Entry;
use crate::slot::Slot;
use crate::table::{ScanPosition, Table};

use super::{Db, Keyspace};

impl Keyspace {
    /// Visits the entries of one slot in scan order; see `Table::scan`.
    pub fn scan(
        &self,
        db: Db,
        slot: Slot,
        from: ScanPosition,
        limit: usize,
        visit: &mut impl FnMut(ScanPosition, &Entry) -> usize,
    ) -> Option<ScanPosition> {
        self.table(db, slot)?.scan(from, limit, &self.hasher, visit)
    }

    /// The slots from `first` on that hold keys of a database, in order. O(slots).
    pub fn filled(&self, db: Db, first: usize) -> impl Iterator<Item = (Slot, &Table)> {
        let slots = Slot::all().zip(self.slots.iter()).skip(first);
        slots.filter_map(move |(slot, tables)| Some((slot, tables.table(db)?))).filter(|(_, table)| !table.is_empty())
    }

    /// All entries of a database that are here, in no order. O(slots + entries).
    pub fn entries(&self, db: Db) -> impl Iterator<Item = &Entry> {
        self.filled(db, 0).flat_map(|(_, table)| table.iter())
    }

    /// An entry drawn at random among all of a database. O(slots).
    pub fn sample(&mut self, db: Db) -> Option<&Entry> {
        let keys = self.totals[db.0 as usize].keys;
        if keys == 0 {
            return None;
        }
        let mut rank = self.random.below(keys);
        let table = self.slots.iter().filter_map(|tables| tables.table(db)).find(|table| {
            let len = table.len() as u64;
            let found = rank < len;
            rank = rank.saturating_sub(len);
            found
        })?;
        table.sample(&mut self.random)
    }
}
