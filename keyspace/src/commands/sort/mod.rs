//! SORT and SORT_RO: the elements of a list, a set or a sorted set in another order.
//!
//! With a pattern that holds `*` they look up keys that no client has named: such a call needs everything (`cores.md` §7), any other
//! one only its keys. The same code serves both: it sees one keyspace, or all.
//!
//! redis-server turns a packed sorted set into a large one when it sorts it. Here reading changes nothing.

mod elements;
mod pattern;
mod request;

use std::cmp::Ordering;
use std::ops::Range;

use crate::args::Args;
use crate::double;
use crate::exec::{DataRow, Exec};
use crate::limits::NodeLimit;
use crate::packed::Encoded;
use crate::partial_sort::partial_sort;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::signals::EventClasses;
use crate::slot::Slot;
use crate::spec::{Categories, CommandSpec, Flags, Form, KeyFlags, KeySpec, MovableKeys};
use crate::types::list;
use crate::types::nodes::{End, Nodes};
use crate::whole::{Whole, WholeFn, WideRow};

use elements::{Item, Span, Texts, Weight};
use pattern::Pattern;
use request::{Request, Sorting, Storing};

/// What the two rows share.
const SORT: CommandSpec = CommandSpec {
    arity: -2,
    categories: Categories::SET.and(Categories::SORTEDSET).and(Categories::LIST).and(Categories::DANGEROUS),
    keys: &[KeySpec { flags: KeyFlags::RO.and(KeyFlags::ACCESS), first: 1, last: 0, step: 1 }],
    group: "generic",
    complexity: "O(N+M*log(M)) for N elements, of which M are wanted.",
    ..CommandSpec::NONE
};

const READ_BY_PATTERN: MovableKeys = MovableKeys {
    note: "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content of the key we sort",
    ..MovableKeys::new(KeyFlags::RO.and(KeyFlags::ACCESS), Form::Unknown)
};

const STORED: MovableKeys = MovableKeys {
    find: Some(request::stored_under),
    note: "For the optional STORE keyword. It is marked 'unknown' because the keyword can appear anywhere in the argument array",
    ..MovableKeys::new(KeyFlags::OW.and(KeyFlags::UPDATE), Form::Unknown)
};

/// The rows.
pub static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            name: "sort",
            flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::MOVABLEKEYS),
            movable_keys: &[READ_BY_PATTERN, STORED],
            summary: "Sorts the elements of a list, a set or a sorted set, and stores them if asked to.",
            syntax: "key [BY pattern] [LIMIT {offset:integer count:integer}] [GET pattern [GET pattern ...]] \
                     order=[ASC | DESC] sorting=[ALPHA] [STORE destination:key]",
            ..SORT
        },
        run: |exec, args, reply| among_keys(exec, args, reply, sort),
    },
    DataRow {
        spec: CommandSpec {
            name: "sort_ro",
            flags: Flags::READONLY.and(Flags::MOVABLEKEYS),
            movable_keys: &[READ_BY_PATTERN],
            since: "7.0.0",
            summary: "Returns the elements of a list, a set or a sorted set in order.",
            syntax: "key [BY pattern] [LIMIT {offset:integer count:integer}] [GET pattern [GET pattern ...]] \
                     order=[ASC | DESC] sorting=[ALPHA]",
            ..SORT
        },
        run: |exec, args, reply| among_keys(exec, args, reply, sort_ro),
    },
];

/// What they do with patterns.
pub static WIDE_ROWS: &[WideRow] = &[
    WideRow { name: "sort", is_needed: |args| request::looks_up_keys(args, Storing::Allowed), run: sort },
    WideRow { name: "sort_ro", is_needed: |args| request::looks_up_keys(args, Storing::Refused), run: sort_ro },
];

fn sort(whole: &mut Whole, args: Args, reply: &mut Reply) -> Outcome {
    carry_out(whole, args, reply, Storing::Allowed)
}

fn sort_ro(whole: &mut Whole, args: Args, reply: &mut Reply) -> Outcome {
    carry_out(whole, args, reply, Storing::Refused)
}

/// Runs a command with no more than what its keys need.
fn among_keys(exec: &mut Exec, args: Args, reply: &mut Reply, run: WholeFn) -> Outcome {
    let (caller, now) = (exec.caller, exec.now);
    let mut here = [&mut *exec.keyspace];
    run(&mut Whole { keyspaces: &mut here, caller, now, owner: &|_| 0 }, args, reply)
}

fn carry_out(whole: &mut Whole, args: Args, reply: &mut Reply, storing: Storing) -> Outcome {
    let mut request = Request::parse(args, storing, whole.keyspaces[0].limits.reach)?;
    let mut texts = Texts::default();
    let (mut items, wanted) = elements::load(whole, args.at(1), &mut request, &mut texts)?;
    if request.sorting != Sorting::None {
        weigh(whole, &request, &mut items, &mut texts)?;
        put_in_order(&mut items, wanted.clone(), &request, &texts);
    }
    let items = &items[wanted];
    match request.store {
        Some(index) => {
            let stored = outputs(whole, &request, items, &mut texts);
            store(whole, args.at(index), &stored, &texts);
            reply.int(stored.len() as i64);
        }
        None => write(whole, &request, items, &texts, reply),
    }
    Ok(())
}

