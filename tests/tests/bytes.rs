//! Random sequences of commands that work on the bytes of strings, bitmaps and HyperLogLogs, against redis-server: every reply,
//! and at the end every byte.
#![forbid(unsafe_code)]

use tests::sequence::{Words, check, words};

/// Keys of bitmaps and of HyperLogLogs; few, so that commands meet.
const KEYS: usize = 6;

fn key(random: &mut fastrand::Rng, family: char) -> String {
    format!("{family}{}", random.usize(0..KEYS))
}

/// An offset in bits, or an index: mostly small, sometimes far out, sometimes negative.
fn index(random: &mut fastrand::Rng) -> i64 {
    match random.u8(0..12) {
        0 => -random.i64(0..200),
        1 => random.i64(0..100_000),
        2 => [0, 7, 8, 63, 64, 127, 1023, 1024, -1][random.usize(0..9)],
        _ => random.i64(0..1500),
    }
}

fn bit_command(random: &mut fastrand::Rng) -> Words {
    let key = key(random, 'b');
    let unit = ["", " BIT", " BYTE"][random.usize(0..3)];
    let bit = random.u8(0..2);
    let (from, to) = (index(random), index(random));
    match random.u8(0..16) {
        0..4 => words(&format!("SETBIT {key} {} {bit}", from.abs())),
        4 => words(&format!("GETBIT {key} {}", from.abs())),
        5 => words(&format!("BITCOUNT {key} {from} {to}{unit}")),
        6 => words(&format!("BITCOUNT {key}")),
        7 => words(&format!("BITPOS {key} {bit} {from} {to}{unit}")),
        8 => words(&format!("BITPOS {key} {bit} {from}")),
        9 => words(&format!("BITPOS {key} {bit}")),
        10 => {
            let sources: Vec<String> = (0..random.usize(1..5)).map(|_| self::key(random, 'b')).collect();
            let operation = ["AND", "OR", "XOR"][random.usize(0..3)];
            words(&format!("BITOP {operation} {key} {}", sources.join(" ")))
        }
        11 => words(&format!("BITOP NOT {key} {}", self::key(random, 'b'))),
        12 if random.u8(0..8) == 0 => words(&format!("DEL {key}")),
        12 => words(&format!("SETRANGE {key} {} {}", from.abs() / 8, random.u32(..))),
        _ => fields(random, &key),
    }
}

/// BITFIELD with a few operations.
fn fields(random: &mut fastrand::Rng, key: &str) -> Words {
    let mut line = format!("BITFIELD {key}");
    for _ in 0..random.usize(1..5) {
        if random.bool() {
            line += [" OVERFLOW WRAP", " OVERFLOW SAT", " OVERFLOW FAIL"][random.usize(0..3)];
        }
        let signed = random.bool();
        let width = random.u8(1..=if signed { 64 } else { 63 });
        let sign = if signed { 'i' } else { 'u' };
        let hash = if random.bool() { "#" } else { "" };
        let offset = if hash.is_empty() { index(random).abs() } else { random.i64(0..40) };
        let value = random.i64(..) >> random.u8(0..64);
        line += &match random.u8(0..3) {
            0 => format!(" GET {sign}{width} {hash}{offset}"),
            1 => format!(" SET {sign}{width} {hash}{offset} {value}"),
            _ => format!(" INCRBY {sign}{width} {hash}{offset} {value}"),
        };
    }
    words(&line)
}

fn hyperloglog_command(random: &mut fastrand::Rng) -> Words {
    let key = key(random, 'h');
    match random.u8(0..16) {
        0..8 => {
            let most = [1, 3, 20, 300][random.usize(0..4)];
            let mut command = words(&format!("PFADD {key}"));
            // Elements of a small and of a large world, text and bytes.
            command.extend((0..random.usize(0..=most)).map(|_| match random.u8(0..3) {
                0 => random.u16(0..500).to_string().into_bytes(),
                1 => random.u64(..).to_le_bytes()[..random.usize(0..8)].to_vec(),
                _ => vec![random.u8(..); random.usize(0..40)],
            }));
            command
        }
        8..10 => words(&format!("PFCOUNT {key}")),
        10 => words(&format!("PFCOUNT {key} {} {}", self::key(random, 'h'), self::key(random, 'h'))),
        11 => words(&format!("PFMERGE {key} {}", self::key(random, 'h'))),
        12 => words(&format!("PFMERGE {key} {} {}", self::key(random, 'h'), self::key(random, 'h'))),
        13 => words(&format!("GET {key}")),
        14 => match random.u8(0..20) {
            0 => words(&format!("PFDEBUG TODENSE {key}")),
            1 => words(&format!("PFDEBUG GETREG {key}")),
            2..8 => words(&format!("DEL {key}")),
            _ => words(&format!("PFDEBUG DECODE {key}")),
        },
        _ => words(&format!("PFDEBUG ENCODING {key}")),
    }
}

fn last(family: char) -> Vec<Words> {
    let ask = |verb: &str| (0..KEYS).map(|number| words(&format!("{verb} {family}{number}"))).collect::<Vec<_>>();
    [ask("OBJECT ENCODING"), ask("GET"), ask("STRLEN")].concat()
}

#[test]
fn bitmaps() {
    check(&[], bit_command, &last('b'));
}

#[test]
fn hyperloglogs() {
    check(&[], hyperloglog_command, &last('h'));
}

#[test]
fn hyperloglogs_that_become_dense_early_or_never() {
    for bytes in ["60", "100000"] {
        check(&["--hll-sparse-max-bytes", bytes], hyperloglog_command, &last('h'));
    }
}
