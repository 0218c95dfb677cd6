//! E001, C01: every subcommand of CLUSTER answers as redis-server beside it does, in both protocols, and one that is refused does nothing.

use tests::client::Client;
use tests::cluster::{Node, until};
use tests::frame::Frame;
use tests::server::{Kind, Server};

use crate::bed::{Bed, LIMIT, OURS};
use crate::rows;
use crate::six::{self, timeless};
use crate::tool::{address, manage};

/// Of the cluster that is not made.
const NODE_TIMEOUT_MS: u64 = 2000;

rows! { "cluster.command_router_contract_violation":
    FR_P2C_007_STRICT_E001_beside + FR_P2C_007_HARDENED_E001_beside => every_subcommand_answers_as_redis_beside_it;
    FR_P2C_007_STRICT_E001_off + FR_P2C_007_HARDENED_E001_off => without_a_cluster_every_subcommand_says_so;
    FR_P2C_007_STRICT_E001_replicas => redis_cli_is_told_that_there_are_no_replicas;
}

/// What both are asked; replies are the same. `ME` is the node that is asked, `PEER` the other of the two, `C` the third master, `R` its
/// replica, and `NOBODY` a name that nobody has.
const ASKED: &str = "
    CLUSTER
    CLUSTER NOPE
    cluster keySlot foo
    CLUSTER KEYSLOT
    CLUSTER KEYSLOT foo bar
    CLUSTER KEYSLOT {user1000}.following
    CLUSTER MYID x
    CLUSTER INFO
    CLUSTER INFO x
    CLUSTER NODES
    CLUSTER NODES x
    CLUSTER SLOTS
    CLUSTER SLOTS x
    CLUSTER SHARDS
    CLUSTER SHARDS x
    CLUSTER LINKS x
    CLUSTER REPLICAS C
    CLUSTER SLAVES C
    CLUSTER REPLICAS R
    CLUSTER REPLICAS NOBODY
    CLUSTER REPLICAS
    CLUSTER COUNT-FAILURE-REPORTS C
    CLUSTER COUNT-FAILURE-REPORTS NOBODY
    CLUSTER COUNT-FAILURE-REPORTS
    CLUSTER COUNTKEYSINSLOT 15495
    CLUSTER COUNTKEYSINSLOT -1
    CLUSTER COUNTKEYSINSLOT x
    CLUSTER COUNTKEYSINSLOT 16384
    CLUSTER GETKEYSINSLOT 15495 10
    CLUSTER GETKEYSINSLOT 15495 -1
    CLUSTER GETKEYSINSLOT 16384 1
    CLUSTER GETKEYSINSLOT 1
    CLUSTER ADDSLOTS 16383
    CLUSTER ADDSLOTS 16384
    CLUSTER ADDSLOTS x
    CLUSTER ADDSLOTS
    CLUSTER ADDSLOTSRANGE 16000 16383
    CLUSTER ADDSLOTSRANGE 16383 16000
    CLUSTER ADDSLOTSRANGE 16000
    CLUSTER DELSLOTS x
    CLUSTER DELSLOTS 16383 16383
    CLUSTER DELSLOTS
    CLUSTER DELSLOTSRANGE 5 1
    CLUSTER DELSLOTSRANGE 5
    CLUSTER FLUSHSLOTS
    CLUSTER FLUSHSLOTS x
    CLUSTER SETSLOT 16383 MIGRATING PEER
    CLUSTER SETSLOT 16383 IMPORTING NOBODY
    CLUSTER SETSLOT 16383 IMPORTING R
    CLUSTER SETSLOT 16383 NODE NOBODY
    CLUSTER SETSLOT 16383 NODE R
    CLUSTER SETSLOT 16383 NOPE
    CLUSTER SETSLOT 16384 STABLE
    CLUSTER SETSLOT x STABLE
    CLUSTER SETSLOT 16383 STABLE
    CLUSTER SETSLOT 1
    CLUSTER SET-CONFIG-EPOCH 9
    CLUSTER SET-CONFIG-EPOCH -1
    CLUSTER SET-CONFIG-EPOCH x
    CLUSTER BUMPEPOCH x
    CLUSTER MEET 127.0.0.1
    CLUSTER MEET nowhere 6379
    CLUSTER MEET 127.0.0.1 0
    CLUSTER FORGET ME
    CLUSTER FORGET NOBODY
    CLUSTER FORGET
    CLUSTER REPLICATE ME
    CLUSTER REPLICATE NOBODY
    CLUSTER REPLICATE
    CLUSTER FAILOVER
    CLUSTER FAILOVER FORCE
    CLUSTER FAILOVER NOPE
    CLUSTER RESET NOPE
    CLUSTER RESET
    CLUSTER RESET HARD x
    CLUSTER SAVECONFIG
    CLUSTER SAVECONFIG x
    CLUSTER HELP x
";

/// One from and one to each of the others.
const LINKS: usize = 10;

/// What is newer than 7.0 says otherwise.
const NEWER: [(&str, &str); 2] =
    [("Invalid TCP base port", "Invalid base port"), ("Prints this help.", "Print this help.")];

fn lines() -> impl Iterator<Item = &'static str> {
    ASKED.lines().map(str::trim).filter(|line| !line.is_empty())
}

