//! Stock cluster clients with their defaults, redis-rs and redis-py, at work while slots with their keys go to another node and back.
//!
//! All of them count in the same counters, and each writes keys of its own. What they were answered is compared with what the nodes have
//! in the end: nothing is lost, nothing is done twice, and every key is at the owner of its slot, after each way.

mod redis_py;
mod redis_rs;

use std::collections::{BTreeMap, BTreeSet};

use tests::client::{Client, encode};
use tests::cluster::{Node, join, until, until_whole};
use tests::frame::Frame;

use crate::bed::{Bed, LIMIT, OURS};
use crate::tool::{Follower, address, managed};
use redis_py::RedisPy;
use redis_rs::RedisRs;

const NODE_TIMEOUT_MS: u64 = 5_000;
/// Slots that go: the first ones.
const MOVED: u16 = 150;
/// Hash tags in slots that go.
const TAGS_MOVED: usize = 60;
/// Hash tags in slots that stay.
const TAGS_KEPT: usize = 20;
/// Names that are looked at for tags: about one of 110 is in a slot that goes.
const NAMES: usize = 12_000;

/// What clients were answered.
#[derive(Debug, Default)]
struct Answered {
    /// How often each counter was incremented.
    counts: BTreeMap<String, u64>,
    /// How often it may have been incremented besides: an error came back.
    doubts: BTreeMap<String, u64>,
    /// What was written last.
    values: BTreeMap<String, String>,
    /// What clients of a cluster that only moves slots do not see.
    errors: Vec<String>,
}

impl Answered {
    fn add(&mut self, other: Answered) {
        let sum = |all: &mut BTreeMap<String, u64>, more: BTreeMap<String, u64>| {
            more.into_iter().for_each(|(key, times)| *all.entry(key).or_default() += times);
        };
        sum(&mut self.counts, other.counts);
        sum(&mut self.doubts, other.doubts);
        self.values.extend(other.values);
        self.errors.extend(other.errors);
    }
}

/// The check.
pub(crate) fn follow_a_reshard_there_and_back(bed: &mut Bed) {
    let nodes = Vec::from([OURS; 3].map(|kind| bed.node(kind, NODE_TIMEOUT_MS)));
    join(&nodes);
    let tags = tags(&nodes[0]);
    let channel = format!("{{{}}}:channel", tags[0]);
    // It listens before anybody publishes.
    let python = RedisPy::start(nodes[0].port, &channel, &tags);
    let rust = RedisRs::start(nodes[0].port, &channel, &tags);
    for (from, to) in [(0, 2), (2, 0)] {
        move_slots(&nodes, from, to);
        keys_are_where_their_slots_are(&nodes);
        if let Some(python) = &python {
            let sent = rust.sent();
            until("messages of a channel that moved come again", LIMIT, || python.heard_of_channel() > sent);
        }
    }
    let (mut answered, published) = rust.end();
    if let Some(python) = python {
        answered.add(python.end(published));
    }
    assert_eq!(answered.errors, Vec::<String>::new());
    nothing_is_lost_or_done_twice(&nodes, &answered);
    keys_are_where_their_slots_are(&nodes);
    for kind in ["MOVED", "ASK"] {
        assert!(nodes.iter().any(|node| has_sent(node, kind)), "nobody was sent {kind}");
    }
    bed.saw("slots", MOVED);
}

/// Hash tags, the first of which are in slots that go.
fn tags(node: &Node) -> Vec<String> {
    let names: Vec<String> = (0..NAMES).map(|number| format!("t{number}")).collect();
    let slots = slots(&mut node.client(), &names);
    let of = |moved: bool, count: usize| {
        let named = names.iter().zip(&slots).filter(move |(_, slot)| (**slot < MOVED) == moved);
        named.map(|(name, _)| name.clone()).take(count)
    };
    let tags: Vec<String> = of(true, TAGS_MOVED).chain(of(false, TAGS_KEPT)).collect();
    assert_eq!(tags.len(), TAGS_MOVED + TAGS_KEPT);
    tags
}

/// The slots of keys.
fn slots(client: &mut Client, keys: &[String]) -> Vec<u16> {
    let mut bytes = Vec::new();
    keys.iter().for_each(|key| encode(&["CLUSTER", "KEYSLOT", key], &mut bytes));
    client.send_raw(&bytes).expect("it reads");
    let slot = |_| match client.read().expect("a slot").frame {
        Frame::Int(slot) => u16::try_from(slot).expect("a slot"),
        other => panic!("{other}"),
    };
    keys.iter().map(slot).collect()
}

fn move_slots(nodes: &[Node], from: usize, to: usize) {
    let (at, count) = (address(&nodes[0]), MOVED.to_string());
    let (from, to) = (nodes[from].id(), nodes[to].id());
    let words = ["reshard", &at, "--cluster-from", &from, "--cluster-to", &to, "--cluster-slots", &count];
    managed(&[&words[..], &["--cluster-yes"]].concat());
    until_whole(nodes);
    let ranges = nodes[0].nodes()[&to].slots.clone();
    assert!(ranges.iter().any(|range| range.starts_with("0-")), "the first slots went: {ranges:?}");
}

/// Each node has keys of its own slots only, and no key is at two of them.
#[track_caller]
fn keys_are_where_their_slots_are(nodes: &[Node]) {
    let mut seen = BTreeSet::new();
    for node in nodes {
        let owned = node.nodes().remove(&node.id()).expect("it knows itself").slots;
        let owns = |slot: u16| {
            owned.iter().any(|range| {
                let (first, last) = range.split_once('-').unwrap_or((range, range));
                let [first, last] = [first, last].map(|end| end.parse::<u16>().expect("no slot is open"));
                (first..=last).contains(&slot)
            })
        };
        let mut client = node.client();
        let keys = keys(&mut client);
        for (key, slot) in keys.iter().zip(slots(&mut client, &keys)) {
            assert!(owns(slot), "{key} of slot {slot} is at a node with {owned:?}");
            assert!(seen.insert(key.clone()), "{key} is at two nodes");
        }
    }
    assert!(!seen.is_empty());
}

/// All keys of a node.
fn keys(client: &mut Client) -> Vec<String> {
    let reply = client.ask("KEYS *");
    let names = reply.items().expect("KEYS is a list").iter();
    names.map(|name| String::from_utf8_lossy(name.text().expect("a name")).into_owned()).collect()
}

#[track_caller]
fn nothing_is_lost_or_done_twice(nodes: &[Node], answered: &Answered) {
    let mut follower = Follower::new(nodes);
    let mut stored = |key: &str| match follower.ask(&["GET", key]) {
        Frame::Bulk(text) => String::from_utf8_lossy(&text).into_owned(),
        other => panic!("{key}: {other}"),
    };
    assert!(!answered.counts.is_empty() && !answered.values.is_empty());
    for (key, times) in &answered.counts {
        let (value, doubts) = (stored(key), answered.doubts.get(key).copied().unwrap_or(0));
        let value: u64 = value.parse().expect("a counter is a number");
        assert!((*times..=times + doubts).contains(&value), "{key} is {value} after {times} and perhaps {doubts}");
    }
    for (key, value) in &answered.values {
        assert_eq!(stored(key), *value, "{key}");
    }
}

/// Whether a node has sent such a redirect.
fn has_sent(node: &Node, kind: &str) -> bool {
    node.text("INFO errorstats").contains(&format!("errorstat_{kind}:"))
}
