//! PING, PONG and MEET: handshakes, addresses, roles, claims, gossip and extensions, in this order.
//!
//! §8.

use super::receive::Origin;
use super::{Cluster, LinkSide};
use crate::address::{Address, Host, Ports};
use crate::effect::{Durability, LinkId};
use crate::faults::{Fault, planted};
use crate::flags::NodeFlags;
use crate::forgotten::Forgotten;
use crate::slot_table::NodeIndex;
use crate::time::UnixMillis;
use crate::topics::Topic;
use crate::wire::{Extension, Header, Pulse, PulseKind};

/// What the first steps leave to the others.
enum Then {
    /// They follow.
    GoOn,
    /// The frame has said what it has to say.
    Stop,
}

impl Cluster {
    /// A PING, PONG or MEET arrived.
    pub(super) fn hear_pulse(&mut self, origin: Origin, header: &Header, pulse: &Pulse, now: UnixMillis) {
        let Origin { link, sender } = origin;
        if pulse.kind != PulseKind::Pong {
            self.learn_own_address(link, pulse.kind);
            if pulse.kind == PulseKind::Meet && sender.is_none() && header.sender != self.my_id() {
                self.greet(link, header, now);
            }
            self.send_pulse(link, PulseKind::Pong, now);
        }
        if let Then::Stop = self.settle_link(link, sender, header, now) {
            return;
        }
        let Some(sender) = sender else { return };
        let refuses = header.flags.bits() & NodeFlags::NOFAILOVER.bits();
        let node = &mut self.nodes[sender];
        node.flags = node.flags.without(NodeFlags::NOFAILOVER).and(NodeFlags::from_bits(refuses));
        let outbound = self.links.get(&link).is_some_and(|link| link.side == LinkSide::Outbound(sender));
        if pulse.kind == PulseKind::Ping && !outbound {
            self.readdress(sender, self.address_of_sender(link, header));
        }
        if pulse.kind == PulseKind::Pong && outbound {
            self.answered(sender, now);
        }
        self.hear_role_and_claims(sender, header);
        self.leave_chain();
        if pulse.gossip.is_none() {
            self.note(Topic::GossipRefused, header.sender.bytes());
        }
        self.hear_gossip(sender, pulse.gossip.as_deref().unwrap_or(&[]), now);
        self.hear_extensions(sender, header, &pulse.extensions, now);
    }

    /// Our own address is where others reach us. We know it from them unless we were told what to announce.
    fn learn_own_address(&mut self, link: LinkId, kind: PulseKind) {
        let local = self.links.get(&link).map_or(Host::UNKNOWN, |link| link.local);
        let me = &mut self.nodes[self.me].address.host;
        let wanted = self.settings.announced_host.is_unknown() && (kind == PulseKind::Meet || me.is_unknown());
        if wanted && !local.is_unknown() && *me != local {
            *me = local;
            self.due.save(Durability::Written);
        }
    }

    /// A stranger wants to be known: we ask it who it is. Nothing of what else it says counts.
    fn greet(&mut self, link: LinkId, header: &Header, now: UnixMillis) {
        let address = self.address_of_sender(link, header);
        if address.host.is_unknown() {
            self.close(link);
        } else {
            self.start_handshake(address, NodeFlags::HANDSHAKE, now);
        }
    }

    /// Adds a node of which only the address is known, under a name that is made up, unless there is one.
    pub(super) fn start_handshake(&mut self, address: Address, flags: NodeFlags, now: UnixMillis) {
        let Address { host, ports: Ports { bus, .. } } = address;
        let same = |other: &Address| other.host == host && other.ports.bus == bus;
        if !self.nodes.iter().any(|(_, node)| node.in_handshake() && same(&node.address)) {
            let name = crate::id::NodeId::from_entropy(self.dice.name());
            self.add_node(name, address, flags, now);
        }
    }

