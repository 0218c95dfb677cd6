//! Frames that Redis 7.0.15 sent, as golden bytes: a cluster of three masters and two replicas, from MEET to a failover.
//!
//! In `captured.txt` a line in brackets names a frame; `00*9` is nine zero bytes.
#![allow(non_snake_case)]

use super::*;
use crate::address::Host;
use crate::flags::NodeFlags;

/// The captured frames with their names.
fn captured() -> Vec<(&'static str, Vec<u8>)> {
    let mut frames: Vec<(&str, Vec<u8>)> = Vec::new();
    for line in include_str!("captured.txt").lines() {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(name) => frames.push((name, Vec::new())),
            None => {
                let (_, frame) = frames.last_mut().expect("a name comes first");
                line.split(' ').for_each(|word| frame.extend(unpacked(word)));
            }
        }
    }
    frames
}

fn unpacked(word: &str) -> Vec<u8> {
    let hex = |digits| u8::from_str_radix(digits, 16).expect("hexadecimal");
    match word.split_once('*') {
        Some((byte, times)) => vec![hex(byte); times.parse().expect("a number")],
        None => (0..word.len()).step_by(2).map(|at| hex(&word[at..at + 2])).collect(),
    }
}

/// What the cluster said of the frame: type, bytes, flags, marks, current and config epoch, slots, entries, extensions.
type Facts = (Kind, usize, &'static str, Marks, u64, u64, usize, usize, usize);

const FACTS: [(&str, Facts); 15] = [
    ("meet", (Kind::Meet, 2288, "myself,master", Marks::EXTENSIONS, 1, 1, 5461, 0, 1)),
    ("ping_without_gossip", (Kind::Ping, 2256, "myself,master", Marks::NONE, 2, 2, 5462, 0, 0)),
    ("ping_of_a_master", (Kind::Ping, 2568, "myself,master", Marks::NONE, 4, 2, 5462, 3, 0)),
    ("ping_with_a_hostname", (Kind::Ping, 2600, "myself,master", Marks::EXTENSIONS, 4, 1, 5461, 3, 1)),
    ("ping_of_a_replica", (Kind::Ping, 2568, "myself,slave", Marks::NONE, 4, 1, 5461, 3, 0)),
    ("pong_with_four_entries", (Kind::Pong, 2672, "myself,slave", Marks::NONE, 5, 2, 5462, 4, 0)),
    ("ping_paused", (Kind::Ping, 2496, "myself,master", Marks::PAUSED.and(Marks::EXTENSIONS), 4, 1, 5461, 2, 1)),
    ("fail", (Kind::Fail, 2296, "myself,master", Marks::NONE, 5, 5, 5461, 0, 0)),
    ("publish", (Kind::Publish, 2277, "myself,master", Marks::NONE, 4, 1, 5461, 0, 0)),
    ("auth_request_forced", (Kind::AuthRequest, 2256, "myself,slave", Marks::FORCE_ACK, 5, 1, 5461, 0, 0)),
    ("auth_request", (Kind::AuthRequest, 2256, "myself,slave", Marks::NONE, 6, 2, 5462, 0, 0)),
    ("auth_ack", (Kind::AuthAck, 2256, "myself,master", Marks::NONE, 5, 2, 5462, 0, 0)),
    ("update", (Kind::Update, 4352, "myself,master", Marks::NONE, 5, 5, 5462, 0, 0)),
    ("mfstart", (Kind::ManualFailoverStart, 2256, "myself,slave", Marks::NONE, 4, 1, 5461, 0, 0)),
    ("publishshard", (Kind::PublishShard, 2279, "myself,master", Marks::NONE, 4, 1, 5461, 0, 0)),
];

fn facts(frame: &Frame<'_>, bytes: usize) -> Facts {
    let Header { flags, marks, current_epoch, config_epoch, slots, .. } = &frame.header;
    let (entries, extensions) = match &frame.body {
        Body::Pulse(pulse) => (pulse.gossip.as_ref().expect("names are names").len(), pulse.extensions.len()),
        _ => (0, 0),
    };
    let words: &'static str = if flags.has(NodeFlags::MASTER) { "myself,master" } else { "myself,slave" };
    assert_eq!(flags.words(), words);
    let kind = frame.body.kind();
    let (current, config) = (current_epoch.number(), config_epoch.number());
    (kind, bytes, words, *marks, current, config, slots.len(), entries, extensions)
}

#[test]
pub(crate) fn FR_P2C_007_U010_frames_of_redis_are_read() {
    let frames = captured();
    assert_eq!(frames.len(), FACTS.len());
    for ((name, bytes), (expected_name, expected)) in frames.iter().zip(FACTS) {
        let frame = Frame::decode(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((*name, facts(&frame, bytes.len())), (expected_name, expected));
    }
}

#[test]
pub(crate) fn FR_P2C_007_U010_frames_of_redis_are_written_the_same() {
    for (name, bytes) in captured() {
        let frame = Frame::decode(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let again = frame.encode();
        let difference = again.iter().zip(&bytes).position(|(ours, theirs)| ours != theirs);
        assert_eq!((difference, again.len()), (None, bytes.len()), "{name}");
    }
}

#[test]
pub(crate) fn FR_P2C_007_U010_bodies_of_redis() {
    let frames = captured();
    let body = |name: &str| {
        let (_, bytes) = frames.iter().find(|frame| frame.0 == name).expect(name);
        Frame::decode(bytes).expect(name).body
    };
    assert_eq!(body("publish"), Body::Publish(Publication { channel: b"news", message: b"hello bus" }));
    let sharded = Publication { channel: b"user1000", message: b"sharded" };
    assert_eq!(body("publishshard"), Body::PublishShard(sharded));
    let Body::Fail(failed) = body("fail") else { panic!("a FAIL") };
    assert_eq!(failed.as_str(), "120a6b26e68e4f79b2f6060ed3a45b6a69c48585");
    let Body::Update(claim) = body("update") else { panic!("an UPDATE") };
    assert_eq!((claim.config_epoch.number(), format!("{:?}", claim.slots).as_str()), (5, "[5461..=10922]"));
    let Body::Pulse(pulse) = body("meet") else { panic!("a MEET") };
    let [Extension::Hostname(label)] = &pulse.extensions[..] else { panic!("one extension") };
    assert_eq!(label.as_str(), "node0.example.com");
    let Body::Pulse(pulse) = body("pong_with_four_entries") else { panic!("a PONG") };
    let entries = pulse.gossip.expect("names are names");
    assert!(entries.iter().all(|entry| Some(entry.address.host) == Host::new("127.0.0.1")));
    let failing: Vec<&str> =
        entries.iter().filter(|entry| entry.flags.has(NodeFlags::PFAIL)).map(|e| e.id.as_str()).collect();
    assert_eq!(
        failing,
        ["120a6b26e68e4f79b2f6060ed3a45b6a69c48585"],
        "who may be failing comes last, beyond the three"
    );
}
