//! CLUSTER SLOTS, SHARDS and LINKS: frames as Redis 7.0.15 sends them, and what holds for any table of owners.
#![allow(non_snake_case)]

use std::fmt::Write;

use fastrand::Rng;
use keyspace::slot::{SLOTS, Slot};

use super::command_tests::{ALONE, Asked, MASTER, NAMES};
use super::{ClusterReply, CommandFacts, LinkFacts};
use crate::address::{Address, Host, Label};
use crate::cluster::Cluster;
use crate::epoch::Epoch;
use crate::flags::NodeFlags;
use crate::id::NodeId;
use crate::redirect::Security;
use crate::settings::ClusterSettings;
use crate::slot_set::SlotSet;
use crate::snapshot::PreferredEndpoint;
use crate::time::UnixMillis;
use crate::wire::{Body, Frame, Header, Health, Marks};

/// A protocol that frames are checked in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Resp {
    Two,
    Three,
}

/// A reply as a client gets it, a space for each line end.
fn frame(reply: &ClusterReply, resp: Resp) -> String {
    let mut out = String::new();
    write(&mut out, reply, resp);
    out
}

fn write(out: &mut String, reply: &ClusterReply, resp: Resp) {
    let mut all = |head: String, items: &mut dyn Iterator<Item = &ClusterReply>| {
        out.push_str(&head);
        items.for_each(|item| write(out, item, resp));
    };
    match reply {
        ClusterReply::Array(items) => all(format!("*{} ", items.len()), &mut items.iter()),
        ClusterReply::Map(entries) => {
            let head =
                if resp == Resp::Two { format!("*{} ", entries.len() * 2) } else { format!("%{} ", entries.len()) };
            all(head, &mut entries.iter().flat_map(|(name, value)| [name, value]));
        }
        ClusterReply::Int(number) => write!(out, ":{number} ").expect("a string takes all"),
        ClusterReply::Bulk(bytes) => {
            write!(out, "${} {} ", bytes.len(), String::from_utf8_lossy(bytes)).expect("a string takes all");
        }
        ClusterReply::Null => out.push_str(if resp == Resp::Two { "$-1 " } else { "_ " }),
        other => panic!("{other:?} is not in these replies"),
    }
}

/// The frames below have short names for nodes.
fn golden(text: &str) -> String {
    NAMES.iter().fold(text.replace('\n', " "), |text, (short, name)| text.replace(short, name))
}

/// The replica says how much of the data it has.
fn replica_has(cluster: &mut Cluster, offset: u64) {
    let id = |short: &str| NodeId::parse(golden(short).as_bytes()).expect("a name");
    let host = Host::new("127.0.0.1").expect("an address");
    let link = cluster.accepted(host, host, UnixMillis(1));
    let header = Header {
        sender: id("<r>"),
        master: Some(id("<m>")),
        address: Address::default(),
        flags: NodeFlags::REPLICA,
        current_epoch: Epoch::ZERO,
        config_epoch: Epoch::ZERO,
        offset,
        slots: SlotSet::EMPTY,
        health: Health::Ok,
        marks: Marks::NONE,
    };
    cluster.handle_frame(link, &Frame { header, body: Body::Fail(id("<x>")) }, UnixMillis(1));
}

fn asked(offset: u64, change: impl FnOnce(&mut ClusterSettings)) -> Asked {
    let mut asked = Asked::with(MASTER, change);
    replica_has(&mut asked.cluster, offset);
    asked
}

fn asked_before_data() -> Asked {
    asked(0, |_| {})
}

fn slots(asked: &mut Asked) -> ClusterReply {
    asked.say("CLUSTER SLOTS").expect("it is always answered")
}

#[test]
pub(crate) fn FR_P2C_007_U006_frames_of_slots() {
    let reply = slots(&mut asked(108, |_| {}));
    let expected = golden(
        "*2\n*4\n:0\n:8191\n*4\n$9\n127.0.0.1\n:7001\n$40\n<m>\n*0\n*4\n$9\n127.0.0.1\n:7003\n$40\n<r>\n*0\n\
        *3\n:8192\n:16383\n*4\n$9\n127.0.0.1\n:7002\n$40\n<o>\n*0\n",
    );
    assert_eq!(frame(&reply, Resp::Two), expected);
    // Only maps differ, and these are empty.
    assert_eq!(frame(&reply, Resp::Three), expected.replace("*0", "%0"));
    // A replica that has nothing yet is not told of.
    let expected = golden(
        "*2\n*3\n:0\n:8191\n*4\n$9\n127.0.0.1\n:7001\n$40\n<m>\n*0\n*3\n:8192\n:16383\n*4\n$9\n127.0.0.1\n:7002\n$40\n<o>\n*0\n",
    );
    assert_eq!(frame(&slots(&mut asked_before_data()), Resp::Two), expected);
    assert_eq!(frame(&slots(&mut Asked::new(ALONE)), Resp::Three), "*0 ");
}

