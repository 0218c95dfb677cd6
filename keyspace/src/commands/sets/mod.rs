//! Sets, one file per sub-family. How a set is kept is `types::set`'s business; a set that loses its last member is deleted, so
//! no key holds an empty one.

mod algebra;
mod algebra_rows;
mod edit;
mod inputs;
mod members;
mod random;
mod read;

#[cfg(test)]
mod tests;

use crate::args::Args;
use crate::entry::Entry;
use crate::exec::{DataRow, Exec};
use crate::refusal::Refusal;
use crate::spec::{Categories, CommandSpec, KeyFlags, KeySpec};
use crate::store::Key;
use crate::table::Place;
use crate::types::kind::Kind;
use crate::types::set::{self, Set, SetLimits, SetMut};

/// The rows of all sub-families.
pub fn rows() -> impl Iterator<Item = &'static DataRow> {
    [edit::ROWS, read::ROWS, random::ROWS, algebra_rows::ROWS].into_iter().flatten()
}

/// What the rows of all sub-families share.
const SET: CommandSpec = CommandSpec { categories: Categories::SET, group: "set", ..CommandSpec::NONE };

/// One key, the first argument, whose members are read.
const READ_KEY: &[KeySpec] = &[KeySpec { flags: KeyFlags::RO.and(KeyFlags::ACCESS), first: 1, last: 0, step: 1 }];

/// The set of the first key, if there is one. Counts as a read.
#[inline]
fn read_set<'e>(exec: &'e mut Exec, args: Args) -> Result<Option<Set<'e>>, Refusal> {
    let key = exec.first_key(args, 1);
    let place = exec.read_as(&key, Kind::Set)?;
    Ok(place.map(|place| Set::of(exec.keyspace.at(exec.db, key.slot, place))))
}

/// Changes the set of a key, which stands at `place`. Deletes the key if no member is left, and says whether it did.
#[inline]
fn change<R>(exec: &mut Exec, key: &Key, place: Place, change: impl FnOnce(&mut SetMut) -> R) -> (R, bool) {
    let limits = SetLimits::of(&exec.keyspace.limits);
    let (result, is_empty) = exec.edit_hashed(key, place, |entry, hasher| {
        let mut set = SetMut::of(entry, hasher, limits);
        let result = change(&mut set);
        (result, set.as_set().is_empty())
    });
    if is_empty {
        exec.delete(key, place);
    }
    (result, is_empty)
}

/// The entry of a new set, which `fill` fills.
fn build<R>(exec: &Exec, key: &Key, fill: impl FnOnce(&mut SetMut) -> R) -> (Entry, R) {
    let mut entry = set::empty(key.bytes, exec.access);
    let limits = SetLimits::of(&exec.keyspace.limits);
    let result = fill(&mut SetMut::of(&mut entry, exec.keyspace.hasher(), limits));
    (entry, result)
}

/// Adds members to the set of a key, which stands at `place` or is yet to be made.
#[inline]
fn add<R>(exec: &mut Exec, key: &Key, place: Option<Place>, add: impl FnOnce(&mut SetMut) -> R) -> R {
    match place {
        Some(place) => change(exec, key, place, add).0,
        None => {
            let (entry, result) = build(exec, key, add);
            exec.insert(key, entry);
            result
        }
    }
}
