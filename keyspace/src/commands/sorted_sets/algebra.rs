//! Sorted sets: union, intersection and difference of sorted sets and sets.
//!
//! Members are told apart as elements, so that one that is an integer here and text there is one member, and none is copied
//! before the result is known. The result is sorted once and then written, or built into an entry.

use hashbrown::HashTable;

use crate::args::Args;
use crate::exec::{DataFn, DataRow, Exec};
use crate::packed::Element;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::spec::{CommandSpec, Flags, Form, KeyFlags, KeySpec, MovableKeys};
use crate::store::Key;

use super::request::{Aggregate, Operation, Request};
use super::source::Source;
use super::{NO_ROOM, SORTED_SET, Shown, Start, build, reply_head, reply_member, store};

const SOURCE_KEYS: KeyFlags = KeyFlags::RO.and(KeyFlags::ACCESS);

/// The rows of this sub-family.
pub(super) static ROWS: &[DataRow] = &[
    answering(
        "zunion",
        "Returns the members of any of several sorted sets.",
        "O(N)+O(M*log(M)) for N members in all sets and M in the result",
        "numkeys:integer key [key ...] [WEIGHTS weight:integer [weight ...]] aggregate=[AGGREGATE <SUM | MIN | MAX>] \
         [WITHSCORES]",
        zunion,
    ),
    answering(
        "zinter",
        "Returns the members that several sorted sets have in common.",
        "O(N*K)+O(M*log(M)) for K sets, the smallest of N members, and M in the result",
        "numkeys:integer key [key ...] [WEIGHTS weight:integer [weight ...]] aggregate=[AGGREGATE <SUM | MIN | MAX>] \
         [WITHSCORES]",
        zinter,
    ),
    answering(
        "zdiff",
        "Returns the members of a sorted set that no other has.",
        "O(N*K)+O(M*log(M)) for K sets, the first of N members, and M in the result",
        "numkeys:integer key [key ...] [WITHSCORES]",
        zdiff,
    ),
    DataRow {
        spec: CommandSpec {
            since: "7.0.0",
            ..answering(
                "zintercard",
                "Counts the members that several sorted sets have in common.",
                "O(N*K) for K sets, the smallest of N members",
                "numkeys:integer key [key ...] [LIMIT limit:integer]",
                zintercard,
            )
            .spec
        },
        run: zintercard,
    },
    storing(
        "zunionstore",
        "2.0.0",
        "Stores the members of any of several sorted sets under a key.",
        "O(N)+O(M*log(M)) for N members in all sets and M in the result",
        "destination:key numkeys:integer key [key ...] [WEIGHTS weight:integer [weight ...]] \
         aggregate=[AGGREGATE <SUM | MIN | MAX>]",
        zunionstore,
    ),
    storing(
        "zinterstore",
        "2.0.0",
        "Stores the members that several sorted sets have in common under a key.",
        "O(N*K)+O(M*log(M)) for K sets, the smallest of N members, and M in the result",
        "destination:key numkeys:integer key [key ...] [WEIGHTS weight:integer [weight ...]] \
         aggregate=[AGGREGATE <SUM | MIN | MAX>]",
        zinterstore,
    ),
    storing(
        "zdiffstore",
        "6.2.0",
        "Stores the members of a sorted set that no other has under a key.",
        "O(N*K)+O(M*log(M)) for K sets, the first of N members, and M in the result",
        "destination:key numkeys:integer key [key ...]",
        zdiffstore,
    ),
];

const fn answering(
    name: &'static str,
    summary: &'static str,
    complexity: &'static str,
    syntax: &'static str,
    run: DataFn,
) -> DataRow {
    DataRow {
        spec: CommandSpec {
            name,
            arity: -3,
            flags: Flags::READONLY.and(Flags::MOVABLEKEYS),
            movable_keys: const { &[MovableKeys::new(SOURCE_KEYS, Form::Counted { at: 1 })] },
            since: "6.2.0",
            summary,
            complexity,
            syntax,
            ..SORTED_SET
        },
        run,
    }
}

