//! The epoch: the logical clock of the cluster.
//!
//! §10. The current epoch, a master's config epoch and the epoch of a vote are readings of one clock, so they are one type. An epoch
//! is a fencing token: a smaller one never overrides a greater one, and no node's epoch ever falls (§10.5).

use crate::faults::{Fault, planted};

/// A reading of the cluster's logical clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Epoch(u64);

impl Epoch {
    /// Before anything happened.
    pub const ZERO: Epoch = Epoch(0);

    /// The greatest one that we take from others: what `CLUSTER SET-CONFIG-EPOCH` can set. Half of the range is left above it, so
    /// that no peer and no number of elections after it can make our own epoch overflow.
    pub const TAKEN_MAX: Epoch = Epoch(i64::MAX as u64);

    /// The epoch with this number, if it may be taken from others.
    pub fn taken(number: u64) -> Option<Epoch> {
        (number <= Self::TAKEN_MAX.0).then_some(Epoch(number))
    }

    /// The greatest one that our own file may hold. Between the two is room for more elections than there will be.
    pub const STORED_MAX: Epoch = Epoch(u64::MAX / 4 * 3);

    /// The epoch with this number, if our own file may hold it.
    pub fn stored(number: u64) -> Option<Epoch> {
        (number <= Self::STORED_MAX.0).then_some(Epoch(number))
    }

    /// Its number.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The one after it.
    pub fn next(self) -> Epoch {
        Epoch(self.0.checked_add(1).expect("half of the range is above what others can set"))
    }

    /// Raises this reading to `other` if that is later. Returns whether it did.
    pub fn raise(&mut self, other: Epoch) -> bool {
        let later = other > *self;
        *self = if planted(Fault::EpochFalls) { other } else { other.max(*self) };
        later
    }
}

impl std::fmt::Display for Epoch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
#[allow(non_snake_case)]
pub(crate) mod tests {
    use super::*;

    #[test]
    pub(crate) fn FR_P2C_007_U009_epochs_never_fall() {
        let mut epoch = Epoch::ZERO;
        for (other, raised, after) in [(5, true, 5), (5, false, 5), (4, false, 5), (6, true, 6)] {
            let other = Epoch::taken(other).expect("in range");
            assert_eq!((epoch.raise(other), epoch.number()), (raised, after));
        }
        assert_eq!(epoch.next().number(), 7);
    }

    #[test]
    pub(crate) fn FR_P2C_007_U010_the_greatest_epoch_of_others_leaves_room_for_our_own() {
        let limit = i64::MAX as u64;
        assert_eq!(Epoch::taken(limit), Some(Epoch::TAKEN_MAX));
        assert_eq!(Epoch::taken(limit + 1), None);
        assert_eq!(Epoch::taken(u64::MAX), None);
        assert_eq!(Epoch::TAKEN_MAX.next().number(), limit + 1);
    }
}
