//! What the rows stand on: nodes in a mode, sums over what was said, and a line of evidence at the end.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;
use std::time::{Duration, Instant};

use tests::cluster::Node;
use tests::evidence::{CLUSTER, Digest, Line, Outcome};
use tests::network::Host;
use tests::server::{Kind, free_port, run};

/// What all random choices begin with.
pub(crate) const SEED: u64 = 7;

/// Our server, with two core loops.
pub(crate) const OURS: Kind = Kind::Ashlar { cores: 2 };

/// Longest wait for something that has to come.
pub(crate) const LIMIT: Duration = Duration::from_secs(40);

/// Where a check runs.
pub(crate) struct Bed {
    mode: &'static str,
    input: Digest,
    output: Digest,
    is_skipped: bool,
}

/// The reason code of a hardened run that differs from the strict one.
const MODE_SEEN: &str = "cluster.hardened_policy_violation";

/// Runs a check of a row in a mode and writes its line.
pub(crate) fn row(test: &str, mode: &'static str, code: &str, check: fn(&mut Bed)) {
    let begun = Instant::now();
    let (bed, ended) = played(mode, check);
    told(test, begun, &bed, code, ended);
}

/// Runs a check of a row in hardened mode and writes its line; runs it in strict mode as well, where the same has to be seen.
pub(crate) fn compared_row(test: &str, code: &str, check: fn(&mut Bed)) {
    let begun = Instant::now();
    let (bed, mut ended) = played("hardened", check);
    let mut code = code;
    if ended.is_ok() && !bed.is_skipped {
        let (strict, ended_strict) = played("strict", check);
        ended = ended_strict;
        if ended.is_ok() && [strict.input, strict.output] != [bed.input, bed.output] {
            code = MODE_SEEN;
            ended = Err(Box::new("the modes differ"));
        }
    }
    told(test, begun, &bed, code, ended);
}

/// Writes the line of a check that began then and ended so; a panic of it goes on.
fn told(test: &str, begun: Instant, bed: &Bed, code: &str, ended: thread::Result<()>) {
    let outcome = match ended {
        Err(_) => Outcome::Failed(code),
        Ok(()) if bed.is_skipped => Outcome::Skipped,
        Ok(()) => Outcome::Passed,
    };
    let (input, output) = (bed.input, bed.output);
    let line =
        Line { packet: &CLUSTER, test, mode: bed.mode, seed: SEED, input, output, time: begun.elapsed(), outcome };
    line.write();
    if let Err(panic) = ended {
        eprintln!("{code}, seed {SEED}: {}", line.replay());
        resume_unwind(panic);
    }
}

/// Runs a check in a mode.
fn played(mode: &'static str, check: fn(&mut Bed)) -> (Bed, thread::Result<()>) {
    let mut bed = Bed { mode, input: Digest::default(), output: Digest::default(), is_skipped: false };
    let ended = catch_unwind(AssertUnwindSafe(|| check(&mut bed)));
    (bed, ended)
}

/// Tests of a row: for each check one in strict mode, and behind `+` one in hardened mode. First comes the reason code of the row.
#[macro_export]
macro_rules! rows {
    ($code:literal: $($strict:ident $(+ $hardened:ident)? => $check:ident;)+) => {$(
        #[test]
        fn $strict() {
            $crate::bed::row(stringify!($strict), "strict", $code, $check);
        }

        $(#[test]
        fn $hardened() {
            $crate::bed::compared_row(stringify!($hardened), $code, $check);
        })?
    )+};
}

impl Bed {
    /// What tells a server of ours the mode.
    fn in_mode(&self) -> [&'static str; 2] {
        ["--cluster-bus-mode", self.mode]
    }

    /// The mode.
    pub(crate) fn mode(&self) -> &'static str {
        self.mode
    }

    /// A node on free ports that knows nobody; one of ours is in the bed's mode.
    #[track_caller]
    pub(crate) fn node(&self, kind: Kind, node_timeout_ms: u64) -> Node {
        let mode = self.in_mode();
        Node::start_with(kind, node_timeout_ms, if kind == Kind::Redis { &[] } else { &mode })
    }

    /// A node of ours on a host of a network.
    #[track_caller]
    pub(crate) fn node_on(&self, host: Host, cores: usize, node_timeout_ms: u64) -> Node {
        Node::on(host, cores, node_timeout_ms, &self.in_mode())
    }

    /// A node of ours with exactly these arguments beside the mode.
    #[track_caller]
    pub(crate) fn node_with(&self, kind: Kind, (port, bus): (u16, u16), arguments: &[&str]) -> Node {
        Node::with(kind, port, bus, &[arguments, &self.in_mode()].concat())
    }

    /// Takes what was sent and what came back into the sums: for what is the same in every run.
    pub(crate) fn sum(&mut self, input: &[u8], output: &[u8]) {
        self.input.add(input);
        self.output.add(output);
    }

    /// Takes in what became of something.
    pub(crate) fn saw(&mut self, what: &str, outcome: impl Display) {
        self.sum(what.as_bytes(), outcome.to_string().as_bytes());
    }

    /// This machine does not allow what the check needs.
    pub(crate) fn skip(&mut self) {
        self.is_skipped = true;
    }
}

/// How a server that is refused says so.
#[track_caller]
pub(crate) fn refused(arguments: &[&str], expected: &str) {
    let port = free_port().to_string();
    let all = [&["--cluster-enabled", "yes", "--port", &port][..], arguments].concat();
    let (status, output) = run(OURS, &all);
    assert_eq!(status.and_then(|status| status.code()), Some(1), "{arguments:?}\n{output}");
    assert!(output.contains(expected), "{arguments:?}\n{output}");
}
