//! redis-cli's cluster manager, as operators use it, and clients that follow redirects meanwhile.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use tests::binaries::redis_tool;
use tests::client::Client;
use tests::cluster::{Node, until_whole};
use tests::frame::Frame;
use tests::server::Kind;

use crate::bed::Bed;

/// As by default: what a disk that stands still for seconds does to a cluster is not the matter here.
const NODE_TIMEOUT_MS: u64 = 15_000;
/// Values of every type, this many of each.
const OF_EACH: usize = 20;

/// Runs redis-cli's cluster manager: whether it was content, and what it said.
pub(crate) fn manage(arguments: &[&str]) -> (bool, String) {
    let output =
        Command::new(redis_tool("redis-cli")).arg("--cluster").args(arguments).output().expect("redis-cli runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[track_caller]
pub(crate) fn managed(arguments: &[&str]) -> String {
    let (content, said) = manage(arguments);
    assert!(content, "{arguments:?}: {said}");
    said
}

pub(crate) fn address(node: &Node) -> String {
    format!("127.0.0.1:{}", node.port)
}

/// Asks whoever serves it, as a client that follows redirects does.
pub(crate) struct Follower {
    nodes: BTreeMap<u16, Client>,
    first: u16,
}

impl Follower {
    pub(crate) fn new(nodes: &[Node]) -> Follower {
        let clients = nodes.iter().map(|node| (node.port, node.client()));
        Follower { nodes: clients.collect(), first: nodes[0].port }
    }

    pub(crate) fn ask(&mut self, words: &[&str]) -> Frame {
        let (mut port, mut asking) = (self.first, false);
        for _ in 0..100_000 {
            let client = self.nodes.get_mut(&port).expect("a node that there is");
            if asking {
                client.ok("ASKING");
            }
            let frame = client.call(words).expect("a reply").frame;
            let Frame::Error(text) = &frame else { return frame };
            let text = String::from_utf8_lossy(text).into_owned();
            let to = || text.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
            (port, asking) = match text.split(' ').next() {
                Some("MOVED") => (to(), false),
                Some("ASK") => (to(), true),
                Some("TRYAGAIN") => (port, asking),
                _ => return frame,
            };
        }
        panic!("{words:?}: redirected for ever");
    }
}

/// Values of every type, with a time to live.
pub(crate) fn fill(follower: &mut Follower) {
    for number in 0..OF_EACH {
        let text = number.to_string();
        let made = [
            follower.ask(&["SET", &format!("string:{number}"), &text]),
            follower.ask(&["RPUSH", &format!("list:{number}"), "a", "b", &text]),
            follower.ask(&["SADD", &format!("set:{number}"), "a", "b", &text]),
            follower.ask(&["ZADD", &format!("zset:{number}"), "1", "a", "2.5", &text]),
            follower.ask(&["HSET", &format!("hash:{number}"), "a", "b", "number", &text]),
            follower.ask(&["XADD", &format!("stream:{number}"), "1-1", "number", &text]),
        ];
        assert!(made.iter().all(|reply| !matches!(reply, Frame::Error(_))), "{made:?}");
        for kind in ["string", "list", "set", "zset", "hash", "stream"] {
            assert_eq!(follower.ask(&["EXPIREAT", &format!("{kind}:{number}"), "4102444800"]), Frame::Int(1));
        }
    }
}

/// What [`fill`] made, as it is now for who asks so. DUMP of the two kinds of nodes differs in its version.
pub(crate) fn contents(mut ask: impl FnMut(&[&str]) -> Frame) -> Vec<Frame> {
    let mut all = Vec::new();
    for number in 0..OF_EACH {
        all.push(ask(&["GET", &format!("string:{number}")]));
        all.push(ask(&["LRANGE", &format!("list:{number}"), "0", "-1"]));
        all.push(ask(&["SORT", &format!("set:{number}"), "ALPHA"]));
        all.push(ask(&["ZRANGE", &format!("zset:{number}"), "0", "-1", "WITHSCORES"]));
        all.push(ask(&["HGET", &format!("hash:{number}"), "number"]));
        all.push(ask(&["XRANGE", &format!("stream:{number}"), "-", "+"]));
        for kind in ["string", "list", "set", "zset", "hash", "stream"] {
            all.push(ask(&["EXPIRETIME", &format!("{kind}:{number}")]));
        }
    }
    all
}

/// Does something to a cluster while clients count; every increment that was answered is there afterwards.
pub(crate) fn while_counting(nodes: &[Node], work: &dyn Fn()) {
    const COUNTERS: usize = 200;
    let mut follower = Follower::new(nodes);
    for number in 0..COUNTERS {
        follower.ask(&["DEL", &format!("counter:{number}")]);
    }
    let stop = AtomicBool::new(false);
    let answered = std::thread::scope(|scope| {
        let count = || {
            let (mut follower, mut answered) = (Follower::new(nodes), vec![0; COUNTERS]);
            while !stop.load(Ordering::Relaxed) {
                for (number, answered) in answered.iter_mut().enumerate() {
                    match follower.ask(&["INCR", &format!("counter:{number}")]) {
                        Frame::Int(_) => *answered += 1,
                        other => panic!("{other}"),
                    }
                }
            }
            answered
        };
        let counting: Vec<_> = (0..2).map(|_| scope.spawn(count)).collect();
        let result = catch_unwind(AssertUnwindSafe(work));
        stop.store(true, Ordering::Relaxed);
        if let Err(panic) = result {
            resume_unwind(panic);
        }
        let each = counting.into_iter().map(|thread| thread.join().expect("it counts"));
        each.reduce(|one, other| one.iter().zip(other).map(|(one, other)| one + other).collect()).expect("two of them")
    });
    for (number, answered) in answered.into_iter().enumerate() {
        let value: i64 = answered;
        assert_eq!(follower.ask(&["GET", &format!("counter:{number}")]), Frame::Bulk(value.to_string().into()));
    }
}

/// Nodes that redis-cli made a cluster of, but for the last, which joined later and owns nothing.
pub(crate) fn made_by_tool(bed: &Bed, kinds: &[Kind]) -> Vec<Node> {
    let nodes: Vec<Node> = kinds.iter().map(|kind| bed.node(*kind, NODE_TIMEOUT_MS)).collect();
    // Redis would become a replica when it has given its last slot away.
    nodes.iter().for_each(|node| node.client().ok("CONFIG SET cluster-allow-replica-migration no"));
    let addresses: Vec<String> = nodes.iter().map(address).collect();
    let (newcomer, others) = addresses.split_last().expect("there are some");
    let mut words = vec!["create"];
    words.extend(others.iter().map(String::as_str));
    words.push("--cluster-yes");
    assert!(managed(&words).contains("All 16384 slots covered"));
    assert!(managed(&["add-node", newcomer, &others[0]]).contains("New node added correctly"));
    until_whole(&nodes);
    nodes
}
