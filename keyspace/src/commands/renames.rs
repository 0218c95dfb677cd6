//! Moving a key with its value to another name or database: RENAME, RENAMENX, COPY, MOVE.
//!
//! Two keys may have two slots; both are in the keyspace here, since whoever routed the command leased them.

use crate::args::Args;
use crate::entry::Shape;
use crate::exec::{DataRow, Exec};
use crate::limits::{Reach, Removal};
use crate::number::parse_i64;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::signals::EventClasses;
use crate::spec::{Categories, CommandSpec, Flags, KeyFlags, KeySpec};
use crate::store::{Db, Key};

/// The rows of this family.
pub static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            name: "rename",
            arity: 3,
            flags: Flags::WRITE,
            categories: Categories::KEYSPACE,
            keys: &[
                KeySpec { flags: KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::DELETE), first: 1, last: 0, step: 1 },
                KeySpec { flags: KeyFlags::OW.and(KeyFlags::UPDATE), first: 2, last: 0, step: 1 },
            ],
            group: "generic",
            summary: "Gives a key another name, over whatever had that name.",
            syntax: "key newkey",
            ..CommandSpec::NONE
        },
        run: rename,
    },
    DataRow {
        spec: CommandSpec {
            name: "renamenx",
            arity: 3,
            flags: Flags::WRITE.and(Flags::FAST),
            categories: Categories::KEYSPACE,
            keys: &[
                KeySpec { flags: KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::DELETE), first: 1, last: 0, step: 1 },
                KeySpec { flags: KeyFlags::OW.and(KeyFlags::INSERT), first: 2, last: 0, step: 1 },
            ],
            group: "generic",
            summary: "Gives a key another name unless a key has that name.",
            syntax: "key newkey",
            history: &[("3.2.0", "Source and destination may be the same key.")],
            ..CommandSpec::NONE
        },
        run: renamenx,
    },
    DataRow {
        spec: CommandSpec {
            name: "copy",
            arity: -3,
            flags: Flags::WRITE.and(Flags::DENYOOM),
            categories: Categories::KEYSPACE,
            keys: &[
                KeySpec { flags: KeyFlags::RO.and(KeyFlags::ACCESS), first: 1, last: 0, step: 1 },
                KeySpec { flags: KeyFlags::OW.and(KeyFlags::UPDATE), first: 2, last: 0, step: 1 },
            ],
            since: "6.2.0",
            group: "generic",
            summary: "Copies the value of a key and its deadline to another key.",
            complexity: "O(1) for strings, O(N) for a collection of N elements.",
            syntax: "source:key destination:key [DB destination-db:integer] [REPLACE]",
            ..CommandSpec::NONE
        },
        run: copy,
    },
    DataRow {
        spec: CommandSpec {
            name: "move",
            arity: 3,
            flags: Flags::WRITE.and(Flags::FAST).and(Flags::VISITABLE),
            categories: Categories::KEYSPACE,
            keys: &[KeySpec {
                flags: KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::UPDATE),
                first: 1,
                last: 0,
                step: 1,
            }],
            group: "generic",
            summary: "Moves a key to another database unless that has it.",
            syntax: "key db:integer",
            ..CommandSpec::NONE
        },
        run: move_key,
    },
];

const SAME_OBJECT: Refusal = Refusal::Text("ERR source and destination objects are the same");
const NO_MOVE: Refusal = Refusal::Text("ERR MOVE is not allowed in cluster mode");
const NO_OTHER_DB: Refusal = Refusal::Text("ERR Copying to another database is not allowed in cluster mode");
const NO_SUCH_DB: Refusal = Refusal::Text("ERR DB index is out of range");
const NOT_AN_INT: Refusal = Refusal::Text("ERR value is out of range, value must between -2147483648 and 2147483647");

/// The database that an argument names.
fn database(exec: &Exec, arg: &[u8]) -> Result<Db, Refusal> {
    let number = parse_i64(arg).ok_or(Refusal::NotInteger)?;
    let number = i32::try_from(number).map_err(|_| NOT_AN_INT)?;
    usize::try_from(number).ok().and_then(|number| exec.keyspace.db(number)).ok_or(NO_SUCH_DB)
}

