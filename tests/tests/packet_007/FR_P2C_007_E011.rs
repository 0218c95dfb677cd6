//! E011, C11: what a node said of its epochs and votes was on disk before.

use tests::frame::Frame;

use crate::bed::Bed;
use crate::hosts::{Hosts, MASTERS};
use crate::rows;

rows! { "cluster.failover_election_contract_violation":
    FR_P2C_007_STRICT_E011_kill_9 => kill_9_at_any_point_keeps_what_was_said;
}

fn kill_9_at_any_point_keeps_what_was_said(bed: &mut Bed) {
    let Some(mut hosts) = Hosts::form(bed) else { return };
    let mut promised = [0; MASTERS];
    for round in 0..2 * MASTERS {
        let number = round * 3 % MASTERS;
        let mut client = hosts.nodes[number].client();
        // What was answered was on disk; what was not, may be.
        for _ in 0..round % 4 {
            let Frame::Simple(text) = client.ask("CLUSTER BUMPEPOCH") else { panic!("a status") };
            let text = String::from_utf8(text).expect("it is text");
            promised[number] = text.rsplit(' ').next().and_then(|epoch| epoch.parse().ok()).expect("an epoch");
        }
        client.send(&["CLUSTER", "BUMPEPOCH"]).expect("it runs");
        hosts.nodes[number].kill();
        hosts.nodes[number].launch();
        hosts.nodes[number].wait_ready();
        let id = hosts.nodes[number].id();
        let epoch = hosts.nodes[number].nodes()[&id].epoch;
        assert!(epoch >= promised[number], "round {round}: {epoch} after {}", promised[number]);
    }
    hosts.until_whole();
}
