//! The gate before a data command: on the core that has its keys, in the turn that carries it out.
//!
//! Nearly every slot is settled: all its requests are served here, and one look at the snapshot says so. What is left is decided anew
//! each time, by the gate.

use std::sync::Arc;

use clusterbus::gate::{Decision, Presence};
use clusterbus::redirect::{self, Security};
use clusterbus::snapshot::Snapshot;
use keyspace::args::Args;
use keyspace::reply::Reply;
use keyspace::slot::Slot;
use keyspace::store::{Keyspace, is_expired};

use evict::oom::OomRefusal;
use evict::time::UnixMillis;

use crate::command::Command;
use crate::hop::Context;
use crate::memory::Prepared;
use crate::shard::Shard;

use super::request::{Routed, decide};

/// How clients are connected. All of them speak plain TCP, or come from this machine.
pub const SECURITY: Security = Security::Plain;

/// Whether a key is there, without any trace: no use is noted, nothing is counted, and what has expired stays.
pub fn presence(keyspace: &Keyspace, bytes: &[u8], now: UnixMillis) -> Presence {
    let key = keyspace.key(bytes);
    let db = keyspace.db(0).expect("there is a first database");
    let alive =
        keyspace.locate(db, &key).filter(|&place| !is_expired(keyspace.at(db, key.slot, place).deadline(), now));
    if alive.is_some() { Presence::Present } else { Presence::Absent }
}

/// Whether a command may be carried out now.
pub enum Admission {
    /// It may.
    Go,
    /// Room is being made: try again in the next turn.
    Later,
    /// There is no room.
    NoRoom(OomRefusal),
    /// Another node serves it, or none does.
    Elsewhere(Decision),
}

impl Shard {
    /// Looks at a command whose keys are all of this slot, before it is carried out. What is no node of a cluster says so by `CLUSTER`,
    /// once for all that it looks at, and pays nothing.
    #[inline]
    pub fn admit<'a, const CLUSTER: bool>(
        &mut self,
        command: &'static Command,
        slot: Slot,
        context: &Context,
        args: impl FnOnce() -> Args<'a>,
    ) -> Admission {
        if CLUSTER && let Some(decision) = self.elsewhere(command, slot, context, args) {
            return Admission::Elsewhere(decision);
        }
        match self.prepare(command) {
            Prepared::Go => Admission::Go,
            Prepared::Later => Admission::Later,
            Prepared::Refused(refusal) => Admission::NoRoom(refusal),
        }
    }

    /// The snapshot in force, at a node of a cluster.
    pub fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.routes.as_ref().map(|routes| routes.snapshot.clone())
    }

    /// Answers a command that is not carried out.
    #[cold]
    pub fn turn_away(&mut self, command: &Command, context: &Context, why: Admission, out: &mut Vec<u8>) {
        match why {
            Admission::NoRoom(refusal) => self.refuse_memory(command, context, refusal, out),
            Admission::Elsewhere(decision) => self.redirect(command, context, decision, out),
            Admission::Go | Admission::Later => unreachable!("what may be carried out is not turned away"),
        }
    }

    /// Who serves a command whose keys are all of this slot, if it is not this node.
    #[inline]
    pub fn elsewhere<'a>(
        &self,
        command: &'static Command,
        slot: Slot,
        context: &Context,
        args: impl FnOnce() -> Args<'a>,
    ) -> Option<Decision> {
        let snapshot = &self.routes.as_ref()?.snapshot;
        match snapshot.is_settled(slot) {
            true => None,
            false => self.decide_for(Routed::new(command, args()), context),
        }
    }

    /// Likewise, whatever its keys are. They are here.
    #[cold]
    #[inline(never)]
    pub fn decide_for(&self, routed: Routed, context: &Context) -> Option<Decision> {
        let snapshot = &self.routes.as_ref()?.snapshot;
        let decision =
            decide(snapshot, context.modes, std::iter::once(routed), |key| presence(&self.keyspace, key, self.now));
        (decision != Decision::Local).then_some(decision)
    }

    /// Answers a command that another node serves, or none does.
    #[cold]
    pub fn redirect(&mut self, command: &Command, context: &Context, decision: Decision, out: &mut Vec<u8>) {
        let text = self.redirect_text(decision);
        self.stats.rejected(Some(command.id), text.as_bytes());
        Reply::new(out, context.resp).error(text);
    }

    /// What a client reads of such a decision.
    pub fn redirect_text(&self, decision: Decision) -> String {
        let routes = self.routes.as_ref().expect("only a node of a cluster redirects");
        // Nothing falls through to being carried out, whatever the gate may say one day.
        let text = redirect::error(decision, &routes.snapshot, SECURITY);
        text.unwrap_or_else(|| "ERR the command is not served here".to_owned())
    }
}
