//! Sorted sets: parts of a set in order, by rank, by score or by member, to the client or to a key.
//!
//! ZRANGE says by options what older commands say by their names. All of them read a request, resolve it to ranks, and walk.

use std::ops::Range;

use crate::args::Args;
use crate::exec::Exec;
use crate::number::parse_i64;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::types::kind::Kind;
use crate::types::scored::{Direction, Scored};
use crate::types::sorted_set::Edge;

use super::{Shown, Start, bounds, build, reply_head, reply_member, store};

/// What the ends of a range are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Member,
}

/// What a command's name says already.
#[derive(Clone, Copy, Default)]
struct Dialect {
    by: Option<By>,
    direction: Option<Direction>,
    /// There is no WITHSCORES: the result goes to a key.
    stores: bool,
}

/// The ends of a range.
enum Ends<'a> {
    Indexes(i64, i64),
    Edges(Edge<'a>, Edge<'a>),
}

/// What a call asks for.
struct Request<'a> {
    ends: Ends<'a>,
    direction: Direction,
    /// Members to leave out at the start of the walk, and the most that follow; negative ones are no limit.
    limit: (i64, i64),
    shown: Shown,
}

/// What LIMIT says if it is not there.
const NO_LIMIT: (i64, i64) = (0, -1);

impl<'a> Request<'a> {
    /// Reads the two ends and the options behind them.
    fn parse(args: Args<'a>, dialect: Dialect) -> Result<Request<'a>, Refusal> {
        let Dialect { mut by, mut direction, stores } = dialect;
        let (mut limit, mut shown) = (NO_LIMIT, Shown::Members);
        let mut options = args.from(2);
        while !options.is_empty() {
            let mut taken = 1;
            if !stores && options.is(0, "withscores") {
                shown = Shown::Scores;
            } else if options.is(0, "limit") && options.len() >= 3 {
                let number = |index| parse_i64(options.at(index)).ok_or(Refusal::NotInteger);
                limit = (number(1)?, number(2)?);
                taken = 3;
            } else if direction.is_none() && options.is(0, "rev") {
                direction = Some(Direction::Descending);
            } else if by.is_none() && options.is(0, "bylex") {
                by = Some(By::Member);
            } else if by.is_none() && options.is(0, "byscore") {
                by = Some(By::Score);
            } else {
                return Err(Refusal::Syntax);
            }
            options = options.from(taken);
        }
        let (by, direction) = (by.unwrap_or(By::Rank), direction.unwrap_or(Direction::Ascending));
        if limit.1 != NO_LIMIT.1 && by == By::Rank {
            return Err(Refusal::Text(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
            ));
        }
        if shown == Shown::Scores && by == By::Member {
            return Err(Refusal::Text("ERR syntax error, WITHSCORES not supported in combination with BYLEX"));
        }
        // A walk down names the greater end first.
        let (min, max) = match direction {
            Direction::Descending if by != By::Rank => (args.at(1), args.at(0)),
            _ => (args.at(0), args.at(1)),
        };
        let ends = match by {
            By::Rank => {
                let index = |text| parse_i64(text).ok_or(Refusal::NotInteger);
                Ends::Indexes(index(min)?, index(max)?)
            }
            By::Score => bounds::scores(min, max).map(|(low, high)| Ends::Edges(low, high))?,
            By::Member => bounds::members(min, max).map(|(low, high)| Ends::Edges(low, high))?,
        };
        Ok(Request { ends, direction, limit, shown })
    }

    /// The ranks, from the least score up, that the range has in a set.
    fn ranks(&self, set: Scored) -> Range<usize> {
        match self.ends {
            Ends::Indexes(start, stop) => {
                let len = set.len();
                let Range { start, end } = bounds::indexes(start, stop, len);
                match self.direction {
                    Direction::Ascending => start..end,
                    Direction::Descending => len - end..len - start,
                }
            }
            Ends::Edges(low, high) => self.limited(set.ranks(low, high, self.direction)),
        }
    }

    fn limited(&self, ranks: Range<usize>) -> Range<usize> {
        let (offset, count) = self.limit;
        let Ok(offset) = usize::try_from(offset) else { return 0..0 };
        let offset = offset.min(ranks.len());
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(ranks.len() - offset);
        match self.direction {
            Direction::Ascending => ranks.start + offset..ranks.start + offset + count,
            Direction::Descending => ranks.end - offset - count..ranks.end - offset,
        }
    }
}

/// Answers with a part of the set.
fn answer(exec: &mut Exec, args: Args, reply: &mut Reply, dialect: Dialect) -> Outcome {
    let request = Request::parse(args.from(2), dialect)?;
    let key = exec.first_key(args, 1);
    let Some(place) = exec.read_as(&key, Kind::SortedSet)? else {
        reply.array(0);
        return Ok(());
    };
    let set = Scored::of(exec.entry(&key, place));
    let ranks = request.ranks(set);
    reply_head(ranks.len(), request.shown, reply);
    set.walk(ranks, request.direction, |member, score| reply_member(member, score, request.shown, reply));
    Ok(())
}

pub(super) fn zrange(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    answer(exec, args, reply, Dialect::default())
}

pub(super) fn zrevrange(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    answer(exec, args, reply, fixed(By::Rank, Direction::Descending))
}

pub(super) fn zrangebyscore(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    answer(exec, args, reply, fixed(By::Score, Direction::Ascending))
}

pub(super) fn zrevrangebyscore(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    answer(exec, args, reply, fixed(By::Score, Direction::Descending))
}

pub(super) fn zrangebylex(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    answer(exec, args, reply, fixed(By::Member, Direction::Ascending))
}

pub(super) fn zrevrangebylex(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    answer(exec, args, reply, fixed(By::Member, Direction::Descending))
}

/// The dialect of a command whose name says all.
fn fixed(by: By, direction: Direction) -> Dialect {
    Dialect { by: Some(by), direction: Some(direction), stores: false }
}

pub(super) fn zrangestore(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let request = Request::parse(args.from(3), Dialect { stores: true, ..Dialect::default() })?;
    let (target, source) = (exec.first_key(args, 1), exec.key(args.at(2)));
    let place = exec.read_as(&source, Kind::SortedSet)?;
    let set = place.map(|place| Scored::of(exec.entry(&source, place)));
    let ranks = set.map_or(0..0, |set| request.ranks(set));
    // How many members an interval of scores has is not known before the walk in redis-server.
    let counted = matches!(request.ends, Ends::Indexes(..));
    let large = counted && ranks.len() > exec.keyspace.limits.sorted_set.entries;
    let entry = build(exec, &target, if large { Start::Large } else { Start::Packed }, |stored| {
        if let Some(set) = set {
            set.walk(ranks, request.direction, |member, score| {
                stored.upsert(member.text(&mut itoa::Buffer::new()), |_| Some(score));
            });
        }
        Ok(())
    })?;
    reply.int(store(exec, &target, entry, "zrangestore") as i64);
    Ok(())
}
