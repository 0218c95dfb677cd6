//! Sorted sets: the walk of ZSCAN.

use crate::args::Args;
use crate::commands::scan_options::{BYTES_PER_VISIT, ScanOptions, Walk, parse_cursor, reply_with_walk};
use crate::double;
use crate::exec::{DataRow, Exec};
use crate::refusal::Outcome;
use crate::reply::Reply;
use crate::spec::{CommandSpec, Flags};
use crate::types::kind::Kind;
use crate::types::scored::Scored;

use super::{READ_KEY, SORTED_SET};

/// The rows of this sub-family.
pub(super) static ROWS: &[DataRow] = &[DataRow {
    spec: CommandSpec {
        name: "zscan",
        arity: -3,
        flags: Flags::READONLY.and(Flags::VISITABLE),
        keys: READ_KEY,
        since: "2.8.0",
        summary: "Walks over the members of a sorted set with their scores, a few at a time.",
        complexity: "O(1) per call, O(N) for a whole walk.",
        syntax: "key cursor:integer [MATCH pattern] [COUNT count]",
        tips: &["nondeterministic_output"],
        ..SORTED_SET
    },
    run: zscan,
}];
