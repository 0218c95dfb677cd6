//! Files of Redis, files of ours, and files that somebody damaged.
#![allow(non_snake_case)]

use std::sync::Arc;

use fastrand::Rng;
use keyspace::slot::Slot;

use super::record::LinkState;
use super::*;
use crate::address::Label;
use crate::epoch::Epoch;
use crate::flags::NodeFlags;
use crate::id::{NodeId, ShardId};
use crate::time::UnixMillis;
use crate::wire::generated::address;

/// Redis 7.0.15 wrote this while a slot was being moved.
const REDIS_7_0: &str = "\
73f822d81596973c621b68eaa185231e39326db5 127.0.0.1:27104@29104 master - 0 1795314131067 5 connected 0-5460
02ce5efbf1b93ddc860490fbc8ca26b3d332b390 127.0.0.1:27101@29101,node0.example.com slave \
73f822d81596973c621b68eaa185231e39326db5 0 1795314131067 5 connected
7fba4d43e3f81ef2203d6db5ba99ad8bc8b00389 127.0.0.1:27103@29103 myself,master - 0 1795314131000 3 connected 10923-16383 \
[16383->-120a6b26e68e4f79b2f6060ed3a45b6a69c48585]
120a6b26e68e4f79b2f6060ed3a45b6a69c48585 127.0.0.1:27102@29102 master - 0 1795314131067 2 connected 5461-10922
4873026b08ab5a33fec155a24f6ce047b3e9347a 127.0.0.1:27105@29105 slave 120a6b26e68e4f79b2f6060ed3a45b6a69c48585 0 \
1795314131067 2 connected
vars currentEpoch 5 lastVoteEpoch 5
";

/// The form of 7.2: shards and other ports are named.
const REDIS_7_2: &str = "\
73f822d81596973c621b68eaa185231e39326db5 127.0.0.1:27104@29104,,tls-port=6390,shard-id=\
aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa master,fail? - 1795314131000 1795314131067 5 disconnected 0-5460 5462 6000-6001
7fba4d43e3f81ef2203d6db5ba99ad8bc8b00389 fe80::1:27103@29103,db.example.com,nodename=left,shard-id=\
bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb myself,master - 0 0 3 connected [7-<-73f822d81596973c621b68eaa185231e39326db5] \
[9->-120a6b26e68e4f79b2f6060ed3a45b6a69c48585]
120a6b26e68e4f79b2f6060ed3a45b6a69c48585 :0@0, slave,noaddr 7fba4d43e3f81ef2203d6db5ba99ad8bc8b00389 0 1 0 disconnected
vars currentEpoch 9 lastVoteEpoch 8
";

fn parse(text: &str) -> Result<NodesConf, ConfError> {
    NodesConf::parse(text.as_bytes(), PrimaryPort::Tcp)
}

#[test]
pub(crate) fn FR_P2C_007_U008_a_file_of_redis_7_0() {
    let conf = parse(REDIS_7_0).expect("Redis wrote it");
    assert_eq!((conf.nodes.len(), conf.myself.as_str()), (5, "7fba4d43e3f81ef2203d6db5ba99ad8bc8b00389"));
    assert_eq!((conf.current_epoch.number(), conf.last_vote_epoch.number()), (5, 5));
    let replica = &conf.nodes[1];
    assert_eq!(replica.hostname, Label::hostname("node0.example.com"));
    assert_eq!(
        (replica.master, replica.config_epoch),
        (Some(conf.nodes[0].id), Epoch::ZERO),
        "its epoch is its master's"
    );
    assert_eq!((replica.address.ports.client, replica.address.ports.bus, replica.shard), (27101, 29101, None));
    let slots: Vec<String> = conf.nodes.iter().map(|node| format!("{:?}", node.slots)).collect();
    assert_eq!(slots, ["[0..=5460]", "[]", "[10923..=16383]", "[5461..=10922]", "[]"]);
    assert_eq!(conf.open, [OpenSlot::Migrating(Slot::new(16383).expect("a slot"), conf.nodes[3].id)]);
    // What Redis 7.0 does not write: the comma behind the ports; and a replica has no epoch of its own.
    let expected = REDIS_7_0
        .replace("29104 ", "29104, ")
        .replace("29103 ", "29103, ")
        .replace("29102 ", "29102, ")
        .replace("29105 ", "29105, ")
        .replace("1067 5 connected\n", "1067 0 connected\n")
        .replace("1067 2 connected\n", "1067 0 connected\n");
    assert_eq!(conf.print(PrimaryPort::Tcp), expected);
}

