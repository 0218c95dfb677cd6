//! E010: what strangers and peers can fill has a bound. Whoever passes it is sent away and the audit log says so, and the cluster serves on.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tests::client::{Outcome, uninterrupted};
use tests::cluster::{Node, join, until};
use tests::process::{raise_descriptors, resident_bytes};
use tests::server::Kind;

use crate::FR_P2C_007_E012::{line, telling};
use crate::bed::{Bed, LIMIT, OURS};
use crate::frames::{LENGTH, NAME, frame, put};
use crate::rows;

rows! { "cluster.packet_parse_failclosed_violation":
    FR_P2C_007_STRICT_E010_links + FR_P2C_007_HARDENED_E010_links => links_have_a_limit;
    FR_P2C_007_STRICT_E010_silent + FR_P2C_007_HARDENED_E010_silent => who_says_nothing_is_sent_away;
    FR_P2C_007_STRICT_E010_unread + FR_P2C_007_HARDENED_E010_unread => what_waits_for_a_peer_has_a_limit;
    FR_P2C_007_STRICT_E010_arrivals + FR_P2C_007_HARDENED_E010_arrivals => what_strangers_leave_half_said_has_a_limit;
    FR_P2C_007_STRICT_E010_long => what_is_too_long_is_dropped_as_it_comes;
    FR_P2C_007_STRICT_E010_messages => a_message_of_a_client_may_be_long;
}

/// Links that others may open: two for each node that may be known.
const LINKS_MAX: usize = 8_192;
/// Files that this process and the node may have open for that.
const DESCRIPTORS: u64 = 20_000;
/// What strangers may leave unread on all their links, in bytes, and the longest frame of theirs that is kept.
const STRANGERS_BYTES: usize = 64 << 20;
const FRAME_BYTES: usize = 2 << 20;
/// A node timeout that nothing here takes.
const NEVER_MS: u64 = 60_000;

/// A node of ours whose log is JSON, and one of Redis: a cluster that serves.
fn cluster(bed: &Bed, node_timeout_ms: u64) -> Vec<Node> {
    let timeout = node_timeout_ms.to_string();
    let nodes = vec![telling(bed, &["--cluster-node-timeout", &timeout]), bed.node(Kind::Redis, node_timeout_ms)];
    join(&nodes);
    nodes
}

/// The cluster is as it was: both serve, nobody is suspected, and a message passes over the links.
fn serves_on(bed: &mut Bed, nodes: &[Node]) {
    assert!(nodes.iter().all(Node::is_ok));
    for node in nodes {
        let known = node.nodes();
        assert!(known.len() == 2 && !known.values().any(|node| node.is("fail?") || node.is("fail")), "{known:?}");
    }
    let mut subscriber = nodes[0].client();
    subscriber.ask("SUBSCRIBE news");
    nodes[1].publish("news", "of-the-day");
    bed.saw("PUBLISH", subscriber.read().expect("a message").frame);
}

fn stranger(node: &Node) -> TcpStream {
    let stranger = TcpStream::connect(("127.0.0.1", node.bus)).expect("the bus listens");
    stranger.set_read_timeout(Some(LIMIT)).expect("a time can be set");
    stranger
}

/// Waits until a connection is closed by the other side.
#[track_caller]
fn closed(stranger: &mut TcpStream) {
    match uninterrupted(|| stranger.read(&mut [0; 16])) {
        Ok(0) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        other => panic!("it is not closed: {other:?}"),
    }
}

fn links_have_a_limit(bed: &mut Bed) {
    raise_descriptors(DESCRIPTORS);
    let mut nodes = cluster(bed, NEVER_MS);
    // The other node has one of the links.
    let strangers: Vec<TcpStream> = (1..LINKS_MAX).map(|_| stranger(&nodes[0])).collect();
    closed(&mut stranger(&nodes[0]));
    line(&mut nodes[0], "link_refused", "");
    serves_on(bed, &nodes);
    drop(strangers);
    until("there is room again", LIMIT, || {
        let mut stranger = stranger(&nodes[0]);
        stranger.set_read_timeout(Some(Duration::from_secs(1))).expect("a time can be set");
        stranger.write_all(&frame(0, &[b'5'; NAME], &[])).is_ok()
            && matches!(uninterrupted(|| stranger.read(&mut [0; 16])), Ok(16))
    });
}

fn who_says_nothing_is_sent_away(bed: &mut Bed) {
    let mut nodes = cluster(bed, 1_000);
    closed(&mut stranger(&nodes[0]));
    line(&mut nodes[0], "silent_stranger", "");
    serves_on(bed, &nodes);
}

