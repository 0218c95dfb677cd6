//! Sorted sets: removing members, by name and by range.

use crate::args::Args;
use crate::exec::{DataFn, DataRow, Exec};
use crate::number::parse_i64;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::signals::EventClasses;
use crate::spec::{CommandSpec, Flags};
use crate::types::kind::Kind;
use crate::types::scored::{Direction, Scored};

use super::{REMOVE_KEY, SORTED_SET, bounds, change};

/// The rows of this sub-family.
pub(super) static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            name: "zrem",
            arity: -3,
            flags: Flags::WRITE.and(Flags::FAST).and(Flags::VISITABLE),
            keys: REMOVE_KEY,
            summary: "Removes members of a sorted set, and the key with the last one.",
            complexity: "O(M*log(N)) for M members that are removed of N",
            syntax: "key member [member ...]",
            history: &[("2.4.0", "It takes more than one member.")],
            ..SORTED_SET
        },
        run: zrem,
    },
    range_row(
        "zremrangebyrank",
        "2.0.0",
        "Removes the members in a range of ranks.",
        "key start:integer stop:integer",
        zremrangebyrank,
    ),
    range_row(
        "zremrangebyscore",
        "1.2.0",
        "Removes the members whose scores are in a range.",
        "key min:double max:double",
        zremrangebyscore,
    ),
    range_row(
        "zremrangebylex",
        "2.8.9",
        "Removes the members in a range of members, of a set of equal scores.",
        "key min max",
        zremrangebylex,
    ),
];

const fn range_row(
    name: &'static str,
    since: &'static str,
    summary: &'static str,
    syntax: &'static str,
    run: DataFn,
) -> DataRow {
    DataRow {
        spec: CommandSpec {
            name,
            arity: 4,
            flags: Flags::WRITE,
            keys: REMOVE_KEY,
            since,
            summary,
            complexity: "O(M*log(N)) for M members that are removed of N",
            syntax,
            ..SORTED_SET
        },
        run,
    }
}

fn zrem(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 1);
    let Some(place) = exec.write_as(&key, Kind::SortedSet)? else {
        reply.int(0);
        return Ok(());
    };
    let (removed, emptied) =
        change(exec, &key, place, |set| args.from(2).iter().filter(|member| set.remove(member).is_some()).count());
    exec.happened(&key, removed as u64, EventClasses::SORTED_SET, "zrem");
    if emptied {
        exec.emptied(&key);
    }
    reply.int(removed as i64);
    Ok(())
}

fn zremrangebyrank(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let start = parse_i64(args.at(2)).ok_or(Refusal::NotInteger)?;
    let stop = parse_i64(args.at(3)).ok_or(Refusal::NotInteger)?;
    remove_ranks(exec, args, reply, "zremrangebyrank", |set| bounds::indexes(start, stop, set.len()))
}

fn zremrangebyscore(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let (low, high) = bounds::scores(args.at(2), args.at(3))?;
    remove_ranks(exec, args, reply, "zremrangebyscore", |set| set.ranks(low, high, Direction::Ascending))
}

fn zremrangebylex(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let (low, high) = bounds::members(args.at(2), args.at(3))?;
    remove_ranks(exec, args, reply, "zremrangebylex", |set| set.ranks(low, high, Direction::Ascending))
}

fn remove_ranks(
    exec: &mut Exec,
    args: Args,
    reply: &mut Reply,
    event: &'static str,
    choose: impl FnOnce(Scored) -> std::ops::Range<usize>,
) -> Outcome {
    let key = exec.first_key(args, 1);
    let Some(place) = exec.write_as(&key, Kind::SortedSet)? else {
        reply.int(0);
        return Ok(());
    };
    let ranks = choose(Scored::of(exec.entry(&key, place)));
    let removed = ranks.len();
    super::remove_ranks(exec, &key, place, ranks, event);
    reply.int(removed as i64);
    Ok(())
}
