//! What unions, intersections and differences read: the sets of several keys at once.

use smallvec::SmallVec;

use crate::exec::Exec;
use crate::refusal::Refusal;
use crate::store::Key;
use crate::types::kind::Kind;
use crate::types::set::Set;

/// Keys of one command that need no allocation.
const AT_ONCE: usize = 4;

/// Keys that were looked up; `None` for a missing one.
pub(super) type Keys<'k> = SmallVec<[Option<Key<'k>>; AT_ONCE]>;

/// The sets of some keys, in their order; `None` for a missing key.
pub(super) type Inputs<'e> = SmallVec<[Option<Set<'e>>; AT_ONCE]>;

/// Looks keys up to read their sets. Refuses if any of them holds something else.
///
/// All are looked up before any is read: a key that turns out to be expired is removed, which moves what stands in the same table.
pub(super) fn look_up<'k>(exec: &mut Exec, names: impl Iterator<Item = &'k [u8]>) -> Result<Keys<'k>, Refusal> {
    let mut keys = Keys::new();
    for name in names {
        let key = exec.key(name);
        keys.push(exec.read_as(&key, Kind::Set)?.map(|_| key));
    }
    Ok(keys)
}

/// The sets of keys that were just looked up.
pub(super) fn sets<'e>(exec: &'e Exec, keys: &Keys) -> Inputs<'e> {
    let set = |key: &Key| Some(Set::of(exec.entry(key, exec.keyspace.locate(exec.db, key)?)));
    keys.iter().map(|key| key.as_ref().and_then(set)).collect()
}
