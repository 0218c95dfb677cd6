//! CLUSTER INFO and CLUSTER LINKS.
//!
//! §6.3, §6.8.

use std::fmt::Write;

use super::{ClusterReply, CommandFacts};
use crate::cluster::{Cluster, Link};
use crate::effect::LinkId;
use crate::flags::NodeFlags;
use crate::id::NodeId;
use crate::wire::{Health, Kind};

impl Cluster {
    /// The text of CLUSTER INFO.
    pub(super) fn info_text(&self, facts: &CommandFacts) -> String {
        let (mut ok, mut pfail, mut fail, mut size) = (0, 0, 0, 0);
        for (index, node) in self.nodes().iter() {
            let slots = self.slots().count_of(index);
            size += usize::from(node.is_master() && slots > 0);
            *match (node.flags.has(NodeFlags::FAIL), node.flags.has(NodeFlags::PFAIL)) {
                (true, _) => &mut fail,
                (false, true) => &mut pfail,
                (false, false) => &mut ok,
            } += slots;
        }
        let state = match self.health() {
            Health::Ok => "ok",
            Health::Fail => "fail",
        };
        let rows = [
            ("slots_assigned", self.slots().assigned() as u64),
            ("slots_ok", ok as u64),
            ("slots_pfail", pfail as u64),
            ("slots_fail", fail as u64),
            ("known_nodes", self.nodes().len() as u64),
            ("size", size as u64),
            ("current_epoch", self.current_epoch().number()),
            ("my_epoch", self.shown_epoch(self.me()).number()),
        ];
        let mut text = format!("cluster_state:{state}\r\n");
        let mut line = |name: &str, value: u64| write!(text, "{name}:{value}\r\n").expect("a string takes all");
        rows.iter().for_each(|(name, value)| line(&format!("cluster_{name}"), *value));
        for (direction, counts) in [("sent", &self.counts().sent), ("received", &self.counts().received)] {
            for (kind, count) in Kind::all().zip(counts).filter(|(_, count)| **count > 0) {
                line(&format!("cluster_stats_messages_{}_{direction}", kind.name()), *count);
            }
            line(&format!("cluster_stats_messages_{direction}"), counts.iter().sum());
        }
        line("total_cluster_links_buffer_limit_exceeded", facts.links_over_limit);
        text
    }

    /// The reply to CLUSTER LINKS: of each node the way to it, then the way from it.
    pub(super) fn links_reply(&self, facts: &CommandFacts) -> ClusterReply {
        let mut links = Vec::new();
        for (_, node) in self.nodes().iter() {
            for (direction, id) in [("to", node.outbound), ("from", node.inbound)] {
                let link = id.and_then(|id| Some((id, self.link(id)?)));
                links.extend(link.map(|(id, link)| link_reply(direction, node.id, id, link, facts)));
            }
        }
        ClusterReply::Array(links)
    }
}

fn link_reply(direction: &str, node: NodeId, id: LinkId, link: &Link, facts: &CommandFacts) -> ClusterReply {
    let buffer = facts.links.get(&id).copied().unwrap_or_default();
    let events = if buffer.used > 0 { "rw" } else { "r" };
    ClusterReply::map([
        ("direction", ClusterReply::bulk(direction)),
        ("node", ClusterReply::bulk(node.as_str())),
        ("create-time", ClusterReply::count(link.created.0)),
        ("events", ClusterReply::bulk(events)),
        ("send-buffer-allocated", ClusterReply::count(buffer.allocated)),
        ("send-buffer-used", ClusterReply::count(buffer.used)),
    ])
}
