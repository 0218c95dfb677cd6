//! Strings of at least a given length, for commands that write bits into the middle of one.

use crate::entry::{Entry, Shape};
use crate::exec::{Exec, Expiry};
use crate::refusal::Refusal;
use crate::store::Key;
use crate::table::Place;
use crate::types::kind::Kind;

/// A string that was made long enough.
pub(super) struct Stretched {
    pub(super) place: Place,
    /// Whether it was missing or shorter.
    pub(super) grew: bool,
}

/// Finds the string of a key in order to write its first `len` bytes: makes a missing one, adds zero bytes to a short one. It
/// counts as edited from then on, whatever is written. The caller has checked the length.
pub(super) fn stretch(exec: &mut Exec, key: &Key, len: usize) -> Result<Stretched, Refusal> {
    let found = exec.write_as(key, Kind::String)?;
    let place = found.or_else(|| {
        exec.put(key, None, b"", Expiry::Never, Shape::Edited);
        exec.peek(key)
    });
    let place = place.expect("the key was stored just now, without a deadline");
    let grew = found.is_none() || exec.entry(key, place).value().len() < len;
    exec.edit(key, place, |entry| {
        if grew {
            grow(entry, len);
        }
        entry.set_shape(Shape::Edited);
    });
    Ok(Stretched { place, grew })
}

/// Adds zero bytes up to `len`, which is more than there are.
fn grow(entry: &mut Entry, len: usize) {
    /// Up to this length a value stays beside its key.
    const SHORT: usize = 128;
    let old = entry.value().len();
    if len <= SHORT {
        let mut value = [0; SHORT];
        value[..old].copy_from_slice(entry.value());
        return entry.set_value(&value[..len]);
    }
    let value = entry.boxed_mut();
    if len <= value.capacity() {
        return value.resize(len, 0);
    }
    // Fresh zeroed memory: what is far behind the old end need not be touched before it is used.
    let mut longer = vec![0; len + spare(old)];
    longer[..old].copy_from_slice(value);
    longer.truncate(len);
    *value = longer;
}

/// Room beside a string that grew from `old` bytes, for growing on: as much as it had, at most a mebibyte.
fn spare(old: usize) -> usize {
    old.min(1 << 20)
}
