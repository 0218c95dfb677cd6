//! Publish and subscribe: what travels, who is told, and what a client listens to.
//!
//! The core that owns a channel's slot is the channel's core. It orders the channel's messages and knows how many subscribers
//! each core has ([`directory`]); of patterns every core knows that. A message goes once to each core with receivers, which
//! hands it to its own clients ([`audience`]). What a client itself has subscribed to is part of its session
//! ([`subscriptions`]).
//!
//! What cores tell each other here travels in one stream of [`notice`]s per ordered pair of cores, the answers to new
//! subscriptions included. So a client hears every message that the channel's core took after the subscription, and none from
//! before.

pub mod audience;
pub mod directory;
pub mod events;
pub mod notice;
pub mod subscriptions;

use std::sync::Arc;

use keyspace::reply::{Reply, Resp};
use keyspace::slot::Slot;

use crate::mesh::CoreId;
use crate::route::SlotMap;

/// What a subscription names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A channel.
    Channel,
    /// A pattern of channels.
    Pattern,
    /// A shard channel: a name space of its own, which patterns do not see.
    Shard,
}

/// A channel or a pattern.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: Arc<[u8]>,
}

impl Topic {
    /// The core that orders its messages; `None` for a pattern, which concerns all of them.
    pub fn core(&self, map: &SlotMap) -> Option<CoreId> {
        match self.kind {
            Kind::Channel | Kind::Shard => Some(map.owner(Slot::of(&self.name))),
            Kind::Pattern => None,
        }
    }

    /// True if this core is told of subscriptions to it.
    pub fn concerns(&self, core: CoreId, map: &SlotMap) -> bool {
        self.core(map).is_none_or(|owner| owner == core)
    }
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// `Kind::Channel` or `Kind::Shard`.
    pub kind: Kind,
    /// Its channel.
    pub channel: Box<[u8]>,
    /// What is said.
    pub message: Box<[u8]>,
}

impl Publication {
    /// A message to a channel, or to a shard channel.
    pub fn new(kind: Kind, channel: &[u8], message: &[u8]) -> Self {
        Publication { kind, channel: channel.into(), message: message.into() }
    }

    /// The core that orders the messages of its channel.
    pub fn core(&self, map: &SlotMap) -> CoreId {
        map.owner(Slot::of(&self.channel))
    }

    /// Bytes that it holds.
    pub fn bytes(&self) -> usize {
        self.channel.len() + self.message.len()
    }

    /// The push for a subscriber of its channel.
    pub fn encode(&self, resp: Resp, out: &mut Vec<u8>) {
        let mut reply = Reply::new(out, resp);
        reply.push(3);
        reply.text(if self.kind == Kind::Shard { "smessage" } else { "message" });
        reply.bulk(&self.channel);
        reply.bulk(&self.message);
    }

    /// The push for a subscriber of a pattern that its channel matches.
    pub fn encode_for_pattern(&self, pattern: &[u8], resp: Resp, out: &mut Vec<u8>) {
        let mut reply = Reply::new(out, resp);
        reply.push(4);
        reply.text("pmessage");
        reply.bulk(pattern);
        reply.bulk(&self.channel);
        reply.bulk(&self.message);
    }
}