#[test]
pub(crate) fn FR_P2C_007_U006_endpoints_by_preference() {
    let with = |preferred| {
        let mut asked = asked(108, |settings| {
            settings.rules.preferred = preferred;
            settings.hostname = Label::hostname("host-1.example.com");
        });
        slots(&mut asked)
    };
    let ip = "$9\n127.0.0.1\n";
    let host = "$18\nhost-1.example.com\n";
    let hostname = golden(&format!(
        "*2\n*4\n:0\n:8191\n*4\n{host}:7001\n$40\n<m>\n%1\n$2\nip\n{ip}*4\n$1\n?\n:7003\n$40\n<r>\n%1\n$2\nip\n{ip}\
        *3\n:8192\n:16383\n*4\n$1\n?\n:7002\n$40\n<o>\n%1\n$2\nip\n{ip}"
    ));
    let reply = with(PreferredEndpoint::Hostname);
    assert_eq!(frame(&reply, Resp::Three), hostname);
    assert_eq!(frame(&reply, Resp::Two), hostname.replace("%1", "*2"));
    let unknown = golden(&format!(
        "*2\n*4\n:0\n:8191\n*4\n$-1\n:7001\n$40\n<m>\n*4\n$2\nip\n{ip}$8\nhostname\n{host}\
        *4\n$-1\n:7003\n$40\n<r>\n*2\n$2\nip\n{ip}*3\n:8192\n:16383\n*4\n$-1\n:7002\n$40\n<o>\n*2\n$2\nip\n{ip}"
    ));
    assert_eq!(frame(&with(PreferredEndpoint::Unknown), Resp::Two), unknown);
    let by_ip = frame(&with(PreferredEndpoint::Ip), Resp::Three);
    assert!(
        by_ip.starts_with(&golden(&format!("*2\n*4\n:0\n:8191\n*4\n{ip}:7001\n$40\n<m>\n%1\n$8\nhostname\n{host}"))),
        "{by_ip}"
    );
}

#[test]
pub(crate) fn FR_P2C_007_U006_clients_on_tls_get_the_other_port() {
    let mut asked = Asked::with(MASTER, |settings| settings.ports.other = 7101);
    let facts = CommandFacts { security: Security::Tls, ..CommandFacts::quiet() };
    let reply = asked.ask(&["CLUSTER", "SLOTS"], &facts).expect("it is always answered");
    assert!(frame(&reply, Resp::Two).contains(&golden(":7101\n$40\n<m>\n")), "{reply:?}");
    let shards = asked.ask(&["CLUSTER", "SHARDS"], &facts).expect("it is always answered");
    assert!(frame(&shards, Resp::Two).contains("$4 port :7001 $8 tls-port :7101 "), "{shards:?}");
}

/// The ranges in a reply: first, last, and the name of the master.
fn ranges(reply: &ClusterReply) -> Vec<(i64, i64, Vec<u8>)> {
    let ClusterReply::Array(ranges) = reply else { panic!("{reply:?}") };
    let range = |range: &ClusterReply| {
        let ClusterReply::Array(fields) = range else { panic!("{range:?}") };
        let [ClusterReply::Int(first), ClusterReply::Int(last), ClusterReply::Array(tuple), ..] = &fields[..] else {
            panic!("{fields:?}")
        };
        for node in &fields[2..] {
            assert!(matches!(node, ClusterReply::Array(fields) if fields.len() == 4), "{node:?}");
        }
        let ClusterReply::Bulk(id) = &tuple[2] else { panic!("{tuple:?}") };
        (*first, *last, id.clone())
    };
    ranges.iter().map(range).collect()
}

fn check_ranges(asked: &mut Asked) {
    let found = ranges(&slots(asked));
    let mut owners: Vec<Option<Vec<u8>>> = vec![None; SLOTS];
    for (first, last, id) in &found {
        for slot in *first..=*last {
            let place = &mut owners[usize::try_from(slot).expect("not negative")];
            assert!(place.is_none(), "slot {slot} is in two ranges");
            *place = Some(id.clone());
        }
    }
    let cluster = &asked.cluster;
    for (slot, owner) in Slot::all().zip(&owners) {
        let expected = cluster.slots().owner(slot).map(|owner| cluster.nodes()[owner].id.bytes().to_vec());
        assert_eq!(*owner, expected, "{slot:?}");
    }
    assert!(found.windows(2).all(|pair| pair[0].1 < pair[1].0), "ranges ascend");
    let merged = found.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0 || pair[0].2 != pair[1].2);
    assert!(merged, "ranges of one owner that touch are one");
    assert_eq!(ranges(&slots(asked)), found, "the order is stable");
}

