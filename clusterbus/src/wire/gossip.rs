//! What a frame says about another node.
//!
//! §7.6: 104 bytes each.

use super::bytes::{Truncated, Unread};
use crate::address::{Address, Host, Ports};
use crate::flags::NodeFlags;
use crate::id::NodeId;

/// A time of gossip: seconds since 1970 in 32 bits, 0 for never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seconds(pub u32);

/// Bytes of an entry.
pub(super) const ENTRY_BYTES: usize = 104;

/// What the sender knows of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GossipEntry {
    /// The node.
    pub id: NodeId,
    /// When the ping that is under way to it was sent.
    pub ping_sent: Seconds,
    /// When it last answered.
    pub pong_received: Seconds,
    /// Where it is reached.
    pub address: Address,
    /// What it is to the sender.
    pub flags: NodeFlags,
}

impl GossipEntry {
    /// Writes the entry behind `out`.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.id.bytes());
        out.extend(self.ping_sent.0.to_be_bytes());
        out.extend(self.pong_received.0.to_be_bytes());
        out.extend(self.address.host.to_wire());
        let Ports { client, other, bus } = self.address.ports;
        for number in [client, bus, self.flags.bits(), other, 0] {
            out.extend(number.to_be_bytes());
        }
    }

    /// Reads an entry. `None` inside if its name or address is not one.
    fn decode(unread: &mut Unread<'_>) -> Result<Option<GossipEntry>, Truncated> {
        let id = NodeId::new(*unread.array()?);
        let ping_sent = Seconds(unread.u32()?);
        let pong_received = Seconds(unread.u32()?);
        let host = Host::from_wire(unread.array()?);
        let (client, bus) = (unread.u16()?, unread.u16()?);
        let flags = NodeFlags::from_bits(unread.u16()?);
        let other = unread.u16()?;
        unread.u16()?;
        Ok(id.zip(host).map(|(id, host)| {
            let address = Address { host, ports: Ports { client, other, bus } };
            GossipEntry { id, ping_sent, pong_received, address, flags }
        }))
    }
}

/// Reads `count` entries. `None` inside if one of them names no node or no address: then nothing of the section can be believed.
pub(super) fn decode_section(unread: &mut Unread<'_>, count: usize) -> Result<Option<Vec<GossipEntry>>, Truncated> {
    let mut section = Unread::new(unread.slice(count.checked_mul(ENTRY_BYTES).ok_or(Truncated)?)?);
    // The bytes are there, so what is reserved is not more than what was received, times a little.
    let mut entries = Some(Vec::with_capacity(count));
    for _ in 0..count {
        match (GossipEntry::decode(&mut section)?, &mut entries) {
            (Some(entry), Some(entries)) => entries.push(entry),
            _ => entries = None,
        }
    }
    Ok(entries)
}
