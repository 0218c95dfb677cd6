//! The header that every frame begins with: who sends it, and what it claims.
//!
//! §7.3: 2256 bytes. Length, type and counts of a frame follow from its body and are no fields here.

use super::bytes::Unread;
use super::frame::FrameError;
use super::kind::Kind;
use crate::address::{Address, Host, Ports};
use crate::epoch::Epoch;
use crate::flags::NodeFlags;
use crate::id::{ID_BYTES, NodeId};
use crate::slot_set::SlotSet;

/// Bytes of the header.
pub const HEADER_BYTES: usize = 2256;

/// What every frame begins with.
pub(super) const SIGNATURE: [u8; 4] = *b"RCmb";

/// The version of the protocol.
const VERSION: u16 = 1;

/// Bytes of the header that nobody uses.
const UNUSED_BYTES: usize = 30;

/// Whether the sender finds the cluster fit to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Health {
    /// It does.
    Ok,
    /// It does not.
    Fail,
}

/// Marks of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Marks(u8);

impl Marks {
    /// None.
    pub const NONE: Marks = Marks(0);
    /// The sender is a master that stands still for a manual failover, so its offset is final.
    pub const PAUSED: Marks = Marks(1);
    /// A vote is asked for though the master has not failed.
    pub const FORCE_ACK: Marks = Marks(1 << 1);
    /// The sender understands extensions. Redis 7.0 sets it only where it sends some.
    pub const EXTENSIONS: Marks = Marks(1 << 2);

    /// The marks in this byte.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// These and those of `other`.
    pub const fn and(self, other: Marks) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are set.
    pub const fn has(self, other: Marks) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Who sends a frame, and what it claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The sender.
    pub sender: NodeId,
    /// The master that it follows; none if it is a master.
    pub master: Option<NodeId>,
    /// Where it is reached; the host only if it was told to announce one.
    pub address: Address,
    /// Its flags, as it sees itself.
    pub flags: NodeFlags,
    /// Its current epoch.
    pub current_epoch: Epoch,
    /// Its config epoch; a replica's is its master's.
    pub config_epoch: Epoch,
    /// Its replication offset.
    pub offset: u64,
    /// Its slots; a replica's are its master's.
    pub slots: SlotSet,
    /// Whether it finds the cluster fit to serve.
    pub health: Health,
    /// What the message says of itself.
    pub marks: Marks,
}

/// The counts of a frame, which its body has to fulfil.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counts {
    /// Of all of it.
    pub(super) bytes: u32,
    /// The type.
    pub(super) kind: u16,
    /// Entries of gossip.
    pub(super) gossip: u16,
    /// Extensions.
    pub(super) extensions: u16,
}

impl Header {
    /// Writes the header behind `out`, with the counts of its body.
    pub(super) fn encode(&self, kind: Kind, counts: Counts, out: &mut Vec<u8>) {
        let Ports { client, other, bus } = self.address.ports;
        out.extend(SIGNATURE);
        out.extend(counts.bytes.to_be_bytes());
        for number in [VERSION, client, kind.number(), counts.gossip] {
            out.extend(number.to_be_bytes());
        }
        for number in [self.current_epoch.number(), self.config_epoch.number(), self.offset] {
            out.extend(number.to_be_bytes());
        }
        out.extend(self.sender.bytes());
        out.extend(self.slots.to_wire());
        out.extend(self.master.as_ref().map_or(&[0; ID_BYTES], NodeId::bytes));
        out.extend(self.address.host.to_wire());
        out.extend(counts.extensions.to_be_bytes());
        out.extend([0; UNUSED_BYTES]);
        for number in [other, bus, self.flags.bits()] {
            out.extend(number.to_be_bytes());
        }
        out.push(match self.health {
            Health::Ok => 0,
            Health::Fail => 1,
        });
        out.extend([self.marks.0, 0, 0]);
    }

    /// Reads a header.
    pub(super) fn decode(unread: &mut Unread<'_>) -> Result<(Header, Counts), FrameError> {
        if *unread.array()? != SIGNATURE {
            return Err(FrameError::Signature);
        }
        let bytes = unread.u32()?;
        if unread.u16()? != VERSION {
            return Err(FrameError::Version);
        }
        let client = unread.u16()?;
        let (kind, gossip) = (unread.u16()?, unread.u16()?);
        let current_epoch = Epoch::taken(unread.u64()?).ok_or(FrameError::Epoch)?;
        let config_epoch = Epoch::taken(unread.u64()?).ok_or(FrameError::Epoch)?;
        let offset = unread.u64()?;
        let sender = NodeId::new(*unread.array()?).ok_or(FrameError::Sender)?;
        let slots = SlotSet::from_wire(unread.array()?);
        let master = match unread.array()? {
            name if *name == [0; ID_BYTES] => None,
            name => Some(NodeId::new(*name).ok_or(FrameError::Master)?),
        };
        let host = Host::from_wire(unread.array()?).ok_or(FrameError::Address)?;
        let extensions = unread.u16()?;
        unread.slice(UNUSED_BYTES)?;
        let (other, bus) = (unread.u16()?, unread.u16()?);
        let flags = NodeFlags::from_bits(unread.u16()?);
        let health = if unread.u8()? == 0 { Health::Ok } else { Health::Fail };
        let marks = Marks(unread.u8()?);
        unread.slice(2)?;
        let address = Address { host, ports: Ports { client, other, bus } };
        let header =
            Header { sender, master, address, flags, current_epoch, config_epoch, offset, slots, health, marks };
        Ok((header, Counts { bytes, kind, gossip, extensions }))
    }
}
