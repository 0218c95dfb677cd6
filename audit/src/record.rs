//! The log record of a check, a rejection or a recovery: the same fields in tests and in the running server.
//!
//! `spec/packets.md`. One form for both packets. It holds digests and never what a client sent.

use std::fmt::Write;

use crate::digest::Digest;
use crate::mode::Mode;
use crate::time::UnixMillis;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should.
    Pass,
    /// Not so: the record has a reason.
    Fail,
    /// It was not made.
    Skip,
}

/// A record.
#[derive(Clone, Copy, Debug)]
pub struct AuditRecord<'a> {
    /// When it was written.
    pub time: UnixMillis,
    /// The suite, or the part of the server.
    pub suite: &'a str,
    /// The test, or what was going on.
    pub scenario: &'a str,
    /// The packet: `FR-P2C-007` or `FR-P2C-008`.
    pub packet: &'a str,
    /// The mode in force.
    pub mode: Mode,
    /// What randomness began with; 0 for none.
    pub seed: u64,
    /// What went in.
    pub input: Digest,
    /// What came out.
    pub output: Digest,
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// How it ended.
    pub verdict: Verdict,
    /// The reason code; always there for a failure.
    pub reason: Option<&'a str>,
    /// The command that does it again.
    pub replay: &'a str,
    /// Files that belong to it.
    pub artifacts: &'a [&'a str],
}

impl Verdict {
    /// Its name in log records.
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Skip => "skip",
        }
    }
}

impl AuditRecord<'_> {
    /// The record as a line of JSON, with the newline.
    pub fn to_json_line(&self) -> String {
        let mut line = String::from("{");
        let strings = [
            ("ts_utc", utc(self.time)),
            ("suite_id", self.suite.into()),
            ("test_or_scenario_id", self.scenario.into()),
            ("packet_id", self.packet.into()),
            ("mode", self.mode.name().into()),
            ("input_digest", format!("{:016x}", self.input.sum())),
            ("output_digest", format!("{:016x}", self.output.sum())),
            ("outcome", self.verdict.name().into()),
            ("replay_cmd", self.replay.into()),
        ];
        for (name, text) in &strings {
            let _ = write!(line, "\"{name}\":{},", quoted(text));
        }
        let reason = self.reason.map_or("null".into(), quoted);
        let artifacts: Vec<String> = self.artifacts.iter().map(|artifact| quoted(artifact)).collect();
        let _ = writeln!(
            line,
            "\"seed\":{},\"duration_ms\":{},\"reason_code\":{reason},\"artifact_refs\":[{}]}}",
            self.seed,
            self.millis,
            artifacts.join(","),
        );
        line
    }
}

/// A string of JSON.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            control if u32::from(control) < 0x20 => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(control));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// A time as RFC 3339 writes it, in UTC.
pub fn utc(time: UnixMillis) -> String {
    let (days, millis) = (time.0.div_euclid(86_400_000), time.0.rem_euclid(86_400_000));
    // Years begin in March, so that the leap day comes last: 400 of them have 146,097 days.
    let from_march = days + 719_468;
    let (era, day) = (from_march.div_euclid(146_097), from_march.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    let year = era * 400 + year;
    let (seconds, millis) = (millis / 1_000, millis % 1_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day_of_month:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_utc() {
        let rows = [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
            (4_107_542_399_000, "2100-02-28T23:59:59.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ];
        for (millis, text) in rows {
            assert_eq!(utc(UnixMillis(millis)), text);
        }
        assert!([i64::MIN, i64::MAX].iter().all(|&millis| utc(UnixMillis(millis)).ends_with('Z')));
    }

    #[test]
    fn a_line_of_json() {
        let record = AuditRecord {
            time: UnixMillis(0),
            suite: "suite",
            scenario: "a \"quoted\" \\ name\n",
            packet: "FR-P2C-008",
            mode: Mode::Hardened,
            seed: 7,
            input: Digest::default(),
            output: Digest::default().and(b"a"),
            millis: 3,
            verdict: Verdict::Pass,
            reason: None,
            replay: "cargo test",
            artifacts: &["a", "b"],
        };
        let golden = concat!(
            r#"{"ts_utc":"1970-01-01T00:00:00.000Z","suite_id":"suite","#,
            r#""test_or_scenario_id":"a \"quoted\" \\ name\u000a","packet_id":"FR-P2C-008","mode":"hardened","#,
            r#""input_digest":"cbf29ce484222325","output_digest":"af63dc4c8601ec8c","outcome":"pass","#,
            r#""replay_cmd":"cargo test","seed":7,"duration_ms":3,"reason_code":null,"artifact_refs":["a","b"]}"#,
            "\n",
        );
        assert_eq!(record.to_json_line(), golden);
        let failed = AuditRecord { verdict: Verdict::Fail, reason: Some("expire.x"), artifacts: &[], ..record };
        assert!(failed.to_json_line().ends_with("\"reason_code\":\"expire.x\",\"artifact_refs\":[]}\n"));
    }
}
