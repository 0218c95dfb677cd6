//! Sets: members drawn at random, SPOP and SRANDMEMBER.

use std::collections::HashSet;

use evict::record::Form;

use crate::args::{Args, OwnedArgs};
use crate::exec::{DataRow, Exec};
use crate::hash::Random;
use crate::limits::Removal;
use crate::number::parse_i64;
use crate::packed::Element;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::signals::EventClasses;
use crate::spec::{CommandSpec, Flags, KeyFlags, KeySpec};
use crate::store::Key;
use crate::table::Place;
use crate::types::kind::Kind;
use crate::types::selection::Selection;
use crate::types::set::Set;

use super::{READ_KEY, SET, change};
use crate::commands::draw::Draw;

/// The rows of this sub-family.
pub(super) static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            name: "spop",
            arity: -2,
            flags: Flags::WRITE.and(Flags::FAST).and(Flags::VISITABLE),
            keys: &[KeySpec {
                flags: KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::DELETE),
                first: 1,
                last: 0,
                step: 1,
            }],
            summary: "Removes members of a set at random and returns them.",
            complexity: "O(1) without a count, else O(N) where N is the count",
            syntax: "key [count@3.2.0]",
            tips: &["nondeterministic_output"],
            history: &[("3.2.0", "It takes a count.")],
            ..SET
        },
        run: spop,
    },
    DataRow {
        spec: CommandSpec {
            name: "srandmember",
            arity: -2,
            // Not a visit: the reply may be any number of members.
            flags: Flags::READONLY,
            keys: READ_KEY,
            summary: "Draws members of a set: one, some distinct ones, or with a negative count some of which may repeat.",
            complexity: "O(1) without a count, else O(N) where N is the number of members that are returned",
            syntax: "key [count@2.6.0]",
            tips: &["nondeterministic_output"],
            history: &[("2.6.0", "It takes a count.")],
            ..SET
        },
        run: srandmember,
    },
];

fn spop(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let count = match args.len() {
        2 => None,
        3 => Some(pop_count(args.at(2))?),
        _ => return Err(Refusal::Syntax),
    };
    let key = exec.first_key(args, 1);
    let place = exec.write_as(&key, Kind::Set)?;
    match (place, count) {
        (None, None) => reply.null(),
        (None, Some(_)) | (_, Some(0)) => reply.set(0),
        (Some(place), None) => {
            let mut random = exec.keyspace.random.clone();
            let mut popped = Popped::new(exec, &key);
            let visit = &mut |member: Element| {
                popped.add(member);
                reply.element(member);
            };
            let ((), emptied) = change(exec, &key, place, |set| set.take(&mut random, visit));
            exec.keyspace.random = random;
            tell(exec, &key, 1, emptied);
            popped.log(exec);
        }
        (Some(place), Some(count)) => pop_many(exec, &key, place, count, reply),
    }
    Ok(())
}

/// What SPOP is logged as: SREM of the members that it drew.
struct Popped(Option<OwnedArgs>);

impl Popped {
    fn new(exec: &Exec, key: &Key) -> Popped {
        Popped(exec.is_logged().then(|| [b"SREM", key.bytes].iter().collect()))
    }

    #[inline]
    fn add(&mut self, member: Element) {
        if let Some(words) = &mut self.0 {
            words.push(member.text(&mut itoa::Buffer::new()));
        }
    }

    fn log(self, exec: &mut Exec) {
        if let Some(words) = self.0 {
            exec.log_words(words);
        }
    }
}

/// How many members SPOP is to take.
fn pop_count(arg: &[u8]) -> Result<usize, Refusal> {
    let count = parse_i64(arg).and_then(|count| usize::try_from(count).ok());
    count.ok_or(Refusal::Text("ERR value is out of range, must be positive"))
}

/// Takes `count` members out of a set, at least one, or all if there are no more.
fn pop_many(exec: &mut Exec, key: &Key, place: Place, count: usize, reply: &mut Reply) {
    let set = Set::of(exec.entry(key, place));
    let len = set.len();
    reply.set(count.min(len));
    if count >= len {
        set.for_each(|member| reply.element(member));
        exec.delete(key, place);
        exec.log_deletion(Form::Del, key);
    } else {
        let mut random = exec.keyspace.random.clone();
        let mut popped = Popped::new(exec, key);
        let visit = &mut |member: Element| {
            popped.add(member);
            reply.element(member);
        };
        let (replaced, _) = change(exec, key, place, |set| set.take_many(count, &mut random, visit));
        exec.keyspace.random = random;
        popped.log(exec);
        if let Some(object) = replaced {
            exec.keyspace.drop_later(object, Removal::Server);
        }
    }
    tell(exec, key, count.min(len), count >= len);
}

/// Tells that so many members were popped, and the key deleted if those were all.
fn tell(exec: &mut Exec, key: &Key, popped: usize, emptied: bool) {
    exec.happened(key, popped as u64, EventClasses::SET, "spop");
    if emptied {
        exec.emptied(key);
    }
}

fn srandmember(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let count = match args.len() {
        2 => None,
        3 => Some(Draw::parse(args.at(2))?),
        _ => return Err(Refusal::Syntax),
    };
    let key = exec.first_key(args, 1);
    let place = exec.read_as(&key, Kind::Set)?;
    let mut random = exec.keyspace.random.clone();
    let set = place.map(|place| Set::of(exec.entry(&key, place)));
    match (set, count) {
        (None, None) => reply.null(),
        (None, Some(_)) => reply.array(0),
        (Some(set), None) => reply.element(one(set, &mut random)),
        (Some(set), Some(Draw::Repeated(count))) => {
            draw(set, count, &mut random, exec.keyspace.limits.reply_bytes_max, reply);
        }
        (Some(set), Some(Draw::Distinct(count))) => draw_distinct(set, count, &mut random, reply),
    }
    exec.keyspace.random = random;
    Ok(())
}

/// A member of a stored set.
#[inline]
fn one<'a>(set: Set<'a>, random: &mut Random) -> Element<'a> {
    set.sample(random).expect("no stored set is empty")
}

/// Replies with `count` members, any of them any number of times. The reply ends early once it is so long that the connection
/// will be closed for it.
fn draw(set: Set, count: u64, random: &mut Random, bytes_max: usize, reply: &mut Reply) {
    reply.array(count as usize);
    for _ in 0..count {
        reply.element(one(set, random));
        if reply.len() > bytes_max {
            return;
        }
    }
}

/// Replies with `count` different members, or with all if there are fewer.
fn draw_distinct(set: Set, count: usize, random: &mut Random, reply: &mut Reply) {
    /// Above this part of a large set, one pass over all of it is cheaper than drawing until enough differ.
    const PART: usize = 8;
    let len = set.len();
    reply.array(count.min(len));
    if let Set::Large(members) = set
        && count < len / PART
    {
        let mut drawn = HashSet::with_capacity(count);
        while drawn.len() < count {
            if let Some(member) = members.sample(random)
                && drawn.insert(member.key())
            {
                reply.bulk(member.key());
            }
        }
        return;
    }
    let mut selection = Selection::new(count, len);
    set.walk(|member| {
        if selection.next(random) {
            reply.element(member);
        }
        !selection.is_over()
    });
}
