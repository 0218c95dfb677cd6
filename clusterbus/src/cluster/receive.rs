//! A frame arrives: whose it is, what it says of the sender's time, and who deals with its body.
//!
//! C10, §8. What is refused is refused before anything is changed but a count.

use super::{Cluster, LinkSide};
use crate::effect::{Alarm, Durability, Effect, LinkId};
use crate::epoch::Epoch;
use crate::faults::{Fault, planted};
use crate::flags::NodeFlags;
use crate::slot_table::NodeIndex;
use crate::time::UnixMillis;
use crate::topics::Topic;
use crate::wire::{Body, Frame, Header, Kind, Marks};

/// How far ahead of ours the epoch of a peer may be. No cluster comes near it in its life, and so many jumps are needed to come near
/// the end of the range that somebody hears of them.
const EPOCH_JUMP_MAX: u64 = 1 << 48;

/// Frames by type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameCounts {
    /// That were sent.
    pub sent: [u64; KINDS],
    /// That were received and well-formed.
    pub received: [u64; KINDS],
}

const KINDS: usize = Kind::PublishShard.number() as usize + 1;

/// Who sent a frame, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    /// The link it came on.
    pub(super) link: LinkId,
    /// The node, if it is known and introduced.
    pub(super) sender: Option<NodeIndex>,
}

impl Cluster {
    /// A well-formed frame arrived on a link.
    pub fn handle_frame(&mut self, link: LinkId, frame: &Frame<'_>, now: UnixMillis) {
        self.note_time(now);
        self.counts.received[usize::from(frame.body.kind().number())] += 1;
        let Some(sender) = self.sender_of(link, &frame.header) else { return };
        let origin = Origin { link, sender };
        if sender.is_none() {
            self.note_stranger(link, frame);
        }
        if let Some(sender) = sender {
            if self.jumps(frame) && !planted(Fault::EpochJumpBelieved) {
                self.outbox.push(Effect::Alarm(Alarm::EpochJump(frame.header.sender)));
                self.note(Topic::EpochJump, frame.header.sender.bytes());
                return;
            }
            if let Some(LinkSide::Inbound(_)) = self.links.get(&link).map(|link| link.side) {
                self.bind_inbound(link, sender);
            }
            self.hear_header(sender, &frame.header, now);
            self.hear_pause(sender, &frame.header);
        }
        match (&frame.body, sender) {
            (Body::Pulse(pulse), _) => self.hear_pulse(origin, &frame.header, pulse, now),
            (Body::Fail(node), Some(_)) => {
                if let Some(failed) = self.nodes.find(node) {
                    self.hear_fail(failed, now);
                }
            }
            (Body::Update(claim), Some(_)) => self.hear_update(claim),
            (Body::AuthRequest, Some(sender)) => self.hear_vote_request(sender, &frame.header, now),
            (Body::ManualFailoverStart, Some(sender)) => self.hear_manual_start(sender, now),
            (Body::AuthAck, Some(sender)) => self.hear_vote(sender, &frame.header),
            // Messages of clients are the transport's to deliver; the others have no part here, nor have strangers.
            _ => {}
        }
    }

    /// The frames that were sent and received.
    pub fn counts(&self) -> &FrameCounts {
        &self.counts
    }

    /// Whether a message of clients on this link is from a node that we know.
    pub fn knows_sender(&self, link: LinkId, header: &Header) -> bool {
        matches!(self.sender_of(link, header), Some(Some(_)))
    }

    /// The known node that sent a frame, none for a stranger; `None` outside if the link is not one.
    fn sender_of(&self, link: LinkId, header: &Header) -> Option<Option<NodeIndex>> {
        let side = self.links.get(&link)?.side;
        let bound = match side {
            LinkSide::Outbound(node) => Some(node),
            LinkSide::Inbound(node) => node,
        };
        let named =
            self.nodes.find(&header.sender).filter(|node| *node != self.me && !self.nodes[*node].in_handshake());
        Some(match bound.filter(|node| !self.nodes[*node].in_handshake()) {
            // A link is one node's: who names itself otherwise there is not believed.
            Some(bound) => named.filter(|named| *named == bound),
            None => named,
        })
    }

    /// Notes what is refused because nobody known says it. A pulse may be of a handshake, and messages of clients are the transport's.
    fn note_stranger(&mut self, link: LinkId, frame: &Frame<'_>) {
        let named = &frame.header.sender;
        let bound = self.links.get(&link).is_some_and(|link| matches!(link.side, LinkSide::Inbound(Some(_))));
        if bound {
            self.note(Topic::ImpostorRefused, named.bytes());
        } else if !matches!(frame.body, Body::Pulse(_)) {
            self.note(Topic::StrangerRefused, named.bytes());
        }
    }

    fn jumps(&self, frame: &Frame<'_>) -> bool {
        let limit = self.current_epoch.number().saturating_add(EPOCH_JUMP_MAX);
        let claimed = match &frame.body {
            Body::Update(claim) => claim.config_epoch,
            _ => Epoch::ZERO,
        };
        frame.header.current_epoch.max(frame.header.config_epoch).max(claimed).number() > limit
    }

    /// What the header of a known node tells, whatever the type (§8, steps 3 and 4).
    fn hear_header(&mut self, sender: NodeIndex, header: &Header, now: UnixMillis) {
        let node = &mut self.nodes[sender];
        node.data_received = now;
        if header.marks.has(Marks::EXTENSIONS) {
            node.flags.set(NodeFlags::EXTENSIONS);
        }
        node.offset = header.offset;
        // A replica's header has its master's epoch, which is not its own.
        let raised = header.master.is_none() && node.config_epoch.raise(header.config_epoch);
        // No config epoch is later than the clock that it was taken from.
        self.current_epoch.raise(header.current_epoch.max(header.config_epoch));
        self.hear_first(sender, header.current_epoch);
        if raised {
            self.changed(Durability::Synced);
        }
    }
}
