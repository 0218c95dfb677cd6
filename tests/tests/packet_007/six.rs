//! Three masters, the first of which is ours and the others Redis, and a replica of Redis for each; and replies about them that are equal
//! whoever was asked and whenever.

use std::collections::BTreeSet;

use tests::cluster::{Node, join, until};
use tests::frame::Frame;
use tests::server::Kind;

use crate::bed::{Bed, LIMIT, OURS};

const NODE_TIMEOUT_MS: u64 = 2_000;
const MASTERS: usize = 3;
/// A key of each master.
pub(crate) const KEYS: [&str; MASTERS] = ["hello", "c", "a"];

/// Three masters and three replicas. The replica of ours waits for its data, so nobody lists it under SLOTS.
pub(crate) fn form(bed: &Bed) -> Vec<Node> {
    let kinds = [OURS, Kind::Redis, Kind::Redis, Kind::Redis, Kind::Redis, Kind::Redis];
    let mut nodes: Vec<Node> = kinds.into_iter().map(|kind| bed.node(kind, NODE_TIMEOUT_MS)).collect();
    let replicas = nodes.split_off(MASTERS);
    nodes[1..].iter().for_each(|node| node.client().ok("CONFIG SET repl-diskless-sync-delay 0"));
    join(&nodes);
    for (master, replica) in nodes.iter().zip(&replicas) {
        master.meet(replica);
        until("the replica knows its master", LIMIT, || replica.nodes().contains_key(&master.id()));
        replica.client().ok(&format!("CLUSTER REPLICATE {}", master.id()));
    }
    // A replica with nothing is not listed.
    for (master, key) in nodes.iter().zip(KEYS) {
        master.client().ok(&format!("SET {key} value"));
    }
    nodes.extend(replicas);
    until("all list all", LIMIT, || {
        let all: BTreeSet<String> = nodes.iter().map(|node| shown(node, "CLUSTER NODES")).collect();
        let slots: BTreeSet<String> = nodes.iter().map(|node| shown(node, "CLUSTER SLOTS")).collect();
        let replicas = slots.iter().map(|slots| nodes.iter().filter(|node| slots.contains(&node.id())).count());
        all.len() == 1 && slots.len() == 1 && replicas.sum::<usize>() == nodes.len() - 1
    });
    nodes
}

fn shown(node: &Node, words: &str) -> String {
    timeless(words, &node.client().ask(words)).to_string()
}

/// A reply without what depends on who was asked and when: times, offsets, counts of messages, sizes of buffers, the mark of the node
/// itself, and the order of nodes.
pub(crate) fn timeless(words: &str, reply: &Frame) -> Frame {
    let subcommand = words.to_uppercase();
    let shown: fn(&str) -> String = match subcommand.split(' ').nth(1).unwrap_or_default() {
        "NODES" | "REPLICAS" | "SLAVES" => node_lines,
        "INFO" => info_lines,
        "SLOTS" | "SHARDS" => return sorted(reply.clone(), &["replication-offset"]),
        "LINKS" => {
            return sorted(reply.clone(), &["create-time", "events", "send-buffer-allocated", "send-buffer-used"]);
        }
        _ => return reply.clone(),
    };
    let shown = |text: &[u8]| shown(&String::from_utf8_lossy(text)).into_bytes();
    match reply {
        Frame::Bulk(text) => Frame::Bulk(shown(text)),
        Frame::Verbatim(text) => Frame::Verbatim([&text[..4], &shown(&text[4..])].concat()),
        Frame::Array(items) => {
            Frame::Array(items.iter().map(|item| Frame::Bulk(shown(item.text().unwrap_or_default()))).collect())
        }
        other => other.clone(),
    }
}

/// Lines of NODES in the order of names, without marks, times and states of links.
fn node_lines(text: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(node_line).collect();
    lines.sort();
    lines.concat()
}

fn node_line(line: &str) -> String {
    let mut words: Vec<&str> = line.split(' ').collect();
    let flags = words.get(2).copied().unwrap_or_default().replace("myself,", "");
    for (at, word) in words.iter_mut().enumerate() {
        match at {
            2 => *word = &flags,
            4 | 5 | 7 => *word = "*",
            _ => {}
        }
    }
    words.join(" ") + "\n"
}

/// Lines of INFO without counts of messages and the node's own epoch.
fn info_lines(text: &str) -> String {
    let own = |line: &&str| line.starts_with("cluster_stats_messages") || line.starts_with("cluster_my_epoch");
    text.split_inclusive('\n').filter(|line| !own(line)).collect()
}

/// A reply whose values of these names are hidden, and whose lists of lists are in order.
fn sorted(frame: Frame, hidden: &[&str]) -> Frame {
    let is_hidden =
        |name: &Frame| name.text().is_some_and(|name| hidden.iter().any(|hidden| hidden.as_bytes() == name));
    match frame {
        Frame::Map(pairs) => {
            let shown = |(name, value): (Frame, Frame)| {
                (name.clone(), if is_hidden(&name) { Frame::Null } else { sorted(value, hidden) })
            };
            Frame::Map(pairs.into_iter().map(shown).collect())
        }
        Frame::Array(items) => {
            let names: Vec<bool> = std::iter::once(false).chain(items.iter().map(is_hidden)).collect();
            let shown = |(item, hide)| if hide { Frame::Null } else { sorted(item, hidden) };
            let mut items: Vec<Frame> = items.into_iter().zip(names).map(shown).collect();
            // A range of SLOTS begins with two numbers and its owner; the replicas follow in any order.
            let begin = if matches!(items[..], [Frame::Int(_), Frame::Int(_), Frame::Array(_), ..]) { 3 } else { 0 };
            if items[begin..].iter().all(|item| matches!(item, Frame::Array(_) | Frame::Map(_))) {
                items[begin..].sort_by_key(Frame::to_string);
            }
            Frame::Array(items)
        }
        other => other,
    }
}
