//! The rows of the subcommands of CLIENT that are about client-side caching.

use keyspace::spec::{Categories, CommandSpec, Flags};

use crate::command::Run;

use super::tracking::{caching, getredir, tracking, trackinginfo};
use super::{SessionFn, SessionRow};

const ROW: CommandSpec = CommandSpec {
    arity: 2,
    flags: Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE),
    categories: Categories::CONNECTION,
    since: "6.0.0",
    group: "connection",
    ..CommandSpec::NONE
};

/// The rows of this family.
pub static ROWS: &[SessionRow] = &[
    row(
        CommandSpec {
            name: "client|tracking",
            arity: -3,
            summary: "Begins or ends telling the connection which keys that it has read were changed.",
            complexity: "O(1), with prefixes O(N) for N prefixes.",
            syntax: "status=<ON | OFF> [REDIRECT client-id:integer] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] \
                     [OPTOUT] [NOLOOP]",
            ..ROW
        },
        tracking,
    ),
    row(
        CommandSpec {
            name: "client|caching",
            arity: 3,
            summary: "Tells whether the keys of the next command are tracked.",
            syntax: "mode=<YES | NO>",
            ..ROW
        },
        caching,
    ),
    row(
        CommandSpec { name: "client|getredir", summary: "Tells which connection hears of changes instead.", ..ROW },
        getredir,
    ),
    row(
        CommandSpec {
            name: "client|trackinginfo",
            since: "6.2.0",
            summary: "Tells how the connection tracks keys.",
            ..ROW
        },
        trackinginfo,
    ),
];

const fn row(spec: CommandSpec, run: SessionFn) -> SessionRow {
    SessionRow { spec, run: Run::Session(run) }
}
