//! Hashes whose fields have deadlines, of Redis 7.4 and later.
//!
//! ```text
//! a run of strings (24):  least deadline (8 bytes), count, and per field: deadline, name, value
//!                         a deadline is a length: 0 for none, else one more than it is beyond the least one
//! one listpack (25):      least deadline (8 bytes; 0 if there is none), listpack of name, value and deadline in turn
//!                         a deadline is a time, 0 for none; fields stand in the order of their deadlines, those without at the end
//! ```
//!
//! Release candidates of 7.4 had the same forms without the least deadline (22 and 23), and times in the run of strings. Whether a
//! deadline has passed is not decided here.

use evict::time::UnixMillis;

use super::element::Element;
use super::hash::{Field, HashForm};
use super::object_type::ObjectType;
use super::reader::Reader;
use super::writer::{push_element, push_length, push_millis, push_string};
use super::{Corrupt, listpack};
use crate::packed::{self, Encoded, Packed, PackedMut};

/// The last time that a field of Redis can have, in milliseconds: all that fits in 48 bits.
const DEADLINE_MAX: u64 = (1 << 48) - 1;

/// Bytes that a field takes at least in a run of strings: three lengths.
const FIELD_BYTES_MIN: u64 = 3;

const TOO_LATE: Corrupt = Corrupt("a field's deadline is beyond all times");

fn deadline(millis: u64) -> Result<Option<UnixMillis>, Corrupt> {
    match millis {
        0 => Ok(None),
        1..=DEADLINE_MAX => Ok(Some(UnixMillis(millis as i64))),
        _ => Err(TOO_LATE),
    }
}

/// Reads a run of strings. `least` is the least deadline where there is one in front. Returns how many fields there were.
pub(super) fn read_strings(
    least: Option<u64>,
    reader: &mut Reader<'_>,
    mut take: impl FnMut(Field<'_>) -> Result<(), Corrupt>,
) -> Result<u64, Corrupt> {
    if least.is_some_and(|least| least > DEADLINE_MAX + 1) {
        return Err(TOO_LATE);
    }
    let fields = reader.count(FIELD_BYTES_MIN)?;
    for _ in 0..fields {
        let millis = match (reader.length()?, least) {
            (0, _) => 0,
            (beyond, Some(least)) => least.checked_add(beyond - 1).ok_or(TOO_LATE)?,
            (millis, None) => millis,
        };
        let deadline = deadline(millis)?;
        let name = reader.string()?;
        let value = reader.string()?;
        take(Field { name: name.element(), value: value.element(), deadline })?;
    }
    Ok(fields)
}

/// Reads a listpack. Returns how many fields there were.
pub(super) fn read_listpack(
    reader: &mut Reader<'_>,
    mut take: impl FnMut(Field<'_>) -> Result<(), Corrupt>,
) -> Result<u64, Corrupt> {
    let packed = reader.packed()?;
    let mut elements = listpack::Elements::of(&packed)?;
    let (mut fields, mut last) = (0, 1);
    while let Some(name) = elements.next() {
        let (name, value, millis) = (name?, elements.one()?, elements.unsigned()?);
        let place = if millis == 0 { u64::MAX } else { millis };
        if place < last {
            return Err(Corrupt("fields are not in the order of their deadlines"));
        }
        last = place;
        take(Field { name, value, deadline: deadline(millis)? })?;
        fields += 1;
    }
    Ok(fields)
}

/// Appends a hash of these `count` fields, each once, of which at least one has a deadline and none an earlier one than `least`.
/// Returns its type.
pub fn write_timed<'a>(
    out: &mut Vec<u8>,
    least: UnixMillis,
    count: u64,
    fields: impl Iterator<Item = Field<'a>>,
) -> ObjectType {
    push_millis(out, least.0);
    push_length(out, count);
    for Field { name, value, deadline } in fields {
        let beyond = deadline.map_or(0, |at| at.0.wrapping_sub(least.0).wrapping_add(1) as u64);
        push_length(out, beyond);
        push_element(out, name);
        push_element(out, value);
    }
    ObjectType::Hash(HashForm::TimedStrings)
}

/// `write_timed` for few and short fields: as a listpack, unless redis-server would have none of that length. Sorts them.
pub fn write_timed_small(out: &mut Vec<u8>, least: UnixMillis, fields: &mut [Field<'_>]) -> ObjectType {
    fields.sort_by_key(|field| field.deadline.map_or(i64::MAX, |at| at.0));
    let mut bytes = packed::EMPTY.to_vec();
    for field in fields.iter() {
        let deadline = Element::Int(field.deadline.map_or(0, |at| at.0));
        PackedMut::new(&mut bytes).push_back(&[field.name, field.value, deadline].map(Encoded::element));
    }
    let packed = Packed::new(&bytes);
    if !listpack::fits(&packed) {
        return write_timed(out, least, fields.len() as u64, fields.iter().copied());
    }
    push_millis(out, least.0);
    push_string(out, &listpack::of(&packed));
    ObjectType::Hash(HashForm::TimedListpack)
}

#[cfg(test)]
#[path = "timed_hash_tests.rs"]
mod tests;
