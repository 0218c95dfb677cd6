//! COMMAND GETKEYS and GETKEYSANDFLAGS: the keys among the words of a command that is not carried out.

use keyspace::args::Args;
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::Reply;
use keyspace::spec::{CommandSpec, Flags, KeyFlags, KeySpec};

use crate::command::CommandTable;

use super::SessionExec;
use super::docs::write_flags;

/// COMMAND GETKEYS.
pub(super) fn getkeys(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    let args = args.from(2);
    let keys = keys(exec.facts.table, args)?;
    reply.array(keys.len());
    keys.iter().for_each(|(_, index)| reply.bulk(args.at(*index)));
    Ok(())
}

/// COMMAND GETKEYSANDFLAGS.
pub(super) fn getkeysandflags(exec: &mut SessionExec, args: Args, reply: &mut Reply) -> Outcome {
    let args = args.from(2);
    let keys = keys(exec.facts.table, args)?;
    reply.array(keys.len());
    for (flags, index) in keys {
        reply.array(2);
        reply.bulk(args.at(index));
        write_flags(flags.names(), reply);
    }
    Ok(())
}

/// Indexes of the keys of a command, in order, and what it does to each.
pub(super) fn keys(table: &CommandTable, args: Args) -> Result<Vec<(KeyFlags, usize)>, Refusal> {
    let command = table.named_by(args).ok_or(Refusal::Text("ERR Invalid command specified"))?;
    let spec = command.spec;
    if !spec.has_keys() {
        return Err(Refusal::Text("ERR The command has no key arguments"));
    }
    if !spec.accepts(args.len()) {
        return Err(Refusal::Text("ERR Invalid number of arguments specified for command"));
    }
    let of = |key: &KeySpec| {
        let flags = flags(spec, key, args);
        key.indexes(args.len()).map(move |index| (flags, index))
    };
    let mut keys: Vec<_> = spec.keys.iter().filter(|key| !key.flags.has(KeyFlags::NOT_KEY)).flat_map(of).collect();
    for movable in spec.movable_keys {
        match movable.run(args) {
            Some(run) => keys.extend(run.indexes().map(|index| (movable.flags, index))),
            // Arguments that cannot be the command's have no keys at all.
            None => keys.clear(),
        }
    }
    if keys.is_empty() && !command.is(Flags::NO_MANDATORY_KEYS) {
        return Err(Refusal::Text("ERR Invalid arguments specified for command"));
    }
    Ok(keys)
}

/// What a command does to the keys of one of its key specs, where its arguments decide that.
fn flags(spec: &CommandSpec, key: &KeySpec, args: Args) -> KeyFlags {
    // SET reads the key only if it has to tell the value that was there. Redis looks for the word wherever an option may be.
    let overwrites = spec.name == "set" && !(3..args.len()).any(|index| args.is(index, "get"));
    if overwrites { KeyFlags::OW.and(KeyFlags::UPDATE) } else { key.flags.without(KeyFlags::VARIABLE_FLAGS) }
}
