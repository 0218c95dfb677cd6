//! What the gate decides is what a cluster of Redis 7.0.15 answered.
//!
//! `gate_captured.txt` was written by asking three nodes: A and B are masters, R is a replica of A. Each line is a node, the state of
//! its cluster, the client's modes, and then for each request five letters, one per kind of slot: owned by A, moving from A to B,
//! moving from B to A, owned by B, owned by nobody. Keys p and q are on both nodes of the moving ones, a and b on neither.
//! Transactions with SPUBLISH are not among them: Redis 7.0 looks for channels as if they were keys there, 7.2 does not.
#![allow(non_snake_case)]

use keyspace::slot::Slot;

use crate::address::{Host, Ports};
use crate::gate::{Access, ClientModes, Decision, Gate, Presence, Request, Topic, Verb};
use crate::id::NodeId;
use crate::snapshot::{Endpoint, EndpointIndex, Owner, Permission, Role, RoutingRules, Snapshot, SnapshotVersion};
use crate::wire::Health;

/// A tag for each kind of slot.
const TAGS: [&str; 5] = ["own", "moving", "coming", "other", "nobody"];

/// The cluster as one of its nodes knows it, and the two masters.
struct Cluster {
    snapshot: Snapshot,
    a: EndpointIndex,
    b: EndpointIndex,
}

fn cluster(node: &str, state: &str) -> Cluster {
    let permission = |allowed| if allowed { Permission::Allowed } else { Permission::Refused };
    let rules = RoutingRules {
        reads_when_down: permission(state == "down-reads"),
        pubsub_when_down: permission(state != "down-nopubsub"),
        ..RoutingRules::DEFAULT
    };
    let mut snapshot = Snapshot::new(SnapshotVersion(1), rules);
    let mut endpoint = |number| {
        let id = NodeId::from_entropy([number; 20]);
        snapshot.add_endpoint(Endpoint { id, host: Host::UNKNOWN, hostname: None, ports: Ports::default() })
    };
    let (a, b) = (endpoint(1), endpoint(2));
    snapshot.health = if state == "ok" { Health::Ok } else { Health::Fail };
    let owner = |of: &str, index| if of == node { Owner::Me } else { Owner::Other(index) };
    let slots = TAGS.map(|tag| Slot::of(tag.as_bytes()));
    for (slot, owner) in slots.into_iter().zip([owner("A", a), owner("A", a), owner("B", b), owner("B", b)]) {
        snapshot.set_owner(slot, owner);
    }
    match node {
        "A" => {
            snapshot.set_migrating(slots[1], b);
            snapshot.set_importing(slots[2], b);
        }
        "B" => {
            snapshot.set_importing(slots[1], a);
            snapshot.set_migrating(slots[2], a);
        }
        _ => snapshot.role = Role::Replica(Some(a)),
    }
    Cluster { snapshot, a, b }
}

/// A command of the captured file: its name, and its keys as in `mget-pa` or `mget-p@own`.
struct Command<'t> {
    name: &'t str,
    keys: Vec<String>,
}

fn command<'t>(text: &'t str, tag: &str) -> Command<'t> {
    let (name, keys) = text.split_once('-').expect("a name and keys");
    let (keys, elsewhere) = keys.split_once('@').unwrap_or((keys, ""));
    let mut keys: Vec<String> = keys.chars().map(|key| format!("{{{tag}}}{key}")).collect();
    if !elsewhere.is_empty() {
        let tag = if elsewhere == "none" { "nobody" } else { elsewhere };
        keys.push(format!("{{{tag}}}p"));
    }
    Command { name, keys }
}

impl Command<'_> {
    fn access(&self) -> Access {
        match self.name {
            "set" | "del" | "mset" | "migrate" => Access::Write,
            _ => Access::Read,
        }
    }

    fn feed<'k>(&'k self, gate: &mut Gate<'_, 'k>) {
        gate.command(if self.name == "spublish" { Topic::Channels } else { Topic::Keys });
        for key in &self.keys {
            let present = key.ends_with(['p', 'q']);
            gate.key(key.as_bytes(), || if present { Presence::Present } else { Presence::Absent });
        }
    }
}

fn decide(cluster: &Cluster, commands: &[Command<'_>], modes: ClientModes) -> Decision {
    let mut gate = Gate::new(&cluster.snapshot);
    commands.iter().for_each(|command| command.feed(&mut gate));
    let writes = commands.iter().any(|command| command.access() == Access::Write);
    let verb = if commands[0].name == "migrate" { Verb::Migrate } else { Verb::Ordinary };
    gate.decide(&Request { access: if writes { Access::Write } else { Access::Read }, verb, modes })
}

/// A request of the file: a command, or a transaction, whose commands are asked about when they are queued and all at once at EXEC.
fn answer(cluster: &Cluster, request: &str, tag: &str, modes: ClientModes) -> char {
    let commands: Vec<Command<'_>> =
        request.trim_start_matches("exec:").split(',').map(|text| command(text, tag)).collect();
    let one_by_one = commands.chunks(1).map(|command| decide(cluster, command, modes));
    let decision = one_by_one
        .chain([decide(cluster, &commands, modes)])
        .find(|decision| *decision != Decision::Local)
        .unwrap_or(Decision::Local);
    let slot = Slot::of(tag.as_bytes());
    let (owner, target) = match tag {
        "own" => (cluster.a, None),
        "moving" => (cluster.a, Some(cluster.b)),
        "coming" => (cluster.b, Some(cluster.a)),
        _ => (cluster.b, None),
    };
    match decision {
        Decision::Local => 'L',
        Decision::Moved(of, to) if (of, to) == (slot, owner) => 'M',
        Decision::Ask(of, to) if (of, Some(to)) == (slot, target) => 'K',
        Decision::CrossSlot => 'X',
        Decision::Unstable => 'T',
        Decision::Unassigned => 'U',
        Decision::Down => 'D',
        Decision::DownReadOnly => 'R',
        wrong => panic!("{request} {tag}: {wrong:?}"),
    }
}

#[test]
pub(crate) fn FR_P2C_007_U003_redis_decides_the_same() {
    let (mut lines, mut answers) = (0, 0);
    for line in include_str!("gate_captured.txt").lines() {
        let mut words = line.split(' ');
        let mut word = || words.next().expect("node, state and modes");
        let (node, state, modes) = (word(), word(), word());
        let cluster = cluster(node, state);
        let modes = ClientModes { asking: modes.contains("asking"), readonly: modes.contains("readonly") };
        for request in words {
            let (request, expected) = request.split_once('=').expect("a request and its answers");
            let ours: String = TAGS.iter().map(|tag| answer(&cluster, request, tag, modes)).collect();
            assert_eq!(ours, expected, "{node} {state} {modes:?} {request}");
            answers += TAGS.len();
        }
        lines += 1;
    }
    assert_eq!(lines, 3 * 4 * 4);
    assert!(answers == 5 * 21 * lines, "{answers}");
}
