//! Messages of clients, on their way to other nodes.
//!
//! §5.4. They are told once to each node that can be reached, and nobody answers them.

use super::Cluster;
use crate::effect::SaveSeq;
use crate::slot_table::NodeIndex;
use crate::wire::{Body, Marks, Publication};

impl Cluster {
    /// Tells all nodes a message: any of them may have subscribers.
    pub fn publish(&mut self, publication: Publication<'_>) {
        self.broadcast(Marks::NONE, Body::Publish(publication), SaveSeq::default());
    }

    /// Tells the nodes of this shard a message of a shard channel.
    pub fn publish_in_shard(&mut self, publication: Publication<'_>) {
        let master = self.my_master();
        let in_shard = |index: &NodeIndex| {
            let follows = self.nodes[*index].master;
            *index != self.me && master.is_some() && (Some(*index) == master || follows == master)
        };
        let others = self.nodes.indices().into_iter().filter(in_shard).collect::<Vec<NodeIndex>>();
        for node in others {
            self.send_to(node, Marks::NONE, Body::PublishShard(publication), SaveSeq::default());
        }
    }
}
