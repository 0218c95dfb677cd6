//! Sets: intersections, unions and differences, replied, counted or stored.

use crate::args::Args;
use crate::exec::Exec;
use crate::hash::KeyHasher;
use crate::number::parse_i64;
use crate::packed::Element;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::signals::EventClasses;
use crate::types::set::{Set, SetMut};

use super::build;
use super::inputs::{self, Inputs};
use super::members::Members;

/// Visits the members that all sets have until `visit` says that it has enough; none if any set is missing.
///
/// Walks over the smallest set: O(its members × sets).
fn intersect<'e>(sets: &Inputs<'e>, hasher: &KeyHasher, mut visit: impl FnMut(Element<'e>) -> bool) {
    let Some(mut sets) = sets.iter().copied().collect::<Option<Vec<Set>>>() else { return };
    sets.sort_by_key(|set| set.len());
    let Some((smallest, others)) = sets.split_first() else { return };
    smallest.walk(|member| !others.iter().all(|set| set.contains(hasher, member)) || visit(member));
}

/// How a difference is made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Subtraction {
    /// Each member of the first set is looked for in the others.
    Search,
    /// All members of the first set are collected, and those of the others removed.
    Removal,
}

impl Subtraction {
    /// What is likely to cost less. Searching ends at the first set that has the member, which counts as half.
    fn choose(first: &Set, others: &[Set]) -> Subtraction {
        let search = first.len().saturating_mul(others.len() + 1) / 2;
        let removal = others.iter().fold(first.len(), |sum, set| sum.saturating_add(set.len()));
        if search <= removal { Subtraction::Search } else { Subtraction::Removal }
    }
}

/// The first set, if there is one, and the others that there are, the largest first: they are most likely to have a member.
fn minuend<'e>(sets: &Inputs<'e>) -> Option<(Set<'e>, Vec<Set<'e>>)> {
    let (first, others) = sets.split_first()?;
    let mut others: Vec<Set> = others.iter().flatten().copied().collect();
    others.sort_by_key(|set| std::cmp::Reverse(set.len()));
    Some(((*first)?, others))
}

/// Visits the members of `first` that no other set has.
fn search<'e>(first: Set<'e>, others: &[Set], hasher: &KeyHasher, mut visit: impl FnMut(Element<'e>)) {
    first.for_each(|member| {
        if !others.iter().any(|set| set.contains(hasher, member)) {
            visit(member);
        }
    });
}

/// Replies with a set of members that `write` writes; it returns how many it wrote.
fn reply_with(reply: &mut Reply, write: impl FnOnce(&mut Reply) -> usize) {
    // The number of members stands before them, and is known after them.
    let mut members = Vec::new();
    let count = write(&mut Reply::new(&mut members, reply.resp()));
    reply.set(count);
    reply.raw(&members);
}

pub(super) fn sinter(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let keys = inputs::look_up(exec, args.from(1).iter())?;
    let (sets, hasher) = (inputs::sets(exec, &keys), exec.keyspace.hasher());
    reply_with(reply, |reply| {
        let mut count = 0;
        intersect(&sets, hasher, |member| {
            reply.element(member);
            count += 1;
            true
        });
        count
    });
    Ok(())
}

pub(super) fn sintercard(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    const NONE: Refusal = Refusal::Text("ERR numkeys should be greater than 0");
    let keys =
        parse_i64(args.at(1)).and_then(|keys| usize::try_from(keys).ok()).filter(|keys| *keys > 0).ok_or(NONE)?;
    if keys > args.len() - 2 {
        return Err(Refusal::Text("ERR Number of keys can't be greater than number of args"));
    }
    let limit = limit(args.from(2 + keys))?;
    let keys = inputs::look_up(exec, args.from(2).iter().take(keys))?;
    let (sets, hasher) = (inputs::sets(exec, &keys), exec.keyspace.hasher());
    let mut count = 0;
    intersect(&sets, hasher, |_| {
        count += 1;
        count != limit
    });
    reply.int(count);
    Ok(())
}

