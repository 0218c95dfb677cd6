//! Many cores that share a budget, in random order: U010 and U012.
#![allow(non_snake_case)]

use std::cell::Cell;

use super::*;
use crate::pressure::fair_share;

/// The shared budget of cores that are all in one thread.
pub(crate) struct Pot(pub(crate) Cell<Balance>);

impl Reserve for Pot {
    fn take(&self, at_most: u64) -> u64 {
        let (balance, taken) = self.0.get().take(at_most);
        self.0.set(balance);
        taken
    }

    fn put(&self, bytes: u64) {
        self.0.set(self.0.get().put(bytes));
    }

    fn charge(&self, bytes: u64) {
        self.0.set(self.0.get().charge(bytes));
    }
}

/// A core of the model: what it uses, of which some can be evicted.
#[derive(Clone, Default)]
struct Core {
    quota: Quota,
    fixed: u64,
    evictable: u64,
    refused: u64,
    waited: u64,
    served: u64,
}

impl Core {
    fn used(&self) -> u64 {
        self.fixed + self.evictable
    }
}

struct Machine {
    cores: Vec<Core>,
    pot: Pot,
    budget: u64,
    terms: Terms,
    /// The largest growth of one command.
    growth: u64,
    lowered: bool,
}

impl Machine {
    fn new(cores: u16, budget: u64, growth: u64) -> Machine {
        let pot = Pot(Cell::new(Balance::new(budget)));
        let terms = Terms::new(budget, cores);
        Machine { cores: vec![Core::default(); cores.into()], pot, budget, terms, growth, lowered: false }
    }

    fn check(&self) {
        let held: u64 = self.cores.iter().map(|core| core.quota.held()).sum();
        let balance = self.pot.0.get();
        assert_eq!(held as i64 + balance.0, self.budget as i64, "nothing is made or lost");
        if !self.lowered {
            assert!(balance.0 >= 0 && held <= self.budget, "{held} held of {}", self.budget);
        }
        for core in &self.cores {
            let most = core.quota.held() + self.terms.overdraft() + self.growth;
            assert!(core.used() <= most, "{} used, {} held", core.used(), core.quota.held());
        }
    }

    fn evictable(&self) -> u64 {
        self.cores.iter().map(|core| core.evictable).sum()
    }

    fn evict(&mut self, at: usize, bytes: u64) {
        let core = &mut self.cores[at];
        core.evictable -= bytes.min(core.evictable);
    }

    /// A command that grows its core by `bytes`, of which the data can evict all or nothing.
    fn command(&mut self, at: usize, bytes: u64, fixed: bool) {
        let evictable = self.evictable();
        let used = self.cores[at].used();
        let terms = self.terms;
        let missing = self.cores[at].quota.pressure(used, Some(&terms), &self.pot).excess();
        if missing > 0 {
            let share = fair_share(missing, self.cores[at].evictable, evictable);
            self.cores[at].quota.want(missing, share);
            self.evict(at, missing);
            let core = &mut self.cores[at];
            let missing = core.quota.settle(core.used(), &terms, &self.pot);
            if missing > 0 && evictable == 0 {
                core.refused += 1;
                return;
            }
            if !core.quota.may_overdraw(missing, &terms) {
                core.waited += 1;
                return;
            }
        }
        let core = &mut self.cores[at];
        core.served += 1;
        *(if fixed { &mut core.fixed } else { &mut core.evictable }) += bytes;
    }

    /// The end of a core's turn: give others what they want, and evict what is missing and owed.
    fn turn(&mut self, at: usize) {
        let terms = self.terms;
        let others = (0..self.cores.len()).filter(|&other| other != at);
        let wanted = others.map(|other| self.cores[other].quota.wanted()).sum();
        let wanted = self.pot.0.get().unmet(wanted);
        let evictable = self.evictable();
        let core = &mut self.cores[at];
        let still = core.quota.give(core.used(), wanted, &self.pot);
        core.quota.owe(fair_share(still, core.evictable, evictable));
        let missing = core.quota.settle(core.used(), &terms, &self.pot);
        self.evict(at, missing);
        let core = &mut self.cores[at];
        core.quota.give(core.used(), core.quota.owed(), &self.pot);
        core.quota.settle(core.used(), &terms, &self.pot);
    }

