//! Hashes: fields drawn at random, and the walk of HSCAN.

use std::collections::HashSet;

use crate::args::Args;
use crate::exec::{DataRow, Exec};
use crate::hash::Random;
use crate::packed::Element;
use crate::refusal::{Outcome, Refusal};
use crate::reply::{Reply, Resp};
use crate::spec::{CommandSpec, Flags, KeyFlags, KeySpec};
use crate::types::hash::Hash;
use crate::types::kind::Kind;
use crate::types::selection::Selection;

use super::{HASH, hash_at};
use crate::commands::draw::Draw;
use crate::commands::scan_options::{BYTES_PER_VISIT, ScanOptions, Walk, parse_cursor, reply_with_walk};

/// What the rows of this family share.
const WALK: CommandSpec = CommandSpec {
    keys: &[KeySpec { flags: KeyFlags::RO.and(KeyFlags::ACCESS), first: 1, last: 0, step: 1 }],
    tips: &["nondeterministic_output"],
    ..HASH
};

/// The rows of this family.
pub(super) static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            name: "hrandfield",
            arity: -2,
            // Not a visit: the reply may be any number of fields.
            flags: Flags::READONLY,
            since: "6.2.0",
            summary: "Draws fields of a hash: one, some distinct ones, or with a negative count some of which may repeat.",
            complexity: "O(N) where N is the number of fields that are returned",
            syntax: "key options=[count [WITHVALUES]]",
            ..WALK
        },
        run: hrandfield,
    },
    DataRow {
        spec: CommandSpec {
            name: "hscan",
            arity: -3,
            flags: Flags::READONLY.and(Flags::VISITABLE),
            since: "2.8.0",
            summary: "Walks over the fields of a hash with their values, a few at a time.",
            complexity: "O(1) per call, O(N) for a whole walk.",
            syntax: "key cursor:integer [MATCH pattern] [COUNT count]",
            ..WALK
        },
        run: hscan,
    },
];

/// Whether the values come along.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Fields,
    Pairs,
}

fn hrandfield(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let asked = if args.len() > 2 { Some(asked(args)?) } else { None };
    let key = exec.first_key(args, 1);
    let place = exec.read_as(&key, Kind::Hash)?;
    let mut random = exec.keyspace.random.clone();
    let hash = place.map(|place| hash_at(exec, &key, place));
    match (hash, asked) {
        (None, None) => reply.null(),
        (None, Some(_)) => reply.array(0),
        (Some(hash), None) => match hash.sample(&mut random) {
            Some((field, _)) => reply.element(field),
            None => reply.null(),
        },
        (Some(hash), Some((Draw::Repeated(count), shown))) => {
            draw(hash, count, shown, &mut random, exec.keyspace.limits.reply_bytes_max, reply);
        }
        (Some(hash), Some((Draw::Distinct(count), shown))) => draw_distinct(hash, count, shown, &mut random, reply),
    }
    exec.keyspace.random = random;
    Ok(())
}

/// How many fields are asked for, and whether their values come along.
fn asked(args: Args) -> Result<(Draw, Shown), Refusal> {
    let (draw, with_values) = Draw::parse_with(args, "withvalues")?;
    Ok((draw, if with_values { Shown::Pairs } else { Shown::Fields }))
}

/// Writes the head of a reply of `count` fields.
fn head(count: usize, shown: Shown, reply: &mut Reply) {
    match (shown, reply.resp()) {
        (Shown::Pairs, Resp::V2) => reply.array(count * 2),
        _ => reply.array(count),
    }
}

/// Writes one field of such a reply.
#[inline]
fn write(field: Element, value: Element, shown: Shown, reply: &mut Reply) {
    if shown == Shown::Pairs && reply.resp() == Resp::V3 {
        reply.array(2);
    }
    reply.element(field);
    if shown == Shown::Pairs {
        reply.element(value);
    }
}

/// Replies with `count` fields, any of them any number of times. The reply ends early once it is so long that the connection will
/// be closed for it.
fn draw(hash: Hash, count: u64, shown: Shown, random: &mut Random, bytes_max: usize, reply: &mut Reply) {
    // Where fields are hidden, the others are listed once: a draw that meets hidden ones may take as long as the list.
    let mut list = Vec::new();
    if hash.may_hide() {
        hash.for_each(|field, value| list.push((field, value)));
        if list.is_empty() {
            return reply.array(0);
        }
    }
    head(count as usize, shown, reply);
    for _ in 0..count {
        let (field, value) = match list.len() as u64 {
            0 => hash.sample(random).expect("no stored hash is empty, and none of this one is hidden"),
            len => list[random.below(len) as usize],
        };
        write(field, value, shown, reply);
        if reply.len() > bytes_max {
            return;
        }
    }
}

/// Replies with `count` different fields, or with all if there are fewer.
fn draw_distinct(hash: Hash, count: usize, shown: Shown, random: &mut Random, reply: &mut Reply) {
    /// Above this part of a large hash, one pass over all of it is cheaper than drawing until enough differ.
    const PART: usize = 3;
    let len = hash.shown_len();
    head(count.min(len), shown, reply);
    if let Hash::Large(_) = hash
        && count < len / PART
        && !hash.may_hide()
    {
        let mut drawn = HashSet::with_capacity(count);
        while drawn.len() < count {
            let (field, value) = hash.sample(random).expect("no stored hash is empty");
            if let Element::Bytes(name) = field
                && drawn.insert(name)
            {
                write(field, value, shown, reply);
            }
        }
        return;
    }
    let mut selection = Selection::new(count, len);
    hash.for_each(|field, value| {
        if selection.next(random) {
            write(field, value, shown, reply);
        }
    });
}

fn hscan(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let cursor = parse_cursor(args.at(2))?;
    let key = exec.first_key(args, 1);
    let Some(place) = exec.read_as(&key, Kind::Hash)? else {
        reply_with_walk(cursor, reply, |_, _| (0, None));
        return Ok(());
    };
    let options = ScanOptions::parse(args.from(3), Walk::Elements)?;
    let (hash, hasher) = (hash_at(exec, &key, place), exec.keyspace.hasher());
    reply_with_walk(cursor, reply, |from, reply| {
        let (mut count, mut name) = (0, itoa::Buffer::new());
        let next = hash.scan(hasher, from, options.visits(), &mut |field, value| {
            if !options.matches(field.text(&mut name)) {
                return 1;
            }
            reply.element(field);
            reply.element(value);
            count += 2;
            1 + (field.text_len() + value.text_len()) / BYTES_PER_VISIT
        });
        (count, next)
    });
    Ok(())
}
