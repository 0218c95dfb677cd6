//! What transactions, WATCH and scripts do with a few counters, as one thread would: the model of the histories of clients.
//!
//! Each key has a version, which every command raises that Redis counts as a change; so an EXEC is null if a watched key changed, and
//! only then.

use super::Model;
use crate::frame::Frame;
use std::collections::BTreeMap;

/// The script of [`Call::Script`]: counts all its keys up and returns their values.
const SCRIPT: &str = "for _, k in ipairs(KEYS) do redis.call('INCR', k) end return redis.call('MGET', unpack(KEYS))";

/// What a client does. Keys and clients are numbers.
#[derive(Clone, Debug)]
pub enum Call {
    /// `SET`.
    Set(usize, i64),
    /// `GET`.
    Get(usize),
    /// `INCR`.
    Incr(usize),
    /// `MSET` of one value to all.
    Mset(Vec<usize>, i64),
    /// `MGET`.
    Mget(Vec<usize>),
    /// `DEL`.
    Del(Vec<usize>),
    /// `RENAME`.
    Rename(usize, usize),
    /// `FLUSHALL`.
    Flush,
    /// `WATCH` by a client.
    Watch(usize, Vec<usize>),
    /// `UNWATCH` by a client.
    Unwatch(usize),
    /// `MULTI`, the calls, and `EXEC` by a client.
    Exec(usize, Vec<Call>),
    /// A script that counts all keys up, and either declares them or not.
    Script(Vec<usize>, Declared),
}

/// Whether a script names its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Declared {
    /// All of them.
    All,
    /// None: the run finds out.
    None,
}

/// The name of a key. Neighbours lie on different cores.
pub fn key(index: usize) -> String {
    format!("{{{index}}}n")
}

impl Call {
    /// The commands that stand for it, in order; the last one's reply is its answer.
    pub fn commands(&self) -> Vec<Vec<String>> {
        let named = |name: &str, keys: &[usize]| vec![words(name).chain(keys.iter().map(|at| key(*at))).collect()];
        match self {
            Call::Set(at, value) => vec![vec!["SET".into(), key(*at), value.to_string()]],
            Call::Get(at) => named("GET", &[*at]),
            Call::Incr(at) => named("INCR", &[*at]),
            Call::Mset(keys, value) => {
                let pairs = keys.iter().flat_map(|at| [key(*at), value.to_string()]);
                vec![words("MSET").chain(pairs).collect()]
            }
            Call::Mget(keys) => named("MGET", keys),
            Call::Del(keys) => named("DEL", keys),
            Call::Rename(from, to) => named("RENAME", &[*from, *to]),
            Call::Flush => named("FLUSHALL", &[]),
            Call::Watch(_, keys) => named("WATCH", keys),
            Call::Unwatch(_) => named("UNWATCH", &[]),
            Call::Exec(_, calls) => {
                let queued = calls.iter().flat_map(Call::commands);
                words("MULTI").map(|word| vec![word]).chain(queued).chain([vec!["EXEC".to_owned()]]).collect()
            }
            Call::Script(keys, declared) => {
                let names = keys.iter().map(|at| key(*at));
                let mut command = vec!["EVAL".to_owned(), SCRIPT.to_owned(), keys.len().to_string()];
                if *declared == Declared::None {
                    let list: Vec<String> = names.clone().map(|name| format!("'{name}'")).collect();
                    let globals = format!("{{{}}}", list.join(", "));
                    command = vec!["EVAL".to_owned(), SCRIPT.replace("KEYS", &globals), "0".to_owned()];
                    return vec![command];
                }
                command.extend(names);
                vec![command]
            }
        }
    }
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(' ').map(str::to_owned).collect::<Vec<_>>().into_iter()
}

/// What the keys hold, and what clients watch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    values: BTreeMap<usize, i64>,
    versions: BTreeMap<usize, u32>,
    watched: BTreeMap<usize, Vec<(usize, u32)>>,
}

impl State {
    fn changed(&mut self, at: usize) {
        *self.versions.entry(at).or_default() += 1;
    }

    fn version(&self, at: usize) -> u32 {
        self.versions.get(&at).copied().unwrap_or_default()
    }

    fn set(&mut self, at: usize, value: i64) {
        self.values.insert(at, value);
        self.changed(at);
    }

    fn remove(&mut self, at: usize) -> Option<i64> {
        let value = self.values.remove(&at)?;
        self.changed(at);
        Some(value)
    }

