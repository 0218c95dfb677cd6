//! E003, C03: slots move between nodes of ours and of Redis while clients write: who serves a key is never in doubt, and nothing is lost.

use std::fs;

use tests::client::Client;
use tests::cluster::{Node, until, until_whole};
use tests::frame::Frame;
use tests::server::{Kind, Server, free_port, start_in};

use crate::bed::{Bed, LIMIT, OURS};
use crate::pair::sessions_answer_alike;
use crate::rows;
use crate::tool::{Follower, address, contents, fill, made_by_tool, manage, managed, while_counting};

/// Slots that change their owner.
const MOVED: &str = "400";

rows! { "cluster.slot_owner_query_violation":
    FR_P2C_007_STRICT_E003_moving + FR_P2C_007_HARDENED_E003_moving => a_slot_on_its_way_is_served_as_by_redis;
    FR_P2C_007_STRICT_E003_reshape => redis_cli_makes_and_reshapes_a_cluster;
    FR_P2C_007_STRICT_E003_mixed => keys_of_every_type_go_both_ways_beside_redis;
}

fn a_slot_on_its_way_is_served_as_by_redis(bed: &mut Bed) {
    sessions_answer_alike(bed, include_str!("E003.txt"));
}

/// Slots go from the first node to the last and back, while clients count.
fn reshape(bed: &mut Bed, nodes: &[Node]) {
    let (first, last) = (&nodes[0], nodes.last().expect("there are some"));
    let (from, to, at) = (first.id(), last.id(), address(first));
    let mut follower = Follower::new(nodes);
    fill(&mut follower);
    let before = contents(|words| follower.ask(words));
    before.iter().for_each(|value| bed.saw("", value));
    while_counting(nodes, &|| {
        let words = ["reshard", &at, "--cluster-from", &from, "--cluster-to", &to, "--cluster-slots", MOVED];
        managed(&[&words[..], &["--cluster-yes"]].concat());
    });
    until_whole(nodes);
    assert_eq!(contents(|words| follower.ask(words)), before);
    let said = managed(&["check", &at]);
    assert!(said.contains("All nodes agree about slots configuration") && said.contains("All 16384 slots covered"));
    // A slot that somebody left open.
    let slot = last.nodes()[&to].slots[0].split('-').next().expect("a number").to_owned();
    last.client().ok(&format!("CLUSTER SETSLOT {slot} MIGRATING {from}"));
    first.client().ok(&format!("CLUSTER SETSLOT {slot} IMPORTING {to}"));
    assert!(manage(&["check", &at]).1.contains("The following slots are open"));
    managed(&["fix", &at]);
    assert!(!managed(&["check", &at]).contains("The following slots are open"));
    while_counting(nodes, &|| {
        managed(&["rebalance", &at, "--cluster-weight", &format!("{to}=0"), "--cluster-use-empty-masters"]);
    });
    until_whole(nodes);
    assert!(last.nodes()[&to].slots.is_empty(), "it has given all away");
    assert_eq!(contents(|words| follower.ask(words)), before);
}

fn redis_cli_makes_and_reshapes_a_cluster(bed: &mut Bed) {
    let nodes = made_by_tool(bed, &[OURS; 4]);
    reshape(bed, &nodes);
    let (first, last) = (&nodes[0], &nodes[3]);
    let at = address(first);
    assert!(managed(&["info", &at]).contains("in 4 masters"));
    assert_eq!(managed(&["call", &at, "CLUSTER", "KEYSLOT", "foo"]).matches("12182").count(), 4);
    manage(&["set-timeout", &at, "16000"]);
    let timeout = |node: &Node| node.client().ask("CONFIG GET cluster-node-timeout").to_string();
    assert!(nodes.iter().all(|node| timeout(node).contains("16000")));
    let old = Server::start(Kind::Redis, &[]);
    old.client().ok("SET import:1 value");
    managed(&["import", &at, "--cluster-from", &format!("127.0.0.1:{}", old.port), "--cluster-copy"]);
    assert_eq!(Follower::new(&nodes).ask(&["GET", "import:1"]), Frame::Bulk(b"value".to_vec()));
    back_up(&nodes);
    managed(&["del-node", &at, &last.id()]);
    until("it is alone", LIMIT, || last.nodes().len() == 1);
    until("the others forget it", LIMIT, || nodes[..3].iter().all(|node| node.nodes().len() == 3));
}

/// A backup is a file for each node, which holds the node's keys, and a description of the cluster.
fn back_up(nodes: &[Node]) {
    let folder = tempfile::tempdir().expect("a scratch folder can be made");
    managed(&["backup", &address(&nodes[0]), folder.path().to_str().expect("a path of letters")]);
    let described = fs::read_to_string(folder.path().join("nodes.json")).expect("there is a description");
    let read = |node: &Node| {
        assert!(described.contains(&node.id()));
        let file = format!("redis-node-127.0.0.1-{}-{}.rdb", node.port, node.id());
        let port = free_port();
        let arguments = ["--port", &port.to_string(), "--save", "", "--dbfilename", &file];
        let mut copy = start_in(Kind::Redis, port, folder.path(), &arguments);
        copy.wait_ready().expect("redis-server reads it");
        assert_eq!(copy.client().ask("DBSIZE"), node.client().ask("DBSIZE"), "{file}");
        copy
    };
    let copies: Vec<Server> = nodes.iter().map(read).collect();
    let mut clients: Vec<Client> = copies.iter().map(Server::client).collect();
    let ask = |words: &[&str]| {
        let has = |client: &mut Client| client.call(&["EXISTS", words[1]]).expect("a reply").frame == Frame::Int(1);
        let place = clients.iter_mut().position(has).expect("a file has the key");
        clients[place].call(words).expect("a reply").frame
    };
    let mut follower = Follower::new(nodes);
    assert_eq!(contents(ask), contents(|words| follower.ask(words)));
}

fn keys_of_every_type_go_both_ways_beside_redis(bed: &mut Bed) {
    for kinds in [[OURS, Kind::Redis, OURS, Kind::Redis], [Kind::Redis, OURS, Kind::Redis, OURS]] {
        let nodes = made_by_tool(bed, &kinds);
        reshape(bed, &nodes);
    }
}
