//! Malformed frames, as many as wanted: every type, cut, longer than it says, with counts, lengths, versions and names that lie.
//!
//! They are made from what a cluster really sent. A node reads them from a stranger's link as the transport does, piece by piece. What is no
//! frame changes nothing because nobody gets it; what is one, by chance, is a stranger's and may change nothing but by a MEET.

use std::sync::Arc;

use clusterbus::address::Host;
use clusterbus::cluster::Cluster;
use clusterbus::conf::PrimaryPort;
use clusterbus::effect::LinkId;
use clusterbus::time::UnixMillis;
use clusterbus::wire::{Body, Frame, FrameLimits, FrameStream, Kind, ModuleId, Publication};
use fastrand::Rng;

use super::world::World;

/// Where fields of a header are.
const TOTAL_LENGTH: usize = 4;
const VERSION: usize = 8;
const TYPE: usize = 12;
const COUNT: usize = 14;
const EPOCHS: usize = 16;
const SENDER: usize = 40;
const EXTENSIONS: usize = 2_214;
const MARKS: usize = 2_253;
const HEADER: usize = 2_256;
const GOSSIP: usize = 104;
/// A name that no node of the cluster has.
const STRANGER: [u8; 40] = [b'z'; 40];
/// So often what the node knows is compared with what it knew.
const COMPARED: u64 = 256;

/// What came down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fallen {
    pub(crate) frames: u64,
    /// That are none.
    pub(crate) refused: u64,
    /// That are well-formed, of a stranger.
    pub(crate) of_strangers: u64,
    /// That ask to meet: these may be answered, so the node does not get them.
    pub(crate) meetings: u64,
    /// How many types the frames were of that were spoilt.
    pub(crate) types: usize,
}

/// Lets so many frames fall on a node.
pub(crate) fn fall(seed: u64, frames: u64) -> Fallen {
    let mut rng = Rng::with_seed(seed);
    let (templates, mut cluster, now) = prepare(seed);
    let host = Host::new("10.9.9.9").expect("an address");
    let link = cluster.accepted(host, host, now);
    let before = digest(&cluster);
    let kind = |frame: &Arc<[u8]>| u16::from_be_bytes([frame[TYPE], frame[TYPE + 1]]);
    let types: std::collections::BTreeSet<u16> = templates.iter().map(kind).collect();
    let mut fallen = Fallen { types: types.len(), ..Fallen::default() };
    let mut bytes = Vec::new();
    for frame in 0..frames {
        bytes.clear();
        bytes.extend_from_slice(&templates[rng.usize(..templates.len())]);
        bytes[SENDER..SENDER + 40].copy_from_slice(&STRANGER);
        spoil(&mut bytes, &mut rng);
        fallen.frames += 1;
        hear(&mut cluster, link, &bytes, now, &mut fallen);
        if frame % COMPARED == 0 {
            read_in_pieces(&bytes, &mut rng);
            assert_eq!(digest(&cluster), before, "after frame {frame}");
        }
    }
    assert_eq!(digest(&cluster), before);
    fallen
}

/// What a cluster sent while a node of it failed and another took its place, one of each type at least; and a node of it.
fn prepare(seed: u64) -> (Vec<Arc<[u8]>>, Cluster, UnixMillis) {
    let mut world = World::formed(6, 3, 1_000, seed);
    world.record = Some(Vec::new());
    world.at_node(0, |cluster, now| cluster.meet(World::address(1), now));
    let agreed = clusterbus::cluster::FailoverKind::Agreed;
    world.at_node(4, |cluster, now| cluster.failover(agreed, now)).expect("the master is there");
    world.run(1_000);
    world.partition(&[0], &[1, 2, 3, 4, 5]);
    world.run_until(20_000, "a replica takes over", |world| {
        world.owner(5, keyspace::slot::Slot::FIRST) == Some(World::id(3))
    });
    world.heal();
    world.run(3_000);
    let recorded = world.record.take().expect("it was recorded");
    let mut templates: Vec<Arc<[u8]>> = Vec::new();
    for kind in Kind::all() {
        let of_kind = |frame: &&Arc<[u8]>| frame[TYPE..TYPE + 2] == kind.number().to_be_bytes();
        let mut some: Vec<Arc<[u8]>> =
            recorded.iter().map(|(_, frame)| frame).filter(of_kind).take(40).cloned().collect();
        if some.is_empty() {
            some.push(made_up(kind, &recorded[0].1));
        }
        templates.extend(some);
    }
    let cluster = world.member(5).clone();
    let now = world.clock(5);
    (templates, cluster, now)
}

