//! DUMP and RESTORE: a value as bytes that any Redis of the right age reads, and back. And what MIGRATE does to its keys.

use evict::gate::DataSet;
use evict::record::Form;
use evict::time::UnixMillis;

use crate::args::{Args, OwnedArgs};
use crate::exec::{DataRow, Exec};
use crate::limits::Removal;
use crate::number::parse_i64;
use crate::payloads::{self, Place, Restored};
use crate::rdb::payload::BadPayload;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::signals::EventClasses;
use crate::spec::{Categories, CommandSpec, Flags, KeyFlags, KeySpec};
use crate::store::{Key, is_expired};

/// The rows of this family.
pub static ROWS: &[DataRow] = &[
    DataRow {
        spec: CommandSpec {
            name: "dump",
            arity: 2,
            flags: Flags::READONLY,
            categories: Categories::KEYSPACE,
            keys: &[KeySpec { flags: KeyFlags::RO.and(KeyFlags::ACCESS), first: 1, last: 0, step: 1 }],
            since: "2.6.0",
            group: "generic",
            summary: "Writes the value of a key as bytes that RESTORE reads.",
            complexity: "O(N) for a value of N bytes.",
            syntax: "key",
            tips: &["nondeterministic_output"],
            ..CommandSpec::NONE
        },
        run: dump,
    },
    DataRow { spec: RESTORE, run: restore },
    DataRow {
        spec: CommandSpec {
            name: "restore-asking",
            flags: RESTORE.flags.and(Flags::ASKING).and(Flags::SYSCMD),
            since: "3.0.0",
            group: "server",
            summary: "RESTORE into a slot that this node of a cluster is importing.",
            ..RESTORE
        },
        run: restore,
    },
];

const RESTORE: CommandSpec = CommandSpec {
    name: "restore",
    arity: -4,
    flags: Flags::WRITE.and(Flags::DENYOOM),
    categories: Categories::KEYSPACE.and(Categories::DANGEROUS),
    keys: &[KeySpec { flags: KeyFlags::OW.and(KeyFlags::UPDATE), first: 1, last: 0, step: 1 }],
    since: "2.6.0",
    group: "generic",
    summary: "Makes a key from bytes that DUMP wrote.",
    complexity: "O(N) for a value of N bytes, times O(log(N)) for a sorted set.",
    syntax: "key ttl:integer serialized-value [REPLACE]@3.0.0 [ABSTTL]@5.0.0 [IDLETIME seconds:integer]@5.0.0 \
             [FREQ frequency:integer]@5.0.0",
    history: &[
        ("3.0.0", "The option REPLACE."),
        ("5.0.0", "The option ABSTTL."),
        ("5.0.0", "The options IDLETIME and FREQ."),
    ],
    ..CommandSpec::NONE
};

const BUSY_KEY: Refusal = Refusal::Text("BUSYKEY Target key name already exists.");
const BAD_TTL: Refusal = Refusal::Text("ERR Invalid TTL value, must be >= 0");
const BAD_IDLE_TIME: Refusal = Refusal::Text("ERR Invalid IDLETIME value, must be >= 0");
const BAD_FREQUENCY: Refusal = Refusal::Text("ERR Invalid FREQ value, must be >= 0 and <= 255");
const BAD_FRAME: Refusal = Refusal::Text("ERR DUMP payload version or checksum are wrong");
const BAD_VALUE: Refusal = Refusal::Text("ERR Bad data format");

fn dump(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let key = exec.first_key(args, 1);
    match exec.read(&key) {
        Some(place) => reply.bulk(&payloads::dump(exec.entry(&key, place), &exec.keyspace.limits)),
        None => reply.null(),
    }
    Ok(())
}

/// A copy of a key, as RESTORE takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyCopy {
    /// How many milliseconds it has left, at least 1; 0 without a deadline.
    pub ttl: i64,
    /// Its value.
    pub payload: Vec<u8>,
}

/// Copies a key, for MIGRATE to send it: a look-up as of a command that reads. None if it is not there.
pub fn copy_key(exec: &mut Exec, key: &Key) -> Option<KeyCopy> {
    let place = exec.read(key)?;
    let entry = exec.entry(key, place);
    let ttl = entry.deadline().map_or(0, |at| at.0.saturating_sub(exec.now.0).max(1));
    Some(KeyCopy { ttl, payload: payloads::dump(entry, &exec.keyspace.limits) })
}

/// Deletes keys that MIGRATE has sent, as DEL does. One that is gone meanwhile is left out.
pub fn remove_sent<'k>(exec: &mut Exec, keys: impl Iterator<Item = &'k [u8]>) {
    let mut words: OwnedArgs = [b"DEL"].iter().collect();
    for bytes in keys {
        let key = exec.key(bytes);
        if let Some(place) = exec.keyspace.locate(exec.db, &key) {
            exec.delete_loudly(&key, place, Removal::Server);
            words.push(bytes);
        }
    }
    if exec.is_logged() && words.args().len() > 1 {
        exec.log_words(words);
    }
}

