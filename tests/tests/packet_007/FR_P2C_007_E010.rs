//! E010, C10: whoever reaches the bus changes nothing with what is no frame, and the bus is where it may be.

use std::io::{Read, Write};
use std::net::TcpStream;

use tests::client::uninterrupted;
use tests::cluster::{Node, join};
use tests::server::{Kind, free_port};

use crate::bed::{Bed, LIMIT, OURS, refused};
use crate::frames::{COUNT, EPOCHS, EXTENSIONS, HEADER, KIND, LENGTH, MARKS, NAME, SENDER, VERSION, frame, put, send};
use crate::rows;
use crate::six::timeless;

rows! { "cluster.packet_parse_failclosed_violation":
    FR_P2C_007_STRICT_E010_where => where_the_bus_may_be;
    FR_P2C_007_STRICT_E010_strangers => strangers_change_nothing;
    FR_P2C_007_STRICT_E010_lies + FR_P2C_007_HARDENED_E010_lies => frames_that_lie_change_nothing;
}

fn where_the_bus_may_be(bed: &mut Bed) {
    refused(&["--port", "60000"], "port 60000 is too high for a node of a cluster");
    refused(&["--bind", "0.0.0.0"], "set cluster-bus-open to yes");
    refused(&["--port", "0"], "a node of a cluster needs a TCP port");
    let taken = bed.node(OURS, 2000);
    let bus = taken.bus.to_string();
    refused(&["--cluster-port", &bus], &format!("Failed listening on port {bus} (cluster bus"));
    let (port, bus) = (free_port(), free_port());
    let [port_text, bus_text] = [port, bus].map(|port| port.to_string());
    let open = ["--port", &port_text, "--cluster-port", &bus_text, "--bind", "0.0.0.0", "--cluster-bus-open", "yes"];
    let node = bed.node_with(OURS, (port, bus), &[&open[..], &["--cluster-enabled", "yes"]].concat());
    assert_eq!(node.info("cluster_known_nodes"), "1");
    bed.saw("a bus on every address", "only if it is to be open");
}

fn strangers_change_nothing(bed: &mut Bed) {
    let node = bed.node(OURS, 2000);
    let before = node.text("CLUSTER NODES");
    let header = frame(0, &[0; NAME], &[]);
    let mut huge = header.clone();
    huge[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &huge] {
        let mut stranger = TcpStream::connect(("127.0.0.1", node.bus)).expect("the bus listens");
        stranger.write_all(bytes).expect("the bus reads");
        stranger.set_read_timeout(Some(LIMIT)).expect("a time can be set");
        // It is closed unanswered, with what it did not read or without.
        assert!(matches!(uninterrupted(|| stranger.read(&mut [0; 16])), Ok(0) | Err(_)));
    }
    let mut nameless = TcpStream::connect(("127.0.0.1", node.bus)).expect("the bus listens");
    nameless.write_all(&header).expect("the bus reads");
    nameless.write_all(&header[..1000]).expect("the bus reads");
    assert_eq!(node.text("CLUSTER NODES"), before);
    // Who does not make himself known is sent away, so that he takes no place for ever.
    nameless.set_read_timeout(Some(LIMIT)).expect("a time can be set");
    assert!(matches!(uninterrupted(|| nameless.read(&mut [0; 16])), Ok(0)));
    assert_eq!(node.text("CLUSTER NODES"), before);
    bed.saw("noise", "nothing changed");
}

/// What a frame of each kind has behind its header: about a node that nobody knows. Both publish less than they announce.
fn body(kind: u16) -> Vec<u8> {
    match kind {
        3 => vec![b'0'; NAME],
        4 | 10 => [&[0, 0, 0, 4, 0, 0, 0, 9][..], b"newslie"].concat(),
        7 => [&[0xff; 8][..], &[b'0'; NAME], &[0xff; 2_048]].concat(),
        9 => [&[0; 8][..], &[0, 0, 0, 9, 0]].concat(),
        _ => Vec::new(),
    }
}

/// Makes a frame of any kind one that is none. Epochs are the greatest there are, so that it would be noticed if somebody took it.
type Lie = fn(&mut Vec<u8>);

const LIES: [Lie; 18] = [
    |frame| put(frame, LENGTH, &2_255_u32.to_be_bytes()),
    |frame| put(frame, LENGTH, &0_u32.to_be_bytes()),
    |frame| put(frame, LENGTH, &u32::MAX.to_be_bytes()),
    |frame| frame[LENGTH + 3] += 1,
    |frame| frame.truncate(HEADER / 2),
    |frame| frame.truncate(HEADER - 1),
    |frame| put(frame, VERSION, &[0, 0]),
    |frame| put(frame, VERSION, &[0, 2]),
    |frame| put(frame, KIND, &[0, 11]),
    |frame| put(frame, KIND, &[0x80, 4]),
    |frame| put(frame, KIND, &[0xff, 0xff]),
    |frame| put(frame, SENDER, &[0; NAME]),
    |frame| put(frame, SENDER, b"Z"),
    |frame| put(frame, COUNT, &[0xff, 0xff]),
    |frame| extend(frame, 0),
    |frame| extend(frame, 4),
    |frame| extend(frame, 24),
    |frame| extend(frame, u32::MAX),
];

/// Adds an extension of 16 bytes that says that it has another length.
fn extend(frame: &mut Vec<u8>, length: u32) {
    put(frame, EXTENSIONS, &[0, 1]);
    put(frame, MARKS, &[4]);
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(&[0; 12]);
    let whole = u32::try_from(frame.len()).expect("it is short").to_be_bytes();
    put(frame, LENGTH, &whole);
}

fn frames_that_lie_change_nothing(bed: &mut Bed) {
    let nodes = [OURS, Kind::Redis].map(|kind| bed.node(kind, 2_000));
    join(&nodes);
    let known = nodes[1].id();
    let all = || {
        let asked = ["CLUSTER NODES", "CLUSTER INFO", "CLUSTER SLOTS"];
        nodes.each_ref().map(|node| asked.map(|words| timeless(words, &node.client().ask(words)).to_string()))
    };
    let before = all();
    let mut listener = nodes[0].client();
    listener.ask("SUBSCRIBE news");
    for kind in 0..11 {
        for lie in LIES {
            for sender in [known.as_bytes(), &[b'5'; NAME]] {
                let mut frame = frame(kind, sender, &body(kind));
                put(&mut frame, EPOCHS, &[0x7f; 16]);
                lie(&mut frame);
                send(nodes[0].bus, &frame);
            }
        }
        // Without any lie, from somebody whom nobody has met; MEET is how one is met.
        if kind != 2 {
            let body = match kind {
                3 => known.as_bytes().to_vec(),
                4 | 10 => [&[0, 0, 0, 4, 0, 0, 0, 3][..], b"newslie"].concat(),
                7 => [&[0x7f; 8], known.as_bytes(), &[0xff; 2_048]].concat(),
                _ => body(kind),
            };
            let mut frame = frame(kind, &[b'5'; NAME], &body);
            put(&mut frame, EPOCHS, &[0x7f; 16]);
            send(nodes[0].bus, &frame);
        }
        assert_eq!(all(), before, "kind {kind}");
    }
    let pong = listener.call(&["PING"]).expect("it serves").frame.to_string();
    assert!(pong.contains("pong"), "nothing was published: {pong}");
    assert!(nodes.iter().all(Node::is_ok));
    bed.saw("lies of all kinds", "nothing changed");
}
