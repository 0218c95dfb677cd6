//! Plays a script on one server and records what came back, step by step.
//!
//! It judges nothing: comparison is done by `compare`. Each replay has its own connections, opened when first named.

mod several;

use crate::client::{Client, Outcome, REPLY_WAIT, Reply};
use crate::frame::Frame;
use crate::normalise::Normaliser;
use crate::script::{Action, Script, Step};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Most rounds of one SCAN loop: a cursor that never ends is a failure, not a hang.
const SCAN_ROUNDS_MAX: usize = 100_000;

/// Longest wait for redis-server in scripts of several connections: what it has not sent by then the case should not ask for.
const WAIT_FOR_REFERENCE: Duration = Duration::from_secs(5);

/// Wait for further replies on a connection that already left one out.
const WAIT_AFTER_SILENCE: Duration = Duration::from_millis(100);

/// The RESP version that a replay speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// RESP2, the default of a fresh connection.
    Resp2,
    /// RESP3, after HELLO 3.
    Resp3,
}

impl Protocol {
    /// Both, in order.
    pub const ALL: [Protocol; 2] = [Protocol::Resp2, Protocol::Resp3];
}

/// Whether a server is the measure or what is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// redis-server. What it does under a documented exception is not waited for.
    Reference,
    /// `ashlar`.
    Tested,
}

/// What one step saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A reply.
    Reply(Reply),
    /// The bytes until the server closed; `closed` is false if it did not.
    End {
        /// All bytes read.
        bytes: Vec<u8>,
        /// Whether the connection ended within the wait.
        closed: bool,
    },
    /// The server closed where a reply was due.
    Closed,
    /// No reply came.
    Silent,
    /// Bytes that are no reply.
    Garbage(String),
    /// All that had come, and whether the connection was closed after it.
    Frames {
        /// Replies and pushes, in order.
        frames: Vec<Reply>,
        /// Whether the server closed.
        closed: bool,
    },
    /// The step expects nothing.
    Nothing,
}

/// Milliseconds since the epoch: taken once per comparison, so that absolute times agree on all servers.
pub fn clock_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    i64::try_from(now.as_millis()).expect("milliseconds fit for 292 million years")
}

struct Person {
    client: Client,
    id: i64,
}

struct Stage {
    port: u16,
    protocol: Protocol,
    now_ms: i64,
    people: BTreeMap<char, Person>,
    /// A connection that no script knows of.
    control: Client,
    /// What `@keep` kept.
    kept: Vec<u8>,
    /// Longest wait for one reply.
    wait: Duration,
}

/// Plays all steps one after another; one observation per step. `reference` is what redis-server showed, and empty for itself.
pub fn play(script: &Script, part: Part, port: u16, protocol: Protocol, now_ms: i64, reference: &[Seen]) -> Vec<Seen> {
    let mut stage = Stage::new(port, protocol, now_ms);
    if script.apart && part == Part::Reference {
        stage.wait = WAIT_FOR_REFERENCE;
    }
    stage.person('a').client.ok("FLUSHALL");
    let mut seen = Vec::with_capacity(script.steps.len());
    for step in &script.steps {
        let unread = part == Part::Reference && step.exception.is_some();
        if unread {
            stage.person(step.connection).client.wait = WAIT_AFTER_SILENCE;
        }
        seen.push(stage.step(step, reference.get(seen.len())));
        let late = matches!(seen.last(), Some(Seen::Silent | Seen::End { closed: false, .. }));
        let missing = match (seen.last(), reference.get(seen.len() - 1)) {
            (Some(Seen::Frames { frames, .. }), Some(Seen::Frames { frames: due, .. })) => frames.len() < due.len(),
            _ => false,
        };
        if missing || late && script.apart {
            // What others do now depends on what did not happen.
            break;
        }
        if late {
            // One full wait shows the failure; further ones would only take time.
            stage.person(step.connection).client.wait = WAIT_AFTER_SILENCE;
        }
    }
    if script.apart {
        stage.part();
    }
    seen
}

/// Plays a plain script as one pipeline on one connection.
pub fn play_pipelined(script: &Script, port: u16, protocol: Protocol, now_ms: i64) -> Vec<Seen> {
    let mut stage = Stage::new(port, protocol, now_ms);
    stage.person('a').client.ok("FLUSHALL");
    let mut commands = Vec::new();
    for step in &script.steps {
        commands.push(match &step.action {
            Action::Call(words) => words.iter().map(|word| stage.fill(word)).collect(),
            _ => vec![b"FLUSHALL".to_vec()],
        });
    }
    let outcomes = stage.person('a').client.pipeline(&commands);
    script
        .steps
        .iter()
        .zip(outcomes)
        .map(|(step, outcome)| match step.action {
            Action::Flush => Seen::Nothing,
            _ => seen(outcome),
        })
        .collect()
}

