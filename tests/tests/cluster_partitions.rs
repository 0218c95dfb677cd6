//! A cluster whose network or whose nodes fail: FR-P2C-007 E009, E011, E013, E014. Five masters, each on a host of its own.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::time::Duration;

use tests::cluster::{Node, agreed, until};
use tests::frame::Frame;
use tests::network::Network;

/// The node timeout.
const TIMEOUT_MS: u64 = 2_000;
const MASTERS: usize = 5;
const SLOTS: u16 = 16_384;
const TIMEOUT: Duration = Duration::from_millis(TIMEOUT_MS);
/// For what takes as long as it takes.
const LIMIT: Duration = Duration::from_secs(40);

/// A cluster and its network.
struct Bed {
    network: Network,
    nodes: Vec<Node>,
    /// A key of each node.
    keys: Vec<String>,
}

/// Slots of a node: a fifth of all.
fn slots(number: usize) -> (u16, u16) {
    let at = |number: usize| (number * usize::from(SLOTS) / MASTERS) as u16;
    (at(number), at(number + 1) - 1)
}

impl Bed {
    /// Five masters that agree and serve; `None` where the machine allows no networks.
    fn new() -> Option<Bed> {
        let network = Network::new(MASTERS)?;
        let nodes: Vec<Node> = (0..MASTERS).map(|number| Node::on(network.host(number), 2, TIMEOUT_MS)).collect();
        for (number, node) in nodes.iter().enumerate() {
            let (first, last) = slots(number);
            node.add_slots(first, last);
            node.client().ok(&format!("CLUSTER SET-CONFIG-EPOCH {}", number + 1));
        }
        nodes[1..].iter().for_each(|node| nodes[0].meet(node));
        let keys = (0..MASTERS).map(|number| key_in(&nodes[0], slots(number))).collect();
        let bed = Bed { network, nodes, keys };
        bed.until_whole();
        Some(bed)
    }

    /// Waits until all agree about everything and everybody serves.
    #[track_caller]
    fn until_whole(&self) {
        let nodes: Vec<&Node> = self.nodes.iter().collect();
        let took = until("all agree and serve", LIMIT, || agreed(&nodes) && nodes.iter().all(|node| node.is_ok()));
        eprintln!("whole after {took:?}");
        for number in 0..MASTERS {
            assert_eq!(self.write(number), Frame::Simple(b"OK".to_vec()));
        }
        // They agree, so one of them tells for all.
        let owners: Vec<String> = nodes[0].nodes().into_values().flat_map(|known| known.slots).collect();
        assert_eq!(owners.len(), MASTERS, "each slot has one owner: {owners:?}");
    }

    /// Writes a key at its node.
    fn write(&self, number: usize) -> Frame {
        self.nodes[number].client().ask(&format!("SET {} value", self.keys[number]))
    }

    /// Whether a node refuses a write because it finds itself cut off.
    fn refuses(&self, number: usize) -> bool {
        matches!(self.write(number), Frame::Error(text) if text.starts_with(b"CLUSTERDOWN"))
    }

    /// Whether one node has found that another failed.
    fn has_failed(&self, who: usize, for_whom: usize) -> bool {
        let id = self.nodes[who].id();
        self.nodes[for_whom].nodes()[&id].is("fail")
    }
}

/// A key in one of these slots.
fn key_in(node: &Node, (first, last): (u16, u16)) -> String {
    let mut client = node.client();
    let names = (0..).map(|number: u32| format!("key:{number}"));
    let mut fits = |key: &String| match client.ask(&format!("CLUSTER KEYSLOT {key}")) {
        Frame::Int(slot) => (i64::from(first)..=i64::from(last)).contains(&slot),
        other => panic!("{other}"),
    };
    names.into_iter().find(|key| fits(key)).expect("some key has such a slot")
}