/// What RESTORE is asked for beside the value.
#[derive(Default)]
struct Options {
    replace: bool,
    /// The deadline is given as a time, not as a duration.
    absolute: bool,
    idle_seconds: Option<i64>,
    frequency: Option<u8>,
}

/// Reads the options from the fourth argument on. IDLETIME and FREQ exclude each other, whichever comes first.
fn options(args: Args) -> Result<Options, Refusal> {
    let mut options = Options::default();
    let mut index = 4;
    while index < args.len() {
        let number = args.get(index + 1);
        if args.is(index, "replace") {
            options.replace = true;
        } else if args.is(index, "absttl") {
            options.absolute = true;
        } else if let (true, Some(number), None) = (args.is(index, "idletime"), number, options.frequency) {
            let seconds = parse_i64(number).ok_or(Refusal::NotInteger)?;
            options.idle_seconds = Some(seconds).filter(|seconds| *seconds >= 0);
            options.idle_seconds.ok_or(BAD_IDLE_TIME)?;
            index += 1;
        } else if let (true, Some(number), None) = (args.is(index, "freq"), number, options.idle_seconds) {
            let frequency = parse_i64(number).ok_or(Refusal::NotInteger)?;
            options.frequency = Some(u8::try_from(frequency).map_err(|_| BAD_FREQUENCY)?);
            index += 1;
        } else {
            return Err(Refusal::Syntax);
        }
        index += 1;
    }
    Ok(options)
}

/// The deadline that a key gets; none without a time to live. One beyond all times counts as past, as at redis-server.
fn deadline(now: UnixMillis, ttl: i64, absolute: bool) -> Option<UnixMillis> {
    match (ttl, absolute) {
        (0, _) => None,
        (at, true) => Some(UnixMillis(at)),
        (ttl, false) => Some(UnixMillis(now.0.checked_add(ttl).unwrap_or(0))),
    }
}

/// Checks options, the key, the time to live and the payload, in this order.
fn restore(exec: &mut Exec, args: Args, reply: &mut Reply) -> Outcome {
    let options = options(args)?;
    let key = exec.first_key(args, 1);
    if !options.replace && exec.peek(&key).is_some() {
        return Err(BUSY_KEY);
    }
    let ttl = parse_i64(args.at(2)).ok_or(Refusal::NotInteger)?;
    if ttl < 0 {
        return Err(BAD_TTL);
    }
    let access = exec.keyspace.restored(exec.now, options.idle_seconds, options.frequency);
    let (hasher, limits) = (exec.keyspace.hasher(), &exec.keyspace.limits);
    // A log tells itself what has expired.
    let now = if exec.data_set() == DataSet::Loading { UnixMillis(i64::MIN) } else { exec.now };
    let restored = payloads::restore(args.at(3), Place { key: key.bytes, access, hasher, limits, now });
    let Restored { entry, expired } = restored.map_err(|bad| match bad {
        BadPayload::VersionOrChecksum => BAD_FRAME,
        BadPayload::Value(_) => BAD_VALUE,
    })?;
    // What has expired is replaced like anything else.
    let replaced = exec.keyspace.locate(exec.db, &key);
    if let Some(place) = replaced {
        exec.delete(&key, place);
    }
    let deadline = deadline(exec.now, ttl, options.absolute);
    match entry {
        Some(mut entry) if !is_expired(deadline, exec.now) => {
            entry.set_deadline(deadline);
            let as_it_is = deadline.is_none_or(|_| options.absolute) && expired == 0;
            if exec.is_logged() && !as_it_is {
                let payload = (expired > 0).then(|| payloads::dump(&entry, &exec.keyspace.limits));
                log_made(exec, args, deadline, payload.as_deref().unwrap_or(args.at(3)));
            }
            exec.insert(&key, entry);
            exec.happened(&key, 1, EventClasses::GENERIC, "restore");
        }
        _ => {
            exec.happened(&key, replaced.is_some() as u64, EventClasses::GENERIC, "del");
            if replaced.is_some() {
                exec.log_deletion(Form::Del, &key);
            }
        }
    }
    reply.ok();
    Ok(())
}

/// RESTORE of what was made: with the deadline as a time, and without the fields that had expired.
fn log_made(exec: &mut Exec, args: Args, deadline: Option<UnixMillis>, payload: &[u8]) {
    let mut digits = itoa::Buffer::new();
    let at = deadline.map_or(0, |at| at.0);
    let words = [args.at(0), args.at(1), digits.format(at).as_bytes(), payload];
    exec.log_words(words.into_iter().chain(args.from(4).iter()).chain([&b"ABSTTL"[..]]).collect());
}

#[cfg(test)]
#[path = "dump_tests.rs"]
mod tests;
