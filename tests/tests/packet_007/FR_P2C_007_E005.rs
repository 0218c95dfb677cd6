//! E005, C05: clients that wait on keys hear at once that nobody will serve them here.

use tests::client::Client;
use tests::cluster::{Node, join};
use tests::server::Kind;

use crate::bed::{Bed, OURS};
use crate::pair::sessions_answer_alike;
use crate::rows;

const NODE_TIMEOUT_MS: u64 = 1_000;

rows! { "cluster.blocked_client_redirect_violation":
    FR_P2C_007_STRICT_E005_moved + FR_P2C_007_HARDENED_E005_moved => who_waits_hears_of_a_lost_slot;
    FR_P2C_007_STRICT_E005_quorum + FR_P2C_007_HARDENED_E005_quorum => who_waits_hears_of_a_lost_majority;
}

/// Commands that wait, for a key that is not there.
const WAITS: [&str; 9] = [
    "BLPOP KEY 0",
    "BRPOP {KEY}2 KEY 0",
    "BLMOVE KEY {KEY}2 LEFT RIGHT 0",
    "BRPOPLPUSH KEY {KEY}2 0",
    "BLMPOP 0 1 KEY LEFT",
    "BZPOPMIN KEY 0",
    "BZPOPMAX KEY 0",
    "BZMPOP 0 1 KEY MIN",
    "XREAD BLOCK 0 STREAMS KEY $",
];

fn who_waits_hears_of_a_lost_slot(bed: &mut Bed) {
    sessions_answer_alike(bed, include_str!("E005.txt"));
}

fn who_waits_hears_of_a_lost_majority(bed: &mut Bed) {
    let kinds = [OURS, Kind::Redis, Kind::Redis, Kind::Redis];
    let mut nodes: Vec<Node> = kinds.into_iter().map(|kind| bed.node(kind, NODE_TIMEOUT_MS)).collect();
    // Two of four are no majority, though they have their own slots.
    nodes.iter().for_each(|node| node.client().ok("CONFIG SET cluster-require-full-coverage no"));
    join(&nodes);
    let [mut ours, mut theirs] = [(0, "hello"), (1, "bar")].map(|(node, key)| {
        let wait = |words: &&str| {
            let mut client = nodes[node].client();
            let words = words.replace("KEY", key);
            client.send(&words.split(' ').collect::<Vec<_>>()).expect("the server reads");
            client
        };
        WAITS.iter().map(wait).collect::<Vec<Client>>()
    });
    nodes[2..].iter_mut().for_each(Node::kill);
    for (words, (ours, theirs)) in WAITS.iter().zip(ours.iter_mut().zip(&mut theirs)) {
        let (ours, theirs) = (ours.read().expect(words).frame, theirs.read().expect(words).frame);
        assert_eq!(ours, theirs, "{words}");
        bed.saw(words, ours);
    }
}
