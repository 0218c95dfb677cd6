//! One memory budget for the process, divided among its cores by lease.
//!
//! C10 and `spec/expire-evict.md` §16.2. What is left of the budget lies in a *reserve*. A core holds a *quota* of it, and what it
//! uses must fit: a core that has grown borrows from the reserve before it evicts, and puts back what it does not need beyond one
//! *lease*, so that little lies idle. Then the sum of what all cores use is within the budget without anybody ever adding it up,
//! and a command that fits the quota pays one comparison.
//!
//! When the reserve is empty, a core evicts for itself, and publishes what it *wants* beyond its fair share. The others give what
//! they do not use, and then evict their share of what is wanted: so quota flows to where it is needed. A core that has nothing to
//! evict may overdraw by a small part, and beyond it waits for what the others give.
//!
//! Before a command that needs memory: [`Quota::pressure`], and the eviction loop for what it says is missing. At the end of a turn:
//! [`Quota::give`] with what [`Balance::unmet`] says of the others' wants; of what remains the core owes its
//! [`fair_share`](crate::pressure::fair_share) ([`Quota::owe`]), which counts as missing from then on; and the loop again.
//!
//! When a limit is set or lowered below what is in use, the balance is negative: every core is charged for what it uses
//! ([`Quota::begin`]), and all owe their share of the debt.
//!
//! `held` of all cores and the reserve's balance add up to the budget at any moment. `used` of a core is at most what it holds, its
//! overdraft, and the growth of one command.

use std::num::NonZeroU64;

use crate::faults::{Fault, planted};
use crate::pressure::Pressure;

/// Part of the budget that all cores together may hold without using it, or use without holding it: one in so many.
const TOLERANCE: u64 = 100;

/// Bounds of a lease.
const LEASE_MIN: u64 = 4 << 10;
const LEASE_MAX: u64 = 1 << 20;

/// What a core has to be able to hold.
const CORE_MIN: u64 = 64 << 10;

/// The smallest workable budget for so many cores, when `fixed` bytes are in use that nobody can evict. A budget is one if every core
/// can hold 64 KiB, 16 leases of the smallest kind.
pub fn least_maxmemory(fixed: u64, cores: u16) -> u64 {
    fixed.saturating_add(CORE_MIN * u64::from(cores.max(1)))
}

/// What cores lend themselves at a time, and by how much they may overdraw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    lease: u64,
    overdraft: u64,
}

impl Terms {
    /// The terms for a budget and a number of cores. A core has at most two leases idle: together 1 % of the budget.
    pub fn new(budget: u64, cores: u16) -> Self {
        let tolerance = budget / TOLERANCE / u64::from(cores.max(1));
        Self { lease: (tolerance / 2).clamp(LEASE_MIN, LEASE_MAX), overdraft: tolerance }
    }

    /// Bytes that a core borrows beyond its need.
    pub fn lease(&self) -> u64 {
        self.lease
    }

    /// Bytes that a core may use beyond its quota while others are asked to give: together 1 % of the budget.
    pub fn overdraft(&self) -> u64 {
        self.overdraft
    }
}

/// The balance of the reserve: the arithmetic for one atomic number that all cores share. Negative after the budget was lowered
/// below what the cores hold; what they put back pays that first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance(pub i64);

impl Balance {
    /// A reserve that holds the whole budget.
    pub fn new(budget: u64) -> Self {
        Self(signed(budget))
    }

    /// The balance after as much of `at_most` as there is was taken, and how much that is.
    pub fn take(self, at_most: u64) -> (Self, u64) {
        let there = self.0.max(0);
        let taken = there.min(signed(at_most));
        if planted(Fault::QuotaOvershoots) {
            return (Self(self.0 - taken), at_most);
        }
        (Self(self.0 - taken), taken.unsigned_abs())
    }

    /// The balance after `bytes` were put back.
    pub fn put(self, bytes: u64) -> Self {
        if planted(Fault::QuotaLost) { self } else { Self(self.0.saturating_add(signed(bytes))) }
    }

    /// The balance after a core was charged for bytes that it has already, whether they were there or not.
    pub fn charge(self, bytes: u64) -> Self {
        Self(self.0.saturating_sub(signed(bytes)))
    }

    /// The balance after the budget changed from `before`.
    pub fn resize(self, before: u64, budget: u64) -> Self {
        Self(self.0.saturating_add(signed(budget)).saturating_sub(signed(before)))
    }

    /// Bytes that the cores hold beyond the budget.
    pub fn debt(self) -> u64 {
        self.0.min(0).unsigned_abs()
    }

