//! Hashes: a run of strings, or a packed form of fields and values in turn: zipmap, ziplist or listpack.

use super::Corrupt;
use super::element::{Element, each_pair, not_empty};
use super::object_type::ObjectType;
use super::reader::Reader;
use super::writer::{push_element, push_length, push_string};
use super::{listpack, ziplist, zipmap};
use crate::packed::Packed;

/// The forms of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashForm {
    /// Each field and value a string.
    Strings,
    /// One zipmap (up to Redis 2.4).
    Zipmap,
    /// One ziplist (up to Redis 6.2).
    Ziplist,
    /// One listpack.
    Listpack,
}

/// Reads a hash: `take` is handed every field with its value and refuses a field that it has already.
pub fn read(
    form: HashForm,
    reader: &mut Reader<'_>,
    mut take: impl FnMut(Element<'_>, Element<'_>) -> Result<(), Corrupt>,
) -> Result<(), Corrupt> {
    let fields = match form {
        HashForm::Strings => {
            let fields = reader.count(2)?;
            for _ in 0..fields {
                let field = reader.string()?;
                take(field.element(), reader.string()?.element())?;
            }
            fields
        }
        HashForm::Zipmap => each_pair(zipmap::Elements::of(&reader.packed()?)?, take)?,
        HashForm::Ziplist => each_pair(ziplist::Elements::of(&reader.packed()?)?, take)?,
        HashForm::Listpack => each_pair(listpack::Elements::of(&reader.packed()?)?, take)?,
    };
    not_empty(fields)
}

/// Appends a hash of these `count` fields with their values, at least one, each field once. Returns its type.
pub fn write<'a>(
    out: &mut Vec<u8>,
    count: u64,
    fields: impl Iterator<Item = (Element<'a>, Element<'a>)>,
) -> ObjectType {
    push_length(out, count);
    for (field, value) in fields {
        push_element(out, field);
        push_element(out, value);
    }
    ObjectType::Hash(HashForm::Strings)
}

/// Appends a packed hash, which has at least one field, as a listpack unless redis-server would have none of that length.
pub fn write_small(out: &mut Vec<u8>, fields: Packed<'_>) -> ObjectType {
    if !listpack::fits(&fields) {
        return write(out, fields.len() as u64 / 2, fields.pairs());
    }
    push_string(out, &listpack::of(&fields));
    ObjectType::Hash(HashForm::Listpack)
}
