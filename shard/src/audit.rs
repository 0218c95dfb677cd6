//! What a shard notes for the audit of the packet (`evict::topics`): refusals of commands that set deadlines.
//!
//! Only refused commands come here, and only sums of what clients sent are kept. Other parts of the core note theirs directly:
//! `shard.auditor.note(topic, digest)` costs as much as counting.

use audit::digest::Digest;
use evict::topics::Topic;
use keyspace::args::Args;
use keyspace::refusal::Refusal;

use crate::command::Command;
use crate::shard::Shard;

/// Most arguments of a command, and most bytes of each, that its sum is made of.
const ARGS_MAX: usize = 8;
const ARG_BYTES_MAX: usize = 64;

/// A sum over a command's first arguments.
fn digest(args: Args) -> Digest {
    let args = args.iter().take(ARGS_MAX);
    args.fold(Digest::default(), |sum, arg| sum.and(&arg[..arg.len().min(ARG_BYTES_MAX)]).and(&[0]))
}

/// What the refusal of this command is about, if it is about deadlines.
fn topic_of(command: &str, refusal: &Refusal) -> Option<Topic> {
    if matches!(refusal, Refusal::InvalidExpire(_)) {
        return Some(Topic::TimeRefused);
    }
    match command {
        "expire" | "pexpire" | "expireat" | "pexpireat" | "hexpire" | "hpexpire" | "hexpireat" | "hpexpireat" => {
            match refusal {
                Refusal::NotInteger => Some(Topic::TimeRefused),
                Refusal::WrongType | Refusal::Arity(_) => None,
                _ => Some(Topic::OptionRefused),
            }
        }
        // What is in the way of a value says nothing of the value.
        "restore" | "restore-asking" if !refusal.text().starts_with(b"BUSYKEY") => Some(Topic::PayloadRefused),
        _ => None,
    }
}

impl Shard {
    /// Notes that a command was refused for want of memory. Clients may bring this about as fast as they send: it counts and no more.
    pub(crate) fn note_oom(&mut self, command: &Command) {
        self.auditor.note(Topic::OutOfMemory, Digest::default().and(command.spec.name.as_bytes()));
    }

    /// Notes the refusal of a command.
    pub(crate) fn note_refusal(&mut self, command: &Command, args: Args, refusal: &Refusal) {
        if let Some(topic) = topic_of(command.spec.name, refusal) {
            self.auditor.note(topic, digest(args));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_refusals_are_about() {
        let option = Refusal::Text("ERR GT and LT options at the same time are not compatible");
        let busy = Refusal::Text("BUSYKEY Target key name already exists.");
        let payload = Refusal::Text("ERR Bad data format");
        let rows = [
            ("expire", &option, Some(Topic::OptionRefused)),
            ("hpexpireat", &option, Some(Topic::OptionRefused)),
            ("pexpire", &Refusal::NotInteger, Some(Topic::TimeRefused)),
            ("hexpire", &Refusal::WrongType, None),
            ("set", &Refusal::InvalidExpire("set"), Some(Topic::TimeRefused)),
            ("set", &Refusal::Syntax, None),
            ("incr", &Refusal::NotInteger, None),
            ("restore", &payload, Some(Topic::PayloadRefused)),
            ("restore", &busy, None),
        ];
        for (command, refusal, topic) in rows {
            assert_eq!(topic_of(command, refusal), topic, "{command} {refusal:?}");
        }
    }
}
