//! Failover by request: CLUSTER FAILOVER, without loss if the master takes part.
//!
//! C11, §12.5. The master's writes stand still before it says how far its data goes; the replica starts its election when it has got
//! so far. Whatever does not come to an end within five seconds is called off.

use super::Cluster;
use crate::effect::{Effect, SaveSeq};
use crate::faults::{Fault, planted};
use crate::flags::NodeFlags;
use crate::slot_table::NodeIndex;
use crate::time::{Millis, UnixMillis};
use crate::wire::{Body, Header, Marks, PulseKind};

/// How long a failover by request may take.
const TIMEOUT: Millis = Millis(5_000);
/// How long the master's writes stand still at most.
const PAUSE: Millis = Millis(10_000);

/// How much CLUSTER FAILOVER asks of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailoverKind {
    /// The master takes part, and the masters vote.
    Agreed,
    /// FORCE: the masters vote.
    Forced,
    /// TAKEOVER: nobody is asked.
    Takeover,
}

/// Why CLUSTER FAILOVER is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FailoverError {
    /// This node is a master.
    #[error("You should send CLUSTER FAILOVER to a replica")]
    Master,
    /// It does not know whom it follows.
    #[error("I'm a replica but my master is unknown to me")]
    MasterUnknown,
    /// The master cannot take part.
    #[error("Master is down or failed, please use CLUSTER FAILOVER FORCE")]
    MasterDown,
}

/// A failover by request that is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Manual {
    /// When it is called off.
    end: Option<UnixMillis>,
    /// At the master: the replica that asked, and the offset at which writes stand still.
    replica: Option<NodeIndex>,
    paused_at: Option<u64>,
    /// At the replica: the offset to reach, and whether the election may begin.
    target: Option<u64>,
    pub(super) can_start: bool,
}

impl Cluster {
    /// CLUSTER FAILOVER.
    pub fn failover(&mut self, kind: FailoverKind, now: UnixMillis) -> Result<(), FailoverError> {
        let me = &self.nodes[self.me];
        if me.is_master() {
            return Err(FailoverError::Master);
        }
        let master = me.master.ok_or(FailoverError::MasterUnknown)?;
        let up = self.nodes[master].outbound.is_some_and(|link| self.links[&link].up);
        if kind == FailoverKind::Agreed && (!up || self.nodes[master].flags.has(NodeFlags::FAIL)) {
            return Err(FailoverError::MasterDown);
        }
        self.end_manual();
        self.election.reset();
        match kind {
            FailoverKind::Takeover => {
                self.bump_epoch();
                self.take_over();
            }
            FailoverKind::Forced => {
                self.manual = Manual { end: Some(now + TIMEOUT), can_start: true, ..Manual::default() };
                self.due.failover = true;
            }
            FailoverKind::Agreed => {
                self.manual = Manual { end: Some(now + TIMEOUT), ..Manual::default() };
                self.send_to(master, Marks::NONE, Body::ManualFailoverStart, SaveSeq::default());
            }
        }
        Ok(())
    }

    /// MFSTART: a replica of ours asks us to stand still.
    pub(super) fn hear_manual_start(&mut self, sender: NodeIndex, now: UnixMillis) {
        if !self.nodes[self.me].is_master() || self.nodes[sender].master != Some(self.me) {
            return;
        }
        self.end_manual();
        self.manual = Manual { end: Some(now + TIMEOUT), replica: Some(sender), ..Manual::default() };
        self.outbox.push(Effect::Pause(now + PAUSE));
    }

    /// No core writes any more, and the data goes so far: only now is it told.
    pub fn writes_paused(&mut self, offset: u64, now: UnixMillis) {
        let Some(replica) = self.manual.replica else { return };
        self.manual.paused_at = Some(offset);
        self.replication.offset = offset;
        if let Some(link) = self.nodes[replica].outbound {
            self.send_pulse(link, PulseKind::Ping, now);
        }
    }

    /// The marks of a PING, PONG or MEET.
    pub(super) fn pulse_marks(&self) -> Marks {
        if self.manual.paused_at.is_some() { Marks::PAUSED } else { Marks::NONE }
    }

    /// The replica that the master pings in every tick.
    pub(super) fn waiting_replica(&self) -> Option<NodeIndex> {
        self.manual.replica.filter(|_| self.manual.paused_at.is_some())
    }

    /// The master stands still at an offset.
    pub(super) fn hear_pause(&mut self, sender: NodeIndex, header: &Header) {
        let mine = self.nodes[self.me].master == Some(sender);
        let waits = self.manual.end.is_some() && self.manual.target.is_none() && !self.manual.can_start;
        if mine && waits && !planted(Fault::PauseNotHeard) && header.marks.has(Marks::PAUSED) {
            self.manual.target = Some(header.offset);
            self.due.failover = true;
        }
    }

    /// Goes on with a failover by request, or calls it off.
    pub(super) fn run_manual(&mut self, now: UnixMillis) {
        if self.manual.end.is_some_and(|end| now > end && !planted(Fault::PauseLasts)) {
            self.end_manual();
        } else if self.manual.target == Some(self.replication.offset) && !self.manual.can_start {
            self.manual.can_start = true;
        }
    }

    /// It is over, one way or the other.
    pub(super) fn end_manual(&mut self) {
        if std::mem::take(&mut self.manual).replica.is_some() {
            self.outbox.push(Effect::Resume);
        }
    }

    /// The clock was set back by so much.
    pub(super) fn set_manual_back(&mut self, by: Millis) {
        self.manual.end = self.manual.end.map(|end| end.set_back(by));
    }

    /// A node is gone.
    pub(super) fn forget_manual(&mut self, node: NodeIndex) {
        if self.manual.replica == Some(node) {
            self.end_manual();
        }
    }
}
