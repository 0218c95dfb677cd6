//! Nodes of ours and of redis-server in one cluster: they meet, agree, find failures and take nodes back.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tests::client::Client;
use tests::cluster::{Node, agreed, until};
use tests::frame::Frame;
use tests::server::Kind;

const TWO: Kind = Kind::Ashlar { cores: 2 };
const LIMIT: Duration = Duration::from_secs(20);
const NODE_TIMEOUT_MS: u64 = 2000;

/// Two nodes of ours and two of Redis with equal shares that serve.
fn mixed() -> Vec<Node> {
    let kinds = [TWO, Kind::Redis, TWO, Kind::Redis];
    let nodes: Vec<Node> = kinds.into_iter().map(|kind| Node::start(kind, NODE_TIMEOUT_MS)).collect();
    for (node, index) in nodes.iter().zip(0_u16..) {
        node.client().ok(&format!("CLUSTER SET-CONFIG-EPOCH {}", index + 1));
        node.add_slots(index * 4096, index * 4096 + 4095);
    }
    // Both ways: who is met by one of the other kind, and who meets one.
    nodes[0].meet(&nodes[1]);
    nodes[1].meet(&nodes[2]);
    nodes[3].meet(&nodes[0]);
    until("every node serves", LIMIT, || nodes.iter().all(Node::is_ok));
    let all: Vec<&Node> = nodes.iter().collect();
    until("all agree", LIMIT, || agreed(&all));
    nodes
}

#[test]
fn both_kinds_agree_and_find_each_other_failing_and_back() {
    let mut nodes = mixed();
    // One of ours, then one of theirs.
    for gone in [2, 3] {
        let id = nodes[gone].id();
        nodes[gone].kill();
        let others = || (0..nodes.len()).filter(|index| *index != gone).map(|index| &nodes[index]);
        let took = until("it is failing everywhere", LIMIT, || others().all(|node| node.nodes()[&id].is("fail")));
        eprintln!("{:?} after it was killed, node {gone} is failing at all others", took);
        assert!(took < Duration::from_millis(2 * NODE_TIMEOUT_MS), "{took:?}");
        assert!(others().all(|node| !node.is_ok()), "slots are not served");
        nodes[gone].launch();
        nodes[gone].wait_ready();
        assert_eq!(nodes[gone].id(), id);
        until("it is taken back", LIMIT, || nodes.iter().all(|node| !node.nodes()[&id].is("fail") && node.is_ok()));
    }
    let all: Vec<&Node> = nodes.iter().collect();
    until("all agree", LIMIT, || agreed(&all));
}

#[test]
fn a_node_that_stood_still_is_failing_and_comes_back() {
    let mut nodes = mixed();
    let id = nodes[0].id();
    nodes[0].server().signal("STOP");
    until("it is failing everywhere", LIMIT, || nodes[1..].iter().all(|node| node.nodes()[&id].is("fail")));
    nodes[0].server().signal("CONT");
    nodes[0].server().wait_line("stood still for longer than cluster-node-timeout").expect("it knows");
    until("it is taken back", LIMIT, || nodes.iter().all(|node| !node.nodes()[&id].is("fail") && node.is_ok()));
}

#[test]
fn both_kinds_settle_equal_epochs_and_moved_slots() {
    let nodes: Vec<Node> = [TWO, Kind::Redis].into_iter().map(|kind| Node::start(kind, NODE_TIMEOUT_MS)).collect();
    for (node, index) in nodes.iter().zip(0_u16..) {
        node.client().ok("CLUSTER SET-CONFIG-EPOCH 5");
        node.add_slots(index * 8192, index * 8192 + 8191);
    }
    nodes[1].meet(&nodes[0]);
    let epochs = |node: &Node| node.nodes().values().map(|node| node.epoch).collect::<Vec<_>>();
    until("epochs differ", LIMIT, || nodes.iter().all(|node| matches!(epochs(node)[..], [one, two] if one != two)));
    until("every node serves", LIMIT, || nodes.iter().all(Node::is_ok));
    let ids = [nodes[0].id(), nodes[1].id()];
    for (from, to, slot) in [(1, 0, 9000), (0, 1, 100)] {
        nodes[to].client().ok(&format!("CLUSTER SETSLOT {slot} IMPORTING {}", ids[from]));
        nodes[from].client().ok(&format!("CLUSTER SETSLOT {slot} MIGRATING {}", ids[to]));
        nodes[to].client().ok(&format!("CLUSTER SETSLOT {slot} NODE {}", ids[to]));
        nodes[from].client().ok(&format!("CLUSTER SETSLOT {slot} NODE {}", ids[to]));
        let slot = slot.to_string();
        until("both know the new owner", LIMIT, || {
            nodes.iter().all(|node| node.nodes()[&ids[to]].slots.contains(&slot))
        });
    }
    until("both agree", LIMIT, || agreed(&[&nodes[0], &nodes[1]]));
}

