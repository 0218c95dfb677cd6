//! Plays generated commands on redis-server and on `ashlar`, in rounds that begin empty, and compares every reply.
//!
//! Commands go out in pipelines. A round that differs is played again with fewer and fewer commands, until all that are left matter.

use std::collections::BTreeSet;

use crate::client::{Client, Outcome};
use crate::frame::Frame;
use crate::grammar::{Command, Grammar};
use crate::normalise::Normaliser;
use crate::server::{Kind, Server};
use fastrand::Rng;

/// Commands of one round.
const ROUND: usize = 250;
/// Commands that are sent at once.
const PIPELINE: usize = 40;
/// Bytes of a reply in a report.
const SHOWN_MAX: usize = 600;

/// How the value of each type is read as a whole, to compare what a round leaves behind.
const READS: [(&[u8], &str, Option<Normaliser>); 6] = [
    (b"string", "GET KEY", None),
    (b"list", "LRANGE KEY 0 -1", None),
    (b"hash", "HGETALL KEY", Some(Normaliser::Pairs)),
    (b"set", "SMEMBERS KEY", Some(Normaliser::Sorted)),
    (b"zset", "ZRANGE KEY 0 -1 WITHSCORES", None),
    (b"stream", "XRANGE KEY - +", None),
];

/// One round: the same for all servers.
struct Round {
    protocol: u8,
    settings: Vec<(String, String)>,
    commands: Vec<Command>,
}

/// The two servers of a comparison.
struct Pair {
    redis: Client,
    ours: Client,
}

/// Plays `commands` commands of a grammar against `ashlar` on each number of cores. Panics with what differs.
#[track_caller]
pub fn check(name: &str, grammar: &Grammar, seed: u64, commands: usize, cores: &[usize]) {
    println!("{name}: seed {seed}, {commands} commands, cores {cores:?}");
    let redis = Server::start(Kind::Redis, &[]);
    let ours: Vec<Server> = cores.iter().map(|&cores| Server::start(Kind::Ashlar { cores }, &[])).collect();
    let mut random = Rng::with_seed(seed);
    for number in 0..commands.div_ceil(ROUND) {
        let round = Round {
            protocol: 2 + (number % 2) as u8,
            settings: grammar.settings(&mut random),
            commands: (0..ROUND).map(|_| grammar.command(&mut random)).collect(),
        };
        for server in &ours {
            let mut pair = Pair { redis: redis.client(), ours: server.client() };
            if let Err(first) = pair.play(&round) {
                let (round, report) = pair.reduce(round, first);
                let place = format!("{name} on {}, seed {seed}, round {number}", server.kind.name());
                panic!("{place}\n{}{report}", describe(&round));
            }
        }
    }
}

fn describe(round: &Round) -> String {
    let settings = round.settings.iter().map(|(name, value)| format!(" {name} {value}"));
    let commands = round.commands.iter().map(|command| format!("\n  {}", command.text()));
    format!("  RESP{}", round.protocol) + &settings.chain(commands).collect::<String>() + "\n"
}

impl Pair {
    /// Plays a round on empty servers.
    fn play(&mut self, round: &Round) -> Result<(), String> {
        for (client, is_redis) in [(&mut self.redis, true), (&mut self.ours, false)] {
            client.ask(&format!("HELLO {}", round.protocol));
            client.ok("FLUSHALL");
            for (name, value) in &round.settings {
                let reply = client.ask(&format!("CONFIG SET {name} {value}"));
                assert!(is_redis || !reply.is_error(), "{name} {value}: {reply}");
            }
        }
        let mut rest = &round.commands[..];
        while !rest.is_empty() {
            let first = |normaliser| rest.iter().position(|command| command.normaliser == Some(normaliser));
            // What is put right after a reply has to come before what follows.
            let popped = first(Normaliser::Popped).map_or(rest.len(), |at| at + 1);
            // What is exchanged is asked for after what came before.
            let exchanged = first(Normaliser::Exchanged).map_or(rest.len(), |at| at.max(1));
            let (now, later) = rest.split_at(popped.min(exchanged).min(PIPELINE));
            self.pipeline(now)?;
            rest = later;
        }
        self.compare_values()
    }

    fn pipeline(&mut self, commands: &[Command]) -> Result<(), String> {
        let words: Vec<Vec<Vec<u8>>> = commands.iter().map(|command| command.words.clone()).collect();
        let (reference, ours) = match commands {
            [command] if command.normaliser == Some(Normaliser::Exchanged) => self.exchange(&command.words),
            _ => (self.redis.pipeline(&words), self.ours.pipeline(&words)),
        };
        for ((command, reference), ours) in commands.iter().zip(&reference).zip(&ours) {
            judge(command, reference, ours)?;
            if command.normaliser == Some(Normaliser::Popped) {
                self.put_right(&command.words[1..], reference, ours);
            }
        }
        Ok(())
    }

