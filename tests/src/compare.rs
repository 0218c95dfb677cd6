//! Plays case files on redis-server and on `ashlar` with 1 and 4 cores, in RESP2 and RESP3, and compares the replies.
//!
//! Plain scripts are also sent as one pipeline to `ashlar`: batching and hops must not change an answer.

use crate::binaries;
use crate::client::Reply;
use crate::frame::Frame;
use crate::replay::{self, Part, Protocol, Seen};
use crate::script::{self, Script, Step};
use crate::server::{Kind, Server};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Differences reported per case file; more help nobody.
const REPORTS_MAX: usize = 25;
/// Bytes of a reply shown in a report.
const SHOWN_MAX: usize = 400;
/// Most bytes of commands that a script may send as one pipeline.
const PIPELINE_STEPS_MAX: usize = 20_000;

/// A script that takes longer waits for something that does not come: it is named at once.
const SLOW_SCRIPT: Duration = Duration::from_secs(8);

/// The three servers of one comparison.
pub struct Servers {
    redis: Server,
    ours: Vec<Server>,
}

impl Servers {
    /// Starts redis-server and `ashlar` on 1 and 4 cores, with the same flags.
    #[track_caller]
    pub fn start(flags: &[&str]) -> Servers {
        let ours = [1, 4].map(|cores| Server::start(Kind::Ashlar { cores }, flags));
        Servers { redis: Server::start(Kind::Redis, flags), ours: ours.into() }
    }

    /// Plays a script everywhere; the differences as text.
    pub fn compare(&self, script: &Script) -> Vec<String> {
        let mut reports = Vec::new();
        let part = if binaries::ashlar_is_redis() { Part::Reference } else { Part::Tested };
        for &protocol in script.protocols {
            let now_ms = replay::clock_ms();
            let reference = replay::play(script, Part::Reference, self.redis.port, protocol, now_ms, &[]);
            for server in &self.ours {
                let seen = replay::play(script, part, server.port, protocol, now_ms, &reference);
                judge(
                    script,
                    &format!("{} {protocol:?}", server.kind.name()),
                    protocol,
                    &reference,
                    &seen,
                    &mut reports,
                );
                if script.apart && !reports.is_empty() {
                    // What does not come is waited for: once is enough.
                    return reports;
                }
                if script.is_plain() && !script.apart && script.steps.len() <= PIPELINE_STEPS_MAX {
                    let seen = replay::play_pipelined(script, server.port, protocol, now_ms);
                    let place = format!("{} {protocol:?} pipelined", server.kind.name());
                    judge(script, &place, protocol, &reference, &seen, &mut reports);
                }
            }
        }
        reports
    }
}

/// Compares every script of a case file of `tests/cases`; panics with the differences.
#[track_caller]
pub fn check_file(name: &str, flags: &[&str]) {
    check(name, &read("cases", name), flags);
}

/// The same for a file of `tests/sessions`, whose scripts are of several connections: all that the servers send is compared.
#[track_caller]
pub fn check_sessions(name: &str, flags: &[&str]) {
    check(name, &script::sessions(read("sessions", name)), flags);
}

