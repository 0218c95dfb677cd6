//! Hashes whose fields have deadlines, on their way out.
//!
//! Here such a hash is a table always, while redis-server keeps a small one packed: it is written as redis-server would keep it.

use crate::limits::PackedLimits;
use crate::rdb::hash::Field;
use crate::rdb::object_type::ObjectType;
use crate::rdb::timed_hash::{write_timed, write_timed_small};
use crate::types::fields::Fields;

use super::Element;

/// The most bytes that a field takes in a listpack beside its name and its value: lengths, twice, and the deadline.
const BYTES_BESIDE: usize = 40;

/// Appends the fields, of which at least one has a deadline, what has expired included. Returns their type.
pub(super) fn write(fields: &Fields, limits: PackedLimits, out: &mut Vec<u8>) -> ObjectType {
    let all = || {
        fields.entries().map(|field| Field {
            name: Element::of(field.key()),
            value: Element::of(field.value()),
            deadline: field.deadline(),
        })
    };
    let deadlines = all().filter_map(|field| field.deadline);
    let least = deadlines.min().expect("the caller has seen that a field has a deadline");
    match is_small(fields, limits) {
        true => write_timed_small(out, least, &mut all().collect::<Vec<_>>()),
        false => write_timed(out, least, fields.len() as u64, all()),
    }
}

/// Whether redis-server would keep the fields packed, with their deadlines. O(n) up to the limit of entries.
pub(crate) fn is_small(fields: &Fields, limits: PackedLimits) -> bool {
    let lengths = || fields.entries().map(|field| (field.key().len(), field.value().len()));
    fields.len() <= limits.entries
        && lengths().all(|(name, value)| name.max(value) <= limits.value_bytes)
        && lengths().map(|(name, value)| name + value + BYTES_BESIDE).sum::<usize>() <= PackedLimits::BYTES_MAX
}
