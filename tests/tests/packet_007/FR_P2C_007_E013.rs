//! E013, C12 and C13: a cluster runs on through pauses, delay, full cores and peers that do not read; who is gone is found in time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tests::client::Outcome;
use tests::cluster::{Node, join, until, until_whole};
use tests::frame::Frame;
use tests::server::Kind;

use crate::bed::{Bed, LIMIT, OURS};
use crate::delay::slow_port;
use crate::rows;

const NODE_TIMEOUT_MS: u64 = 2_000;
/// What everything on a slow network takes from one to another.
const DELAY: Duration = Duration::from_millis(200);
/// How long a node stands still.
const PAUSE: Duration = Duration::from_millis(400);
/// Its slot is one of the first quarter.
const FIRST_NODES_KEY: &str = "hello";

rows! { "cluster.cron_liveness_policy_violation":
    FR_P2C_007_STRICT_E013_killed => both_kinds_agree_and_find_each_other_failing_and_back;
    FR_P2C_007_STRICT_E013_still => who_stood_still_is_taken_back;
    FR_P2C_007_STRICT_E013_slow => a_slow_network_and_short_pauses_are_no_failures;
    FR_P2C_007_STRICT_E013_busy => busy_cores_look_alive;
    FR_P2C_007_STRICT_E013_unread => a_node_that_does_not_read_costs_no_more_than_the_limit;
}

/// Two nodes of ours and two of Redis that serve.
fn mixed(bed: &Bed) -> Vec<Node> {
    let kinds = [OURS, Kind::Redis, OURS, Kind::Redis];
    let nodes: Vec<Node> = kinds.into_iter().map(|kind| bed.node(kind, NODE_TIMEOUT_MS)).collect();
    join(&nodes);
    nodes
}

fn both_kinds_agree_and_find_each_other_failing_and_back(bed: &mut Bed) {
    let mut nodes = mixed(bed);
    // One of ours, then one of theirs.
    for gone in [2, 3] {
        let id = nodes[gone].id();
        nodes[gone].kill();
        let others = || (0..nodes.len()).filter(|index| *index != gone).map(|index| &nodes[index]);
        let took = until("it is failing everywhere", LIMIT, || others().all(|node| node.nodes()[&id].is("fail")));
        eprintln!("{:?} after it was killed, node {gone} is failing at all others", took);
        assert!(took < Duration::from_millis(2 * NODE_TIMEOUT_MS), "{took:?}");
        assert!(others().all(|node| !node.is_ok()), "slots are not served");
        bed.saw("kill -9", "fail");
        nodes[gone].launch();
        nodes[gone].wait_ready();
        assert_eq!(nodes[gone].id(), id);
        until("it is taken back", LIMIT, || nodes.iter().all(|node| !node.nodes()[&id].is("fail") && node.is_ok()));
    }
    until_whole(&nodes);
}

/// How often a node stands still: whether its cores or its bus thread run first after that is chance, and neither may serve.
const STILL_TIMES: usize = 3;

fn who_stood_still_is_taken_back(bed: &mut Bed) {
    let mut nodes = mixed(bed);
    let (id, mut clients) = (nodes[0].id(), [nodes[0].client(), nodes[0].client(), nodes[0].client()]);
    for _ in 0..STILL_TIMES {
        for client in &mut clients {
            client.ok(&format!("SET {FIRST_NODES_KEY} before"));
        }
        nodes[0].signal("STOP");
        let has_failed = || nodes[1..].iter().all(|node| node.nodes()[&id].is("fail"));
        until("the others find that it failed", LIMIT, has_failed);
        // What waits for it when it wakes up comes from a cluster that has gone on without it.
        for client in &mut clients {
            client.send(&["SET", FIRST_NODES_KEY, "late"]).expect("the kernel takes it");
        }
        let woken = Instant::now();
        nodes[0].signal("CONT");
        for client in &mut clients {
            let reply = client.read().expect("a reply").frame;
            assert!(matches!(&reply, Frame::Error(text) if text.starts_with(b"CLUSTERDOWN")), "{reply}");
            bed.saw("SET late", reply);
        }
        // As one that comes back from a minority, it waits for news of what it lost.
        let served = || clients[0].ask(&format!("SET {FIRST_NODES_KEY} after")) == Frame::Simple(b"OK".to_vec());
        until("it serves again", LIMIT, served);
        let took = woken.elapsed();
        assert!(took >= Duration::from_millis(NODE_TIMEOUT_MS), "{took:?}");
        nodes[0].server().wait_line("stood still for longer than cluster-node-timeout").expect("it knows");
        until_whole(&nodes);
    }
}

fn a_slow_network_and_short_pauses_are_no_failures(bed: &mut Bed) {
    let mut nodes: Vec<Node> = Vec::new();
    for kind in [OURS, OURS, Kind::Redis] {
        let mut node = bed.node(kind, NODE_TIMEOUT_MS);
        node.bus = slow_port(node.bus, DELAY);
        node.client().ok(&format!("CONFIG SET cluster-announce-bus-port {}", node.bus));
        nodes.push(node);
    }
    join(&nodes);
    let is_suspected = |nodes: &[Node]| nodes.iter().any(|node| node.nodes().values().any(|known| known.is("fail?")));
    let begin = Instant::now();
    for round in 0.. {
        // Each in turn stands still, which with the delay is less than the node timeout.
        let still = &nodes[round % nodes.len()];
        still.signal("STOP");
        let pause = Instant::now();
        let others: Vec<&Node> = nodes.iter().filter(|node| node.port != still.port).collect();
        while pause.elapsed() < PAUSE {
            assert!(others.iter().all(|node| node.is_ok() && node.nodes().values().all(|known| !known.is("fail?"))));
        }
        still.signal("CONT");
        assert!(!is_suspected(&nodes), "round {round}");
        if begin.elapsed() > 2 * Duration::from_millis(NODE_TIMEOUT_MS) {
            break;
        }
    }
    assert!(nodes.iter().all(Node::is_ok));
    // Who is gone is found, a little later.
    let id = nodes[1].id();
    nodes[1].kill();
    let took =
        until("it is failing everywhere", LIMIT, || [0, 2].iter().all(|&node| nodes[node].nodes()[&id].is("fail")));
    eprintln!("failing everywhere {took:?} after it was killed, with {DELAY:?} each way");
    assert!(took < Duration::from_millis(NODE_TIMEOUT_MS + 1_000) + 4 * DELAY, "{took:?}");
    bed.saw("slow", "no failure but one");
}

fn busy_cores_look_alive(bed: &mut Bed) {
    // Everybody sees who is suspected: a node of Redis, which is idle, is asked all the time.
    let mut nodes: Vec<Node> = [OURS, OURS, Kind::Redis].into_iter().map(|kind| bed.node(kind, 1_000)).collect();
    join(&nodes);
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
    bed.saw("all cores at work", "nobody is suspected");
}

fn a_node_that_does_not_read_costs_no_more_than_the_limit(bed: &mut Bed) {
    // Long enough that only the limit can end the link.
    let mut nodes: Vec<Node> = [OURS, Kind::Redis].into_iter().map(|kind| bed.node(kind, 60_000)).collect();
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
    subscriber.wait = Duration::from_millis(50);
    let mut heard = None;
    until("another link is there", LIMIT, || {
        client.call(&["PUBLISH", "later", "y"]).expect("it serves");
        if let Outcome::Reply(reply) = subscriber.read() {
            heard = Some(reply.frame);
        }
        heard.is_some()
    });
    bed.saw("PUBLISH later y", heard.expect("a message came"));
}
