//! E012, C16: hardened mode does as strict mode and says more of it; what is beyond its budget is closed, and twice beyond it is the end of
//! it. That the modes answer alike is seen of every row that runs in both: their sums are compared.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use tests::cluster::Node;
use tests::frame::Frame;
use tests::server::free_port;

use crate::bed::{Bed, LIMIT, OURS, row};
use crate::frames::{LENGTH, NAME, VERSION, frame, put, send};
use crate::rows;

rows! { "cluster.hardened_policy_violation":
    FR_P2C_007_STRICT_E012_audit + FR_P2C_007_HARDENED_E012_audit => what_the_audit_log_says;
}

#[test]
fn FR_P2C_007_HARDENED_E012_budget() {
    row("FR_P2C_007_HARDENED_E012_budget", "hardened", "cluster.hardened_policy_violation", spent_budgets);
}

/// Why a defence beyond the budget is none.
const SPENT: &str = "cluster.hardened_budget_exhausted_failclosed";

/// Defences of one category in a window.
const BUDGET: usize = 64;

/// A node whose log is JSON, with more arguments.
pub(crate) fn telling(bed: &Bed, more: &[&str]) -> Node {
    let (port, bus) = (free_port(), free_port());
    let [port_text, bus_text] = [port, bus].map(|port| port.to_string());
    let arguments =
        ["--port", &port_text, "--cluster-port", &bus_text, "--cluster-enabled", "yes", "--log-format", "json"];
    bed.node_with(OURS, (port, bus), &[&arguments[..], more].concat())
}

/// The next line of the audit log about this topic with this text in it.
pub(crate) fn line(node: &mut Node, topic: &str, holds: &str) -> String {
    let topic = format!("\"test_or_scenario_id\":\"{topic}\"");
    loop {
        let line = node.server().wait_line(&topic).expect("the audit log says it");
        if line.contains(holds) {
            return line;
        }
    }
}

/// A frame of another version of the bus, from a node whose name nobody should read in a log.
fn of_another_version() -> Vec<u8> {
    let mut frame = frame(0, &[b'5'; NAME], &[]);
    put(&mut frame, VERSION, &[0, 2]);
    frame
}

fn what_the_audit_log_says(bed: &mut Bed) {
    let mut node = telling(bed, &[]);
    let (mut client, secret) = (node.client(), "payload-of-a-client");
    let mut endless = frame(0, &[b'5'; NAME], &[]);
    put(&mut endless, LENGTH, &u32::MAX.to_be_bytes());
    let asked = format!("CLUSTER ADDSLOTS {secret}");
    let noise = b"GET /payload HTTP/1.1\r\n\r\n".to_vec();
    let sent = [("frame_refused", of_another_version()), ("stream_refused", noise), ("frame_too_long", endless)];
    let outcome = if bed.mode() == "hardened" { "\"outcome\":\"pass\"" } else { "\"outcome\":\"fail\"" };
    let mode = format!("\"mode\":\"{}\"", bed.mode());
    let is_whole = |line: &str, code: &str| {
        for field in ["ts_utc", "suite_id", "input_digest", "output_digest", "duration_ms", "count"] {
            assert!(line.contains(&format!("\"{field}\":")), "{field} is missing: {line}");
        }
        for part in [outcome, &mode, code, "\"packet_id\":\"FR-P2C-007\""] {
            assert!(line.contains(part), "{part} is missing: {line}");
        }
        assert!(!line.contains("payload") && !line.contains("5555"), "a payload is in the log: {line}");
    };
    for (topic, bytes) in sent {
        send(node.bus, &bytes);
        is_whole(&line(&mut node, topic, ""), "cluster.packet_parse_failclosed_violation");
        bed.saw(topic, "told");
    }
    let reply = client.ask(&asked);
    assert!(reply.is_error());
    bed.saw(&asked, reply);
    is_whole(&line(&mut node, "command_refused", ""), "cluster.command_router_contract_violation");
    for mode in ["hardened", "strict"] {
        client.ok(&format!("CONFIG SET cluster-bus-mode {mode}"));
        if mode != bed.mode() {
            line(&mut node, "mode_changed", &format!("\"mode\":\"{mode}\""));
        }
    }
}

/// More refusals than a budget holds: evidence ends, refusals do not; in the second window in a row the mode does.
fn spent_budgets(bed: &mut Bed) {
    let mut node = telling(bed, &[]);
    let (bus, stop, end) = (node.bus, AtomicBool::new(false), Instant::now() + 2 * LIMIT);
    let fallen = thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) && Instant::now() < end {
                send(bus, &of_another_version());
            }
        });
        let defences = std::iter::from_fn(|| {
            Some(line(&mut node, "frame_refused", "")).filter(|refused| !refused.contains(SPENT))
        });
        let defences = defences.filter(|refused| refused.contains("\"outcome\":\"pass\"")).count();
        let fallen = line(&mut node, "mode_changed", "\"mode\":\"strict\"");
        stop.store(true, Ordering::Relaxed);
        assert_eq!(defences, BUDGET, "the first window has as many as any");
        fallen
    });
    assert!(fallen.contains(SPENT), "{fallen}");
    // The setting still says what was configured; only a change of it hardens again.
    let mut client = node.client();
    let value = client.ask("CONFIG GET cluster-bus-mode").items().map(|items| items[1].clone());
    assert_eq!(value, Some(Frame::Bulk(b"hardened".to_vec())));
    client.ok("CONFIG SET cluster-bus-mode strict");
    client.ok("CONFIG SET cluster-bus-mode hardened");
    line(&mut node, "mode_changed", "\"mode\":\"hardened\"");
    assert_eq!(node.info("cluster_known_nodes"), "1");
    bed.saw("a flood", "strict");
}
