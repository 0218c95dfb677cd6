//! Sets: asking for members, counting and listing them, and the walk of SSCAN.

use crate::args::Args;
use crate::commands::scan_options::{BYTES_PER_VISIT, ScanOptions, Walk, parse_cursor, reply_with_walk};
use crate::exec::{DataRow, Exec};
use crate::refusal::Outcome;
use crate::reply::Reply;
use crate::spec::{CommandSpec, Flags, KeyFlags, KeySpec};
use crate::types::kind::Kind;
use crate::types::set::Set;

use super::{READ_KEY, SET, read_set};

const LOOK_KEY: &[KeySpec] = &[KeySpec { flags: KeyFlags::RO, first: 1, last: 0, step: 1 }];

const FAST_READ: Flags = Flags::READONLY.and(Flags::FAST).and(Flags::VISITABLE);
const SLOW_READ: Flags = Flags::READONLY.and(Flags::VISITABLE);

/// The rows of this sub-family.
pub(super) static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            name: "sismember",
            arity: 3,
            flags: FAST_READ,
            keys: LOOK_KEY,
            summary: "Tells whether a set has a member.",
            syntax: "key member",
            ..SET
        },
        run: sismember,
    },
    DataRow {
        spec: CommandSpec {
            name: "smismember",
            arity: -3,
            flags: FAST_READ,
            keys: READ_KEY,
            since: "6.2.0",
            summary: "Tells for each of some members whether a set has it.",
            complexity: "O(N) where N is the number of members that are asked for",
            syntax: "key member [member ...]",
            ..SET
        },
        run: smismember,
    },
    DataRow {
        spec: CommandSpec {
            name: "scard",
            arity: 2,
            flags: FAST_READ,
            keys: LOOK_KEY,
            summary: "Counts the members of a set.",
            syntax: "key",
            ..SET
        },
        run: scard,
    },
    DataRow {
        spec: CommandSpec {
            name: "smembers",
            arity: 2,
            flags: SLOW_READ,
            keys: READ_KEY,
            summary: "Returns all members of a set.",
            complexity: "O(N) where N is the number of members",
            syntax: "key",
            tips: &["nondeterministic_output_order"],
            ..SET
        },
        run: smembers,
    },
    DataRow {
        spec: CommandSpec {
            name: "sscan",
            arity: -3,
            flags: SLOW_READ,
            keys: READ_KEY,
            since: "2.8.0",
            summary: "Walks over the members of a set, a few at a time.",
            complexity: "O(1) per call, O(N) for a whole walk.",
            syntax: "key cursor:integer [MATCH pattern] [COUNT count]",
            tips: &["nondeterministic_output"],
            ..SET
        },
        run: sscan,
    },
];

fn sismember(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 1);
    let place = exec.read_as(&key, Kind::Set)?;
    let found = place.is_some_and(|place| Set::of(exec.entry(&key, place)).has(exec.keyspace.hasher(), args.at(2)));
    reply.int(found as i64);
    Ok(())
}

fn smismember(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 1);
    let place = exec.read_as(&key, Kind::Set)?;
    let set = place.map(|place| Set::of(exec.entry(&key, place)));
    reply.array(args.len() - 2);
    for member in args.from(2).iter() {
        reply.int(set.is_some_and(|set| set.has(exec.keyspace.hasher(), member)) as i64);
    }
    Ok(())
}

fn scard(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let len = read_set(exec, args)?.map_or(0, |set| set.len());
    reply.int(len as i64);
    Ok(())
}

fn smembers(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let set = read_set(exec, args)?;
    reply.set(set.map_or(0, |set| set.len()));
    if let Some(set) = set {
        set.for_each(|member| reply.element(member));
    }
    Ok(())
}

fn sscan(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let cursor = parse_cursor(args.at(2))?;
    let key = exec.first_key(args, 1);
    let Some(place) = exec.read_as(&key, Kind::Set)? else {
        reply_with_walk(cursor, reply, |_, _| (0, None));
        return Ok(());
    };
    let options = ScanOptions::parse(args.from(3), Walk::Elements)?;
    let (set, hasher) = (Set::of(exec.entry(&key, place)), exec.keyspace.hasher());
    reply_with_walk(cursor, reply, |from, reply| {
        let (mut count, mut digits) = (0, itoa::Buffer::new());
        let next = set.scan(hasher, from, options.visits(), &mut |member| {
            if !options.matches(member.text(&mut digits)) {
                return 1;
            }
            reply.element(member);
            count += 1;
            1 + member.text_len() / BYTES_PER_VISIT
        });
        (count, next)
    });
    Ok(())
}
