//! Two clusters of two nodes: the first node is ours in one and Redis in the other, the second is Redis in both and owns the upper half of
//! the slots. Every session is played to both, and the replies are compared with ports and names of nodes made equal.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use tests::client::{Client, Outcome};
use tests::cluster::{Node, join, until};
use tests::server::Kind;

use crate::bed::{Bed, OURS};

const NODE_TIMEOUT_MS: u64 = 5_000;
const BLOCKED_WITHIN: Duration = Duration::from_secs(20);

/// Two nodes.
pub(crate) struct Pair {
    pub(crate) nodes: Vec<Node>,
    ports: Vec<String>,
    ids: Vec<String>,
}

impl Pair {
    /// The pair with ours, and that without.
    pub(crate) fn both(bed: &Bed) -> [Pair; 2] {
        thread::scope(|scope| {
            let theirs = scope.spawn(|| Pair::form(bed, Kind::Redis));
            [Pair::form(bed, OURS), theirs.join().expect("it forms")]
        })
    }

    fn form(bed: &Bed, first: Kind) -> Pair {
        let nodes = Vec::from([first, Kind::Redis].map(|kind| bed.node(kind, NODE_TIMEOUT_MS)));
        join(&nodes);
        let ids = nodes.iter().map(Node::id).collect();
        let ports = nodes.iter().map(|node| node.port.to_string()).collect();
        Pair { nodes, ports, ids }
    }

    /// The replies of a session, made equal. A line is a command of the first connection, or of another one that is named before `>`:
    /// `peer` is one to the second node. Behind `~>` a command is sent and nothing read, behind `*>` likewise, but
    /// the session goes on once it blocks; `name<` reads a reply. `ID0` and `ID1` are the nodes, `~` in a word is a space and `\n` a line end.
    fn play(&self, session: &str) -> Vec<String> {
        let mut clients: BTreeMap<&str, Client> = BTreeMap::new();
        let mut replies = Vec::new();
        for line in session.lines() {
            let Step { name, words, reads, blocks } = step(line);
            let client = clients.entry(name).or_insert_with(|| self.nodes[usize::from(name == "peer")].client());
            if !words.is_empty() {
                let words: Vec<String> = words.split_ascii_whitespace().map(|word| self.word(word)).collect();
                let blocked = blocks.then(|| self.blocked());
                client.send(&words).expect("the connection stands");
                if let Some(before) = blocked {
                    until(line, BLOCKED_WITHIN, || self.blocked() > before);
                }
            }
            if reads {
                replies.push(format!("{line}: {}", self.reply(client.read())));
            }
        }
        replies
    }

    /// Clients of the first node that wait on keys.
    fn blocked(&self) -> u64 {
        let text = self.nodes[0].text("INFO clients");
        let number = text.lines().find_map(|line| line.strip_prefix("blocked_clients:"));
        number.and_then(|number| number.trim().parse().ok()).expect("INFO tells how many clients wait")
    }

    fn word(&self, word: &str) -> String {
        word.replace('~', " ").replace("\\n", "\n").replace("ID0", &self.ids[0]).replace("ID1", &self.ids[1])
    }

    fn reply(&self, reply: Outcome) -> String {
        self.equal(format!("{reply:?}"))
    }

    /// A text with the names and ports of the nodes made equal.
    pub(crate) fn equal(&self, mut text: String) -> String {
        for (index, name) in ["ONE", "TWO"].into_iter().enumerate() {
            text = text.replace(&self.ids[index], name).replace(&format!(":{}", self.ports[index]), name);
        }
        text
    }
}

/// A line of a session.
struct Step<'a> {
    /// The connection.
    name: &'a str,
    /// The command; empty if none is sent.
    words: &'a str,
    /// A reply is read.
    reads: bool,
    /// The command blocks.
    blocks: bool,
}

fn step(line: &str) -> Step<'_> {
    if let Some(name) = line.strip_suffix('<') {
        return Step { name, words: "", reads: true, blocks: false };
    }
    let (name, words) = line.split_once("> ").unwrap_or(("", line));
    match (name.strip_suffix('~'), name.strip_suffix('*')) {
        (Some(name), _) => Step { name, words, reads: false, blocks: false },
        (_, Some(name)) => Step { name, words, reads: false, blocks: true },
        _ => Step { name, words, reads: true, blocks: false },
    }
}

/// Plays sessions, apart by empty lines, to both pairs: the replies must be equal.
#[track_caller]
pub(crate) fn play(bed: &mut Bed, [ours, theirs]: &[Pair; 2], sessions: &str) {
    let mut different = Vec::new();
    for session in sessions.trim_end().split("\n\n") {
        let (ours, theirs) = (ours.play(session), theirs.play(session));
        for (ours, theirs) in ours.iter().zip(&theirs) {
            if ours == theirs {
                bed.saw("", ours);
            } else {
                different.push(format!("ours   {ours}\ntheirs {theirs}"));
            }
        }
    }
    assert!(different.is_empty(), "{} replies differ\n{}", different.len(), different.join("\n"));
}

/// Plays them to pairs of their own.
#[track_caller]
pub(crate) fn sessions_answer_alike(bed: &mut Bed, sessions: &str) {
    let pairs = Pair::both(bed);
    play(bed, &pairs, sessions);
}