/// Reads `[LIMIT limit]`, any number of times; 0 if there is none.
fn limit(mut args: Args) -> Result<i64, Refusal> {
    let mut limit = 0;
    while !args.is_empty() {
        let value = args.get(1).filter(|_| args.is(0, "limit")).ok_or(Refusal::Syntax)?;
        let number = parse_i64(value).filter(|limit| *limit >= 0);
        limit = number.ok_or(Refusal::Text("ERR LIMIT can't be negative"))?;
        args = args.from(2);
    }
    Ok(limit)
}

pub(super) fn sunion(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let keys = inputs::look_up(exec, args.from(1).iter())?;
    let (sets, hasher) = (inputs::sets(exec, &keys), exec.keyspace.hasher());
    if let [Some(set)] = sets[..] {
        reply.set(set.len());
        set.for_each(|member| reply.element(member));
        return Ok(());
    }
    let mut members = Members::new(hasher);
    reply_with(reply, |reply| {
        let mut count = 0;
        for set in sets.iter().flatten() {
            set.for_each(|member| {
                if members.add(member) {
                    reply.element(member);
                    count += 1;
                }
            });
        }
        count
    });
    Ok(())
}

pub(super) fn sdiff(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let keys = inputs::look_up(exec, args.from(1).iter())?;
    let (sets, hasher) = (inputs::sets(exec, &keys), exec.keyspace.hasher());
    let Some((first, others)) = minuend(&sets) else {
        reply.set(0);
        return Ok(());
    };
    if Subtraction::choose(&first, &others) == Subtraction::Search {
        reply_with(reply, |reply| {
            let mut count = 0;
            search(first, &others, hasher, |member| {
                reply.element(member);
                count += 1;
            });
            count
        });
        return Ok(());
    }
    let mut members = Members::new(hasher);
    first.for_each(|member| {
        members.add(member);
    });
    for set in &others {
        set.walk(|member| {
            members.remove(member);
            !members.is_empty()
        });
    }
    reply.set(members.iter().len());
    members.iter().for_each(|member| reply.element(member));
    Ok(())
}

/// Stores a set that `fill` fills from those of the keys behind the first, under the first key. `event` tells of it.
fn store(
    exec: &mut Exec,
    args: Args,
    reply: &mut Reply,
    event: &'static str,
    fill: impl FnOnce(&Inputs, &KeyHasher, &mut SetMut),
) -> Outcome {
    let keys = inputs::look_up(exec, args.from(2).iter())?;
    let key = exec.first_key(args, 1);
    let entry = {
        let sets = inputs::sets(exec, &keys);
        build(exec, &key, |set| fill(&sets, exec.keyspace.hasher(), set)).0
    };
    let len = Set::of(&entry).len();
    if len > 0 {
        exec.replace(&key, entry);
        exec.happened(&key, 1, EventClasses::SET, event);
    } else {
        exec.clear(&key);
    }
    reply.int(len as i64);
    Ok(())
}

/// Adds a member of another set.
fn add(set: &mut SetMut, member: Element) {
    set.add(member.text(&mut itoa::Buffer::new()));
}

pub(super) fn sinterstore(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    store(exec, args, reply, "sinterstore", |sets, hasher, result| {
        intersect(sets, hasher, |member| {
            add(result, member);
            true
        });
    })
}

pub(super) fn sunionstore(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    store(exec, args, reply, "sunionstore", |sets, _, result| {
        for set in sets.iter().flatten() {
            set.for_each(|member| add(result, member));
        }
    })
}

pub(super) fn sdiffstore(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    store(exec, args, reply, "sdiffstore", |sets, hasher, result| {
        let Some((first, others)) = minuend(sets) else { return };
        if Subtraction::choose(&first, &others) == Subtraction::Search {
            return search(first, &others, hasher, |member| add(result, member));
        }
        first.for_each(|member| add(result, member));
        for set in &others {
            set.walk(|member| {
                result.remove(member.text(&mut itoa::Buffer::new()));
                !result.as_set().is_empty()
            });
        }
    })
}
