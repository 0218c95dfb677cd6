//! Random numbers of a node, from a seed that its maker gives: the same seed plays the same game.
//!
//! SplitMix64 (Steele, Lea, Flood 2014). It decides whom to ping and how long to wait, and makes up names until a node says its own;
//! nothing here has to be hard to guess.

/// A generator.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// One that plays the game of this seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`; 0 if that is 0. Small limits only: the bias is `limit` in 2⁶⁴.
    pub fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(limit)) >> 64) as u64
    }

    /// 160 random bits, for a name.
    pub fn name(&mut self) -> [u8; 20] {
        let mut name = [0; 20];
        for chunk in name.chunks_mut(8) {
            chunk.copy_from_slice(&self.bits().to_le_bytes()[..chunk.len()]);
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_below_their_limit_and_reach_it() {
        let mut dice = Dice::new(1);
        for limit in [1, 2, 3, 10, 500] {
            let drawn: Vec<u64> = (0..200 * limit).map(|_| dice.below(limit)).collect();
            assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&0), Some(&(limit - 1))));
        }
        assert_eq!(dice.below(0), 0);
        assert_ne!(dice.name(), dice.name());
        assert_eq!(Dice::new(7).name(), Dice::new(7).name());
    }
}
