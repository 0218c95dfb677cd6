//! What the cores share of the process's memory budget: the reserve, what they want of each other, and who has nothing to evict.
//!
//! The arithmetic and the rules are `evict`'s (`quota`, `barren`). The numbers are relaxed atomics: nothing else is ordered by them but what
//! cores say when they join, and the reserve is exact because each step of it is one atomic operation.

use core::sync::atomic::{
    AtomicI64, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use evict::barren::{self, Elsewhere, EpochStep, Word};
use evict::evictions::Outcome;
use evict::quota::{Balance, Reserve};

use super::CoreId;
use super::published::Number;

/// The shared part of the budget.
pub struct Budget {
    balance: AtomicI64,
    /// What all cores want.
    wanted: AtomicU64,
    /// Cores whose last look ended in refusal.
    refusing: AtomicU64,
    /// Cores that keep to the limit.
    joined: AtomicU64,
    /// Counts the states in which cores said that they have nothing to evict.
    epoch: AtomicU64,
    cores: Box<[Share]>,
}

/// What one core says of itself, on cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
struct Share {
    /// What it could evict: keys of the policy's class, or bytes where the policy evicts nothing.
    evictable: Number,
    /// See [`Word`].
    barren: Number,
}

impl Budget {
    /// A budget of so many bytes for so many cores; 0 for no limit.
    pub fn new(maxmemory: u64, cores: usize) -> Budget {
        Budget {
            balance: AtomicI64::new(Balance::new(maxmemory).0),
            wanted: AtomicU64::new(0),
            refusing: AtomicU64::new(0),
            joined: AtomicU64::new(0),
            epoch: AtomicU64::new(1),
            cores: (0..cores).map(|_| Share::default()).collect(),
        }
    }

    /// Changes the size of the budget: by the core that decides about settings, once for each change, before any core takes it on.
    pub fn resize(&self, before: u64, maxmemory: u64) {
        self.step(|balance| (balance.resize(before, maxmemory), 0));
        self.epoch.fetch_add(1, Relaxed);
    }

    /// What lies in the reserve, or is owed to it.
    pub fn balance(&self) -> Balance {
        Balance(self.balance.load(Relaxed))
    }

    /// A core wants so much of the others, after it wanted `before`.
    pub fn want(&self, before: u64, wanted: u64) {
        if before != wanted {
            self.wanted.fetch_add(wanted.wrapping_sub(before), Relaxed);
        }
    }

    /// What the others have still to give a core that itself wants `own`, and to the reserve.
    pub fn unmet(&self, own: u64) -> u64 {
        let others = self.wanted.load(Relaxed).saturating_sub(own);
        self.balance().unmet(others)
    }

    /// A core keeps to the limit from now on, and could evict so much.
    pub fn join(&self, core: CoreId, evictable: u64) {
        self.set_evictable(core, evictable);
        self.joined.fetch_add(1, Release);
    }

    /// A core keeps to no limit any more.
    pub fn leave(&self) {
        self.joined.fetch_sub(1, Relaxed);
    }

    /// Whether all cores keep to the limit, and have said what they could evict.
    pub fn is_joined_by_all(&self) -> bool {
        self.joined.load(Acquire) == self.cores.len() as u64
    }

    /// Publishes what a core could evict.
    pub fn set_evictable(&self, core: CoreId, evictable: u64) {
        self.cores[usize::from(core.0)].evictable.set(evictable);
    }

    /// What all cores could evict. O(cores).
    pub fn evictable(&self) -> u64 {
        self.cores.iter().map(|core| core.evictable.get()).sum()
    }

    /// Whether other cores than this one have something to evict. O(cores).
    pub fn elsewhere(&self, core: CoreId) -> Elsewhere {
        let others = self.cores.iter().enumerate().filter(|(other, _)| *other != usize::from(core.0));
        barren::elsewhere(self.epoch.load(Relaxed), others.map(|(_, share)| Word(share.barren.get())))
    }

    /// A core looked for something to evict, and found something or nothing.
    pub fn looked(&self, core: CoreId, found: bool) {
        let word = &self.cores[usize::from(core.0)].barren;
        if !found {
            word.set(barren::found_nothing(self.epoch.load(Relaxed)).0);
        } else if word.get() != 0 {
            let (now, step) = barren::found_something(Word(word.get()));
            word.set(now.0);
            if step == EpochStep::Next {
                self.epoch.fetch_add(1, Relaxed);
            }
        }
    }

    /// A core's look ended with `outcome`, after it had ended with `before`.
    pub fn outcome(&self, before: Outcome, outcome: Outcome) {
        match (before == Outcome::Fail, outcome == Outcome::Fail) {
            (false, true) => drop(self.refusing.fetch_add(1, Relaxed)),
            (true, false) => drop(self.refusing.fetch_sub(1, Relaxed)),
            _ => {}
        }
    }

    /// Whether any core refuses what needs memory.
    pub fn refuses(&self) -> bool {
        self.refusing.load(Relaxed) > 0
    }

    /// One atomic step of the reserve.
    fn step(&self, step: impl Fn(Balance) -> (Balance, u64)) -> u64 {
        let mut taken = 0;
        let update = |balance| {
            let (after, result) = step(Balance(balance));
            taken = result;
            Some(after.0)
        };
        self.balance.fetch_update(Relaxed, Relaxed, update).expect("the step always gives a balance");
        taken
    }
}

impl Reserve for Budget {
    fn take(&self, at_most: u64) -> u64 {
        // What is asked of an empty reserve again and again must not make the line travel.
        if self.balance.load(Relaxed) <= 0 { 0 } else { self.step(|balance| balance.take(at_most)) }
    }

    fn put(&self, bytes: u64) {
        self.step(|balance| (balance.put(bytes), 0));
    }

    fn charge(&self, bytes: u64) {
        self.step(|balance| (balance.charge(bytes), 0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evict::quota::{Quota, Terms};

    #[test]
    fn the_reserve_and_what_cores_hold_are_the_budget_whatever_threads_do() {
        const BUDGET: u64 = 1 << 20;
        let budget = Budget::new(BUDGET, 4);
        let terms = Terms::new(BUDGET, 4);
        let held: u64 = std::thread::scope(|scope| {
            let core = |seed: u64| {
                let budget = &budget;
                scope.spawn(move || {
                    let mut rng = fastrand::Rng::with_seed(seed);
                    let mut quota = Quota::begin(rng.u64(..1 << 16), budget);
                    for _ in 0..20_000 {
                        match rng.u8(..3) {
                            0 => drop(quota.give(rng.u64(..1 << 18), rng.u64(..1 << 16), budget)),
                            _ => drop(quota.settle(rng.u64(..1 << 19), &terms, budget)),
                        }
                    }
                    quota.held()
                })
            };
            let threads: Vec<_> = (0..4).map(core).collect();
            threads.into_iter().map(|thread| thread.join().expect("no thread panics")).sum()
        });
        assert_eq!(i128::from(budget.balance().0) + i128::from(held), i128::from(BUDGET));
    }

    #[test]
    fn a_limit_that_goes_and_comes_leaves_nothing_behind() {
        let budget = Budget::new(1_000, 2);
        let mut quotas = [300, 500].map(|used| Quota::begin(used, &budget));
        assert_eq!(budget.balance(), Balance(200));
        budget.resize(1_000, 0);
        // One core hears of the end of the limit late, when there is another already.
        quotas[0].release(&budget);
        budget.resize(0, 700);
        quotas[0] = Quota::begin(300, &budget);
        quotas[1].release(&budget);
        quotas[1] = Quota::begin(500, &budget);
        assert_eq!((budget.balance(), quotas[1].held()), (Balance(-100), 500));
    }

    #[test]
    fn what_is_published_adds_up() {
        let budget = Budget::new(0, 3);
        budget.want(0, 10);
        budget.want(10, 30);
        budget.want(0, 5);
        budget.want(30, 0);
        assert_eq!((budget.unmet(0), budget.unmet(5)), (5, 0));
        (0..3).for_each(|core| budget.set_evictable(CoreId(core), 7));
        assert_eq!(budget.evictable(), 21);
        budget.outcome(Outcome::Ok, Outcome::Fail);
        budget.outcome(Outcome::Fail, Outcome::Fail);
        assert!(budget.refuses());
        budget.outcome(Outcome::Fail, Outcome::Running);
        assert!(!budget.refuses());
        (0..3).for_each(|core| budget.looked(CoreId(core), false));
        assert_eq!(budget.elsewhere(CoreId(1)), Elsewhere::Nothing);
        budget.looked(CoreId(2), true);
        assert_eq!(budget.elsewhere(CoreId(1)), Elsewhere::Candidates);
    }
}
