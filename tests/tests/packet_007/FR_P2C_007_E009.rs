//! E009, C09: masters that hold the same config epoch, by hand or because they were apart, come to have different ones.

use std::collections::BTreeSet;

use tests::cluster::{Node, agreed, until};
use tests::server::Kind;

use crate::bed::{Bed, LIMIT, OURS};
use crate::hosts::{Hosts, MASTERS, TIMEOUT};
use crate::rows;

const NODE_TIMEOUT_MS: u64 = 2_000;

rows! { "cluster.config_epoch_collision_resolution_violation":
    FR_P2C_007_STRICT_E009_equal + FR_P2C_007_HARDENED_E009_equal => both_kinds_settle_equal_epochs_and_moved_slots;
    FR_P2C_007_STRICT_E009_apart => epochs_taken_apart_stay_apart;
}

fn both_kinds_settle_equal_epochs_and_moved_slots(bed: &mut Bed) {
    let nodes: Vec<Node> = [OURS, Kind::Redis].into_iter().map(|kind| bed.node(kind, NODE_TIMEOUT_MS)).collect();
    for (node, index) in nodes.iter().zip(0_u16..) {
        node.client().ok("CLUSTER SET-CONFIG-EPOCH 5");
        node.add_slots(index * 8192, index * 8192 + 8191);
    }
    nodes[1].meet(&nodes[0]);
    let epochs = |node: &Node| node.nodes().values().map(|node| node.epoch).collect::<BTreeSet<_>>();
    until("epochs differ", LIMIT, || nodes.iter().all(|node| epochs(node).len() == 2));
    until("every node serves", LIMIT, || nodes.iter().all(Node::is_ok));
    bed.saw("the epoch 5 twice", format!("{:?}", epochs(&nodes[0])));
    let ids = [nodes[0].id(), nodes[1].id()];
    for (from, to, slot) in [(1, 0, 9000), (0, 1, 100)] {
        nodes[to].client().ok(&format!("CLUSTER SETSLOT {slot} IMPORTING {}", ids[from]));
        nodes[from].client().ok(&format!("CLUSTER SETSLOT {slot} MIGRATING {}", ids[to]));
        nodes[to].client().ok(&format!("CLUSTER SETSLOT {slot} NODE {}", ids[to]));
        nodes[from].client().ok(&format!("CLUSTER SETSLOT {slot} NODE {}", ids[to]));
        let slot = slot.to_string();
        until("both know the new owner", LIMIT, || {
            nodes.iter().all(|node| node.nodes()[&ids[to]].slots.contains(&slot))
        });
    }
    until("both agree", LIMIT, || agreed(&[&nodes[0], &nodes[1]]));
}

fn epochs_taken_apart_stay_apart(bed: &mut Bed) {
    let Some(hosts) = Hosts::form(bed) else { return };
    hosts.network.part(&[0, 1]);
    until("the minority refuses", 4 * TIMEOUT, || hosts.refuses(0) && hosts.refuses(1));
    // Both sides take the next epoch without the other.
    for number in [0, 4] {
        hosts.nodes[number].client().ask("CLUSTER BUMPEPOCH");
    }
    hosts.network.heal();
    hosts.until_whole();
    let epochs: BTreeSet<u64> = hosts.nodes[0].nodes().values().map(|known| known.epoch).collect();
    assert_eq!(epochs.len(), MASTERS, "{epochs:?}");
    bed.saw("an epoch for each", epochs.len());
}
