//! Sorted sets: the rows of the commands on ranges.

use crate::exec::{DataFn, DataRow};
use crate::spec::{CommandSpec, Deprecation, Flags, KeyFlags, KeySpec};

use super::range::{zrange, zrangebylex, zrangebyscore, zrangestore, zrevrange, zrevrangebylex, zrevrangebyscore};
use super::{READ_KEY, SORTED_SET};

/// The rows of this sub-family.
pub(super) static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            syntax: "key start stop sortby=[BYSCORE | BYLEX]@6.2.0 [REV]@6.2.0 \
                     offset_count=[LIMIT {offset:integer count}]@6.2.0 [WITHSCORES]",
            history: &[("6.2.0", "The options REV, BYSCORE, BYLEX and LIMIT.")],
            ..range("zrange", "1.2.0", "Returns the members in a range of ranks, scores or members.")
        },
        run: zrange,
    },
    DataRow {
        spec: CommandSpec {
            arity: -5,
            flags: Flags::WRITE.and(Flags::DENYOOM),
            keys: &[
                KeySpec { flags: KeyFlags::OW.and(KeyFlags::UPDATE), first: 1, last: 0, step: 1 },
                KeySpec { flags: KeyFlags::RO.and(KeyFlags::ACCESS), first: 2, last: 0, step: 1 },
            ],
            complexity: "O(log(N)+M*log(M)) for M members that are stored of N",
            syntax: "dst:key src:key min max sortby=[BYSCORE | BYLEX] [REV] \
                     offset_count=[LIMIT {offset:integer count}]",
            ..range("zrangestore", "6.2.0", "Stores the members in a range of ranks, scores or members under a key.")
        },
        run: zrangestore,
    },
    by_name(
        range("zrevrange", "1.2.0", "Returns the members in a range of ranks from the greatest score down."),
        "key start:integer stop:integer [WITHSCORES]",
        "`ZRANGE` with the `REV` argument",
        &[],
        zrevrange,
    ),
    by_name(
        range("zrangebyscore", "1.0.5", "Returns the members whose scores are in a range."),
        "key min:double max:double [WITHSCORES]@2.0.0 offset_count=[LIMIT {offset:integer count}]",
        "`ZRANGE` with the `BYSCORE` argument",
        &[("2.0.0", "The option WITHSCORES.")],
        zrangebyscore,
    ),
    by_name(
        range("zrevrangebyscore", "2.2.0", "Returns the members whose scores are in a range, from the greatest down."),
        "key max:double min:double [WITHSCORES] offset_count=[LIMIT {offset:integer count}]",
        "`ZRANGE` with the `REV` and `BYSCORE` arguments",
        &[("2.1.6", "Either end may be exclusive.")],
        zrevrangebyscore,
    ),
    by_name(
        range("zrangebylex", "2.8.9", "Returns the members in a range of members, of a set of equal scores."),
        "key min max offset_count=[LIMIT {offset:integer count}]",
        "`ZRANGE` with the `BYLEX` argument",
        &[],
        zrangebylex,
    ),
    by_name(
        range("zrevrangebylex", "2.8.9", "Returns the members in a range of members, from the greatest down."),
        "key max min offset_count=[LIMIT {offset:integer count}]",
        "`ZRANGE` with the `REV` and `BYLEX` arguments",
        &[],
        zrevrangebylex,
    ),
];

/// What all rows share.
const fn range(name: &'static str, since: &'static str, summary: &'static str) -> CommandSpec {
    CommandSpec {
        name,
        arity: -4,
        flags: Flags::READONLY,
        keys: READ_KEY,
        since,
        summary,
        complexity: "O(log(N)+M) for M members that are returned of N",
        ..SORTED_SET
    }
}

/// A command that ZRANGE has replaced.
const fn by_name(
    spec: CommandSpec,
    syntax: &'static str,
    replaced_by: &'static str,
    history: &'static [(&'static str, &'static str)],
    run: DataFn,
) -> DataRow {
    let deprecated = Some(Deprecation { since: "6.2.0", replaced_by });
    DataRow { spec: CommandSpec { syntax, history, deprecated, ..spec }, run }
}
