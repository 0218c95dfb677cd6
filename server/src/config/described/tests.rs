//! Who a server is in a description, and what is wrong with descriptions.

use std::path::Path;

use super::super::error::Problem;
use super::super::file::{self, Declared};
use super::*;

/// What a test changes of the settings.
type Change = fn(&mut Settings);

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(|problem| format!("{}: {}", problem.place, problem.what)).collect();
    lines.join("\n")
}

/// What a server with these settings makes of a file.
fn settle(text: &str, change: Change) -> Result<(Described, Settings), String> {
    let (mut settings, mut declared, mut problems) = (Settings::default(), Declared::default(), Vec::new());
    file::apply(Path::new("c.toml"), text, &mut settings, &mut declared, &mut problems);
    if !problems.is_empty() {
        return Err(lines(&problems));
    }
    change(&mut settings);
    let described = declared.nodes.expect("the file has nodes").settle(&mut settings);
    described.map(|described| (described, settings)).map_err(|problem| lines(&[problem]))
}

const THREE: &str = r#"[cluster]
cluster-enabled = true

[[cluster.nodes]]
address = "127.0.0.1:7001"
slots = "0-5460"

[[cluster.nodes]]
address = "127.0.0.1:7002"
bus-port = 7102
slots = ["5461-10000", "10001 10002-10922"]

[[cluster.nodes]]
address = "[::1]:7003"
slots = "10923-16383"
"#;

#[test]
fn a_server_finds_itself_by_port_and_address_or_by_name() {
    let rows: [(Change, usize, u16, u16); 4] = [
        (|settings| settings.port = 7001, 0, 7001, 17_001),
        (|settings| settings.port = 7002, 1, 7002, 7102),
        (|settings| settings.port = 7003, 2, 7003, 17_003),
        (|settings| settings.cluster_node = "[::1]:7003".into(), 2, 7003, 17_003),
    ];
    for (change, me, port, bus) in rows {
        let (described, settings) = settle(THREE, change).expect("it is one of them");
        assert_eq!((described.me, settings.port, settings.cluster_port), (me, port, bus));
        assert_eq!(settings.cluster_config_file, format!("nodes-{port}.conf"));
        assert_eq!(described.nodes.iter().map(|node| node.slots.len()).collect::<Vec<_>>(), [5461, 5462, 5461]);
    }
    let own: Change = |settings| {
        (settings.port, settings.cluster_config_file) = (7001, "mine.conf".into());
        settings.bind = vec!["0.0.0.0".into()];
    };
    let (_, settings) = settle(THREE, own).expect("it listens everywhere");
    assert_eq!(settings.cluster_config_file, "mine.conf");
}

#[test]
fn a_server_that_is_none_of_them_or_differs_is_refused() {
    let rows: [(Change, &str); 6] = [
        (|_| (), "none of them is this server, which has port 6379 and listens on 127.0.0.1 -::1: set these"),
        (
            |settings| (settings.port, settings.bind) = (7001, vec!["127.0.0.2".into()]),
            "none of them is this server, which has port 7001",
        ),
        (
            |settings| settings.cluster_node = "127.0.0.1:7009".into(),
            "cluster-node is 127.0.0.1:7009, which is none of",
        ),
        (
            |settings| (settings.cluster_node, settings.port) = ("127.0.0.1:7001".into(), 7002),
            "the entry of this server has port 7001, but port is 7002",
        ),
        (
            |settings| (settings.port, settings.cluster_port) = (7002, 17_002),
            "the entry of this server has bus port 7102, but cluster-port is 17002",
        ),
        (|settings| settings.cluster_enabled = false, "they describe a cluster, but cluster-enabled is no"),
    ];
    for (change, expected) in rows {
        let error = settle(THREE, change).expect_err(expected);
        assert!(error.starts_with(&format!("c.toml:4: nodes: {expected}")), "{error}");
    }
}

