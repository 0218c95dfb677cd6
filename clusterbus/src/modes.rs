//! ASKING and READONLY: how long a client's word holds.
//!
//! C07, §5.1. ASKING is for the next command, or for all of a transaction that begins with it; READONLY holds until it is taken
//! back. Nothing but the gate looks at them.

use crate::faults::{Fault, planted};
use crate::gate::ClientModes;

/// Commands that change what a client said of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModeCommand {
    /// ASKING.
    Asking,
    /// READONLY.
    Readonly,
    /// READWRITE.
    Readwrite,
    /// RESET.
    Reset,
    /// Any other.
    Other,
}

/// Whether a client is inside MULTI after a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transaction {
    /// It is.
    Open,
    /// It is not.
    None,
}

impl ClientModes {
    /// What holds after a command was carried out (a queued one is not yet), whether it succeeded or not.
    pub fn after(mut self, command: ModeCommand, transaction: Transaction) -> ClientModes {
        match command {
            ModeCommand::Asking => self.asking = true,
            ModeCommand::Readonly => self.readonly = true,
            ModeCommand::Readwrite => self.readonly = false,
            ModeCommand::Reset => return ClientModes::default(),
            ModeCommand::Other => {}
        }
        if command != ModeCommand::Asking && transaction == Transaction::None && !planted(Fault::AskingLasts) {
            self.asking = false;
        }
        self
    }

    /// What holds after a command was queued: a queued ASKING does nothing yet, and nothing ends.
    pub fn after_queued(self) -> ClientModes {
        self
    }
}

#[cfg(test)]
#[allow(non_snake_case)]
pub(crate) mod tests {
    use super::*;

    /// A client in words: what it sends, and whether ASKING and READONLY hold when that is routed.
    fn check(lines: &[(&str, bool, bool)]) {
        let (mut modes, mut open) = (ClientModes::default(), false);
        for (n, (line, asking, readonly)) in lines.iter().enumerate() {
            assert_eq!(modes, ClientModes { asking: *asking, readonly: *readonly }, "{n}: {line}");
            let ends = matches!(*line, "EXEC" | "DISCARD" | "RESET");
            if open && !ends {
                modes = modes.after_queued();
                continue;
            }
            open = *line == "MULTI";
            let command = match *line {
                "ASKING" => ModeCommand::Asking,
                "READONLY" => ModeCommand::Readonly,
                "READWRITE" => ModeCommand::Readwrite,
                "RESET" => ModeCommand::Reset,
                _ => ModeCommand::Other,
            };
            modes = modes.after(command, if open { Transaction::Open } else { Transaction::None });
        }
    }

    #[test]
    pub(crate) fn FR_P2C_007_U007_asking_is_for_the_next_command() {
        check(&[("ASKING", false, false), ("ASKING", true, false), ("GET", true, false), ("GET", false, false)]);
        // One that fails ends it as well; so does one that has no keys.
        check(&[("ASKING", false, false), ("PING", true, false), ("GET", false, false)]);
        check(&[("ASKING", false, false), ("READONLY", true, false), ("GET", false, true)]);
    }

    #[test]
    pub(crate) fn FR_P2C_007_U007_asking_holds_through_a_transaction() {
        for end in ["EXEC", "DISCARD"] {
            check(&[
                ("ASKING", false, false),
                ("MULTI", true, false),
                ("GET", true, false),
                ("SET", true, false),
                (end, true, false),
                ("GET", false, false),
            ]);
        }
        // Inside it is only queued.
        check(&[("MULTI", false, false), ("ASKING", false, false), ("GET", false, false), ("EXEC", false, false)]);
    }

    #[test]
    pub(crate) fn FR_P2C_007_U007_readonly_holds_until_it_is_taken_back() {
        check(&[
            ("READONLY", false, false),
            ("GET", false, true),
            ("MULTI", false, true),
            ("READWRITE", false, true),
            ("DISCARD", false, true),
            ("READWRITE", false, true),
            ("GET", false, false),
        ]);
        check(&[
            ("READONLY", false, false),
            ("ASKING", false, true),
            ("MULTI", true, true),
            ("RESET", true, true),
            ("GET", false, false),
        ]);
    }

    /// The same from what was sent so far, without a state: ASKING holds if the last command outside a transaction was one, or the
    /// transaction that is open came directly behind one; READONLY by the last that spoke of it.
    fn by_history(history: &[(ModeCommand, Transaction)]) -> ClientModes {
        let since_reset =
            history.iter().rposition(|(command, _)| *command == ModeCommand::Reset).map_or(0, |at| at + 1);
        let history = &history[since_reset..];
        let asking = history.iter().rposition(|(command, _)| *command == ModeCommand::Asking);
        let asking = asking.is_some_and(|at| history[at + 1..].iter().all(|(_, open)| *open == Transaction::Open));
        let spoke = |command: &ModeCommand| matches!(command, ModeCommand::Readonly | ModeCommand::Readwrite);
        let last = history.iter().rev().map(|(command, _)| command).find(|command| spoke(command));
        ClientModes { asking, readonly: last == Some(&ModeCommand::Readonly) }
    }

    #[test]
    pub(crate) fn FR_P2C_007_U007_any_history() {
        use ModeCommand::*;
        let mut rng = fastrand::Rng::with_seed(7);
        for _ in 0..2_000 {
            let (mut modes, mut history) = (ClientModes::default(), Vec::new());
            for _ in 0..rng.usize(..20) {
                let command = [Asking, Readonly, Readwrite, Reset, Other, Other][rng.usize(..6)];
                let open = [Transaction::Open, Transaction::None, Transaction::None][rng.usize(..3)];
                history.push((command, open));
                modes = modes.after(command, open);
                assert_eq!(modes, by_history(&history), "{history:?}");
            }
        }
    }
}
