//! LPOP, RPOP and LMPOP, which take items out, and LMOVE and RPOPLPUSH, which put one into another list.

use crate::args::{Args, OwnedArgs};
use crate::exec::{DataFn, DataRow, Exec};
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::spec::{CommandSpec, Deprecation, Flags, Form, KeyFlags, KeySpec, MovableKeys};
use crate::types::kind::Kind;
use crate::types::list::List;
use crate::types::nodes::End;

use super::super::waiting;
use super::{LIST, POPS, change, count, end, one_key, reply_from, take, tell_of_pop, tell_of_push};

/// The keys of a move: where the item is taken, and where it is put.
pub(super) const MOVES: &[KeySpec] =
    &[one_key(POPS), KeySpec { flags: KeyFlags::RW.and(KeyFlags::INSERT), first: 2, last: 0, step: 1 }];

/// The rows.
pub(super) static ROWS: &[DataRow] = &[
    row("lpop", "Takes items out of a list at its head.", lpop),
    row("rpop", "Takes items out of a list at its tail.", rpop),
    DataRow {
        spec: CommandSpec {
            name: "lmpop",
            arity: -4,
            flags: Flags::WRITE.and(Flags::MOVABLEKEYS),
            movable_keys: const { &[MovableKeys::new(POPS, Form::Counted { at: 1 })] },
            since: "7.0.0",
            summary: "Takes items out of the first list that exists.",
            complexity: "O(N+M) where N is the number of keys and M the number of items that are returned",
            syntax: "numkeys:integer key [key ...] where=<LEFT | RIGHT> [COUNT count]",
            ..LIST
        },
        run: lmpop,
    },
    DataRow {
        spec: CommandSpec {
            name: "lmove",
            arity: 5,
            flags: Flags::WRITE.and(Flags::DENYOOM),
            keys: MOVES,
            since: "6.2.0",
            summary: "Takes an item out of one end of a list, puts it to an end of another and returns it.",
            syntax: "source:key destination:key wherefrom=<LEFT | RIGHT> whereto=<LEFT | RIGHT>",
            ..LIST
        },
        run: lmove,
    },
    DataRow {
        spec: CommandSpec {
            name: "rpoplpush",
            arity: 3,
            flags: Flags::WRITE.and(Flags::DENYOOM),
            keys: MOVES,
            since: "1.2.0",
            summary: "Takes the last item out of a list, puts it before the first of another and returns it.",
            syntax: "source:key destination:key",
            deprecated: Some(Deprecation {
                since: "6.2.0",
                replaced_by: "`LMOVE` with the `RIGHT` and `LEFT` arguments",
            }),
            ..LIST
        },
        run: rpoplpush,
    },
];

const fn row(name: &'static str, summary: &'static str, run: DataFn) -> DataRow {
    let spec = CommandSpec {
        name,
        arity: -2,
        flags: Flags::WRITE.and(Flags::FAST).and(Flags::VISITABLE),
        keys: const { &[one_key(POPS)] },
        summary,
        complexity: "O(N) where N is the number of items that are returned",
        syntax: "key [count]@6.2.0",
        history: &[("6.2.0", "It takes `count`.")],
        ..LIST
    };
    DataRow { spec, run }
}

fn lpop(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    pop(exec, args, reply, End::Head, "lpop")
}

fn rpop(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    pop(exec, args, reply, End::Tail, "rpop")
}

#[inline]
fn pop(exec: &mut Exec, args: Args, reply: &mut Reply, end: End, name: &'static str) -> Outcome {
    let wanted = match args.len() {
        2 => None,
        3 => Some(count(args, 2, 0, "ERR value is out of range, must be positive")?),
        _ => return Err(Refusal::Arity(name)),
    };
    let key = exec.first_key(args, 1);
    let Some(place) = exec.write_as(&key, Kind::List)? else {
        match wanted {
            None => reply.null(),
            Some(_) => reply.null_array(),
        }
        return Ok(());
    };
    let list = List::of(exec.entry(&key, place));
    match wanted {
        None => reply.element(list.end(end).expect("no stored list is empty")),
        Some(0) => {
            reply.array(0);
            return Ok(());
        }
        Some(wanted) => reply_from(list, end, wanted, reply),
    }
    take(exec, &key, place, end, wanted.unwrap_or(1));
    Ok(())
}

fn lmpop(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let many = Many::parse(args, 1)?;
    if !many.pop(exec, args, reply)? {
        reply.null_array();
    }
    Ok(())
}

