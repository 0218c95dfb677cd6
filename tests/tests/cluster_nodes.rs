//! A node of a cluster: how it ends, what it cannot be, and its settings. What becomes of its file is E008 in `packet_007`.
#![forbid(unsafe_code)]

use std::fs;
use std::time::Duration;

use tests::client::Client;
use tests::cluster::{Node, agreed, until};
use tests::frame::Frame;
use tests::server::{Kind, free_port};

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

#[test]
fn links_of_the_bus_are_closed_on_demand_and_opened_again() {
    let nodes = [0, 1].map(|_| {
        let (port, bus) = (free_port(), free_port());
        let [port_text, bus_text] = [port, bus].map(|port| port.to_string());
        let arguments = ["--port", &port_text, "--cluster-port", &bus_text, "--cluster-enabled", "yes"];
        Node::with(TWO, port, bus, &[&arguments[..], &["--enable-debug-command", "yes"]].concat())
    });
    nodes[0].meet(&nodes[1]);
    until("they know each other", LIMIT, || agreed(&[&nodes[0], &nodes[1]]));
    let (mut client, other) = (nodes[0].client(), nodes[1].id());
    let links = |client: &mut Client| client.ask("CLUSTER LINKS").to_string();
    for which in ["to", "from", "all"] {
        until("both have links", LIMIT, || links(&mut client).matches(&other).count() == 2);
        let before = links(&mut client);
        client.ok(&format!("DEBUG CLUSTERLINK KILL {which} {other}"));
        until("there are others", LIMIT, || {
            let now = links(&mut client);
            now != before && now.matches(&other).count() == 2
        });
    }
    for (words, refusal) in [
        ("DEBUG CLUSTERLINK KILL to nobody", "ERR Unknown node nobody".to_owned()),
        (&format!("DEBUG CLUSTERLINK KILL up {other}"), "ERR Unknown direction up".to_owned()),
    ] {
        assert_eq!(client.ask(words), Frame::Error(refusal.into_bytes()));
    }
}

#[test]
fn what_the_commands_of_a_slot_take_is_counted_on_demand() {
    let node = Node::start(TWO, 2000);
    node.add_slots(0, 16383);
    until("it serves", LIMIT, || node.is_ok());
    let mut client = node.client();
    let slot = |client: &mut Client, key: &str| match client.ask(&format!("CLUSTER KEYSLOT {key}")) {
        Frame::Int(slot) => slot,
        other => panic!("{other}"),
    };
    let stats = |client: &mut Client, slot: i64| client.ask(&format!("CLUSTER SLOT-STATS SLOTSRANGE {slot} {slot}"));
    let numbers = |frame: Frame| -> Vec<u64> {
        let text = frame.to_string();
        text.split(|letter: char| !letter.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect()
    };
    for key in ["a", "b", "c", "d"] {
        let slot = slot(&mut client, key);
        client.ok("CONFIG SET cluster-slot-stats-enabled no");
        client.ok(&format!("SET {key} 1"));
        assert!(!stats(&mut client, slot).to_string().contains("cpu-usec"));
        client.ok("CONFIG SET cluster-slot-stats-enabled yes");
        let text = stats(&mut client, slot).to_string();
        for name in ["key-count", "memory-bytes", "cpu-usec", "network-bytes-in", "network-bytes-out"] {
            assert!(text.contains(name), "{text}");
        }
        let bytes = |client: &mut Client| {
            let numbers = numbers(stats(client, slot));
            let [.., bytes_in, bytes_out] = numbers[..] else { panic!("{numbers:?}") };
            (bytes_in, bytes_out)
        };
        assert_eq!(bytes(&mut client), (0, 0), "it counts from now on");
        client.ok(&format!("SET {key} 1"));
        let of_set = "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n".len() as u64;
        assert_eq!(bytes(&mut client), (of_set, 5));
        client.ok("MULTI");
        client.ask(&format!("SET {key} 1"));
        client.ask("EXEC");
        assert_eq!(bytes(&mut client), (2 * of_set, 10));
        client.call(&["EVAL", "return redis.call('GET', KEYS[1])", "1", key]).expect("a reply");
        assert_eq!(bytes(&mut client).1, 10 + "$1\r\n1\r\n".len() as u64);
        client.ok("CONFIG RESETSTAT");
        assert_eq!(bytes(&mut client), (0, 0));
        client.ok(&format!("SET {key} 1"));
        client.ok(&format!("CLUSTER DELSLOTS {slot}"));
        client.ok(&format!("CLUSTER ADDSLOTS {slot}"));
        until("what another node may have served is forgotten", LIMIT, || bytes(&mut client) == (0, 0));
        until("it serves again", LIMIT, || node.is_ok());
    }
}
