//! Scripts at a node of a cluster (§4.3): where they are run, and what of their calls is served.
//!
//! A script is routed by the keys that it declares, and each call by its own. What is not served is an error of the script: its client could not
//! follow a redirect in the middle of it. The snapshot with which a script began holds to its end, as its slots do.

use clusterbus::gate::{Decision, Presence};
use clusterbus::redirect::script_error;
use keyspace::args::Args;
use keyspace::slot::Slot;

use crate::cluster::request::{Routed, decide, routed_by};
use crate::command::Command;
use crate::ring::Ring;
use crate::script::Script;
use crate::stage::Stage;
use crate::unit::Grant;

use super::Inner;

/// What a script reads that calls for keys of another slot than before.
const ANOTHER_SLOT: &str = "ERR Script attempted to access keys that do not hash to the same slot";

/// Whether a call of a script is carried out.
pub(super) enum Gated {
    /// It is.
    Go,
    /// The script has to have everything before that can be said.
    WantsAll,
    /// It is not: what the script reads.
    Refused(String),
}

impl<R: Ring> Inner<R> {
    /// Decides about a script of its own that is about to begin. Its slots are in the keyspace.
    pub(super) fn gate_script(&mut self, grants: &mut [Grant], script: &mut Script) {
        if script.started {
            return;
        }
        let Some(snapshot) = self.owner.shard().snapshot() else { return };
        let command = self.table.get(script.command);
        let access = self.access_of(command, script.args.args());
        let mut stage = Stage::of(self.owner.shard(), grants);
        let routed = Routed::new(command, script.args.args()).with(access);
        let modes = script.modes;
        let decision = decide(&snapshot, modes, std::iter::once(routed), |key| stage.presence(key));
        if decision != Decision::Local {
            script.refused = Some(self.owner.shard().redirect_text(decision));
        }
        let declared = script.keys().next().map(Slot::of);
        script.slot = declared;
        script.snapshot = Some(snapshot);
    }

    /// Decides about a call of a script.
    pub(super) fn gate_call(
        &mut self,
        grants: &mut [Grant],
        script: &mut Script,
        command: &'static Command,
        args: Args,
    ) -> Gated {
        let Some(snapshot) = script.snapshot.clone() else { return Gated::Go };
        let Some(slot) = routed_by(command, args).next().map(Slot::of) else { return Gated::Go };
        let (mut unknown, modes) = (false, script.modes);
        let mut stage = Stage::of(self.owner.shard(), grants);
        let presence = |key: &[u8]| match script.holds(Slot::of(key)) {
            true => stage.presence(key),
            false => {
                unknown = true;
                Presence::Absent
            }
        };
        let decision = decide(&snapshot, modes, std::iter::once(Routed::new(command, args)), presence);
        if unknown {
            return Gated::WantsAll;
        }
        match script_error(decision, command.spec.name) {
            Some(text) => Gated::Refused(format!("ERR {text}")),
            None if script.reaches(slot) => Gated::Go,
            None => Gated::Refused(ANOTHER_SLOT.to_owned()),
        }
    }
}
