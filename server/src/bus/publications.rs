//! Messages of clients, to other nodes and from them.
//!
//! What arrives goes to the core that orders its channel, which tells this node's subscribers. What waits for a core is bounded; beyond
//! that messages are lost, as they are between nodes whenever a link breaks.

use std::collections::VecDeque;
use std::sync::Arc;

use clusterbus::wire::{FRAME_BYTES_MAX, HEADER_BYTES, Kind as FrameKind, Publication as Said};
use shard::mail::Mail;
use shard::mesh::mailbox::Address;
use shard::pubsub::{Kind, Publication};
use shard::route::SlotMap;

use super::driver::Bus;
use crate::post::Post;

/// Most bytes of messages that wait for one core.
const WAITING_BYTES_MAX: usize = 64 << 20;

/// What a message costs beside its bytes.
const MESSAGE_BYTES: usize = 128;

/// Messages of other nodes on their way to the cores.
pub(super) struct Publications {
    map: SlotMap,
    cores: Vec<Waiting>,
    /// Whether the last message was lost: a flood is one line of the log.
    losing: bool,
}

#[derive(Clone, Default)]
struct Waiting {
    messages: VecDeque<Arc<Publication>>,
    bytes: usize,
}

impl Publications {
    /// Nothing on its way to so many cores.
    pub(super) fn new(cores: usize) -> Publications {
        let map = SlotMap::striped(u16::try_from(cores).expect("cores are few"));
        Publications { map, cores: vec![Waiting::default(); cores], losing: false }
    }

    /// A node that we know passes a message on.
    pub(super) fn heard(&mut self, kind: FrameKind, said: &Said<'_>) {
        let kind = if kind == FrameKind::PublishShard { Kind::Shard } else { Kind::Channel };
        let publication = Publication::new(kind, said.channel, said.message);
        let waiting = &mut self.cores[usize::from(publication.core(&self.map).0)];
        let bytes = waiting.bytes + publication.bytes() + MESSAGE_BYTES;
        let fits = waiting.messages.is_empty() || bytes <= WAITING_BYTES_MAX;
        if fits {
            waiting.bytes = bytes;
            waiting.messages.push_back(Arc::new(publication));
        } else if !self.losing {
            tracing::warn!("Messages of other nodes are lost: a core does not take them as fast as they come.");
        }
        self.losing = !fits;
    }

    /// Hands over what cores have room for.
    pub(super) fn mail(&mut self, post: &mut Post) {
        for (waiting, index) in self.cores.iter_mut().zip(0..) {
            while let Some(publication) = waiting.messages.pop_front() {
                if post.tell(Address(index), Mail::BusPublished(publication.clone())).is_err() {
                    waiting.messages.push_front(publication);
                    break;
                }
                waiting.bytes -= publication.bytes() + MESSAGE_BYTES;
            }
        }
    }
}

impl Bus {
    /// Tells other nodes a message of a client of ours.
    pub(super) fn publish(&mut self, publication: &Publication) {
        let said = Said { channel: &publication.channel, message: &publication.message };
        if HEADER_BYTES + publication.bytes() + MESSAGE_BYTES > FRAME_BYTES_MAX {
            tracing::warn!("A message of {} bytes is too long for other nodes.", publication.bytes());
            return;
        }
        match publication.kind {
            Kind::Shard => self.cluster.publish_in_shard(said),
            Kind::Channel | Kind::Pattern => self.cluster.publish(said),
        }
    }
}
