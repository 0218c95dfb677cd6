//! What an entry may hold, and how a collection may be kept.

/// The kind of a value: what TYPE tells, and what a command asks for before it touches one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Bytes.
    String = 0,
    /// A list of byte strings.
    List = 1,
    /// Fields with values.
    Hash = 2,
    /// Distinct members.
    Set = 3,
    /// Members with scores.
    SortedSet = 4,
    /// A log of entries with ids.
    Stream = 5,
}

impl Kind {
    /// The word of TYPE and of the TYPE option of SCAN.
    pub fn name(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::List => "list",
            Kind::Hash => "hash",
            Kind::Set => "set",
            Kind::SortedSet => "zset",
            Kind::Stream => "stream",
        }
    }
}

/// How a collection is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Form {
    /// As packed bytes: see `packed`.
    Packed = 0,
    /// As sorted integers: see `intset`. Sets only.
    IntSet = 1,
    /// As an `Object`.
    Large = 2,
}

/// How a string came to be, as far as `OBJECT ENCODING` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Shape {
    /// Stored whole: `int`, `embstr` or `raw`, by its bytes.
    Stored = 0,
    /// Changed in place (APPEND, SETRANGE): always `raw`.
    Edited = 1,
    /// The result of INCRBYFLOAT: never `int`.
    Float = 2,
    /// Stored whole by COPY: as `Stored`, but Redis shares it with no other key.
    Copied = 3,
}
