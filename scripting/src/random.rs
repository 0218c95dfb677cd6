//! `math.random`: the 48-bit linear congruential generator of `lrand48` (POSIX), so that sequences are those of Redis.

const MULTIPLIER: u64 = 0x5_DEEC_E66D;
const INCREMENT: u64 = 0xB;
const MASK: u64 = (1 << 48) - 1;
/// What `srand48` puts below the seed.
const LOW_WORD: u64 = 0x330E;
/// Numbers are taken modulo this, 2^31 - 1.
const RANGE: u64 = i32::MAX as u64;

/// The generator of one run.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The sequence of a generator that nobody gave a seed.
    pub(crate) fn unseeded() -> Self {
        Random(0x1234_ABCD_330E)
    }

    pub(crate) fn seeded(seed: i32) -> Self {
        Random((u64::from(seed as u32) << 16 | LOW_WORD) & MASK)
    }

    /// The next number of `[0, 1)`.
    pub(crate) fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT) & MASK;
        ((self.0 >> 17) % RANGE) as f64 / RANGE as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_of_seed_0_is_redis_s() {
        let mut random = Random::seeded(0);
        assert_eq!(format!("{:.14}", random.unit()), "0.17082803611217");
        assert_eq!(format!("{:.14}", random.unit()), "0.74990198051087");
    }
}