#[test]
fn busy_cores_look_alive() {
    // Everybody sees who is suspected: a node of Redis, which is idle, is asked all the time.
    let mut nodes: Vec<Node> = [TWO, TWO, Kind::Redis].into_iter().map(|kind| Node::start(kind, 1000)).collect();
    for (node, index) in nodes.iter().zip(0_u16..) {
        node.client().ok(&format!("CLUSTER SET-CONFIG-EPOCH {}", index + 1));
        node.add_slots(index * 5461, index * 5461 + 5460);
    }
    nodes[2].client().ok("CLUSTER ADDSLOTS 16383");
    nodes[0].meet(&nodes[1]);
    nodes[0].meet(&nodes[2]);
    until("every node serves", LIMIT, || nodes.iter().all(Node::is_ok));
    let over = AtomicBool::new(false);
    let pings: Vec<Vec<Vec<u8>>> = vec![vec![b"PING".to_vec()]; 1000];
    thread::scope(|scope| {
        for node in nodes[..2].iter().flat_map(|node| [node; 4]) {
            scope.spawn(|| {
                let mut client = node.client();
                while !over.load(Ordering::Relaxed) {
                    client.pipeline(&pings);
                }
            });
        }
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(3 * 1000) {
            let known = nodes[2].nodes();
            let suspected = known.values().any(|node| node.is("fail?") || node.is("fail"));
            if suspected {
                over.store(true, Ordering::Relaxed);
                panic!("{known:?}");
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    for node in &mut nodes[..2] {
        assert!(node.is_ok());
        assert!(!node.server().log_holds("Cluster state changed: fail"));
    }
}

#[test]
fn a_node_that_does_not_read_costs_no_more_than_the_limit() {
    // Long enough that only the limit can end the link.
    let mut nodes: Vec<Node> = [TWO, Kind::Redis].into_iter().map(|kind| Node::start(kind, 60_000)).collect();
    nodes[0].meet(&nodes[1]);
    until("they know each other", LIMIT, || nodes.iter().all(|node| node.info("cluster_known_nodes") == "2"));
    let exceeded = |node: &Node| node.info("total_cluster_links_buffer_limit_exceeded") != "0";
    nodes[0].client().ok("CONFIG SET cluster-link-sendbuf-limit 1mb");
    nodes[1].server().signal("STOP");
    let mut client = nodes[0].client();
    let message = "x".repeat(256 << 10);
    until("the link is ended", LIMIT, || {
        client.call(&["PUBLISH", "news", &message]).expect("it serves");
        exceeded(&nodes[0])
    });
    nodes[1].server().signal("CONT");
    let mut subscriber = nodes[1].client();
    subscriber.ask("SUBSCRIBE later");
    until("another link is there", LIMIT, || {
        client.call(&["PUBLISH", "later", "y"]).expect("it serves");
        nodes[1].text("CLUSTER INFO").contains("messages_publish_received")
    });
    subscriber.read().expect("a message comes");
}

#[test]
fn messages_of_clients_reach_subscribers_of_the_other_kind() {
    let nodes = mixed();
    let mut subscribers: Vec<Client> = nodes.iter().map(Node::client).collect();
    for subscriber in &mut subscribers {
        subscriber.ask("SUBSCRIBE news");
    }
    for (index, node) in nodes.iter().enumerate() {
        node.publish("news", &format!("from-{index}"));
    }
    for subscriber in &mut subscribers {
        let mut messages: Vec<String> = Vec::new();
        for _ in 0..nodes.len() {
            let push = subscriber.read().expect("a message comes").frame;
            let Frame::Array(items) = &push else { panic!("{push}") };
            messages.push(String::from_utf8_lossy(items[2].text().expect("a message is bytes")).into_owned());
        }
        messages.sort();
        assert_eq!(messages, ["from-0", "from-1", "from-2", "from-3"]);
    }
}
