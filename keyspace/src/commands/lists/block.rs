//! BLPOP, BRPOP, BLMPOP, BLMOVE and BRPOPLPUSH: the commands that take items out and wait if there are none.

use crate::args::Args;
use crate::exec::{DataFn, DataRow, Exec};
use crate::refusal::Outcome;
use crate::reply::Reply;
use crate::spec::{CommandSpec, Deprecation, Flags, Form, KeySpec, MovableKeys};
use crate::types::kind::Kind;
use crate::types::list::List;
use crate::types::nodes::End;

use super::super::waiting;
use super::pop::{MOVES, Many, RPOPLPUSH, move_item, pop_name};
use super::{LIST, POPS, end, take};

const WAITS: Flags = Flags::WRITE.and(Flags::NOSCRIPT).and(Flags::BLOCKING);

/// Since when timeouts have fractions.
const FRACTIONS: &[(&str, &str)] = &[("6.0.0", "Its `timeout` may have a fraction.")];

/// The rows.
pub(super) static ROWS: &[DataRow] = &[
    row("blpop", "Takes an item out of the first list that exists, at its head. Waits until there is one.", blpop),
    row("brpop", "Takes an item out of the first list that exists, at its tail. Waits until there is one.", brpop),
    DataRow {
        spec: CommandSpec {
            name: "blmpop",
            arity: -5,
            flags: Flags::WRITE.and(Flags::BLOCKING).and(Flags::MOVABLEKEYS),
            movable_keys: const { &[MovableKeys::new(POPS, Form::Counted { at: 2 })] },
            since: "7.0.0",
            summary: "Takes items out of the first list that exists. Waits until there is one.",
            complexity: "O(N+M) where N is the number of keys and M the number of items that are returned",
            syntax: "timeout:double numkeys:integer key [key ...] where=<LEFT | RIGHT> [COUNT count]",
            ..LIST
        },
        run: blmpop,
    },
    DataRow {
        spec: CommandSpec {
            name: "blmove",
            arity: 6,
            flags: WAITS.and(Flags::DENYOOM),
            keys: MOVES,
            since: "6.2.0",
            summary: "Takes an item out of one end of a list, puts it to an end of another and returns it. Waits until \
                      there is one.",
            syntax: "source:key destination:key wherefrom=<LEFT | RIGHT> whereto=<LEFT | RIGHT> timeout:double",
            ..LIST
        },
        run: blmove,
    },
    DataRow {
        spec: CommandSpec {
            name: "brpoplpush",
            arity: 4,
            flags: WAITS.and(Flags::DENYOOM),
            keys: MOVES,
            since: "2.2.0",
            summary: "Takes the last item out of a list, puts it before the first of another and returns it. Waits until \
                      there is one.",
            syntax: "source:key destination:key timeout:double",
            history: FRACTIONS,
            deprecated: Some(Deprecation {
                since: "6.2.0",
                replaced_by: "`BLMOVE` with the `RIGHT` and `LEFT` arguments",
            }),
            ..LIST
        },
        run: brpoplpush,
    },
];

const fn row(name: &'static str, summary: &'static str, run: DataFn) -> DataRow {
    let spec = CommandSpec {
        name,
        arity: -3,
        flags: WAITS,
        keys: const { &[KeySpec { flags: POPS, first: 1, last: -2, step: 1 }] },
        since: "2.0.0",
        summary,
        complexity: "O(N) where N is the number of keys",
        syntax: "key [key ...] timeout:double",
        history: FRACTIONS,
        ..LIST
    };
    DataRow { spec, run }
}

fn blpop(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    pop(exec, args, reply, End::Head)
}

fn brpop(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    pop(exec, args, reply, End::Tail)
}

fn pop(exec: &mut Exec, args: Args, reply: &mut Reply, end: End) -> Outcome {
    waiting::pop_first(exec, args, reply, Kind::List, |exec, key, place, reply| {
        reply.array(2);
        reply.bulk(key.bytes);
        reply.element(List::of(exec.entry(key, place)).end(end).expect("no stored list is empty"));
        take(exec, key, place, end, 1);
        exec.log_as(&[pop_name(end), key.bytes]);
    })
}

fn blmpop(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let many = Many::parse(args, 2)?;
    let timeout = waiting::seconds(args.at(1))?;
    if many.pop(exec, args, reply)? {
        return Ok(());
    }
    let keys = many.keys(args).map(|key| (key, many.serve(args.at(0), key)));
    waiting::wait(exec, timeout, keys, || reply.null_array());
    Ok(())
}

fn blmove(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let ends = (end(args, 3)?, end(args, 4)?);
    wait_to_move(exec, args, reply, ends)
}

fn brpoplpush(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    wait_to_move(exec, args, reply, RPOPLPUSH)
}

/// Only the source can make it wait. What the target holds counts when there is something to move.
fn wait_to_move(exec: &mut Exec, args: Args, reply: &mut Reply, ends: (End, End)) -> Outcome {
    let last = args.len() - 1;
    let timeout = waiting::seconds(args.at(last))?;
    if move_item(exec, args, reply, ends)? {
        if exec.is_logged() {
            let name: &[u8] = if last == 5 { b"LMOVE" } else { b"RPOPLPUSH" };
            exec.log_words(std::iter::once(name).chain(args.iter().take(last).skip(1)).collect());
        }
        return Ok(());
    }
    let serve = args.iter().take(last).chain([&b"0"[..]]).collect();
    waiting::wait(exec, timeout, std::iter::once((args.at(1), serve)), || reply.null());
    Ok(())
}
