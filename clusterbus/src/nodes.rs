//! The nodes that this node knows.
//!
//! Places in the table are small numbers, so that a slot's owner and a report's author take two bytes; a bounded number of them, so
//! that peers cannot make the table grow without end.

use std::collections::BTreeMap;
use std::ops::{Index, IndexMut};

use crate::address::{Address, Label};
use crate::dice::Dice;
use crate::effect::LinkId;
use crate::epoch::Epoch;
use crate::faults::{Fault, planted};
use crate::flags::NodeFlags;
use crate::id::{NodeId, ShardId};
use crate::reports::Reports;
use crate::slot_table::NodeIndex;
use crate::time::UnixMillis;
use crate::work::counted;

/// The most nodes: four times what Redis recommends at most. Gossip counts entries in 16 bits.
pub const NODES_MAX: usize = 4_096;
/// The most of them that may be strangers in a handshake.
pub const HANDSHAKES_MAX: usize = 512;

/// A node.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its name; made up while it is in a handshake.
    pub id: NodeId,
    /// Where it is reached.
    pub address: Address,
    /// Its host name.
    pub hostname: Option<Label>,
    /// Its name among people.
    pub nodename: Option<Label>,
    /// Its shard; made up until it or its master says.
    pub shard: ShardId,
    /// What it is, and what it is to us.
    pub flags: NodeFlags,
    /// The master that it follows.
    pub master: Option<NodeIndex>,
    /// Its config epoch.
    pub config_epoch: Epoch,
    /// When it became known.
    pub created: UnixMillis,
    /// When the ping under way to it was sent.
    pub ping_sent: UnixMillis,
    /// When it last answered, as far as we or others know.
    pub pong_received: UnixMillis,
    /// When anything last came from it.
    pub data_received: UnixMillis,
    /// When it was found failed.
    pub fail_time: UnixMillis,
    /// Since when it is a master that has lost its replicas.
    pub orphaned: UnixMillis,
    /// When we last voted for a replica of it.
    pub voted: UnixMillis,
    /// Since when it says that it is a replica, though it was elected with a later epoch than the one of its master.
    pub denies: UnixMillis,
    /// Its replication offset.
    pub offset: u64,
    /// The link on which we ask it.
    pub outbound: Option<LinkId>,
    /// The link on which it asks us.
    pub inbound: Option<LinkId>,
    /// Who finds it failing.
    pub reports: Reports,
}

impl Node {
    /// One of which only this is known.
    pub fn new(id: NodeId, address: Address, flags: NodeFlags, now: UnixMillis, dice: &mut Dice) -> Self {
        Self {
            id,
            address,
            hostname: None,
            nodename: None,
            shard: ShardId::from_entropy(dice.name()),
            flags,
            master: None,
            config_epoch: Epoch::ZERO,
            created: now,
            ping_sent: UnixMillis::NEVER,
            pong_received: UnixMillis::NEVER,
            data_received: UnixMillis::NEVER,
            fail_time: UnixMillis::NEVER,
            orphaned: UnixMillis::NEVER,
            voted: UnixMillis::NEVER,
            denies: UnixMillis::NEVER,
            offset: 0,
            outbound: None,
            inbound: None,
            reports: Reports::default(),
        }
    }

    /// Whether it is a master.
    pub fn is_master(&self) -> bool {
        self.flags.has(NodeFlags::MASTER)
    }

    /// Whether it is known by address only.
    pub fn in_handshake(&self) -> bool {
        self.flags.has(NodeFlags::HANDSHAKE)
    }

    /// Whether somebody thinks that it fails.
    pub fn is_failing(&self) -> bool {
        self.flags.has_any(NodeFlags::PFAIL.and(NodeFlags::FAIL))
    }
}

/// There is no room for another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the table of nodes is full")]
pub struct TableFull;

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct Nodes {
    places: Vec<Option<Box<Node>>>,
    free: Vec<NodeIndex>,
    /// Places that are taken, in no order: for drawing one at random.
    taken: Vec<NodeIndex>,
    by_id: BTreeMap<NodeId, NodeIndex>,
    handshakes: usize,
}

