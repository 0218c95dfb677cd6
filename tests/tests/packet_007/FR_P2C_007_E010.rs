//! E010, C10: whoever reaches the bus changes nothing with what is no frame, and the bus is where it may be.

use std::io::{Read, Write};
use std::net::TcpStream;

use tests::server::free_port;

use crate::bed::{Bed, LIMIT, OURS, refused};
use crate::rows;

rows! { "cluster.packet_parse_failclosed_violation":
    FR_P2C_007_STRICT_E010_where => where_the_bus_may_be;
    FR_P2C_007_STRICT_E010_strangers => strangers_change_nothing;
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
}

fn strangers_change_nothing(bed: &mut Bed) {
    let node = bed.node(OURS, 2000);
    let before = node.text("CLUSTER NODES");
    let mut header = vec![0; 2256];
    header[..4].copy_from_slice(b"RCmb");
    header[4..8].copy_from_slice(&2256_u32.to_be_bytes());
    header[9] = 1;
    let mut huge = header.clone();
    huge[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &huge] {
        let mut stranger = TcpStream::connect(("127.0.0.1", node.bus)).expect("the bus listens");
        stranger.write_all(bytes).expect("the bus reads");
        stranger.set_read_timeout(Some(LIMIT)).expect("a time can be set");
        // It is closed unanswered, with what it did not read or without.
        assert!(matches!(stranger.read(&mut [0; 16]), Ok(0) | Err(_)));
    }
    let mut nameless = TcpStream::connect(("127.0.0.1", node.bus)).expect("the bus listens");
    nameless.write_all(&header).expect("the bus reads");
    nameless.write_all(&header[..1000]).expect("the bus reads");
    assert_eq!(node.text("CLUSTER NODES"), before);
    // Who does not make himself known is sent away, so that he takes no place for ever.
    nameless.set_read_timeout(Some(LIMIT)).expect("a time can be set");
    assert!(matches!(nameless.read(&mut [0; 16]), Ok(0)));
    assert_eq!(node.text("CLUSTER NODES"), before);
}
