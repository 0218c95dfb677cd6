//! Random places and areas against redis-server: members in the order in which they are found, and every digit.
#![forbid(unsafe_code)]

use tests::sequence::{Words, check, words};

const KEYS: usize = 3;
const MEMBERS: usize = 400;

fn key(random: &mut fastrand::Rng) -> String {
    format!("g{}", random.usize(0..KEYS))
}

fn member(random: &mut fastrand::Rng) -> String {
    format!("m{}", random.usize(0..MEMBERS))
}

/// A place: anywhere, in a crowd, or at an edge.
fn place(random: &mut fastrand::Rng) -> String {
    let spread = |random: &mut fastrand::Rng, width: f64| (random.f64() - 0.5) * width;
    let (longitude, latitude) = match random.u8(0..7) {
        0 => (spread(random, 360.0), spread(random, 170.1)),
        1 => (spread(random, 1.0), spread(random, 1.0)),
        2 => (15.0 + spread(random, 20.0), 40.0 + spread(random, 20.0)),
        3 => (spread(random, 360.0), 84.0 + spread(random, 2.0)),
        4 => (if random.bool() { 180.0 } else { -180.0 }, spread(random, 170.0)),
        // Few places, so that members share them and their distances are equal.
        5 => (random.u8(0..6) as f64, random.u8(0..4) as f64),
        _ => (spread(random, 4.0), -70.0 + spread(random, 8.0)),
    };
    format!("{longitude} {latitude}")
}

/// Where and how large, with a unit.
fn area(random: &mut fastrand::Rng) -> String {
    let from = match random.bool() {
        true => format!("FROMLONLAT {}", place(random)),
        false => format!("FROMMEMBER {}", member(random)),
    };
    let unit = ["m", "km", "ft", "mi"][random.usize(0..4)];
    let size = |random: &mut fastrand::Rng| match random.u8(0..8) {
        0 => "0".to_string(),
        1 => (random.u32(0..30_000) * 1000).to_string(),
        _ => format!("{}", 10f64.powf(random.f64() * 8.0)),
    };
    match random.bool() {
        true => format!("{from} BYRADIUS {} {unit}", size(random)),
        false => format!("{from} BYBOX {} {} {unit}", size(random), size(random)),
    }
}

fn options(random: &mut fastrand::Rng) -> String {
    let order = ["", "", " ASC", " DESC"][random.usize(0..4)];
    let count = match random.u8(0..4) {
        0 => format!(" COUNT {} ANY", random.u8(1..30)),
        1 => format!(" COUNT {}", random.u8(1..100)),
        _ => String::new(),
    };
    order.to_string() + &count
}

fn shown(random: &mut fastrand::Rng) -> String {
    let some = |random: &mut fastrand::Rng, word: &'static str| if random.bool() { word } else { "" };
    [" WITHDIST", " WITHCOORD", " WITHHASH"].map(|word| some(random, word)).concat()
}

fn command(random: &mut fastrand::Rng) -> Words {
    let key = key(random);
    words(&match random.u8(0..12) {
        0..3 => {
            let places: Vec<String> =
                (0..random.usize(1..8)).map(|_| format!("{} {}", place(random), member(random))).collect();
            let options = ["", " NX", " XX", " CH"][random.usize(0..4)];
            format!("GEOADD {key}{options} {}", places.join(" "))
        }
        3 => format!("GEOPOS {key} {} {}", member(random), member(random)),
        4 => format!("GEOHASH {key} {} {}", member(random), member(random)),
        5 => format!("GEODIST {key} {} {} km", member(random), member(random)),
        6 => {
            let stored = ["", " STOREDIST"][random.usize(0..2)];
            format!("GEOSEARCHSTORE r {key} {}{}{stored}", area(random), options(random))
        }
        7 => "ZRANGE r 0 -1 WITHSCORES".to_string(),
        8 => format!("GEORADIUS {key} {} {} km{}{}", place(random), random.u16(..), options(random), shown(random)),
        _ => format!("GEOSEARCH {key} {}{}{}", area(random), options(random), shown(random)),
    })
}

fn last() -> Vec<Words> {
    (0..KEYS).map(|number| words(&format!("ZRANGE g{number} 0 -1 WITHSCORES"))).collect()
}

#[test]
fn packed_and_large_sets() {
    for entries in ["0", "100000"] {
        check(&["--zset-max-listpack-entries", entries], command, &last());
    }
}
