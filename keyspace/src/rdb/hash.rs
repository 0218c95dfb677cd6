//! Hashes: a run of strings, or a packed form of fields and values in turn: zipmap, ziplist or listpack. Those whose fields have
//! deadlines are in `timed_hash`.

use evict::time::UnixMillis;

use super::Corrupt;
use super::element::{Element, each_pair, not_empty};
use super::object_type::ObjectType;
use super::reader::Reader;
use super::writer::{push_element, push_length, push_string};
use super::{listpack, timed_hash, ziplist, zipmap};
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
    /// Each field and value a string, with a deadline.
    TimedStrings,
    /// One listpack with a deadline for each field.
    TimedListpack,
    /// `TimedStrings` of release candidates of Redis 7.4.
    EarlyTimedStrings,
    /// `TimedListpack` of release candidates of Redis 7.4.
    EarlyTimedListpack,
}

/// One field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Field<'a> {
    /// Its name.
    pub name: Element<'a>,
    /// Its value.
    pub value: Element<'a>,
    /// Its deadline, if it has one.
    pub deadline: Option<UnixMillis>,
}

/// Reads a hash: `take` is handed every field and refuses one that it has already.
pub fn read(
    form: HashForm,
    reader: &mut Reader<'_>,
    mut take: impl FnMut(Field<'_>) -> Result<(), Corrupt>,
) -> Result<(), Corrupt> {
    let mut pair = |name: Element<'_>, value: Element<'_>| take(Field { name, value, deadline: None });
    let fields = match form {
        HashForm::Strings => {
            let fields = reader.count(2)?;
            for _ in 0..fields {
                let field = reader.string()?;
                pair(field.element(), reader.string()?.element())?;
            }
            fields
        }
        HashForm::Zipmap => each_pair(zipmap::Elements::of(&reader.packed()?)?, pair)?,
        HashForm::Ziplist => each_pair(ziplist::Elements::of(&reader.packed()?)?, pair)?,
        HashForm::Listpack => each_pair(listpack::Elements::of(&reader.packed()?)?, pair)?,
        HashForm::TimedStrings => {
            let least = u64::from_le_bytes(reader.array()?);
            timed_hash::read_strings(Some(least), reader, take)?
        }
        HashForm::EarlyTimedStrings => timed_hash::read_strings(None, reader, take)?,
        HashForm::TimedListpack => {
            // It tells nothing that the listpack does not.
            reader.array::<8>()?;
            timed_hash::read_listpack(reader, take)?
        }
        HashForm::EarlyTimedListpack => timed_hash::read_listpack(reader, take)?,
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
