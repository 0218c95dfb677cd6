//! Messages of clients in a cluster of ours and of redis-server.
#![forbid(unsafe_code)]

use tests::client::Client;
use tests::cluster::{Node, join};
use tests::frame::Frame;
use tests::server::Kind;

const TWO: Kind = Kind::Ashlar { cores: 2 };
const NODE_TIMEOUT_MS: u64 = 2000;

#[test]
fn messages_of_clients_reach_subscribers_of_the_other_kind() {
    let kinds = [TWO, Kind::Redis, TWO, Kind::Redis];
    let nodes: Vec<Node> = kinds.into_iter().map(|kind| Node::start(kind, NODE_TIMEOUT_MS)).collect();
    join(&nodes);
    let mut subscribers: Vec<Client> = nodes.iter().map(Node::client).collect();
    for subscriber in &mut subscribers {
        subscriber.ask("SUBSCRIBE news");
    }
    for (index, node) in nodes.iter().enumerate() {
        node.publish("news", &format!("from-{index}"));
    }
    for subscriber in &mut subscribers {
        let mut messages: Vec<String> = Vec::new();
        for _ in 0..nodes.len() {
            let push = subscriber.read().expect("a message comes").frame;
            let Frame::Array(items) = &push else { panic!("{push}") };
            messages.push(String::from_utf8_lossy(items[2].text().expect("a message is bytes")).into_owned());
        }
        messages.sort();
        assert_eq!(messages, ["from-0", "from-1", "from-2", "from-3"]);
    }
}