    fn resize(&mut self, budget: u64) {
        self.pot.0.set(self.pot.0.get().resize(self.budget, budget));
        self.lowered = self.pot.0.get().0 < 0;
        self.budget = budget;
        self.terms = Terms::new(budget, self.cores.len() as u16);
    }
}

#[test]
pub(crate) fn FR_P2C_008_U010_quotas_in_any_order() {
    for seed in 0..60 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let cores = [1, 2, 3, 8, 64][seed as usize % 5];
        let growth = [100, 10_000, 200_000][seed as usize % 3];
        let budget = rng.u64(10_000_000..50_000_000);
        let mut machine = Machine::new(cores, budget, growth);
        for _ in 0..20_000 {
            let at = rng.usize(..usize::from(cores));
            match rng.u8(..16) {
                0..10 => machine.command(at, rng.u64(1..=growth), rng.u8(..200) == 0),
                10..12 => {
                    let bytes = rng.u64(..growth);
                    machine.evict(at, bytes);
                }
                _ => machine.turn(at),
            }
            machine.check();
            let used: u64 = machine.cores.iter().map(Core::used).sum();
            assert!(used <= budget + budget / 100 + growth * u64::from(cores), "{used} of {budget}");
        }
    }
}

#[test]
fn FR_P2C_008_U010_a_budget_that_moves() {
    for seed in 0..20 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut machine = Machine::new(4, 20_000_000, 5_000);
        for round in 0..40 {
            for _ in 0..2_000 {
                let at = rng.usize(..4);
                if rng.u8(..4) > 0 {
                    machine.command(at, rng.u64(1..=5_000), false)
                } else {
                    machine.turn(at)
                }
                let held: u64 = machine.cores.iter().map(|core| core.quota.held()).sum();
                assert_eq!(held as i64 + machine.pot.0.get().0, machine.budget as i64);
            }
            // Lowered to a half or so: after some turns of all cores the debt is paid.
            let debt = machine.pot.0.get().debt();
            assert_eq!(debt, 0, "seed {seed}, round {round}");
            machine.resize(rng.u64(5_000_000..20_000_000));
        }
    }
}

#[test]
pub(crate) fn FR_P2C_008_U012_a_core_with_nothing_to_evict_is_given_quota() {
    let mut machine = Machine::new(4, 10_000_000, 1_000);
    // Three cores fill the whole budget; then the fourth begins.
    for round in 0..40_000 {
        machine.command(round % 3, 1_000, false);
    }
    assert!(machine.cores[3].quota.held() == 0);
    for round in 0..20_000 {
        machine.command(3, 1_000, false);
        machine.turn(round % 4);
        machine.check();
    }
    let core = &machine.cores[3];
    assert_eq!(core.refused, 0, "there was something to evict elsewhere");
    assert!(core.served > core.waited && core.quota.held() > 1_000_000, "{:?} {}", core.quota, core.served);
}

#[test]
pub(crate) fn FR_P2C_008_U012_what_is_wanted_is_evicted_once() {
    let mut machine = Machine::new(4, 10_000_000, 1_000);
    (0..40_000).for_each(|round| machine.command(round % 3, 1_000, false));
    (0..4).for_each(|at| machine.turn(at));
    let before = machine.evictable();
    // One core wants a little, and the others have a thousand turns before its next.
    machine.command(3, 1_000, true);
    machine.command(3, 1_000, true);
    let wanted = machine.cores[3].quota.wanted();
    assert!(wanted > 0 && wanted <= 2_000, "{wanted}");
    (0..3_000).for_each(|round| machine.turn(round % 3));
    let evicted = before - machine.evictable();
    assert!(evicted <= wanted + 3, "{evicted} for {wanted}");
    assert!(machine.pot.0.get().0 >= wanted as i64, "evicted or idle, it lies in the reserve");
    machine.turn(3);
    assert_eq!(machine.cores[3].quota.wanted(), 0);
}