impl Nodes {
    /// Adds a node.
    pub fn insert(&mut self, node: Node) -> Result<NodeIndex, TableFull> {
        let handshake = node.in_handshake();
        if self.taken.len() >= NODES_MAX
            || handshake && self.handshakes >= HANDSHAKES_MAX && !planted(Fault::HandshakesUnbounded)
        {
            return Err(TableFull);
        }
        let index = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            NodeIndex(u16::try_from(self.places.len() - 1).expect("there are at most NODES_MAX places"))
        });
        let before = self.by_id.insert(node.id, index);
        assert!(before.is_none(), "a node is in the table once");
        self.handshakes += usize::from(handshake);
        self.places[index.index()] = Some(Box::new(node));
        self.taken.push(index);
        Ok(index)
    }

    /// Takes a node away. What refers to it is the caller's to clear first.
    pub fn remove(&mut self, index: NodeIndex) -> Node {
        let node = self.places[index.index()].take().expect("the place is taken");
        self.by_id.remove(&node.id);
        self.taken.retain(|taken| *taken != index);
        self.free.push(index);
        self.handshakes -= usize::from(node.in_handshake());
        *node
    }

    /// A node in a handshake said its name.
    pub fn introduce(&mut self, index: NodeIndex, id: NodeId) {
        let node = &mut self[index];
        assert!(node.in_handshake(), "only who is in a handshake is introduced");
        node.flags.clear(NodeFlags::HANDSHAKE.and(NodeFlags::MEET));
        self.rename(index, id);
        self.handshakes -= 1;
    }

    /// A node takes another name.
    pub fn rename(&mut self, index: NodeIndex, id: NodeId) {
        assert!(!self.by_id.contains_key(&id), "a node is in the table once");
        let before = std::mem::replace(&mut self[index].id, id);
        self.by_id.remove(&before);
        self.by_id.insert(id, index);
    }

    /// The node with this name.
    pub fn find(&self, id: &NodeId) -> Option<NodeIndex> {
        counted(1);
        self.by_id.get(id).copied()
    }

    /// All of them, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (NodeIndex, &Node)> + '_ {
        // Each is looked at, and so counted.
        self.by_id.values().map(|index| (*index, &self[*index]))
    }

    /// The places of all of them, in the order of their names: to go through while they change.
    pub fn indices(&self) -> Vec<NodeIndex> {
        counted(self.by_id.len());
        self.by_id.values().copied().collect()
    }

    /// Number of nodes, those in a handshake included.
    pub fn len(&self) -> usize {
        self.taken.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }

    /// One of them at random.
    pub fn draw(&self, dice: &mut Dice) -> Option<NodeIndex> {
        self.taken.get(dice.below(self.taken.len() as u64) as usize).copied()
    }

    /// The replicas of a master, in the order of their names.
    pub fn replicas_of(&self, master: NodeIndex) -> impl Iterator<Item = NodeIndex> + '_ {
        self.iter().filter(move |(_, node)| node.master == Some(master)).map(|(index, _)| index)
    }
}

impl Index<NodeIndex> for Nodes {
    type Output = Node;

    fn index(&self, index: NodeIndex) -> &Node {
        counted(1);
        self.places[index.index()].as_deref().expect("what refers to a node goes with it")
    }
}

impl IndexMut<NodeIndex> for Nodes {
    fn index_mut(&mut self, index: NodeIndex) -> &mut Node {
        counted(1);
        self.places[index.index()].as_deref_mut().expect("what refers to a node goes with it")
    }
}

#[cfg(test)]
#[allow(non_snake_case)]
pub(crate) mod tests {
    use super::*;

    #[test]
    pub(crate) fn FR_P2C_007_U010_the_table_is_bounded() {
        let (mut nodes, mut dice) = (Nodes::default(), Dice::new(3));
        let mut add = |flags, dice: &mut Dice| {
            let id = NodeId::from_entropy(dice.name());
            nodes.insert(Node::new(id, Address::default(), flags, UnixMillis(1), dice))
        };
        let strangers = (0..NODES_MAX).filter(|_| add(NodeFlags::HANDSHAKE, &mut dice).is_ok()).count();
        let known = (0..NODES_MAX).filter(|_| add(NodeFlags::MASTER, &mut dice).is_ok()).count();
        assert_eq!((strangers, known), (HANDSHAKES_MAX, NODES_MAX - HANDSHAKES_MAX));
    }

    #[test]
    pub(crate) fn places_names_and_draws_agree() {
        let (mut nodes, mut dice) = (Nodes::default(), Dice::new(4));
        for step in 0..3_000 {
            let grow = dice.below(5) > 1 && nodes.len() < 60;
            if grow {
                let flags = if dice.below(2) == 0 { NodeFlags::HANDSHAKE } else { NodeFlags::MASTER };
                let id = NodeId::from_entropy(dice.name());
                let node = Node::new(id, Address::default(), flags, UnixMillis(1), &mut dice);
                let index = nodes.insert(node).expect("there is room");
                if flags == NodeFlags::HANDSHAKE && dice.below(2) == 0 {
                    nodes.introduce(index, NodeId::from_entropy(dice.name()));
                }
            } else if let Some(index) = nodes.draw(&mut dice) {
                nodes.remove(index);
            }
            assert_eq!(nodes.iter().count(), nodes.len());
            assert!(nodes.iter().all(|(index, node)| nodes.find(&node.id) == Some(index)), "{step}");
            let strangers = nodes.iter().filter(|(_, node)| node.in_handshake()).count();
            assert_eq!(strangers, nodes.handshakes);
        }
    }
}
