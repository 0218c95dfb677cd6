//! Sorted sets, one file per sub-family. How a set is kept is `types::scored`'s business; a set that loses its last member is
//! deleted, so no key holds an empty one.

mod add;
mod algebra;
mod block;
mod bounds;
mod count;
mod pop;
mod random;
mod range;
mod range_rows;
mod remove;
mod request;
mod scan;
mod source;

pub(super) use add::zadd;

use std::ops::Range;

use crate::entry::Entry;
use crate::exec::{DataRow, Exec};
use crate::limits::Removal;
use crate::packed::Element;
use crate::refusal::Refusal;
use crate::reply::{Reply, Resp};
use crate::signals::EventClasses;
use crate::spec::{Categories, CommandSpec, Flags, KeyFlags, KeySpec};
use crate::store::Key;
use crate::table::Place;
use crate::types::scored::{self, Scored, ScoredMut};

/// The rows of all sub-families.
pub fn rows() -> impl Iterator<Item = &'static DataRow> {
    let single =
        [add::ROWS, count::ROWS, range_rows::ROWS, remove::ROWS, pop::ROWS, block::ROWS, random::ROWS, scan::ROWS];
    single.into_iter().flatten().chain(algebra::ROWS)
}

/// What the rows of all sub-families share.
const SORTED_SET: CommandSpec =
    CommandSpec { categories: Categories::SORTEDSET, since: "1.2.0", group: "sorted-set", ..CommandSpec::NONE };

/// A small command that only reads.
const LOOKS: Flags = Flags::READONLY.and(Flags::FAST).and(Flags::VISITABLE);

/// One key, the first argument, that is read.
const READ_KEY: &[KeySpec] = &[KeySpec { flags: KeyFlags::RO.and(KeyFlags::ACCESS), first: 1, last: 0, step: 1 }];

/// One key, the first argument, from which members are removed.
const REMOVE_KEY: &[KeySpec] = &[KeySpec { flags: KeyFlags::RW.and(KeyFlags::DELETE), first: 1, last: 0, step: 1 }];

/// The refusal of more members than a set can have.
const NO_ROOM: Refusal = Refusal::Text("ERR the sorted set has no room for more members");

/// Whether scores come along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Members,
    Scores,
}

/// Writes the head of a reply of so many members.
fn reply_head(count: usize, shown: Shown, reply: &mut Reply) {
    match (shown, reply.resp()) {
        (Shown::Scores, Resp::V2) => reply.array(count * 2),
        _ => reply.array(count),
    }
}

/// Writes one member of such a reply.
#[inline]
fn reply_member(member: Element, score: f64, shown: Shown, reply: &mut Reply) {
    if shown == Shown::Members {
        return reply.element(member);
    }
    if reply.resp() == Resp::V3 {
        reply.array(2);
    }
    reply.element(member);
    reply.double(score);
}

/// Changes the set of a key, which stands at `place`. Deletes the key if no member is left, and says whether it did.
fn change<R>(exec: &mut Exec, key: &Key, place: Place, change: impl FnOnce(&mut ScoredMut) -> R) -> (R, bool) {
    let limits = exec.keyspace.limits.sorted_set;
    let (result, is_empty) = exec.edit_hashed(key, place, |entry, hasher| {
        let mut set = ScoredMut::of(entry, hasher, limits);
        let result = change(&mut set);
        (result, set.as_scored().is_empty())
    });
    if is_empty {
        exec.delete(key, place);
    }
    (result, is_empty)
}

/// Removes the members of these ranks, and with the last one the key. `event` tells of it.
fn remove_ranks(exec: &mut Exec, key: &Key, place: Place, ranks: Range<usize>, event: &'static str) {
    let count = ranks.len();
    let emptied = count == Scored::of(exec.entry(key, place)).len();
    if emptied {
        // What is large is freed later.
        exec.delete_as(key, place, Removal::Emptied);
    } else {
        change(exec, key, place, |set| set.remove_ranks(ranks));
    }
    exec.happened(key, count as u64, EventClasses::SORTED_SET, event);
    if emptied {
        exec.emptied(key);
    }
}

/// The form in which a new set begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// Packed, to become large when it passes a limit.
    Packed,
    /// Large, as the result is known to pass one.
    Large,
}

/// The entry of a new set, made of members in any order. Refuses what has no room.
pub(super) fn build(
    exec: &Exec,
    key: &Key,
    start: Start,
    fill: impl FnOnce(&mut ScoredMut) -> Result<(), Refusal>,
) -> Result<Entry, Refusal> {
    let mut entry = match start {
        Start::Packed => scored::empty(key.bytes, exec.access),
        Start::Large => scored::empty_large(key.bytes, exec.access),
    };
    fill(&mut ScoredMut::of(&mut entry, exec.keyspace.hasher(), exec.keyspace.limits.sorted_set))?;
    Ok(entry)
}

/// Stores a new set under a key, over whatever stands there; an empty one only deletes that. `event` tells that a set is stored.
/// Returns the number of members.
pub(super) fn store(exec: &mut Exec, key: &Key, entry: Entry, event: &'static str) -> usize {
    let len = Scored::of(&entry).len();
    if len > 0 {
        exec.replace(key, entry);
        exec.happened(key, 1, EventClasses::SORTED_SET, event);
    } else {
        exec.clear(key);
    }
    len
}

#[cfg(test)]
mod tests;
