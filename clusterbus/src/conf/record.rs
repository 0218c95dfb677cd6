//! What `nodes.conf` holds.

use std::sync::Arc;

use keyspace::slot::Slot;

use super::line::OpenSlot;
use crate::address::{Address, Label};
use crate::epoch::Epoch;
use crate::flags::NodeFlags;
use crate::id::{NodeId, ShardId};
use crate::slot_set::SlotSet;
use crate::time::UnixMillis;

/// Which port of clients stands in the address: the other one is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrimaryPort {
    /// TCP: the bus is not encrypted.
    Tcp,
    /// TLS: it is.
    Tls,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRecord {
    /// Its name.
    pub id: NodeId,
    /// Where it is reached.
    pub address: Address,
    /// Its host name.
    pub hostname: Option<Label>,
    /// Its name among people.
    pub nodename: Option<Label>,
    /// Its shard. Redis 7.0 does not know shards.
    pub shard: Option<ShardId>,
    /// Its flags.
    pub flags: NodeFlags,
    /// The master that it follows.
    pub master: Option<NodeId>,
    /// When the ping under way to it was sent. After reading only whether there was one counts: it becomes the time of reading.
    pub ping_sent: UnixMillis,
    /// When it last answered; the same.
    pub pong_received: UnixMillis,
    /// Its config epoch. A replica's is shown as its master's and read as 0.
    pub config_epoch: Epoch,
    /// Whether there was a link to it.
    pub link: LinkState,
    /// Its slots.
    pub slots: Arc<SlotSet>,
}

/// Whether there is a link to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// There is, or it is this node.
    Connected,
    /// There is none.
    Disconnected,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodesConf {
    /// This node.
    pub myself: NodeId,
    /// All nodes, this one among them; none twice, none in a handshake.
    pub nodes: Vec<NodeRecord>,
    /// Slots of this node that are being moved by hand, ascending, each once.
    pub open: Vec<OpenSlot>,
    /// The current epoch.
    pub current_epoch: Epoch,
    /// The epoch in which this node voted last.
    pub last_vote_epoch: Epoch,
    /// Slots that a file gave to several nodes, ascending; one of these has each. None in what this node knows.
    pub disputed: Vec<Slot>,
}
