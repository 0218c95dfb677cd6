//! How much an active-expire cycle may do: the figures that `active-expire-effort` and `hz` stand for.
//!
//! C02, `spec/expire-evict.md` §7.1.

/// `active-expire-effort`, 1..=10.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort(u8);

/// Most databases with deadlines that a call serves, unless the call before ran out of time.
pub const DATABASES_PER_CALL: u16 = 16;

/// Most calls of the slow cycle per second.
pub const HZ_MAX: u32 = 500;

/// Clients per call of the cron from which on `dynamic-hz` doubles `hz`.
const CLIENTS_PER_CALL: u64 = 200;

impl Effort {
    /// The least, which is the default.
    pub const LEAST: Self = Self(1);

    /// This effort, if it is 1..=10.
    pub const fn new(effort: u8) -> Option<Self> {
        if effort >= 1 && effort <= 10 { Some(Self(effort)) } else { None }
    }

    /// How far above the least, 0..=9: what the figures grow by.
    const fn extra(self) -> u32 {
        self.0 as u32 - 1
    }

    /// Most keys that one loop takes.
    pub const fn keys_per_loop(self) -> u32 {
        20 + 5 * self.extra()
    }

    /// What a fast call may take, in microseconds.
    pub const fn fast_micros(self) -> u64 {
        1_000 + 250 * self.extra() as u64
    }

    /// The slow cycle's share of the core's time, in percent.
    pub const fn slow_percent(self) -> u32 {
        25 + 2 * self.extra()
    }

    /// The share of keys past their deadline, in percent, below which no fast call is needed.
    pub const fn stale_percent(self) -> u32 {
        10 - self.extra()
    }

    /// What a slow call may take, in microseconds, when there are `hz` of them per second. A `hz` of 0 counts as 1.
    pub const fn slow_micros(self, hz: u32) -> u64 {
        let hz = if hz == 0 { 1 } else { hz };
        let micros = self.slow_percent() as u64 * 1_000_000 / hz as u64 / 100;
        if micros == 0 { 1 } else { micros }
    }
}

impl Default for Effort {
    fn default() -> Self {
        Self::LEAST
    }
}

/// `dynamic-hz`: the calls per second with so many clients, `hz` doubled until each call has at most 200 of them.
pub fn dynamic_hz(hz: u32, clients: u64) -> u32 {
    let mut hz = hz.clamp(1, HZ_MAX);
    while clients / u64::from(hz) > CLIENTS_PER_CALL && hz < HZ_MAX {
        hz = (hz * 2).min(HZ_MAX);
    }
    hz
}

#[cfg(test)]
#[allow(non_snake_case)]
mod tests {
    use super::*;

    #[test]
    fn FR_P2C_008_U002_figures_of_each_effort() {
        let rows = [
            // effort, keys per loop, fast, share, slow at hz 10, stale
            (1, 20, 1_000, 25, 25_000, 10),
            (2, 25, 1_250, 27, 27_000, 9),
            (3, 30, 1_500, 29, 29_000, 8),
            (4, 35, 1_750, 31, 31_000, 7),
            (5, 40, 2_000, 33, 33_000, 6),
            (6, 45, 2_250, 35, 35_000, 5),
            (7, 50, 2_500, 37, 37_000, 4),
            (8, 55, 2_750, 39, 39_000, 3),
            (9, 60, 3_000, 41, 41_000, 2),
            (10, 65, 3_250, 43, 43_000, 1),
        ];
        for (number, keys, fast, share, slow, stale) in rows {
            let effort = Effort::new(number).expect("1..=10 is an effort");
            let figures = (effort.keys_per_loop(), effort.fast_micros(), effort.slow_percent(), effort.slow_micros(10));
            assert_eq!(figures, (keys, fast, share, slow), "{number}");
            assert_eq!(effort.stale_percent(), stale, "{number}");
        }
        assert_eq!([0, 11, 255].map(Effort::new), [None; 3]);
    }

    #[test]
    fn FR_P2C_008_U002_slow_limit_by_hz() {
        let rows = [(1, 250_000), (10, 25_000), (100, 2_500), (500, 500), (u32::MAX, 1), (0, 250_000)];
        for (hz, micros) in rows {
            assert_eq!(Effort::LEAST.slow_micros(hz), micros, "{hz}");
        }
    }

    #[test]
    fn FR_P2C_008_U002_dynamic_hz() {
        let rows = [(10, 0, 10), (10, 2_009, 10), (10, 2_010, 20), (10, 10_000, 80), (10, 1 << 40, 500), (0, 5, 1)];
        for (hz, clients, effective) in rows {
            assert_eq!(dynamic_hz(hz, clients), effective, "{hz} {clients}");
        }
    }
}
