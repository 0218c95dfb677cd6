//! The harness of the families' unit tests: one keyspace, a clock that stands still, and commands as lines of text.
//!
//! A line is split at spaces; `"…"` holds spaces and the escapes `\n`, `\r`, `\"`, `\\` and `\xNN`. A reply is shown as its
//! bytes with every line end as one space, except the last, which is left out. Lines that begin with `@` ask the harness:
//! `@later ms`, `@resp n`, `@db n`, `@access bits`, `@policy name` (whose counters grow with each use), `@left key` (time to the deadline),
//! `@shape key`, `@changes`, `@hits`, `@limit bytes`, `@caller impatient`, `@caller waited`, `@caller`, `@promised key…`. A command that wants to
//! wait is shown as `waits ms for key: command; …`.

use evict::access::{AccessBits, LfuSettings};
use evict::policy::Policy;
use evict::time::UnixMillis;
use evict::victim::Choice;

use crate::args::{Args, OwnedArgs};
use crate::exec::{Caller, Exec};
use crate::hash::{KeyHasher, Random};
use crate::limits::DataLimits;
use crate::refusal::Refusal;
use crate::reply::{Reply, Resp};
use crate::signals::Wait;
use crate::slot::Slot;
use crate::store::{Db, Keyspace};
use crate::whole::{Whole, WholeRow};

/// The time at which every test begins: 2023-11-14 22:13:20 UTC.
pub(crate) const START: UnixMillis = UnixMillis(1_700_000_000_000);

/// A keyspace with a client.
pub(crate) struct Desk {
    pub(crate) keyspace: Keyspace,
    pub(crate) now: UnixMillis,
    pub(crate) resp: Resp,
    pub(crate) caller: Caller,
    /// The access bits of a key that is used now, under a policy that notes the time.
    pub(crate) access: AccessBits,
}

impl Desk {
    /// 16 empty databases and Redis's limits.
    pub(crate) fn new() -> Desk {
        let limits = DataLimits::default();
        let keyspace = Keyspace::new(16, KeyHasher::new([1, 2, 3, 4]), Random::new(5), limits);
        Desk { keyspace, now: START, resp: Resp::V2, caller: Caller::default(), access: AccessBits::new(0) }
    }

    /// The reply to one line, as text.
    pub(crate) fn run(&mut self, line: &str) -> String {
        let args = split(line);
        match args[0].strip_prefix(b"@") {
            Some(verb) => self.ask(std::str::from_utf8(verb).unwrap(), &args[1..]),
            None => {
                let reply = self.command(&args);
                match self.keyspace.signals.wait.take() {
                    None => show(&reply),
                    Some(wait) => {
                        assert!(reply.is_empty(), "what waits has no reply");
                        show_wait(&wait)
                    }
                }
            }
        }
    }

    /// The encoding of a key's value.
    pub(crate) fn encoding(&mut self, key: &str) -> String {
        let reply = self.run(&format!("OBJECT ENCODING {key}"));
        reply.split_once(' ').expect("the key is there").1.to_string()
    }

    /// The database that clients select by `number`.
    pub(crate) fn db(&self, number: usize) -> Db {
        self.keyspace.db(number).expect("the harness has 16 databases")
    }

    /// Bytes of the tables of all databases, without their entries.
    pub(crate) fn table_bytes(&self) -> u64 {
        (0..self.keyspace.databases()).map(|number| self.keyspace.table_bytes(self.db(number))).sum()
    }

    /// Runs a line that drops something large: `bytes` or more are put aside at once, and given back piece by piece. Says in how many.
    pub(crate) fn drop_in_pieces(&mut self, line: &str, bytes: u64) -> usize {
        let before = self.keyspace.heap_bytes();
        self.run(line);
        assert!(before - self.keyspace.heap_bytes() >= bytes, "{line}: no key holds it");
        assert!(self.keyspace.dropped() > 0, "{line}: something is left to be freed");
        let (mut pieces, mut left) = (0, self.keyspace.dropped_bytes());
        assert!(left > bytes / 2, "{line}: {left} of {bytes} bytes wait to be freed");
        while self.keyspace.free_dropped() {
            pieces += 1;
            let now = self.keyspace.dropped_bytes();
            assert!(now < left || now == 0, "{line}: piece {pieces} gives nothing back");
            left = now;
        }
        assert_eq!((self.keyspace.dropped(), self.keyspace.dropped_keys(), left), (0, 0, 0), "{line}");
        pieces
    }

    /// The bytes of the reply to one command.
    pub(crate) fn command<T: AsRef<[u8]>>(&mut self, args: &[T]) -> Vec<u8> {
        let owned: OwnedArgs = args.iter().collect();
        let args = owned.args();
        let mut out = Vec::new();
        if let Some(row) = super::whole_rows().find(|row| names(row.spec.name, args)) {
            let reply = &mut Reply::new(&mut out, self.resp);
            run_whole(row, &mut [&mut self.keyspace], &|_| 0, args, self.caller, self.now, reply);
            return out;
        }
        let row = super::rows().find(|row| names(row.spec.name, args)).expect("a known command");
        let mut reply = Reply::new(&mut out, self.resp);
        let db = self.db(self.caller.db as usize);
        let (now, caller) = (self.now, self.caller);
        let access = if self.keyspace.counts_uses() { self.keyspace.made(now) } else { self.access };
        let mut exec = Exec { keyspace: &mut self.keyspace, db, now, access, caller, routed: None };
        let outcome = match row.spec.accepts(args.len()) {
            true => (row.run)(&mut exec, args, &mut reply),
            false => Err(Refusal::Arity(row.spec.name)),
        };
        if let Err(refusal) = outcome {
            reply.truncate(0);
            reply.error(refusal.text());
        }
        out
    }

