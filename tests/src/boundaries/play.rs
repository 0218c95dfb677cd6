//! Plays the calls of a file on redis-server and on `ashlar`, and compares every reply and what it leaves behind.
//!
//! A call that may write meets the section's data anew and is followed by the section's questions, so that each difference stands
//! for itself. Calls that only read share the data. Everything goes out in pipelines, to all servers at the same time: what depends
//! on the time is near.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use super::rules::{self, Treatment};
use super::{Section, Selection, calls};
use crate::client::Client;
use crate::frame::Frame;
use crate::grammar::Command;
use crate::normalise::Normaliser;
use crate::replay::{Protocol, Seen, scan, seen};
use crate::server::{Kind, Server};
use fastrand::Rng;

/// Least `proto-max-bulk-len` that redis-server takes: no offset of a value, in bytes or in bits, makes it larger.
const FLAGS: &[&str] = &["--proto-max-bulk-len", "1048576"];
/// Commands that are sent at once.
const PIPELINE: usize = 250;
/// Bytes that are sent at once, unless one call has more.
const PIPELINE_BYTES: usize = 256 * 1024;
/// Calls that share the data, if they only read.
const READS: usize = 100;
/// Groups after which the servers wait for each other.
const SLICE: usize = 50;
/// Differences that are reported.
const REPORTS_MAX: usize = 30;
/// Letters of a reply in a report, and how many of them stand before the first difference.
const SHOWN_MAX: usize = 300;
const SAME_MAX: usize = 60;

/// One of the rounds that a section is played in.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// Which value of each setting holds.
    pub setting: usize,
    /// What the clients speak.
    pub protocol: Protocol,
}

/// What is sent, and how what comes back is compared.
struct Step {
    command: Command,
    /// The call that a question is asked after.
    after: Option<String>,
}

/// Steps that begin with the section's data.
type Group = Vec<Step>;

/// Plays all sections. Panics with what differs.
#[track_caller]
pub fn check(name: &str, sections: &[Section], selection: Selection, seed: u64, rounds: &[Round]) {
    println!("{name}: BOUNDARIES_SEED={seed}, {selection:?} of each argument");
    let redis = Server::start(Kind::Redis, FLAGS);
    let ours = [1, 4].map(|cores| Server::start(Kind::Ashlar { cores }, FLAGS));
    let reading = reading_commands(&mut redis.client());
    let mut random = Rng::with_seed(seed);
    // Each difference with the places where it was seen.
    let (mut reports, mut count) = (BTreeMap::<String, BTreeSet<String>>::new(), 0);
    for section in sections {
        for round in rounds {
            let commands: Vec<Command> =
                section.samples.iter().flat_map(|sample| calls(sample, selection, &mut random)).collect();
            count += commands.len();
            let mut reference = client(&redis, section, *round);
            let mut tested = ours.each_ref().map(|server| client(server, section, *round));
            for groups in groups(section, commands, &reading).chunks(SLICE) {
                let (wanted, got) = thread::scope(|scope| {
                    let reference = scope.spawn(|| play(&mut reference, groups));
                    let tested = tested.each_mut().map(|client| scope.spawn(|| play(client, groups)));
                    let end =
                        |thread: thread::ScopedJoinHandle<'_, Vec<Seen>>| thread.join().expect("a server is played");
                    (end(reference), tested.map(end))
                });
                for (server, got) in ours.iter().zip(got) {
                    let place =
                        format!("{} {:?} {}", server.kind.name(), round.protocol, ["small", "large"][round.setting]);
                    let steps = groups.iter().flatten().zip(wanted.iter().zip(&got));
                    for report in steps.filter_map(|(step, (wanted, got))| step.judge(wanted, got)) {
                        reports.entry(format!("{}: {report}", section.name)).or_default().insert(place.clone());
                    }
                }
            }
        }
    }
    println!("{name}: {count} calls on each server");
    let shown = reports.iter().take(REPORTS_MAX).map(|(report, places)| format!("{report}  on {places:?}\n"));
    let (differences, shown) = (reports.len(), shown.collect::<String>());
    assert!(reports.is_empty(), "{name}, seed {seed}: {differences} differences, the first {REPORTS_MAX}:\n{shown}");
}

/// Names of the commands that never write.
fn reading_commands(client: &mut Client) -> BTreeSet<Vec<u8>> {
    let reply = client.ask("COMMAND");
    let reads = |row: &Frame| -> Option<Vec<u8>> {
        let row = row.items()?;
        let flag = |flag: &Frame| flag.text() == Some(b"readonly");
        row.get(2)?.items()?.iter().any(flag).then(|| row[0].text().unwrap_or_default().to_ascii_uppercase())
    };
    reply.items().expect("COMMAND answers a list").iter().filter_map(reads).collect()
}

