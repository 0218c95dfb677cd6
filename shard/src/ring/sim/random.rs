//! The simulation's random numbers (SplitMix64, Steele, Lea, Flood 2014): small, seedable, the same on every machine.

/// A generator; equal seeds give equal sequences.
pub(super) struct Random(u64);

impl Random {
    /// Starts a sequence.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `max`, both included.
    pub(super) fn up_to(&mut self, max: u64) -> u64 {
        ((u128::from(self.bits()) * (u128::from(max) + 1)) >> 64) as u64
    }

    /// A length from 1 to `max`, both included; `max` is not zero.
    pub(super) fn length(&mut self, max: usize) -> usize {
        1 + self.up_to(max as u64 - 1) as usize
    }

    /// True `per_million` times out of a million.
    pub(super) fn chance(&mut self, per_million: u32) -> bool {
        per_million > 0 && self.up_to(999_999) < u64::from(per_million)
    }

    /// Puts a list into random order (Fisher-Yates).
    pub(super) fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.up_to(last as u64) as usize);
        }
    }
}
