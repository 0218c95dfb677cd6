//! Frames made up from a seed, for tests.

use fastrand::Rng;
use keyspace::slot::Slot;

use super::*;
use crate::address::{Address, Host, Label, Ports};
use crate::epoch::Epoch;
use crate::flags::NodeFlags;
use crate::id::{NodeId, ShardId};
use crate::slot_set::SlotSet;

/// One of few names, so that frames speak of the same nodes.
pub(crate) fn node_id(rng: &mut Rng) -> NodeId {
    NodeId::from_entropy([rng.u8(..20); 20])
}

fn epoch(rng: &mut Rng) -> Epoch {
    let number = [rng.u64(..10), rng.u64(..=Epoch::TAKEN_MAX.number())][rng.usize(..2)];
    Epoch::taken(number).expect("in range")
}

fn slots(rng: &mut Rng) -> SlotSet {
    let first = rng.u16(..16_384);
    let runs = Slot::all().skip(first.into()).take(rng.usize(..9_000));
    runs.filter(|slot| rng.u8(..50) > 0 || slot.number() == 0).collect()
}

pub(crate) fn address(rng: &mut Rng) -> Address {
    let host = ["", "127.0.0.1", "10.20.30.40", "fe80::1", "2001:db8:0:1:1:1:1:1"][rng.usize(..5)];
    let ports = Ports { client: rng.u16(..), other: rng.u16(..), bus: rng.u16(..) };
    Address { host: Host::new(host).expect("an address"), ports }
}

/// Any header.
pub(crate) fn header(rng: &mut Rng) -> Header {
    Header {
        sender: node_id(rng),
        master: rng.bool().then(|| node_id(rng)),
        address: address(rng),
        flags: NodeFlags::from_bits(rng.u16(..)),
        current_epoch: epoch(rng),
        config_epoch: epoch(rng),
        offset: rng.u64(..),
        slots: slots(rng),
        health: [Health::Ok, Health::Fail][rng.usize(..2)],
        marks: Marks::from_bits(rng.u8(..8)).and(Marks::EXTENSIONS),
    }
}

fn entry(rng: &mut Rng) -> GossipEntry {
    GossipEntry {
        id: node_id(rng),
        ping_sent: Seconds(rng.u32(..)),
        pong_received: Seconds(rng.u32(..)),
        address: address(rng),
        flags: NodeFlags::from_bits(rng.u16(..)),
    }
}

fn extension(rng: &mut Rng) -> Extension {
    let label = "a-1.".repeat(rng.usize(1..64));
    match rng.u8(..4) {
        0 => Extension::Hostname(Label::hostname(&label).expect("a host name")),
        1 => Extension::Nodename(Label::nodename(&label).expect("a node name")),
        2 => Extension::Forgotten(node_id(rng), ForgetTtl(rng.u64(..))),
        _ => Extension::Shard(ShardId::from_entropy([rng.u8(..); 20])),
    }
}

fn list<T>(rng: &mut Rng, make: fn(&mut Rng) -> T) -> Vec<T> {
    (0..rng.usize(..5)).map(|_| make(rng)).collect()
}

/// Any body; what clients published is taken from `text`.
pub(crate) fn body<'a>(rng: &mut Rng, text: &'a [u8]) -> Body<'a> {
    let (channel, message) = text.split_at(rng.usize(..=text.len()));
    let publication = Publication { channel, message };
    match rng.u8(..11) {
        kind @ 0..3 => Body::Pulse(Pulse {
            kind: [PulseKind::Ping, PulseKind::Pong, PulseKind::Meet][usize::from(kind)],
            gossip: Some(list(rng, entry)),
            extensions: list(rng, extension),
        }),
        3 => Body::Fail(node_id(rng)),
        4 => Body::Publish(publication),
        5 => Body::AuthRequest,
        6 => Body::AuthAck,
        7 => Body::Update(Box::new(Claim { owner: node_id(rng), config_epoch: epoch(rng), slots: slots(rng) })),
        8 => Body::ManualFailoverStart,
        9 => Body::Module(ModuleId(rng.u64(..).to_ne_bytes()), rng.u8(..), message),
        _ => Body::PublishShard(publication),
    }
}