    /// The link's own affairs: the end of a handshake, and who answers at an address.
    fn settle_link(&mut self, link: LinkId, sender: Option<NodeIndex>, header: &Header, now: UnixMillis) -> Then {
        let Some(LinkSide::Outbound(node)) = self.links.get(&link).map(|link| link.side) else { return Then::GoOn };
        if self.nodes[node].in_handshake() {
            let address = self.nodes[node].address;
            match self.nodes.find(&header.sender) {
                Some(known) => {
                    self.delete_node(node);
                    if known != self.me && sender == Some(known) {
                        self.readdress(known, address);
                    }
                }
                None => {
                    self.nodes.introduce(node, header.sender);
                    let node = &mut self.nodes[node];
                    node.flags.set(header.flags.role());
                    (node.ping_sent, node.pong_received, node.data_received) = (UnixMillis::NEVER, now, now);
                    self.changed(Durability::Written);
                }
            }
            return Then::Stop;
        }
        if self.id_of(node) != header.sender && !planted(Fault::StrangerAtAddress) {
            // Somebody else lives here now.
            let node = &mut self.nodes[node];
            node.flags.set(NodeFlags::NOADDR);
            node.address = Address::default();
            self.note(Topic::AddressReused, header.sender.bytes());
            self.close(link);
            self.changed(Durability::Written);
            return Then::Stop;
        }
        Then::GoOn
    }

    /// A node says that it is reached elsewhere.
    fn readdress(&mut self, index: NodeIndex, address: Address) {
        let node = &mut self.nodes[index];
        if node.address == address || address.host.is_unknown() || planted(Fault::AddressKept) {
            return;
        }
        node.address = address;
        node.flags.clear(NodeFlags::NOADDR);
        self.close_outbound(index);
        if self.nodes[self.me].master == Some(index) {
            self.tell_replication(Some(index));
        }
        self.changed(Durability::Written);
    }

    /// What the sender is, and which slots it claims.
    fn hear_role_and_claims(&mut self, sender: NodeIndex, header: &Header) {
        self.hear_role(sender, header);
        let Some(claimer) = Some(sender).filter(|_| self.nodes[sender].is_master()).or(self.nodes[sender].master)
        else {
            return;
        };
        if *self.slots.slots_of(claimer) != header.slots {
            // Looked for before the claim is heard, told after: what it loses by it, it need not be told of.
            if claimer == sender {
                self.hear_claim(sender, header.config_epoch, &header.slots);
            }
            if !planted(Fault::UpdateNotSent)
                && let Some(owner) = self.stale_claim(sender, header.config_epoch, &header.slots)
            {
                self.send_update(sender, owner);
            }
        }
        // It came back with an old file: an epoch never falls, and only it can put its own right (§10.5).
        let forgot = claimer == sender && header.config_epoch < self.nodes[sender].config_epoch;
        if forgot && !planted(Fault::LostEpochNotTold) {
            self.send_update(sender, sender);
        }
        let both_masters = self.nodes[self.me].is_master() && self.nodes[sender].is_master();
        if both_masters && header.config_epoch == self.nodes[self.me].config_epoch {
            self.part_from(sender);
        }
    }

    fn hear_extensions(&mut self, sender: NodeIndex, header: &Header, extensions: &[Extension], now: UnixMillis) {
        let (mut hostname, mut nodename, mut shard) = (None, None, None);
        for extension in extensions {
            match extension {
                Extension::Hostname(label) => hostname = Some(label.clone()),
                Extension::Nodename(label) => nodename = Some(label.clone()),
                Extension::Shard(id) => shard = Some(*id),
                Extension::Forgotten(id, ttl) => {
                    let named = self.nodes.find(id);
                    let kept = |node: &NodeIndex| {
                        let guarded = !planted(Fault::ForgetsAnybody);
                        guarded && (*node == self.me || *node == sender || self.nodes[self.me].master == Some(*node))
                    };
                    match named {
                        Some(node) if kept(&node) => self.note(Topic::ForgetRefused, id.bytes()),
                        Some(node) => {
                            self.forgotten.add(*id, Forgotten::asked(*ttl), now);
                            self.delete_node(node);
                        }
                        None => {}
                    }
                }
            }
        }
        // Who says nothing of its shard: a replica is in its master's, a master in the one that we made up for it.
        let master = self.nodes[sender].master.filter(|_| header.master.is_some());
        let shard = shard.or(master.map(|master| self.nodes[master].shard));
        let node = &mut self.nodes[sender];
        let before = (node.hostname.clone(), node.nodename.clone(), node.shard);
        let after = (hostname, nodename, shard.unwrap_or(node.shard));
        if before != after {
            (node.hostname, node.nodename, node.shard) = after;
            let shard = node.shard;
            if self.nodes[self.me].master == Some(sender) && !planted(Fault::ShardsApart) {
                // We followed it before it said which shard is its own.
                self.nodes[self.me].shard = shard;
            }
            self.due.save(Durability::Written);
            self.due.routes = true;
        }
    }
}
