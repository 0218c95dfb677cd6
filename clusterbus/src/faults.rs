//! Guards that the adversarial suite switches off: one switch for each, and none of them outside this crate's own tests.
//!
//! Where a decision stands between a threat of `spec/cluster.md` §2.2 and the cluster, it asks [`planted`]. In a build that is no
//! test of this crate the answer is the constant "no", so nothing of it is left. The suite (`adversarial_tests.rs`) switches every
//! guard off in turn and shows that a test of the catalogue notices.

/// A guard that is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// T01: keys of two slots are taken for keys of one.
    CrossSlotTaken,
    /// T01: a slot that is being moved is served as if it were not.
    MovingSlotServed,
    /// T01: a slot without owner is asked of the health first.
    DownBeforeUnassigned,
    /// T01: a replica serves writes.
    ReplicaWrites,
    /// T01: a slot that is being moved counts as settled.
    SettledWhileMoving,
    /// T02: the port of the other kind is told.
    WrongPort,
    /// T03: who waits on a slot of others goes on waiting.
    WaitsForEver,
    /// T04: ASKING outlives its command.
    AskingLasts,
    /// T05: a file that ends too early is taken.
    CutFileTaken,
    /// T06: two masters of one epoch keep it.
    CollisionIgnored,
    /// T06: an epoch follows whoever spoke last.
    EpochFalls,
    /// T06: claims win whatever their epoch.
    OldClaimsWin,
    /// T06: who came back with an old epoch is not told its own.
    LostEpochNotTold,
    /// T06: a slot that was taken without a new epoch is not told of.
    EqualUpdateIgnored,
    /// T06: nobody is told that its claim is old.
    UpdateNotSent,
    /// T07: the length of an extension is read in 16 bits.
    ExtensionLengthCut,
    /// T07: bytes behind a body are ignored.
    TrailingBytesIgnored,
    /// T07: an announced length is reserved.
    LengthReserved,
    /// T07: handshakes have no limit of their own.
    HandshakesUnbounded,
    /// T07: an epoch from nowhere is believed.
    EpochJumpBelieved,
    /// T07: names are not looked at.
    NamesUnchecked,
    /// T08: a vote is told before it is on disk.
    VoteNotDurable,
    /// T08: a voter forgets that it voted in this epoch.
    VotesTwice,
    /// T08: half is a majority.
    HalfIsEnough,
    /// T08: a vote is given though the master lives.
    LivingMasterReplaced,
    /// T09: nobody is suspected.
    NobodySuspected,
    /// T09: reports never end.
    ReportsLast,
    /// T09: who forgets a node does not tell.
    ForgetNotTold,
    /// T10: a node's slots are not counted out.
    CountNotKept,
    /// T10: who was in a minority serves at once.
    RejoinsAtOnce,
    /// T10: who just started serves at once.
    StartsAtOnce,
    /// T10: a minority serves.
    MinorityServes,
    /// T10: who stood still serves at once.
    StallIgnored,
    /// T09: a clock that was set back is waited for.
    ClockTrusted,
    /// T05: a master that becomes a replica keeps what it was moving by hand.
    MarksKept,
    /// T08: a replica without its master's data is elected.
    OldDataElected,
    /// T08: a replica does not hear that its master stands still.
    PauseNotHeard,
    /// T08: a failover by request is never called off.
    PauseLasts,
    /// T09: gossip does not speak of suspects.
    SuspectsNotTold,
    /// T09: a replica goes on following one that is a replica now.
    ChainKept,
    /// T09: who lives at the address of another is taken for it.
    StrangerAtAddress,
    /// T09: a node that moved is looked for where it was.
    AddressKept,
    /// T09: a node forgets itself and its master if it is told to.
    ForgetsAnybody,
    /// T09: every frame waits for the disk.
    AllFramesWait,
    /// T09: a link that could not be opened is opened again at once.
    RedialsAtOnce,
    /// T06: a slot is taken by hand without an epoch of its own.
    TakenWithoutEpoch,
    /// T10: a slot is served before it is known to be ours after a crash.
    RightsGrowFirst,
    /// T01: others are told that a slot is not served here while a core still serves it.
    ToldBeforeCores,
    /// T05: keys of lost slots go while a core still writes there.
    DroppedBeforeCores,
}

#[cfg(test)]
impl Fault {
    /// All of them.
    pub(crate) const ALL: &[Fault] = &[
        Fault::CrossSlotTaken,
        Fault::MovingSlotServed,
        Fault::DownBeforeUnassigned,
        Fault::ReplicaWrites,
        Fault::SettledWhileMoving,
        Fault::WrongPort,
        Fault::WaitsForEver,
        Fault::AskingLasts,
        Fault::CutFileTaken,
        Fault::CollisionIgnored,
        Fault::EpochFalls,
        Fault::OldClaimsWin,
        Fault::LostEpochNotTold,
        Fault::EqualUpdateIgnored,
        Fault::UpdateNotSent,
        Fault::ExtensionLengthCut,
        Fault::TrailingBytesIgnored,
        Fault::LengthReserved,
        Fault::HandshakesUnbounded,
        Fault::EpochJumpBelieved,
        Fault::NamesUnchecked,
        Fault::VoteNotDurable,
        Fault::VotesTwice,
        Fault::HalfIsEnough,
        Fault::LivingMasterReplaced,
        Fault::NobodySuspected,
        Fault::ReportsLast,
        Fault::ForgetNotTold,
        Fault::CountNotKept,
        Fault::RejoinsAtOnce,
        Fault::StartsAtOnce,
        Fault::MinorityServes,
        Fault::StallIgnored,
        Fault::ClockTrusted,
        Fault::MarksKept,
        Fault::OldDataElected,
        Fault::PauseNotHeard,
        Fault::PauseLasts,
        Fault::SuspectsNotTold,
        Fault::ChainKept,
        Fault::StrangerAtAddress,
        Fault::AddressKept,
        Fault::ForgetsAnybody,
        Fault::AllFramesWait,
        Fault::RedialsAtOnce,
        Fault::TakenWithoutEpoch,
        Fault::RightsGrowFirst,
        Fault::ToldBeforeCores,
        Fault::DroppedBeforeCores,
    ];
}

/// Whether this guard is off.
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

    /// Whether this guard is off on this thread.
    pub(crate) fn planted(fault: Fault) -> bool {
        PLANTED.get() == Some(fault)
    }

    /// Runs `check` with the guard off, or with all on; whether it noticed, which a check does by panicking.
    pub(crate) fn notices(check: fn(), fault: Option<Fault>) -> bool {
        PLANTED.set(fault);
        let noticed = std::panic::catch_unwind(check).is_err();
        PLANTED.set(None);
        noticed
    }
}
