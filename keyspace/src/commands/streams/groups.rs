//! Streams: groups and their consumers, XGROUP, and acknowledging what they got, XACK.

use crate::args::Args;
use crate::exec::{DataFn, DataRow, Exec};
use crate::number::parse_i64;
use crate::refusal::{Outcome, QUOTED_BYTES_MAX, Refusal, quoted};
use crate::reply::Reply;
use crate::signals::EventClasses;
use crate::spec::{CommandSpec, Flags, KeyFlags, KeySpec};
use crate::store::Key;
use crate::types::Object;
use crate::types::kind::Kind;
use crate::types::stream::{EntriesRead, Group, Stream, StreamId};

use super::{STREAM, change, create, key, parse_ids, stream_at};

/// The row of `XGROUP` itself, which does nothing without a subcommand.
pub const CONTAINER: CommandSpec = CommandSpec {
    name: "xgroup",
    arity: -2,
    summary: "Changes the groups of a stream.",
    complexity: "Depends on the subcommand.",
    categories: crate::spec::Categories(0),
    ..STREAM
};

const SECOND: KeySpec = KeySpec { flags: KeyFlags::RW.and(KeyFlags::INSERT), first: 2, last: 0, step: 1 };

/// The rows of this family.
pub(super) static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            syntax: "key groupname id=<id | new_id=$> [MKSTREAM] [ENTRIESREAD entries_read:integer]",
            history: &[("7.0.0", "It takes `ENTRIESREAD`.")],
            arity: -5,
            ..group("xgroup|create", "Adds a group to a stream.", KeyFlags::INSERT, Flags::DENYOOM)
        },
        run: create_group,
    },
    DataRow {
        spec: CommandSpec {
            syntax: "key groupname id=<id | new_id=$> [ENTRIESREAD entries_read:integer]",
            history: &[("7.0.0", "It takes `ENTRIESREAD`.")],
            arity: -5,
            ..group("xgroup|setid", "Sets how far a group has read.", KeyFlags::UPDATE, Flags(0))
        },
        run: set_id,
    },
    DataRow {
        spec: CommandSpec {
            syntax: "key groupname",
            arity: 4,
            complexity: "O(N) where N is the number of pending entries",
            ..group("xgroup|destroy", "Removes a group with its consumers.", KeyFlags::DELETE, Flags(0))
        },
        run: destroy,
    },
    DataRow {
        spec: CommandSpec {
            since: "6.2.0",
            syntax: "key groupname consumername",
            arity: 5,
            ..group("xgroup|createconsumer", "Adds a consumer to a group.", KeyFlags::INSERT, Flags::DENYOOM)
        },
        run: create_consumer,
    },
    DataRow {
        spec: CommandSpec {
            syntax: "key groupname consumername",
            arity: 5,
            complexity: "O(N) where N is the number of the consumer's pending entries",
            ..group("xgroup|delconsumer", "Removes a consumer with its pending entries.", KeyFlags::DELETE, Flags(0))
        },
        run: delete_consumer,
    },
    help_row("xgroup|help", help),
    DataRow {
        spec: CommandSpec {
            name: "xack",
            arity: -4,
            flags: Flags::WRITE.and(Flags::FAST).and(Flags::VISITABLE),
            keys: &[key(KeyFlags::RW.and(KeyFlags::UPDATE))],
            summary: "Takes entries off a group's pending ones: a consumer is done with them.",
            complexity: "O(log N) for each id",
            syntax: "key group id [id ...]",
            ..STREAM
        },
        run: xack,
    },
];

const fn group(name: &'static str, summary: &'static str, does: KeyFlags, flags: Flags) -> CommandSpec {
    const INSERTS: &[KeySpec] = &[SECOND];
    const UPDATES: &[KeySpec] = &[KeySpec { flags: KeyFlags::RW.and(KeyFlags::UPDATE), ..SECOND }];
    const DELETES: &[KeySpec] = &[KeySpec { flags: KeyFlags::RW.and(KeyFlags::DELETE), ..SECOND }];
    let keys = match does {
        KeyFlags::INSERT => INSERTS,
        KeyFlags::UPDATE => UPDATES,
        _ => DELETES,
    };
    CommandSpec { name, flags: Flags::WRITE.and(flags), keys, summary, ..STREAM }
}

