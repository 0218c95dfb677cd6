//! Frames of this node.
//!
//! C10, §9.1, §7.8. A header tells our own claims, so no frame leaves before the save that has them is durable and
//! no core serves what it does not claim.

use std::sync::Arc;

use super::{Cluster, LinkSide};
use crate::address::{Address, Host};
use crate::effect::{Effect, LinkId, SaveSeq, Until};
use crate::faults::{Fault, planted};
use crate::flags::NodeFlags;
use crate::id::NodeId;
use crate::slot_table::NodeIndex;
use crate::snapshot::SnapshotVersion;
use crate::time::UnixMillis;
use crate::wire::{Body, Claim, Extension, Frame, GossipEntry, Header, Marks, Pulse, PulseKind, Seconds};

impl Cluster {
    /// The header of a frame that we send now.
    pub(super) fn header(&self, marks: Marks) -> Header {
        let me = &self.nodes[self.me];
        // A replica speaks of its master's slots; one that knows none has none.
        let (slots, config_epoch) = match self.my_master() {
            Some(master) => (self.slots.slots_of(master).clone(), self.nodes[master].config_epoch),
            None => Default::default(),
        };
        Header {
            sender: me.id,
            master: if me.is_master() { None } else { me.master.map(|master| self.nodes[master].id) },
            address: Address { host: self.settings.announced_host, ports: me.address.ports },
            flags: me.flags,
            current_epoch: self.current_epoch,
            config_epoch,
            offset: self.replication.offset,
            slots,
            health: self.told_health(),
            marks: marks.and(Marks::EXTENSIONS),
        }
    }

    /// Sends a PING, PONG or MEET on a link.
    pub(super) fn send_pulse(&mut self, link: LinkId, kind: PulseKind, now: UnixMillis) {
        let Some(side) = self.links.get(&link).filter(|link| link.up).map(|link| link.side) else { return };
        let receiver = match side {
            LinkSide::Outbound(node) => Some(node),
            LinkSide::Inbound(node) => node,
        };
        if let (LinkSide::Outbound(node), true) = (side, kind != PulseKind::Pong) {
            self.nodes[node].ping_sent = now;
        }
        let gossip = self.choose_gossip(receiver).into_iter().map(|node| self.gossip_about(node)).collect();
        let extends = receiver.is_some_and(|node| self.nodes[node].flags.has(NodeFlags::EXTENSIONS));
        let extensions = if extends { self.extensions(now) } else { Vec::new() };
        let pulse = Pulse { kind, gossip: Some(gossip), extensions };
        let frame = self.encode(self.pulse_marks(), Body::Pulse(pulse));
        self.deliver(link, frame, SaveSeq::default());
    }

    /// Sends a PONG to all nodes that can be reached, so that they hear of a change at once.
    pub(super) fn pong_all(&mut self, now: UnixMillis) {
        for link in self.all_outbound() {
            self.send_pulse(link, PulseKind::Pong, now);
        }
    }

    /// Sends one frame to all nodes that can be reached, once the save with this number is durable.
    pub(super) fn broadcast(&mut self, marks: Marks, body: Body<'_>, after: SaveSeq) {
        let frame = self.encode(marks, body);
        for link in self.all_outbound() {
            self.deliver(link, Arc::clone(&frame), after);
        }
    }

    /// Sends a frame to a node, once the save with this number is durable.
    pub(super) fn send_to(&mut self, node: NodeIndex, marks: Marks, body: Body<'_>, after: SaveSeq) {
        if let Some(link) = self.nodes[node].outbound.filter(|link| self.links[link].up) {
            let frame = self.encode(marks, body);
            self.deliver(link, frame, after);
        }
    }

    /// Tells a node who owns slots that it claims (§10.4).
    pub(super) fn send_update(&mut self, to: NodeIndex, owner: NodeIndex) {
        let claim = Claim {
            owner: self.nodes[owner].id,
            config_epoch: self.nodes[owner].config_epoch,
            slots: self.slots.claimed_by(owner),
        };
        self.send_to(to, Marks::NONE, Body::Update(Box::new(claim)), SaveSeq::default());
    }

    fn encode(&mut self, marks: Marks, body: Body<'_>) -> Arc<[u8]> {
        let kind = body.kind();
        self.counts.sent[kind.number() as usize] += 1;
        Frame { header: self.header(marks), body }.encode().into()
    }

    fn deliver(&mut self, link: LinkId, frame: Arc<[u8]>, after: SaveSeq) {
        let settled = self.claims_settled();
        let after = if planted(Fault::AllFramesWait) { self.outbox.asked().save } else { after };
        let save = after.max(settled.save);
        let routes = if planted(Fault::ToldBeforeCores) { SnapshotVersion::default() } else { settled.routes };
        self.outbox.after(Until { save, routes }, Effect::Send(link, frame));
    }

    fn all_outbound(&self) -> Vec<LinkId> {
        let known = self.nodes.iter().filter(|(_, node)| !node.in_handshake());
        known.filter_map(|(_, node)| node.outbound).filter(|link| self.links[link].up).collect()
    }

    /// What we say of ourselves, and whom we were told to forget.
    fn extensions(&self, now: UnixMillis) -> Vec<Extension> {
        let me = &self.nodes[self.me];
        let mut extensions = Vec::new();
        extensions.extend(me.hostname.clone().map(Extension::Hostname));
        extensions.extend(me.nodename.clone().map(Extension::Nodename));
        let told = !planted(Fault::ForgetNotTold);
        extensions.extend(self.forgotten.told(now).filter(|_| told).map(|(id, ttl)| Extension::Forgotten(id, ttl)));
        extensions.push(Extension::Shard(me.shard));
        extensions
    }

    /// What we say of a node.
    fn gossip_about(&self, index: NodeIndex) -> GossipEntry {
        let node = &self.nodes[index];
        let seconds = |time: UnixMillis| Seconds(u32::try_from(time.0 / 1_000).unwrap_or(u32::MAX));
        GossipEntry {
            id: node.id,
            ping_sent: seconds(node.ping_sent),
            pong_received: seconds(node.pong_received),
            address: node.address,
            flags: node.flags,
        }
    }

    /// Who is told of: the name, for messages about nodes.
    pub(super) fn id_of(&self, node: NodeIndex) -> NodeId {
        self.nodes[node].id
    }

    /// The address at which a frame's sender is to be reached: what it announces, or where it comes from.
    pub(super) fn address_of_sender(&self, link: LinkId, header: &Header) -> Address {
        let peer = self.links.get(&link).map_or(Host::UNKNOWN, |link| link.peer);
        let host = if header.address.host.is_unknown() { peer } else { header.address.host };
        Address { host, ports: header.address.ports }
    }
}
