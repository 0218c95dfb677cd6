//! LINSERT, LSET, LREM and LTRIM: changing a list by what is in it, or by places.

use std::ops::ControlFlow;

use crate::args::Args;
use crate::exec::{DataRow, Exec};
use crate::packed::Element;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::signals::EventClasses;
use crate::spec::{CommandSpec, Flags, KeyFlags};
use crate::types::kind::Kind;
use crate::types::list::List;
use crate::types::nodes::End;

use super::{DELETE, INSERT, LIST, change, check_item, index_in, integer, one_key, range_in, remove};

/// A write that may have to walk over the list.
const WALKS: Flags = Flags::WRITE.and(Flags::VISITABLE);

/// The rows.
pub(super) static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            name: "linsert",
            arity: 5,
            flags: WALKS.and(Flags::DENYOOM),
            keys: INSERT,
            since: "2.2.0",
            summary: "Adds an item to a list before or behind the first one that equals a pivot.",
            complexity: "O(N) where N is the number of items before the pivot",
            syntax: "key where=<BEFORE | AFTER> pivot element",
            ..LIST
        },
        run: linsert,
    },
    DataRow {
        spec: CommandSpec {
            name: "lset",
            arity: 4,
            flags: WALKS.and(Flags::DENYOOM),
            keys: &[one_key(KeyFlags::RW.and(KeyFlags::UPDATE))],
            summary: "Sets the item of a list at an index.",
            complexity: "O(N) where N is the number of nodes to the nearer end, or of items in a list of one node",
            syntax: "key index:integer element",
            ..LIST
        },
        run: lset,
    },
    DataRow {
        spec: CommandSpec {
            name: "lrem",
            arity: 4,
            flags: WALKS,
            keys: DELETE,
            summary: "Removes items of a list that equal an element.",
            complexity: "O(N) where N is the number of items that are compared",
            syntax: "key count element",
            ..LIST
        },
        run: lrem,
    },
    DataRow {
        spec: CommandSpec {
            name: "ltrim",
            arity: 4,
            flags: WALKS,
            keys: DELETE,
            summary: "Removes all items of a list but those between two indexes.",
            complexity: "O(N) where N is the number of nodes that are removed",
            syntax: "key start:integer stop:integer",
            ..LIST
        },
        run: ltrim,
    },
];

fn linsert(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let side = match args {
        _ if args.is(2, "after") => End::Tail,
        _ if args.is(2, "before") => End::Head,
        _ => return Err(Refusal::Syntax),
    };
    let item = args.at(4);
    check_item(item)?;
    let key = exec.first_key(args, 1);
    let Some(place) = exec.write_as(&key, Kind::List)? else {
        reply.int(0);
        return Ok(());
    };
    let Some(pivot) = position(List::of(exec.entry(&key, place)), Element::of(args.at(3))) else {
        reply.int(-1);
        return Ok(());
    };
    let len = change(exec, &key, Some(place), |list| {
        list.make_room(1, item.len());
        list.insert(pivot, side, item);
        list.as_list().len()
    });
    exec.happened(&key, 1, EventClasses::LIST, "linsert");
    reply.int(len as i64);
    Ok(())
}

/// The index of the first item that equals an element.
fn position(list: List, element: Element) -> Option<usize> {
    let (mut index, mut found) = (0, None);
    list.walk(End::Head, |item| {
        if item == element {
            found = Some(index);
            return ControlFlow::Break(());
        }
        index += 1;
        ControlFlow::Continue(())
    });
    found
}

fn lset(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let item = args.at(3);
    check_item(item)?;
    let key = exec.first_key(args, 1);
    let place = exec.write_as(&key, Kind::List)?.ok_or(Refusal::NoSuchKey)?;
    let index = integer(args, 2)?;
    let len = List::of(exec.entry(&key, place)).len();
    let index = index_in(index, len).filter(|&index| index < len).ok_or(Refusal::OutOfRange)?;
    change(exec, &key, Some(place), |list| {
        list.make_room(1, item.len());
        list.set(index, item);
        list.settle();
    });
    exec.happened(&key, 1, EventClasses::LIST, "lset");
    reply.ok();
    Ok(())
}

fn lrem(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let count = integer(args, 2)?;
    let key = exec.first_key(args, 1);
    let Some(place) = exec.write_as(&key, Kind::List)? else {
        reply.int(0);
        return Ok(());
    };
    let end = if count < 0 { End::Tail } else { End::Head };
    let most = if count == 0 { usize::MAX } else { usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX) };
    let (removed, emptied) = change(exec, &key, Some(place), |list| {
        let removed = list.remove_equal(end, args.at(3), most);
        let emptied = list.as_list().is_empty();
        if removed > 0 && !emptied {
            list.settle();
        }
        (removed, emptied)
    });
    exec.happened(&key, removed as u64, EventClasses::LIST, "lrem");
    if emptied {
        exec.delete(&key, place);
        exec.emptied(&key);
    }
    reply.int(removed as i64);
    Ok(())
}

fn ltrim(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let (start, stop) = (integer(args, 2)?, integer(args, 3)?);
    let key = exec.first_key(args, 1);
    if let Some(place) = exec.write_as(&key, Kind::List)? {
        let len = List::of(exec.entry(&key, place)).len();
        let (start, count) = range_in(start, stop, len);
        let (removed, emptied) = if count == 0 {
            remove(exec, &key, place, End::Head, len)
        } else {
            let (behind, _) = remove(exec, &key, place, End::Tail, len - start - count);
            let (before, _) = remove(exec, &key, place, End::Head, start);
            (behind + before, false)
        };
        exec.counted(removed as u64);
        // It counts as changed even if it keeps all items.
        exec.touched(&key);
        exec.notify(EventClasses::LIST, "ltrim", &key);
        if emptied {
            exec.emptied(&key);
        }
    }
    reply.ok();
    Ok(())
}