#[test]
pub(crate) fn FR_P2C_007_U008_a_file_of_redis_7_2_comes_out_as_it_went_in() {
    let conf = parse(REDIS_7_2).expect("well-formed");
    assert_eq!(conf.print(PrimaryPort::Tcp), REDIS_7_2);
    assert_eq!(conf.nodes[0].address.ports.other, 6390);
    assert_eq!((conf.nodes[1].address.host.as_str(), conf.nodes[1].address.ports.client), ("fe80::1", 27103));
    assert_eq!(conf.nodes[1].nodename, Label::nodename("left"));
    assert!(conf.nodes[2].address.host.is_unknown());
}

#[test]
pub(crate) fn FR_P2C_007_U008_the_first_port_may_change_between_two_starts() {
    let conf = NodesConf::parse(REDIS_7_2.as_bytes(), PrimaryPort::Tls).expect("well-formed");
    let ports = conf.nodes[0].address.ports;
    assert_eq!((ports.client, ports.other, ports.bus), (6390, 27104, 29104));
    let again = NodesConf::parse(conf.print(PrimaryPort::Tls).as_bytes(), PrimaryPort::Tcp).expect("well-formed");
    assert_eq!(again.print(PrimaryPort::Tcp), REDIS_7_2);
}

#[test]
pub(crate) fn FR_P2C_007_U008_the_current_epoch_is_no_less_than_any_other() {
    let later = REDIS_7_0.replace("currentEpoch 5", "currentEpoch 1");
    assert_eq!(parse(&later).expect("well-formed").current_epoch.number(), 5);
    let voted = REDIS_7_0.replace("lastVoteEpoch 5", "lastVoteEpoch 7");
    assert_eq!(parse(&voted).expect("well-formed").current_epoch.number(), 7);
}

/// One edit of the file of 7.2, and what it makes of it.
fn edits() -> Vec<(&'static str, String, ConfError)> {
    let me = "7fba4d43e3f81ef2203d6db5ba99ad8bc8b00389 ";
    let rows: [(&str, &str, usize, Fault); 31] = [
        ("vars currentEpoch 9 lastVoteEpoch 8\n", "", 3, Fault::Cut),
        ("vars currentEpoch 9", "vars currentEpoch", 4, Fault::Fields),
        ("currentEpoch 9", "currentEpoch nine", 4, Fault::Number),
        ("currentEpoch 9", "currentEpoch 18446744073709551615", 4, Fault::Number),
        ("lastVoteEpoch 8\n", "lastVoteEpoch 8", 4, Fault::Cut),
        ("lastVoteEpoch 8\n", "lastVoteEpoch 8\nvars a 1\n", 5, Fault::Behind),
        (me, "7FBA4d43e3f81ef2203d6db5ba99ad8bc8b00389 ", 2, Fault::Name),
        (me, "73f822d81596973c621b68eaa185231e39326db5 ", 2, Fault::Twice),
        ("myself,", "", 2, Fault::SlotsOfOther),
        ("slave,noaddr", "myself,slave,noaddr", 3, Fault::Myself),
        ("slave,noaddr", "replica", 3, Fault::Flag),
        ("slave,noaddr", "", 3, Fault::Fields),
        ("fe80::1:27103", "fe80::1:x", 2, Fault::Address),
        ("27103@", "65536@", 2, Fault::Address),
        ("@29103", "@", 2, Fault::Address),
        ("27103@29103", "60000", 2, Fault::Address),
        ("fe80::1:27103@29103", "nowhere", 2, Fault::Address),
        ("fe80::1", "fe80\u{fc}", 2, Fault::Address),
        ("db.example.com", "db_example", 2, Fault::Hostname),
        ("nodename=left", "nodename=le;ft", 2, Fault::Named),
        ("nodename=left", "nodename", 2, Fault::Named),
        ("nodename=left", "colour=left", 2, Fault::Named),
        ("tls-port=6390", "tls-port=-1", 1, Fault::Named),
        ("shard-id=bbbb", "shard-id=bbb", 2, Fault::Named),
        ("slave,noaddr 7fba", "slave,noaddr 7fb", 3, Fault::Name),
        (" 3 connected", " -3 connected", 2, Fault::Number),
        (" 3 connected", " 3 linked", 2, Fault::Link),
        ("0-5460", "0-16384", 1, Fault::Slot),
        ("0-5460", "5460-0", 1, Fault::Slot),
        ("[7-<-", "[9-<-", 4, Fault::MarkedTwice),
        ("[7-<-", "[7-=-", 2, Fault::Slot),
    ];
    rows.into_iter()
        .map(|(from, to, line, fault)| {
            assert!(REDIS_7_2.contains(from), "{from}");
            (from, REDIS_7_2.replacen(from, to, 1), ConfError { line, fault })
        })
        .collect()
}

