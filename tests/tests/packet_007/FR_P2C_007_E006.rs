//! E006, C06: a client that knows one node learns from CLUSTER SLOTS where everything is, and is sent elsewhere by nobody.

use std::collections::BTreeMap;

use tests::client::Client;
use tests::frame::Frame;

use crate::bed::Bed;
use crate::rows;
use crate::six::{self, KEYS};

rows! { "cluster.slots_reply_shape_violation":
    FR_P2C_007_STRICT_E006_bootstrap + FR_P2C_007_HARDENED_E006_bootstrap => a_client_finds_all_from_one_node;
}

/// Keys that are asked for, beside those of each master.
const ASKED: usize = 300;

/// The first and the last slot of each range, and the ports of its master and replicas.
type Ranges = Vec<(i64, i64, Vec<u16>)>;

/// The ranges that a node tells of: each with a master, and none that touches the next of the same master.
fn ranges(client: &mut Client) -> Ranges {
    let reply = client.ask("CLUSTER SLOTS");
    let range = |range: &Frame| {
        let [Frame::Int(first), Frame::Int(last), nodes @ ..] = range.items().expect("a range is a list") else {
            panic!("{range}");
        };
        assert!(first <= last && !nodes.is_empty(), "{range}");
        let port = |node: &Frame| match node.items() {
            Some([Frame::Bulk(host), Frame::Int(port), Frame::Bulk(id), _]) if id.len() == 40 => {
                assert_eq!(host, b"127.0.0.1");
                u16::try_from(*port).expect("a port")
            }
            _ => panic!("{node}"),
        };
        (*first, *last, nodes.iter().map(port).collect())
    };
    let ranges: Ranges = reply.items().expect("a list").iter().map(range).collect();
    let in_order = ranges.windows(2).all(|pair| pair[0].1 < pair[1].0);
    assert!(
        in_order && ranges.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0 || pair[0].2 != pair[1].2),
        "{ranges:?}"
    );
    ranges
}

fn a_client_finds_all_from_one_node(bed: &mut Bed) {
    let nodes = six::form(bed);
    for protocol in ["2", "3"] {
        let mut first = nodes[0].client();
        assert!(!first.ask(&format!("HELLO {protocol}")).is_error());
        let ranges = ranges(&mut first);
        assert_eq!(ranges.iter().map(|(first, last, _)| last - first + 1).sum::<i64>(), 16_384, "{ranges:?}");
        assert_eq!(ranges, self::ranges(&mut first), "the same again");
        let mut clients: BTreeMap<u16, Client> = nodes.iter().map(|node| (node.port, node.client())).collect();
        let keys = (0..ASKED).map(|number| format!("key:{number}")).chain(KEYS.map(str::to_owned));
        for key in keys {
            let slot = first.ask(&format!("CLUSTER KEYSLOT {key}")).int().expect("a slot");
            let range = ranges.iter().find(|(first, last, _)| (*first..=*last).contains(&slot)).expect("a range");
            // The master takes it, and so do its replicas from a client that only reads.
            let [master, replicas @ ..] = &range.2[..] else { panic!("{range:?}") };
            let reply = clients.get_mut(master).expect("a node").ask(&format!("SET {key} {slot}"));
            assert_eq!(reply, Frame::Simple(b"OK".to_vec()), "{key}");
            for replica in replicas {
                let client = clients.get_mut(replica).expect("a node");
                client.ok("READONLY");
                assert!(!client.ask(&format!("STRLEN {key}")).is_error(), "{key}");
            }
            bed.saw(&key, slot);
        }
    }
}
