//! How many hash fields a call of the cycle may remove from one database.
//!
//! C03, `spec/expire-evict.md` §8.2. Fields have a quota of their own, so that a hash with a million dead fields costs the keys
//! of its database no more than a share. A backlog that lasts raises the quota of slow calls, step by step.

use crate::faults::{Fault, planted};

/// Fields per second and database, before the factor.
pub const FIELDS_PER_SECOND: u32 = 10_000;

/// What a database has to lose in consecutive slow calls for the factor to grow by one.
pub const BACKLOG_STEP: u64 = 1_000_000;

/// Most that the quota is multiplied by.
pub const FACTOR_MAX: u64 = 32;

/// The kinds of the active-expire cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Before the core sleeps, short.
    Fast,
    /// `hz` times per second, with its share of the core.
    Slow,
}

/// Whether a database had due fields left when its quota or its time was spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Nothing known to be due.
    Nothing,
    /// More.
    More,
}

/// The quotas of one core's databases.
#[derive(Clone, Debug, Default)]
pub struct FieldQuotas {
    /// What each database lost in the consecutive slow calls, up to the last, that left more to do.
    backlogs: Vec<u64>,
}

impl FieldQuotas {
    /// Fields that a call may remove from `db` while there are `hz` slow calls per second.
    pub fn quota(&self, db: u16, kind: Kind, hz: u32) -> u32 {
        if planted(Fault::FieldQuotaIgnored) {
            return u32::MAX;
        }
        let plain = (FIELDS_PER_SECOND / hz.max(1)).max(1);
        match kind {
            Kind::Fast => plain,
            Kind::Slow => plain * self.factor(db) as u32,
        }
    }

    /// What the quota of slow calls is multiplied by, 1..=32.
    pub fn factor(&self, db: u16) -> u64 {
        let backlog = self.backlogs.get(usize::from(db)).copied().unwrap_or(0);
        (backlog / BACKLOG_STEP).clamp(1, FACTOR_MAX)
    }

    /// Notes what a call did. Only slow calls count.
    pub fn finish(&mut self, db: u16, kind: Kind, removed: u32, left: Left) {
        if kind == Kind::Fast {
            return;
        }
        let db = usize::from(db);
        if self.backlogs.len() <= db {
            self.backlogs.resize(db + 1, 0);
        }
        self.backlogs[db] = match left {
            Left::Nothing => 0,
            Left::More => self.backlogs[db].saturating_add(u64::from(removed)),
        };
    }
}

#[cfg(test)]
#[allow(non_snake_case)]
pub(crate) mod tests {
    use super::*;

    #[test]
    fn FR_P2C_008_U003_plain_quota() {
        let quotas = FieldQuotas::default();
        for (hz, quota) in [(0, 10_000), (1, 10_000), (10, 1_000), (500, 20), (10_001, 1)] {
            for kind in [Kind::Fast, Kind::Slow] {
                assert_eq!(quotas.quota(3, kind, hz), quota, "{kind:?} {hz}");
            }
        }
    }

    #[test]
    pub(crate) fn FR_P2C_008_U003_factor_follows_the_backlog() {
        let mut quotas = FieldQuotas::default();
        let mut removed = 0u64;
        for call in 0..200_000 {
            let quota = quotas.quota(1, Kind::Slow, 10);
            let factor = (removed / BACKLOG_STEP).clamp(1, FACTOR_MAX);
            assert_eq!(u64::from(quota), 1_000 * factor, "call {call} after {removed}");
            assert_eq!(quotas.quota(1, Kind::Fast, 10), 1_000, "a fast call has the plain quota");
            assert_eq!(quotas.quota(0, Kind::Slow, 10), 1_000, "another database has the plain quota");
            quotas.finish(1, Kind::Fast, 7, Left::Nothing);
            quotas.finish(1, Kind::Slow, quota, Left::More);
            removed += u64::from(quota);
        }
        assert_eq!(quotas.factor(1), FACTOR_MAX);
        quotas.finish(1, Kind::Slow, 3, Left::Nothing);
        assert_eq!(quotas.quota(1, Kind::Slow, 10), 1_000, "the backlog is gone");
    }
}
