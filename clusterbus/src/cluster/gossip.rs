//! Gossip: whom we speak of, and what we take from what others say.
//!
//! §9.1, §9.2. Per frame the work is one draw or one look-up for each entry.

use super::Cluster;
use super::failure::Majority;
use crate::address::Address;
use crate::effect::{Alarm, Durability, Effect};
use crate::epoch::Epoch;
use crate::faults::{Fault, planted};
use crate::flags::NodeFlags;
use crate::id::NodeId;
use crate::nodes::Node;
use crate::slot_table::NodeIndex;
use crate::time::{Millis, UnixMillis};
use crate::topics::Topic;
use crate::wire::GossipEntry;

/// The fewest nodes that a frame speaks of, if there are so many.
const WANTED_MIN: usize = 3;
/// One in so many nodes is spoken of.
const WANTED_SHARE: usize = 10;
/// Draws for each node that is wanted.
const DRAWS: usize = 3;
/// How far ahead of our clock another's may be.
const CLOCK_TOLERANCE: Millis = Millis(500);

impl Cluster {
    /// Whom to speak of in a frame for `receiver`: some at random, and all that are suspected.
    pub(super) fn choose_gossip(&mut self, receiver: Option<NodeIndex>) -> Vec<NodeIndex> {
        let known = self.nodes.len();
        let wanted = (known / WANTED_SHARE).max(WANTED_MIN).min(known.saturating_sub(2));
        let mut chosen: Vec<NodeIndex> = Vec::with_capacity(wanted);
        let hidden = NodeFlags::HANDSHAKE.and(NodeFlags::NOADDR);
        for _ in 0..DRAWS * wanted {
            if chosen.len() == wanted {
                break;
            }
            let Some(index) = self.nodes.draw(&mut self.dice) else { break };
            let node = &self.nodes[index];
            let of_no_use = node.outbound.is_none() && self.slots.count_of(index) == 0;
            let skipped = index == self.me
                || Some(index) == receiver
                || node.flags.has_any(hidden.and(NodeFlags::PFAIL))
                || of_no_use
                || chosen.contains(&index);
            if !skipped {
                chosen.push(index);
            }
        }
        let suspected = |node: &Node| node.flags.has(NodeFlags::PFAIL) && !node.flags.has_any(hidden);
        if planted(Fault::SuspectsNotTold) {
            return chosen;
        }
        chosen.extend(self.nodes.iter().filter(|(_, node)| suspected(node)).map(|(index, _)| index));
        chosen
    }

    /// Takes what a known node says of others.
    pub(super) fn hear_gossip(&mut self, sender: NodeIndex, entries: &[GossipEntry], now: UnixMillis) {
        let mut majority = Majority::default();
        for entry in entries {
            match self.nodes.find(&entry.id) {
                Some(node) if node == self.me => {}
                Some(node) => self.hear_of(node, sender, entry, &mut majority, now),
                None => self.learn(entry, now),
            }
        }
    }

    fn hear_of(
        &mut self,
        node: NodeIndex,
        sender: NodeIndex,
        entry: &GossipEntry,
        majority: &mut Majority,
        now: UnixMillis,
    ) {
        let failing = entry.flags.has_any(NodeFlags::PFAIL.and(NodeFlags::FAIL));
        if self.nodes[sender].is_master() {
            if failing {
                self.nodes[node].reports.add(sender, now);
                self.fail_if_agreed(node, majority, now);
            } else {
                self.nodes[node].reports.remove(sender);
            }
        }
        let timeout = self.settings.node_timeout;
        let known = &mut self.nodes[node];
        known.reports.expire(timeout, now);
        let addressed = !entry.flags.has(NodeFlags::NOADDR);
        if !failing && addressed && known.ping_sent == UnixMillis::NEVER && known.reports.is_empty() {
            let pong = UnixMillis(u64::from(entry.pong_received.0) * 1_000);
            if pong <= now + CLOCK_TOLERANCE && pong > known.pong_received {
                known.pong_received = pong;
            }
        }
        // Others reach it where we do not look.
        if known.is_failing() && !failing && addressed && known.address != entry.address {
            known.address = entry.address;
            known.flags.clear(NodeFlags::NOADDR);
            self.close_outbound(node);
        }
    }

    /// Takes a node that we did not know. What others think of its health is not taken: we judge by ourselves.
    fn learn(&mut self, entry: &GossipEntry, now: UnixMillis) {
        if entry.flags.has(NodeFlags::NOADDR) || self.forgotten.contains(&entry.id, now) {
            return;
        }
        let refuses = entry.flags.bits() & NodeFlags::NOFAILOVER.bits();
        let flags = entry.flags.role().and(NodeFlags::from_bits(refuses));
        self.add_node(entry.id, entry.address, flags, now);
    }

    /// Adds a node; none if there is no room.
    pub(super) fn add_node(
        &mut self,
        id: NodeId,
        address: Address,
        flags: NodeFlags,
        now: UnixMillis,
    ) -> Option<NodeIndex> {
        let node = Node { config_epoch: Epoch::ZERO, ..Node::new(id, address, flags, now, &mut self.dice) };
        match self.nodes.insert(node) {
            Ok(index) => {
                self.changed(Durability::Written);
                Some(index)
            }
            Err(_) => {
                self.outbox.push(Effect::Alarm(Alarm::TableFull));
                let topic = if flags.has(NodeFlags::HANDSHAKE) { Topic::HandshakeRefused } else { Topic::NodeRefused };
                self.note(topic, address.host.to_wire());
                None
            }
        }
    }

    /// Takes a node away, and all that refers to it.
    pub(super) fn delete_node(&mut self, index: NodeIndex) {
        assert!(index != self.me, "a node does not forget itself");
        self.slots.forget(index);
        self.attach(index, None);
        for link in [self.nodes[index].outbound, self.nodes[index].inbound].into_iter().flatten() {
            self.close(link);
        }
        for other in self.nodes.indices() {
            let other = &mut self.nodes[other];
            other.reports.remove(index);
            if other.master == Some(index) {
                other.master = None;
            }
        }
        self.election.forget(index);
        self.forget_manual(index);
        self.forget_heard(index);
        self.nodes.remove(index);
        self.changed(Durability::Written);
    }
}
