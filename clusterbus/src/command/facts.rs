//! What a command needs to know that the state machine does not.

use std::collections::BTreeMap;

use crate::cluster::Stored;
use crate::effect::LinkId;
use crate::redirect::Security;
use crate::slot_set::SlotSet;

/// What cores and the transport know. Only a command with [`super::ClusterCommand::asks_for_keys`] looks at what is stored.
#[derive(Clone, Debug)]
pub struct CommandFacts {
    /// Slots that have keys here.
    pub stored: SlotSet,
    /// How the asking client is connected.
    pub security: Security,
    /// This node's replication offset.
    pub offset: u64,
    /// What waits on links.
    pub links: BTreeMap<LinkId, LinkFacts>,
    /// Links that were closed because too much waited on them.
    pub links_over_limit: u64,
}

/// What waits on a link to be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkFacts {
    /// Bytes that are reserved.
    pub allocated: u64,
    /// Bytes that wait.
    pub used: u64,
}

impl CommandFacts {
    /// Of a node that stores nothing and has sent all that it had to, asked by a client over TCP.
    pub fn quiet() -> Self {
        Self {
            stored: SlotSet::EMPTY,
            security: Security::Plain,
            offset: 0,
            links: BTreeMap::new(),
            links_over_limit: 0,
        }
    }

    /// Whether there are keys.
    pub(super) fn keys(&self) -> Stored {
        if self.stored.is_empty() { Stored::Nothing } else { Stored::Keys }
    }

    /// Whether there are keys of a slot.
    pub(super) fn keys_in(&self, slot: keyspace::slot::Slot) -> Stored {
        if self.stored.contains(slot) { Stored::Keys } else { Stored::Nothing }
    }
}
