//! Links: one out to each node that we ask, one in from each that asks us.
//!
//! §7.1. The transport opens and closes; which link belongs to which node, and which is one too many, is decided here.

use super::Cluster;
use crate::address::Host;
use crate::effect::{Effect, LinkId};
use crate::faults::{Fault, planted};
use crate::flags::NodeFlags;
use crate::slot_table::NodeIndex;
use crate::time::UnixMillis;
use crate::wire::PulseKind;

/// Who opened a link, and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkSide {
    /// We did, to this node.
    Outbound(NodeIndex),
    /// Somebody did; once a frame says who, it is known.
    Inbound(Option<NodeIndex>),
}

/// A link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Who opened it.
    pub side: LinkSide,
    /// When.
    pub created: UnixMillis,
    /// Whether frames can be sent.
    pub up: bool,
    /// The address at the other end.
    pub peer: Host,
    /// Our address at this one.
    pub local: Host,
}

impl Cluster {
    /// Somebody connected to our bus port. Returns what to call the link.
    pub fn accepted(&mut self, peer: Host, local: Host, now: UnixMillis) -> LinkId {
        self.note_time(now);
        let side = LinkSide::Inbound(None);
        self.new_link(Link { side, created: now, up: true, peer, local })
    }

    /// A connection that we asked for is there.
    pub fn dialled(&mut self, id: LinkId, peer: Host, local: Host, now: UnixMillis) {
        self.note_time(now);
        let Some(link) = self.links.get_mut(&id) else { return };
        let LinkSide::Outbound(node) = link.side else { return };
        (link.up, link.peer, link.local, link.created) = (true, peer, local, now);
        // A ping that was not answered before counts on: a node that accepts and says nothing is to be found failing.
        let before = self.nodes[node].ping_sent;
        let meet = self.nodes[node].flags.has(NodeFlags::MEET);
        self.send_pulse(id, if meet { PulseKind::Meet } else { PulseKind::Ping }, now);
        let node = &mut self.nodes[node];
        if before != UnixMillis::NEVER {
            node.ping_sent = before;
        }
        node.flags.clear(NodeFlags::MEET);
    }

    /// A link broke, or could not be opened.
    pub fn closed(&mut self, id: LinkId, now: UnixMillis) {
        self.note_time(now);
        let Some(link) = self.links.get(&id) else { return };
        if let (LinkSide::Outbound(node), false) = (link.side, link.up) {
            let node = &mut self.nodes[node];
            if node.ping_sent == UnixMillis::NEVER {
                // It could not even be asked: the time until it is found failing runs.
                node.ping_sent = now;
            }
        }
        let side = link.side;
        self.drop_link(id);
        if let (LinkSide::Outbound(node), true) = (side, planted(Fault::RedialsAtOnce)) {
            self.dial(node, now);
        }
    }

    /// A link.
    pub fn link(&self, id: LinkId) -> Option<&Link> {
        self.links.get(&id)
    }

    /// Whether a link is one of a node that we know.
    pub fn is_of_member(&self, id: LinkId) -> bool {
        match self.links.get(&id).map(|link| link.side) {
            Some(LinkSide::Outbound(node) | LinkSide::Inbound(Some(node))) => !self.nodes[node].in_handshake(),
            Some(LinkSide::Inbound(None)) | None => false,
        }
    }

    /// Opens a link to a node that has none.
    pub(super) fn dial(&mut self, node: NodeIndex, now: UnixMillis) {
        let address = self.nodes[node].address;
        let (side, up) = (LinkSide::Outbound(node), false);
        let id = self.new_link(Link { side, created: now, up, peer: address.host, local: Host::UNKNOWN });
        self.nodes[node].outbound = Some(id);
        self.outbox.push(Effect::Dial(id, address));
    }

    /// Closes a link of ours.
    pub(crate) fn close(&mut self, id: LinkId) {
        if self.links.contains_key(&id) {
            self.drop_link(id);
            self.outbox.push(Effect::Close(id));
        }
    }

    /// Closes the link on which we ask a node; the next tick opens another.
    pub(super) fn close_outbound(&mut self, node: NodeIndex) {
        if let Some(id) = self.nodes[node].outbound {
            self.close(id);
        }
    }

    /// Notes that a link is a node's. The newest wins.
    pub(super) fn bind_inbound(&mut self, id: LinkId, node: NodeIndex) {
        if let Some(before) = self.nodes[node].inbound.replace(id)
            && before != id
        {
            self.close(before);
            self.nodes[node].inbound = Some(id);
        }
        if let Some(link) = self.links.get_mut(&id) {
            link.side = LinkSide::Inbound(Some(node));
        }
    }

    fn new_link(&mut self, link: Link) -> LinkId {
        let id = LinkId(self.next_link);
        self.next_link += 1;
        self.links.insert(id, link);
        id
    }

    fn drop_link(&mut self, id: LinkId) {
        let Some(link) = self.links.remove(&id) else { return };
        self.outbox.forget(id);
        match link.side {
            LinkSide::Outbound(node) => self.nodes[node].outbound = None,
            LinkSide::Inbound(Some(node)) if self.nodes[node].inbound == Some(id) => self.nodes[node].inbound = None,
            LinkSide::Inbound(_) => {}
        }
    }
}