/// A frame of a type that no cluster without clients sends.
fn made_up(kind: Kind, of: &[u8]) -> Arc<[u8]> {
    let header = Frame::decode(of).expect("our own").header;
    let publication = Publication { channel: b"channel", message: b"message" };
    let body = match kind {
        Kind::Publish => Body::Publish(publication),
        Kind::PublishShard => Body::PublishShard(publication),
        Kind::Module => Body::Module(ModuleId(*b"a-module"), 1, b"payload"),
        Kind::AuthRequest => Body::AuthRequest,
        Kind::AuthAck => Body::AuthAck,
        Kind::ManualFailoverStart => Body::ManualFailoverStart,
        other => panic!("the cluster sent no {other:?}"),
    };
    Frame { header, body }.encode().into()
}

/// Makes a frame lie.
fn spoil(bytes: &mut Vec<u8>, rng: &mut Rng) {
    let length = bytes.len();
    let odd = |rng: &mut Rng, was: u32| {
        [0, 1, was.wrapping_sub(1), was.wrapping_add(1), u32::MAX, rng.u32(..)][rng.usize(..6)]
    };
    match rng.u8(..12) {
        0 => bytes.truncate(rng.usize(..length)),
        1 => bytes.extend((0..rng.usize(1..400)).map(|_| rng.u8(..))),
        2 => {
            let total = odd(rng, length as u32);
            bytes[TOTAL_LENGTH..TOTAL_LENGTH + 4].copy_from_slice(&total.to_be_bytes());
        }
        3 => bytes[VERSION..VERSION + 2].copy_from_slice(&[0, rng.u8(..)]),
        4 => bytes[TYPE..TYPE + 2].copy_from_slice(&[u8::from(rng.u8(..8) == 0), rng.u8(..16)]),
        5 => lie_in_16_bits(bytes, COUNT, rng),
        6 => lie_in_16_bits(bytes, EXTENSIONS, rng),
        7 => {
            // The length of the first extension, or the first length of another body.
            let gossip = usize::from(u16::from_be_bytes([bytes[COUNT], bytes[COUNT + 1]]));
            let at = HEADER + GOSSIP * gossip;
            if let Some(field) = bytes.get_mut(at..at + 4) {
                let was = u32::from_be_bytes(field.try_into().expect("four bytes"));
                field.copy_from_slice(
                    &[0, 4, 7, 9, was ^ 8, was | 0x1_0000, u32::MAX, odd(rng, was)][rng.usize(..8)].to_be_bytes(),
                );
            }
        }
        8 => bytes[SENDER + rng.usize(..40)] = rng.u8(..),
        9 => bytes[EPOCHS + 8 * rng.usize(..2)] |= 0x80,
        10 => bytes[MARKS] = rng.u8(..),
        _ => {
            // Anything anywhere, but mostly where lengths and counts are.
            for _ in 0..rng.usize(1..5) {
                let at = [rng.usize(..16), rng.usize(2_128..HEADER), rng.usize(..length)][rng.usize(..3)];
                bytes[at] = rng.u8(..);
            }
        }
    }
}

fn lie_in_16_bits(bytes: &mut [u8], at: usize, rng: &mut Rng) {
    let was = u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    let number = [0, was.wrapping_sub(1), was.wrapping_add(1), u16::MAX, rng.u16(..)][rng.usize(..5)];
    bytes[at..at + 2].copy_from_slice(&number.to_be_bytes());
}

/// The node gets it, if it is a frame.
fn hear(cluster: &mut Cluster, link: LinkId, bytes: &[u8], now: UnixMillis, fallen: &mut Fallen) {
    let frame = match Frame::decode(bytes) {
        Ok(frame) => frame,
        Err(error) => {
            fallen.refused += 1;
            return cluster.note_frame(error);
        }
    };
    if frame.body.kind() == Kind::Meet {
        fallen.meetings += 1;
        return;
    }
    fallen.of_strangers += 1;
    cluster.handle_frame(link, &frame, now);
    cluster.before_sleep(now);
    while cluster.poll_effect().is_some() {}
}

/// The reader of a link takes it in pieces, and holds no more than came.
fn read_in_pieces(bytes: &[u8], rng: &mut Rng) {
    let mut stream = FrameStream::default();
    for piece in bytes.chunks(rng.usize(1..=bytes.len().max(1))) {
        stream.push(piece);
        while let Ok(Some(_)) = stream.next_frame(FrameLimits::MEMBER) {}
        assert!(stream.memory_bytes() <= 1 << 16, "{} bytes for {}", stream.memory_bytes(), bytes.len());
    }
}

/// All that a node knows, as text.
fn digest(cluster: &Cluster) -> String {
    let text = cluster.conf().print(PrimaryPort::Tcp);
    format!("{text}{:?}{}{}", cluster.health(), cluster.nodes().len(), cluster.slots().assigned())
}
