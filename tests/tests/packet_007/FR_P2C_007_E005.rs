//! E005, C05: clients that wait on keys hear within a second that nobody will serve them here.

use crate::bed::Bed;
use crate::pair::sessions_answer_alike;
use crate::rows;

rows! { "cluster.blocked_client_redirect_violation":
    FR_P2C_007_STRICT_E005_waiting => who_waits_hears_of_a_lost_slot;
}

fn who_waits_hears_of_a_lost_slot(bed: &mut Bed) {
    sessions_answer_alike(bed, include_str!("E005.txt"));
}
