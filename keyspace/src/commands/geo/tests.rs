//! Places in sorted sets, row by row as redis-server 7.0.15 answers them.

use super::four_digits;
use crate::commands::testing::{Desk, check};

const SICILY: &str = "geoadd g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania";

#[test]
fn places() {
    check(&[
        (SICILY, ":2"),
        ("geoadd g ch 13.361389 38.115556 Palermo 15 37 Catania", ":1"),
        ("geoadd g nx 1 1 Palermo 15.087269 37.502669 new", ":1"),
        ("geoadd g xx 15.087269 37.502669 Catania 1 1 nobody", ":0"),
        ("geodist g Palermo Catania", "$11 166274.1516"),
        ("geodist g Palermo Catania KM", "$8 166.2742"),
        ("geodist g Palermo nobody", "$-1"),
        ("geodist g Palermo Palermo", "$6 0.0000"),
        ("geodist none a b", "$-1"),
        ("geohash g Palermo nobody", "*2 $11 sqc8b49rny0 $-1"),
        ("geopos g Palermo nobody", "*2 *2 $20 13.36138933897018433 $20 38.11555639549629859 *-1"),
        ("geopos none a", "*1 *-1"),
        ("@resp 3", ""),
        ("geopos g Palermo nobody", "*2 *2 ,13.36138933897018433 ,38.11555639549629859 _"),
        ("geodist g Palermo Catania", "$11 166274.1516"),
        ("@changes", "5"),
    ]);
}

#[test]
fn searches() {
    check(&[
        (SICILY, ":2"),
        ("geosearch g fromlonlat 15 37 byradius 200 km asc", "*2 $7 Catania $7 Palermo"),
        ("geosearch g fromlonlat 15 37 byradius 200 km desc count 1", "*1 $7 Palermo"),
        (
            "geosearch g frommember Palermo bybox 10 10 km withdist withhash",
            "*1 *3 $7 Palermo $6 0.0000 :3479099956230698",
        ),
        ("georadius g 15 37 100 km", "*1 $7 Catania"),
        ("georadiusbymember_ro g Catania 100 km withdist", "*1 *2 $7 Catania $6 0.0000"),
        ("geosearchstore r g fromlonlat 15 37 byradius 200 km storedist", ":2"),
        ("zscore r Catania", "$18 56.441257870158204"),
        ("geosearchstore r g fromlonlat 0 0 byradius 200 km", ":0"),
        ("exists r", ":0"),
        ("georadius g 15 37 200 km store r", ":2"),
        ("zscore r Palermo", "$16 3479099956230698"),
        ("georadius none 15 37 200 km store r", ":0"),
        ("exists r", ":0"),
        ("geosearch none fromlonlat 15 37 byradius 200 km", "*0"),
    ]);
}

#[test]
fn mistakes() {
    let mut desk = Desk::new();
    desk.run(SICILY);
    for (line, expected) in [
        ("geoadd g 181 0 a", "-ERR invalid longitude,latitude pair 181.000000,0.000000"),
        ("geoadd g 0 x a", "-ERR value is not a valid float"),
        ("geoadd g 0 0", "-ERR wrong number of arguments for 'geoadd' command"),
        ("geoadd g 0 0 a 0", "-ERR syntax error"),
        ("geoadd g nx xx 0 0 a", "-ERR syntax error"),
        ("geodist g a b x", "-ERR unsupported unit provided. please use M, KM, FT, MI"),
        ("geodist g a b m m", "-ERR syntax error"),
        ("georadius g 0 0 x m", "-ERR need numeric radius"),
        ("georadius g 0 0 -1 m", "-ERR radius cannot be negative"),
        ("georadiusbymember g nobody 1 m", "-ERR could not decode requested zset member"),
        ("geosearch g fromlonlat 0 0 bybox x 1 m", "-ERR need numeric width"),
        ("geosearch g fromlonlat 0 0 bybox 1 x m", "-ERR need numeric height"),
        ("geosearch g fromlonlat 0 0 bybox 1 -1 m", "-ERR height or width cannot be negative"),
        ("geosearch g fromlonlat 0 0 byradius 1 m count 0", "-ERR COUNT must be > 0"),
        ("geosearch g fromlonlat 0 0 byradius 1 m any", "-ERR the ANY argument requires COUNT argument"),
        (
            "geosearch g fromlonlat 0 0 asc desc asc",
            "-ERR exactly one of BYRADIUS and BYBOX can be specified for geosearch",
        ),
        (
            "GEOSEARCH g byradius 1 m asc desc",
            "-ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for GEOSEARCH",
        ),
        (
            "georadius g 0 0 1 m store r withdist",
            "-ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
        ),
        ("georadius_ro g 0 0 1 m store r", "-ERR syntax error"),
    ] {
        assert_eq!(desk.run(line), expected, "{line}");
    }
}

#[test]
fn digits_of_distances() {
    for (distance, text) in [
        (0.0, "0.0000"),
        (0.00004, "0.0000"),
        (0.00006, "0.0001"),
        (166_274.15156960033, "166274.1516"),
        // The nearest to these distances would end in 3 and in 7.
        (60_561_381.159250006, "60561381.1592"),
        (33_801_669.828_75, "33801669.8288"),
        (f64::NAN, "-922337203685477.5808"),
    ] {
        assert_eq!(four_digits(distance), text);
    }
}
