//! Whether a command is refused because memory is exhausted.
//!
//! C14, `spec/expire-evict.md` §9.1. Only what may grow memory is refused (`DENYOOM`), and only when eviction has failed. A
//! transaction is asked for what it has queued, a script by its flags, and what a script calls until it has written: what has
//! begun to write may finish, for its effects must not stop halfway.

use crate::evictions::Outcome;
use crate::faults::{Fault, planted};

/// Whether a command may grow memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It has the flag `denyoom`.
    Memory,
    /// It has not.
    Nothing,
}

/// What a script says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Declared {
    /// It has no `#!` line: each call is judged by itself.
    Nothing,
    /// It has one, without a flag that matters here.
    Plain,
    /// It has the flag `allow-oom`.
    AllowOom,
    /// It has the flag `no-writes`, so memory is no matter.
    NoWrites,
}

/// Whether a script has changed anything yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It has not.
    Nothing,
    /// It has.
    Something,
}

/// What is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A command by itself, or one that is to be queued: a refusal then spoils the transaction.
    Command(Need),
    /// EXEC, and whether any queued command needs memory.
    Exec(Need),
    /// A script at its start.
    Script(Declared),
    /// A command that a script calls.
    Called {
        /// By the command's flag.
        need: Need,
        /// By the script's first line.
        script: Declared,
        /// Up to this call.
        written: Written,
    },
}

/// What a client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OomRefusal {
    /// The command needs memory.
    Command,
    /// The script does not say that it can do without.
    Script,
}

impl OomRefusal {
    /// The reply, with its code and without the sign of an error.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Command => "OOM command not allowed when used memory > 'maxmemory'.",
            Self::Script => {
                "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'"
            }
        }
    }
}

/// Decides. `memory` is what the eviction loop answered before the command; for a script and what it calls, before the script.
pub fn refused(memory: Outcome, subject: Subject) -> Option<OomRefusal> {
    if memory != Outcome::Fail {
        return None;
    }
    match subject {
        Subject::Exec(_) if planted(Fault::ExecNotAsked) => None,
        Subject::Command(Need::Memory) | Subject::Exec(Need::Memory) => Some(OomRefusal::Command),
        Subject::Script(Declared::Plain) => Some(OomRefusal::Script),
        Subject::Called {
            need: Need::Memory,
            script: Declared::Nothing | Declared::Plain,
            written: Written::Nothing,
        } => Some(OomRefusal::Command),
        Subject::Command(_) | Subject::Exec(_) | Subject::Script(_) | Subject::Called { .. } => None,
    }
}

#[cfg(test)]
#[allow(non_snake_case)]
pub(crate) mod tests {
    use super::*;

    #[test]
    pub(crate) fn FR_P2C_008_U014_who_is_refused() {
        let called = |need, script, written| Subject::Called { need, script, written };
        let rows = [
            (Subject::Command(Need::Memory), Some(OomRefusal::Command)),
            (Subject::Command(Need::Nothing), None),
            (Subject::Exec(Need::Memory), Some(OomRefusal::Command)),
            (Subject::Exec(Need::Nothing), None),
            (Subject::Script(Declared::Nothing), None),
            (Subject::Script(Declared::Plain), Some(OomRefusal::Script)),
            (Subject::Script(Declared::AllowOom), None),
            (Subject::Script(Declared::NoWrites), None),
            (called(Need::Memory, Declared::Nothing, Written::Nothing), Some(OomRefusal::Command)),
            (called(Need::Memory, Declared::Nothing, Written::Something), None),
            (called(Need::Nothing, Declared::Nothing, Written::Nothing), None),
            (called(Need::Memory, Declared::AllowOom, Written::Nothing), None),
            (called(Need::Memory, Declared::Plain, Written::Nothing), Some(OomRefusal::Command)),
        ];
        for (subject, expected) in rows {
            assert_eq!(refused(Outcome::Fail, subject), expected, "{subject:?}");
            for fine in [Outcome::Ok, Outcome::Running] {
                assert_eq!(refused(fine, subject), None, "{subject:?}: commands go on while eviction runs");
            }
        }
        assert!([OomRefusal::Command, OomRefusal::Script].iter().all(|refusal| refusal.text().starts_with("OOM ")));
    }
}
