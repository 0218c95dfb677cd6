//! A cluster that one file describes forms by itself and comes back after a crash. Who lost its file is E008 in `packet_007`.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tests::cluster::{Node, agreed, description, until};
use tests::server::{Kind, run};

const ONE: Kind = Kind::Ashlar { cores: 1 };
const FORM_TIME_MAX: Duration = Duration::from_secs(5);
const LIMIT: Duration = Duration::from_secs(20);

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
