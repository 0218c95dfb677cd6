//! The keyed hash of keys.
//!
//! One seed per process, so that nobody outside can choose keys that collide, and the same on all its cores, so that a hash
//! travels with a hop. Every core computes it once per key.

use std::hash::{BuildHasher, Hasher};

/// Hashes keys under the process's seed. Cost: about 5 ns for a short key.
#[derive(Clone)]
pub struct KeyHasher(ahash::RandomState);

impl KeyHasher {
    /// A hasher from 256 bits of entropy.
    pub fn new(seed: [u64; 4]) -> Self {
        KeyHasher(ahash::RandomState::with_seeds(seed[0], seed[1], seed[2], seed[3]))
    }

    /// The hash of `key`.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        let mut hasher = self.0.build_hasher();
        hasher.write(key);
        hasher.finish()
    }
}

/// A small generator for choices that need no secrecy: RANDOMKEY, sampling. SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    /// A generator with this seed.
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// The next 64 bits.
    #[inline]
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not zero. The bias is below `bound` / 2^64.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        ((self.draw() as u128 * bound as u128) >> 64) as u64
    }
}
