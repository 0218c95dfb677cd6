//! Guards that the adversarial suite switches off: `audit::faults` says how.
//!
//! Each stands between a threat of `spec/cluster.md` §2.2 and the cluster.

audit::faults! {
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
    /// T08: a file is taken for the last one.
    OldFileTrusted,
    /// T05: a slot is let go of because it is empty, while a core still writes there.
    ServedWhileAsked,
    /// T05: a slot is given away with its keys.
    GivenWithKeys,
    /// T08: an election that failed is not tried again.
    ElectionOnce,
    /// T08: replicas of several failed masters ask for votes all at once.
    TurnsIgnored,
    /// T09: a replica stays with a master that has lost its last slot.
    StaysBehind,
    /// T08: a replica that changes masters has no data.
    DataForgotten,
    /// T05: a replica is in another shard than its master.
    ShardsApart,
    /// T02: a shard with a failed member has no slots.
    FailedShardHidden,
    /// T05: a replica takes slots that are being moved from a file.
    MarksOfReplicaRead,
    /// T06: a node that came back as a replica stays a master to others.
    DenialIgnored,
    /// T11: a defence of hardened mode is seen by others.
    DefenceIsSeen,
}
