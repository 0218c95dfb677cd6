//! How the work of a frame and of a tick grows with the cluster: at most as the number of nodes does. Steps are counted, not time.
#![allow(non_snake_case)]

use keyspace::slot::Slot;

use super::Cluster;
use super::world::World;
use crate::address::Host;
use crate::conf::{LinkState, NodeRecord, NodesConf};
use crate::effect::Effect;
use crate::epoch::Epoch;
use crate::flags::NodeFlags;
use crate::settings::ClusterSettings;
use crate::slot_set::SlotSet;
use crate::time::{Millis, UnixMillis};
use crate::wire::{Body, Frame, GossipEntry, Header, Marks, Pulse, PulseKind, Seconds};
use crate::work;

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

/// A node of a cluster of so many masters, all of which answered just now.
fn member_of(count: usize) -> Cluster {
    let share = |at: usize| Slot::all().skip(at).step_by(count).collect::<SlotSet>();
    let record = |at: usize| NodeRecord {
        id: World::id(at),
        address: World::address(at),
        hostname: None,
        nodename: None,
        shard: None,
        flags: if at == 0 { NodeFlags::MYSELF.and(NodeFlags::MASTER) } else { NodeFlags::MASTER },
        master: None,
        ping_sent: UnixMillis::NEVER,
        pong_received: NOW,
        config_epoch: Epoch::taken(at as u64 + 1).expect("in range"),
        link: LinkState::Connected,
        slots: share(at).into(),
    };
    let conf = NodesConf {
        myself: World::id(0),
        nodes: (0..count).map(record).collect(),
        open: Vec::new(),
        current_epoch: Epoch::taken(count as u64).expect("in range"),
        last_vote_epoch: Epoch::ZERO,
        disputed: Vec::new(),
    };
    let settings = ClusterSettings { node_timeout: Millis(15_000), ..ClusterSettings::new(World::address(0).ports) };
    let mut cluster = Cluster::restore(settings, &conf, 1, NOW);
    cluster.tick(NOW);
    let mut dialled = Vec::new();
    while let Some(effect) = cluster.poll_effect() {
        if let Effect::Dial(link, address) = effect {
            dialled.push((link, address.host));
        }
    }
    dialled.into_iter().for_each(|(link, host)| cluster.dialled(link, host, Host::UNKNOWN, NOW));
    settle(&mut cluster, NOW);
    cluster
}

/// What it wants done is done.
fn settle(cluster: &mut Cluster, now: UnixMillis) {
    cluster.before_sleep(now);
    while let Some(effect) = cluster.poll_effect() {
        match effect {
            Effect::Save(seq, ..) => cluster.saved(seq),
            Effect::Routes(version) => cluster.acknowledged(version),
            _ => {}
        }
    }
    cluster.before_sleep(now);
    while cluster.poll_effect().is_some() {}
}

/// What a master says in a cluster of `count`, a tenth of which it speaks of, and `failing` more that it finds failing.
fn ping(cluster: &Cluster, from: usize, count: usize, failing: usize) -> Frame<'static> {
    let node = &cluster.nodes()[cluster.nodes().find(&World::id(from)).expect("known")];
    let entry = |at: usize, flags: NodeFlags| GossipEntry {
        id: World::id(at),
        ping_sent: Seconds(0),
        pong_received: Seconds(0),
        address: World::address(at),
        flags: NodeFlags::MASTER.and(flags),
    };
    let well = (0..count / 10).map(|at| entry(count - 1 - at, NodeFlags::NONE));
    let ill = (0..failing).map(|at| entry(1 + at, NodeFlags::PFAIL));
    let header = Header {
        sender: node.id,
        config_epoch: node.config_epoch,
        slots: cluster.slots().slots_of(cluster.nodes().find(&node.id).expect("known")).clone(),
        ..cluster.header(Marks::NONE)
    };
    let gossip = Some(well.chain(ill).collect());
    Frame { header, body: Body::Pulse(Pulse { kind: PulseKind::Ping, gossip, extensions: Vec::new() }) }
}

