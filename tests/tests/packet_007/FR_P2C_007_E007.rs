//! E007, C07: ASKING, READONLY and READWRITE over connections: transactions, RESET, pipelines.

use crate::bed::Bed;
use crate::pair::sessions_answer_alike;
use crate::rows;

rows! { "cluster.client_mode_flag_transition_violation":
    FR_P2C_007_STRICT_E007_modes + FR_P2C_007_HARDENED_E007_modes => modes_last_as_long_as_those_of_redis;
}

fn modes_last_as_long_as_those_of_redis(bed: &mut Bed) {
    sessions_answer_alike(bed, include_str!("E007.txt"));
}