/// Gives every element what it is sorted by.
fn weigh(whole: &mut Whole, request: &Request, items: &mut [Item], texts: &mut Texts) -> Outcome {
    let mut name = Vec::new();
    let mut all_numbers = true;
    for item in items {
        let by = match &request.by {
            None => item.text,
            Some(pattern) => match pattern.look_up(whole, texts.at(item.text), &mut name) {
                Some(found) => texts.add(found),
                None => continue,
            },
        };
        item.weight = match request.sorting {
            Sorting::Bytes => Weight::Text(by),
            _ => match double::parse_weight(texts.at(by)) {
                Some(number) => Weight::Number(number),
                None => {
                    // The other keys are looked up all the same.
                    all_numbers = false;
                    continue;
                }
            },
        };
        if request.sorting == Sorting::Numbers && request.by.is_some() {
            texts.take_back(by);
        }
    }
    let refusal = Refusal::Text("ERR One or more scores can't be converted into double");
    if all_numbers { Ok(()) } else { Err(refusal) }
}

/// Sorts the items so far that those `wanted` are in their places, with equal ones in the order in which redis-server has them.
fn put_in_order(items: &mut [Item], wanted: Range<usize>, request: &Request, texts: &Texts) {
    let compare = |a: &Item, b: &Item| {
        let ascending = compare(a, b, request, texts);
        if request.descending { ascending.reverse() } else { ascending }
    };
    if wanted.is_empty() {
        return;
    }
    match request.by.is_some() && wanted != (0..items.len()) {
        true => partial_sort(items, wanted, compare),
        false => items.sort_by(compare),
    }
}

fn compare(a: &Item, b: &Item, request: &Request, texts: &Texts) -> Ordering {
    // What is replied is in the order of the C locale, in which a zero byte ends a text. What is stored has every byte compared.
    let bytes = |span: Span| match request.store {
        Some(_) => texts.at(span),
        None => double::c_string(texts.at(span)),
    };
    match (a.weight, b.weight) {
        (Weight::Text(a), Weight::Text(b)) => bytes(a).cmp(bytes(b)),
        (Weight::None, Weight::Text(_)) => Ordering::Less,
        (Weight::Text(_), Weight::None) => Ordering::Greater,
        _ if request.sorting == Sorting::Bytes => Ordering::Equal,
        (one, other) => {
            let by_number = one.number().total_cmp(&other.number());
            by_number.then_with(|| texts.at(a.text).cmp(texts.at(b.text)))
        }
    }
}

/// Replies with the elements, or with what stands for them.
fn write(whole: &mut Whole, request: &Request, items: &[Item], texts: &Texts, reply: &mut Reply) {
    reply.array(items.len() * request.get.len().max(1));
    if request.get.is_empty() {
        return items.iter().for_each(|item| reply.bulk(texts.at(item.text)));
    }
    let mut name = Vec::new();
    for (item, pattern) in every(items, &request.get) {
        let text = texts.at(item.text);
        match pattern {
            Pattern::Itself => reply.bulk(text),
            Pattern::Nothing => reply.null(),
            Pattern::Key(keys) => match keys.look_up(whole, text, &mut name) {
                Some(found) => reply.element(found),
                None => reply.null(),
            },
        }
    }
}

/// The elements, or what stands for them. What is missing is empty.
fn outputs(whole: &mut Whole, request: &Request, items: &[Item], texts: &mut Texts) -> Vec<Span> {
    if request.get.is_empty() {
        return items.iter().map(|item| item.text).collect();
    }
    let mut name = Vec::new();
    let found = every(items, &request.get).map(|(item, pattern)| match pattern {
        Pattern::Itself => item.text,
        Pattern::Nothing => Span::EMPTY,
        Pattern::Key(keys) => match keys.look_up(whole, texts.at(item.text), &mut name) {
            Some(found) => texts.add(found),
            None => Span::EMPTY,
        },
    });
    found.collect()
}

/// Every pattern for every item.
fn every<'a, 'k>(items: &'a [Item], patterns: &'a [Pattern<'k>]) -> impl Iterator<Item = (&'a Item, &'a Pattern<'k>)> {
    items.iter().flat_map(move |item| patterns.iter().map(move |pattern| (item, pattern)))
}

/// Stores a list of texts under a key, or deletes the key if there are none.
fn store(whole: &mut Whole, name: &[u8], stored: &[Span], texts: &Texts) {
    let mut exec = whole.exec(Slot::of(name));
    let key = exec.key(name);
    if stored.is_empty() {
        return exec.clear(&key);
    }
    let mut nodes = Nodes::new(NodeLimit::of(exec.keyspace.limits.list_node));
    stored.iter().for_each(|span| nodes.push(End::Tail, &Encoded::of(texts.at(*span))));
    let entry = list::made(name, nodes, exec.access);
    exec.replace(&key, entry);
    exec.happened(&key, stored.len() as u64, EventClasses::LIST, "sortstore");
}

#[cfg(test)]
mod tests;
