//! How long one call of the eviction loop may take.
//!
//! C12, `spec/expire-evict.md` §12.2.

/// `maxmemory-eviction-tenacity`, 0..=100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tenacity(u8);

impl Default for Tenacity {
    fn default() -> Self {
        Self(10)
    }
}

impl Tenacity {
    /// This tenacity, if it is at most 100.
    pub const fn new(tenacity: u8) -> Option<Self> {
        if tenacity <= 100 { Some(Self(tenacity)) } else { None }
    }

    /// The limit, in microseconds: 50 for each step up to 10, then 15 % more with each; `None` for no limit.
    pub fn limit_micros(self) -> Option<u64> {
        match self.0 {
            0..=10 => Some(50 * u64::from(self.0)),
            11..=99 => Some((500.0 * 1.15f64.powi(i32::from(self.0) - 10)) as u64),
            _ => None,
        }
    }
}

#[cfg(test)]
#[allow(non_snake_case)]
mod tests {
    use super::*;

    #[test]
    fn FR_P2C_008_U012_limits_by_tenacity() {
        let rows = [
            (0, Some(0)),
            (1, Some(50)),
            (10, Some(500)),
            (11, Some(575)),
            (20, Some(2_022)),
            (50, Some(133_931)),
            (99, Some(126_205_358)),
            (100, None),
        ];
        for (number, limit) in rows {
            let tenacity = Tenacity::new(number).expect("at most 100");
            let micros = tenacity.limit_micros();
            let near = match (micros, limit) {
                (Some(micros), Some(limit)) => u64::abs_diff(micros, limit) <= limit / 100_000 + 1,
                (micros, limit) => micros == limit,
            };
            assert!(near, "{number}: {micros:?}");
        }
        assert_eq!(Tenacity::new(101), None);
        assert_eq!(Tenacity::default().limit_micros(), Some(500));
    }
}
