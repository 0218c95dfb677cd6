//! MONITOR: the lines that tell of commands, who is to have them, and what has come of them. Pure.
//!
//! Each core writes the lines of its own clients' commands, once for everybody, and sends what a turn made to the cores that have monitors.
//! There the lines of all cores are put in the order of their times, so that a command which followed another's reply stands behind
//! it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::Arc;

use keyspace::args::Args;
use keyspace::spec::Flags;

use crate::command::Command;
use crate::commands::hello::{REDACTED, is_secret};
use crate::mesh::CoreId;
use crate::ring::ConnId;

/// Lines that are sent before the turn is over, in bytes.
const LINES_BYTES_MAX: usize = 1 << 20;

/// What a monitor may leave unread whatever the settings allow, in bytes: it does not choose how much it is told. Also the most that
/// one core keeps for its monitors during a turn.
pub const UNREAD_BYTES_MAX: usize = 256 << 20;

/// The longest command that is shown, in bytes of its arguments: each may become four. A monitor would not be allowed to have more unread.
const SHOWN_BYTES_MAX: usize = UNREAD_BYTES_MAX / 4;

/// Who sent a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender<'a> {
    /// A script.
    Script,
    /// A client on the UNIX socket with this path.
    Unix(&'a str),
    /// A client with this address.
    Tcp(&'a str),
}

/// True if monitors are told of a command. EVAL and its kin are, but before they are carried out.
pub fn is_shown(command: &Command) -> bool {
    !command.is(Flags::ADMIN)
}

/// Lines of one core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines {
    /// When they were written, in microseconds of the wall clock.
    pub at_us: u64,
    /// The lines; `None` if they were too long to be kept: monitors miss something, and are ended.
    pub text: Option<Arc<[u8]>>,
}

/// What a core knows of monitors.
#[derive(Debug, Default)]
pub struct Monitors {
    /// How many each core has. One that is gone may be told of before it is asked for.
    counts: BTreeMap<CoreId, i64>,
    /// Those of this core.
    own: BTreeSet<ConnId>,
    /// Lines that are not sent yet.
    lines: Vec<u8>,
    /// A line was too long.
    lost: bool,
    /// What came for the monitors of this core in this turn.
    arrived: Vec<Lines>,
    arrived_bytes: usize,
}

impl Monitors {
    /// True if somebody is to be told of commands.
    #[inline]
    pub fn any(&self) -> bool {
        !self.counts.is_empty()
    }

    /// A core has one monitor more, or fewer.
    pub fn count(&mut self, core: CoreId, change: i64) {
        let count = self.counts.entry(core).or_default();
        *count += change;
        if *count == 0 {
            self.counts.remove(&core);
        }
        if self.counts.is_empty() {
            // Those who come later do not hear of what was before them.
            self.lines = Vec::new();
            self.lost = false;
        }
    }

    /// Bytes of lines that are not sent, or came and are not handed on.
    pub fn heap_bytes(&self) -> usize {
        self.lines.capacity() + self.arrived_bytes
    }

    /// A client of this core hears of commands from now on.
    pub fn add(&mut self, conn: ConnId) {
        self.own.insert(conn);
    }

    /// It does no longer.
    pub fn remove(&mut self, conn: ConnId) {
        self.own.remove(&conn);
    }

    /// The monitors of this core.
    pub fn own(&self) -> Vec<ConnId> {
        self.own.iter().copied().collect()
    }

    /// Writes the line of a command. True if the lines should be sent.
    pub fn write(&mut self, now_us: u64, sender: Sender, db: u16, command: &Command, args: Args) -> bool {
        if args.bytes() > SHOWN_BYTES_MAX {
            self.lost = true;
        } else {
            line(now_us, sender, db, command.spec.name, args, &mut self.lines);
        }
        self.lines.len() > LINES_BYTES_MAX
    }

    /// Takes the lines that were written, for the cores that have monitors.
    pub fn take(&mut self, at_us: u64) -> Option<(Lines, Vec<CoreId>)> {
        let lost = std::mem::take(&mut self.lost);
        if self.lines.is_empty() && !lost {
            return None;
        }
        let text = if lost { None } else { Some(self.lines.as_slice().into()) };
        self.lines.clear();
        self.lines.shrink_to(LINES_BYTES_MAX);
        let cores = self.counts.iter().filter(|(_, count)| **count > 0).map(|(core, _)| *core).collect();
        Some((Lines { at_us, text }, cores))
    }

    /// Lines came for this core's monitors.
    pub fn receive(&mut self, lines: Lines) {
        self.arrived_bytes += lines.text.as_ref().map_or(0, |text| text.len());
        let keeps = self.arrived_bytes <= UNREAD_BYTES_MAX;
        let lines = if keeps { lines } else { Lines { text: None, ..lines } };
        if lines.text.is_none() {
            self.arrived.clear();
        }
        self.arrived.push(lines);
    }

