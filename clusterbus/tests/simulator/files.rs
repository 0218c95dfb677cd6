//! A cluster whose nodes start from files in which all of it stands: as after all of them were restarted, and without the meeting of so many
//! nodes that this would take hours.

use std::sync::Arc;

use clusterbus::conf::{LinkState, NodeRecord, NodesConf};
use clusterbus::epoch::Epoch;
use clusterbus::flags::NodeFlags;
use clusterbus::id::ShardId;
use clusterbus::slot_set::SlotSet;
use clusterbus::time::UnixMillis;
use keyspace::slot::Slot;

use super::world::World;

impl World {
    /// `count` nodes that all know each other and start now. The first half of them are masters with equal shares, the others their
    /// replicas.
    pub(crate) fn of_files(count: usize, node_timeout: u64, seed: u64) -> World {
        let mut world = World::new(count, node_timeout, seed);
        let nodes = records(count);
        for at in 0..count {
            world.crash(at);
            world.disks[at].put(file_of(&nodes, at));
        }
        (0..count).for_each(|at| world.start(at));
        world
    }
}

fn records(count: usize) -> Vec<NodeRecord> {
    let masters = count / 2;
    let share = |at: usize| Slot::all().skip(at).step_by(masters).collect::<SlotSet>();
    let shard = |at: usize| {
        let mut entropy = [0; 20];
        entropy[..8].copy_from_slice(&(at % masters).to_be_bytes());
        ShardId::from_entropy(entropy)
    };
    let record = |at: usize| NodeRecord {
        id: World::id(at),
        address: World::address(at),
        hostname: None,
        nodename: None,
        shard: Some(shard(at)),
        flags: if at < masters { NodeFlags::MASTER } else { NodeFlags::REPLICA },
        master: (at >= masters).then(|| World::id(at % masters)),
        ping_sent: UnixMillis::NEVER,
        pong_received: UnixMillis(1),
        config_epoch: if at < masters { Epoch::taken(at as u64 + 1).expect("in range") } else { Epoch::ZERO },
        link: LinkState::Connected,
        slots: Arc::new(if at < masters { share(at) } else { SlotSet::EMPTY }),
    };
    (0..count).map(record).collect()
}

/// The file of one of them.
fn file_of(nodes: &[NodeRecord], myself: usize) -> NodesConf {
    let mut nodes = nodes.to_vec();
    nodes[myself].flags.set(NodeFlags::MYSELF);
    let current_epoch = Epoch::taken(nodes.len() as u64 / 2).expect("in range");
    let (open, disputed, last_vote_epoch) = Default::default();
    NodesConf { myself: World::id(myself), nodes, open, current_epoch, last_vote_epoch, disputed }
}
