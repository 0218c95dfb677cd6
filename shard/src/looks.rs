//! How many entries of clients somebody went through to find those whom something concerns. It is what a test counts that one wake-up
//! costs the same among many clients as among few: times would depend on the machine.

use std::cell::Cell;

/// A count of entries that were gone through. Whatever walks over something that grows with the clients adds to one.
#[derive(Debug, Default)]
pub struct Looks(Cell<u64>);

impl Looks {
    /// Counts entries.
    #[inline]
    pub fn add(&self, entries: usize) {
        self.0.set(self.0.get().wrapping_add(entries as u64));
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.0.get()
    }
}
