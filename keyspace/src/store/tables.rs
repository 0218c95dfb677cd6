//! The tables of one slot.

use crate::table::Table;

use super::Db;

/// All entries of one slot: the value that a loan or a migration moves. In a cache line of its own, which every look-up begins with.
#[derive(Default)]
#[repr(align(64))]
pub struct SlotTables {
    /// Its mark says that somebody wants to hear of changes in the slot.
    pub(super) first: Table,
    others: Option<Box<Others>>,
}

/// The tables of the databases but the first: a thin pointer leads to them.
struct Others(Box<[Table]>);

const _: () = assert!(size_of::<SlotTables>() == 64, "a slot's tables begin in one cache line");

impl SlotTables {
    #[inline]
    pub(super) fn table(&self, db: Db) -> Option<&Table> {
        match db.0 {
            0 => Some(&self.first),
            n => self.others.as_ref().map(|others| &others.0[n as usize - 1]),
        }
    }

    #[inline]
    pub(super) fn table_mut(&mut self, db: Db, databases: usize) -> &mut Table {
        match db.0 {
            0 => &mut self.first,
            n => {
                let tables = || (1..databases).map(|_| Table::default()).collect();
                let others = self.others.get_or_insert_with(|| Box::new(Others(tables())));
                &mut others.0[n as usize - 1]
            }
        }
    }

    pub(super) fn tables(&self) -> impl Iterator<Item = (Db, &Table)> {
        let others = self.others.iter().flat_map(|others| others.0.iter());
        std::iter::once(&self.first).chain(others).enumerate().map(|(n, table)| (Db(n as u16), table))
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
