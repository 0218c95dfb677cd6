//! E014, C14: who serves: slots that nobody has, a part of the cluster without a majority, and who comes back to it.

use tests::cluster::until;
use tests::frame::Frame;

use crate::bed::{Bed, LIMIT};
use crate::hosts::{Hosts, MASTERS, TIMEOUT};
use crate::rows;

rows! { "cluster.state_transition_contract_violation":
    FR_P2C_007_STRICT_E014_minority => a_minority_refuses_and_one_owner_is_left;
    FR_P2C_007_STRICT_E014_unheard => who_is_not_heard_refuses;
}

fn a_minority_refuses_and_one_owner_is_left(bed: &mut Bed) {
    let Some(hosts) = Hosts::form(bed) else { return };
    hosts.network.part(&[0, 1]);
    let took = until("the minority refuses", 4 * TIMEOUT, || hosts.refuses(0) && hosts.refuses(1));
    eprintln!("the minority refuses after {took:?}, at {TIMEOUT:?}");
    until("the majority agrees who is gone", LIMIT, || {
        [2, 3, 4].iter().all(|&here| hosts.has_failed(0, here) && hosts.has_failed(1, here))
    });
    for number in [2, 3, 4] {
        assert_eq!(hosts.write(number), Frame::Simple(b"OK".to_vec()), "the majority serves what it has");
    }
    assert!(hosts.refuses(0) && hosts.refuses(1), "nothing has changed for the others");
    hosts.network.heal();
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
