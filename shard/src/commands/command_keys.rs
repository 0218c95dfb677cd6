//! COMMAND GETKEYS and GETKEYSANDFLAGS: the keys among the words of a command that is not carried out.

use keyspace::args::Args;
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::Reply;
use keyspace::spec::{CommandSpec, Flags, KeyFlags, KeyRun, KeySpec};

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
    let named = table.named_by(args).or_else(|| table.find_command(args.at(0)).filter(|named| named.is(Flags::SYSCMD)));
    let named = named.ok_or(Refusal::Text("ERR Invalid command specified"))?;
    // A container that hides its subcommands hides their keys.
    let command = table.get(table.shown(named.id));
    let spec = command.spec;
    if !spec.has_keys() {
        return Err(Refusal::Text("ERR The command has no key arguments"));
    }
    if !spec.accepts(args.len()) {
        return Err(Refusal::Text("ERR Invalid number of arguments specified for command"));
    }
    let of = |key: &KeySpec| {
        let flags = access_flags(spec, key, args);
        key.indexes(args.len()).map(move |index| (flags, index))
    };
    let (fixed, movable_keys) = spec.specs_to_search(args);
    let mut keys: Vec<_> = fixed.iter().filter(|key| !key.flags.has(KeyFlags::NOT_KEY)).flat_map(of).collect();
    // Where a key spec has no argument to stand for, there are no keys at all.
    if fixed.iter().any(|key| key.indexes(args.len()).next().is_none()) {
        keys.clear();
    }
    for movable in movable_keys {
        let run = movable.run(args).into_iter().flat_map(KeyRun::indexes);
        keys.extend(run.map(|index| (movable.flags, index)));
    }
    if let Some(find) = spec.find_keys {
        keys.extend(find(args).indexes().map(|index| (spec.keys[0].flags, index)));
    }
    if keys.is_empty() && !command.is(Flags::NO_MANDATORY_KEYS) {
        return Err(Refusal::Text("ERR Invalid arguments specified for command"));
    }
    Ok(keys)
}

/// What a command does to the keys of one of its key specs, where its arguments decide that.
pub(crate) fn access_flags(spec: &CommandSpec, key: &KeySpec, args: Args) -> KeyFlags {
    if !key.flags.has(KeyFlags::VARIABLE_FLAGS) {
        return key.flags;
    }
    match spec.name {
        // SET reads the key only if it has to tell the value that was there. Redis looks for the word wherever an option may be.
        "set" if !(3..args.len()).any(|index| args.is(index, "get")) => KeyFlags::OW.and(KeyFlags::UPDATE),
        "bitfield" if bitfield_reads(args) => KeyFlags::RO.and(KeyFlags::ACCESS),
        _ => key.flags.without(KeyFlags::VARIABLE_FLAGS),
    }
}

/// True if BITFIELD has these arguments and only reads. What is no operation counts as one that writes.
fn bitfield_reads(args: Args) -> bool {
    let mut index = 2;
    while index < args.len() {
        let following = args.len() - index - 1;
        index += match () {
            _ if args.is(index, "get") && following >= 2 => 3,
            _ if args.is(index, "overflow") && following >= 1 => 2,
            _ => return false,
        };
    }
    true
}
