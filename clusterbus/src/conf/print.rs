//! `nodes.conf` as text.

use std::fmt::{self, Write};

use super::line::SlotWords;
use super::record::{LinkState, NodeRecord, NodesConf, PrimaryPort};
use crate::address::Label;

impl NodesConf {
    /// The text of the file.
    pub fn print(&self, primary: PrimaryPort) -> String {
        let mut text = String::new();
        self.write(primary, &mut text).expect("writing into a string does not fail");
        text
    }

    fn write(&self, primary: PrimaryPort, out: &mut String) -> fmt::Result {
        for node in &self.nodes {
            node.write_fields(primary, out)?;
            write!(out, "{}", SlotWords(&node.slots))?;
            if node.id == self.myself {
                self.open.iter().try_for_each(|open| write!(out, " {open}"))?;
            }
            out.write_char('\n')?;
        }
        writeln!(out, "vars currentEpoch {} lastVoteEpoch {}", self.current_epoch, self.last_vote_epoch)
    }
}

impl NodeRecord {
    /// The eight fields before the slots.
    fn write_fields(&self, primary: PrimaryPort, out: &mut String) -> fmt::Result {
        let ports = self.address.ports;
        write!(out, "{} {}:{}@{},", self.id, self.address.host, ports.client, ports.bus)?;
        out.write_str(self.hostname.as_ref().map_or("", Label::as_str))?;
        if ports.other != 0 {
            let name = match primary {
                PrimaryPort::Tcp => "tls-port",
                PrimaryPort::Tls => "tcp-port",
            };
            write!(out, ",{name}={}", ports.other)?;
        }
        if let Some(name) = &self.nodename {
            write!(out, ",nodename={name}")?;
        }
        if let Some(shard) = &self.shard {
            write!(out, ",shard-id={shard}")?;
        }
        write!(out, " {} ", self.flags.words())?;
        match &self.master {
            Some(master) => write!(out, "{master}")?,
            None => out.write_char('-')?,
        }
        let link = match self.link {
            LinkState::Connected => "connected",
            LinkState::Disconnected => "disconnected",
        };
        write!(out, " {} {} {} {link}", self.ping_sent.0, self.pong_received.0, self.config_epoch)
    }
}
