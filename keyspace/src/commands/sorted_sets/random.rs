//! Sorted sets: members drawn at random.

use std::collections::HashSet;

use crate::args::Args;
use crate::exec::{DataRow, Exec};
use crate::hash::Random;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::spec::{CommandSpec, Flags};
use crate::types::kind::Kind;
use crate::types::scored::{Direction, Scored};
use crate::types::selection::Selection;

use crate::commands::draw::Draw;

use super::{READ_KEY, SORTED_SET, Shown, reply_head, reply_member};

/// The rows of this sub-family.
pub(super) static ROWS: &[DataRow] = &[DataRow {
    spec: CommandSpec {
        name: "zrandmember",
        arity: -2,
        flags: Flags::READONLY,
        keys: READ_KEY,
        since: "6.2.0",
        summary: "Draws members of a sorted set: one, some distinct ones, or with a negative count some of which may repeat.",
        complexity: "O(M*log(N)) for M members that are returned of N",
        syntax: "key options=[count [WITHSCORES]]",
        tips: &["nondeterministic_output"],
        ..SORTED_SET
    },
    run: zrandmember,
}];

fn zrandmember(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let asked = if args.len() > 2 { Some(asked(args)?) } else { None };
    let key = exec.first_key(args, 1);
    let place = exec.read_as(&key, Kind::SortedSet)?;
    let mut random = exec.keyspace.random.clone();
    let set = place.map(|place| Scored::of(exec.entry(&key, place)));
    match (set, asked) {
        (None, None) => reply.null(),
        (None, Some(_)) => reply.array(0),
        (Some(set), None) => draw_one(set, Shown::Members, &mut random, reply),
        (Some(set), Some((Draw::Repeated(count), shown))) => {
            draw(set, count, shown, &mut random, exec.keyspace.limits.reply_bytes_max, reply);
        }
        (Some(set), Some((Draw::Distinct(count), shown))) => draw_distinct(set, count, shown, &mut random, reply),
    }
    exec.keyspace.random = random;
    Ok(())
}

/// How many members are asked for, and whether their scores come along.
fn asked(args: Args) -> Result<(Draw, Shown), Refusal> {
    let (draw, with_scores) = Draw::parse_with(args, "withscores")?;
    Ok((draw, if with_scores { Shown::Scores } else { Shown::Members }))
}

/// Writes the member of one rank.
fn reply_rank(set: Scored, rank: usize, shown: Shown, reply: &mut Reply) {
    set.walk(rank..rank + 1, Direction::Ascending, |member, score| reply_member(member, score, shown, reply));
}

fn draw_one(set: Scored, shown: Shown, random: &mut Random, reply: &mut Reply) {
    reply_rank(set, random.below(set.len() as u64) as usize, shown, reply);
}

/// Replies with `count` members, any of them any number of times. The reply ends early once it is so long that the connection
/// will be closed for it.
fn draw(set: Scored, count: u64, shown: Shown, random: &mut Random, bytes_max: usize, reply: &mut Reply) {
    reply_head(count as usize, shown, reply);
    for _ in 0..count {
        draw_one(set, shown, random, reply);
        if reply.len() > bytes_max {
            return;
        }
    }
}

/// Replies with `count` different members, or with all if there are fewer.
fn draw_distinct(set: Scored, count: usize, shown: Shown, random: &mut Random, reply: &mut Reply) {
    /// Above this part of a large set, one pass over all of it is cheaper than drawing until enough differ.
    const PART: usize = 3;
    let len = set.len();
    let count = count.min(len);
    reply_head(count, shown, reply);
    if matches!(set, Scored::Large(_)) && count < len / PART {
        let mut drawn = HashSet::with_capacity(count);
        while drawn.len() < count {
            let rank = random.below(len as u64) as usize;
            if drawn.insert(rank) {
                reply_rank(set, rank, shown, reply);
            }
        }
        return;
    }
    let mut selection = Selection::new(count, len);
    set.for_each(|member, score| {
        if selection.next(random) {
            reply_member(member, score, shown, reply);
        }
    });
}
