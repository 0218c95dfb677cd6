//! Faults that the adversarial suite plants: one switch for each, and none of them outside this crate's own tests.
//!
//! Where a decision could go wrong in the way a threat of `spec/expire-evict.md` §2 wants it to, it asks [`planted`]. In a
//! build that is no test of this crate the answer is the constant "no", so nothing of it is left. The suite
//! (`adversarial_tests.rs`) plants every fault in turn and shows that a test of the catalogue notices.

/// A way to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// T01: the cycle starts each call at the first database.
    CycleStarvesDatabases,
    /// T01: the cycle never looks at the clock.
    CycleIgnoresLimit,
    /// T01: a call that ran out of time is not counted.
    CycleCapNotCounted,
    /// T01: hash fields are removed without a quota.
    FieldQuotaIgnored,
    /// T02: contradicting options are taken.
    OptionConflictAccepted,
    /// T02: GT lets an equal deadline through.
    GreaterAcceptsEqual,
    /// T03: a deadline that is now is not past.
    PastBorderOff,
    /// T03: an expire time wraps around.
    ExpireTimeWraps,
    /// T05: a key is expired in the millisecond of its deadline.
    AccessBorderOff,
    /// T05: a replica deletes by itself.
    ReplicaDeletes,
    /// T05: a pause is ignored by look-ups.
    PauseIgnoredByGate,
    /// T06: what replicas are owed counts as data.
    BuffersCounted,
    /// T06: a core lends itself what the reserve has not.
    QuotaOvershoots,
    /// T06: what a core gives back is lost.
    QuotaLost,
    /// T06: a core does not ask the others for what it lacks.
    QuotaNotWanted,
    /// T06: what one core wants is evicted in every turn of the others until it has taken it.
    WantMetTwice,
    /// T07: the pool keeps the worst candidates.
    PoolKeepsWorst,
    /// T07: a candidate of another class is taken.
    ClassIgnored,
    /// T07: the counter of a key long unused wraps around instead of reaching 0.
    DecayWraps,
    /// T07: random policies evict from one database.
    RandomStaysInDatabase,
    /// T07: the best candidate is taken for the worst.
    ScoreReversed,
    /// T07: the small queue of S3-FIFO promotes what nobody used.
    SmallPromotesUnused,
    /// T08: the loop does not look at the clock.
    LoopIgnoresLimit,
    /// T08: no candidate on one core fails while others have some.
    LonelyFailure,
    /// T08: the pressure decision outlives a change of settings.
    MemoNotInvalidated,
    /// T09: evicts on behalf of the master's stream.
    MasterLinkEvicts,
    /// T09: the cycle goes on in a pause.
    CycleIgnoresPause,
    /// T10: EXEC is not asked for its queued commands.
    ExecNotAsked,
    /// T10: a record may follow one of a later sequence.
    OrderNotChecked,
    /// T11: the budget of a hardened category is never spent.
    BudgetNeverSpent,
    /// T11: a category that is not allow-listed is let through.
    AllowListIgnored,
    /// T11: drift on a critical row changes nothing.
    DriftIgnored,
    /// T11: probable harm is answered by going on.
    UnsafeGoesOn,
}

#[cfg(test)]
impl Fault {
    /// All of them.
    pub(crate) const ALL: &[Fault] = &[
        Fault::CycleStarvesDatabases,
        Fault::CycleIgnoresLimit,
        Fault::CycleCapNotCounted,
        Fault::FieldQuotaIgnored,
        Fault::OptionConflictAccepted,
        Fault::GreaterAcceptsEqual,
        Fault::PastBorderOff,
        Fault::ExpireTimeWraps,
        Fault::AccessBorderOff,
        Fault::ReplicaDeletes,
        Fault::PauseIgnoredByGate,
        Fault::BuffersCounted,
        Fault::QuotaOvershoots,
        Fault::QuotaLost,
        Fault::QuotaNotWanted,
        Fault::WantMetTwice,
        Fault::PoolKeepsWorst,
        Fault::ClassIgnored,
        Fault::DecayWraps,
        Fault::RandomStaysInDatabase,
        Fault::ScoreReversed,
        Fault::SmallPromotesUnused,
        Fault::LoopIgnoresLimit,
        Fault::LonelyFailure,
        Fault::MemoNotInvalidated,
        Fault::MasterLinkEvicts,
        Fault::CycleIgnoresPause,
        Fault::ExecNotAsked,
        Fault::OrderNotChecked,
        Fault::BudgetNeverSpent,
        Fault::AllowListIgnored,
        Fault::DriftIgnored,
        Fault::UnsafeGoesOn,
    ];
}

/// Whether this fault is to be made.
#[cfg(not(test))]
#[inline(always)]
pub(crate) const fn planted(_fault: Fault) -> bool {
    false
}

#[cfg(test)]
pub(crate) use switches::{notices, planted};

#[cfg(test)]
mod switches {
    use super::Fault;
    use std::cell::Cell;

    thread_local! {
        static PLANTED: Cell<Option<Fault>> = const { Cell::new(None) };
    }

    /// Whether this fault is to be made on this thread.
    pub(crate) fn planted(fault: Fault) -> bool {
        PLANTED.get() == Some(fault)
    }

    /// Runs `check` with the fault planted, or with none; whether it noticed, which a check does by panicking.
    pub(crate) fn notices(check: fn(), fault: Option<Fault>) -> bool {
        PLANTED.set(fault);
        let noticed = std::panic::catch_unwind(check).is_err();
        PLANTED.set(None);
        noticed
    }
}
