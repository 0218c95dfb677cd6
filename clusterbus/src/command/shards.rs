//! CLUSTER SHARDS: masters with their replicas.
//!
//! §6.7. Shards are in the order of their names, nodes in theirs.

use std::collections::BTreeMap;

use super::{ClusterReply, CommandFacts};
use crate::cluster::Cluster;
use crate::conf::PrimaryPort;
use crate::faults::{Fault, planted};
use crate::flags::NodeFlags;
use crate::id::ShardId;
use crate::nodes::Node;
use crate::redirect::place_of;
use crate::slot_set::SlotSet;
use crate::slot_table::NodeIndex;

impl Cluster {
    /// The reply to CLUSTER SHARDS.
    pub(super) fn shards_reply(&self, facts: &CommandFacts) -> ClusterReply {
        let mut shards: BTreeMap<ShardId, Vec<NodeIndex>> = BTreeMap::new();
        for (index, node) in self.nodes().iter().filter(|(_, node)| !node.in_handshake()) {
            shards.entry(node.shard).or_default().push(index);
        }
        let shard = |nodes: Vec<NodeIndex>| {
            let served = self.slots_of_shard(&nodes);
            let bounds = served.runs().flat_map(|(first, last)| [first, last]);
            let slots = bounds.map(|slot| ClusterReply::Int(slot.number().into())).collect();
            let nodes = nodes.into_iter().map(|node| self.member_reply(node, facts)).collect();
            ClusterReply::map([("slots", ClusterReply::Array(slots)), ("nodes", ClusterReply::Array(nodes))])
        };
        ClusterReply::Array(shards.into_values().map(shard).collect())
    }

    /// The slots of the master of the first node that has not failed.
    fn slots_of_shard(&self, members: &[NodeIndex]) -> SlotSet {
        let members = if planted(Fault::FailedShardHidden) { &members[..1] } else { members };
        let alive = members.iter().find(|index| !self.nodes()[**index].flags.has(NodeFlags::FAIL));
        let master = alive.and_then(|index| match self.nodes()[*index].is_master() {
            true => Some(*index),
            false => self.nodes()[*index].master,
        });
        master.map_or(SlotSet::EMPTY, |master| self.slots().slots_of(master).clone())
    }

    fn member_reply(&self, index: NodeIndex, facts: &CommandFacts) -> ClusterReply {
        let (node, rules) = (&self.nodes()[index], self.settings().rules);
        let (tcp, tls) = match rules.primary {
            PrimaryPort::Tcp => (node.address.ports.client, node.address.ports.other),
            PrimaryPort::Tls => (node.address.ports.other, node.address.ports.client),
        };
        let offset = self.shown_offset(index, facts);
        let mut fields = vec![("id", ClusterReply::bulk(node.id.as_str()))];
        let ports = [("port", tcp), ("tls-port", tls)];
        fields.extend(
            ports.into_iter().filter(|(_, port)| *port != 0).map(|(name, port)| (name, ClusterReply::Int(port.into()))),
        );
        fields.push(("ip", ClusterReply::bulk(node.address.host.as_str())));
        fields.push(("endpoint", ClusterReply::bulk(self.shown_place(node))));
        fields.extend(node.hostname.iter().map(|name| ("hostname", ClusterReply::bulk(name.as_str()))));
        fields.push(("role", ClusterReply::bulk(if node.is_master() { "master" } else { "replica" })));
        fields.push(("replication-offset", ClusterReply::count(offset)));
        fields.push(("health", ClusterReply::bulk(health_of(node, offset))));
        ClusterReply::Map(fields.into_iter().map(|(name, value)| (ClusterReply::bulk(name), value)).collect())
    }

    /// What clients are told of where a node is.
    pub(super) fn shown_place<'a>(&self, node: &'a Node) -> &'a str {
        place_of(&node.address.host, node.hostname.as_ref(), self.settings().rules.preferred)
    }
}

fn health_of(node: &Node, offset: u64) -> &'static str {
    if node.flags.has(NodeFlags::FAIL) {
        "fail"
    } else if !node.is_master() && offset == 0 {
        "loading"
    } else {
        "online"
    }
}
