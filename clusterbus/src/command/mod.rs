//! CLUSTER: what operators ask a node and tell it.
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

/// How much RESET takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetKind {
    /// What the node knows of others.
    Soft,
    /// Its name and its epochs as well.
    Hard,
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
    AddSlots(Vec<SlotRange>),
    /// BUMPEPOCH.
    BumpEpoch,
    /// COUNT-FAILURE-REPORTS.
    CountFailureReports(NamedNode),
    /// DELSLOTS and DELSLOTSRANGE.
    DeleteSlots(Vec<SlotRange>),
    /// FAILOVER.
    Failover(FailoverKind),
    /// FLUSHSLOTS.
    FlushSlots,
    /// FORGET.
    Forget(NamedNode),
    /// INFO.
    Info,
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
