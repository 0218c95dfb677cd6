//! Nodes and slots as a client names them: perhaps there is none of this name.

use keyspace::slot::Slot;

use crate::id::NodeId;

/// The name of a node as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedNode {
    /// One that a node may have.
    Id(NodeId),
    /// One that no node has; what was given, for the reply.
    Nobody(String),
}

impl NamedNode {
    /// Takes an argument.
    pub(super) fn of(argument: &[u8]) -> NamedNode {
        match NodeId::parse(argument) {
            Some(id) => NamedNode::Id(id),
            None => NamedNode::Nobody(String::from_utf8_lossy(argument).into_owned()),
        }
    }
}

/// A slot as it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedSlot {
    /// This one.
    Slot(Slot),
    /// There is none of this number, or it is no number.
    Invalid,
}

impl NamedSlot {
    /// Takes an argument.
    pub(super) fn of(argument: &[u8]) -> NamedSlot {
        parse_slot(argument).map_or(NamedSlot::Invalid, NamedSlot::Slot)
    }
}

/// The slot that an argument says, a number as Redis reads them.
pub(super) fn parse_slot(argument: &[u8]) -> Option<Slot> {
    let number = keyspace::number::parse_i64(argument)?;
    Slot::new(u16::try_from(number).ok()?)
}
