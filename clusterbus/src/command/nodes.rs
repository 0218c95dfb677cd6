//! CLUSTER NODES and CLUSTER REPLICAS: a line for each node.
//!
//! §6.4. Lines are in the order of the nodes' names.

use std::fmt::{self, Display, Formatter, Write};

use super::ClusterReply;
use crate::cluster::Cluster;
use crate::conf::{LinkState, NodeRecord, OpenSlot, PrimaryPort, SlotWords};
use crate::redirect::{Security, port_of};
use crate::slot_table::NodeIndex;

impl Cluster {
    /// The text of CLUSTER NODES.
    pub(super) fn nodes_text(&self, security: Security) -> String {
        let mut text = String::new();
        for (index, _) in self.nodes().iter() {
            writeln!(text, "{}", self.node_line(index, security)).expect("a string takes all");
        }
        text
    }

    /// The reply to CLUSTER REPLICAS.
    pub(super) fn replicas_reply(&self, master: NodeIndex, security: Security) -> Result<ClusterReply, String> {
        if !self.nodes()[master].is_master() {
            return Err("ERR The specified node is not a master".into());
        }
        let replicas = self.nodes().replicas_of(master);
        let line = |replica| ClusterReply::bulk(&self.node_line(replica, security).to_string());
        Ok(ClusterReply::Array(replicas.map(line).collect()))
    }

    fn node_line(&self, node: NodeIndex, security: Security) -> Line {
        let open = if node == self.me() { self.open_slots() } else { Vec::new() };
        Line { record: self.record(node), open, primary: self.settings().primary, security }
    }
}

/// A node as operators read it.
struct Line {
    record: NodeRecord,
    open: Vec<OpenSlot>,
    primary: PrimaryPort,
    security: Security,
}

impl Display for Line {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let record = &self.record;
        let ports = record.address.ports;
        let port = port_of(ports, self.primary, self.security);
        write!(f, "{} {}:{port}@{}", record.id, record.address.host, ports.bus)?;
        if let Some(hostname) = &record.hostname {
            write!(f, ",{hostname}")?;
        }
        write!(f, " {} ", record.flags.words())?;
        match &record.master {
            Some(master) => write!(f, "{master}")?,
            None => f.write_char('-')?,
        }
        let link = match record.link {
            LinkState::Connected => "connected",
            LinkState::Disconnected => "disconnected",
        };
        write!(f, " {} {} {} {link}", record.ping_sent.0, record.pong_received.0, record.config_epoch)?;
        write!(f, "{}", SlotWords(&record.slots))?;
        self.open.iter().try_for_each(|open| write!(f, " {open}"))
    }
}
