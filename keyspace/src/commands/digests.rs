//! DEBUG DIGEST and DIGEST-VALUE: whether two servers hold the same.
//!
//! Unlike redis-server, which has them until somebody asks or its cycle finds them, keys that have expired are left out.

use crate::args::Args;
use crate::digest::Digest;
use crate::exec::{DataRow, Exec};
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::spec::{CommandSpec, Flags, KeyFlags, KeySpec};
use crate::store::is_expired;
use crate::whole::{Whole, WholeRow};

/// The row of what looks at some keys. DEBUG itself, and who may use it, is the server's matter.
pub static ROWS: &[DataRow] = &[DataRow {
    spec: CommandSpec {
        name: "debug|digest-value",
        arity: -2,
        flags: Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
        keys: &[KeySpec { flags: KeyFlags::RO, first: 2, last: -1, step: 1 }],
        group: "server",
        summary: "Shows a digest of each key's value.",
        complexity: "O(N) for N elements of the values.",
        syntax: "[key [key ...]]",
        ..CommandSpec::NONE
    },
    run: digest_value,
}];

/// The row of what looks at everything.
pub static WHOLE_ROWS: &[WholeRow] = &[WholeRow {
    spec: CommandSpec {
        name: "debug|digest",
        arity: -2,
        flags: Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE).and(Flags::ALL_SLOTS),
        group: "server",
        summary: "Shows a digest of all databases.",
        complexity: "O(N) for N elements of all values.",
        ..CommandSpec::NONE
    },
    run: digest,
}];

/// A key that does not exist has a digest of zeros. Nothing counts as looked up.
fn digest_value(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let keys = args.from(2);
    reply.array(keys.len());
    for bytes in keys.iter() {
        let key = exec.key(bytes);
        let digest = exec.peek(&key).map(|place| Digest::of_value(exec.entry(&key, place)));
        reply.simple(&digest.unwrap_or_default().hex());
    }
    Ok(())
}

fn digest(whole: &mut Whole, args: Args, reply: &mut Reply) -> Outcome {
    if args.len() > 2 {
        let word = String::from_utf8_lossy(args.at(1));
        return Err(Refusal::owned(format!(
            "ERR unknown subcommand or wrong number of arguments for '{word}'. Try DEBUG HELP."
        )));
    }
    let mut digest = Digest::default();
    for (number, db) in (0..).map_while(|number: u32| Some((number, whole.database(number as usize)?))) {
        let entries = whole.keyspaces.iter().flat_map(|keyspace| keyspace.entries(db));
        let mut entries = entries.filter(|entry| !is_expired(entry.deadline(), whole.now)).peekable();
        if entries.peek().is_some() {
            digest.begin_database(number);
            entries.for_each(|entry| digest.add_key(entry));
        }
    }
    reply.simple(&digest.hex());
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::check;

    /// Digests of redis-server 7.0.15 for the same data.
    #[test]
    fn digests_are_those_of_redis_server() {
        check(&[
            ("debug digest", "+0000000000000000000000000000000000000000"),
            ("debug digest-value", "*0"),
            ("set a 1", "+OK"),
            ("debug digest-value a", "*1 +b4fc66738120fba0b5aa500ab5c2bf89cea1c5da"),
            ("set b hello ex 1000", "+OK"),
            (
                "debug digest-value b none",
                "*2 +d037c4eb8a8b36b602fbced4000daeab0714c1e3 +0000000000000000000000000000000000000000",
            ),
        ]);
    }
}