/// The row of a HELP.
pub(super) const fn help_row(name: &'static str, run: DataFn) -> DataRow {
    let spec = CommandSpec {
        name,
        arity: 2,
        flags: Flags::LOADING.and(Flags::STALE),
        summary: "Lists the subcommands.",
        ..STREAM
    };
    DataRow { spec, run }
}

const HELP: &[&str] = &[
    "XGROUP <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CREATE <key> <groupname> <id|$> [option]",
    "    Adds a group that reads what comes after the id; $ is the last one. Options:",
    "    MKSTREAM makes a missing stream, ENTRIESREAD n sets the count of entries read.",
    "CREATECONSUMER <key> <groupname> <consumer>",
    "    Adds a consumer.",
    "DELCONSUMER <key> <groupname> <consumer>",
    "    Removes a consumer and forgets its pending entries.",
    "DESTROY <key> <groupname>",
    "    Removes a group.",
    "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
    "    Sets the id after which the group reads, and its count of entries read.",
    "HELP",
    "    Prints this help.",
];

fn help(_: &mut Exec, _: Args, reply: &mut Reply) -> Outcome {
    reply.lines(HELP);
    Ok(())
}

/// The refusal of a subcommand with arguments that it does not take.
pub(super) fn misused(args: Args) -> Refusal {
    let container = String::from_utf8_lossy(quoted(args.at(0), QUOTED_BYTES_MAX)).to_ascii_uppercase();
    Refusal::quoting(
        "ERR unknown subcommand or wrong number of arguments for '",
        args.at(1),
        &format!("'. Try {container} HELP."),
    )
}

/// The refusal of a command on a group that a stream does not have.
pub(super) fn missing_group(args: Args) -> Refusal {
    let (key, group) = (quoted(args.at(2), usize::MAX), quoted(args.at(3), usize::MAX));
    Refusal::owned([b"NOGROUP No such consumer group '", group, b"' for key name '", key, b"'"].concat())
}

const MISSING_KEY: Refusal = Refusal::Text(
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to \
     create an empty stream automatically.",
);

/// Options of CREATE and SETID.
#[derive(Default)]
struct Options {
    make_stream: bool,
    entries_read: EntriesRead,
}

impl Options {
    fn parse(args: Args, creates: Creates) -> Result<Options, Refusal> {
        let (mut options, mut index) = (Options::default(), 5);
        while index < args.len() {
            if creates == Creates::Group && args.is(index, "mkstream") {
                options.make_stream = true;
                index += 1;
            } else if args.is(index, "entriesread") && index + 1 < args.len() {
                options.entries_read = match parse_i64(args.at(index + 1)).ok_or(Refusal::NotInteger)? {
                    -1 => None,
                    ..0 => return Err(Refusal::Text("ERR value for ENTRIESREAD must be positive or -1")),
                    read => Some(read),
                };
                index += 2;
            } else {
                return Err(misused(args));
            }
        }
        Ok(options)
    }
}

/// Whether a group is made or changed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Creates {
    Group,
    Nothing,
}

/// Whether a group is to read what comes after the last entry.
fn is_last(text: &[u8]) -> bool {
    text.split(|&byte| byte == 0).next() == Some(b"$")
}

fn create_group(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let options = Options::parse(args, Creates::Group)?;
    let key = exec.first_key(args, 2);
    let place = exec.write_as(&key, Kind::Stream)?;
    if place.is_none() && !options.make_stream {
        return Err(MISSING_KEY);
    }
    if args.len() > 8 {
        return Err(misused(args));
    }
    let last = place.map_or(StreamId::MIN, |place| stream_at(exec, &key, place).log().last_id);
    let id = if is_last(args.at(4)) { last } else { StreamId::parse(args.at(4))? };
    let group = Group::new(id, options.entries_read);
    let name = args.at(3);
    let created = match place {
        Some(place) => change(exec, &key, place, |stream| stream.create_group(name, group)),
        None => {
            let mut stream = Stream::default();
            stream.create_group(name, group);
            create(exec, &key, stream);
            exec.touched(&key);
            true
        }
    };
    if !created {
        return Err(Refusal::Text("BUSYGROUP Consumer Group name already exists"));
    }
    exec.counted(1);
    exec.notify(EventClasses::STREAM, "xgroup-create", &key);
    reply.ok();
    Ok(())
}

