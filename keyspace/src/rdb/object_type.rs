//! The type byte of a value: its family and the form in which it is written.

use super::Corrupt;
use super::hash::HashForm;
use super::list::ListForm;
use super::set::SetForm;
use super::sorted_set::SortedSetForm;
use super::stream::StreamForm;

/// What a type byte says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectType {
    /// A string.
    String,
    /// A list.
    List(ListForm),
    /// A set.
    Set(SetForm),
    /// A sorted set.
    SortedSet(SortedSetForm),
    /// A hash.
    Hash(HashForm),
    /// A stream.
    Stream(StreamForm),
}

/// Every type byte that is read. Left out: modules' values (6, 7). Valkey has another form with the number 22, in payloads of a
/// version that is not read.
const TYPES: &[(u8, ObjectType)] = &[
    (0, ObjectType::String),
    (1, ObjectType::List(ListForm::Strings)),
    (2, ObjectType::Set(SetForm::Strings)),
    (3, ObjectType::SortedSet(SortedSetForm::TextScores)),
    (4, ObjectType::Hash(HashForm::Strings)),
    (5, ObjectType::SortedSet(SortedSetForm::BinaryScores)),
    (9, ObjectType::Hash(HashForm::Zipmap)),
    (10, ObjectType::List(ListForm::Ziplist)),
    (11, ObjectType::Set(SetForm::Intset)),
    (12, ObjectType::SortedSet(SortedSetForm::Ziplist)),
    (13, ObjectType::Hash(HashForm::Ziplist)),
    (14, ObjectType::List(ListForm::Quicklist)),
    (15, ObjectType::Stream(StreamForm::V1)),
    (16, ObjectType::Hash(HashForm::Listpack)),
    (17, ObjectType::SortedSet(SortedSetForm::Listpack)),
    (18, ObjectType::List(ListForm::Quicklist2)),
    (19, ObjectType::Stream(StreamForm::V2)),
    (20, ObjectType::Set(SetForm::Listpack)),
    (21, ObjectType::Stream(StreamForm::V3)),
    (22, ObjectType::Hash(HashForm::EarlyTimedStrings)),
    (23, ObjectType::Hash(HashForm::EarlyTimedListpack)),
    (24, ObjectType::Hash(HashForm::TimedStrings)),
    (25, ObjectType::Hash(HashForm::TimedListpack)),
];

impl ObjectType {
    /// The type that `byte` stands for.
    pub fn of(byte: u8) -> Result<ObjectType, Corrupt> {
        let row = TYPES.iter().find(|(number, _)| *number == byte);
        row.map(|(_, object_type)| *object_type).ok_or(Corrupt("a type that is not read"))
    }

    /// Its byte.
    pub fn byte(self) -> u8 {
        let row = TYPES.iter().find(|(_, object_type)| *object_type == self);
        row.expect("every form has a row").0
    }

    /// The first version of the file format that has it; 10 for all that redis-server 7.0 reads.
    pub fn version(self) -> u16 {
        match self {
            ObjectType::Hash(
                HashForm::TimedStrings
                | HashForm::TimedListpack
                | HashForm::EarlyTimedStrings
                | HashForm::EarlyTimedListpack,
            ) => 12,
            ObjectType::Set(SetForm::Listpack) | ObjectType::Stream(StreamForm::V3) => 11,
            _ => 10,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_types() {
        let read = (0..=255).filter(|&byte| ObjectType::of(byte).is_ok());
        for byte in read.clone() {
            assert_eq!(ObjectType::of(byte).map(ObjectType::byte), Ok(byte));
        }
        assert_eq!(read.count(), 23);
        assert_eq!(ObjectType::of(24).map(ObjectType::version), Ok(12));
        assert_eq!(ObjectType::of(20).map(ObjectType::version), Ok(11));
        assert_eq!(ObjectType::of(18).map(ObjectType::version), Ok(10));
    }
}