const fn storing(
    name: &'static str,
    since: &'static str,
    summary: &'static str,
    complexity: &'static str,
    syntax: &'static str,
    run: DataFn,
) -> DataRow {
    DataRow {
        spec: CommandSpec {
            name,
            arity: -4,
            flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::MOVABLEKEYS),
            keys: const { &[KeySpec { flags: KeyFlags::OW.and(KeyFlags::UPDATE), first: 1, last: 0, step: 1 }] },
            movable_keys: const { &[MovableKeys::new(SOURCE_KEYS, Form::Counted { at: 2 })] },
            since,
            summary,
            complexity,
            syntax,
            ..SORTED_SET
        },
        run,
    }
}

fn zunion(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    answer(exec, args, reply, Operation::Union, "zunion")
}

fn zinter(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    answer(exec, args, reply, Operation::Intersection, "zinter")
}

fn zdiff(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    answer(exec, args, reply, Operation::Difference, "zdiff")
}

fn zunionstore(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    store_result(exec, args, reply, Operation::Union, "zunionstore")
}

fn zinterstore(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    store_result(exec, args, reply, Operation::Intersection, "zinterstore")
}

fn zdiffstore(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    store_result(exec, args, reply, Operation::Difference, "zdiffstore")
}

fn zintercard(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let numkeys = Request::numkeys(args, 1, "zintercard")?;
    let keys = find_keys(exec, args.from(2), numkeys)?;
    let limit = Request::limit(args.from(2 + numkeys))?;
    let sources = sources(exec, &keys);
    let mut order: Vec<usize> = (0..sources.len()).collect();
    order.sort_by_key(|&index| sources[index].len());
    let mut count = 0;
    sources[order[0]].walk(&mut |member, _| {
        let common = order[1..].iter().all(|&index| sources[index].score(exec.keyspace.hasher(), member).is_some());
        count += common as usize;
        limit == 0 || count < limit
    });
    reply.int(count as i64);
    Ok(())
}

fn answer(exec: &mut Exec, args: Args, reply: &mut Reply, operation: Operation, name: &'static str) -> Outcome {
    let numkeys = Request::numkeys(args, 1, name)?;
    let keys = find_keys(exec, args.from(2), numkeys)?;
    let request = Request::parse(args.from(2 + numkeys), numkeys, operation, Shown::Scores)?;
    let result = combine(exec, &keys, &request);
    reply_head(result.len(), request.shown, reply);
    result.iter().for_each(|&(member, score)| reply_member(member, score, request.shown, reply));
    Ok(())
}

fn store_result(exec: &mut Exec, args: Args, reply: &mut Reply, operation: Operation, name: &'static str) -> Outcome {
    let numkeys = Request::numkeys(args, 2, name)?;
    let keys = find_keys(exec, args.from(3), numkeys)?;
    let request = Request::parse(args.from(3 + numkeys), numkeys, operation, Shown::Members)?;
    let target = exec.first_key(args, 1);
    let result = combine(exec, &keys, &request);
    let limits = exec.keyspace.limits.sorted_set;
    let large =
        result.len() > limits.entries || result.iter().any(|(member, _)| member.text_len() > limits.value_bytes);
    let entry = build(exec, &target, if large { Start::Large } else { Start::Packed }, |set| {
        for (member, score) in result {
            if !set.as_scored().has_room(1) {
                return Err(NO_ROOM);
            }
            set.upsert(member.text(&mut itoa::Buffer::new()), |_| Some(score));
        }
        Ok(())
    })?;
    reply.int(store(exec, &target, entry, name) as i64);
    Ok(())
}

/// Looks all keys up in order, to read them; those that exist come with `true`. Refuses what has no members.
fn find_keys<'k>(exec: &mut Exec, args: Args<'k>, numkeys: usize) -> Result<Vec<(Key<'k>, bool)>, Refusal> {
    let mut keys = Vec::with_capacity(numkeys);
    for bytes in args.iter().take(numkeys) {
        let key = exec.key(bytes);
        let place = exec.read(&key);
        if place.is_some_and(|place| Source::of(exec.entry(&key, place)).is_none()) {
            return Err(Refusal::WrongType);
        }
        keys.push((key, place.is_some()));
    }
    Ok(keys)
}

