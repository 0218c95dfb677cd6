//! A cluster whose network or whose nodes fail: five masters, each on a host of its own.

use std::time::Duration;

use tests::cluster::{Node, join, share, until_whole};
use tests::frame::Frame;
use tests::network::Network;

use crate::bed::Bed;

/// The node timeout.
const TIMEOUT_MS: u64 = 2_000;
pub(crate) const TIMEOUT: Duration = Duration::from_millis(TIMEOUT_MS);
pub(crate) const MASTERS: usize = 5;

/// A cluster and its network.
pub(crate) struct Hosts {
    pub(crate) network: Network,
    pub(crate) nodes: Vec<Node>,
    /// A key of each node.
    pub(crate) keys: Vec<String>,
}

impl Hosts {
    /// Five masters that agree and serve; `None`, and the check is skipped, where the machine allows no networks.
    pub(crate) fn form(bed: &mut Bed) -> Option<Hosts> {
        let Some(network) = Network::new(MASTERS) else {
            bed.skip();
            return None;
        };
        let nodes: Vec<Node> = (0..MASTERS).map(|number| bed.node_on(network.host(number), 2, TIMEOUT_MS)).collect();
        join(&nodes);
        let keys = (0..MASTERS).map(|number| key_in(&nodes[0], share(number, MASTERS))).collect();
        let hosts = Hosts { network, nodes, keys };
        hosts.until_whole();
        Some(hosts)
    }

    /// Waits until all agree about everything and everybody serves.
    #[track_caller]
    pub(crate) fn until_whole(&self) {
        until_whole(&self.nodes);
        for number in 0..MASTERS {
            assert_eq!(self.write(number), Frame::Simple(b"OK".to_vec()));
        }
        // They agree, so one of them tells for all.
        let owners: Vec<String> = self.nodes[0].nodes().into_values().flat_map(|known| known.slots).collect();
        assert_eq!(owners.len(), MASTERS, "each slot has one owner: {owners:?}");
    }

    /// Writes a key at its node.
    pub(crate) fn write(&self, number: usize) -> Frame {
        self.nodes[number].client().ask(&format!("SET {} value", self.keys[number]))
    }

    /// Whether a node refuses a write because it finds itself cut off.
    pub(crate) fn refuses(&self, number: usize) -> bool {
        matches!(self.write(number), Frame::Error(text) if text.starts_with(b"CLUSTERDOWN"))
    }

    /// Whether one node has found that another failed.
    pub(crate) fn has_failed(&self, who: usize, for_whom: usize) -> bool {
        let id = self.nodes[who].id();
        self.nodes[for_whom].nodes()[&id].is("fail")
    }
}

/// A key in one of these slots.
fn key_in(node: &Node, (first, last): (u16, u16)) -> String {
    let mut client = node.client();
    let names = (0..).map(|number: u32| format!("key:{number}"));
    let mut fits = |key: &String| match client.ask(&format!("CLUSTER KEYSLOT {key}")) {
        Frame::Int(slot) => (i64::from(first)..=i64::from(last)).contains(&slot),
        other => panic!("{other}"),
    };
    names.into_iter().find(|key| fits(key)).expect("some key has such a slot")
}
