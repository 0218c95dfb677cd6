//! E014, C14: who serves: slots that nobody has, a part of the cluster without a majority, and who comes back to it.

use std::time::Duration;

use tests::cluster::until;
use tests::frame::Frame;

use crate::bed::{Bed, LIMIT};
use crate::hosts::{Hosts, MASTERS, TIMEOUT};
use crate::pair::sessions_answer_alike;
use crate::rows;

/// How often a node looks.
const TICK: Duration = Duration::from_millis(100);
/// What it takes to ask two nodes by turns on a machine that does other things, too.
const LOOKING: Duration = Duration::from_millis(400);

rows! { "cluster.state_transition_contract_violation":
    FR_P2C_007_STRICT_E014_coverage + FR_P2C_007_HARDENED_E014_coverage => what_nobody_has_ends_service_if_it_is_to;
    FR_P2C_007_STRICT_E014_minority => a_minority_refuses_and_one_owner_is_left;
    FR_P2C_007_STRICT_E014_unheard => who_is_not_heard_refuses;
}

fn what_nobody_has_ends_service_if_it_is_to(bed: &mut Bed) {
    sessions_answer_alike(bed, include_str!("E014.txt"));
}

fn a_minority_refuses_and_one_owner_is_left(bed: &mut Bed) {
    let Some(hosts) = Hosts::form(bed) else { return };
    hosts.network.part(&[0, 1]);
    let took = until("the minority refuses", LIMIT, || hosts.refuses(0) && hosts.refuses(1));
    eprintln!("the minority refuses after {took:?}, at {TIMEOUT:?}");
    assert!(took < TIMEOUT * 3 / 2 + TICK + LOOKING, "{took:?}");
    until("the majority agrees who is gone", LIMIT, || {
        [2, 3, 4].iter().all(|&here| hosts.has_failed(0, here) && hosts.has_failed(1, here))
    });
    for number in [2, 3, 4] {
        assert_eq!(hosts.write(number), Frame::Simple(b"OK".to_vec()), "the majority serves what it has");
    }
    for number in [0, 1] {
        bed.saw("a write in the minority", hosts.write(number));
    }
    assert!(hosts.refuses(0) && hosts.refuses(1), "nothing has changed for the others");
    hosts.network.heal();
    let took = until("it serves again", LIMIT, || !hosts.refuses(0) && !hosts.refuses(1));
    eprintln!("the minority serves {took:?} after it could");
    assert!(took + TICK >= TIMEOUT, "who comes back waits for news of what it lost: {took:?}");
    hosts.until_whole();
}

fn who_is_not_heard_refuses(bed: &mut Bed) {
    let Some(hosts) = Hosts::form(bed) else { return };
    (1..MASTERS).for_each(|other| hosts.network.lose(0, other));
    until("the others find that it failed", LIMIT, || (1..MASTERS).all(|other| hosts.has_failed(0, other)));
    until("it refuses", LIMIT, || hosts.refuses(0));
    for number in 1..MASTERS {
        assert_eq!(hosts.write(number), Frame::Simple(b"OK".to_vec()));
    }
    hosts.network.heal();
    hosts.until_whole();
}
