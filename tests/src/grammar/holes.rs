//! What the letters of a grammar stand for: `%k` a key, `%m` a member or field, `%v` a value, `%i` an integer, `%n` a small count,
//! `%f` a floating-point number, `%t` a time in seconds, `%g` a pattern, `%s` a bound of scores, `%x` a bound of members, `%d` the
//! id of a stream's entry, `%l` and `%a` a longitude and a latitude, `%o` an offset of bits, and `%e` sometimes a word that fits
//! nowhere.

use fastrand::Rng;

/// What stands for a letter.
pub(super) fn fill(letter: u8, random: &mut Rng) -> Vec<u8> {
    match letter {
        b'k' => key(random),
        b'm' => member(random),
        b'v' => value(random),
        b'i' => integer(random),
        b'n' => count(random),
        b'f' => float(random),
        b't' => pick(random, &["100", "1000", "100000", "0", "-1", "x", "9223372036854775807"]),
        b's' => bound(random),
        b'x' => lex_bound(random),
        b'd' => entry_id(random),
        b'l' => coordinate(random, 180.0),
        b'a' => coordinate(random, 85.0),
        b'o' => offset(random),
        b'g' => pick(random, &["*", "a*", "*1*", "?", "[ab]*", "nosuch", ""]),
        other => panic!("%{} stands for nothing", other as char),
    }
}

fn pick(random: &mut Rng, from: &[&str]) -> Vec<u8> {
    from[random.usize(0..from.len())].as_bytes().to_vec()
}

/// A key: few, so that commands meet.
fn key(random: &mut Rng) -> Vec<u8> {
    pick(random, &["a", "b", "c", "d", "key:1", "key:2", "{a}1", "{a}2"])
}

/// A member or field: mostly one of few.
fn member(random: &mut Rng) -> Vec<u8> {
    match random.u8(0..100) {
        0..45 => random.i32(-3..30).to_string().into_bytes(),
        45..70 => pick(random, &["a", "b", "c", "d", "e", "ab", "abc", "field", "member"]),
        70..85 => random.i32(0..700).to_string().into_bytes(),
        85..92 => format!("m{}", random.u16(0..300)).into_bytes(),
        _ => value(random),
    }
}

/// A value: texts and numbers at the limits of encodings.
pub(super) fn value(random: &mut Rng) -> Vec<u8> {
    /// Lengths at which something may change.
    const LENGTHS: [usize; 14] = [1, 2, 3, 4, 43, 44, 45, 63, 64, 65, 66, 127, 4095, 4097];
    match random.u8(0..100) {
        0..40 => random.i32(-200..200).to_string().into_bytes(),
        40..60 => integer(random),
        60..75 => {
            pick(random, &["", "a", "text", "0.5", "-1.25", "1e3", "007", "-0", " 1", "inf", "nan", "\r\n", "\0"])
        }
        75..90 => vec![b"xyz"[random.usize(0..3)]; LENGTHS[random.usize(0..LENGTHS.len())]],
        _ => (0..random.usize(0..20)).map(|_| random.u8(..)).collect(),
    }
}

fn integer(random: &mut Rng) -> Vec<u8> {
    match random.u8(0..20) {
        0..14 => random.i32(-20..60).to_string().into_bytes(),
        14 => pick(random, &["x", "", "1.5", " 1", "+1", "01", "9223372036854775808", "-9223372036854775809"]),
        _ => {
            let edges = [8, 15, 16, 23, 31, 32, 63].map(|bits| (1i128 << bits) as i64);
            let edge = edges[random.usize(0..edges.len())];
            let edge = if random.bool() { edge } else { edge.wrapping_neg() };
            edge.wrapping_add(random.i64(-2..=2)).to_string().into_bytes()
        }
    }
}

/// A count: mostly small.
fn count(random: &mut Rng) -> Vec<u8> {
    match random.u8(0..20) {
        0..12 => random.i32(0..8).to_string().into_bytes(),
        12..16 => random.i32(0..300).to_string().into_bytes(),
        _ => pick(random, &["-1", "-3", "x", "", "1.0", "9223372036854775807", "-9223372036854775808"]),
    }
}

fn float(random: &mut Rng) -> Vec<u8> {
    match random.u8(0..10) {
        0..5 => format!("{}", f64::from(random.i32(-400..400)) / 8.0).into_bytes(),
        5..7 => random.i32(-20..60).to_string().into_bytes(),
        _ => pick(random, &["0.1", "-0", "1e10", "3.3333333", "inf", "-inf", "nan", "x", "", "1e400", "0x10", " 1"]),
    }
}

/// Now and then a word that fits nowhere.
pub(super) fn odd(random: &mut Rng) -> Option<Vec<u8>> {
    (random.u8(0..30) == 0).then(|| pick(random, &["nonsense", "", "-1", "LIMIT", "EX", "COUNT", "WITHVALUES"]))
}

/// An end of a range of scores.
fn bound(random: &mut Rng) -> Vec<u8> {
    let open = if random.u8(0..4) == 0 { "(" } else { "" };
    let end = match random.u8(0..8) {
        0 => b"-inf".to_vec(),
        1 => b"+inf".to_vec(),
        _ => float(random),
    };
    [open.as_bytes(), &end].concat()
}

/// An end of a range of members.
fn lex_bound(random: &mut Rng) -> Vec<u8> {
    match random.u8(0..10) {
        0..2 => b"-".to_vec(),
        2..4 => b"+".to_vec(),
        4..7 => [&b"["[..], &member(random)].concat(),
        7..9 => [&b"("[..], &member(random)].concat(),
        _ => member(random),
    }
}

/// An id of a stream's entry: most around those that `XADD` with `60-*` gives.
fn entry_id(random: &mut Rng) -> Vec<u8> {
    match random.u8(0..20) {
        0..10 => format!("60-{}", random.u8(0..40)).into_bytes(),
        10..15 => format!("{}-{}", random.u8(0..60), random.u8(0..3)).into_bytes(),
        15..17 => random.u8(0..64).to_string().into_bytes(),
        17 => format!("60-{}", random.u16(0..600)).into_bytes(),
        _ => pick(
            random,
            &["0", "0-0", "x", "", "1-x", "18446744073709551615", "18446744073709551615-18446744073709551614"],
        ),
    }
}

/// A degree within `limit` of 0, and now and then one just out of it.
fn coordinate(random: &mut Rng, limit: f64) -> Vec<u8> {
    match random.u8(0..20) {
        0..10 => format!("{:.6}", 10.0 + random.f64() * 5.0).into_bytes(),
        10..16 => format!("{:.4}", (random.f64() * 2.0 - 1.0) * limit).into_bytes(),
        16..18 => random.i32(-85..=85).to_string().into_bytes(),
        _ => pick(random, &["0", "180", "-180", "85.05112878", "-85.05112878", "85.06", "180.1", "nan", "x", ""]),
    }
}

/// An offset of bits, never one that makes a value large.
fn offset(random: &mut Rng) -> Vec<u8> {
    match random.u8(0..20) {
        0..10 => random.u16(0..64).to_string().into_bytes(),
        10..17 => random.u16(0..3000).to_string().into_bytes(),
        _ => pick(random, &["-1", "x", "", "4294967296", "9223372036854775807", "1.5", "40000"]),
    }
}