fn what_waits_for_a_peer_has_a_limit(bed: &mut Bed) {
    let mut nodes = cluster(bed, NEVER_MS);
    nodes[0].client().ok("CONFIG SET cluster-link-sendbuf-limit 1mb");
    nodes[1].signal("STOP");
    let (mut client, message) = (nodes[0].client(), "x".repeat(256 << 10));
    until("the link is ended", LIMIT, || {
        client.call(&["PUBLISH", "other", &message]).expect("it serves");
        nodes[0].info("total_cluster_links_buffer_limit_exceeded") != "0"
    });
    line(&mut nodes[0], "send_queue_full", "");
    nodes[1].signal("CONT");
    let mut subscriber = nodes[1].client();
    subscriber.ask("SUBSCRIBE later");
    subscriber.wait = Duration::from_millis(50);
    until("another link is there", LIMIT, || {
        client.call(&["PUBLISH", "later", "y"]).expect("it serves");
        matches!(subscriber.read(), Outcome::Reply(_))
    });
    serves_on(bed, &nodes);
}

fn what_strangers_leave_half_said_has_a_limit(bed: &mut Bed) {
    let mut nodes = cluster(bed, NEVER_MS);
    let mut begun = frame(0, &[b'5'; NAME], &vec![0; FRAME_BYTES]);
    begun.truncate(FRAME_BYTES);
    put(&mut begun, LENGTH, &u32::try_from(FRAME_BYTES).expect("it is short").to_be_bytes());
    begun.pop();
    let mut strangers: Vec<TcpStream> = Vec::new();
    for _ in 0..=STRANGERS_BYTES / FRAME_BYTES {
        let mut stranger = stranger(&nodes[0]);
        // It may be sent away in the middle of it.
        let _ = stranger.write_all(&begun);
        stranger.set_nonblocking(true).expect("a connection can be asked without waiting");
        strangers.push(stranger);
    }
    let is_closed =
        |stranger: &TcpStream| !stranger.peek(&mut [0; 16]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
    until("one too many is sent away", LIMIT, || strangers.iter().any(is_closed));
    line(&mut nodes[0], "arrivals_full", "");
    serves_on(bed, &nodes);
    assert_eq!(strangers.iter().filter(|stranger| is_closed(stranger)).count(), 1);
}

/// Bytes of a frame that nobody has a use for.
const LONG_BYTES: usize = 300 << 20;

fn what_is_too_long_is_dropped_as_it_comes(bed: &mut Bed) {
    let mut nodes = [telling(bed, &[]), bed.node(Kind::Redis, NEVER_MS)];
    for (node, kind) in nodes.iter_mut().zip([OURS, Kind::Redis]) {
        let mut stranger = stranger(node);
        // A message whose lengths are not what the frame's is.
        let mut long = frame(4, &[b'5'; NAME], &[]);
        let head = long.len();
        put(&mut long, LENGTH, &u32::try_from(LONG_BYTES).expect("it is short").to_be_bytes());
        stranger.write_all(&long).expect("the bus reads");
        let piece = vec![0; 1 << 20];
        let mut left = LONG_BYTES - head;
        while left > 0 {
            let length = left.min(piece.len());
            stranger.write_all(&piece[..length]).expect("the bus reads");
            left -= length;
        }
        // The link stays, as with Redis, and the next frame is read.
        stranger.write_all(&frame(0, &[b'5'; NAME], &[])).expect("the bus reads");
        let mut answer = [0; 14];
        stranger.read_exact(&mut answer).expect("it answers");
        bed.saw("PING", format!("{:?}", &answer[12..]));
        assert_eq!(&answer[12..], [0, 1], "{kind:?}: a PONG");
    }
    let resident = resident_bytes(nodes[0].server().pid()).expect("it runs");
    assert!(resident < LONG_BYTES as u64 / 2, "{resident} bytes");
    line(&mut nodes[0], "frame_too_long", "");
}

/// Bytes of a message that is longer than any other frame may be.
const MESSAGE_BYTES: usize = 80 << 20;

fn a_message_of_a_client_may_be_long(bed: &mut Bed) {
    let nodes = cluster(bed, NEVER_MS);
    let message = "m".repeat(MESSAGE_BYTES);
    for (from, to) in [(0, 1), (1, 0)] {
        let mut subscriber = nodes[to].client();
        nodes[to].client().call(&["CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 0 0"]).expect("it takes it");
        subscriber.ask("SUBSCRIBE news");
        let mut client = nodes[from].client();
        client.call(&["PUBLISH", "news", &message]).expect("it takes it");
        let heard = subscriber.read().expect("it arrives").frame.to_string();
        assert!(heard.len() > MESSAGE_BYTES && heard.contains(&message[..100]));
        bed.saw("a long message", heard.len());
    }
    serves_on(bed, &nodes);
}
