//! Words that stand in a line of a node: its slots, and slots that are being moved.
//!
//! §6.4, §13.1: `7`, `0-5460`, `[7->-<node>]` for a slot that leaves, `[7-<-<node>]` for one that comes.

use std::fmt;

use keyspace::slot::Slot;

use crate::id::NodeId;
use crate::slot_set::SlotSet;

/// A slot that is being moved by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenSlot {
    /// To this node.
    Migrating(Slot, NodeId),
    /// From this node.
    Importing(Slot, NodeId),
}

impl OpenSlot {
    /// The slot.
    pub fn slot(&self) -> Slot {
        match self {
            OpenSlot::Migrating(slot, _) | OpenSlot::Importing(slot, _) => *slot,
        }
    }
}

impl fmt::Display for OpenSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenSlot::Migrating(slot, target) => write!(f, "[{}->-{target}]", slot.number()),
            OpenSlot::Importing(slot, source) => write!(f, "[{}-<-{source}]", slot.number()),
        }
    }
}

/// A word behind the fields of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SlotWord {
    /// Slots of the node, first and last.
    Owned(Slot, Slot),
    /// One that is being moved.
    Open(OpenSlot),
}

impl SlotWord {
    /// Reads one.
    pub(super) fn parse(word: &str) -> Option<SlotWord> {
        if let Some(open) = word.strip_prefix('[') {
            return parse_open(open.strip_suffix(']')?).map(SlotWord::Open);
        }
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        let (first, last) = (parse_slot(first)?, parse_slot(last)?);
        (first <= last).then_some(SlotWord::Owned(first, last))
    }
}

fn parse_open(word: &str) -> Option<OpenSlot> {
    let (slot, node) = word.split_once('-')?;
    let slot = parse_slot(slot)?;
    let (direction, node) = node.split_once('-')?;
    let node = NodeId::parse(node.as_bytes())?;
    match direction {
        ">" => Some(OpenSlot::Migrating(slot, node)),
        "<" => Some(OpenSlot::Importing(slot, node)),
        _ => None,
    }
}

/// A slot in decimal digits.
pub(super) fn parse_slot(word: &str) -> Option<Slot> {
    let digits = word.bytes().all(|byte| byte.is_ascii_digit());
    Slot::new(word.parse().ok().filter(|_| digits)?)
}

/// The slots of a set as words, each with a space before it.
pub(crate) struct SlotWords<'a>(pub(crate) &'a SlotSet);

impl fmt::Display for SlotWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.runs().try_for_each(|(first, last)| match (first.number(), last.number()) {
            (first, last) if first == last => write!(f, " {first}"),
            (first, last) => write!(f, " {first}-{last}"),
        })
    }
}
