//! CLUSTER, and DEBUG CLUSTERLINK: what operators ask a node and tell it.
//!
//! C01, §6. [`ClusterCommand::parse`] takes what needs no state, `Cluster::command` what does; either says no before anything is
//! changed. What only cores know comes as [`CommandFacts`]; KEYSLOT, COUNTKEYSINSLOT, GETKEYSINSLOT, SLOT-STATS and HELP are theirs.

mod facts;
mod info;
mod named;
mod nodes;
mod parse;
mod reply;
mod run;
mod shards;
mod slots;

#[cfg(test)]
pub(crate) mod captured_tests;
#[cfg(test)]
pub(crate) mod command_tests;
#[cfg(test)]
pub(crate) mod model_tests;
#[cfg(test)]
pub(crate) mod slots_tests;

pub use facts::{CommandFacts, LinkFacts};
pub use named::{NamedNode, NamedSlot};
pub use reply::ClusterReply;

use keyspace::slot::Slot;

use crate::address::Address;
use crate::cluster::FailoverKind;
use crate::epoch::Epoch;

/// Slots from the first to the last, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotRange {
    /// The first.
    pub first: Slot,
    /// The last, not before the first.
    pub last: Slot,
}

/// Slots of ADDSLOTS, DELSLOTS and their forms with ranges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotList {
    /// As they were given.
    pub ranges: Vec<SlotRange>,
    /// What is wrong behind them. The client hears of it unless one of them is refused before.
    pub fault: Option<String>,
}

/// How much RESET takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetKind {
    /// What the node knows of others.
    Soft,
    /// Its name and its epochs as well.
    Hard,
}

/// Which links DEBUG CLUSTERLINK KILL ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinksToKill {
    /// The one on which we ask the node.
    To,
    /// The one on which it asks us.
    From,
    /// Both.
    All,
    /// No such thing; what was given, for the reply.
    Unknown(String),
}

/// What SETSLOT makes of a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlotAction {
    /// It is being moved to this node.
    Migrating(NamedNode),
    /// It is being moved here from this node.
    Importing(NamedNode),
    /// It is not being moved.
    Stable,
    /// It is this node's.
    Node(NamedNode),
    /// No such thing.
    Unknown,
}

/// A subcommand with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterCommand {
    /// ADDSLOTS and ADDSLOTSRANGE.
    AddSlots(SlotList),
    /// BUMPEPOCH.
    BumpEpoch,
    /// COUNT-FAILURE-REPORTS.
    CountFailureReports(NamedNode),
    /// DELSLOTS and DELSLOTSRANGE.
    DeleteSlots(SlotList),
    /// FAILOVER.
    Failover(FailoverKind),
    /// FLUSHSLOTS.
    FlushSlots,
    /// FORGET.
    Forget(NamedNode),
    /// INFO.
    Info,
    /// DEBUG CLUSTERLINK KILL.
    KillLinks(LinksToKill, NamedNode),
    /// LINKS.
    Links,
    /// MEET.
    Meet(Address),
    /// MYID.
    MyId,
    /// MYSHARDID.
    MyShardId,
    /// NODES.
    Nodes,
    /// REPLICAS and SLAVES.
    Replicas(NamedNode),
    /// REPLICATE.
    Replicate(NamedNode),
    /// RESET.
    Reset(ResetKind),
    /// SAVECONFIG.
    SaveConfig,
    /// SET-CONFIG-EPOCH.
    SetConfigEpoch(Epoch),
    /// SETSLOT. A replica says that it is one before it looks at the slot, so the slot may be none.
    SetSlot(NamedSlot, SlotAction),
    /// SHARDS.
    Shards,
    /// SLOTS.
    Slots,
}
