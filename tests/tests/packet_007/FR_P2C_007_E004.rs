//! E004, C04: where a client is sent, and in which words.

use crate::bed::Bed;
use crate::pair::sessions_answer_alike;
use crate::{rows, stock_clients};

rows! { "cluster.redirect_reply_contract_violation":
    FR_P2C_007_STRICT_E004_moved => redirects_read_as_those_of_redis;
    FR_P2C_007_STRICT_E004_stock_clients => stock_clients_follow_a_reshard;
}

fn redirects_read_as_those_of_redis(bed: &mut Bed) {
    sessions_answer_alike(bed, include_str!("E004.txt"));
}

fn stock_clients_follow_a_reshard(bed: &mut Bed) {
    stock_clients::follow_a_reshard_there_and_back(bed);
}
