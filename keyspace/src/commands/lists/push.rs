//! LPUSH, RPUSH, LPUSHX and RPUSHX: adding items at an end.

use crate::args::Args;
use crate::exec::{DataFn, DataRow, Exec};
use crate::refusal::Outcome;
use crate::reply::Reply;
use crate::spec::{CommandSpec, Flags};
use crate::types::kind::Kind;
use crate::types::nodes::End;

use super::{INSERT, LIST, change, check_item, tell_of_push};

/// The rows.
pub(super) static ROWS: &[DataRow] = &[
    row("lpush", "1.0.0", MANY[0], "Adds items at the head of a list; a missing key counts as an empty list.", lpush),
    row("rpush", "1.0.0", MANY[0], "Adds items at the tail of a list; a missing key counts as an empty list.", rpush),
    row("lpushx", "2.2.0", MANY[1], "Adds items at the head of a list that exists.", lpushx),
    row("rpushx", "2.2.0", MANY[1], "Adds items at the tail of a list that exists.", rpushx),
];

/// Since when there may be more than one item: for LPUSH and RPUSH, for the others.
const MANY: [&[(&str, &str)]; 2] =
    [&[("2.4.0", "It takes more than one item.")], &[("4.0.0", "It takes more than one item.")]];

const fn row(
    name: &'static str,
    since: &'static str,
    history: &'static [(&'static str, &'static str)],
    summary: &'static str,
    run: DataFn,
) -> DataRow {
    let spec = CommandSpec {
        name,
        arity: -3,
        flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST).and(Flags::VISITABLE),
        keys: INSERT,
        since,
        summary,
        complexity: "O(N) where N is the number of items that are added",
        syntax: "key element [element ...]",
        history,
        ..LIST
    };
    DataRow { spec, run }
}

/// What is done where there is no list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Make,
    Leave,
}

fn lpush(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    push(exec, args, reply, End::Head, Missing::Make)
}

fn rpush(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    push(exec, args, reply, End::Tail, Missing::Make)
}

fn lpushx(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    push(exec, args, reply, End::Head, Missing::Leave)
}

fn rpushx(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    push(exec, args, reply, End::Tail, Missing::Leave)
}

#[inline]
fn push(exec: &mut Exec, args: Args, reply: &mut Reply, end: End, missing: Missing) -> Outcome {
    let items = args.from(2);
    items.iter().try_for_each(check_item)?;
    let key = exec.first_key(args, 1);
    let place = exec.write_as(&key, Kind::List)?;
    if place.is_none() && missing == Missing::Leave {
        reply.int(0);
        return Ok(());
    }
    let len = change(exec, &key, place, |list| {
        list.push(end, items.iter());
        list.as_list().len()
    });
    exec.modified(&key, items.len() as u64);
    tell_of_push(exec, &key, end);
    reply.int(len as i64);
    Ok(())
}
