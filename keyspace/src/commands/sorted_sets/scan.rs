//! Sorted sets: the walk of ZSCAN.

use crate::args::Args;
use crate::commands::scan_options::{BYTES_PER_VISIT, ScanOptions, Walk, parse_cursor, reply_with_walk};
use crate::double;
use crate::exec::{DataRow, Exec};
use crate::refusal::Outcome;
use crate::reply::Reply;
use crate::spec::{CommandSpec, Flags};
use crate::types::kind::Kind;
use crate::types::scored::Scored;

use super::{READ_KEY, SORTED_SET};

/// The rows of this sub-family.
pub(super) static ROWS: &[DataRow] = &[DataRow {
    spec: CommandSpec {
        name: "zscan",
        arity: -3,
        flags: Flags::READONLY.and(Flags::VISITABLE),
        keys: READ_KEY,
        since: "2.8.0",
        summary: "Walks over the members of a sorted set with their scores, a few at a time.",
        complexity: "O(1) per call, O(N) for a whole walk.",
        syntax: "key cursor:integer [MATCH pattern] [COUNT count]",
        tips: &["nondeterministic_output"],
        ..SORTED_SET
    },
    run: zscan,
}];

fn zscan(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let cursor = parse_cursor(args.at(2))?;
    let key = exec.first_key(args, 1);
    let Some(place) = exec.read_as(&key, Kind::SortedSet)? else {
        reply_with_walk(cursor, reply, |_, _| (0, None));
        return Ok(());
    };
    let options = ScanOptions::parse(args.from(3), Walk::Elements)?;
    let (set, hasher) = (Scored::of(exec.entry(&key, place)), exec.keyspace.hasher());
    reply_with_walk(cursor, reply, |from, reply| {
        let (mut count, mut digits) = (0, itoa::Buffer::new());
        let next = set.scan(hasher, from, options.visits(), |member, score| {
            if !options.matches(member.text(&mut digits)) {
                return 1;
            }
            reply.element(member);
            // Text in RESP3 too.
            reply.bulk(&double::text(score));
            count += 2;
            1 + member.text_len() / BYTES_PER_VISIT
        });
        (count, next)
    });
    Ok(())
}
