//! Sorted sets: taking members off the ends.

use crate::args::{Args, OwnedArgs};
use crate::exec::{DataFn, DataRow, Exec};
use crate::number::parse_i64;
use crate::refusal::{Outcome, Refusal};
use crate::reply::{Reply, Resp};
use crate::spec::{CommandSpec, Flags, Form, KeyFlags, KeySpec, MovableKeys};
use crate::store::Key;
use crate::table::Place;
use crate::types::kind::Kind;
use crate::types::scored::{Direction, Scored};

use super::super::waiting;
use super::{SORTED_SET, remove_ranks};

pub(super) const POP_KEY: KeyFlags = KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::DELETE);

/// The rows of this sub-family.
pub(super) static ROWS: &[DataRow] = &[
    pop_row("zpopmin", "Removes and returns members with the least scores.", zpopmin),
    pop_row("zpopmax", "Removes and returns members with the greatest scores.", zpopmax),
    DataRow {
        spec: CommandSpec {
            name: "zmpop",
            arity: -4,
            flags: Flags::WRITE.and(Flags::MOVABLEKEYS),
            movable_keys: const { &[MovableKeys::new(POP_KEY, Form::Counted { at: 1 })] },
            since: "7.0.0",
            summary: "Removes and returns members at an end of the first of several sorted sets that is not empty.",
            complexity: "O(K+M*log(N)) for K keys and M members that are removed of N",
            syntax: "numkeys:integer key [key ...] where=<MIN | MAX> [COUNT count]",
            ..SORTED_SET
        },
        run: zmpop,
    },
];

const fn pop_row(name: &'static str, summary: &'static str, run: DataFn) -> DataRow {
    DataRow {
        spec: CommandSpec {
            name,
            arity: -2,
            flags: Flags::WRITE.and(Flags::FAST),
            keys: const { &[KeySpec { flags: POP_KEY, first: 1, last: 0, step: 1 }] },
            since: "5.0.0",
            summary,
            complexity: "O(M*log(N)) for M members that are removed of N",
            syntax: "key [count]",
            ..SORTED_SET
        },
        run,
    }
}

/// How popped members are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nesting {
    /// Members and scores in turn.
    Flat,
    /// An array of arrays of a member and its score.
    Pairs,
}

fn zpopmin(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    pop_from_one(exec, args, reply, Direction::Ascending)
}

fn zpopmax(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    pop_from_one(exec, args, reply, Direction::Descending)
}

fn pop_from_one(exec: &mut Exec, args: Args, reply: &mut Reply, from: Direction) -> Outcome {
    let count = match args.len() {
        2 => 1,
        3 => positive(args.at(2), 0, "ERR value is out of range, must be positive")?,
        _ => return Err(Refusal::Syntax),
    };
    let key = exec.first_key(args, 1);
    let Some(place) = exec.write_as(&key, Kind::SortedSet)?.filter(|_| count > 0) else {
        reply.array(0);
        return Ok(());
    };
    let nesting = if reply.resp() == Resp::V3 && args.len() == 3 { Nesting::Pairs } else { Nesting::Flat };
    pop(exec, &key, place, from, count, nesting, reply);
    Ok(())
}

/// A number that is at least `least`.
fn positive(text: &[u8], least: i64, refusal: &'static str) -> Result<usize, Refusal> {
    let number = parse_i64(text).filter(|&number| number >= least);
    number.map(|number| number as usize).ok_or(Refusal::Text(refusal))
}

fn zmpop(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let many = Many::parse(args, 1)?;
    if !many.pop(exec, args, reply)? {
        reply.null_array();
    }
    Ok(())
}

/// What ZMPOP and BZMPOP take out.
pub(super) struct Many {
    /// Index of the first key.
    first: usize,
    /// Index of the word behind the last key.
    behind: usize,
    from: Direction,
    count: usize,
}

impl Many {
    /// Reads the arguments from the number of keys on, which stands at `numkeys`.
    pub(super) fn parse(args: Args, numkeys: usize) -> Result<Many, Refusal> {
        let keys = positive(args.at(numkeys), 1, "ERR numkeys should be greater than 0")?;
        let first = numkeys + 1;
        let behind = first.checked_add(keys).filter(|&index| index < args.len()).ok_or(Refusal::Syntax)?;
        let from = match () {
            () if args.is(behind, "min") => Direction::Ascending,
            () if args.is(behind, "max") => Direction::Descending,
            () => return Err(Refusal::Syntax),
        };
        let count = match args.len() - behind - 1 {
            0 => 1,
            _ if !args.is(behind + 1, "count") || args.len() == behind + 2 => return Err(Refusal::Syntax),
            more => {
                let count = positive(args.at(behind + 2), 1, "ERR count should be greater than 0")?;
                if more > 2 {
                    return Err(Refusal::Syntax);
                }
                count
            }
        };
        Ok(Many { first, behind, from, count })
    }

    /// The keys.
    pub(super) fn keys<'a>(&self, args: Args<'a>) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        args.from(self.first).iter().take(self.behind - self.first)
    }

    /// What serves BZMPOP from one of its keys.
    pub(super) fn serve(&self, name: &[u8], key: &[u8]) -> OwnedArgs {
        waiting::counted(name, key, if self.from == Direction::Ascending { "MIN" } else { "MAX" }, self.count)
    }

    /// Takes members off the first set that exists, and writes them; false if none does.
    pub(super) fn pop(&self, exec: &mut Exec, args: Args, reply: &mut Reply) -> Result<bool, Refusal> {
        for bytes in self.keys(args) {
            let key = exec.key(bytes);
            if let Some(place) = waiting::find(exec, &key, Kind::SortedSet)? {
                reply.array(2);
                reply.bulk(bytes);
                let count = self.count.min(Scored::of(exec.entry(&key, place)).len());
                pop(exec, &key, place, self.from, count, Nesting::Pairs, reply);
                exec.log_as(&[pop_name(self.from), bytes, itoa::Buffer::new().format(count).as_bytes()]);
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Takes up to `count` members off an end of a set and writes them.
fn pop(exec: &mut Exec, key: &Key, place: Place, from: Direction, count: usize, nesting: Nesting, reply: &mut Reply) {
    let set = Scored::of(exec.entry(key, place));
    let (len, count) = (set.len(), count.min(set.len()));
    let ranks = if from == Direction::Ascending { 0..count } else { len - count..len };
    reply.array(if nesting == Nesting::Pairs { count } else { count * 2 });
    set.walk(ranks.clone(), from, |member, score| {
        if nesting == Nesting::Pairs {
            reply.array(2);
        }
        reply.element(member);
        reply.double(score);
    });
    remove_ranks(exec, key, place, ranks, event(from));
}

/// The command that pops off an end, as which others are logged.
pub(super) fn pop_name(from: Direction) -> &'static [u8] {
    if from == Direction::Ascending { b"ZPOPMIN" } else { b"ZPOPMAX" }
}

/// The event of members that are popped off an end.
pub(super) fn event(from: Direction) -> &'static str {
    if from == Direction::Ascending { "zpopmin" } else { "zpopmax" }
}
