//! The choice of some elements of a collection in one pass over it.

use crate::hash::Random;

/// Decides for one element after the other which `chosen` of `len` are chosen: every choice of that many has the same probability.
///
/// Selection sampling (Knuth, TAOCP vol. 2, §3.4.2, algorithm S).
pub struct Selection {
    left: usize,
    chosen: usize,
}

impl Selection {
    /// A choice of `chosen` of `len` elements, or of all if there are fewer.
    pub fn new(chosen: usize, len: usize) -> Selection {
        Selection { left: len, chosen: chosen.min(len) }
    }

    /// Whether the next element is chosen. Asked once for each of them.
    #[inline]
    pub fn next(&mut self, random: &mut Random) -> bool {
        let is_chosen = self.chosen > 0 && random.below(self.left as u64) < self.chosen as u64;
        self.left = self.left.saturating_sub(1);
        self.chosen -= is_chosen as usize;
        is_chosen
    }

    /// True if no further element is chosen.
    pub fn is_over(&self) -> bool {
        self.chosen == 0
    }
}
