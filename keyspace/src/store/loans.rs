//! Slots that come and go: the keyspace's part of a loan.

use crate::due::NEVER;
use crate::slot::{SLOTS, Slot};

use super::{Keyspace, SlotTables};

impl Keyspace {
    /// Takes a slot's tables out: the lender's and the borrower's half of a loan. O(databases).
    pub fn take_slot(&mut self, slot: Slot) -> SlotTables {
        let tables = std::mem::take(&mut self.slots[slot.index()]);
        self.bytes -= tables.heap_bytes();
        for (db, table) in tables.tables() {
            let totals = &mut self.totals[db.0 as usize];
            totals.keys -= table.len() as u64;
            totals.volatile -= table.volatile() as u64;
            totals.timed_hashes -= table.timed() as u64;
            self.due[db.0 as usize].set(slot.index(), SLOTS, NEVER);
            if let Some(victims) = &mut self.victims {
                victims.clear(db, slot);
            }
        }
        tables
    }

    /// Puts a slot's tables in, where there are none.
    pub fn put_slot(&mut self, slot: Slot, tables: SlotTables) {
        debug_assert!(self.slots[slot.index()].is_empty(), "a slot is in one place at a time");
        self.bytes += tables.heap_bytes();
        for (db, table) in tables.tables() {
            let totals = &mut self.totals[db.0 as usize];
            totals.keys += table.len() as u64;
            totals.volatile += table.volatile() as u64;
            totals.timed_hashes += table.timed() as u64;
            self.due[db.0 as usize].set(slot.index(), SLOTS, table.earliest());
            if let Some(victims) = &mut self.victims {
                victims.count(db, slot, table);
            }
        }
        self.slots[slot.index()] = tables;
    }
}
