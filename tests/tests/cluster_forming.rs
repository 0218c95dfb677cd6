//! A cluster that one file describes forms by itself and comes back after a crash.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use tests::cluster::{Node, agreed, until};
use tests::server::{Kind, free_port, run};

const ONE: Kind = Kind::Ashlar { cores: 1 };
const SLOTS: usize = 16_384;
const FORM_TIME_MAX: Duration = Duration::from_secs(5);
const LIMIT: Duration = Duration::from_secs(20);

/// A description of so many nodes on free ports with equal shares, and their ports.
fn description(count: usize) -> (String, Vec<(u16, u16)>) {
    let mut ports = BTreeSet::new();
    while ports.len() < 2 * count {
        ports.insert(free_port());
    }
    let ports: Vec<u16> = ports.into_iter().collect();
    let pairs: Vec<(u16, u16)> = ports.chunks(2).map(|pair| (pair[0], pair[1])).collect();
    let mut text = "[cluster]\ncluster-enabled = true\ncluster-node-timeout = 2000\n".to_owned();
    for (index, (port, bus)) in pairs.iter().enumerate() {
        let (first, last) = (index * SLOTS / count, (index + 1) * SLOTS / count - 1);
        write!(
            text,
            "[[cluster.nodes]]\naddress = \"127.0.0.1:{port}\"\nbus-port = {bus}\nslots = \"{first}-{last}\"\n"
        )
        .expect("writing into a string does not fail");
    }
    (text, pairs)
}

#[test]
fn six_nodes_with_one_file_are_a_cluster_and_come_back() {
    let folder = tempfile::tempdir().expect("a scratch folder can be made");
    let path = folder.path().join("cluster.toml");
    let (text, ports) = description(6);
    std::fs::write(&path, text).expect("the folder can be written");
    let path = path.to_str().expect("a path of letters");
    let begin = Instant::now();
    let start = |(port, bus): &(u16, u16)| Node::with(ONE, *port, *bus, &[path, "--port", &port.to_string()]);
    let mut nodes: Vec<Node> = ports.iter().map(start).collect();
    until("every node serves", FORM_TIME_MAX, || nodes.iter().all(Node::is_ok));
    eprintln!("formed {:?} after the first process was started", begin.elapsed());
    let all: Vec<&Node> = nodes.iter().collect();
    until("all agree", LIMIT, || agreed(&all));
    let before = nodes[0].nodes();
    let epochs: BTreeSet<u64> = before.values().map(|node| node.epoch).collect();
    assert_eq!(epochs.into_iter().collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(nodes[0].info("cluster_slots_ok"), "16384");
    find_failing(&mut nodes);

    nodes.iter_mut().for_each(Node::kill);
    nodes.iter_mut().for_each(Node::launch);
    nodes.iter_mut().for_each(Node::wait_ready);
    until("every node serves again", LIMIT, || nodes.iter().all(Node::is_ok));
    let all: Vec<&Node> = nodes.iter().collect();
    until("all agree on what was", LIMIT, || agreed(&all) && nodes[0].nodes() == before);
}

/// One node is killed: the others find it failing, and take it back.
fn find_failing(nodes: &mut [Node]) {
    let (last, others) = nodes.split_last_mut().expect("there are nodes");
    let id = last.id();
    last.kill();
    let took = until("it is failing everywhere", LIMIT, || others.iter().all(|node| node.nodes()[&id].is("fail")));
    eprintln!("failing everywhere {took:?} after it was killed");
    // The node timeout and half a second, and what looking at all nodes takes.
    assert!(took < Duration::from_millis(2000 + 500 + 500), "{took:?}");
    last.launch();
    last.wait_ready();
    until("it is taken back", LIMIT, || others.iter().all(|node| !node.nodes()[&id].is("fail") && node.is_ok()));
    until("it serves", LIMIT, || last.is_ok());
}

#[test]
fn a_node_that_lost_its_file_takes_nothing_from_the_others() {
    let folder = tempfile::tempdir().expect("a scratch folder can be made");
    let path = folder.path().join("cluster.toml");
    let (text, ports) = description(3);
    std::fs::write(&path, text).expect("the folder can be written");
    let path = path.to_str().expect("a path of letters");
    let start = |(port, bus): &(u16, u16)| Node::with(ONE, *port, *bus, &[path, "--port", &port.to_string()]);
    let mut nodes: Vec<Node> = ports.iter().map(start).collect();
    until("every node serves", FORM_TIME_MAX, || nodes.iter().all(Node::is_ok));
    let all: Vec<&Node> = nodes.iter().collect();
    until("all agree", LIMIT, || agreed(&all));
    // A slot of the first node moves to the last, which is the newest owner from then on.
    let (from, to) = (nodes[0].id(), nodes[2].id());
    nodes[2].client().ok(&format!("CLUSTER SETSLOT 0 IMPORTING {from}"));
    nodes[0].client().ok(&format!("CLUSTER SETSLOT 0 MIGRATING {to}"));
    nodes[2].client().ok(&format!("CLUSTER SETSLOT 0 NODE {to}"));
    let owns_it = |node: &Node| node.nodes().get(&to).is_some_and(|last| last.slots.iter().any(|slot| slot == "0"));
    until("all know the new owner", LIMIT, || nodes.iter().all(owns_it));

    nodes[0].kill();
    std::fs::remove_file(nodes[0].file()).expect("it has a file");
    nodes[0].launch();
    nodes[0].wait_ready();
    assert_ne!(nodes[0].id(), from, "it is another node now");
    until("it knows the owner", LIMIT, || owns_it(&nodes[0]));
    assert!(nodes[1..].iter().all(owns_it));
    let mut client = nodes[0].client();
    until("it sends clients there", LIMIT, || {
        // The key "3560" is in slot 0.
        let reply = client.ask("GET 3560").to_string();
        reply.contains(&format!("MOVED 0 127.0.0.1:{}", nodes[2].port)) || reply.contains("CLUSTERDOWN")
    });
}

#[test]
fn a_description_that_cannot_be_is_refused_with_its_place() {
    let folder = tempfile::tempdir().expect("a scratch folder can be made");
    let path = folder.path().join("c.toml");
    let rows = [
        ("address = \"127.0.0.1:7001\"\nslots = \"0-99\"", "c.toml:3: nodes: nobody has the slots [100..=16383]"),
        (
            "address = \"127.0.0.1:7001\"\nreplica-of = \"127.0.0.1:7002\"",
            "c.toml:5: replica-of: replicas need replication",
        ),
        ("address = \"127.0.0.1:7001\"\nslots = \"0-16383\"", "c.toml:3: nodes: none of them is this server"),
    ];
    for (node, expected) in rows {
        std::fs::write(&path, format!("[cluster]\ncluster-enabled = true\n[[cluster.nodes]]\n{node}\n"))
            .expect("written");
        let (status, output) = run(ONE, &[path.to_str().expect("a path of letters")]);
        assert_eq!(status.and_then(|status| status.code()), Some(1), "{output}");
        assert!(output.contains(expected), "{output}");
    }
}
