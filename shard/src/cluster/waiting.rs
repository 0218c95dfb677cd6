//! Clients that wait on keys, when the cluster changes under them (§5.3).
//!
//! Whoever is about to serve one decides about it first, by the snapshot of the shard that has the key; and its home core looks at all of
//! its own when a snapshot comes into force, and once a second.

use clusterbus::gate::{Decision, decide_waiting};
use clusterbus::snapshot::Snapshot;
use keyspace::reply::Reply;
use keyspace::slot::Slot;

use crate::command::CommandTable;
use crate::listeners::Waiter;
use crate::shard::Shard;

use super::request::access;

/// Who serves a client that waits, if it is not this node any more.
pub fn waiter_elsewhere(snapshot: &Snapshot, waiter: &Waiter, table: &CommandTable) -> Option<Decision> {
    let command = table.get(waiter.command);
    let slot = Slot::of(command.spec.keys_of(waiter.args.args()).next()?);
    decide_waiting(snapshot, slot, waiter.context.modes, access(command))
}

impl Shard {
    /// What a client that waits here is to read instead, if this node does not serve it any more.
    pub fn lost_waiter(&mut self, waiter: &Waiter) -> Option<Vec<u8>> {
        let snapshot = &self.routes.as_ref()?.snapshot;
        let decision = waiter_elsewhere(snapshot, waiter, self.table)?;
        Some(self.waiter_redirect(waiter, decision))
    }

    /// What such a client reads.
    pub fn waiter_redirect(&mut self, waiter: &Waiter, decision: Decision) -> Vec<u8> {
        let text = self.redirect_text(decision);
        self.stats.failed(waiter.command, text.as_bytes());
        let mut reply = Vec::new();
        Reply::new(&mut reply, waiter.context.resp).error(text);
        reply
    }
}