/// What the keys hold. They are looked up again, since finding one expired may have moved another.
fn sources<'e>(exec: &'e Exec, keys: &[(Key, bool)]) -> Vec<Source<'e>> {
    let source = |(key, exists): &(Key, bool)| {
        let place = exec.keyspace.locate(exec.db, key).filter(|_| *exists);
        place.and_then(|place| Source::of(exec.entry(key, place))).unwrap_or(Source::Nothing)
    };
    keys.iter().map(source).collect()
}

/// The members of the result with their scores, in order.
fn combine<'e>(exec: &'e Exec, keys: &[(Key, bool)], request: &Request) -> Vec<(Element<'e>, f64)> {
    let sources = sources(exec, keys);
    let mut weighted: Vec<(Source, f64)> = sources.into_iter().zip(request.weights.iter().copied()).collect();
    if request.operation != Operation::Difference {
        // Scores are summed up from the smallest set to the largest, which is seen in their last digits.
        weighted.sort_by_key(|(source, _)| source.len());
    }
    let mut result = match request.operation {
        Operation::Union => union(exec, &weighted, request.aggregate),
        Operation::Intersection => intersection(exec, &weighted, request.aggregate),
        Operation::Difference => difference(exec, &weighted),
    };
    result.sort_unstable_by(|(a, score), (b, other)| {
        let by_score = score.partial_cmp(other).unwrap_or(std::cmp::Ordering::Equal);
        by_score.then_with(|| a.text(&mut itoa::Buffer::new()).cmp(b.text(&mut itoa::Buffer::new())))
    });
    result
}

/// Infinity times zero counts as nothing.
fn number_or_zero(value: f64) -> f64 {
    if value.is_nan() { 0.0 } else { value }
}

fn union<'e>(exec: &Exec, sources: &[(Source<'e>, f64)], aggregate: Aggregate) -> Vec<(Element<'e>, f64)> {
    let mut result: Vec<(Element, f64)> = Vec::new();
    // Finds the place of a member in the result.
    let mut known: HashTable<usize> = HashTable::new();
    let hasher = exec.keyspace.hasher();
    let hash_of = |member: Element| hasher.hash(member.text(&mut itoa::Buffer::new()));
    for (source, weight) in sources {
        source.walk(&mut |member, score| {
            let score = number_or_zero(weight * score);
            let hash = hash_of(member);
            match known.find(hash, |&place| result[place].0 == member) {
                Some(&place) => aggregate.apply(&mut result[place].1, score),
                None => {
                    known.insert_unique(hash, result.len(), |&place| hash_of(result[place].0));
                    result.push((member, score));
                }
            }
            true
        });
    }
    result
}

fn intersection<'e>(exec: &Exec, sources: &[(Source<'e>, f64)], aggregate: Aggregate) -> Vec<(Element<'e>, f64)> {
    let mut result = Vec::new();
    let [(first, weight), others @ ..] = sources else { return result };
    first.walk(&mut |member, score| {
        let mut sum = number_or_zero(weight * score);
        let common = others.iter().all(|(source, weight)| {
            let score = source.score(exec.keyspace.hasher(), member);
            score.map(|score| aggregate.apply(&mut sum, score * weight)).is_some()
        });
        if common {
            result.push((member, sum));
        }
        true
    });
    result
}

fn difference<'e>(exec: &Exec, sources: &[(Source<'e>, f64)]) -> Vec<(Element<'e>, f64)> {
    let mut result = Vec::new();
    let [(first, _), others @ ..] = sources else { return result };
    first.walk(&mut |member, score| {
        if others.iter().all(|(source, _)| source.score(exec.keyspace.hasher(), member).is_none()) {
            result.push((member, score));
        }
        true
    });
    result
}
