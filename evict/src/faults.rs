//! Faults that the adversarial suite plants: `audit::faults` says how.
//!
//! One or more for each threat of `spec/expire-evict.md` §2. Those of T11 are of the crate `audit`; those of T04 stand with the commands.

audit::faults! {
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
}
