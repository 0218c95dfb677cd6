//! What blocking commands share: how long they wait, what they find, and what is tried for them while they wait.

use std::collections::BTreeSet;

use crate::args::{Args, OwnedArgs};
use crate::exec::Exec;
use crate::long_double::LongDouble;
use crate::number::parse_i64;
use crate::refusal::{Outcome, Refusal};
use crate::reply::Reply;
use crate::signals::Wait;
use crate::store::Key;
use crate::table::Place;
use crate::types::kind::Kind;

const NEGATIVE: Refusal = Refusal::Text("ERR timeout is negative");

/// The milliseconds of a timeout in seconds. What is below one counts as one, and what is too long as negative, as C converts it.
pub(super) fn seconds(text: &[u8]) -> Result<u64, Refusal> {
    let seconds = LongDouble::parse(text).ok_or(Refusal::Text("ERR timeout is not a float or out of range"))?;
    let milliseconds = seconds.milliseconds().and_then(|milliseconds| u64::try_from(milliseconds).ok());
    milliseconds.ok_or(NEGATIVE)
}

/// A timeout in milliseconds.
pub(super) fn milliseconds(text: &[u8]) -> Result<u64, Refusal> {
    let milliseconds = parse_i64(text).ok_or(Refusal::Text("ERR timeout is not an integer or out of range"))?;
    u64::try_from(milliseconds).map_err(|_| NEGATIVE)
}

/// Looks up a key that may serve the command. One of another type is refused only at the first try, and what is promised to others
/// is not there.
pub(super) fn find(exec: &mut Exec, key: &Key, kind: Kind) -> Result<Option<Place>, Refusal> {
    match exec.write_as(key, kind) {
        Err(Refusal::WrongType) if exec.caller.waited => Ok(None),
        Ok(_) if exec.keyspace.signals.promised.iter().any(|promised| **promised == *key.bytes) => Ok(None),
        found => found,
    }
}

/// Serves a command `NAME key [key ...] timeout` from the first key that has something of this kind, by `pop`, which writes the whole
/// reply; waits if none has.
pub(super) fn pop_first(
    exec: &mut Exec,
    args: Args,
    reply: &mut Reply,
    kind: Kind,
    pop: impl FnOnce(&mut Exec, &Key, Place, &mut Reply),
) -> Outcome {
    let last = args.len() - 1;
    let timeout = seconds(args.at(last))?;
    let keys = args.from(1).iter().take(last - 1);
    for bytes in keys.clone() {
        let key = exec.key(bytes);
        if let Some(place) = find(exec, &key, kind)? {
            pop(exec, &key, place, reply);
            return Ok(());
        }
    }
    let keys = keys.map(|key| (key, command(&[args.at(0), key, b"0"])));
    wait(exec, timeout, keys, || reply.null_array());
    Ok(())
}

/// Lets the client wait for keys, each with the command that serves it from that key alone. A caller that cannot wait is answered
/// as if its time were up.
pub(super) fn wait<'a>(
    exec: &mut Exec,
    timeout_ms: u64,
    keys: impl Iterator<Item = (&'a [u8], OwnedArgs)>,
    time_is_up: impl FnOnce(),
) {
    if exec.caller.impatient {
        return time_is_up();
    }
    exec.wait(Wait { timeout_ms, keys: once_each(keys), minds_loss: false });
}

/// The first of what stands for each key.
pub(super) fn once_each<'a>(keys: impl Iterator<Item = (&'a [u8], OwnedArgs)>) -> Vec<(Box<[u8]>, OwnedArgs)> {
    let mut known = BTreeSet::new();
    keys.filter(|(key, _)| known.insert(*key)).map(|(key, serve)| (key.into(), serve)).collect()
}

/// A command of these words.
pub(super) fn command(words: &[&[u8]]) -> OwnedArgs {
    words.iter().collect()
}

/// BLMPOP or BZMPOP, as the client spells it, for one of its keys. In words of our own, as the client's may be of any length.
pub(super) fn counted(name: &[u8], key: &[u8], end: &str, count: usize) -> OwnedArgs {
    command(&[name, b"0", b"1", key, end.as_bytes(), b"COUNT", count.to_string().as_bytes()])
}

#[cfg(test)]
#[path = "waiting_tests.rs"]
mod tests;
