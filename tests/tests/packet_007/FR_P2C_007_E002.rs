//! E002, C02: commands with keys in one slot and in several, and those that name no keys.

use crate::bed::Bed;
use crate::pair::sessions_answer_alike;
use crate::rows;

rows! { "cluster.crossslot_detection_violation":
    FR_P2C_007_STRICT_E002_slots + FR_P2C_007_HARDENED_E002_slots => keys_of_one_slot_and_of_several;
}

fn keys_of_one_slot_and_of_several(bed: &mut Bed) {
    sessions_answer_alike(bed, include_str!("E002.txt"));
}
