//! What the state machine has to say of its contract. Nothing of it is asked when something is decided.
//!
//! C16: who notes gets no answer, so no decision can depend on the mode.

use audit::digest::Digest;
use audit::mode::Mode;

use super::Cluster;
use crate::faults::{Fault, planted};
use crate::observed;
use crate::time::UnixMillis;
use crate::topics::{Event, Topic};
use crate::wire::{FrameError, Health};

impl Cluster {
    /// Takes a mode on that was configured: budgets are full, and what was lost is forgotten.
    pub fn set_mode(&mut self, mode: Mode) {
        self.auditor.configure(mode);
    }

    /// The mode in force.
    pub fn mode(&self) -> Mode {
        self.auditor.mode()
    }

    /// Notes something that was met, here or by the transport. Only a sum is kept of what it is about.
    pub fn note(&mut self, topic: Topic, about: &[u8]) {
        observed::noted(topic);
        self.auditor.note(topic, Digest::default().and(about));
        if planted(Fault::DefenceIsSeen) && self.mode() == Mode::Hardened {
            self.due.pong_all = true;
        }
    }

    /// Notes that a frame was refused. What arrived is not kept, not even as a sum: what is wrong with it says more.
    pub fn note_frame(&mut self, error: FrameError) {
        self.note(Topic::FrameRefused, error.to_string().as_bytes());
    }

    /// What there is to tell now, `at` by the clock that people read. Called by the transport's timer.
    pub fn take_events(&mut self, at: audit::time::UnixMillis, now: UnixMillis) -> Vec<Event> {
        let monotonic = audit::time::Monotonic(now.0.saturating_mul(1_000));
        self.auditor.stands(Topic::NotServing, self.health() == Health::Fail, monotonic);
        self.auditor.take(at, monotonic)
    }
}