    /// Takes what came in the order of its times. `None` if something was lost.
    pub fn arrived(&mut self) -> Option<Vec<Lines>> {
        self.arrived_bytes = 0;
        let mut arrived = std::mem::take(&mut self.arrived);
        arrived.sort_by_key(|lines| lines.at_us);
        arrived.iter().all(|lines| lines.text.is_some()).then_some(arrived)
    }
}

/// Appends the line of a command: its time, database and sender, and its words in quotation marks.
fn line(now_us: u64, sender: Sender, db: u16, name: &str, args: Args, out: &mut Vec<u8>) {
    let (seconds, micros) = (now_us / 1_000_000, now_us % 1_000_000);
    let written = match sender {
        Sender::Script => write!(out, "+{seconds}.{micros:06} [{db} lua]"),
        Sender::Unix(path) => write!(out, "+{seconds}.{micros:06} [{db} unix:{path}]"),
        Sender::Tcp(address) => write!(out, "+{seconds}.{micros:06} [{db} {address}]"),
    };
    written.expect("writing to memory does not fail");
    for (index, arg) in args.iter().enumerate() {
        out.extend_from_slice(b" \"");
        let shown = if is_secret(name, args, index) { REDACTED.as_bytes() } else { arg };
        quote(shown, out);
        out.push(b'"');
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends a word with everything escaped that is not printable.
fn quote(word: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for &byte in word {
        let short = match byte {
            b'\\' | b'"' => byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x07 => b'a',
            0x08 => b'b',
            b' '..=b'~' => {
                out.push(byte);
                continue;
            }
            _ => {
                out.extend_from_slice(&[b'\\', b'x', HEX[(byte >> 4) as usize], HEX[(byte & 15) as usize]]);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', short]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyspace::args::OwnedArgs;

    fn written(sender: Sender, name: &str, words: &str) -> String {
        let args: OwnedArgs = words.split(' ').collect();
        let mut out = Vec::new();
        line(1_000_042, sender, 3, name, args.args(), &mut out);
        String::from_utf8(out).expect("a line is ASCII")
    }

    #[test]
    fn a_line_tells_when_where_who_and_what() {
        for (sender, place) in
            [(Sender::Script, "lua"), (Sender::Unix("/a b"), "unix:/a b"), (Sender::Tcp("[::1]:5"), "[::1]:5")]
        {
            assert_eq!(written(sender, "get", "GeT k"), format!("+1.000042 [3 {place}] \"GeT\" \"k\"\r\n"));
        }
        let words = "a\\\"\r\n\t\x07\x08\0\x7f~ ";
        let shown = r#""a\\\"\r\n\t\a\b\x00\x7f~" """#;
        assert_eq!(written(Sender::Script, "get", words), format!("+1.000042 [3 lua] {shown}\r\n"));
        let shown = r#""AUTH" "(redacted)" "(redacted)""#;
        assert_eq!(written(Sender::Script, "auth", "AUTH user pw"), format!("+1.000042 [3 lua] {shown}\r\n"));
    }

    #[test]
    fn what_comes_is_put_in_order_and_bounded() {
        let mut monitors = Monitors::default();
        let some = |at_us, bytes: usize| Lines { at_us, text: Some(vec![b'x'; bytes].into()) };
        [5, 3, 4].into_iter().for_each(|at_us| monitors.receive(some(at_us, 1)));
        let arrived = monitors.arrived().expect("nothing was lost");
        assert_eq!(arrived.iter().map(|lines| lines.at_us).collect::<Vec<_>>(), [3, 4, 5]);
        [1, 2].into_iter().for_each(|at_us| monitors.receive(some(at_us, UNREAD_BYTES_MAX / 2 + 1)));
        assert_eq!(monitors.arrived.len(), 1);
        assert_eq!(monitors.arrived(), None);
        assert_eq!(monitors.arrived(), Some(Vec::new()));
    }

    #[test]
    fn a_core_is_told_as_long_as_it_has_monitors() {
        let mut monitors = Monitors::default();
        assert!(!monitors.any());
        monitors.count(CoreId(2), -1);
        monitors.count(CoreId(1), 1);
        monitors.lines.push(b'x');
        let (lines, cores) = monitors.take(7).expect("there is a line");
        assert_eq!((lines.at_us, lines.text.as_deref(), cores), (7, Some(&b"x"[..]), vec![CoreId(1)]));
        monitors.count(CoreId(2), 1);
        monitors.count(CoreId(1), -1);
        assert!(!monitors.any() && monitors.take(8).is_none());
    }
}
