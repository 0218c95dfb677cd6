//! A node of a cluster: how it ends, what it cannot be, and its settings. What becomes of its file is E008 in `packet_007`.
#![forbid(unsafe_code)]

use std::fs;
use std::time::Duration;

use tests::cluster::{Node, until};
use tests::server::Kind;

const TWO: Kind = Kind::Ashlar { cores: 2 };
const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn a_replica_is_refused_while_data_is_not_replicated() {
    let mut node = Node::start(TWO, 2000);
    node.kill();
    let path = node.file();
    let text = fs::read_to_string(&path).expect("the file is there").replace("myself,master", "myself,slave");
    fs::write(&path, &text).expect("the file can be written");
    node.launch();
    assert_eq!(node.server().wait_exit().expect("it ends by itself").code(), Some(1));
    assert!(node.server().log_holds("the node of nodes.conf is a replica"));
    assert_eq!(fs::read_to_string(&path).expect("the file is there"), text);
}

#[test]
fn term_ends_a_node_in_order() {
    let mut node = Node::start(TWO, 2000);
    node.add_slots(0, 5);
    node.server().signal("TERM");
    assert_eq!(node.server().wait_exit().expect("it ends").code(), Some(0));
    node.launch();
    node.wait_ready();
    assert_eq!(node.info("cluster_slots_assigned"), "6");
}

/// Settings of a cluster, values, and whether they are taken.
const SET: &[(&str, &str)] = &[
    ("cluster-node-timeout", "-1"),
    ("cluster-node-timeout", "3000"),
    ("cluster-announce-port", "70000"),
    ("cluster-announce-hostname", "bad_host"),
    ("cluster-announce-hostname", "host-1.example"),
    ("cluster-preferred-endpoint-type", "elsewhere"),
    ("cluster-preferred-endpoint-type", "unknown-endpoint"),
    ("cluster-replica-no-failover", "yes"),
    ("cluster-require-full-coverage", "maybe"),
    ("cluster-link-sendbuf-limit", "1kb"),
    ("cluster-config-file", "other.conf"),
    ("cluster-enabled", "no"),
    ("cluster-port", "1"),
];

#[test]
fn settings_answer_as_those_of_redis() {
    let nodes = [Node::start(TWO, 2000), Node::start(Kind::Redis, 2000)];
    let mut clients = nodes.each_ref().map(Node::client);
    for (name, value) in SET {
        let [ours, theirs] = clients.each_mut().map(|client| client.ask(&format!("CONFIG SET {name} {value}")));
        assert_eq!(ours, theirs, "{name} {value}");
        if *name != "cluster-port" {
            let [ours, theirs] = clients.each_mut().map(|client| client.ask(&format!("CONFIG GET {name}")));
            assert_eq!(ours, theirs, "{name}");
        }
    }
    until("what is announced is known", LIMIT, || nodes[0].text("CLUSTER NODES").contains(",host-1.example"));
    assert!(nodes[0].text("CLUSTER NODES").contains("nofailover"));
}
