//! When and how often a key was used, in the 24 bits that an entry has for it.
//!
//! Two readings of the same bits, chosen by the eviction policy (`spec/expire-evict.md` §11.2): the time of the last use
//! (LRU), or a decaying logarithmic counter of uses with the time of its last decay (LFU). A change of policy reinterprets
//! what is stored; the values settle with use. Both clocks wrap, as in redis-server: a key that is left alone for longer
//! than a clock's round looks younger than it is.

use crate::faults::{Fault, planted};
use crate::time::UnixMillis;

/// The access bits of an entry: 24 bits, the rest zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct AccessBits(u32);

/// Seconds of the LRU clock's round less one (about 194 days).
const LRU_MASK: u32 = (1 << 24) - 1;
/// Minutes of the LFU clock's round less one (about 45 days).
const LFU_MASK: u32 = (1 << 16) - 1;
/// Counter of a key just made: above 0, so that it is not at once the next victim.
const LFU_INIT: u8 = 5;

/// How fast LFU counters grow and decay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LfuSettings {
    /// `lfu-log-factor`: the larger, the more uses a step of the counter takes; 0 counts every use.
    pub log_factor: u32,
    /// `lfu-decay-time`: minutes without use that take 1 from the counter; 0 for never.
    pub decay_minutes: u32,
}

impl Default for LfuSettings {
    fn default() -> Self {
        Self { log_factor: 10, decay_minutes: 1 }
    }
}

impl AccessBits {
    /// The bits as stored; anything above the lowest 24 is dropped.
    #[inline]
    pub const fn new(bits: u32) -> Self {
        Self(bits & LRU_MASK)
    }

    /// What to store.
    #[inline]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// LRU: a key used at `now`, made or found.
    #[inline]
    pub const fn lru(now: UnixMillis) -> Self {
        Self(now.0.div_euclid(1_000) as u32 & LRU_MASK)
    }

    /// LRU: a key that was not used for `seconds`, which are not negative, up to `now`. More than a round of the clock cannot be
    /// told; what is stored then is what redis-server stores.
    pub const fn lru_idle(now: UnixMillis, seconds: i64) -> Self {
        let used = Self::lru(now).0 as i64 - seconds;
        Self::new(if used < 0 { used + LRU_MASK as i64 } else { used } as u32)
    }

    /// LRU: how long the key was not used, in whole seconds; within one round of the clock.
    pub const fn idle_seconds(self, now: UnixMillis) -> u32 {
        elapsed(Self::lru(now).0, self.0, LRU_MASK)
    }

    /// LFU: a key made at `now`.
    #[inline]
    pub const fn lfu(now: UnixMillis) -> Self {
        Self::lfu_counted(now, LFU_INIT)
    }

    /// LFU: the counter as it stands at `now`, decayed since the last use.
    pub fn lfu_counter(self, now: UnixMillis, settings: LfuSettings) -> u8 {
        let counter = self.0 as u8;
        let idle = elapsed(minutes(now), self.0 >> 8, LFU_MASK);
        let periods = idle.checked_div(settings.decay_minutes).unwrap_or(0);
        if periods > counter as u32 && !planted(Fault::DecayWraps) { 0 } else { counter.wrapping_sub(periods as u8) }
    }

    /// LFU: the key used at `now`. The counter decays, then grows by 1 with probability
    /// `1 / (max(counter - 5, 0) * log_factor + 1)`, up to 255. `random` is uniform over all `u32`.
    pub fn lfu_used(self, now: UnixMillis, settings: LfuSettings, random: u32) -> Self {
        let counter = self.lfu_counter(now, settings);
        let odds = counter.saturating_sub(LFU_INIT) as u64 * settings.log_factor as u64 + 1;
        let grows = (random as u64).saturating_mul(odds) < 1 << 32;
        Self::lfu_counted(now, counter.saturating_add(grows as u8))
    }

    /// LFU: a key whose counter is this one at `now`.
    pub const fn lfu_counted(now: UnixMillis, counter: u8) -> Self {
        Self(minutes(now) << 8 | counter as u32)
    }
}

/// The LFU clock.
const fn minutes(now: UnixMillis) -> u32 {
    now.0.div_euclid(60_000) as u32 & LFU_MASK
}

/// Ticks from `stamp` to `clock` on a clock whose last tick before 0 is `last`. Across the wrap it is one tick less than
/// elapsed, as redis-server counts.
const fn elapsed(clock: u32, stamp: u32, last: u32) -> u32 {
    if clock >= stamp { clock - stamp } else { last - stamp + clock }
}

#[cfg(test)]
#[allow(non_snake_case)]
mod tests {
    use super::*;

    const fn seconds(seconds: i64) -> UnixMillis {
        UnixMillis(seconds * 1_000)
    }