/// The database that an argument of COPY names. In a cluster there is no other.
fn copied_to(exec: &Exec, arg: &[u8]) -> Result<Db, Refusal> {
    match (exec.keyspace.limits.reach, parse_i64(arg)) {
        (Reach::Slot, Some(number)) if number != 0 => Err(NO_OTHER_DB),
        _ => database(exec, arg),
    }
}

/// The events of a key that goes from one place to another.
type Events = (&'static str, &'static str);

const RENAMED: Events = ("rename_from", "rename_to");
const MOVED: Events = ("move_from", "move_to");

/// Takes `source` out and puts it in as `target` of `db`, where nothing stands.
fn relocate(exec: &mut Exec, source: &Key, db: Db, target: &Key, (from, to): Events) {
    // The place is looked up here because what came before may have moved entries of the same table.
    let place = exec.keyspace.locate(exec.db, source).expect("the caller found the source");
    let entry = exec.take(source, place);
    let entry = if source.bytes == target.bytes { entry } else { entry.renamed(target.bytes) };
    exec.insert_in(db, target, entry);
    exec.touched(source);
    exec.modified_in(db, target, 1);
    exec.notify(EventClasses::GENERIC, from, source);
    exec.notify_in(db, EventClasses::GENERIC, to, target);
}

fn rename(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let (source, target) = (exec.first_key(args, 1), exec.key(args.at(2)));
    exec.write(&source).ok_or(Refusal::NoSuchKey)?;
    if source.bytes != target.bytes {
        if let Some(place) = exec.peek(&target) {
            exec.delete(&target, place);
        }
        relocate(exec, &source, exec.db, &target, RENAMED);
    }
    reply.ok();
    Ok(())
}

fn renamenx(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let (source, target) = (exec.first_key(args, 1), exec.key(args.at(2)));
    exec.write(&source).ok_or(Refusal::NoSuchKey)?;
    // The same name is taken, by the key itself.
    let free = exec.write(&target).is_none();
    if free {
        relocate(exec, &source, exec.db, &target, RENAMED);
    }
    reply.int(free as i64);
    Ok(())
}

fn move_key(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    if exec.keyspace.limits.reach == Reach::Slot {
        return Err(NO_MOVE);
    }
    let db = database(exec, args.at(2))?;
    if db == exec.db {
        return Err(SAME_OBJECT);
    }
    let key = exec.first_key(args, 1);
    let moves = exec.write(&key).is_some() && exec.write_in(db, &key).is_none();
    if moves {
        relocate(exec, &key, db, &key, MOVED);
    }
    reply.int(moves as i64);
    Ok(())
}

fn copy(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let (mut db, mut replace) = (exec.db, false);
    let mut index = 3;
    while index < args.len() {
        if args.is(index, "replace") {
            replace = true;
        } else if args.is(index, "db") && index + 1 < args.len() {
            db = copied_to(exec, args.at(index + 1))?;
            index += 1;
        } else {
            return Err(Refusal::Syntax);
        }
        index += 1;
    }
    let (source, target) = (exec.first_key(args, 1), exec.key(args.at(2)));
    if db == exec.db && source.bytes == target.bytes {
        return Err(SAME_OBJECT);
    }
    let copied = copy_to(exec, &source, db, &target, replace);
    reply.int(copied as i64);
    Ok(())
}

/// Copies, unless there is nothing to copy or something stands in the way. A copy counts as used now.
fn copy_to(exec: &mut Exec, source: &Key, db: Db, target: &Key, replace: bool) -> bool {
    if exec.read(source).is_none() {
        return false;
    }
    if let Some(place) = exec.write_in(db, target) {
        if !replace {
            return false;
        }
        exec.keyspace.discard(db, target.slot, target.hash, place, Removal::Server);
    }
    // Looked up again: the target's removal may have moved entries of the same table.
    let place = exec.keyspace.locate(exec.db, source).expect("the source was found");
    let mut entry = exec.entry(source, place).duplicate(target.bytes, exec.access, exec.keyspace.hasher());
    if entry.is_string() && entry.shape() == Shape::Stored {
        entry.set_shape(Shape::Copied);
    }
    exec.insert_in(db, target, entry);
    exec.modified_in(db, target, 1);
    exec.notify_in(db, EventClasses::GENERIC, "copy_to", target);
    true
}

#[cfg(test)]
#[path = "renames_tests.rs"]
mod tests;
