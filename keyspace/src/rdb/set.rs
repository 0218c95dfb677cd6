//! Sets: a run of strings, an intset, or (Redis 7.2) a listpack.

use super::Corrupt;
use super::element::{Element, each_element, not_empty};
use super::object_type::ObjectType;
use super::reader::Reader;
use super::writer::{push_element, push_length, push_string};
use super::{intset, listpack};

/// The forms of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetForm {
    /// Each member a string.
    Strings,
    /// Integers only, sorted.
    Intset,
    /// One listpack.
    Listpack,
}

/// Reads a set: `take` is handed every member and refuses one that it has already.
pub fn read(
    form: SetForm,
    reader: &mut Reader<'_>,
    mut take: impl FnMut(Element<'_>) -> Result<(), Corrupt>,
) -> Result<(), Corrupt> {
    let members = match form {
        SetForm::Strings => {
            let members = reader.count(1)?;
            for _ in 0..members {
                take(reader.string()?.element())?;
            }
            members
        }
        SetForm::Intset => {
            let intset = reader.packed()?;
            each_element(intset::read(&intset)?.map(|value| value.map(Element::Int)), take)?
        }
        SetForm::Listpack => each_element(listpack::Elements::of(&reader.packed()?)?, take)?,
    };
    not_empty(members)
}

/// Appends a set of these `count` members, at least one, each once. Returns its type.
///
/// The form that redis-server 7.0 reads: small sets of any members, which 7.2 would write as a listpack, included.
pub fn write<'a>(out: &mut Vec<u8>, count: u64, members: impl Iterator<Item = Element<'a>>) -> ObjectType {
    push_length(out, count);
    members.for_each(|member| push_element(out, member));
    ObjectType::Set(SetForm::Strings)
}

/// Appends an intset of these members, at least one, ascending. Returns its type.
pub fn write_integers(out: &mut Vec<u8>, members: impl Iterator<Item = i64> + Clone) -> ObjectType {
    push_string(out, &intset::build(members));
    ObjectType::Set(SetForm::Intset)
}
