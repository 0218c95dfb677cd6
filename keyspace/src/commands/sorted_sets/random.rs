//! Sorted sets: members drawn at random.

use std::collections::HashSet;

use crate::args::Args;
use crate::exec::{DataRow, Exec};
use crate::hash::Random;
use crate::number::parse_i64;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::spec::{CommandSpec, Flags};
use crate::types::kind::Kind;
use crate::types::scored::{Direction, Scored};

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
    let asked = if args.len() > 2 { Some(count(args)?) } else { None };
    let key = exec.first_key(args, 1);
    let place = exec.read_as(&key, Kind::SortedSet)?;
    let mut random = exec.keyspace.random.clone();
    let set = place.map(|place| Scored::of(exec.entry(&key, place)));
    match (set, asked) {
        (None, None) => reply.null(),
        (None, Some(_)) | (_, Some((0, _))) => reply.array(0),
        (Some(set), None) => draw_one(set, Shown::Members, &mut random, reply),
        (Some(set), Some((count, shown))) if count < 0 => {
            let bytes_max = exec.keyspace.limits.reply_bytes_max;
            draw(set, count.unsigned_abs(), shown, &mut random, bytes_max, reply);
        }
        (Some(set), Some((count, shown))) => {
            draw_distinct(set, usize::try_from(count).unwrap_or(usize::MAX), shown, &mut random, reply);
        }
    }
    exec.keyspace.random = random;
    Ok(())
}

/// The count, and what is asked for.
fn count(args: Args) -> Result<(i64, Shown), Refusal> {
    let count = parse_i64(args.at(2)).ok_or(Refusal::NotInteger)?;
    if count == i64::MIN {
        return Err(Refusal::Text(
            "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        ));
    }
    match args.len() {
        3 => Ok((count, Shown::Members)),
        4 if args.is(3, "withscores") => {
            // In RESP2 there are two replies per member, which have to be a number too.
            let fits = (-(i64::MAX / 2)..=i64::MAX / 2).contains(&count);
            if fits { Ok((count, Shown::Scores)) } else { Err(Refusal::Text("ERR value is out of range")) }
        }
        _ => Err(Refusal::Syntax),
    }
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
    // Selection sampling (Knuth, TAOCP vol. 2, §3.4.2, algorithm S).
    let (mut left, mut wanted) = (len as u64, count as u64);
    set.for_each(|member, score| {
        if wanted > 0 && random.below(left) < wanted {
            wanted -= 1;
            reply_member(member, score, shown, reply);
        }
        left -= 1;
    });
}