/// First and last of each.
type Runs = Vec<(u16, u16)>;

#[test]
fn FR_P2C_007_U008_a_slot_of_two_nodes_is_the_later_epoch_s() {
    let id = |number: usize| NodeId::from_entropy([number as u8; 20]);
    let file = |lines: [(&str, u64, &str); 3]| {
        let line = |(at, (flags, epoch, slots)): (usize, (&str, u64, &str))| {
            format!("{} 10.0.0.{at}:1@2, {flags} - 0 0 {epoch} connected {slots}\n", id(at))
        };
        let nodes: String = lines.into_iter().enumerate().map(line).collect();
        parse(&(nodes + "vars currentEpoch 9 lastVoteEpoch 0\n")).expect("it is taken")
    };
    let slots =
        |conf: &NodesConf, at: usize| conf.nodes[at].slots.runs().map(|(a, b)| (a.number(), b.number())).collect();
    let cases: [([u64; 3], [Runs; 3]); 4] = [
        ([1, 2, 3], [vec![(0, 3)], vec![(4, 5)], vec![(6, 9)]]),
        ([3, 2, 1], [vec![(0, 7)], vec![], vec![(8, 9)]]),
        ([2, 2, 2], [vec![(0, 7)], vec![], vec![(8, 9)]]),
        ([1, 3, 2], [vec![(0, 3)], vec![(4, 7)], vec![(8, 9)]]),
    ];
    for (epochs, owned) in cases {
        // A node that names a slot twice has it once.
        let named =
            [("myself,master", epochs[0], "0-7 2"), ("master", epochs[1], "4-7 4-5"), ("master", epochs[2], "6-9")];
        let conf = file(named);
        let found: [Runs; 3] = [0, 1, 2].map(|at| slots(&conf, at));
        assert_eq!(found, owned, "{epochs:?}");
        assert_eq!(conf.disputed.iter().map(|slot| slot.number()).collect::<Vec<_>>(), [4, 5, 6, 7]);
    }
    let endless = format!("{} 10.0.0.1:1@2 myself,master - 0 0 1 connected{}\n", id(1), " 0-16383".repeat(65));
    assert_eq!(parse(&endless).map_err(|error| error.fault), Err(Fault::TooManySlots));
}

#[test]
pub(crate) fn FR_P2C_007_U008_a_damaged_file_is_a_fault_with_its_line() {
    for (from, text, error) in edits() {
        assert_eq!(parse(&text).map(|_| ()), Err(error), "{from}");
    }
    let not_text = NodesConf::parse(b"a\n\xff\n", PrimaryPort::Tcp);
    assert_eq!(not_text, Err(ConfError { line: 2, fault: Fault::Text }));
    assert_eq!(parse("").map(|_| ()), Err(ConfError { line: 1, fault: Fault::Cut }));
    assert_eq!(parse("vars currentEpoch 1 lastVoteEpoch 1\n").map(|_| ()).map_err(|e| e.fault), Err(Fault::Myself));
}

#[test]
pub(crate) fn FR_P2C_007_U008_cut_anywhere_it_is_no_file() {
    for length in 0..REDIS_7_2.len() {
        assert!(parse(&REDIS_7_2[..length]).is_err(), "{length}");
    }
}