#[test]
pub(crate) fn FR_P2C_007_U006_ranges_are_what_is_assigned() {
    let mut rng = Rng::with_seed(6);
    for _ in 0..30 {
        let mut asked = Asked::new(MASTER);
        asked.say("CLUSTER DELSLOTSRANGE 0 16383").expect("all have owners");
        let mut slot = 0;
        while slot < SLOTS {
            let length = [1, rng.usize(1..4), rng.usize(1..3_000)][rng.usize(..3)].min(SLOTS - slot);
            let owner = ["<m>", "<o>", ""][rng.usize(..3)];
            for slot in (slot..slot + length).filter(|_| !owner.is_empty()) {
                asked.say(&format!("CLUSTER SETSLOT {slot} NODE {owner}")).expect("nothing is stored");
            }
            slot += length;
        }
        check_ranges(&mut asked);
    }
    let mut alternating = Asked::new(MASTER);
    for slot in 0..SLOTS {
        let owner = ["<m>", "<o>"][slot % 2];
        alternating.say(&format!("CLUSTER SETSLOT {slot} NODE {owner}")).expect("nothing is stored");
    }
    check_ranges(&mut alternating);
    assert_eq!(ranges(&slots(&mut alternating)).len(), SLOTS);
    let mut one = Asked::new(ALONE);
    one.say("CLUSTER ADDSLOTS 16383").expect("it is free");
    check_ranges(&mut one);
}

#[test]
pub(crate) fn FR_P2C_007_U001_frames_of_shards() {
    let mut asked = asked(108, |_| {});
    let facts = CommandFacts { offset: 120, ..CommandFacts::quiet() };
    let reply = asked.ask(&["CLUSTER", "SHARDS"], &facts).expect("it is always answered");
    let node = |id: &str, port: u16, role: &str, offset: u64| {
        format!(
            "%7\n$2\nid\n$40\n{id}\n$4\nport\n:{port}\n$2\nip\n$9\n127.0.0.1\n$8\nendpoint\n$9\n127.0.0.1\n$4\nrole\n${}\n{role}\n\
            $18\nreplication-offset\n:{offset}\n$6\nhealth\n$6\nonline\n",
            role.len()
        )
    };
    let expected = golden(&format!(
        "*2\n%2\n$5\nslots\n*2\n:0\n:8191\n$5\nnodes\n*2\n{}{}%2\n$5\nslots\n*2\n:8192\n:16383\n$5\nnodes\n*1\n{}",
        node("<m>", 7001, "master", 120),
        node("<r>", 7003, "replica", 108),
        node("<o>", 7002, "master", 0),
    ));
    assert_eq!(frame(&reply, Resp::Three), expected);
    assert_eq!(frame(&reply, Resp::Two), expected.replace("%7", "*14").replace("%2", "*4"));
    let reply = asked_before_data().say("CLUSTER SHARDS").expect("it is always answered");
    assert!(frame(&reply, Resp::Two).contains("$7 loading "), "a replica without data: {reply:?}");
}

#[test]
pub(crate) fn FR_P2C_007_U001_frames_of_links() {
    let mut asked = asked(108, |_| {});
    let reply = asked.say("CLUSTER LINKS").expect("it is always answered");
    let link = "%6\n$9\ndirection\n$4\nfrom\n$4\nnode\n$40\n<r>\n$11\ncreate-time\n:1\n$6\nevents\n";
    let quiet = format!("*1\n{link}$1\nr\n$21\nsend-buffer-allocated\n:0\n$16\nsend-buffer-used\n:0\n");
    assert_eq!(frame(&reply, Resp::Three), golden(&quiet));
    let cluster = &asked.cluster;
    let inbound = cluster.nodes().iter().find_map(|(_, node)| node.inbound).expect("the replica's");
    let mut facts = CommandFacts::quiet();
    facts.links.insert(inbound, LinkFacts { allocated: 4_096, used: 100 });
    let reply = asked.ask(&["CLUSTER", "LINKS"], &facts).expect("it is always answered");
    let busy = format!("*1\n{link}$2\nrw\n$21\nsend-buffer-allocated\n:4096\n$16\nsend-buffer-used\n:100\n");
    assert_eq!(frame(&reply, Resp::Three), golden(&busy));
    // Killed, there is none; and a node has no links to itself.
    for line in ["DEBUG CLUSTERLINK KILL to <r>", "DEBUG clusterlink kill ALL <m>"] {
        assert_eq!(asked.say(line), Ok(ClusterReply::Ok));
        assert!(asked.cluster.link(inbound).is_some());
    }
    assert_eq!(asked.say("DEBUG CLUSTERLINK KILL from <r>"), Ok(ClusterReply::Ok));
    assert_eq!(asked.say("CLUSTER LINKS"), Ok(ClusterReply::Array(Vec::new())));
}
