//! CLUSTER SLOTS: who serves which slots, for clients.
//!
//! C06, §6.6. Each run of slots of one owner once, ascending, its master first.

use std::collections::BTreeMap;

use super::{ClusterReply, CommandFacts};
use crate::cluster::Cluster;
use crate::flags::NodeFlags;
use crate::redirect::{Security, port_of};
use crate::slot_table::NodeIndex;
use crate::snapshot::PreferredEndpoint;
use keyspace::slot::Slot;

impl Cluster {
    /// The reply to CLUSTER SLOTS.
    pub(super) fn slots_reply(&self, facts: &CommandFacts) -> ClusterReply {
        let nodes = self.nodes();
        let mut runs: Vec<(Slot, Slot, NodeIndex)> = Vec::new();
        for (index, _) in nodes.iter() {
            runs.extend(self.slots().slots_of(index).runs().map(|(first, last)| (first, last, index)));
        }
        runs.sort_unstable();
        let mut replicas: BTreeMap<NodeIndex, Vec<NodeIndex>> = BTreeMap::new();
        for (index, node) in nodes.iter().filter(|(index, _)| self.serves_reads(*index, facts)) {
            node.master.into_iter().for_each(|master| replicas.entry(master).or_default().push(index));
        }
        let served = |(first, last, master): (Slot, Slot, NodeIndex)| {
            let mut range = vec![slot_reply(first), slot_reply(last), self.tuple(master, facts.security)];
            let replicas = replicas.get(&master).into_iter().flatten();
            range.extend(replicas.map(|replica| self.tuple(*replica, facts.security)));
            ClusterReply::Array(range)
        };
        ClusterReply::Array(runs.into_iter().map(served).collect())
    }

    /// Whether clients are told of a node if it is a replica: it has not failed and has got data of its master.
    fn serves_reads(&self, replica: NodeIndex, facts: &CommandFacts) -> bool {
        !self.nodes()[replica].flags.has(NodeFlags::FAIL) && self.shown_offset(replica, facts) != 0
    }

    /// The replication offset of a node: our own is what cores say now.
    pub(super) fn shown_offset(&self, node: NodeIndex, facts: &CommandFacts) -> u64 {
        if node == self.me() { facts.offset } else { self.nodes()[node].offset }
    }

    /// Where clients find a node: endpoint, port, name, and what else may be known of it.
    fn tuple(&self, node: NodeIndex, security: Security) -> ClusterReply {
        let (node, rules) = (&self.nodes()[node], self.settings().rules);
        let mut more = Vec::new();
        if rules.preferred != PreferredEndpoint::Ip {
            more.push((ClusterReply::bulk("ip"), ClusterReply::bulk(node.address.host.as_str())));
        }
        let hostname = node.hostname.as_ref().filter(|_| rules.preferred != PreferredEndpoint::Hostname);
        more.extend(hostname.map(|name| (ClusterReply::bulk("hostname"), ClusterReply::bulk(name.as_str()))));
        let endpoint = match rules.preferred {
            PreferredEndpoint::Unknown => ClusterReply::Null,
            _ => ClusterReply::bulk(self.shown_place(node)),
        };
        ClusterReply::Array(vec![
            endpoint,
            ClusterReply::Int(port_of(node.address.ports, rules.primary, security).into()),
            ClusterReply::bulk(node.id.as_str()),
            ClusterReply::Map(more),
        ])
    }
}

fn slot_reply(slot: Slot) -> ClusterReply {
    ClusterReply::Int(slot.number().into())
}
