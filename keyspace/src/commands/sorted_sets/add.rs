//! Sorted sets: ZADD with its conditions, and ZINCRBY, which is ZADD with INCR.

use smallvec::SmallVec;

use crate::args::Args;
use crate::double;
use crate::exec::{DataRow, Exec};
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::signals::EventClasses;
use crate::spec::{CommandSpec, Flags, KeyFlags, KeySpec};
use crate::types::kind::Kind;
use crate::types::scored::{Scored, ScoredMut};

use super::{NO_ROOM, SORTED_SET, Start, build, change};

/// A small write that may grow memory.
const STORES: Flags = Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST).and(Flags::VISITABLE);

/// The rows of this sub-family.
pub(super) static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            name: "zadd",
            arity: -4,
            flags: STORES,
            keys: &[KeySpec { flags: KeyFlags::RW.and(KeyFlags::UPDATE), first: 1, last: 0, step: 1 }],
            summary: "Adds members with scores to a sorted set, or gives members new scores.",
            complexity: "O(M*log(N)) for M members that are added to N",
            syntax: "key condition=[NX | XX]@3.0.2 comparison=[GT | LT]@6.2.0 [change=CH]@3.0.2 [increment=INCR]@3.0.2 \
                     score_member={score:double member} [score_member ...]",
            history: &[
                ("2.4.0", "It takes more than one member."),
                ("3.0.2", "The options NX, XX, CH and INCR."),
                ("6.2.0", "The options GT and LT."),
            ],
            ..SORTED_SET
        },
        run: zadd,
    },
    DataRow {
        spec: CommandSpec {
            name: "zincrby",
            arity: 4,
            flags: STORES,
            keys: &[KeySpec {
                flags: KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::UPDATE),
                first: 1,
                last: 0,
                step: 1,
            }],
            summary: "Adds a number to the score of a member; a missing member counts as one of score 0.",
            complexity: "O(log(N)) where N is the number of members",
            syntax: "key increment:integer member",
            ..SORTED_SET
        },
        run: zincrby,
    },
];

/// Which members a call may touch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Condition {
    #[default]
    Any,
    New,
    Known,
}

/// Which new scores count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Comparison {
    #[default]
    Any,
    Greater,
    Less,
}

/// The options of a call.
#[derive(Clone, Copy, Debug, Default)]
struct Options {
    condition: Condition,
    comparison: Comparison,
    /// The reply counts changed scores too.
    changed: bool,
    /// The score is added to the old one, and the sum is the reply.
    increment: bool,
}

/// What a call did.
#[derive(Default)]
struct Tally {
    added: u64,
    updated: u64,
    /// The score of the member that was added or found right last.
    score: Option<f64>,
    not_a_number: bool,
}

impl Options {
    /// Reads the options that stand at the front of `args`. Returns what follows as well.
    fn parse(mut self, mut args: Args) -> Result<(Options, Args), Refusal> {
        let (mut new, mut known, mut greater, mut less) = (false, false, false, false);
        while !args.is_empty() {
            let option = [
                ("nx", &mut new),
                ("xx", &mut known),
                ("ch", &mut self.changed),
                ("incr", &mut self.increment),
                ("gt", &mut greater),
                ("lt", &mut less),
            ];
            let Some((_, flag)) = option.into_iter().find(|(word, _)| args.is(0, word)) else { break };
            *flag = true;
            args = args.from(1);
        }
        if args.is_empty() || !args.len().is_multiple_of(2) {
            return Err(Refusal::Syntax);
        }
        if new && known {
            return Err(Refusal::Text("ERR XX and NX options at the same time are not compatible"));
        }
        if greater && less || new && (greater || less) {
            return Err(Refusal::Text("ERR GT, LT, and/or NX options at the same time are not compatible"));
        }
        if self.increment && args.len() > 2 {
            return Err(Refusal::Text("ERR INCR option supports a single increment-element pair"));
        }
        self.condition = match (new, known) {
            (true, _) => Condition::New,
            (_, true) => Condition::Known,
            _ => Condition::Any,
        };
        self.comparison = match (greater, less) {
            (true, _) => Comparison::Greater,
            (_, true) => Comparison::Less,
            _ => Comparison::Any,
        };
        Ok((self, args))
    }

    /// The score to give to a member, if any.
    fn decide(&self, old: Option<f64>, score: f64, tally: &mut Tally) -> Option<f64> {
        let Some(old) = old else {
            if self.condition == Condition::Known {
                return None;
            }
            tally.added += 1;
            tally.score = Some(score);
            return Some(score);
        };
        let score = if self.increment { old + score } else { score };
        if self.condition == Condition::New {
            return None;
        }
        if score.is_nan() {
            tally.not_a_number = true;
            return None;
        }
        let refused = match self.comparison {
            Comparison::Any => false,
            Comparison::Greater => score <= old,
            Comparison::Less => score >= old,
        };
        if refused {
            return None;
        }
        tally.score = Some(score);
        tally.updated += (score != old) as u64;
        Some(score)
    }
}

pub(in crate::commands) fn zadd(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    add(exec, args, reply, Options::default())
}

fn zincrby(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    add(exec, args, reply, Options { increment: true, ..Options::default() })
}

fn add(exec: &mut Exec, args: Args, reply: &mut Reply, options: Options) -> Outcome {
    let (options, pairs) = options.parse(args.from(2))?;
    let scores = (0..pairs.len()).step_by(2).map(|index| double::parse(pairs.at(index)).ok_or(Refusal::NotFloat));
    let scores: SmallVec<[f64; 8]> = scores.collect::<Result<_, _>>()?;
    let key = exec.first_key(args, 1);
    let place = exec.write_as(&key, Kind::SortedSet)?;
    let mut tally = Tally::default();
    let mut put_all = |set: &mut ScoredMut| {
        for (index, &score) in scores.iter().enumerate() {
            set.upsert(pairs.at(index * 2 + 1), |old| options.decide(old, score, &mut tally));
        }
    };
    match place {
        Some(place) => {
            if !Scored::of(exec.entry(&key, place)).has_room(scores.len()) {
                return Err(NO_ROOM);
            }
            change(exec, &key, place, put_all);
        }
        None if options.condition == Condition::Known => {}
        None => {
            let entry = build(exec, &key, Start::Packed, |set| {
                put_all(set);
                Ok(())
            })?;
            exec.insert(&key, entry);
        }
    }
    if tally.not_a_number {
        return Err(Refusal::Text("ERR resulting score is not a number (NaN)"));
    }
    let event = if options.increment { "zincr" } else { "zadd" };
    exec.happened(&key, tally.added + tally.updated, EventClasses::SORTED_SET, event);
    match (options.increment, tally.score) {
        (true, Some(score)) => reply.double(score),
        (true, None) => reply.null(),
        (false, _) => reply.int((tally.added + if options.changed { tally.updated } else { 0 }) as i64),
    }
    Ok(())
}
