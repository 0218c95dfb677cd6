//! A command as the gate sees it: whether it writes, what its keys are, and which of a few special ones it is.

use clusterbus::gate::{Access, ClientModes, Decision, Gate, Presence, Request, Topic, Verb};
use clusterbus::snapshot::Snapshot;
use keyspace::args::Args;
use keyspace::slot::Slot;
use keyspace::spec::Flags;

use crate::command::Command;

/// The commands whose channels have a slot, or count as if they had one (§4.2, 3).
const OF_CHANNELS: [&str; 6] = ["publish", "spublish", "subscribe", "psubscribe", "ssubscribe", "sunsubscribe"];

/// What is for the server's developers looks at keys wherever they are.
const DEBUG: &str = "debug";

/// What of a command is to be decided about.
#[derive(Clone, Copy)]
pub struct Routed<'a> {
    command: &'static Command,
    args: Args<'a>,
    access: Access,
    verb: Verb,
}

impl<'a> Routed<'a> {
    /// A command that writes if its row says so.
    pub fn new(command: &'static Command, args: Args<'a>) -> Self {
        Routed { command, args, access: access(command), verb: verb(command) }
    }

    /// The same, of which more is known than its row says.
    pub fn with(self, access: Access) -> Self {
        Routed { access, ..self }
    }

    /// One that a transaction queued. The request is the transaction, which is none of the special commands.
    pub fn queued(command: &'static Command, args: Args<'a>) -> Self {
        Routed { verb: Verb::Ordinary, ..Routed::new(command, args) }
    }
}

/// Whether a command writes, as its row says.
#[inline]
pub fn access(command: &Command) -> Access {
    if command.is(Flags::WRITE) { Access::Write } else { Access::Read }
}

/// What of a command's arguments says which node serves it.
pub fn routed_by<'a>(command: &Command, args: Args<'a>) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    let is_free = command.spec.name.starts_with(DEBUG);
    command.spec.routed_by(args).filter(move |_| !is_free)
}

/// What the keys of a command are.
fn topic(command: &Command) -> Topic {
    let channels = command.is(Flags::PUBSUB) && OF_CHANNELS.contains(&command.spec.name);
    if channels { Topic::Channels } else { Topic::Keys }
}

/// What the gate does with a command for what it is.
fn verb(command: &Command) -> Verb {
    match command.spec.name {
        "migrate" => Verb::Migrate,
        "restore-asking" => Verb::RestoreAsking,
        _ => Verb::Ordinary,
    }
}

/// Who serves a request: one command, or all that a transaction queued. `presence` tells whether a key is there, and is asked only
/// where a slot is being moved.
pub fn decide<'a>(
    snapshot: &Snapshot,
    modes: ClientModes,
    commands: impl Iterator<Item = Routed<'a>>,
    mut presence: impl FnMut(&[u8]) -> Presence,
) -> Decision {
    let mut gate = Gate::new(snapshot);
    let mut request = Request { access: Access::Read, verb: Verb::Ordinary, modes };
    for Routed { command, args, access, verb } in commands {
        gate.command(topic(command));
        for key in routed_by(command, args) {
            gate.key(key, || presence(key));
        }
        if access == Access::Write {
            request.access = Access::Write;
        }
        request.verb = verb;
    }
    gate.decide(&request)
}

/// True if this node serves the keys of a command whatever else is to be said of it: nearly every command.
pub fn is_settled(snapshot: &Snapshot, command: &Command, args: Args) -> bool {
    let mut slots = routed_by(command, args).map(Slot::of);
    slots.next().is_none_or(|first| snapshot.is_settled(first) && slots.all(|slot| slot == first))
}

/// What is known of a decision without a look at the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreseen {
    /// It does not depend on them.
    Decided(Decision),
    /// It depends on which of them are there.
    ByPresence,
}

/// `decide` as far as that is possible without the keys.
///
/// Presence has a say in two ways only, and all keys present and all keys absent are the ends of both: a slot that leaves is local
/// with all and elsewhere with none, one that comes is local with all. What is the same at both ends is the same between them.
pub fn foresee<'a, I: Iterator<Item = Routed<'a>>>(
    snapshot: &Snapshot,
    modes: ClientModes,
    commands: impl Fn() -> I,
) -> Foreseen {
    let mut asked = false;
    let with_all = decide(snapshot, modes, commands(), |_| {
        asked = true;
        Presence::Present
    });
    if asked && decide(snapshot, modes, commands(), |_| Presence::Absent) != with_all {
        return Foreseen::ByPresence;
    }
    Foreseen::Decided(with_all)
}