#[test]
fn fr_p2c_007_e014_a_minority_refuses_and_one_owner_is_left() {
    let Some(bed) = Bed::new() else { return };
    bed.network.part(&[0, 1]);
    let took = until("the minority refuses", 4 * TIMEOUT, || bed.refuses(0) && bed.refuses(1));
    eprintln!("the minority refuses after {took:?}, at {TIMEOUT:?}");
    until("the majority agrees who is gone", LIMIT, || {
        [2, 3, 4].iter().all(|&here| bed.has_failed(0, here) && bed.has_failed(1, here))
    });
    for number in [2, 3, 4] {
        assert_eq!(bed.write(number), Frame::Simple(b"OK".to_vec()), "the majority serves what it has");
    }
    assert!(bed.refuses(0) && bed.refuses(1), "nothing has changed for the others");
    bed.network.heal();
    bed.until_whole();
}

#[test]
fn fr_p2c_007_e014_who_is_not_heard_refuses() {
    let Some(bed) = Bed::new() else { return };
    (1..MASTERS).for_each(|other| bed.network.lose(0, other));
    until("the others find that it failed", LIMIT, || (1..MASTERS).all(|other| bed.has_failed(0, other)));
    until("it refuses", LIMIT, || bed.refuses(0));
    for number in 1..MASTERS {
        assert_eq!(bed.write(number), Frame::Simple(b"OK".to_vec()));
    }
    bed.network.heal();
    bed.until_whole();
}

#[test]
fn fr_p2c_007_e009_epochs_taken_apart_stay_apart() {
    let Some(bed) = Bed::new() else { return };
    bed.network.part(&[0, 1]);
    until("the minority refuses", 4 * TIMEOUT, || bed.refuses(0) && bed.refuses(1));
    // Both sides take the next epoch without the other.
    for number in [0, 4] {
        bed.nodes[number].client().ask("CLUSTER BUMPEPOCH");
    }
    bed.network.heal();
    bed.until_whole();
    let epochs: BTreeSet<u64> = bed.nodes[0].nodes().values().map(|known| known.epoch).collect();
    assert_eq!(epochs.len(), MASTERS, "{epochs:?}");
}

#[test]
fn fr_p2c_007_e013_who_stood_still_is_taken_back() {
    let Some(bed) = Bed::new() else { return };
    let still = &bed.nodes[2];
    let (id, mut clients) = (still.id(), [still.client(), still.client(), still.client()]);
    for client in &mut clients {
        assert_eq!(client.ask(&format!("SET {} before", bed.keys[2])), Frame::Simple(b"OK".to_vec()));
    }
    still.signal("STOP");
    let others = [0, 1, 3, 4];
    until("the others find that it failed", LIMIT, || {
        others.iter().all(|&other| bed.nodes[other].nodes()[&id].is("fail"))
    });
    // What waits for it when it wakes up comes from a cluster that has gone on without it.
    for client in &mut clients {
        client.send(&["SET", &bed.keys[2], "late"]).expect("the kernel takes it");
    }
    still.signal("CONT");
    for client in &mut clients {
        let reply = client.read().expect("a reply").frame;
        assert!(matches!(&reply, Frame::Error(text) if text.starts_with(b"CLUSTERDOWN")), "{reply}");
    }
    bed.until_whole();
}

#[test]
fn fr_p2c_007_e011_kill_9_at_any_point_keeps_what_was_said() {
    let Some(mut bed) = Bed::new() else { return };
    let mut promised = [0; MASTERS];
    for round in 0..2 * MASTERS {
        let number = round * 3 % MASTERS;
        let mut client = bed.nodes[number].client();
        // What was answered was on disk; what was not, may be.
        for _ in 0..round % 4 {
            let Frame::Simple(text) = client.ask("CLUSTER BUMPEPOCH") else { panic!("a status") };
            let text = String::from_utf8(text).expect("it is text");
            promised[number] = text.rsplit(' ').next().and_then(|epoch| epoch.parse().ok()).expect("an epoch");
        }
        client.send(&["CLUSTER", "BUMPEPOCH"]).expect("it runs");
        bed.nodes[number].kill();
        bed.nodes[number].launch();
        bed.nodes[number].wait_ready();
        let id = bed.nodes[number].id();
        let epoch = bed.nodes[number].nodes()[&id].epoch;
        assert!(epoch >= promised[number], "round {round}: {epoch} after {}", promised[number]);
    }
    bed.until_whole();
}