fn set_id(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let options = Options::parse(args, Creates::Nothing)?;
    let key = exec.first_key(args, 2);
    let place = exec.write_as(&key, Kind::Stream)?.ok_or(MISSING_KEY)?;
    let stream = stream_at(exec, &key, place);
    let last = stream.log().last_id;
    stream.group(args.at(3)).ok_or_else(|| missing_group(args))?;
    if args.len() != 5 && args.len() != 7 {
        return Err(misused(args));
    }
    // Other than CREATE, SETID takes `-` and `+`.
    let id = if is_last(args.at(4)) { last } else { StreamId::parse_position(args.at(4))? };
    change(exec, &key, place, |stream| {
        stream.edit_group(args.at(3), |_, group| {
            group.last_id = id;
            group.entries_read = options.entries_read;
        })
    });
    exec.counted(1);
    exec.notify(EventClasses::STREAM, "xgroup-setid", &key);
    reply.ok();
    Ok(())
}

fn destroy(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 2);
    let place = exec.write_as(&key, Kind::Stream)?.ok_or(MISSING_KEY)?;
    let destroyed = change(exec, &key, place, |stream| stream.destroy_group(args.at(3)));
    reply.int(destroyed.is_some() as i64);
    if let Some(holder) = destroyed {
        exec.counted(1);
        exec.keyspace.ungrouped(exec.db, &key);
        exec.notify(EventClasses::STREAM, "xgroup-destroy", &key);
        exec.keyspace.drop_parts_later(Box::new(Object::Stream(holder)));
    }
    Ok(())
}

fn create_consumer(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 2);
    let place = exec.write_as(&key, Kind::Stream)?.ok_or(MISSING_KEY)?;
    let now = exec.now.0;
    let created = change(exec, &key, place, |stream| {
        stream.edit_group(args.at(3), |_, group| match group.find(args.at(4)) {
            Some(_) => false,
            None => group.find_or_create(args.at(4), now).1,
        })
    });
    let created = created.ok_or_else(|| missing_group(args))?;
    if created {
        exec.counted(1);
        tell_of_consumer(exec, &key);
    }
    reply.int(created as i64);
    Ok(())
}

/// The event of a new consumer, whatever made it.
pub(super) fn tell_of_consumer(exec: &mut Exec, key: &Key) {
    exec.notify(EventClasses::STREAM, "xgroup-createconsumer", key);
}

fn delete_consumer(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 2);
    let place = exec.write_as(&key, Kind::Stream)?.ok_or(MISSING_KEY)?;
    let deleted = change(exec, &key, place, |stream| {
        stream.edit_group(args.at(3), |_, group| group.find(args.at(4)).map(|consumer| group.delete_consumer(consumer)))
    });
    let deleted = deleted.ok_or_else(|| missing_group(args))?;
    if deleted.is_some() {
        exec.counted(1);
        exec.notify(EventClasses::STREAM, "xgroup-delconsumer", &key);
    }
    let deleted = deleted.unwrap_or_default();
    reply.int(deleted.pending as i64);
    if let Some(holder) = deleted.retired {
        exec.keyspace.drop_parts_later(Box::new(Object::Stream(holder)));
    }
    Ok(())
}

fn xack(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 1);
    let place = exec.read_as(&key, Kind::Stream)?;
    let place = place.filter(|&place| stream_at(exec, &key, place).group(args.at(2)).is_some());
    let Some(place) = place else {
        reply.int(0);
        return Ok(());
    };
    let ids = parse_ids(args, 3)?;
    let acknowledged = change(exec, &key, place, |stream| {
        stream.edit_group(args.at(2), |_, group| ids.iter().filter(|id| group.remove_pending(**id)).count())
    });
    let acknowledged = acknowledged.unwrap_or(0);
    exec.counted(acknowledged as u64);
    reply.int(acknowledged as i64);
    Ok(())
}
