//! E011, C11: what a node said of its epochs and votes was on disk before; our votes make a replica of Redis a master.

use std::fs;

use tests::cluster::{Node, join, until};
use tests::frame::Frame;
use tests::server::Kind;

use crate::bed::{Bed, LIMIT, OURS};
use crate::hosts::{Hosts, MASTERS};
use crate::rows;

const NODE_TIMEOUT_MS: u64 = 2_000;
/// A key of the third node's share.
const KEY: &str = "foo";

rows! { "cluster.failover_election_contract_violation":
    FR_P2C_007_STRICT_E011_kill_9 => kill_9_at_any_point_keeps_what_was_said;
    FR_P2C_007_STRICT_E011_votes => a_replica_of_redis_wins_by_our_votes;
}

fn kill_9_at_any_point_keeps_what_was_said(bed: &mut Bed) {
    let Some(mut hosts) = Hosts::form(bed) else { return };
    let mut promised = [0; MASTERS];
    for round in 0..2 * MASTERS {
        let number = round * 3 % MASTERS;
        let mut client = hosts.nodes[number].client();
        // What was answered was on disk; what was not, may be.
        for _ in 0..round % 4 {
            let Frame::Simple(text) = client.ask("CLUSTER BUMPEPOCH") else { panic!("a status") };
            let text = String::from_utf8(text).expect("it is text");
            promised[number] = text.rsplit(' ').next().and_then(|epoch| epoch.parse().ok()).expect("an epoch");
        }
        client.send(&["CLUSTER", "BUMPEPOCH"]).expect("it runs");
        hosts.nodes[number].kill();
        hosts.nodes[number].launch();
        hosts.nodes[number].wait_ready();
        let id = hosts.nodes[number].id();
        let epoch = hosts.nodes[number].nodes()[&id].epoch;
        assert!(epoch >= promised[number], "round {round}: {epoch} after {}", promised[number]);
    }
    hosts.until_whole();
}

/// Two masters of ours, which are the majority, a master of Redis, and its replica.
fn with_a_replica(bed: &Bed) -> Vec<Node> {
    let mut nodes = Vec::from([OURS, OURS, Kind::Redis].map(|kind| bed.node(kind, NODE_TIMEOUT_MS)));
    join(&nodes);
    nodes[2].client().ok("CONFIG SET repl-diskless-sync-delay 0");
    let replica = bed.node(Kind::Redis, NODE_TIMEOUT_MS);
    replica.meet(&nodes[0]);
    nodes.push(replica);
    until("all know each other", LIMIT, || nodes.iter().all(|node| node.info("cluster_known_nodes") == "4"));
    nodes[3].client().ok(&format!("CLUSTER REPLICATE {}", nodes[2].id()));
    until_replicating(&nodes, 3);
    nodes
}

/// Waits until a node follows its master and all know.
#[track_caller]
fn until_replicating(nodes: &[Node], replica: usize) {
    let id = nodes[replica].id();
    let is_replica = |node: &Node| node.nodes().get(&id).is_some_and(|known| known.is("slave") && !known.is("fail"));
    until("all know the replica", LIMIT, || nodes.iter().all(is_replica));
    until("its data are there", LIMIT, || nodes[replica].text("INFO replication").contains("master_link_status:up"));
}

/// Waits until these nodes agree that one of them won an election: all slots of the one that it followed are its own, by an epoch that
/// only our votes can have given it, and that each of our masters has on disk as that of its vote.
#[track_caller]
fn until_elected(alive: &[&Node], winner: &Node, loser: &str, before: u64) -> u64 {
    let id = winner.id();
    let is_won = |node: &&Node| {
        let (known, first) = (node.nodes(), alive[0].nodes());
        let [won, lost] = [&id, loser].map(|id| &known[id]);
        known == first && won.is("master") && !won.slots.is_empty() && lost.slots.is_empty() && node.is_ok()
    };
    until("the replica is elected, and all agree", LIMIT, || alive.iter().all(is_won));
    let epoch = alive[0].nodes()[&id].epoch;
    assert!(epoch > before, "{epoch} after {before}");
    assert!(alive.iter().all(|node| node.info("cluster_current_epoch") == epoch.to_string()));
    for voter in &alive[..2] {
        let conf = fs::read_to_string(voter.file()).expect("it can be read");
        assert!(conf.ends_with(&format!("vars currentEpoch {epoch} lastVoteEpoch {epoch}\n")), "{conf}");
    }
    epoch
}

/// Our masters send clients there, who find what was written.
#[track_caller]
fn is_served_by(nodes: &[Node], owner: usize, value: &str) {
    let moved = format!("MOVED 12182 127.0.0.1:{}", nodes[owner].port);
    for node in &nodes[..2] {
        assert_eq!(node.client().ask(&format!("GET {KEY}")), Frame::Error(moved.clone().into()));
    }
    assert_eq!(nodes[owner].text(&format!("GET {KEY}")), value);
}

fn a_replica_of_redis_wins_by_our_votes(bed: &mut Bed) {
    let mut nodes = with_a_replica(bed);
    let (master, replica) = (nodes[2].id(), nodes[3].id());
    let before = nodes[0].nodes().values().map(|known| known.epoch).max().expect("there are nodes");
    let mut client = nodes[2].client();
    client.ok(&format!("SET {KEY} one"));
    assert_eq!(client.ask("WAIT 1 0"), Frame::Int(1));
    is_served_by(&nodes, 2, "one");

    nodes[2].kill();
    let alive = [&nodes[0], &nodes[1], &nodes[3]];
    let elected = until_elected(&alive, &nodes[3], &master, before);
    assert!(alive.iter().all(|node| node.nodes()[&master].is("fail")));
    is_served_by(&nodes, 3, "one");
    bed.saw("kill -9", "elected");

    nodes[2].launch();
    nodes[2].wait_ready();
    until_replicating(&nodes, 2);
    let all: Vec<&Node> = nodes.iter().collect();
    let mut client = nodes[3].client();
    client.ok(&format!("SET {KEY} two"));
    nodes[2].client().ok("CLUSTER FAILOVER");
    until_elected(&all, &nodes[2], &replica, elected);
    until_replicating(&nodes, 3);
    is_served_by(&nodes, 2, "two");
    bed.saw("CLUSTER FAILOVER", "elected");
}