fn every_subcommand_answers_as_redis_beside_it(bed: &mut Bed) {
    let nodes = six::form(bed);
    let ids: Vec<String> = nodes.iter().map(Node::id).collect();
    let before = timeless("CLUSTER NODES", &nodes[0].client().ask("CLUSTER NODES"));
    for protocol in ["2", "3"] {
        let [ours, theirs] = [[0, 1], [1, 0]].map(|[me, peer]| {
            let mut client = nodes[me].client();
            assert!(!client.ask(&format!("HELLO {protocol}")).is_error());
            let names = [("ME", &ids[me]), ("PEER", &ids[peer]), ("C", &ids[2]), ("R", &ids[5])];
            lines().map(|line| format!("{line}: {}", answer(&mut client, line, &names))).collect::<Vec<_>>()
        });
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(ours, theirs, "protocol {protocol}");
        }
        particular(bed, &mut [nodes[0].client(), nodes[1].client()], protocol, [&ids[0], &ids[1]]);
    }
    let after = timeless("CLUSTER NODES", &nodes[0].client().ask("CLUSTER NODES"));
    assert_eq!(after, before, "what was refused did nothing");
    for node in &nodes[..2] {
        let reply = node.client().ask("CLUSTER BUMPEPOCH").to_string();
        assert!(reply.starts_with("+BUMPED "), "{reply}");
    }
    bed.saw(ASKED, "as redis-server");
}

/// What a node answers; `names` are what stands for names of nodes.
fn answer(client: &mut Client, line: &str, names: &[(&str, &String)]) -> String {
    let nobody = "0".repeat(40);
    let id = |word: &str| match names.iter().find(|(name, _)| *name == word) {
        Some((_, id)) => id.to_string(),
        None => word.replace("NOBODY", &nobody),
    };
    let words: Vec<String> = line.split(' ').map(id).collect();
    let reply = timeless(line, &client.call(&words).expect(line).frame).to_string();
    newer(reply)
}

fn newer(reply: String) -> String {
    NEWER.iter().fold(reply, |reply, (old, new)| reply.replace(old, new))
}

/// What is of one node, and what Redis 7.0 does not have.
fn particular(bed: &mut Bed, clients: &mut [Client; 2], protocol: &str, ids: [&String; 2]) {
    clients.iter_mut().for_each(|client| drop(client.ask(&format!("HELLO {protocol}"))));
    let mut both = |words: &str| clients.each_mut().map(|client| timeless(words, &client.ask(words)));
    for (myself, id) in both("CLUSTER MYID").iter().zip(ids) {
        assert_eq!(*myself, Frame::Bulk(id.clone().into_bytes()));
    }
    // Links in both directions to everybody else, as Redis has them, but for who is who. Who dialled is known when he has said something.
    until("all links have their node", LIMIT, || {
        both("CLUSTER LINKS").iter().all(|links| links.items().is_some_and(|links| links.len() == LINKS))
    });
    let [ours, theirs] = both("CLUSTER LINKS").map(|links| {
        let mut links: Vec<String> = links.items().expect("a list").iter().map(Frame::to_string).collect();
        links.iter_mut().for_each(|link| *link = ids.iter().fold(link.clone(), |link, id| link.replace(*id, "PEER")));
        links.sort();
        links
    });
    assert_eq!(ours, theirs, "protocol {protocol}");
    // What is between the first line and the last two is of everybody's own wording.
    let [ours, theirs] = both("CLUSTER HELP").map(|help| {
        let lines = help.items().expect("a list");
        assert!(lines.iter().all(|line| matches!(line, Frame::Simple(_))));
        [0, lines.len() - 2, lines.len() - 1].map(|at| newer(lines[at].to_string()))
    });
    assert_eq!(ours, theirs);
    let [shard, stats] =
        ["CLUSTER MYSHARDID", "CLUSTER SLOT-STATS SLOTSRANGE 866 866"].map(|words| clients[0].ask(words));
    assert!(matches!(shard, Frame::Bulk(id) if id.len() == 40));
    bed.saw(protocol, stats);
}

fn without_a_cluster_every_subcommand_says_so(bed: &mut Bed) {
    let servers = [OURS, Kind::Redis].map(|kind| Server::start(kind, &[]));
    let [ours, theirs] = servers.each_ref().map(|server| {
        let mut client = server.client();
        let lines =
            lines().chain(["ASKING", "READONLY", "READWRITE", "CLUSTER MYID", "CLUSTER LINKS", "CLUSTER BUMPEPOCH"]);
        lines.map(|line| format!("{line}: {}", client.ask(line))).collect::<Vec<_>>()
    });
    assert_eq!(ours, theirs);
    bed.saw("without a cluster", ours.join("\n"));
}

fn redis_cli_is_told_that_there_are_no_replicas(bed: &mut Bed) {
    let nodes: Vec<Node> = (0..6).map(|_| bed.node(OURS, NODE_TIMEOUT_MS)).collect();
    let addresses: Vec<String> = nodes.iter().map(address).collect();
    let mut words = vec!["create"];
    words.extend(addresses.iter().map(String::as_str));
    words.extend(["--cluster-replicas", "1", "--cluster-yes"]);
    let (content, said) = manage(&words);
    assert!(!content, "{said}");
    assert!(said.contains("asked for a replica (CLUSTER REPLICATE)"), "{said}");
    assert!(said.contains("does not support data replication: create the cluster without replicas"), "{said}");
    // It is the connection that is refused, until it is reset.
    let mut client = nodes[5].client();
    let meet = format!("CLUSTER MEET 127.0.0.1 {} {}", nodes[4].port, nodes[4].bus);
    assert!(matches!(client.ask(&format!("CLUSTER REPLICATE {}", nodes[0].id())), Frame::Error(_)));
    assert!(
        matches!(client.ask(&meet), Frame::Error(text) if text.starts_with(b"ERR this connection asked for a replica"))
    );
    assert_eq!(client.ask("RESET"), Frame::Simple(b"RESET".to_vec()));
    client.ok(&meet);
    bed.saw("create with replicas", content);
}
