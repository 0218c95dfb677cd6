//! The line of evidence that a test of a packet's row leaves under `target/evidence/`. Writing it is the test's.

use crate::digest::Digest;
use crate::mode::Mode;
use crate::record::{AuditRecord, Verdict};
use crate::time::UnixMillis;

/// A row as one crate shows it.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The packet.
    pub packet: &'a str,
    /// The suite.
    pub suite: &'a str,
    /// The row: `U012`.
    pub row: &'a str,
    /// The mode in which it is shown.
    pub mode: Mode,
    /// The crate whose tests show it.
    pub part: &'a str,
    /// What randomness began with; 0 for none.
    pub seed: u64,
    /// The reason code if it fails.
    pub reason: &'a str,
}

/// What came of a row's checks.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// When they were over.
    pub time: UnixMillis,
    /// How long they took, in milliseconds.
    pub millis: u64,
    /// The checks by name, and how each ended.
    pub checks: &'a [(&'a str, Verdict)],
    /// A sum over what came out beside.
    pub output: Digest,
}

impl Evidence<'_> {
    /// The name of the row's test.
    pub fn scenario(&self) -> String {
        format!("{}_{}_{}", self.packet.replace('-', "_"), self.mode.name().to_uppercase(), self.row)
    }

    /// The file that has the line, in a folder that is named like the packet.
    pub fn file(&self) -> String {
        format!("{}.{}.jsonl", self.scenario(), self.part)
    }

    /// The line, with the newline.
    pub fn line(&self, shown: &Shown<'_>) -> String {
        let (mut input, mut output) = (Digest::default(), Digest::default());
        for (name, verdict) in shown.checks {
            input = input.and(name.as_bytes());
            output = output.and(&[u8::from(*verdict == Verdict::Fail)]);
        }
        let failed = shown.checks.iter().any(|(_, verdict)| *verdict == Verdict::Fail);
        let scenario = self.scenario();
        let record = AuditRecord {
            time: shown.time,
            suite: self.suite,
            scenario: &scenario,
            packet: self.packet,
            mode: self.mode,
            seed: self.seed,
            input,
            output: output.and(&shown.output.sum().to_le_bytes()),
            millis: shown.millis,
            verdict: if failed { Verdict::Fail } else { Verdict::Pass },
            reason: failed.then_some(self.reason),
            replay: &format!("cargo test -p {} -- {scenario}", self.part),
            artifacts: &[],
        };
        record.to_json_line()
    }
}

/// Tests of a packet's rows, for the file that has `row` and the packet's table as `Error`: for each row one test in each mode, with the row's
/// name, the error of its row in the contract, and its checks: functions as `row` takes them.
#[macro_export]
macro_rules! rows {
    ($($strict:ident $hardened:ident $id:literal $error:ident [$($check:path),+ $(,)?])+) => {$(
        #[test]
        fn $strict() {
            row($id, Error::$error, $crate::mode::Mode::Strict, &[$((stringify!($check), $check)),+]);
        }

        #[test]
        fn $hardened() {
            row($id, Error::$error, $crate::mode::Mode::Hardened, &[$((stringify!($check), $check)),+]);
        }
    )+};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_fails_has_a_reason_and_another_output() {
        let evidence = Evidence {
            packet: "FR-P2C-008",
            suite: "suite",
            row: "U013",
            mode: Mode::Hardened,
            part: "evict",
            seed: 8,
            reason: "evict.x",
        };
        let line = |last: Verdict| {
            let checks = [("first", Verdict::Pass), ("last", last)];
            let shown = Shown { time: UnixMillis(0), millis: 3, checks: &checks, output: Digest::default() };
            evidence.line(&shown)
        };
        assert_eq!(evidence.file(), "FR_P2C_008_HARDENED_U013.evict.jsonl");
        let (good, bad) = (line(Verdict::Pass), line(Verdict::Fail));
        for part in [
            r#""test_or_scenario_id":"FR_P2C_008_HARDENED_U013","packet_id":"FR-P2C-008","mode":"hardened""#,
            r#""replay_cmd":"cargo test -p evict -- FR_P2C_008_HARDENED_U013","seed":8,"duration_ms":3"#,
        ] {
            assert!(good.contains(part) && bad.contains(part), "{part} in {good}");
        }
        assert!(good.contains(r#""outcome":"pass""#) && good.contains(r#""reason_code":null"#), "{good}");
        assert!(bad.contains(r#""outcome":"fail""#) && bad.contains(r#""reason_code":"evict.x""#), "{bad}");
        let output = |line: &str| line.split("output_digest").nth(1).map(|rest| rest[..22].to_owned());
        assert_ne!(output(&good), output(&bad));
    }
}
