//! redis-cli's cluster manager against nodes of ours, alone and beside redis-server: what operators do to a cluster, while clients write.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tests::binaries::redis_tool;
use tests::client::Client;
use tests::cluster::{Node, agreed, until};
use tests::frame::Frame;
use tests::server::{Kind, Server};

const TWO: Kind = Kind::Ashlar { cores: 2 };
const LIMIT: Duration = Duration::from_secs(40);
const NODE_TIMEOUT_MS: u64 = 3_000;
/// Values of every type, this many of each.
const OF_EACH: usize = 20;
/// Slots that change their owner.
const MOVED: &str = "400";

/// Runs redis-cli's cluster manager: whether it was content, and what it said.
fn manage(arguments: &[&str]) -> (bool, String) {
    let output =
        Command::new(redis_tool("redis-cli")).arg("--cluster").args(arguments).output().expect("redis-cli runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[track_caller]
fn managed(arguments: &[&str]) -> String {
    let (content, said) = manage(arguments);
    assert!(content, "{arguments:?}: {said}");
    said
}

fn address(node: &Node) -> String {
    format!("127.0.0.1:{}", node.port)
}

/// Asks whoever serves it, as a client that follows redirects does.
struct Follower {
    nodes: BTreeMap<u16, Client>,
    first: u16,
}

impl Follower {
    fn new(nodes: &[Node]) -> Follower {
        let clients = nodes.iter().map(|node| (node.port, node.client()));
        Follower { nodes: clients.collect(), first: nodes[0].port }
    }

    fn ask(&mut self, words: &[&str]) -> Frame {
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
fn fill(follower: &mut Follower) {
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

/// What [`fill`] made, as it is now. DUMP of the two kinds of nodes differs in its version.
fn contents(follower: &mut Follower) -> Vec<Frame> {
    let mut all = Vec::new();
    for number in 0..OF_EACH {
        all.push(follower.ask(&["GET", &format!("string:{number}")]));
        all.push(follower.ask(&["LRANGE", &format!("list:{number}"), "0", "-1"]));
        all.push(follower.ask(&["SORT", &format!("set:{number}"), "ALPHA"]));
        all.push(follower.ask(&["ZRANGE", &format!("zset:{number}"), "0", "-1", "WITHSCORES"]));
        all.push(follower.ask(&["HGET", &format!("hash:{number}"), "number"]));
        all.push(follower.ask(&["XRANGE", &format!("stream:{number}"), "-", "+"]));
        for kind in ["string", "list", "set", "zset", "hash", "stream"] {
            all.push(follower.ask(&["EXPIRETIME", &format!("{kind}:{number}")]));
        }
    }
    all
}

/// Does something to a cluster while clients count; every increment that was answered is there afterwards.
fn while_counting(nodes: &[Node], work: &dyn Fn()) {
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
fn made_by_tool(kinds: &[Kind]) -> Vec<Node> {
    let nodes: Vec<Node> = kinds.iter().map(|kind| Node::start(*kind, NODE_TIMEOUT_MS)).collect();
    // Redis would become a replica when it has given its last slot away.
    nodes.iter().for_each(|node| node.client().ok("CONFIG SET cluster-allow-replica-migration no"));
    let addresses: Vec<String> = nodes.iter().map(address).collect();
    let (newcomer, others) = addresses.split_last().expect("there are some");
    let mut words = vec!["create"];
    words.extend(others.iter().map(String::as_str));
    words.push("--cluster-yes");
    assert!(managed(&words).contains("All 16384 slots covered"));
    assert!(managed(&["add-node", newcomer, &others[0]]).contains("New node added correctly"));
    until_agreed(&nodes);
    nodes
}

#[track_caller]
fn until_agreed(nodes: &[Node]) {
    let all: Vec<&Node> = nodes.iter().collect();
    until("all agree and serve", LIMIT, || agreed(&all) && all.iter().all(|node| node.is_ok()));
}

/// Slots go from the first node to the last and back, while something is done with their keys.
fn reshape(nodes: &[Node], meanwhile: fn(&[Node], &dyn Fn())) {
    let (first, last) = (&nodes[0], nodes.last().expect("there are some"));
    let (from, to, at) = (first.id(), last.id(), address(first));
    let mut follower = Follower::new(nodes);
    fill(&mut follower);
    let before = contents(&mut follower);
    meanwhile(nodes, &|| {
        let words = ["reshard", &at, "--cluster-from", &from, "--cluster-to", &to, "--cluster-slots", MOVED];
        managed(&[&words[..], &["--cluster-yes"]].concat());
    });
    until_agreed(nodes);
    assert_eq!(contents(&mut follower), before);
    let said = managed(&["check", &at]);
    assert!(said.contains("All nodes agree about slots configuration") && said.contains("All 16384 slots covered"));
    // A slot that somebody left open.
    let slot = last.nodes()[&to].slots[0].split('-').next().expect("a number").to_owned();
    last.client().ok(&format!("CLUSTER SETSLOT {slot} MIGRATING {from}"));
    first.client().ok(&format!("CLUSTER SETSLOT {slot} IMPORTING {to}"));
    assert!(manage(&["check", &at]).1.contains("The following slots are open"));
    managed(&["fix", &at]);
    assert!(!managed(&["check", &at]).contains("The following slots are open"));
    meanwhile(nodes, &|| {
        managed(&["rebalance", &at, "--cluster-weight", &format!("{to}=0"), "--cluster-use-empty-masters"]);
    });
    until_agreed(nodes);
    assert!(last.nodes()[&to].slots.is_empty(), "it has given all away");
    assert_eq!(contents(&mut follower), before);
}

#[test]
fn fr_p2c_007_e001_redis_cli_makes_and_reshapes_a_cluster() {
    let nodes = made_by_tool(&[TWO; 4]);
    reshape(&nodes, while_counting);
    let (first, last) = (&nodes[0], &nodes[3]);
    let at = address(first);
    assert!(managed(&["info", &at]).contains("in 4 masters"));
    assert_eq!(managed(&["call", &at, "CLUSTER", "KEYSLOT", "foo"]).matches("12182").count(), 4);
    manage(&["set-timeout", &at, "2500"]);
    let timeout = |node: &Node| node.client().ask("CONFIG GET cluster-node-timeout").to_string();
    assert!(nodes.iter().all(|node| timeout(node).contains("2500")));
    let old = Server::start(Kind::Redis, &[]);
    old.client().ok("SET import:1 value");
    managed(&["import", &at, "--cluster-from", &format!("127.0.0.1:{}", old.port), "--cluster-copy"]);
    assert_eq!(Follower::new(&nodes).ask(&["GET", "import:1"]), Frame::Bulk(b"value".to_vec()));
    managed(&["del-node", &at, &last.id()]);
    until("it is alone", LIMIT, || last.nodes().len() == 1);
    until("the others forget it", LIMIT, || nodes[..3].iter().all(|node| node.nodes().len() == 3));
}

#[test]
fn fr_p2c_007_e001_redis_cli_is_told_that_there_are_no_replicas() {
    let nodes: Vec<Node> = (0..6).map(|_| Node::start(Kind::Ashlar { cores: 1 }, NODE_TIMEOUT_MS)).collect();
    let addresses: Vec<String> = nodes.iter().map(address).collect();
    let mut words = vec!["create"];
    words.extend(addresses.iter().map(String::as_str));
    words.extend(["--cluster-replicas", "1", "--cluster-yes"]);
    let (content, said) = manage(&words);
    assert!(!content, "{said}");
    assert!(said.contains("asked for a replica (CLUSTER REPLICATE)"), "{said}");
    assert!(said.contains("does not support data replication: create the cluster without replicas"), "{said}");
    // It is the connection that is refused, until it is reset.
    let mut client = nodes[5].client();
    let meet = format!("CLUSTER MEET 127.0.0.1 {} {}", nodes[4].port, nodes[4].bus);
    assert!(matches!(client.ask(&format!("CLUSTER REPLICATE {}", nodes[0].id())), Frame::Error(_)));
    assert!(
        matches!(client.ask(&meet), Frame::Error(text) if text.starts_with(b"ERR this connection asked for a replica"))
    );
    assert_eq!(client.ask("RESET"), Frame::Simple(b"RESET".to_vec()));
    client.ok(&meet);
}

#[test]
fn fr_p2c_007_e001_keys_of_every_type_go_both_ways_beside_redis() {
    reshape(&made_by_tool(&[TWO, Kind::Redis, TWO, Kind::Redis]), while_counting);
    reshape(&made_by_tool(&[Kind::Redis, TWO, Kind::Redis, TWO]), while_counting);
}
