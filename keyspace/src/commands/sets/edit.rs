//! Sets: adding, removing and moving members.

use crate::args::Args;
use crate::exec::{DataRow, Exec};
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::signals::EventClasses;
use crate::spec::{CommandSpec, Flags, KeyFlags, KeySpec};
use crate::store::Key;
use crate::table::Place;
use crate::types::kind::Kind;
use crate::types::set::Set;

use super::{SET, add, change};

/// The rows of this sub-family.
pub(super) static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            name: "sadd",
            arity: -3,
            flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST).and(Flags::VISITABLE),
            keys: &[KeySpec { flags: KeyFlags::RW.and(KeyFlags::INSERT), first: 1, last: 0, step: 1 }],
            summary: "Adds members to a set; a missing key counts as an empty set.",
            complexity: "O(N) where N is the number of members that are added",
            syntax: "key member [member ...]",
            history: &[("2.4.0", "It takes more than one member.")],
            ..SET
        },
        run: sadd,
    },
    DataRow {
        spec: CommandSpec {
            name: "srem",
            arity: -3,
            flags: Flags::WRITE.and(Flags::FAST).and(Flags::VISITABLE),
            keys: &[KeySpec { flags: KeyFlags::RW.and(KeyFlags::DELETE), first: 1, last: 0, step: 1 }],
            summary: "Removes members of a set, and the key with the last one.",
            complexity: "O(N) where N is the number of members that are removed",
            syntax: "key member [member ...]",
            history: &[("2.4.0", "It takes more than one member.")],
            ..SET
        },
        run: srem,
    },
    DataRow {
        spec: CommandSpec {
            name: "smove",
            arity: 4,
            flags: Flags::WRITE.and(Flags::FAST).and(Flags::VISITABLE),
            keys: &[
                KeySpec { flags: KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::DELETE), first: 1, last: 0, step: 1 },
                KeySpec { flags: KeyFlags::RW.and(KeyFlags::INSERT), first: 2, last: 0, step: 1 },
            ],
            summary: "Moves a member from one set to another.",
            syntax: "source:key destination:key member",
            ..SET
        },
        run: smove,
    },
];

fn sadd(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 1);
    let place = exec.write_as(&key, Kind::Set)?;
    let members = args.from(2);
    let added = add(exec, &key, place, |set| {
        set.expect(members.at(0), members.len());
        members.iter().filter(|member| set.add(member)).count()
    });
    exec.happened(&key, added as u64, EventClasses::SET, "sadd");
    reply.int(added as i64);
    Ok(())
}

fn srem(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 1);
    let Some(place) = exec.write_as(&key, Kind::Set)? else {
        reply.int(0);
        return Ok(());
    };
    let (removed, emptied) =
        change(exec, &key, place, |set| args.from(2).iter().filter(|member| set.remove(member)).count());
    exec.happened(&key, removed as u64, EventClasses::SET, "srem");
    if emptied {
        exec.emptied(&key);
    }
    reply.int(removed as i64);
    Ok(())
}

fn smove(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let (source, target, member) = (exec.first_key(args, 1), exec.key(args.at(2)), args.at(3));
    // The target goes first if it is expired: that moves what stands in the same table.
    exec.write(&target);
    let Some(place) = exec.write_as(&source, Kind::Set)? else {
        // Nothing is done to the target, whatever it is.
        reply.int(0);
        return Ok(());
    };
    // Looked up again, here and below, as what stands in the same table may have moved; but it is used only once.
    let held = exec.peek(&target);
    if held.is_some_and(|place| exec.entry(&target, place).kind() != Kind::Set) {
        return Err(Refusal::WrongType);
    }
    let moved = if source.bytes == target.bytes {
        Set::of(exec.entry(&source, place)).has(exec.keyspace.hasher(), member)
    } else {
        move_member(exec, &source, place, &target, member)
    };
    reply.int(moved as i64);
    Ok(())
}

fn move_member(exec: &mut Exec, source: &Key, place: Place, target: &Key, member: &[u8]) -> bool {
    let (removed, emptied) = change(exec, source, place, |set| set.remove(member));
    if !removed {
        return false;
    }
    exec.happened(source, 1, EventClasses::SET, "srem");
    if emptied {
        exec.emptied(source);
    }
    let place = exec.peek(target);
    let is_new = add(exec, target, place, |set| {
        set.expect(member, 1);
        set.add(member)
    });
    exec.happened(target, is_new as u64, EventClasses::SET, "sadd");
    true
}
