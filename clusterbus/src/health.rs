//! Whether this node finds the cluster fit to serve, and how long it waits before it does so again.
//!
//! C14, §11. Going down is at once; coming back waits, so that a master that was away hears of its successor before it takes a write.

use crate::faults::{Fault, planted};
use crate::quorum::quorum;
use crate::time::{Millis, UnixMillis};
use crate::wire::Health;

/// Whether every slot has to be served for any to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// `cluster-require-full-coverage yes`.
    Full,
    /// `cluster-require-full-coverage no`.
    Any,
}

/// What the state is judged from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Census {
    /// Whether every slot has an owner that has not failed.
    pub covered: bool,
    /// Masters with slots.
    pub size: usize,
    /// Those of them that are neither failed nor suspected.
    pub reachable: usize,
    /// Whether this node is a master.
    pub master: bool,
}

/// How long a master that just started does not serve.
const START_DELAY: Millis = Millis(2_000);
/// The limits of how long a master that was in a minority does not serve.
const REJOIN_DELAY: (Millis, Millis) = (Millis(500), Millis(5_000));

/// The state, and what it depends on beside the census.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    health: Health,
    first: Option<UnixMillis>,
    minority: UnixMillis,
}

impl Judgement {
    /// Of a node that just started: it does not serve.
    pub const START: Judgement = Judgement { health: Health::Fail, first: None, minority: UnixMillis::NEVER };

    /// The state.
    pub fn health(&self) -> Health {
        self.health
    }

    /// The process stood still: it is as if it had been in a minority. Returns whether the state changed.
    pub fn stalled(&mut self, now: UnixMillis) -> bool {
        self.minority = now;
        std::mem::replace(&mut self.health, Health::Fail) == Health::Ok
    }

    /// The clock was set back by so much.
    pub fn set_back(&mut self, by: Millis) {
        self.first = self.first.map(|first| first.set_back(by));
        self.minority = self.minority.set_back(by);
    }

    /// Judges anew. Returns whether the state changed.
    pub fn update(&mut self, now: UnixMillis, census: Census, coverage: Coverage, node_timeout: Millis) -> bool {
        let first = *self.first.get_or_insert(now);
        let started = now.since(first) < START_DELAY && !planted(Fault::StartsAtOnce);
        if census.master && self.health == Health::Fail && started {
            return false;
        }
        let minority = census.reachable < quorum(census.size) && !planted(Fault::MinorityServes);
        if minority {
            self.minority = now;
        }
        let down = minority || coverage == Coverage::Full && !census.covered;
        let health = if down { Health::Fail } else { Health::Ok };
        if health == self.health {
            return false;
        }
        let delay = node_timeout.clamp(REJOIN_DELAY.0, REJOIN_DELAY.1);
        let rejoins = now.since(self.minority) < delay && !planted(Fault::RejoinsAtOnce);
        if health == Health::Ok && census.master && rejoins {
            return false;
        }
        self.health = health;
        true
    }
}

#[cfg(test)]
#[allow(non_snake_case)]
pub(crate) mod tests {
    use super::*;

    const WELL: Census = Census { covered: true, size: 3, reachable: 3, master: true };
    const MINORITY: Census = Census { covered: true, size: 3, reachable: 1, master: true };

    /// A node that serves since 10,000.
    fn serving() -> Judgement {
        let mut judgement = Judgement::START;
        judgement.update(UnixMillis(1_000), WELL, Coverage::Full, Millis(2_000));
        assert!(judgement.update(UnixMillis(10_000), WELL, Coverage::Full, Millis(2_000)));
        judgement
    }

    #[test]
    pub(crate) fn FR_P2C_007_U014_a_started_master_waits_a_replica_does_not() {
        for (master, after, health) in [(true, 1_999, Health::Fail), (true, 2_000, Health::Ok), (false, 0, Health::Ok)]
        {
            let mut judgement = Judgement::START;
            let census = Census { master, ..WELL };
            judgement.update(UnixMillis(50_000), census, Coverage::Full, Millis(2_000));
            judgement.update(UnixMillis(50_000 + after), census, Coverage::Full, Millis(2_000));
            assert_eq!(judgement.health(), health, "{master} {after}");
        }
    }

    #[test]
    pub(crate) fn FR_P2C_007_U014_who_was_in_a_minority_waits() {
        let rows = [
            (100, 499, Health::Fail),
            (100, 500, Health::Ok),
            (2_000, 1_999, Health::Fail),
            (2_000, 2_000, Health::Ok),
            (60_000, 4_999, Health::Fail),
            (60_000, 5_000, Health::Ok),
            (60_000, 5_001, Health::Ok),
        ];
        for (timeout, after, health) in rows {
            let mut judgement = serving();
            let mut update = |now, census| judgement.update(UnixMillis(now), census, Coverage::Full, Millis(timeout));
            assert!(update(20_000, MINORITY), "down at once");
            assert!(!update(21_000, MINORITY), "the wait begins when it is over");
            update(21_000 + after, WELL);
            assert_eq!(judgement.health(), health, "{timeout} {after}");
        }
    }

    #[test]
    pub(crate) fn FR_P2C_007_U014_a_majority_that_comes_and_goes_serves_never() {
        let mut judgement = serving();
        for time in (20_000..60_000).step_by(400) {
            let census = if time % 800 == 0 { MINORITY } else { WELL };
            judgement.update(UnixMillis(time), census, Coverage::Full, Millis(2_000));
            assert_eq!(judgement.health(), Health::Fail, "{time}");
        }
    }

    #[test]
    pub(crate) fn FR_P2C_007_U014_coverage_and_size() {
        let holes = Census { covered: false, ..WELL };
        let none = Census { covered: false, size: 0, reachable: 0, master: true };
        let two_of_four = Census { size: 4, reachable: 2, ..WELL };
        for (census, coverage, health) in [
            (holes, Coverage::Full, Health::Fail),
            (holes, Coverage::Any, Health::Ok),
            (none, Coverage::Any, Health::Fail),
            (two_of_four, Coverage::Any, Health::Fail),
        ] {
            let mut judgement = serving();
            judgement.update(UnixMillis(30_000), census, coverage, Millis(2_000));
            assert_eq!(judgement.health(), health, "{census:?}");
        }
        // Holes that are closed need no wait: nobody else could have taken a write.
        let mut judgement = serving();
        judgement.update(UnixMillis(30_000), holes, Coverage::Full, Millis(2_000));
        assert!(judgement.update(UnixMillis(30_001), WELL, Coverage::Full, Millis(2_000)));
    }
}
