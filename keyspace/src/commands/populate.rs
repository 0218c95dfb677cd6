//! DEBUG POPULATE: many keys at once, for tests and measurements.

use crate::args::Args;
use crate::entry::Entry;
use crate::number::parse_i64;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::signals::EventClasses;
use crate::slot::Slot;
use crate::spec::{CommandSpec, Flags};
use crate::store::{Db, is_expired};
use crate::whole::{Whole, WholeRow};

/// The row. DEBUG itself, and who may use it, is the server's matter.
pub static ROWS: &[WholeRow] = &[WholeRow {
    spec: CommandSpec {
        name: "debug|populate",
        arity: -2,
        flags: Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE).and(Flags::ALL_SLOTS),
        group: "server",
        summary: "Stores keys `prefix:0`, `prefix:1` and so on, unless they exist.",
        complexity: "O(N) for N keys.",
        syntax: "count [prefix] [size]",
        ..CommandSpec::NONE
    },
    run: populate,
}];

/// The most keys of one call: more than any machine's memory holds.
const KEYS_MAX: i64 = 1 << 36;

/// A key is cut to this length, in bytes: one that long says nothing that a shorter one does not.
const KEY_BYTES_MAX: usize = 127;

fn positive(arg: &[u8]) -> Result<i64, Refusal> {
    let number = parse_i64(arg).filter(|number| *number >= 0);
    number.ok_or(Refusal::Text("ERR value is out of range, must be positive"))
}

fn populate(whole: &mut Whole, args: Args, reply: &mut Reply) -> Outcome {
    if !(3..=5).contains(&args.len()) {
        let word = String::from_utf8_lossy(args.at(1));
        return Err(Refusal::owned(format!(
            "ERR unknown subcommand or wrong number of arguments for '{word}'. Try DEBUG HELP."
        )));
    }
    let count = positive(args.at(2))?;
    let prefix = args.get(3).unwrap_or(b"key");
    let size = args.get(4).map_or(Ok(0), positive)? as usize;
    if count > KEYS_MAX {
        return Err(Refusal::Text("ERR OOM in dictTryExpand"));
    }
    if size > whole.keyspaces[0].limits.string_bytes_max {
        return Err(Refusal::TooLong);
    }
    let db = whole.db();
    let (mut key, mut value) = (Vec::new(), Vec::new());
    for number in 0..count {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(number).as_bytes();
        key.clear();
        key.extend_from_slice(prefix);
        key.push(b':');
        key.extend_from_slice(digits);
        key.truncate(KEY_BYTES_MAX);
        value.clear();
        value.extend_from_slice(b"value:");
        value.extend_from_slice(digits);
        if size > 0 {
            value.resize(size, 0);
        }
        add(whole, db, &key, &value);
    }
    reply.ok();
    Ok(())
}

/// Stores one key where its slot is, unless it exists.
fn add(whole: &mut Whole, db: Db, key: &[u8], value: &[u8]) {
    let keyspace = &mut whole.keyspaces[(whole.owner)(Slot::of(key))];
    let key = keyspace.key(key);
    if let Some(place) = keyspace.locate(db, &key) {
        if !is_expired(keyspace.at(db, key.slot, place).deadline(), whole.now) {
            return;
        }
        keyspace.expire(db, &key, place);
    }
    let entry = Entry::new(key.bytes, value, None, keyspace.made(whole.now));
    keyspace.insert(db, key.slot, key.hash, entry);
    keyspace.modified(db, &key);
    keyspace.notify(db, EventClasses::NEW, "new", &key);
}