    #[test]
    fn FR_P2C_008_U011_lru_idle_time() {
        let round = 1 << 24;
        let rows = [
            // used at, asked at, idle
            (seconds(100), seconds(100), 0),
            (seconds(100), UnixMillis(100_999), 0),
            (UnixMillis(100_999), seconds(101), 1),
            (seconds(0), seconds(round - 1), LRU_MASK),
            (seconds(round - 1), seconds(round), 0),
            (seconds(round - 10), seconds(round + 5), 14),
            (seconds(7), seconds(round + 7), 0),
            // The clock stepped back: nearly a round.
            (seconds(100), seconds(99), LRU_MASK - 1),
            (seconds(-1), seconds(0), 0),
        ];
        for (used, asked, idle) in rows {
            assert_eq!(AccessBits::lru(used).idle_seconds(asked), idle, "{used:?} {asked:?}");
        }
    }

    #[test]
    fn FR_P2C_008_U011_lru_idle_time_that_was_told() {
        // Asked for, and what `OBJECT IDLETIME` of redis-server 7.0.15 says then.
        let now = seconds(1_700_000_000);
        for (told, idle) in [(0, 0), (1_000, 1_000), (16_777_214, 16_777_214), (100_000_000, 16_113_920)] {
            assert_eq!(AccessBits::lru_idle(now, told).idle_seconds(now), idle, "{told}");
        }
        assert_eq!(AccessBits::lru_idle(seconds(5), i64::MAX).bits() >> 24, 0);
    }

    #[test]
    fn FR_P2C_008_U011_bits_are_24() {
        assert_eq!(AccessBits::new(u32::MAX).bits(), LRU_MASK);
        for now in [i64::MIN, -1, 0, i64::MAX] {
            let now = UnixMillis(now);
            for bits in [AccessBits::lru(now), AccessBits::lfu(now)] {
                assert_eq!(AccessBits::new(bits.bits()), bits, "{now:?}");
            }
        }
    }

    #[test]
    fn FR_P2C_008_U011_lfu_decay() {
        let minute = |minute: i64| seconds(60 * minute);
        let rows = [
            // counter, made at, asked at, decay minutes, left
            (5, 10, 10, 1, 5),
            (5, 10, 12, 1, 3),
            (5, 10, 15, 1, 0),
            (5, 10, 900, 1, 0),
            (255, 10, 264, 1, 1),
            (255, 10, 65_535, 0, 255),
            (100, 10, 29, 10, 99),
            (100, 10, 30, 10, 98),
            (100, 65_530, 65_536 + 5, 1, 90),
        ];
        for (counter, made, asked, decay_minutes, left) in rows {
            let settings = LfuSettings { decay_minutes, ..LfuSettings::default() };
            let bits = AccessBits::lfu_counted(minute(made), counter);
            assert_eq!(bits.lfu_counter(minute(asked), settings), left, "{counter} {made} {asked} {decay_minutes}");
        }
    }

    #[test]
    fn FR_P2C_008_U011_lfu_growth_at_the_border_of_its_probability() {
        let now = seconds(60);
        let rows = [
            // counter, factor, largest random that grows it
            (0, 10, u32::MAX),
            (5, 10, u32::MAX),
            (6, 10, u32::MAX / 11),
            (105, 10, u32::MAX / 1_001),
            (200, 0, u32::MAX),
            (254, u32::MAX, 0),
        ];
        for (counter, log_factor, border) in rows {
            let settings = LfuSettings { log_factor, decay_minutes: 1 };
            let used = |random| AccessBits::lfu_counted(now, counter).lfu_used(now, settings, random);
            assert_eq!(used(border), AccessBits::lfu_counted(now, counter + 1), "{counter} {log_factor}");
            if let Some(above) = border.checked_add(1) {
                assert_eq!(used(above), AccessBits::lfu_counted(now, counter), "{counter} {log_factor}");
            }
        }
        let full = AccessBits::lfu_counted(now, 255);
        assert_eq!(full.lfu_used(now, LfuSettings::default(), 0), full);
    }

    #[test]
    fn FR_P2C_008_U011_lfu_use_decays_first_and_moves_the_stamp() {
        let settings = LfuSettings::default();
        let bits = AccessBits::lfu(seconds(0)).lfu_used(seconds(120), settings, u32::MAX);
        assert_eq!(bits, AccessBits::lfu_counted(seconds(120), 4));
    }

    #[test]
    fn FR_P2C_008_U011_lfu_counter_is_logarithmic() {
        let mut rng = fastrand::Rng::with_seed(1);
        let (now, settings) = (seconds(0), LfuSettings::default());
        let mut bits = AccessBits::lfu(now);
        let (mut uses, mut counters) = (0, Vec::new());
        for until in [100, 1_000, 100_000, 1_000_000] {
            while uses < until {
                bits = bits.lfu_used(now, settings, rng.u32(..));
                uses += 1;
            }
            counters.push(bits.lfu_counter(now, settings));
        }
        // The published table for the factor 10 reads 10, 18, 142, 255.
        let around = [8..=12, 16..=22, 130..=155, 255..=255];
        assert!(counters.iter().zip(&around).all(|(counter, range)| range.contains(counter)), "{counters:?}");
    }
}
