//! SYNC: a snapshot of everything, for who asked. What changes afterwards does not follow: there are no replicas.

use crate::args::Args;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::spec::{CommandSpec, Flags};
use crate::whole::{Whole, WholeRow};

/// The name of the command.
pub const SYNC: &str = "sync";

/// The rows of this family.
pub static ROWS: &[WholeRow] = &[WholeRow {
    spec: CommandSpec {
        name: SYNC,
        arity: 1,
        flags: Flags::ADMIN
            .and(Flags::NOSCRIPT)
            .and(Flags::NO_ASYNC_LOADING)
            .and(Flags::NO_MULTI)
            .and(Flags::ALL_SLOTS),
        group: "server",
        summary: "Sends a snapshot of all data, as the file that Redis keeps of it.",
        complexity: "O(1) per core; the snapshot is written in O(N) for N keys while others are served.",
        ..CommandSpec::NONE
    },
    run: sync,
}];

/// Begins a snapshot everywhere, at one moment. It has no reply: the file is one, which comes once it is whole.
fn sync(whole: &mut Whole, _: Args, _: &mut Reply) -> Outcome {
    if whole.caller.impatient {
        return Err(Refusal::Text("ERR SYNC has to be waited for"));
    }
    if whole.keyspaces.iter().any(|keyspace| keyspace.is_saving()) {
        return Err(Refusal::Text("ERR Background save already in progress"));
    }
    whole.keyspaces.iter_mut().for_each(|keyspace| keyspace.begin_saving());
    Ok(())
}
