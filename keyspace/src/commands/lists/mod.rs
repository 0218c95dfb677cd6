//! Lists: what their commands share.
//!
//! How a list is kept is `types::list`'s business. A list that loses its last item is deleted: no key holds an empty one.

mod block;
mod edit;
mod pop;
mod push;
mod read;
mod search;

use crate::args::Args;
use crate::exec::{DataRow, Exec};
use crate::limits::{NodeLimit, Removal};
use crate::number::parse_i64;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::signals::EventClasses;
use crate::spec::{Categories, CommandSpec, KeyFlags, KeySpec};
use crate::store::Key;
use crate::table::Place;
use crate::types::list::{self, List, ListMut};
use crate::types::nodes::End;

/// What the rows of all families of lists share.
const LIST: CommandSpec =
    CommandSpec { categories: Categories::LIST, since: "1.0.0", group: "list", ..CommandSpec::NONE };

const READ: &[KeySpec] = &[one_key(KeyFlags::RO.and(KeyFlags::ACCESS))];
const INSERT: &[KeySpec] = &[one_key(KeyFlags::RW.and(KeyFlags::INSERT))];
const DELETE: &[KeySpec] = &[one_key(KeyFlags::RW.and(KeyFlags::DELETE))];
/// What is popped: returned and deleted.
const POPS: KeyFlags = KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::DELETE);

/// The longest item, in bytes.
const ITEM_BYTES_MAX: usize = (1 << 32) - 1024;

const fn one_key(flags: KeyFlags) -> KeySpec {
    KeySpec { flags, first: 1, last: 0, step: 1 }
}

/// The rows of all families of lists.
pub fn rows() -> impl Iterator<Item = &'static DataRow> {
    [push::ROWS, pop::ROWS, block::ROWS, read::ROWS, search::ROWS, edit::ROWS].into_iter().flatten()
}

/// Changes the list of a key, which stands at `place` or is yet to be made.
#[inline]
fn change<R>(exec: &mut Exec, key: &Key, place: Option<Place>, change: impl FnOnce(&mut ListMut) -> R) -> R {
    let limit = NodeLimit::of(exec.keyspace.limits.list_node);
    match place {
        Some(place) => exec.edit(key, place, |entry| change(&mut ListMut::of(entry, limit))),
        None => {
            let mut entry = list::empty(key.bytes, exec.access);
            let result = change(&mut ListMut::of(&mut entry, limit));
            exec.insert(key, entry);
            result
        }
    }
}

/// Pops up to `count` items off an end of a list, at least one, and with the last one the key. What they were the caller has told
/// already.
#[inline]
fn take(exec: &mut Exec, key: &Key, place: Place, end: End, count: usize) {
    let (popped, emptied) = remove(exec, key, place, end, count);
    exec.modified(key, popped as u64);
    tell_of_pop(exec, key, end);
    if emptied {
        exec.emptied(key);
    }
}

/// The event of items that are popped off an end.
#[inline]
fn tell_of_pop(exec: &mut Exec, key: &Key, end: End) {
    exec.notify(EventClasses::LIST, if end == End::Head { "lpop" } else { "rpop" }, key);
}

/// The event of items that are pushed to an end.
#[inline]
fn tell_of_push(exec: &mut Exec, key: &Key, end: End) {
    exec.notify(EventClasses::LIST, if end == End::Head { "lpush" } else { "rpush" }, key);
}

/// Removes up to `count` items at an end of a list, and with the last one the key. Says how many, and whether the key is gone; tells
/// nobody else.
#[inline]
fn remove(exec: &mut Exec, key: &Key, place: Place, end: End, count: usize) -> (usize, bool) {
    if count == 0 {
        return (0, false);
    }
    let len = List::of(exec.entry(key, place)).len();
    if count >= len {
        exec.delete_as(key, place, Removal::Emptied);
        return (len, true);
    }
    let gone = change(exec, key, Some(place), |list| {
        let gone = list.remove(end, count);
        list.settle();
        gone
    });
    if let Some(object) = gone {
        exec.keyspace.drop_parts_later(object);
    }
    (count, false)
}

/// Replies with the `count` items next to an end, from it on.
fn reply_from(list: List, end: End, count: usize, reply: &mut Reply) {
    let count = count.min(list.len());
    reply.array(count);
    match end {
        End::Head => list.for_range(0, count, |item| reply.element(item)),
        End::Tail => list.last(count, |item| reply.element(item)),
    }
}

/// The index of an item that is counted from the end if it is negative; `None` before the first.
fn index_in(index: i64, len: usize) -> Option<usize> {
    let index = if index < 0 { index.checked_add(i64::try_from(len).ok()?)? } else { index };
    usize::try_from(index).ok()
}

/// The items from `start` to `stop`, both inclusive, each counted from the end if it is negative: the first one, and how many.
fn range_in(start: i64, stop: i64, len: usize) -> (usize, usize) {
    let start = index_in(start, len).unwrap_or(0);
    let end = index_in(stop, len).map_or(0, |stop| stop.saturating_add(1)).min(len);
    (start, end.saturating_sub(start))
}

/// Argument `index` as an integer.
fn integer(args: Args, index: usize) -> Result<i64, Refusal> {
    parse_i64(args.at(index)).ok_or(Refusal::NotInteger)
}

/// Argument `index` as a count of at least `least`, or the refusal that says so.
fn count(args: Args, index: usize, least: i64, refusal: &'static str) -> Result<usize, Refusal> {
    let count = parse_i64(args.at(index)).filter(|&count| count >= least);
    count.and_then(|count| usize::try_from(count).ok()).ok_or(Refusal::Text(refusal))
}

/// LEFT or RIGHT.
fn end(args: Args, index: usize) -> Result<End, Refusal> {
    match args {
        _ if args.is(index, "left") => Ok(End::Head),
        _ if args.is(index, "right") => Ok(End::Tail),
        _ => Err(Refusal::Syntax),
    }
}

/// Refuses an item that is too long.
#[inline]
fn check_item(item: &[u8]) -> Result<(), Refusal> {
    if item.len() > ITEM_BYTES_MAX { Err(Refusal::Text("ERR Element too large")) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