    /// What others have still to give of what cores want, and of the debt. What lies in the reserve already is not asked for again:
    /// who wants it takes it at its own next turn, before which others may have many.
    pub fn unmet(self, wanted: u64) -> u64 {
        if planted(Fault::WantMetTwice) {
            return wanted;
        }
        wanted.saturating_sub(self.0.max(0).unsigned_abs()).saturating_add(self.debt())
    }
}

/// No machine has memory for the upper half of the range.
fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// The reserve as cores reach it. Each call is one atomic step, by the arithmetic of [`Balance`].
pub trait Reserve {
    /// Takes up to so many bytes; how many.
    fn take(&self, at_most: u64) -> u64;

    /// Puts bytes back.
    fn put(&self, bytes: u64);

    /// Takes bytes that are in use already.
    fn charge(&self, bytes: u64);
}

/// The quota of one core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    held: u64,
    wanted: u64,
    /// Part of `held` that has to be given.
    owed: u64,
}

impl Quota {
    /// A limit begins to hold while the core uses so many bytes.
    pub fn begin(used: u64, reserve: &impl Reserve) -> Self {
        reserve.charge(used);
        Self { held: used, wanted: 0, owed: 0 }
    }

    /// Bytes that the core may use.
    pub fn held(&self) -> u64 {
        self.held
    }

    /// Bytes that it asks the others for: a published number.
    pub fn wanted(&self) -> u64 {
        self.wanted
    }

    /// Whether so many bytes fit: all that a command asks in the usual case.
    #[inline]
    pub fn fits(&self, used: u64) -> bool {
        used <= self.held - self.owed
    }

    /// Fits the quota to `used` bytes: borrows what is missing and one lease, and what the others were asked for; or puts back what
    /// is idle beyond two leases. Returns the bytes that are missing all the same, which the core has to evict.
    ///
    /// To be called before a command that does not fit, and at the end of each turn.
    pub fn settle(&mut self, used: u64, terms: &Terms, reserve: &impl Reserve) -> u64 {
        if (self.held - self.owed).saturating_sub(used) > 2 * terms.lease {
            self.wanted = 0;
            self.give_up(self.held - used - terms.lease, reserve);
        } else if used > self.held || self.wanted > 0 {
            let missing = used.saturating_sub(self.held);
            let lease = if missing > 0 { terms.lease } else { 0 };
            let taken = reserve.take(missing.saturating_add(lease).max(self.wanted));
            self.held += taken;
            self.wanted = self.wanted.saturating_sub(taken);
        }
        used.saturating_sub(self.held - self.owed)
    }

    /// The pressure on a core that uses so many bytes of what counts, by the terms of the budget, if there is one.
    #[inline]
    pub fn pressure(&mut self, used: u64, terms: Option<&Terms>, reserve: &impl Reserve) -> Pressure {
        match terms {
            None => Pressure::Unlimited,
            Some(_) if self.fits(used) => Pressure::Within,
            Some(terms) => NonZeroU64::new(self.settle(used, terms, reserve)).map_or(Pressure::Within, Pressure::Over),
        }
    }

    /// Asks the others for their share of bytes that are missing. It stays asked for when the core has evicted for itself: else a
    /// core that began late would turn over its few keys for ever.
    pub fn want(&mut self, missing: u64, own_share: u64) {
        if !planted(Fault::QuotaNotWanted) {
            self.wanted = self.wanted.max(missing.saturating_sub(own_share));
        }
    }

    /// Gives what the core holds and does not use to those who want it: up to `wanted`. Returns what is wanted still.
    pub fn give(&mut self, used: u64, wanted: u64, reserve: &impl Reserve) -> u64 {
        let given = self.held.saturating_sub(used).min(wanted);
        self.give_up(given, reserve);
        wanted - given
    }

    /// From now on the core owes so many bytes, in the place of what it owed. They are missing until they are given. Where the policy
    /// evicts nothing, the shares of a debt go by what the cores use.
    pub fn owe(&mut self, bytes: u64) {
        self.owed = bytes.min(self.held);
    }

    /// Bytes that it owes.
    pub fn owed(&self) -> u64 {
        self.owed
    }

    /// Gives all of it back: there is no limit any more.
    pub fn release(&mut self, reserve: &impl Reserve) {
        self.wanted = 0;
        self.give_up(self.held, reserve);
    }

    /// Whether the next command may go on though so many bytes are missing and nothing is here to evict.
    pub fn may_overdraw(&self, missing: u64, terms: &Terms) -> bool {
        missing <= terms.overdraft
    }

    fn give_up(&mut self, bytes: u64, reserve: &impl Reserve) {
        if bytes > 0 {
            self.held -= bytes;
            self.owed = self.owed.saturating_sub(bytes);
            reserve.put(bytes);
        }
    }
}

#[cfg(test)]
#[path = "quota_tests.rs"]
pub(crate) mod tests;
