//! The average time that the volatile keys of a database have left: `avg_ttl` of INFO.
//!
//! C02, `spec/expire-evict.md` §7.3 d: a moving average over what the cycle sees of keys that live on.

/// How much of the distance to the newest sample stays, per loop.
const KEPT_PER_LOOP: f64 = 0.98;

/// Most loops that one update stands for.
const LOOPS_MAX: i32 = 16;

/// Keys that were seen to live on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Live {
    /// How many.
    pub keys: u32,
    /// The milliseconds that they have left, together.
    pub ttl_millis: u64,
}

/// The average of one database.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MeanTtl {
    mean: f64,
    seen: u64,
    sum: u64,
    loops: i32,
}

impl MeanTtl {
    /// The average, in whole milliseconds; 0 for unknown.
    pub fn millis(&self) -> u64 {
        self.mean as u64
    }

    /// Notes what a loop saw.
    pub fn saw(&mut self, live: Live) {
        if live.keys > 0 {
            self.seen += u64::from(live.keys);
            self.sum = self.sum.saturating_add(live.ttl_millis);
            self.loops = (self.loops + 1).min(LOOPS_MAX);
        }
    }

    /// Takes in what was seen since the last update.
    pub fn update(&mut self) {
        if self.seen > 0 {
            let sample = self.sum as f64 / self.seen as f64;
            let kept = (self.mean - sample) * KEPT_PER_LOOP.powi(self.loops);
            self.mean = if self.mean == 0.0 { sample } else { sample + kept };
        }
        *self = Self { mean: self.mean, ..Self::default() };
    }
}

#[cfg(test)]
#[allow(non_snake_case)]
mod tests {
    use super::*;

    #[test]
    fn FR_P2C_008_U002_average_ttl() {
        let mut mean = MeanTtl::default();
        mean.update();
        assert_eq!(mean.millis(), 0, "nothing seen, nothing known");
        mean.saw(Live { keys: 4, ttl_millis: 4_000 });
        assert_eq!(mean.millis(), 0, "not before the update");
        mean.update();
        assert_eq!(mean.millis(), 1_000, "the first sample is taken as it is");
        mean.saw(Live { keys: 1, ttl_millis: 2_000 });
        mean.update();
        assert_eq!(mean.millis(), 1_020, "one loop moves it by 2 percent");
        for _ in 0..40 {
            mean.saw(Live { keys: 1, ttl_millis: 2_000 });
        }
        mean.update();
        // 2000 + (1020 - 2000) * 0.98^16
        assert_eq!(mean.millis(), 1_290, "sixteen loops at most count");
        mean.saw(Live { keys: u32::MAX, ttl_millis: u64::MAX });
        mean.saw(Live { keys: u32::MAX, ttl_millis: u64::MAX });
        mean.update();
        assert!(mean.millis() > 1_290, "sums saturate");
    }
}
