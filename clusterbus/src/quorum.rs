//! Majorities, counted in one way everywhere.
//!
//! §Conventions. The set is the masters that own slots, taken once per decision; who is not reachable still counts in its size.

use crate::faults::{Fault, planted};

/// How many of `size` members are a majority.
pub fn quorum(size: usize) -> usize {
    if planted(Fault::HalfIsEnough) { size.div_ceil(2) } else { size / 2 + 1 }
}

#[cfg(test)]
#[allow(non_snake_case)]
pub(crate) mod tests {
    use super::*;

    #[test]
    pub(crate) fn FR_P2C_007_U011_two_parts_are_never_both_a_majority() {
        for size in 0..=64 {
            for part in 0..=size {
                let both = part >= quorum(size) && size - part >= quorum(size);
                assert!(!both, "{part} of {size}");
            }
            assert!(size == 0 || size >= quorum(size), "all are a majority");
        }
        assert_eq!([0, 1, 2, 3, 4, 5].map(quorum), [1, 1, 2, 2, 3, 3]);
    }
}