    /// Sends a RESTORE with the key of a value in the place of its payload: each server gets what the other's DUMP says of it.
    fn exchange(&mut self, words: &[Vec<u8>]) -> (Vec<Outcome>, Vec<Outcome>) {
        let with = |client: &mut Client| {
            let mut words = words.to_vec();
            if let Some(key) = words.get_mut(3)
                && let Outcome::Reply(reply) = client.call(&[b"DUMP", &key[..]])
                && let Some(payload) = reply.frame.text()
            {
                *key = payload.to_vec();
            }
            words
        };
        let (for_ours, for_redis) = (with(&mut self.redis), with(&mut self.ours));
        (self.redis.pipeline(&[for_redis]), self.ours.pipeline(&[for_ours]))
    }

    /// Takes from ours what redis-server took, and gives back what it did not.
    fn put_right(&mut self, words: &[Vec<u8>], reference: &Outcome, ours: &Outcome) {
        let members = |outcome: &Outcome| -> BTreeSet<Vec<u8>> {
            match outcome {
                Outcome::Reply(reply) => match &reply.frame {
                    Frame::Bulk(member) => [member.clone()].into(),
                    frame => {
                        frame.items().unwrap_or_default().iter().filter_map(|m| Some(m.text()?.to_vec())).collect()
                    }
                },
                _ => BTreeSet::new(),
            }
        };
        let (theirs, ours) = (members(reference), members(ours));
        for (verb, members) in [(&b"SADD"[..], &ours - &theirs), (b"SREM", &theirs - &ours)] {
            if let (Some(key), false) = (words.first(), members.is_empty()) {
                let command: Vec<Vec<u8>> = [verb.to_vec(), key.clone()].into_iter().chain(members).collect();
                self.ours.call(&command);
            }
        }
    }

    /// Compares all that a round left behind.
    fn compare_values(&mut self) -> Result<(), String> {
        let keys = match self.redis.call(&["KEYS", "*"]) {
            Outcome::Reply(reply) => reply.frame,
            other => return Err(format!("KEYS *: {other:?}")),
        };
        for key in keys.items().unwrap_or_default().iter().filter_map(Frame::text) {
            let Outcome::Reply(kind) = self.redis.call(&[b"TYPE", key]) else { continue };
            let (_, read, normaliser) = READS
                .iter()
                .find(|(name, ..)| kind.frame.text() == Some(name))
                .unwrap_or_else(|| panic!("{} has no reading", kind.frame));
            let word = |word: &str| if word == "KEY" { key.to_vec() } else { word.as_bytes().to_vec() };
            let read = Command { words: read.split(' ').map(word).collect(), normaliser: *normaliser };
            let left =
                Command { words: vec![b"PTTL".to_vec(), key.to_vec()], normaliser: Some(Normaliser::Near(2000)) };
            self.pipeline(&[read, left])?;
        }
        let plain = |line: &str, normaliser| Command {
            words: line.split(' ').map(|word| word.as_bytes().to_vec()).collect(),
            normaliser,
        };
        self.pipeline(&[plain("KEYS *", Some(Normaliser::Sorted)), plain("DEBUG DIGEST", None)])
    }

    /// Leaves out commands as long as what is left still differs.
    fn reduce(&mut self, mut round: Round, mut report: String) -> (Round, String) {
        let mut size = round.commands.len() / 2;
        while size > 0 {
            let mut at = 0;
            while at < round.commands.len() {
                let end = (at + size).min(round.commands.len());
                let removed: Vec<Command> = round.commands.drain(at..end).collect();
                match self.play(&round) {
                    Err(found) => report = found,
                    Ok(()) => {
                        round.commands.splice(at..at, removed);
                        at = end;
                    }
                }
            }
            size /= 2;
        }
        (round, report)
    }
}

fn judge(command: &Command, reference: &Outcome, ours: &Outcome) -> Result<(), String> {
    let agree = match (command.normaliser, reference, ours) {
        (Some(normaliser), Outcome::Reply(reference), Outcome::Reply(ours)) => {
            normaliser.agree(&reference.frame, &ours.frame)
        }
        _ => reference == ours,
    };
    if agree {
        return Ok(());
    }
    let shown = |outcome: &Outcome| {
        let text = format!("{outcome:?}");
        text.chars().take(SHOWN_MAX).collect::<String>()
    };
    Err(format!("in the end {}\n  wanted {}\n  got    {}", command.text(), shown(reference), shown(ours)))
}
