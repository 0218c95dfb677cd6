//! Places of members: GEOADD, GEOPOS, GEOHASH and GEODIST.

use crate::args::{Args, OwnedArgs};
use crate::commands::sorted_sets::zadd;
use crate::exec::{DataRow, Exec};
use crate::geo::Point;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::spec::{CommandSpec, Flags, KeyFlags, KeySpec};
use crate::types::kind::Kind;
use crate::types::scored::Scored;

use super::{GEO, READ_KEY, point_at, reply_distance, reply_point, unit_at};

/// The rows of this sub-family.
pub(super) static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            name: "geoadd",
            arity: -5,
            flags: Flags::WRITE.and(Flags::DENYOOM),
            keys: &[KeySpec { flags: KeyFlags::RW.and(KeyFlags::UPDATE), ..READ_KEY }],
            summary: "Adds members with places to a sorted set, or gives members new places.",
            complexity: "O(M*log(N)) for M members that are added to N",
            syntax: "key condition=[NX | XX]@6.2.0 [change=CH]@6.2.0 \
                     {longitude:double latitude:double member} [longitude_latitude_member ...]",
            history: &[("6.2.0", "The options CH, NX and XX.")],
            ..GEO
        },
        run: geoadd,
    },
    DataRow {
        spec: CommandSpec {
            name: "geodist",
            arity: -4,
            flags: Flags::READONLY,
            keys: &[READ_KEY],
            summary: "Returns the distance between the places of two members.",
            complexity: "O(1)",
            syntax: "key member1 member2 unit=[M | KM | FT | MI]",
            ..GEO
        },
        run: geodist,
    },
    DataRow {
        spec: CommandSpec {
            name: "geohash",
            arity: -2,
            flags: Flags::READONLY,
            keys: &[READ_KEY],
            summary: "Returns the standard geohashes of members' places.",
            complexity: "O(N) for N members that are asked for",
            syntax: "key [member [member ...]]",
            ..GEO
        },
        run: geohash,
    },
    DataRow {
        spec: CommandSpec {
            name: "geopos",
            arity: -2,
            flags: Flags::READONLY,
            keys: &[READ_KEY],
            summary: "Returns longitudes and latitudes of members' places.",
            complexity: "O(N) for N members that are asked for",
            syntax: "key [member [member ...]]",
            ..GEO
        },
        run: geopos,
    },
];

/// GEOADD is ZADD with places for scores.
fn geoadd(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let is_option = |index: usize| ["nx", "xx", "ch"].iter().any(|word| args.is(index, word));
    let options = (2..args.len()).take_while(|&index| is_option(index)).count();
    let first = 2 + options;
    let has = |word: &str| (2..first).any(|index| args.is(index, word));
    if !(args.len() - first).is_multiple_of(3) || has("nx") && has("xx") {
        return Err(Refusal::Syntax);
    }
    let mut words = OwnedArgs::default();
    words.push(b"zadd");
    args.iter().take(first).skip(1).for_each(|word| words.push(word));
    for index in (first..args.len()).step_by(3) {
        let score = point_at(args, index)?.score();
        words.push(itoa::Buffer::new().format(score).as_bytes());
        words.push(args.at(index + 2));
    }
    zadd(exec, words.args(), reply)?;
    if exec.has_changed() {
        exec.log_words(words);
    }
    Ok(())
}

fn geodist(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let unit = match args.len() {
        4 => 1.0,
        5 => unit_at(args, 4)?,
        _ => return Err(Refusal::Syntax),
    };
    let key = exec.first_key(args, 1);
    let place = exec.read_as(&key, Kind::SortedSet)?;
    let set = place.map(|place| Scored::of(exec.entry(&key, place)));
    let point = |index: usize| set?.score(exec.keyspace.hasher(), args.at(index)).map(Point::of_score);
    match (point(2), point(3)) {
        (Some(from), Some(to)) => reply_distance(from.distance(to) / unit, reply),
        _ => reply.null(),
    }
    Ok(())
}

fn geohash(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    each_place(exec, args, reply, |point, reply| match point {
        Some(point) => reply.bulk(&point.geohash()),
        None => reply.null(),
    })
}

fn geopos(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    each_place(exec, args, reply, |point, reply| match point {
        Some(point) => reply_point(point, reply),
        None => reply.null_array(),
    })
}

/// Writes an array of what `write` makes of each member's place.
fn each_place(exec: &mut Exec, args: Args, reply: &mut Reply, write: fn(Option<Point>, &mut Reply)) -> Outcome {
    let key = exec.first_key(args, 1);
    let place = exec.read_as(&key, Kind::SortedSet)?;
    let set = place.map(|place| Scored::of(exec.entry(&key, place)));
    reply.array(args.len() - 2);
    for member in args.from(2).iter() {
        let score = set.and_then(|set| set.score(exec.keyspace.hasher(), member));
        write(score.map(Point::of_score), reply);
    }
    Ok(())
}
