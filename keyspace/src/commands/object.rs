//! What is known about a stored value beside itself: OBJECT and MEMORY USAGE.
//!
//! Clients and test suites read Redis's encodings here, so strings answer with the encoding that Redis would have chosen; how
//! Ashlar stores them is in `entry`. The figures of MEMORY USAGE are Ashlar's own.

use crate::args::Args;
use crate::entry::{Entry, Shape};
use crate::exec::{DataFn, DataRow, Exec};
use crate::limits::DataLimits;
use crate::number::parse_i64;
use crate::payloads::timed::is_small;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::spec::{Categories, CommandSpec, Flags, KeyFlags, KeySpec};
use crate::table::BUCKET_BYTES;
use crate::types::kind::Form;

/// The row of `OBJECT` itself, which does nothing without a subcommand.
pub const CONTAINER: CommandSpec = CommandSpec {
    name: "object",
    arity: -2,
    since: "2.2.3",
    group: "generic",
    summary: "Tells how the value of a key is kept.",
    complexity: "Depends on the subcommand.",
    ..CommandSpec::NONE
};

/// The rows of this family.
pub static ROWS: &[DataRow] = &[
    about("object|encoding", "2.2.3", "Tells the encoding of a key's value.", encoding),
    about("object|freq", "4.0.0", "Tells how often a key is used, on a logarithmic scale.", freq),
    about("object|idletime", "2.2.3", "Tells for how many seconds a key was not used.", idletime),
    about("object|refcount", "2.2.3", "Tells how many references to a key's value there are.", refcount),
    DataRow {
        spec: CommandSpec {
            name: "object|help",
            arity: 2,
            flags: Flags::LOADING.and(Flags::STALE),
            categories: Categories::KEYSPACE,
            since: "6.2.0",
            group: "generic",
            summary: "Lists the subcommands.",
            ..CommandSpec::NONE
        },
        run: help,
    },
    DataRow {
        spec: CommandSpec {
            name: "memory|usage",
            arity: -3,
            flags: Flags::READONLY.and(Flags::VISITABLE),
            keys: &[SECOND],
            since: "4.0.0",
            group: "server",
            summary: "Estimates the memory, in bytes, that a key and its value take.",
            complexity: "O(1); redis-server samples N elements of a collection.",
            syntax: "key [SAMPLES count]",
            ..CommandSpec::NONE
        },
        run: usage,
    },
];

const SECOND: KeySpec = KeySpec { flags: KeyFlags::RO, first: 2, last: 0, step: 1 };

/// The longest string that Redis keeps in one piece with its header.
const EMBEDDED_BYTES_MAX: usize = 44;

/// Integers below this one are shared objects in Redis, and shared objects count as referred to without end.
const SHARED_INTEGERS: i64 = 10_000;

const COUNTS_USES: Refusal = Refusal::Text(
    "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at \
     runtime LRU and LFU data will take some time to adjust.",
);
const COUNTS_NO_USES: Refusal = Refusal::Text(
    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between \
     policies at runtime LRU and LFU data will take some time to adjust.",
);

const HELP: &[&str] = &[
    "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "ENCODING <key>",
    "    The encoding that clients may assume for the key's value.",
    "FREQ <key>",
    "    The key's counter of uses; only with an LFU policy.",
    "IDLETIME <key>",
    "    Seconds since the key was used; not with an LFU policy.",
    "REFCOUNT <key>",
    "    How many references to the key's value there are.",
    "HELP",
    "    Prints this help.",
];

const fn about(name: &'static str, since: &'static str, summary: &'static str, run: DataFn) -> DataRow {
    let spec = CommandSpec {
        name,
        arity: 3,
        flags: Flags::READONLY.and(Flags::VISITABLE),
        categories: Categories::KEYSPACE,
        keys: &[SECOND],
        since,
        group: "generic",
        summary,
        syntax: "key",
        tips: &["nondeterministic_output"],
        ..CommandSpec::NONE
    };
    DataRow { spec, run }
}

/// The integer that Redis would keep instead of a string's bytes.
fn integer(entry: &Entry) -> Option<i64> {
    let whole = entry.is_string() && matches!(entry.shape(), Shape::Stored | Shape::Copied);
    if whole { parse_i64(entry.value()) } else { None }
}

/// The name of the encoding that Redis would choose for an entry's value within `limits`.
pub fn encoding_name(entry: &Entry, limits: &DataLimits) -> &'static str {
    if let Some(object) = entry.object() {
        let timed = object.fields().filter(|fields| fields.volatile() > 0);
        let packed = timed.is_some_and(|fields| is_small(fields, limits.hash));
        return if packed { "listpackex" } else { object.encoding_name() };
    }
    match entry.form() {
        Some(Form::IntSet) => return "intset",
        Some(_) => return "listpack",
        None => {}
    }
    match entry.shape() {
        _ if integer(entry).is_some() => "int",
        Shape::Edited => "raw",
        _ if entry.value().len() <= EMBEDDED_BYTES_MAX => "embstr",
        _ => "raw",
    }
}

/// How many references to its value Redis would count: small integers are shared there, but for those that COPY made.
pub(super) fn references(entry: &Entry) -> i64 {
    let is_shared = |value| (0..SHARED_INTEGERS).contains(&value) && entry.shape() == Shape::Stored;
    if integer(entry).is_some_and(is_shared) { i64::from(i32::MAX) } else { 1 }
}

/// Answers about the key that is the second argument, or null if there is none.
fn answer(
    exec: &mut Exec,
    args: Args,
    reply: &mut Reply,
    tell: impl FnOnce(&Exec, &Entry, &mut Reply) -> Outcome,
) -> Outcome {
    let key = exec.first_key(args, 2);
    match exec.inspect_silently(&key) {
        Some(place) => tell(exec, exec.entry(&key, place), reply),
        None => {
            reply.null();
            Ok(())
        }
    }
}

fn encoding(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    answer(exec, args, reply, |exec, entry, reply| {
        reply.text(encoding_name(entry, &exec.keyspace.limits));
        Ok(())
    })
}

fn refcount(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    answer(exec, args, reply, |_, entry, reply| {
        reply.int(references(entry));
        Ok(())
    })
}

fn idletime(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    answer(exec, args, reply, |exec, entry, reply| {
        let idle = exec.keyspace.idle_seconds(entry, exec.now).ok_or(COUNTS_USES)?;
        reply.int(i64::from(idle));
        Ok(())
    })
}

fn freq(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    answer(exec, args, reply, |exec, entry, reply| {
        let frequency = exec.keyspace.frequency(entry, exec.now).ok_or(COUNTS_NO_USES)?;
        reply.int(i64::from(frequency));
        Ok(())
    })
}

fn help(_: &mut Exec, _: Args, reply: &mut Reply) -> Outcome {
    reply.lines(HELP);
    Ok(())
}

/// MEMORY USAGE leaves no trace in the counters of look-ups. Every value knows its bytes, so there is nothing to sample: SAMPLES is
/// only checked.
fn usage(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let mut index = 3;
    while index < args.len() {
        if !args.is(index, "samples") || index + 1 == args.len() {
            return Err(Refusal::Syntax);
        }
        if parse_i64(args.at(index + 1)).ok_or(Refusal::NotInteger)? < 0 {
            return Err(Refusal::Syntax);
        }
        index += 2;
    }
    let key = exec.first_key(args, 2);
    match exec.peek(&key) {
        Some(place) => reply.int((exec.entry(&key, place).heap_bytes() + BUCKET_BYTES) as i64),
        None => reply.null(),
    }
    Ok(())
}

#[cfg(test)]
#[path = "object_tests.rs"]
mod tests;