/// What was seen of one reply.
pub fn seen(outcome: Outcome) -> Seen {
    match outcome {
        Outcome::Reply(reply) => Seen::Reply(reply),
        Outcome::Closed => Seen::Closed,
        Outcome::Silent => Seen::Silent,
        Outcome::Garbage(why) => Seen::Garbage(why),
    }
}

impl Stage {
    fn new(port: u16, protocol: Protocol, now_ms: i64) -> Stage {
        Stage {
            port,
            protocol,
            now_ms,
            people: BTreeMap::new(),
            control: Client::connect(port),
            kept: Vec::new(),
            wait: REPLY_WAIT,
        }
    }

    fn person(&mut self, name: char) -> &mut Person {
        let (port, protocol, wait) = (self.port, self.protocol, self.wait);
        self.people.entry(name).or_insert_with(|| {
            let mut client = Client::connect(port);
            client.wait = wait;
            if protocol == Protocol::Resp3 {
                // Refused while a password is asked for: the connection then stays with RESP2, on every server.
                let hello = client.ask("HELLO 3");
                assert!(matches!(hello, Frame::Map(_) | Frame::Error(_)), "HELLO 3: {hello}");
            }
            let id = client.ask("CLIENT ID").int().unwrap_or(-1);
            Person { client, id }
        })
    }

    fn step(&mut self, step: &Step, reference: Option<&Seen>) -> Seen {
        let name = step.connection;
        match &step.action {
            Action::Call(words) => self.call(name, words, step.normaliser),
            Action::Send(words) => {
                let words = self.fill_all(words);
                let _ = self.person(name).client.send(&words);
                Seen::Nothing
            }
            Action::Read => seen(self.person(name).client.read()),
            Action::Raw(bytes) => {
                let bytes = self.fill(bytes);
                let client = &mut self.person(name).client;
                let _ = client.send_raw(&bytes);
                seen(client.read())
            }
            Action::RawEnd { bytes, finish } => {
                let bytes = self.fill(bytes);
                let client = &mut self.person(name).client;
                let _ = client.send_raw(&bytes);
                if *finish {
                    client.finish_sending();
                }
                end(client)
            }
            Action::Eof => end(&mut self.person(name).client),
            Action::Flush => {
                self.people.retain(|name, _| *name == 'a');
                self.person('a').client.ok("FLUSHALL");
                Seen::Nothing
            }
            Action::Block(words) => {
                if let Some(words) = words {
                    let words = self.fill_all(words);
                    let _ = self.person(name).client.send(&words);
                }
                self.until_blocked(name)
            }
            Action::Rest => self.rest(name, reference),
            Action::Drop => self.drop_person(name),
            Action::Settle(words) => {
                let words = self.fill_all(words);
                self.settle(step, &words, reference)
            }
            Action::Busy(key) => self.until_busy(key),
            Action::Elapse(milliseconds) => self.elapse(*milliseconds),
            Action::Keep(words) => {
                let words = self.fill_all(words);
                self.keep(name, &words)
            }
        }
    }

    fn call(&mut self, name: char, words: &[Vec<u8>], normaliser: Option<Normaliser>) -> Seen {
        let words = self.fill_all(words);
        let client = &mut self.person(name).client;
        match normaliser {
            Some(Normaliser::Scan) => scan(client, &words),
            Some(Normaliser::Drawn) => drawn(client, &words),
            Some(Normaliser::Member) => member(client, &words),
            _ => seen(client.call(&words)),
        }
    }

    fn fill_all(&mut self, words: &[Vec<u8>]) -> Vec<Vec<u8>> {
        words.iter().map(|word| self.fill(word)).collect()
    }

    /// Replaces the placeholders of an argument.
    fn fill(&mut self, word: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(word.len());
        let mut rest = word;
        while let Some(open) = rest.iter().position(|&byte| byte == b'{') {
            out.extend_from_slice(&rest[..open]);
            rest = &rest[open..];
            let close = rest.iter().position(|&byte| byte == b'}');
            let value =
                close.and_then(|close| std::str::from_utf8(&rest[1..close]).ok().and_then(|name| self.value(name)));
            match (value, close) {
                (Some(value), Some(close)) => {
                    out.extend_from_slice(&value);
                    rest = &rest[close + 1..];
                }
                _ => {
                    out.push(b'{');
                    rest = &rest[1..];
                }
            }
        }
        out.extend_from_slice(rest);
        out
    }

