//! A node of a cluster: its file, where it listens, and what strangers can do to it. FR-P2C-007 T05, T07, E008, E010.
#![forbid(unsafe_code)]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tests::client::Client;
use tests::cluster::{Node, agreed, until};
use tests::frame::Frame;
use tests::server::{Kind, free_port, run};

const TWO: Kind = Kind::Ashlar { cores: 2 };
const LIMIT: Duration = Duration::from_secs(20);

/// How a server that is refused says so.
#[track_caller]
fn refused(arguments: &[&str], expected: &str) {
    let port = free_port().to_string();
    let all = [&["--cluster-enabled", "yes", "--port", &port][..], arguments].concat();
    let (status, output) = run(TWO, &all);
    assert_eq!(status.and_then(|status| status.code()), Some(1), "{arguments:?}\n{output}");
    assert!(output.contains(expected), "{arguments:?}\n{output}");
}

#[test]
fn fr_p2c_007_e008_a_node_is_the_same_after_kill_9() {
    let mut node = Node::start(TWO, 2000);
    node.add_slots(0, 16383);
    node.client().ok("CLUSTER SET-CONFIG-EPOCH 7");
    until("it serves", LIMIT, || node.is_ok());
    let before = (node.id(), node.nodes(), node.text("CLUSTER MYSHARDID"), node.info("cluster_current_epoch"));
    for _ in 0..3 {
        node.kill();
        node.launch();
        node.wait_ready();
        let after = (node.id(), node.nodes(), node.text("CLUSTER MYSHARDID"), node.info("cluster_current_epoch"));
        assert_eq!(after, before);
        assert!(!node.is_ok(), "it waits before it serves again");
    }
    until("it serves again", LIMIT, || node.is_ok());
    node.client().ok("SET k v");
}

#[test]
fn fr_p2c_007_e008_a_cut_file_is_refused_and_stays() {
    let mut node = Node::start(TWO, 2000);
    node.add_slots(0, 99);
    node.kill();
    let path = node.file();
    let whole = fs::read(&path).expect("the file is there");
    for length in [1, 40, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).expect("the file can be written");
        node.launch();
        let status = node.server().wait_exit().expect("it ends by itself");
        assert_eq!(status.code(), Some(1), "{length}");
        assert!(node.server().log_holds("corrupted cluster config file nodes.conf: line"), "{length}");
        assert_eq!(fs::read(&path).expect("the file is there"), whole[..length], "it was not touched");
    }
    fs::write(&path, &whole).expect("the file can be written");
    node.launch();
    node.wait_ready();
    assert_eq!(node.info("cluster_slots_assigned"), "100");
}

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

#[test]
fn fr_p2c_007_e008_a_file_is_one_process_s() {
    let node = Node::start(TWO, 2000);
    let file = node.file().display().to_string();
    refused(&["--cluster-config-file", &file], "is already used by another node");
    refused(&["--cluster-config-file", ""], "cluster-config-file is empty");
    assert_eq!(node.client().ask("PING"), Frame::Simple(b"PONG".to_vec()));
}

#[test]
fn fr_p2c_007_e008_a_file_that_cannot_be_written_ends_the_process() {
    let mut node = Node::start(TWO, 2000);
    let folder = node.folder().to_owned();
    // Root may write anywhere, so the place is taken by something that cannot be replaced by a file.
    let file = node.file();
    fs::remove_file(&file).expect("the file is there");
    fs::create_dir(&file).expect("its place is free");
    let mut client = node.client();
    client.send(&["CLUSTER", "ADDSLOTS", "1"]).expect("it runs");
    let status = node.server().wait_exit().expect("it ends by itself");
    assert_eq!(status.code(), Some(1));
    assert!(node.server().log_holds("Can't write nodes.conf"), "{}", folder.display());
}

#[test]
fn fr_p2c_007_e010_where_the_bus_may_be() {
    refused(&["--port", "60000"], "port 60000 is too high for a node of a cluster");
    refused(&["--bind", "0.0.0.0"], "set cluster-bus-open to yes");
    refused(&["--port", "0"], "a node of a cluster needs a TCP port");
    let taken = Node::start(TWO, 2000);
    let bus = taken.bus.to_string();
    refused(&["--cluster-port", &bus], &format!("Failed listening on port {bus} (cluster bus"));
    let (port, bus) = (free_port(), free_port());
    let [port_text, bus_text] = [port, bus].map(|port| port.to_string());
    let open = ["--port", &port_text, "--cluster-port", &bus_text, "--bind", "0.0.0.0", "--cluster-bus-open", "yes"];
    let node = Node::with(TWO, port, bus, &[&open[..], &["--cluster-enabled", "yes"]].concat());
    assert_eq!(node.info("cluster_known_nodes"), "1");
}

#[test]
fn fr_p2c_007_e010_strangers_change_nothing() {
    let node = Node::start(TWO, 2000);
    let before = node.text("CLUSTER NODES");
    let mut header = vec![0; 2256];
    header[..4].copy_from_slice(b"RCmb");
    header[4..8].copy_from_slice(&2256_u32.to_be_bytes());
    header[9] = 1;
    let mut huge = header.clone();
    huge[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &huge] {
        let mut stranger = TcpStream::connect(("127.0.0.1", node.bus)).expect("the bus listens");
        stranger.write_all(bytes).expect("the bus reads");
        stranger.set_read_timeout(Some(LIMIT)).expect("a time can be set");
        // It is closed unanswered, with what it did not read or without.
        assert!(matches!(stranger.read(&mut [0; 16]), Ok(0) | Err(_)));
    }
    let mut nameless = TcpStream::connect(("127.0.0.1", node.bus)).expect("the bus listens");
    nameless.write_all(&header).expect("the bus reads");
    nameless.write_all(&header[..1000]).expect("the bus reads");
    assert_eq!(node.text("CLUSTER NODES"), before);
    // Who does not make himself known is sent away, so that he takes no place for ever.
    nameless.set_read_timeout(Some(LIMIT)).expect("a time can be set");
    assert!(matches!(nameless.read(&mut [0; 16]), Ok(0)));
    assert_eq!(node.text("CLUSTER NODES"), before);
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
    let numbers = |frame: Frame| {
        let numbers = frame
            .to_string()
            .split(|letter: char| !letter.is_ascii_digit())
            .filter_map(|word| word.parse().ok())
            .collect::<Vec<u64>>();
        numbers
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