#[track_caller]
fn read(folder: &str, name: &str) -> Vec<Script> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(format!("{name}.txt"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    script::read(name, &text)
}

#[track_caller]
fn check(name: &str, scripts: &[Script], flags: &[&str]) {
    assert!(!scripts.is_empty(), "{name} has no script");
    let servers = Servers::start(flags);
    let mut reports = Vec::new();
    let mut steps = 0;
    for script in scripts {
        steps += script.steps.len();
        let started = Instant::now();
        let found = servers.compare(script);
        if started.elapsed() > SLOW_SCRIPT {
            println!("{name}: {:?} took {:.1?}", script.name, started.elapsed());
            found.iter().take(2).for_each(|report| println!("{report}"));
        }
        reports.extend(found);
    }
    println!("{name}: {} scripts, {steps} steps on each server", scripts.len());
    let shown = reports.iter().take(REPORTS_MAX).cloned().collect::<String>();
    assert!(reports.is_empty(), "{name}: {} differences, the first {REPORTS_MAX}:\n{shown}", reports.len());
}

fn judge(
    script: &Script,
    place: &str,
    protocol: Protocol,
    reference: &[Seen],
    ours: &[Seen],
    reports: &mut Vec<String>,
) {
    for ((step, reference), ours) in script.steps.iter().zip(reference).zip(ours) {
        if let Some(wanted) = missed(step, protocol, reference, ours) {
            reports.push(report(script, step, place, &wanted, ours));
            if script.apart {
                // What others do now depends on what was different.
                return;
            }
        }
    }
}

/// What was wanted, if `ours` is not as good.
fn missed(step: &Step, protocol: Protocol, reference: &Seen, ours: &Seen) -> Option<String> {
    if step.exception.is_some() {
        let Some(wanted) = &step.literal[usize::from(protocol == Protocol::Resp3)] else {
            return Some("a literal: the case is wrong".into());
        };
        let got = match ours {
            Seen::Reply(reply) => &reply.raw,
            Seen::End { bytes, closed: true } => bytes,
            _ if binaries::ashlar_is_redis() => return None,
            _ => return Some(shown(wanted)),
        };
        return (got != wanted && !binaries::ashlar_is_redis()).then(|| shown(wanted));
    }
    if matches!(reference, Seen::Silent | Seen::Garbage(_) | Seen::End { closed: false, .. }) {
        return Some(format!("{}: the case is wrong", describe(reference)));
    }
    (!agree(step, reference, ours)).then(|| describe(reference))
}

fn agree(step: &Step, reference: &Seen, ours: &Seen) -> bool {
    match (step.normaliser, reference, ours) {
        (Some(normaliser), Seen::Reply(reference), Seen::Reply(ours)) => {
            normaliser.agree(&reference.frame, &ours.frame)
        }
        (
            Some(normaliser),
            Seen::Frames { frames: reference, closed: false },
            Seen::Frames { frames: ours, closed: false },
        ) => normaliser.agree(&all(reference), &all(ours)),
        _ => reference == ours,
    }
}

/// Frames as one list.
fn all(replies: &[Reply]) -> Frame {
    Frame::Array(replies.iter().map(|reply| reply.frame.clone()).collect())
}

fn report(script: &Script, step: &Step, place: &str, wanted: &str, got: &Seen) -> String {
    let mut text = String::new();
    let (file, line, name) = (&script.file, step.line, &script.name);
    let _ = writeln!(text, "{file}.txt:{line} ({name}) on {place}\n  {}", clip(&step.text));
    let _ = writeln!(text, "  wanted {wanted}\n  got    {}", describe(got));
    text
}

fn describe(seen: &Seen) -> String {
    match seen {
        Seen::Reply(reply) if matches!(reply.frame, Frame::Bulk(_) | Frame::Int(_) | Frame::Error(_)) => {
            shown(&reply.raw)
        }
        Seen::Reply(reply) => clip(&format!("{}  {}", reply.frame, shown(&reply.raw))),
        Seen::End { bytes, closed } => {
            format!("{} then {}", shown(bytes), if *closed { "closed" } else { "left open" })
        }
        Seen::Frames { frames, closed } => {
            clip(&format!("{}, {}", all(frames), if *closed { "then closed" } else { "nothing more" }))
        }
        Seen::Closed => "closed connection".into(),
        Seen::Silent => "no reply in time".into(),
        Seen::Garbage(why) => format!("no RESP: {why}"),
        Seen::Nothing => "nothing".into(),
    }
}

fn shown(bytes: &[u8]) -> String {
    clip(&bytes.escape_ascii().to_string())
}

fn clip(text: &str) -> String {
    if text.len() <= SHOWN_MAX {
        return text.to_owned();
    }
    let end = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= SHOWN_MAX).last().unwrap_or(0);
    format!("{}… ({} bytes)", &text[..end], text.len())
}
