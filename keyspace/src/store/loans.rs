//! Slots that come and go: the keyspace's part of a loan.
//!
//! A slot that was taken out is lent until it is put in again. One that is put in and was not taken out is a guest until it is taken out: its
//! keys are its owner's, who evicts them when they are back.

use crate::due::NEVER;
use crate::slot::{SLOTS, Slot};

use super::{Keyspace, SlotTables};

/// Some slots. 2 KiB.
#[derive(Clone)]
pub(super) struct SlotSet(Box<[u64]>);

impl Default for SlotSet {
    fn default() -> Self {
        SlotSet(vec![0; SLOTS / 64].into())
    }
}

impl SlotSet {
    #[inline]
    pub(super) fn has(&self, slot: Slot) -> bool {
        self.0[slot.index() / 64] >> (slot.index() % 64) & 1 == 1
    }

    pub(super) fn insert(&mut self, slot: Slot) {
        self.0[slot.index() / 64] |= 1 << (slot.index() % 64);
    }

    /// Takes a slot out. True if it was in.
    pub(super) fn remove(&mut self, slot: Slot) -> bool {
        let had = self.has(slot);
        self.0[slot.index() / 64] &= !(1 << (slot.index() % 64));
        had
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }
}

/// Which slots are not where they belong.
#[derive(Default)]
pub(super) struct Strays {
    /// Of this core, and elsewhere.
    pub(super) lent: SlotSet,
    /// Of another core, and here.
    pub(super) guests: SlotSet,
}

impl Keyspace {
    /// Takes a slot's tables out: the lender's and the borrower's half of a loan. O(databases).
    pub fn take_slot(&mut self, slot: Slot) -> SlotTables {
        if self.is_saving() {
            self.save_slot(slot);
        }
        let mut tables = std::mem::take(&mut self.slots[slot.index()]);
        self.bytes -= tables.heap_bytes();
        for (db, table) in tables.tables() {
            let totals = &mut self.totals[db.0 as usize];
            totals.keys -= table.len() as u64;
            totals.volatile -= table.volatile() as u64;
            totals.timed_hashes -= table.timed() as u64;
            self.due[db.0 as usize].set(slot.index(), SLOTS, NEVER);
        }
        self.slot_left(slot, &mut tables);
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
        }
        self.slots[slot.index()] = tables;
        self.slot_came(slot);
    }
}
