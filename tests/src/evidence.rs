//! Lines of evidence: what a test of a packet's row saw, as one line of JSON with the packet's log fields (`spec/packets.md`).
//!
//! The same fields as `audit::record` writes; this crate knows the server by its sockets only, so it has a writer of its own. Digests, never
//! what was sent.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A packet whose rows are shown through the socket.
#[derive(Debug)]
pub struct Packet {
    /// Its name.
    pub id: &'static str,
    /// The suite of what is shown through the socket.
    pub suite: &'static str,
    /// The tests that show it, as cargo calls them.
    pub tests: &'static str,
}

/// The cluster.
pub const CLUSTER: Packet = Packet { id: "FR-P2C-007", suite: "fr_runtime_phase2c_packet_007", tests: "packet_007" };
/// Expiry and eviction.
pub const EXPIRE_EVICT: Packet =
    Packet { id: "FR-P2C-008", suite: "fr_expire_evict_phase2c_packet_008_e2e", tests: "packet_008" };

/// How a test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// It showed what it is to show.
    Passed,
    /// This machine does not allow what it needs.
    Skipped,
    /// It did not; with the code of the row.
    Failed(&'a str),
}

/// A sum over what went in or came out: FNV-1a, 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(pub u64);

impl Default for Digest {
    fn default() -> Self {
        Digest(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    /// Takes these bytes in.
    pub fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
}

/// What is known when a test is over.
pub struct Line<'a> {
    /// The packet that it is of.
    pub packet: &'a Packet,
    /// Its name, which runs it again.
    pub test: &'a str,
    /// `strict` or `hardened`.
    pub mode: &'a str,
    /// What its generators began with; 0 for none.
    pub seed: u64,
    /// What was sent, and what came back.
    pub input: Digest,
    /// What came back.
    pub output: Digest,
    /// How long it took.
    pub time: Duration,
    /// How it ended.
    pub outcome: Outcome<'a>,
}

impl Line<'_> {
    /// The line, with the newline. Names and codes hold nothing that JSON would escape.
    pub fn text(&self) -> String {
        let (outcome, reason) = match self.outcome {
            Outcome::Passed => ("pass", "null".to_owned()),
            Outcome::Skipped => ("skip", "null".to_owned()),
            Outcome::Failed(code) => ("fail", format!("\"{code}\"")),
        };
        let mut line = String::from("{");
        let strings = [
            ("ts_utc", utc(SystemTime::now())),
            ("suite_id", self.packet.suite.to_owned()),
            ("test_or_scenario_id", self.test.to_owned()),
            ("packet_id", self.packet.id.to_owned()),
            ("mode", self.mode.to_owned()),
            ("input_digest", format!("{:016x}", self.input.0)),
            ("output_digest", format!("{:016x}", self.output.0)),
            ("outcome", outcome.to_owned()),
            ("replay_cmd", self.replay()),
        ];
        for (name, text) in strings {
            let _ = write!(line, "\"{name}\":\"{text}\",");
        }
        let millis = self.time.as_millis();
        let _ = writeln!(
            line,
            "\"seed\":{},\"duration_ms\":{millis},\"reason_code\":{reason},\"artifact_refs\":[]}}",
            self.seed
        );
        line
    }

    /// The command that runs the test again, with the same seed.
    pub fn replay(&self) -> String {
        format!("cargo test -p tests --test {} -- {}", self.packet.tests, self.test)
    }

    /// Writes the line to its file under `target/evidence/`, and returns where that is.
    pub fn write(&self) -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/evidence").join(self.packet.id);
        fs::create_dir_all(&folder).expect("the build's folder can be written");
        let path = folder.join(format!("{}.e2e.jsonl", self.test));
        fs::write(&path, self.text()).expect("a line can be written");
        path
    }
}

/// A time as RFC 3339 writes it, in UTC.
fn utc(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, seconds) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = date(days as i64);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", since.subsec_millis())
}

/// The date of a day since the epoch. Years are taken to begin in March, so that the leap day comes last.
fn date(days: i64) -> (i64, i64, i64) {
    let from_march = days + 719_468;
    let (era, day) = (from_march.div_euclid(146_097), from_march.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year;
    if month < 10 { (year, month + 3, day_of_month) } else { (year + 1, month - 9, day_of_month) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_fields_of_the_packet() {
        let mut sum = Digest::default();
        sum.add(b"a");
        let line = Line {
            packet: &EXPIRE_EVICT,
            test: "row",
            mode: "strict",
            seed: 7,
            input: Digest::default(),
            output: sum,
            time: Duration::from_millis(3),
            outcome: Outcome::Passed,
        };
        let text = line.text();
        let tail = concat!(
            r#""suite_id":"fr_expire_evict_phase2c_packet_008_e2e","test_or_scenario_id":"row","packet_id":"FR-P2C-008","#,
            r#""mode":"strict","input_digest":"cbf29ce484222325","output_digest":"af63dc4c8601ec8c","outcome":"pass","#,
            r#""replay_cmd":"cargo test -p tests --test packet_008 -- row","seed":7,"duration_ms":3,"reason_code":null,"#,
            r#""artifact_refs":[]}"#,
            "\n",
        );
        assert!(text.starts_with("{\"ts_utc\":\"20") && text.ends_with(tail), "{text}");
        let failed = Line { packet: &CLUSTER, outcome: Outcome::Failed("code"), ..line }.text();
        assert!(failed.contains(r#""outcome":"fail""#) && failed.contains(r#""reason_code":"code""#), "{failed}");
        assert!(failed.contains(r#""replay_cmd":"cargo test -p tests --test packet_007 -- row""#), "{failed}");
        assert_eq!((date(0), date(11_016), date(11_017)), ((1970, 1, 1), (2000, 2, 29), (2000, 3, 1)));
    }
}