/// Any file that we could write.
fn conf(rng: &mut Rng) -> NodesConf {
    let count = rng.usize(1..12);
    let names: Vec<NodeId> = (0..count).map(|n| NodeId::from_entropy([n as u8; 20])).collect();
    let mut nodes: Vec<NodeRecord> = names.iter().map(|id| node(rng, *id, &names)).collect();
    let myself = rng.usize(..count);
    nodes[myself].flags.set(NodeFlags::MYSELF);
    for slot in Slot::all().skip(rng.usize(..16_384)).take(rng.usize(..3_000)) {
        let owner = &mut nodes[rng.usize(..count)];
        if owner.flags.has(NodeFlags::MASTER) {
            Arc::make_mut(&mut owner.slots).insert(slot);
        }
    }
    let mut open = Vec::new();
    for slot in Slot::all().step_by(rng.usize(100..16_384)) {
        let other = names[rng.usize(..count)];
        open.push(if rng.bool() { OpenSlot::Migrating(slot, other) } else { OpenSlot::Importing(slot, other) });
    }
    let epoch = |rng: &mut Rng, from| Epoch::stored(rng.u64(from..10_000)).expect("in range");
    let (last_vote_epoch, current_epoch) = (epoch(rng, 0), epoch(rng, 9_999));
    NodesConf { myself: names[myself], nodes, open, current_epoch, last_vote_epoch, disputed: Vec::new() }
}

fn node(rng: &mut Rng, id: NodeId, names: &[NodeId]) -> NodeRecord {
    let master = rng.bool();
    let role = if master { NodeFlags::MASTER } else { NodeFlags::REPLICA };
    let label = |rng: &mut Rng, make: fn(&str) -> Option<Label>| make("a.b-c").filter(|_| rng.bool());
    NodeRecord {
        id,
        address: address(rng),
        hostname: label(rng, Label::hostname),
        nodename: label(rng, Label::nodename),
        shard: rng.bool().then(|| ShardId::from_entropy([rng.u8(..); 20])),
        flags: [NodeFlags::NONE, NodeFlags::FAIL, NodeFlags::NOFAILOVER][rng.usize(..3)].and(role),
        master: (!master && rng.bool()).then(|| names[rng.usize(..names.len())]),
        ping_sent: UnixMillis(rng.u64(..)),
        pong_received: UnixMillis(rng.u64(..)),
        config_epoch: if master { Epoch::stored(rng.u64(..10_000)).expect("in range") } else { Epoch::ZERO },
        link: [LinkState::Connected, LinkState::Disconnected][rng.usize(..2)],
        slots: Arc::default(),
    }
}

#[test]
pub(crate) fn FR_P2C_007_U008_what_is_written_is_read() {
    for seed in 0..300 {
        let mut rng = Rng::with_seed(seed);
        let conf = conf(&mut rng);
        let primary = [PrimaryPort::Tcp, PrimaryPort::Tls][rng.usize(..2)];
        assert_eq!(NodesConf::parse(conf.print(primary).as_bytes(), primary), Ok(conf), "seed {seed}");
    }
}

#[test]
pub(crate) fn FR_P2C_007_U008_damage_is_refused_or_harmless() {
    let mut refused = 0;
    for seed in 0..5_000 {
        let mut rng = Rng::with_seed(seed);
        let mut bytes = conf(&mut rng).print(PrimaryPort::Tcp).into_bytes();
        for _ in 0..rng.usize(1..4) {
            let at = rng.usize(..bytes.len());
            match rng.u8(..3) {
                0 => bytes[at] = rng.u8(..),
                1 => drop(bytes.drain(at..(at + rng.usize(..40)).min(bytes.len()))),
                _ => bytes.extend_from_within(at..(at + 30).min(bytes.len())),
            }
            if bytes.is_empty() {
                bytes.push(b'\n');
            }
        }
        match NodesConf::parse(&bytes, PrimaryPort::Tcp) {
            Err(_) => refused += 1,
            Ok(conf) => {
                let again = conf.print(PrimaryPort::Tcp);
                let conf = NodesConf { disputed: Vec::new(), ..conf };
                assert_eq!(NodesConf::parse(again.as_bytes(), PrimaryPort::Tcp), Ok(conf), "seed {seed}");
            }
        }
    }
    assert!(refused > 2_500, "{refused}");
}
