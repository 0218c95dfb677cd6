//! Effects: what a command did that others must hear of, kept in the shard until its owner sees to it.
//!
//! Whoever carries a command out may be a visitor, or the coordinator of a unit, and has neither the owner's mail nor its
//! connections. So it leaves what is to be done here, in order; the owner does it in its next turn (`cores.md` §3.3). A visitor
//! that leaves effects behind wakes the owner.

use keyspace::signals::{Changed, Event};

use crate::mesh::CoreId;
use crate::ring::ConnId;
use crate::tracking::{ChangedKey, Invalid, Tracker};
use crate::unit::Turn;

/// One thing to do.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Publish an event of a key to those who listen to such.
    Event(Event),
    /// Tell these clients that track that they cannot rely on what they know; all of them if everything has changed.
    Invalid(Invalid, Vec<Tracker>),
    /// Tell those who track by prefixes of this key, which begins with one.
    Broadcast(ChangedKey),
    /// A blocked client was served: give it its reply.
    Served(Box<Served>),
    /// Somebody else is about to serve a client that waits on a key: that is looked at again.
    Again(Changed),
    /// A blocked client may find what it waits for, but its command needs keys that are not all here: its home core carries it out.
    /// Its ticket is claimed.
    Turn(Box<Turn>),
}

/// The reply of a blocked client that was served.
#[derive(Clone, Debug)]
pub struct Served {
    /// Its core.
    pub home: CoreId,
    /// Its connection there.
    pub conn: ConnId,
    /// The reply.
    pub reply: Vec<u8>,
}