    fn ask(&mut self, verb: &str, args: &[Vec<u8>]) -> String {
        let number = || std::str::from_utf8(&args[0]).unwrap().parse::<i64>().unwrap();
        let db = self.db(self.caller.db as usize);
        let entry = || {
            let key = self.keyspace.key(&args[0]);
            self.keyspace.locate(db, &key).map(|place| self.keyspace.at(db, key.slot, place))
        };
        match verb {
            "later" => self.now.0 += number(),
            "resp" => self.resp = if number() == 3 { Resp::V3 } else { Resp::V2 },
            "db" => self.caller.db = number() as u16,
            "access" => self.access = AccessBits::new(number() as u32),
            "policy" => {
                let policy = Policy::parse(&args[0]).expect("a policy of this name");
                let lfu = LfuSettings { log_factor: 0, decay_minutes: 1 };
                self.keyspace.set_choice(Choice { policy, samples: 5, lfu }, false);
            }
            "caller" => {
                let is = |word: &str| args.first().is_some_and(|arg| arg == word.as_bytes());
                self.caller = Caller { impatient: is("impatient"), waited: is("waited"), ..self.caller };
            }
            "promised" => self.keyspace.signals.promised = args.iter().map(|arg| arg[..].into()).collect(),
            "limit" => self.keyspace.limits.string_bytes_max = number() as usize,
            "left" => {
                return match entry().map(|entry| entry.deadline()) {
                    None => "missing".into(),
                    Some(None) => "never".into(),
                    Some(Some(at)) => (at.0 - self.now.0).to_string(),
                };
            }
            "shape" => return entry().map_or("missing".into(), |entry| format!("{:?}", entry.shape())),
            "changes" => return std::mem::take(&mut self.keyspace.stats.changes).to_string(),
            "hits" => {
                let stats = std::mem::take(&mut self.keyspace.stats);
                return format!("{} {}", stats.hits, stats.misses);
            }
            _ => panic!("unknown question {verb}"),
        }
        String::new()
    }
}

/// Runs a command that needs everything.
pub(crate) fn run_whole<'a>(
    row: &WholeRow,
    keyspaces: &'a mut [&'a mut Keyspace],
    owner: &'a dyn Fn(Slot) -> usize,
    args: Args,
    caller: Caller,
    now: UnixMillis,
    reply: &mut Reply,
) {
    let mut whole = Whole { keyspaces, caller, now, owner };
    let outcome = match row.spec.accepts(args.len()) {
        true => (row.run)(&mut whole, args, reply),
        false => Err(Refusal::Arity(row.spec.name)),
    };
    if let Err(refusal) = outcome {
        reply.truncate(0);
        reply.error(refusal.text());
    }
}

/// The core that has a slot, if `cores` of them share the slots in stripes of 16.
pub(crate) fn stripe(slot: Slot, cores: usize) -> usize {
    slot.index() / 16 % cores
}

/// Runs rows of lines and replies, from an empty keyspace.
pub(crate) fn check(rows: &[(&str, &str)]) {
    let mut desk = Desk::new();
    for (number, (line, expected)) in rows.iter().enumerate() {
        assert_eq!(desk.run(line), *expected, "row {number}: {line}");
    }
}

/// True if a row of this name is the one for `args`.
fn names(name: &str, args: Args) -> bool {
    match name.split_once('|') {
        Some((container, subcommand)) => args.is(0, container) && args.is(1, subcommand),
        None => args.is(0, name),
    }
}

fn show(reply: &[u8]) -> String {
    let text = String::from_utf8_lossy(reply).replace("\r\n", " ");
    text.strip_suffix(' ').expect("a reply ends its line").to_string()
}

fn show_wait(wait: &Wait) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let keys = wait.keys.iter().map(|(key, serve)| {
        let words: Vec<_> = serve.args().iter().map(text).collect();
        format!("{}: {}", text(key), words.join(" "))
    });
    let minds = if wait.minds_loss { " and minds loss" } else { "" };
    format!("waits {} for {}{minds}", wait.timeout_ms, keys.collect::<Vec<_>>().join("; "))
}

/// The words of a line.
fn split(line: &str) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut rest = line.bytes().peekable();
    while let Some(first) = rest.next() {
        match first {
            b' ' => {}
            b'"' => {
                let mut word = Vec::new();
                loop {
                    match rest.next().expect("a closing quote") {
                        b'"' => break,
                        b'\\' => word.push(match rest.next().expect("an escape") {
                            b'n' => b'\n',
                            b'r' => b'\r',
                            b'x' => {
                                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                            }
                            other => other,
                        }),
                        byte => word.push(byte),
                    }
                }
                words.push(word);
            }
            first => {
                let mut word = vec![first];
                word.extend(std::iter::from_fn(|| rest.next_if(|&byte| byte != b' ')));
                words.push(word);
            }
        }
    }
    words
}
