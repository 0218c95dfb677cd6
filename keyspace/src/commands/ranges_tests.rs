//! Ranges of strings, row by row as redis-server 7.0.15 answers them.

use crate::commands::testing::{Desk, check};

const INTEGER: &str = "-ERR value is not an integer or out of range";
const LONG: &str = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)";

#[test]
fn append_and_strlen() {
    check(&[
        ("append a 12", ":2"),
        ("@shape a", "Stored"),
        ("append a 3", ":3"),
        ("@shape a", "Edited"),
        ("get a", "$3 123"),
        ("incr a", ":124"),
        ("@shape a", "Stored"),
        ("append a \"\"", ":3"),
        ("@shape a", "Edited"),
        ("append b \"\"", ":0"),
        ("@shape b", "Stored"),
        ("get b", "$0 "),
        ("strlen a", ":3"),
        ("strlen b", ":0"),
        ("strlen c", ":0"),
        ("@changes", "5"),
        ("@hits", "4 1"),
        ("set a x ex 100", "+OK"),
        ("append a y", ":2"),
        ("@left a", "100000"),
        ("append a", "-ERR wrong number of arguments for 'append' command"),
        ("strlen a b", "-ERR wrong number of arguments for 'strlen' command"),
        ("@limit 1048576", ""),
        ("setrange c 1048570 123456", ":1048576"),
        ("append c 1", LONG),
        ("append c \"\"", ":1048576"),
        ("strlen c", ":1048576"),
    ]);
}

#[test]
fn setrange() {
    check(&[
        ("setrange a 0 \"\"", ":0"),
        ("get a", "$-1"),
        ("setrange a 2 xy", ":4"),
        ("@shape a", "Edited"),
        ("get a", "$4 \0\0xy"),
        ("setrange a 0 ab", ":4"),
        ("setrange a 3 cd", ":5"),
        ("setrange a 5 e", ":6"),
        ("setrange a 8 f", ":9"),
        ("get a", "$9 abxcde\0\0f"),
        ("set a 12345 ex 50", "+OK"),
        ("setrange a 3 \"\"", ":5"),
        ("@shape a", "Stored"),
        ("setrange a 0 9", ":5"),
        ("@shape a", "Edited"),
        ("@left a", "50000"),
        ("get a", "$5 92345"),
        ("@changes", "7"),
        ("setrange a -1 x", "-ERR offset is out of range"),
        ("setrange a -1 \"\"", "-ERR offset is out of range"),
        ("setrange a -9223372036854775808 x", "-ERR offset is out of range"),
        ("setrange a x x", INTEGER),
        ("setrange a 9223372036854775808 x", INTEGER),
        ("setrange a 9223372036854775807 x", LONG),
        ("setrange a 9223372036854775807 \"\"", ":5"),
        ("setrange b 9223372036854775807 \"\"", ":0"),
        ("setrange b 9223372036854775807 abcdef", LONG),
        ("setrange b 4294967295 abcdef", LONG),
        ("setrange b 536870912 a", LONG),
        ("setrange b 536870911 ab", LONG),
        ("get b", "$-1"),
        ("@changes", "0"),
        ("@limit 1048576", ""),
        ("setrange b 1048576 a", LONG),
        ("setrange b 1048575 a", ":1048576"),
        ("getrange b 1048570 -1", "$6 \0\0\0\0\0a"),
        ("setrange b 1048570 xy", ":1048576"),
        ("getrange b 1048568 -1", "$8 \0\0xy\0\0\0a"),
        ("setrange b", "-ERR wrong number of arguments for 'setrange' command"),
    ]);
}

#[test]
fn getrange() {
    check(&[
        ("set a 0123456789", "+OK"),
        ("getrange a 0 0", "$1 0"),
        ("getrange a 0 -1", "$10 0123456789"),
        ("getrange a 2 4", "$3 234"),
        ("getrange a -3 -2", "$2 78"),
        ("getrange a -2 -3", "$0 "),
        ("getrange a 4 2", "$0 "),
        ("getrange a 5 100", "$5 56789"),
        ("getrange a 9 9", "$1 9"),
        ("getrange a 10 20", "$0 "),
        ("getrange a -100 2", "$3 012"),
        ("getrange a -100 -50", "$1 0"),
        ("getrange a -50 -100", "$0 "),
        ("getrange a 0 -100", "$1 0"),
        ("getrange a 1 -100", "$0 "),
        ("getrange a -9223372036854775808 9223372036854775807", "$10 0123456789"),
        ("getrange a 9223372036854775807 -9223372036854775808", "$0 "),
        ("getrange a -9223372036854775808 -9223372036854775808", "$1 0"),
        ("getrange a 9223372036854775807 9223372036854775807", "$0 "),
        ("substr a 1 3", "$3 123"),
        ("substr b 1 3", "$0 "),
        ("getrange b 0 -1", "$0 "),
        ("getrange a x 1", INTEGER),
        ("getrange a 1 x", INTEGER),
        ("getrange b x 1", INTEGER),
        ("set b \"\"", "+OK"),
        ("getrange b 0 0", "$0 "),
        ("getrange b -1 -1", "$0 "),
        ("set c 12345", "+OK"),
        ("getrange c 1 2", "$2 23"),
        ("@hits", "22 2"),
        ("getrange a 1", "-ERR wrong number of arguments for 'getrange' command"),
        ("substr a 1", "-ERR wrong number of arguments for 'substr' command"),
    ]);
}

/// Long strings are edited in a buffer of their own; a model says what they hold.
#[test]
fn edits_of_any_length() {
    let mut random = fastrand::Rng::with_seed(7);
    let mut desk = Desk::new();
    for round in 0..40 {
        let key = format!("k{round}");
        let mut model: Vec<u8> = Vec::new();
        for _ in 0..60 {
            let piece: Vec<u8> = (0..random.usize(0..300)).map(|_| random.alphanumeric() as u8).collect();
            if random.bool() {
                desk.command(&[b"append", key.as_bytes(), &piece]);
                model.extend_from_slice(&piece);
            } else {
                let offset = random.usize(0..model.len() + 200);
                desk.command(&[b"setrange", key.as_bytes(), offset.to_string().as_bytes(), &piece]);
                if !piece.is_empty() {
                    model.resize(model.len().max(offset + piece.len()), 0);
                    model[offset..offset + piece.len()].copy_from_slice(&piece);
                }
            }
            let mut expected = format!("${}\r\n", model.len()).into_bytes();
            expected.extend_from_slice(&model);
            expected.extend_from_slice(b"\r\n");
            let exists = desk.command(&[b"get", key.as_bytes()]) != b"$-1\r\n";
            assert!(exists || model.is_empty());
            if exists {
                assert_eq!(desk.command(&[b"get", key.as_bytes()]), expected);
            }
        }
    }
}