/// Nodes, and the start of what is wrong with them; the first line is the fifth of the file.
const WRONG: &[(&str, &str)] = &[
    ("address = \"127.0.0.1:7000\"\nslots = \"0-5 5\"", "c.toml:6: slots: slot 5 is given twice"),
    ("address = \"127.0.0.1:7000\"\nslots = \"9-5\"", "c.toml:6: slots: '9-5' ends before it begins"),
    ("address = \"127.0.0.1:7000\"\nslots = \"0-16384\"", "c.toml:6: slots: '0-16384' is no range of slots"),
    ("address = \"127.0.0.1:7000\"\nslots = 5", "c.toml:6: slots: expected slots such as"),
    ("address = \"127.0.0.1:7000\"\nslots = [5]", "c.toml:6: slots: expected slots such as"),
    ("address = \"db-1:7000\"", "c.toml:5: address: expected an IP address with a port"),
    ("address = \"127.0.0.1\"", "c.toml:5: address: expected an IP address with a port"),
    ("address = \"127.0.0.1:0\"", "c.toml:5: address: the port is 0"),
    ("address = \"0.0.0.0:7000\"", "c.toml:5: address: others cannot reach 0.0.0.0"),
    ("address = \"127.0.0.1:60000\"", "c.toml:5: address: the port is above 55535, so a bus-port is needed"),
    ("address = 7000", "c.toml:5: address: expected a string"),
    ("address = \"127.0.0.1:7000\"\nbus-port = 0", "c.toml:6: bus-port: expected a port from 1 to 65535"),
    ("address = \"127.0.0.1:7000\"\nbus-port = \"1\"", "c.toml:6: bus-port: expected a port from 1 to 65535"),
    ("slots = \"0-5\"", "c.toml:4: nodes: a node has an address"),
    ("address = \"127.0.0.1:7000\"\nname = \"a\"", "c.toml:6: name: a node has an address, slots and a bus-port"),
    ("replica-of = \"127.0.0.1:7000\"", "c.toml:5: replica-of: replicas need replication of data"),
    ("address = \"127.0.0.1:7000\"\nslots = \"0-16382\"", "c.toml:4: nodes: nobody has the slots [16383..=16383]"),
    (
        "address = \"127.0.0.1:7000\"\nslots = \"0-9\"\n[[cluster.nodes]]\naddress = \"127.0.0.1:7001\"\nslots = \"9\"",
        "c.toml:9: slots: slot 9 is also given to 127.0.0.1:7000",
    ),
    (
        "address = \"127.0.0.1:7000\"\n[[cluster.nodes]]\naddress = \"127.0.0.1:7000\"",
        "c.toml:7: address: it shares a port with the node 127.0.0.1:7000",
    ),
    (
        "address = \"127.0.0.1:7000\"\n[[cluster.nodes]]\naddress = \"127.0.0.1:17000\"\nbus-port = 1",
        "c.toml:7: address: it shares a port with the node 127.0.0.1:7000",
    ),
];

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (nodes, expected) in WRONG {
        let text = format!("[cluster]\ncluster-enabled = true\n\n[[cluster.nodes]]\n{nodes}\n");
        let error = settle(&text, |settings| settings.port = 7000).expect_err(expected);
        assert!(error.lines().any(|line| line.starts_with(expected)), "{nodes}\n{error}\n{expected}");
    }
    let whole = |text: &str| settle(&format!("[cluster]\n{text}"), |_| ()).expect_err(text);
    assert!(whole("nodes = 1").starts_with("c.toml:2: nodes: expected [[cluster.nodes]] tables"));
    assert!(whole("nodes = []").starts_with("c.toml:2: nodes: a cluster has at least one node"));
    assert!(whole("nodes = [1]").starts_with("c.toml:2: nodes: expected a table"));
}

#[test]
fn the_samples_describe_clusters() {
    let one_machine = include_str!("../../../../deploy/cluster-one-machine.toml");
    let machines = include_str!("../../../../deploy/cluster-machines.toml");
    let last: Change = |settings| settings.port = 7003;
    let (described, settings) = settle(one_machine, last).expect("it is the last");
    assert_eq!((described.me, settings.cluster_config_file.as_str()), (2, "nodes-7003.conf"));
    let second: Change = |settings| settings.cluster_node = "10.0.0.2:6379".into();
    assert_eq!(settle(machines, second).expect("it is the second").0.me, 1);
}

#[test]
fn slots_may_be_missing_where_the_cluster_serves_without_them() {
    let text = "[cluster]\ncluster-enabled = true\ncluster-require-full-coverage = false\n\
                [[cluster.nodes]]\naddress = \"127.0.0.1:7000\"";
    let (described, _) = settle(text, |settings| settings.port = 7000).expect("it needs no slots");
    assert!(described.nodes[0].slots.is_empty());
}