/// The most steps of one frame of those that a majority of `count` masters send, when so many are found failing; and on average.
fn work_of_frames(count: usize, failing: usize) -> (usize, usize) {
    let mut cluster = member_of(count);
    let host = Host::new("10.9.9.9").expect("an address");
    // It finds them failing itself.
    let suspects: Vec<_> = (1..=failing).filter_map(|at| cluster.nodes().find(&World::id(at))).collect();
    suspects.iter().for_each(|at| cluster.nodes[*at].flags.set(NodeFlags::PFAIL));
    let senders = failing + 1..failing + 1 + count * 6 / 10;
    let (mut most, mut all) = (0, 0);
    for from in senders.clone() {
        let frame = ping(&cluster, from, count, failing);
        let link = cluster.accepted(host, host, NOW);
        let steps = work::of(|| cluster.handle_frame(link, &frame, NOW));
        settle(&mut cluster, NOW);
        (most, all) = (most.max(steps), all + steps);
    }
    assert!(suspects.iter().all(|at| cluster.nodes[*at].flags.has(NodeFlags::FAIL)), "they were agreed upon");
    (most, all / senders.len())
}

#[test]
fn FR_P2C_007_U013_the_work_of_a_frame_grows_as_the_cluster() {
    for percent in [0, 10, 25] {
        let [(_, small), (_, large)] = [100, 1_000].map(|count| work_of_frames(count, count * percent / 100));
        // Ten times the nodes: ten times the work, and a little for what is counted once.
        assert!(large <= small * 11, "{percent} % failing: {small} steps with 100 nodes, {large} with 1,000");
    }
}

#[test]
fn FR_P2C_007_U013_the_work_of_a_tick_grows_as_the_cluster() {
    // A quiet tick, and one of a second in which nobody answered: then every node is asked, in a frame for each.
    let [small, large] = [100, 1_000].map(|count| {
        let mut cluster = member_of(count);
        let sent = |cluster: &Cluster| cluster.counts().sent.iter().sum::<u64>() as usize;
        [300, 8_000, 15_200].map(|after| {
            let now = UnixMillis(NOW.0 + after);
            cluster.last_tick = Some(now);
            let before = sent(&cluster);
            let steps = work::of(|| cluster.tick(now));
            let frames = sent(&cluster) - before;
            settle(&mut cluster, now);
            steps / (frames + 1)
        })
    });
    for (small, large) in small.into_iter().zip(large) {
        assert!(large <= small.max(1) * 11, "steps per tick and frame: {small} with 100 nodes, {large} with 1,000");
    }
}

#[test]
fn FR_P2C_007_U013_a_hundred_nodes_are_formed_at_once() {
    // Gossip keeps nodes from asking each other for long, so who follows a master has to say so.
    let mut world = World::new(100, 15_000, 1);
    for member in 0..100 {
        // As `redis-cli --cluster create` does: equal epochs take long to part.
        let epoch = Epoch::taken(member as u64 + 1).expect("in range");
        world.at_node(member, |cluster, _| cluster.set_config_epoch(epoch)).expect("it knows nobody");
    }
    let begun = world.now;
    world.form(50);
    let took = world.now - begun;
    assert!(took < 10_000, "{took} ms");
}

#[test]
fn FR_P2C_007_U013_nodes_are_asked_again_when_the_settings_say_so() {
    for (interval, after, asked) in [(0, 7_000, false), (0, 7_600, true), (100, 90, false), (100, 110, true)] {
        let mut cluster = member_of(4);
        cluster.configure(ClusterSettings { ping_interval: Millis(interval), ..cluster.settings().clone() });
        // They have answered: only who owes no answer is asked.
        for index in cluster.nodes.indices() {
            let node = &mut cluster.nodes[index];
            (node.ping_sent, node.pong_received) = (UnixMillis::NEVER, NOW);
        }
        let now = UnixMillis(NOW.0 + after);
        cluster.last_tick = Some(now);
        let sent = |cluster: &Cluster| cluster.counts().sent.iter().sum::<u64>();
        let before = sent(&cluster);
        cluster.tick(now);
        // One node is asked every second whatever it said last.
        assert_eq!(sent(&cluster) - before > 1, asked, "{interval}, {after} ms later");
    }
}
