//! What cores and service threads send each other.

use std::sync::Arc;

use clusterbus::snapshot::{Snapshot, SnapshotVersion};
use evict::time::UnixMillis;
use evict::topics::Event;

use crate::ask::{Answer, Ask};
use crate::busy::Busy;
use crate::hop::Hop;
use crate::log::Part;
use crate::mesh::loans::UnitId;
use crate::pubsub::Publication;
use crate::pubsub::notice::Notice;
use crate::settings::Settings;
use crate::unit::{Grant, LeaseAsk, Loan};

/// One message between two addresses. `S` is the ring's socket type.
pub enum Mail<S> {
    /// Commands for the target's shard. Each hop is a request: it holds a credit until it is back.
    Hops(Vec<Box<Hop>>),
    /// Hops that are done. An answer.
    Done(Vec<Box<Hop>>),
    /// A unit asks for slots. A request.
    Lease(Box<LeaseAsk>),
    /// Slots for a unit. An answer.
    Granted(Box<Grant>),
    /// No slots for a unit: a busy script has them. An answer.
    Refused(UnitId, Busy),
    /// Slots come back. Follows its lease.
    Return(Box<Return>),
    /// A question to an address. A request.
    Ask(Box<Question>),
    /// Its answer.
    Answer(Box<Reply>),
    /// An accepted connection that the target serves. A notice.
    Accepted(Box<Accepted<S>>),
    /// What the sender tells unasked, in order. A notice.
    Notices(Vec<Notice>),
    /// Settings that are in force everywhere: to service threads. A notice.
    Configured(Arc<Settings>),
    /// What a core has to say for the audit: to service threads. A notice.
    Audit(Vec<Event>),
    /// Who owns which slot of the cluster, unless a newer snapshot is known: from the bus thread to cores. A notice.
    Routes(Arc<Snapshot>),
    /// No command runs under an older snapshot any more, and no loan, hold or visit covers what was lost with it: to the bus thread.
    /// A notice.
    RoutesTaken(SnapshotVersion),
    /// A message that this core has ordered, for the other nodes: to the bus thread. A notice.
    BusPublish(Arc<Publication>),
    /// A message of another node, for the clients of this one: from the bus thread to the core that orders its channel. A notice.
    BusPublished(Arc<Publication>),
    /// The core stops. A notice, from a service thread.
    Stop,
}

/// Slots on their way back to their owner.
pub struct Return {
    /// The unit that had them.
    pub unit: UnitId,
    /// The slots.
    pub loan: Loan,
    /// What the unit did to them, for the owner's log.
    pub log: Vec<Part>,
    /// The time of the unit: the owner's clock is not before it.
    pub now: UnixMillis,
}

/// A question with its number at the asking address.
pub struct Question {
    /// Given back with the answer.
    pub id: u64,
    /// The question.
    pub ask: Ask,
}

/// An answer with the number of its question.
pub struct Reply {
    /// The question's number.
    pub id: u64,
    /// The answer.
    pub answer: Answer,
}

/// An accepted connection.
pub struct Accepted<S> {
    /// The connection.
    pub socket: S,
    /// Whether it came in by the UNIX socket.
    pub unix: bool,
}
