//! What commands on a shard owe to others: left here by whoever carried them out, sent off by the shard's owner.

use crate::mesh::CoreId;
use crate::mesh::ticket::Ticket;
use crate::ring::ConnId;
use crate::unit::Turn;

/// One of them.
pub enum Effect {
    /// A blocked client was served: its reply.
    Served(Box<Served>),
    /// A blocked client may find what it waits for, but its command needs keys that are not all here: its home core carries it out.
    /// Its ticket is claimed.
    Retry(Box<Turn>),
}

/// The reply of a blocked client that was served.
pub struct Served {
    /// Its core.
    pub home: CoreId,
    /// Its connection there.
    pub conn: ConnId,
    /// Its ticket, which has ended.
    pub ticket: Ticket,
    /// The reply.
    pub reply: Vec<u8>,
}
