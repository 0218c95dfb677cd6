//! What scripts of several connections wait for. Nothing sleeps: a connection of our own asks the server until it says so.

use super::{Person, Seen, Stage, seen};
use crate::client::{Outcome, Reply};
use crate::frame::Frame;
use crate::script::Step;
use std::time::Instant;

/// What the PING carries whose answer ends what is left to read.
const SENTINEL: &[u8] = b"nothing-is-left";

impl Stage {
    /// Waits until CLIENT LIST shows the connection as blocked.
    pub(super) fn until_blocked(&mut self, name: char) -> Seen {
        let id = self.person(name).id;
        self.until(|stage| stage.flags(id).is_some_and(|flags| flags.contains('b')))
    }

    /// Closes the connection and waits until CLIENT LIST no longer shows it.
    pub(super) fn drop_person(&mut self, name: char) -> Seen {
        let Some(Person { client, id }) = self.people.remove(&name) else { return Seen::Silent };
        drop(client);
        self.until(|stage| stage.flags(id).is_none())
    }

    /// Closes all connections and waits until the server knows of none but ours.
    pub(super) fn part(&mut self) {
        self.people.clear();
        self.control.ok("CLIENT UNPAUSE");
        self.until(|stage| {
            let list = stage.control.ask("CLIENT LIST");
            list.text().is_some_and(|text| text.iter().filter(|&&byte| byte == b'\n').count() == 1)
        });
    }

    /// Waits until commands on `key` are answered with BUSY.
    pub(super) fn until_busy(&mut self, key: &[u8]) -> Seen {
        self.until(|stage| {
            let Outcome::Reply(reply) = stage.control.call(&[b"EXISTS", key]) else { return false };
            reply.frame.is_error() && reply.raw.starts_with(b"-BUSY ")
        })
    }

    /// Waits until the server's clock is so much further.
    pub(super) fn elapse(&mut self, milliseconds: u64) -> Seen {
        let Some(start) = self.server_micros() else { return Seen::Silent };
        self.until(|stage| stage.server_micros().is_some_and(|now| now >= start + milliseconds * 1000))
    }

    /// As many replies and pushes as the reference had, then whatever comes before the answer to a PING.
    pub(super) fn rest(&mut self, name: char, reference: Option<&Seen>) -> Seen {
        let due = if let Some(Seen::Frames { frames, .. }) = reference { frames.len() } else { 0 };
        let client = &mut self.person(name).client;
        let mut frames = Vec::new();
        while frames.len() < due {
            match client.read() {
                Outcome::Reply(reply) => frames.push(reply),
                Outcome::Closed => return Seen::Frames { frames, closed: true },
                // What is missing shows in the comparison.
                _ => break,
            }
        }
        let _ = client.send(&[b"PING", SENTINEL]);
        loop {
            match client.read() {
                Outcome::Reply(reply) if is_sentinel(&reply.frame) => return Seen::Frames { frames, closed: false },
                Outcome::Reply(reply) => frames.push(reply),
                Outcome::Closed => return Seen::Frames { frames, closed: true },
                other => return seen(other),
            }
        }
    }

    /// Calls until the reply is the reference's, or the wait is over.
    pub(super) fn settle(&mut self, step: &Step, words: &[Vec<u8>], reference: Option<&Seen>) -> Seen {
        let end = Instant::now() + self.wait;
        loop {
            let got = seen(self.person(step.connection).client.call(words));
            let is_wanted = |wanted: &Seen| match (step.normaliser, wanted, &got) {
                (Some(normaliser), Seen::Reply(wanted), Seen::Reply(got)) => {
                    normaliser.agree(&wanted.frame, &got.frame)
                }
                _ => *wanted == got,
            };
            if reference.is_none_or(is_wanted) || Instant::now() >= end {
                return got;
            }
        }
    }

    /// Calls and keeps the text of the reply; what is seen is only whether it has one.
    pub(super) fn keep(&mut self, name: char, words: &[Vec<u8>]) -> Seen {
        match self.person(name).client.call(words) {
            Outcome::Reply(Reply { frame: Frame::Bulk(text) | Frame::Simple(text), .. }) => {
                self.kept = text;
                Seen::Nothing
            }
            other => seen(other),
        }
    }

    /// `Seen::Nothing` once it is so, `Seen::Silent` if it does not come about.
    fn until(&mut self, so: impl Fn(&mut Stage) -> bool) -> Seen {
        let end = Instant::now() + self.wait;
        while Instant::now() < end {
            if so(self) {
                return Seen::Nothing;
            }
        }
        Seen::Silent
    }

    /// The flags of a client, if there is such a client.
    fn flags(&mut self, id: i64) -> Option<String> {
        let list = self.control.ask(&format!("CLIENT LIST ID {id}"));
        let text = String::from_utf8_lossy(list.text()?).into_owned();
        text.split(' ').find_map(|field| field.strip_prefix("flags=").map(str::to_owned))
    }

    fn server_micros(&mut self) -> Option<u64> {
        let time = self.control.ask("TIME");
        let number = |frame: &Frame| String::from_utf8_lossy(frame.text()?).parse::<u64>().ok();
        let [seconds, micros] = time.items()? else { return None };
        Some(number(seconds)? * 1_000_000 + number(micros)?)
    }
}

/// Whether this answers our PING: its text, the pair of RESP2's subscribers, or the promise of a transaction.
fn is_sentinel(frame: &Frame) -> bool {
    match frame {
        Frame::Bulk(text) => text == SENTINEL,
        Frame::Array(items) => {
            matches!(&items[..], [Frame::Bulk(kind), Frame::Bulk(text)] if kind == b"pong" && text == SENTINEL)
        }
        Frame::Simple(text) => text == b"QUEUED",
        _ => false,
    }
}
