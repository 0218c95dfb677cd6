//! BZPOPMIN, BZPOPMAX and BZMPOP: the commands that take members off the ends and wait if there are none.

use crate::args::Args;
use crate::exec::{DataFn, DataRow, Exec};
use crate::refusal::Outcome;
use crate::reply::Reply;
use crate::spec::{CommandSpec, Flags, Form, KeySpec, MovableKeys};
use crate::types::kind::Kind;
use crate::types::scored::{Direction, Scored};

use super::super::waiting;
use super::pop::{Many, POP_KEY, event, pop_name};
use super::{SORTED_SET, remove_ranks};

/// The rows of this sub-family.
pub(super) static ROWS: &[DataRow] = &[
    row(
        "bzpopmin",
        "Takes the member with the least score off the first sorted set that exists. Waits for one.",
        bzpopmin,
    ),
    row(
        "bzpopmax",
        "Takes the member with the greatest score off the first sorted set that exists. Waits for one.",
        bzpopmax,
    ),
    DataRow {
        spec: CommandSpec {
            name: "bzmpop",
            arity: -5,
            flags: Flags::WRITE.and(Flags::BLOCKING).and(Flags::MOVABLEKEYS),
            movable_keys: const { &[MovableKeys::new(POP_KEY, Form::Counted { at: 2 })] },
            since: "7.0.0",
            summary: "Takes members off an end of the first of several sorted sets that exists. Waits for one.",
            complexity: "O(K+M*log(N)) for K keys and M members that are removed of N",
            syntax: "timeout:double numkeys:integer key [key ...] where=<MIN | MAX> [COUNT count]",
            ..SORTED_SET
        },
        run: bzmpop,
    },
];

const fn row(name: &'static str, summary: &'static str, run: DataFn) -> DataRow {
    let spec = CommandSpec {
        name,
        arity: -3,
        flags: Flags::WRITE.and(Flags::NOSCRIPT).and(Flags::BLOCKING).and(Flags::FAST),
        keys: const { &[KeySpec { flags: POP_KEY, first: 1, last: -2, step: 1 }] },
        since: "5.0.0",
        summary,
        complexity: "O(log(N)) for N members",
        syntax: "key [key ...] timeout:double",
        history: &[("6.0.0", "Its `timeout` may have a fraction.")],
        ..SORTED_SET
    };
    DataRow { spec, run }
}

fn bzpopmin(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    pop(exec, args, reply, Direction::Ascending)
}

fn bzpopmax(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    pop(exec, args, reply, Direction::Descending)
}

fn pop(exec: &mut Exec, args: Args, reply: &mut Reply, from: Direction) -> Outcome {
    waiting::pop_first(exec, args, reply, Kind::SortedSet, |exec, key, place, reply| {
        reply.array(3);
        reply.bulk(key.bytes);
        let set = Scored::of(exec.entry(key, place));
        let rank = if from == Direction::Ascending { 0 } else { set.len() - 1 };
        set.walk(rank..rank + 1, from, |member, score| {
            reply.element(member);
            reply.double(score);
        });
        remove_ranks(exec, key, place, rank..rank + 1, event(from));
        exec.log_as(&[pop_name(from), key.bytes]);
    })
}

fn bzmpop(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let many = Many::parse(args, 2)?;
    let timeout = waiting::seconds(args.at(1))?;
    if many.pop(exec, args, reply)? {
        return Ok(());
    }
    let keys = many.keys(args).map(|key| (key, many.serve(args.at(0), key)));
    waiting::wait(exec, timeout, keys, || reply.null_array());
    Ok(())
}
