//! Sorted sets: what is asked of single members, and counts.

use crate::args::Args;
use crate::exec::{DataRow, Exec};
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::spec::{CommandSpec, KeyFlags, KeySpec};
use crate::types::kind::Kind;
use crate::types::scored::{Direction, Scored};
use crate::types::sorted_set::Edge;

use super::{LOOKS, READ_KEY, SORTED_SET, bounds};

/// The rows of this sub-family.
pub(super) static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            name: "zscore",
            arity: 3,
            flags: LOOKS,
            keys: READ_KEY,
            summary: "Returns the score of a member.",
            syntax: "key member",
            ..SORTED_SET
        },
        run: zscore,
    },
    DataRow {
        spec: CommandSpec {
            name: "zmscore",
            arity: -3,
            flags: LOOKS,
            keys: READ_KEY,
            since: "6.2.0",
            summary: "Returns the scores of several members.",
            complexity: "O(N) where N is the number of members that are asked for",
            syntax: "key member [member ...]",
            ..SORTED_SET
        },
        run: zmscore,
    },
    DataRow {
        spec: CommandSpec {
            name: "zcard",
            arity: 2,
            flags: LOOKS,
            keys: &[KeySpec { flags: KeyFlags::RO, first: 1, last: 0, step: 1 }],
            summary: "Returns the number of members of a sorted set.",
            syntax: "key",
            ..SORTED_SET
        },
        run: zcard,
    },
    DataRow {
        spec: CommandSpec {
            name: "zcount",
            arity: 4,
            flags: LOOKS,
            keys: READ_KEY,
            since: "2.0.0",
            summary: "Counts the members whose scores are in a range.",
            complexity: "O(log(N)) where N is the number of members",
            syntax: "key min:double max:double",
            ..SORTED_SET
        },
        run: zcount,
    },
    DataRow {
        spec: CommandSpec {
            name: "zlexcount",
            arity: 4,
            flags: LOOKS,
            keys: READ_KEY,
            since: "2.8.9",
            summary: "Counts the members in a range of members, in a set of equal scores.",
            complexity: "O(log(N)) where N is the number of members",
            syntax: "key min max",
            ..SORTED_SET
        },
        run: zlexcount,
    },
    rank_row("zrank", "Returns the number of members before one, from the least score up.", zrank),
    rank_row("zrevrank", "Returns the number of members before one, from the greatest score down.", zrevrank),
];

const fn rank_row(name: &'static str, summary: &'static str, run: crate::exec::DataFn) -> DataRow {
    DataRow {
        spec: CommandSpec {
            name,
            arity: -3,
            flags: LOOKS,
            keys: READ_KEY,
            since: "2.0.0",
            summary,
            complexity: "O(log(N)) where N is the number of members",
            syntax: "key member [WITHSCORE]",
            history: &[("7.2.0", "The option WITHSCORE.")],
            ..SORTED_SET
        },
        run,
    }
}

fn zscore(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 1);
    let place = exec.read_as(&key, Kind::SortedSet)?;
    let set = place.map(|place| Scored::of(exec.entry(&key, place)));
    match set.and_then(|set| set.score(exec.keyspace.hasher(), args.at(2))) {
        Some(score) => reply.double(score),
        None => reply.null(),
    }
    Ok(())
}

fn zmscore(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 1);
    let place = exec.read_as(&key, Kind::SortedSet)?;
    let set = place.map(|place| Scored::of(exec.entry(&key, place)));
    let members = args.from(2);
    reply.array(members.len());
    for member in members.iter() {
        match set.and_then(|set| set.score(exec.keyspace.hasher(), member)) {
            Some(score) => reply.double(score),
            None => reply.null(),
        }
    }
    Ok(())
}

fn zcard(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 1);
    let place = exec.read_as(&key, Kind::SortedSet)?;
    reply.int(place.map_or(0, |place| Scored::of(exec.entry(&key, place)).len()) as i64);
    Ok(())
}

fn zcount(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let (low, high) = bounds::scores(args.at(2), args.at(3))?;
    count(exec, args, reply, low, high)
}

fn zlexcount(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let (low, high) = bounds::members(args.at(2), args.at(3))?;
    count(exec, args, reply, low, high)
}

fn count(exec: &mut Exec, args: Args, reply: &mut Reply, low: Edge, high: Edge) -> Outcome {
    let key = exec.first_key(args, 1);
    let place = exec.read_as(&key, Kind::SortedSet)?;
    let ranks = place.map_or(0..0, |place| Scored::of(exec.entry(&key, place)).ranks(low, high, Direction::Ascending));
    reply.int(ranks.len() as i64);
    Ok(())
}

fn zrank(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    rank(exec, args, reply, Direction::Ascending, "zrank")
}

fn zrevrank(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    rank(exec, args, reply, Direction::Descending, "zrevrank")
}

fn rank(exec: &mut Exec, args: Args, reply: &mut Reply, direction: Direction, name: &'static str) -> Outcome {
    if args.len() > 4 {
        return Err(Refusal::Arity(name));
    }
    let with_score = args.len() == 4;
    if with_score && !args.is(3, "withscore") {
        return Err(Refusal::Syntax);
    }
    let key = exec.first_key(args, 1);
    let place = exec.read_as(&key, Kind::SortedSet)?;
    let set = place.map(|place| Scored::of(exec.entry(&key, place)));
    let found = set.and_then(|set| Some((set.rank(exec.keyspace.hasher(), args.at(2))?, set.len())));
    let Some(((before, score), len)) = found else {
        match with_score {
            true => reply.null_array(),
            false => reply.null(),
        }
        return Ok(());
    };
    if with_score {
        reply.array(2);
    }
    let rank = if direction == Direction::Ascending { before } else { len - 1 - before };
    reply.int(rank as i64);
    if with_score {
        reply.double(score);
    }
    Ok(())
}