    fn get(&self, at: usize) -> Frame {
        self.values.get(&at).map_or(Frame::NullBulk, |value| Frame::Bulk(value.to_string().into_bytes()))
    }

    fn get_all(&self, keys: &[usize]) -> Frame {
        Frame::Array(keys.iter().map(|at| self.get(*at)).collect())
    }

    fn increment(&mut self, at: usize) -> Frame {
        let value = self.values.get(&at).copied().unwrap_or_default() + 1;
        self.set(at, value);
        Frame::Int(value)
    }
}

/// Redis with one thread, as far as [`Call`] needs it.
pub struct OneThread;

impl Model for OneThread {
    type Call = Call;
    type Answer = Frame;
    type State = State;

    fn apply(state: &mut State, call: &Call) -> Frame {
        let ok = Frame::Simple(b"OK".to_vec());
        match call {
            Call::Set(at, value) => state.set(*at, *value),
            Call::Mset(keys, value) => keys.iter().for_each(|at| state.set(*at, *value)),
            Call::Get(at) => return state.get(*at),
            Call::Incr(at) => return state.increment(*at),
            Call::Mget(keys) => return state.get_all(keys),
            Call::Del(keys) => {
                let removed = keys.iter().filter(|at| state.remove(**at).is_some()).count();
                return Frame::Int(i64::try_from(removed).expect("few keys"));
            }
            Call::Rename(from, to) if from == to && state.values.contains_key(from) => {}
            Call::Rename(from, to) => match state.remove(*from) {
                None => return Frame::Error(b"ERR no such key".to_vec()),
                Some(value) => state.set(*to, value),
            },
            Call::Flush => {
                let keys: Vec<usize> = state.values.keys().copied().collect();
                for at in keys {
                    state.remove(at);
                }
            }
            Call::Watch(client, keys) => {
                let watched: Vec<(usize, u32)> = keys.iter().map(|at| (*at, state.version(*at))).collect();
                state.watched.entry(*client).or_default().extend(watched);
            }
            Call::Unwatch(client) => drop(state.watched.remove(client)),
            Call::Exec(client, calls) => {
                let watched = state.watched.remove(client).unwrap_or_default();
                if watched.iter().any(|(at, version)| state.version(*at) != *version) {
                    return Frame::NullArray;
                }
                return Frame::Array(calls.iter().map(|call| OneThread::apply(state, call)).collect());
            }
            Call::Script(keys, _) => {
                for at in keys {
                    state.increment(*at);
                }
                return state.get_all(keys);
            }
        }
        ok
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(calls: &[Call]) -> Vec<String> {
        let mut state = State::default();
        calls.iter().map(|call| OneThread::apply(&mut state, call).to_string()).collect()
    }

    #[test]
    fn exec_is_null_if_and_only_if_a_watched_key_changed() {
        let exec = || Call::Exec(1, vec![Call::Incr(0)]);
        let rows = [
            (vec![Call::Watch(1, vec![0]), exec()], "[:1]"),
            (vec![Call::Watch(1, vec![0]), Call::Set(0, 5), exec()], "nil-array"),
            (vec![Call::Watch(1, vec![0]), Call::Set(0, 5), Call::Unwatch(1), exec()], "[:6]"),
            (vec![Call::Watch(1, vec![0]), Call::Del(vec![0]), exec()], "[:1]"),
            (vec![Call::Set(0, 1), Call::Watch(1, vec![0]), Call::Del(vec![0]), Call::Set(0, 1), exec()], "nil-array"),
            (vec![Call::Watch(1, vec![0]), Call::Set(1, 5), Call::Flush, exec()], "[:1]"),
        ];
        for (calls, last) in rows {
            assert_eq!(play(&calls).last().map(String::as_str), Some(last), "{calls:?}");
        }
    }

    #[test]
    fn a_transaction_and_an_undeclared_script_are_several_words() {
        let exec = Call::Exec(1, vec![Call::Get(0), Call::Incr(1)]);
        assert_eq!(
            exec.commands().iter().map(|command| command[0].as_str()).collect::<Vec<_>>(),
            ["MULTI", "GET", "INCR", "EXEC"]
        );
        let script = Call::Script(vec![0, 1], Declared::None).commands().remove(0);
        assert!(script[1].contains("ipairs({'{0}n', '{1}n'})") && script[2] == "0", "{script:?}");
        assert_eq!(Call::Script(vec![0, 1], Declared::All).commands()[0][2..], ["2", "{0}n", "{1}n"]);
    }
}