    fn value(&mut self, name: &str) -> Option<Vec<u8>> {
        let offset = |text: &str| {
            if text.is_empty() { Some(0) } else { text.parse::<i64>().ok() }
        };
        if let Some(text) = name.strip_prefix("nowms") {
            return offset(text).map(|offset| (self.now_ms + offset).to_string().into_bytes());
        }
        if let Some(text) = name.strip_prefix("now") {
            return offset(text).map(|offset| (self.now_ms / 1000 + offset).to_string().into_bytes());
        }
        if name == "kept" {
            return Some(self.kept.clone());
        }
        if let Some(text) = name.strip_prefix("rep:") {
            let (unit, count) = text.rsplit_once(':')?;
            return Some(unit.repeat(count.parse().ok()?).into_bytes());
        }
        let (fact, person) = name.split_once(':')?;
        let person = self.person(person.chars().next()?);
        match fact {
            "id" => Some(person.id.to_string().into_bytes()),
            "addr" => Some(person.client.addresses().0.into_bytes()),
            "laddr" => Some(person.client.addresses().1.into_bytes()),
            _ => None,
        }
    }
}

fn end(client: &mut Client) -> Seen {
    let (bytes, closed) = client.read_to_end();
    Seen::End { bytes, closed }
}

/// Runs the loop of a command of the SCAN family to its end; the reply is what it returned, as a sorted set.
pub fn scan(client: &mut Client, words: &[Vec<u8>]) -> Seen {
    let mut words = words.to_vec();
    let cursor_at = if words[0].eq_ignore_ascii_case(b"scan") { 1 } else { 2 };
    let mut keys = BTreeSet::new();
    for _ in 0..SCAN_ROUNDS_MAX {
        let outcome = client.call(&words);
        let Outcome::Reply(Reply { frame: Frame::Array(parts), .. }) = &outcome else {
            return seen(outcome);
        };
        let [Frame::Bulk(cursor), Frame::Array(page)] = &parts[..] else {
            return seen(outcome);
        };
        keys.extend(page.iter().map(|key| key.text().unwrap_or_default().to_vec()));
        if cursor == b"0" {
            let frame = Frame::Array(keys.into_iter().map(Frame::Bulk).collect());
            return Seen::Reply(Reply { raw: frame.to_string().into_bytes(), frame });
        }
        words[cursor_at].clone_from(cursor);
    }
    Seen::Garbage(format!("SCAN did not end in {SCAN_ROUNDS_MAX} rounds"))
}

/// Draws from the set that the second word names, then asks which of the members that came are in it.
fn drawn(client: &mut Client, words: &[Vec<u8>]) -> Seen {
    let outcome = client.call(words);
    let Outcome::Reply(reply) = &outcome else { return seen(outcome) };
    let members: Vec<&[u8]> = match &reply.frame {
        Frame::Array(items) | Frame::Set(items) => items.iter().filter_map(Frame::text).collect(),
        Frame::Bulk(member) => vec![member],
        _ => return seen(outcome),
    };
    if members.is_empty() {
        return seen(outcome);
    }
    let may_repeat = words.get(2).is_some_and(|count| count.starts_with(b"-"));
    let different = if may_repeat { members.len() } else { members.iter().collect::<BTreeSet<_>>().len() };
    let ask = [&b"SMISMEMBER"[..], &words[1]].into_iter().chain(members.iter().copied()).collect::<Vec<_>>();
    let Outcome::Reply(Reply { frame: Frame::Array(found), .. }) = client.call(&ask) else {
        return Seen::Garbage("no answer to SMISMEMBER".into());
    };
    let kind = match &reply.frame {
        Frame::Array(_) => "array",
        Frame::Set(_) => "set",
        _ => "bulk",
    };
    let there = found.iter().filter(|found| found.int() == Some(1)).count();
    let count = |count: usize| Frame::Int(i64::try_from(count).unwrap_or(i64::MAX));
    let kind = Frame::Simple(kind.as_bytes().to_vec());
    let frame = Frame::Array(vec![kind, count(members.len()), count(different), count(there)]);
    Seen::Reply(Reply { raw: frame.to_string().into_bytes(), frame })
}

/// Calls, then asks whether the key in the reply exists. A null stays a null.
fn member(client: &mut Client, words: &[Vec<u8>]) -> Seen {
    match client.call(words) {
        Outcome::Reply(Reply { frame: Frame::Bulk(key), .. }) => seen(client.call(&[b"EXISTS".to_vec(), key])),
        other => seen(other),
    }
}
