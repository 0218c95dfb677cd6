//! The rows of intersections, unions and differences of sets.

use crate::exec::{DataFn, DataRow};
use crate::spec::{CommandSpec, Flags, Form, KeyFlags, KeySpec, MovableKeys};

use super::SET;
use super::algebra::{sdiff, sdiffstore, sinter, sintercard, sinterstore, sunion, sunionstore};

const PRODUCT: &str = "O(N*M) where N is the size of the smallest set and M is the number of sets";
const SUM: &str = "O(N) where N is the number of members of all sets";

/// The rows of this sub-family.
pub(super) static ROWS: &[DataRow] = &[
    replied("sinter", "Returns the members that all sets have.", PRODUCT, sinter),
    DataRow {
        spec: CommandSpec {
            name: "sintercard",
            arity: -3,
            flags: Flags::READONLY.and(Flags::MOVABLEKEYS),
            movable_keys: &[MovableKeys::new(KeyFlags::RO.and(KeyFlags::ACCESS), Form::Counted { at: 1 })],
            since: "7.0.0",
            summary: "Counts the members that all sets have.",
            complexity: PRODUCT,
            syntax: "numkeys:integer key [key ...] [LIMIT limit:integer]",
            ..SET
        },
        run: sintercard,
    },
    stored("sinterstore", "Stores the members that all sets have.", PRODUCT, KeyFlags::RW, sinterstore),
    replied("sunion", "Returns the members that any of some sets has.", SUM, sunion),
    stored("sunionstore", "Stores the members that any of some sets has.", SUM, KeyFlags::OW, sunionstore),
    replied("sdiff", "Returns the members of the first set that no other set has.", SUM, sdiff),
    stored("sdiffstore", "Stores the members of the first set that no other set has.", SUM, KeyFlags::OW, sdiffstore),
];

/// All arguments, which are read.
const ALL: &[KeySpec] = &[KeySpec { flags: KeyFlags::RO.and(KeyFlags::ACCESS), first: 1, last: -1, step: 1 }];

const fn replied(name: &'static str, summary: &'static str, complexity: &'static str, run: DataFn) -> DataRow {
    let spec = CommandSpec {
        name,
        arity: -2,
        flags: Flags::READONLY,
        keys: ALL,
        summary,
        complexity,
        syntax: "key [key ...]",
        tips: &["nondeterministic_output_order"],
        ..SET
    };
    DataRow { spec, run }
}

/// `does` says whether the target is read before it is overwritten, as redis-server tells it of each command.
const fn stored(
    name: &'static str,
    summary: &'static str,
    complexity: &'static str,
    does: KeyFlags,
    run: DataFn,
) -> DataRow {
    const SOURCES: KeySpec = KeySpec { flags: KeyFlags::RO.and(KeyFlags::ACCESS), first: 2, last: -1, step: 1 };
    const READ: &[KeySpec] = &[target(KeyFlags::RW), SOURCES];
    const OVERWRITTEN: &[KeySpec] = &[target(KeyFlags::OW), SOURCES];
    let spec = CommandSpec {
        name,
        arity: -3,
        flags: Flags::WRITE.and(Flags::DENYOOM),
        keys: if does.has(KeyFlags::RW) { READ } else { OVERWRITTEN },
        summary,
        complexity,
        syntax: "destination:key key [key ...]",
        ..SET
    };
    DataRow { spec, run }
}

const fn target(does: KeyFlags) -> KeySpec {
    KeySpec { flags: does.and(KeyFlags::UPDATE), first: 1, last: 0, step: 1 }
}
