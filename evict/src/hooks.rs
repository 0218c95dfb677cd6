//! The order in which a core does what surrounds a command, a turn, a tick of its cron and the removal of a key.
//!
//! C14, `spec/expire-evict.md` §9. The turn's own code is the order; it reports each hook as it passes it, in tests, and the trace is
//! compared with the lists here.

use Hook::*;

/// A step of the command path, of what is done before the core sleeps, of the cron, or of a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hook {
    /// The command exists and has the right number of arguments.
    Arity,
    /// The client may speak at all.
    Authentication,
    /// Commands that no transaction may have.
    NoMulti,
    /// Access control.
    Acl,
    /// Redirections of the cluster.
    ClusterGate,
    /// Clients are closed for their memory.
    EvictClients,
    /// Keys are evicted.
    PerformEvictions,
    /// What trackers are owed for evicted keys leaves.
    TrackingFlush,
    /// Whether the command is refused for want of memory.
    OomDecision,
    /// Whether it is refused because nothing can be saved.
    DiskError,
    /// Whether it is refused for want of replicas.
    MinReplicas,
    /// Whether it would write to a read-only replica.
    ReadOnlyReplica,
    /// Whether the client's subscriptions allow it.
    PubSubContext,
    /// Whether the master is away and its data too old.
    MasterDown,
    /// Whether the data set is being loaded.
    Loading,
    /// Whether a script is busy.
    BusyScript,
    /// Whether it waits for a pause to end.
    Pause,
    /// It is queued in a transaction, or carried out.
    QueueOrExecute,

    /// What was received is looked at.
    PendingReads,
    /// Cluster, before sleep.
    ClusterBeforeSleep,
    /// Migration of slots, before sleep.
    MigrationBeforeSleep,
    /// Blocked clients are served.
    BlockedClients,
    /// The fast expire cycle.
    FastExpire,
    /// Modules.
    Modules,
    /// Replicas are asked how far they are.
    ReplicaAcks,
    /// A manual fail-over goes on.
    FailoverStatus,
    /// Invalidations of broadcasting trackers.
    TrackingBroadcast,
    /// The log is written and synced.
    LogWrite,
    /// Clients are sent their replies.
    ClientWrites,
    /// A slice of freeing.
    AsyncFrees,
    /// The replication backlog is trimmed.
    BacklogTrim,

    /// The clocks of the access bits.
    AccessClock,
    /// Peak and resident memory.
    MemorySamples,
    /// Clients: timeouts, buffers.
    ClientsCron,
    /// Databases: the slow expire cycle.
    DatabasesCron,
    /// Child processes.
    Children,
    /// The log's own cron.
    LogCron,
    /// Pauses that end.
    PauseTimeouts,
    /// Replication.
    ReplicationCron,
    /// The cluster.
    ClusterCron,
    /// Migration of slots.
    MigrationCron,

    /// The key, with its deadline, leaves the data.
    RemoveKey,
    /// The event `expired` or `evicted`.
    NotifyRemoval,
    /// WATCH and tracking hear of it.
    MarkModified,
    /// The record is appended.
    LogRemoval,
    /// `expired_keys` or `evicted_keys`.
    CountRemoval,
}

/// The command path: §9.1.
pub const COMMAND: &[Hook] = &[
    Arity,
    Authentication,
    NoMulti,
    Acl,
    ClusterGate,
    EvictClients,
    PerformEvictions,
    TrackingFlush,
    OomDecision,
    DiskError,
    MinReplicas,
    ReadOnlyReplica,
    PubSubContext,
    MasterDown,
    Loading,
    BusyScript,
    Pause,
    QueueOrExecute,
];

/// Before the core sleeps: §9.2.
pub const BEFORE_SLEEP: &[Hook] = &[
    PendingReads,
    ClusterBeforeSleep,
    MigrationBeforeSleep,
    BlockedClients,
    FastExpire,
    Modules,
    ReplicaAcks,
    FailoverStatus,
    TrackingBroadcast,
    LogWrite,
    ClientWrites,
    AsyncFrees,
    BacklogTrim,
    EvictClients,
];

/// The cron: §9.3.
pub const CRON: &[Hook] = &[
    AccessClock,
    MemorySamples,
    ClientsCron,
    DatabasesCron,
    Children,
    LogCron,
    PauseTimeouts,
    ReplicationCron,
    ClusterCron,
    MigrationCron,
];

/// The removal of a key that no command asked for: §6.1. The data is right before anybody hears of it.
pub const REMOVAL: &[Hook] = &[RemoveKey, NotifyRemoval, MarkModified, LogRemoval, CountRemoval];

/// What is wrong with a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookFault {
    /// This hook does not belong to the list.
    Foreign(Hook),
    /// This hook stands behind one that it has to precede, or a second time.
    Misplaced(Hook),
    /// This hook was required.
    Missing(Hook),
}

/// Compares the trace of one pass with its list. Hooks of what is not built may be absent; those in `required` may not.
pub fn check(trace: &[Hook], list: &[Hook], required: &[Hook]) -> Result<(), HookFault> {
    let mut next = 0;
    for &hook in trace {
        let place = list.iter().position(|&listed| listed == hook).ok_or(HookFault::Foreign(hook))?;
        if place < next {
            return Err(HookFault::Misplaced(hook));
        }
        next = place + 1;
    }
    required.iter().find(|hook| !trace.contains(hook)).map_or(Ok(()), |&hook| Err(HookFault::Missing(hook)))
}

#[cfg(test)]
#[allow(non_snake_case)]
pub(crate) mod tests {
    use super::*;

    #[test]
    pub(crate) fn FR_P2C_008_U014_lists_are_orders() {
        for list in [COMMAND, BEFORE_SLEEP, CRON, REMOVAL] {
            assert_eq!(check(list, list, list), Ok(()), "each hook stands once");
            for (first, second) in (0..list.len()).zip(1..list.len()) {
                let mut trace = list.to_vec();
                trace.swap(first, second);
                assert_eq!(check(&trace, list, &[]), Err(HookFault::Misplaced(list[first])));
                trace = list.to_vec();
                trace.remove(first);
                assert_eq!(check(&trace, list, &[]), Ok(()));
                assert_eq!(check(&trace, list, list), Err(HookFault::Missing(list[first])));
                trace.insert(0, list[second]);
                assert_eq!(check(&trace, list, &[]), Err(HookFault::Misplaced(trace[1])));
            }
        }
        assert_eq!(check(&[FastExpire], COMMAND, &[]), Err(HookFault::Foreign(FastExpire)));
        assert_eq!(check(&[], CRON, &[]), Ok(()));
    }

    #[test]
    pub(crate) fn FR_P2C_008_U014_what_the_contract_hangs_on() {
        let before = |list: &[Hook], first, second| {
            let place = |hook| list.iter().position(|&listed| listed == hook);
            place(first).is_some() && place(first) < place(second)
        };
        // Memory is made before it is asked for, and clients go before keys.
        assert!(before(COMMAND, EvictClients, PerformEvictions) && before(COMMAND, PerformEvictions, OomDecision));
        assert!(before(COMMAND, OomDecision, QueueOrExecute));
        // Deletions are logged before the clients are answered.
        assert!(before(BEFORE_SLEEP, FastExpire, LogWrite) && before(BEFORE_SLEEP, LogWrite, ClientWrites));
    }
}