/// What LMPOP and BLMPOP take out.
pub(super) struct Many {
    /// Index of the first key.
    first: usize,
    /// Index of the word behind the last key.
    behind: usize,
    from: End,
    wanted: usize,
}

impl Many {
    /// Reads the arguments from the number of keys on, which stands at `numkeys`.
    pub(super) fn parse(args: Args, numkeys: usize) -> Result<Many, Refusal> {
        let keys = count(args, numkeys, 1, "ERR numkeys should be greater than 0")?;
        let first = numkeys + 1;
        let behind = first.saturating_add(keys);
        let from = end(args, behind)?;
        Ok(Many { first, behind, from, wanted: wanted(args.from(behind + 1))? })
    }

    /// The keys.
    pub(super) fn keys<'a>(&self, args: Args<'a>) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        args.from(self.first).iter().take(self.behind - self.first)
    }

    /// What serves BLMPOP from one of its keys.
    pub(super) fn serve(&self, name: &[u8], key: &[u8]) -> OwnedArgs {
        waiting::counted(name, key, if self.from == End::Head { "LEFT" } else { "RIGHT" }, self.wanted)
    }

    /// Takes items out of the first list that exists, and writes them; false if none does.
    pub(super) fn pop(&self, exec: &mut Exec, args: Args, reply: &mut Reply) -> Result<bool, Refusal> {
        for bytes in self.keys(args) {
            let key = exec.key(bytes);
            if let Some(place) = waiting::find(exec, &key, Kind::List)? {
                reply.array(2);
                reply.bulk(bytes);
                let list = List::of(exec.entry(&key, place));
                let count = self.wanted.min(list.len());
                reply_from(list, self.from, count, reply);
                take(exec, &key, place, self.from, count);
                exec.log_as(&[pop_name(self.from), key.bytes, itoa::Buffer::new().format(count).as_bytes()]);
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The command that pops off an end, as which others are logged.
pub(super) fn pop_name(end: End) -> &'static [u8] {
    if end == End::Head { b"LPOP" } else { b"RPOP" }
}

/// The one option of LMPOP.
fn wanted(options: Args) -> Result<usize, Refusal> {
    match options.len() {
        0 => Ok(1),
        1 => Err(Refusal::Syntax),
        _ if !options.is(0, "count") => Err(Refusal::Syntax),
        len => {
            let wanted = count(options, 1, 1, "ERR count should be greater than 0")?;
            if len > 2 { Err(Refusal::Syntax) } else { Ok(wanted) }
        }
    }
}

fn lmove(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let ends = (end(args, 3)?, end(args, 4)?);
    if !move_item(exec, args, reply, ends)? {
        reply.null();
    }
    Ok(())
}

fn rpoplpush(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    if !move_item(exec, args, reply, RPOPLPUSH)? {
        reply.null();
    }
    Ok(())
}

/// From where to where RPOPLPUSH moves.
pub(super) const RPOPLPUSH: (End, End) = (End::Tail, End::Head);

/// Moves an item between the lists of the first two arguments and writes it; false if there is none.
pub(super) fn move_item(
    exec: &mut Exec,
    args: Args,
    reply: &mut Reply,
    (from, to): (End, End),
) -> Result<bool, Refusal> {
    let (source, target) = (exec.first_key(args, 1), exec.key(args.at(2)));
    if waiting::find(exec, &source, Kind::List)?.is_none() {
        return Ok(false);
    }
    let same = source.bytes == target.bytes;
    let to_place = if same { None } else { exec.write_as(&target, Kind::List)? };
    // Looked up again, here and below: what came before may have moved entries of the same table.
    let place = exec.peek(&source).expect("the source was found");
    let item = List::of(exec.entry(&source, place)).end(from).expect("no stored list is empty").to_vec();
    reply.bulk(&item);
    let items = std::iter::once(&item[..]);
    if same {
        exec.overwritten(&source, place);
        change(exec, &source, Some(place), |list| {
            list.remove(from, 1);
            list.push(to, items);
            list.settle();
        });
        exec.modified(&source, 1);
        tell_of_push(exec, &source, to);
        tell_of_pop(exec, &source, from);
        return Ok(true);
    }
    change(exec, &target, to_place, |list| list.push(to, items));
    exec.touched(&target);
    tell_of_push(exec, &target, to);
    let place = exec.peek(&source).expect("the source was found");
    take(exec, &source, place, from, 1);
    Ok(true)
}
