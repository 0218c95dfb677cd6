//! E004, C04: conditions of the EXPIRE family, all of them, reply by reply beside redis-server.

use crate::bed::{Bed, Beside, SEED};
use crate::rows;

const WORDS: [&str; 4] = ["nx", "xx", "gt", "lt"];
/// A deadline far ahead, in seconds.
const CURRENT: i64 = 4_000_000_000;

rows! { "expire.option_parse_contract_violation":
    FR_P2C_008_STRICT_E004_truth FR_P2C_008_HARDENED_E004_truth truth_table;
    FR_P2C_008_STRICT_E004_words FR_P2C_008_HARDENED_E004_words words_and_where_they_stand;
}

fn in_any_case(word: &str, rng: &mut fastrand::Rng) -> String {
    word.chars().map(|letter| if rng.bool() { letter.to_ascii_uppercase() } else { letter }).collect()
}

/// Every set of conditions, with repeats in any order, on keys without deadline and with one that is less, equal or greater.
fn truth_table(bed: &mut Bed) {
    let mut rng = fastrand::Rng::with_seed(SEED);
    let mut beside = Beside::start(bed, &[]);
    for (command, unit) in [("EXPIREAT", 1), ("PEXPIREAT", 1_000)] {
        for set in 0..16u8 {
            for current in [None, Some(-1), Some(0), Some(1)] {
                beside.same("SET key value");
                if let Some(apart) = current {
                    beside.same(&format!("PEXPIREAT key {}", (CURRENT + apart) * 1_000));
                }
                let mut words: Vec<String> = Vec::new();
                for (bit, word) in WORDS.iter().enumerate() {
                    for _ in 0..if set & (1 << bit) == 0 { 0 } else { rng.usize(1..4) } {
                        words.push(in_any_case(word, &mut rng));
                    }
                }
                rng.shuffle(&mut words);
                beside.same(&format!("{command} key {} {}", CURRENT * unit, words.join(" ")));
                beside.same("PEXPIRETIME key");
                beside.same(&format!("{command} nokey {} {}", CURRENT * unit, words.join(" ")));
            }
        }
    }
    // Relative forms take the same words.
    for command in ["EXPIRE", "PEXPIRE"] {
        for words in ["", "NX", "XX", "GT", "LT", "NX XX", "GT LT", "XX GT", "XX LT", "NX GT", "NX LT"] {
            for current in ["", "PXAT 4000000000000"] {
                beside.same(&format!("SET key value {current}"));
                beside.same(&format!("{command} key 100000 {words}"));
            }
        }
    }
}

fn words_and_where_they_stand(bed: &mut Bed) {
    let mut rng = fastrand::Rng::with_seed(SEED);
    let mut beside = Beside::start(bed, &[]);
    beside.same("SET key value");
    let odd = ["NXX", "N", "KEEPTTL", "PERSIST", "100", "nx\u{7f}", "GT;", "é", "EX"];
    for command in ["EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT"] {
        beside.same(command);
        beside.same(&format!("{command} key"));
        for word in odd {
            beside.same(&format!("{command} key 4000000000 {word}"));
            beside.same(&format!("{command} key 4000000000 XX {word}"));
            beside.same(&format!("{command} key {word} NX"));
            beside.same(&format!("{command} key {word} NX XX"));
        }
        beside.same(&format!("{command} key NX 4000000000"));
        beside.same(&format!("{command} nokey notanumber"));
        beside.same(&format!("{command} nokey notanumber {}", in_any_case("bogus", &mut rng)));
        beside.same_args(&[command.as_bytes(), b"key", b"4000000000", b""]);
        beside.same_args(&[command.as_bytes(), b"key", b"4000000000", b"NX\0"]);
        beside.same_args(&[command.as_bytes(), b"key", b"", b"NX"]);
        beside.same_args(&[command.as_bytes(), b"key", b" 4000000000"]);
    }
    beside.same("EXISTS key");
}
