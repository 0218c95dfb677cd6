//! What a node of ours answers to commands for slots that are its own, another's, or on the move, beside redis-server's replies.
//!
//! Two clusters of two nodes: the first node is ours in one and Redis in the other, the second is Redis in both and owns the upper half of
//! the slots. Every session is played to both, and the replies are compared with ports and names of nodes made equal.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::time::Duration;

use tests::client::{Client, Outcome};
use tests::cluster::{Node, agreed, until};
use tests::server::Kind;

const LIMIT: Duration = Duration::from_secs(20);
const NODE_TIMEOUT_MS: u64 = 5000;
const SLOTS_EACH: u16 = 8192;

/// Sessions, apart by empty lines. A line is a command of the first connection, or of another one that is named before `>`: `peer` is one to
/// the second node. Behind `~>` a command is sent and nothing read; `name<` reads a reply. `ID0` and `ID1` are the nodes, `~` in a word is
/// a space and `\n` a line end.
const SESSIONS: &str = include_str!("cluster_routing.txt");

struct Cluster {
    nodes: [Node; 2],
    ports: [String; 2],
    ids: [String; 2],
}

impl Cluster {
    fn form(first: Kind) -> Cluster {
        let nodes = [first, Kind::Redis].map(|kind| Node::start(kind, NODE_TIMEOUT_MS));
        for (node, index) in nodes.iter().zip(0_u16..) {
            node.client().ok(&format!("CLUSTER SET-CONFIG-EPOCH {}", index + 1));
            node.add_slots(index * SLOTS_EACH, (index + 1) * SLOTS_EACH - 1);
        }
        nodes[0].meet(&nodes[1]);
        until("both serve", LIMIT, || nodes.iter().all(Node::is_ok));
        until("they agree", LIMIT, || agreed(&[&nodes[0], &nodes[1]]));
        let ids = [nodes[0].id(), nodes[1].id()];
        let ports = [&nodes[0], &nodes[1]]
            .map(|node| node.client().addresses().1.rsplit(':').next().expect("a port").to_owned());
        Cluster { nodes, ports, ids }
    }

    /// The replies of a session, made equal.
    fn play(&self, session: &str) -> Vec<String> {
        let mut clients: BTreeMap<&str, Client> = BTreeMap::new();
        let mut replies = Vec::new();
        for line in session.lines() {
            let (name, words, reads, sends) = step(line);
            let client = clients.entry(name).or_insert_with(|| self.nodes[usize::from(name == "peer")].client());
            if sends {
                let words: Vec<String> = words.split_ascii_whitespace().map(|word| self.word(word)).collect();
                client.send(&words).expect("the connection stands");
            }
            if reads {
                replies.push(format!("{line}: {}", self.equal(client.read())));
            }
        }
        replies
    }

    fn word(&self, word: &str) -> String {
        word.replace('~', " ").replace("\\n", "\n").replace("ID0", &self.ids[0]).replace("ID1", &self.ids[1])
    }

    fn equal(&self, reply: Outcome) -> String {
        let mut text = format!("{reply:?}");
        for (index, name) in ["ONE", "TWO"].into_iter().enumerate() {
            text = text.replace(&self.ids[index], name).replace(&format!(":{}", self.ports[index]), name);
        }
        text
    }
}

/// The connection, the command, whether a reply is read, and whether something is sent.
fn step(line: &str) -> (&str, &str, bool, bool) {
    if let Some(name) = line.strip_suffix('<') {
        return (name, "", true, false);
    }
    match line.split_once("> ") {
        Some((name, words)) => match name.strip_suffix('~') {
            Some(name) => (name, words, false, true),
            None => (name, words, true, true),
        },
        None => ("", line, true, true),
    }
}

#[test]
fn a_node_answers_as_redis_for_slots_wherever_they_are() {
    let [ours, theirs] = [Kind::Ashlar { cores: 2 }, Kind::Redis].map(Cluster::form);
    let mut different = Vec::new();
    for session in SESSIONS.split("\n\n") {
        let (ours, theirs) = (ours.play(session), theirs.play(session));
        for (ours, theirs) in ours.iter().zip(&theirs).filter(|(ours, theirs)| ours != theirs) {
            different.push(format!("ours   {ours}\ntheirs {theirs}"));
        }
    }
    assert!(different.is_empty(), "{} replies differ\n{}", different.len(), different.join("\n"));
}