/// What is sent for these calls: groups of steps, each of which begins with the data.
fn groups(section: &Section, calls: Vec<Command>, reading: &BTreeSet<Vec<u8>>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    // The last group, while calls that only read may be added before its questions.
    let mut open: Option<Group> = None;
    for mut call in calls {
        let treatment = rules::of(&call.words).map(|rule| rule.treatment);
        if treatment == Some(Treatment::LeftOut) {
            continue;
        }
        if let Some(Treatment::Through(normaliser)) = treatment {
            call.normaliser = Some(normaliser);
        }
        if reading.contains(&call.words[0]) {
            let group = open.get_or_insert_with(|| data(section));
            group.push(Step { command: call, after: None });
            if group.len() >= READS {
                groups.extend(open.take().map(|group| ended(group, section, "calls that read", None)));
            }
        } else {
            let text = call.text();
            let mut group = data(section);
            group.push(Step { command: call, after: None });
            groups.push(ended(group, section, &text, treatment));
        }
    }
    groups.extend(open.map(|group| ended(group, section, "calls that read", None)));
    groups
}

/// A new group: what makes an empty server the section's.
fn data(section: &Section) -> Group {
    let start = ["SELECT 0", "FLUSHALL"].map(|line| line.split(' ').map(|word| word.as_bytes().to_vec()).collect());
    let step = |words: Vec<Vec<u8>>| Step { command: Command { words, normaliser: None }, after: None };
    start.into_iter().chain(section.data.iter().cloned()).map(step).collect()
}

/// A group with the questions of its end.
fn ended(mut group: Group, section: &Section, call: &str, treatment: Option<Treatment>) -> Group {
    group.extend(section.end.iter().map(|question| {
        let mut command = question.clone();
        if treatment.is_some() {
            command.normaliser = Some(Normaliser::Type);
        }
        Step { command, after: Some(call.to_owned()) }
    }));
    group
}

/// A client for a round, of a server that is set up for it and takes the section's data.
fn client(server: &Server, section: &Section, round: Round) -> Client {
    let mut client = server.client();
    if round.protocol == Protocol::Resp3 {
        client.ask("HELLO 3");
    }
    for (name, values) in &section.settings {
        let reply = client.ask(&format!("CONFIG SET {name} {}", values[round.setting]));
        // redis-server 7.0 does not know each of them.
        let is_unknown = matches!(&reply, Frame::Error(text) if text.starts_with(b"ERR Unknown option"));
        let is_taken = reply == Frame::Simple(b"OK".to_vec()) || server.kind == Kind::Redis && is_unknown;
        assert!(is_taken, "{}: CONFIG SET {name} on {}: {reply}", section.name, server.kind.name());
    }
    client.ok("FLUSHALL");
    for words in &section.data {
        let reply = client.call(words).expect("a line of data").frame;
        assert!(!reply.is_error(), "{}: {reply}", section.name);
    }
    client
}

/// Plays groups on one server: what was seen of each step, in order.
fn play(client: &mut Client, groups: &[Group]) -> Vec<Seen> {
    let mut found = Vec::new();
    let mut pipeline = Vec::new();
    let mut bytes = 0;
    for step in groups.iter().flatten() {
        let is_loop = step.command.normaliser == Some(Normaliser::Scan);
        let size: usize = step.command.words.iter().map(Vec::len).sum();
        if is_loop || pipeline.len() == PIPELINE || bytes + size > PIPELINE_BYTES {
            found.extend(client.pipeline(&pipeline).into_iter().map(seen));
            pipeline.clear();
            bytes = 0;
        }
        if is_loop {
            found.push(scan(client, &step.command.words));
        } else {
            pipeline.push(step.command.words.clone());
            bytes += size;
        }
    }
    found.extend(client.pipeline(&pipeline).into_iter().map(seen));
    found
}

impl Step {
    /// What differs, as text.
    fn judge(&self, wanted: &Seen, got: &Seen) -> Option<String> {
        let agree = match (self.command.normaliser, wanted, got) {
            (Some(normaliser), Seen::Reply(wanted), Seen::Reply(got)) => normaliser.agree(&wanted.frame, &got.frame),
            _ => wanted == got && matches!(wanted, Seen::Reply(_)),
        };
        if agree {
            return None;
        }
        let after = self.after.as_ref().map(|call| format!(" after {call}")).unwrap_or_default();
        let (wanted, got) = (format!("{wanted:?}"), format!("{got:?}"));
        let same = wanted.chars().zip(got.chars()).take_while(|(wanted, got)| wanted == got).count();
        let shown = |text: &str| text.chars().skip(same.saturating_sub(SAME_MAX)).take(SHOWN_MAX).collect::<String>();
        Some(format!("{}{after}\n  wanted {}\n  got    {}\n", self.command.text(), shown(&wanted), shown(&got)))
    }
}