#[test]
fn FR_P2C_008_U010_a_limit_below_what_is_in_use() {
    let mut machine = Machine::new(4, 10_000_000, 0);
    for (at, evictable) in [8_000_000, 6_000_000, 4_000_000, 2_000_000].into_iter().enumerate() {
        machine.cores[at].evictable = evictable;
        machine.cores[at].quota = Quota::begin(evictable, &machine.pot);
    }
    machine.lowered = true;
    for round in 0..200 {
        machine.turn(round % 4);
        machine.check();
    }
    assert_eq!(machine.pot.0.get().debt(), 0);
    // Each gives up a like part of what it has; whoever comes later sees less of the debt.
    let left: Vec<u64> = machine.cores.iter().map(|core| core.evictable / 1_000).collect();
    let expected = [4_000, 3_000, 2_000, 1_000];
    let near = |(left, expected): (&u64, u64)| left.abs_diff(expected) * 2 < expected;
    assert!(left.iter().zip(expected).all(near), "{left:?}");
    assert!((9_990..=10_000).contains(&left.iter().sum::<u64>()), "{left:?}: no more than the debt");
    // While a debt stands, what would be refused is refused, though each core's quota has room for it.
    let mut quota = Quota::begin(1_000, &machine.pot);
    quota.owe(1);
    assert_eq!(quota.pressure(1_000, Some(&machine.terms), &machine.pot).excess(), 1);
    assert_eq!(quota.give(999, quota.owed(), &machine.pot), 0);
    assert_eq!((quota.owed(), quota.held()), (0, 999));
}

#[test]
fn FR_P2C_008_U010_pressure_on_a_core() {
    let pot = Pot(Cell::new(Balance::new(10_000_000)));
    let terms = Terms::new(10_000_000, 1);
    let mut quota = Quota::default();
    assert_eq!(quota.pressure(u64::MAX, None, &pot), Pressure::Unlimited);
    assert_eq!(quota.pressure(9_000_000, Some(&terms), &pot), Pressure::Within);
    assert_eq!(quota.pressure(10_000_000, Some(&terms), &pot), Pressure::Within);
    assert_eq!(quota.pressure(10_000_007, Some(&terms), &pot).excess(), 7);
}

#[test]
fn FR_P2C_008_U012_refused_when_nobody_can_evict() {
    let mut machine = Machine::new(2, 1_000_000, 1_000);
    for round in 0..5_000 {
        machine.command(round % 2, 1_000, true);
        machine.turn(round % 2);
        machine.check();
    }
    let refused: u64 = machine.cores.iter().map(|core| core.refused).sum();
    let used: u64 = machine.cores.iter().map(Core::used).sum();
    assert!(refused > 3_900, "{refused}");
    // Idle leases are less than the tolerance, but for the smallest leases.
    assert!(used >= 1_000_000 - 2 * 2 * LEASE_MIN, "{used}");
}

#[test]
fn FR_P2C_008_U010_idle_quota_goes_back() {
    let mut machine = Machine::new(2, 100_000_000, 1_000_000);
    (0..50).for_each(|_| machine.command(0, 1_000_000, false));
    machine.turn(0);
    assert!(machine.cores[0].quota.held() >= 50_000_000);
    machine.evict(0, 49_000_000);
    machine.turn(0);
    let held = machine.cores[0].quota.held();
    assert!(held <= 1_000_000 + machine.terms.lease(), "{held}");
    machine.cores[0].quota.release(&machine.pot);
    assert_eq!(machine.pot.0.get(), Balance(100_000_000));
}

#[test]
fn FR_P2C_008_U010_terms_and_the_least_budget() {
    for (budget, cores, lease) in
        [(0, 1, 4_096), (100 << 20, 1, 524_288), (100 << 20, 64, 8_192), (u64::MAX, 1, 1 << 20), (1 << 40, 0, 1 << 20)]
    {
        let terms = Terms::new(budget, cores);
        assert_eq!(terms.lease(), lease, "{budget} {cores}");
        assert!(terms.overdraft().saturating_mul(u64::from(cores)) <= budget / 100);
    }
    assert_eq!(least_maxmemory(2_000_000, 8), 2_000_000 + 8 * 65_536);
    assert_eq!(least_maxmemory(u64::MAX, 8), u64::MAX);
    for huge in [u64::MAX, i64::MAX as u64] {
        assert_eq!(Balance::new(huge).take(huge), (Balance(0), i64::MAX as u64));
        assert_eq!(Balance(5).put(huge), Balance(i64::MAX));
    }
    assert_eq!((Balance(-7).take(5), Balance(-7).debt()), ((Balance(-7), 0), 7));
}
