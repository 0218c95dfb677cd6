//! Calls that are compared in another way than their sample says, or not sent: the one list, each with its reason.

use crate::normalise::Normaliser;

/// How a call is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// It is not sent.
    LeftOut,
    /// Its reply is compared through this normaliser, and what it leaves behind only by type.
    Through(Normaliser),
    /// What it leaves behind is compared only by type.
    OfTheMoment,
}

/// One rule: for these commands, if the words are such.
pub struct Rule {
    /// Names of the commands, in capitals as samples have them.
    pub commands: &'static [&'static str],
    /// Whether the rule is for these words, of a command that is named.
    pub holds: fn(&[Vec<u8>]) -> bool,
    /// What is done.
    pub treatment: Treatment,
    /// Why.
    pub reason: &'static str,
}

/// All of them; the first that holds is used.
pub const RULES: &[Rule] = &[
    Rule {
        commands: &["SRANDMEMBER", "HRANDFIELD", "ZRANDMEMBER"],
        holds: |words| words.get(2).is_some_and(|count| count.starts_with(b"-") && count.len() > 10),
        treatment: Treatment::LeftOut,
        reason: "a negative count is how many members are sent: redis-server would send all of them",
    },
    Rule {
        commands: &["XADD"],
        holds: |words| words.iter().any(|word| word == b"*"),
        treatment: Treatment::Through(Normaliser::Shape),
        reason: "the id is the time",
    },
    Rule {
        commands: &["SCAN"],
        holds: |words| words.get(1).is_none_or(|cursor| cursor != b"0"),
        treatment: Treatment::Through(Normaliser::Type),
        reason: "what lies behind a cursor is each server's own",
    },
    Rule {
        commands: &["SSCAN", "HSCAN", "ZSCAN"],
        holds: |words| words.get(2).is_none_or(|cursor| cursor != b"0"),
        treatment: Treatment::Through(Normaliser::Type),
        reason: "what lies behind a cursor is each server's own",
    },
    Rule {
        commands: &["SET", "SETEX", "PSETEX", "GETEX", "EXPIRE", "PEXPIRE", "RESTORE"],
        holds: |words| words.iter().any(|word| word == b"1"),
        treatment: Treatment::OfTheMoment,
        reason: "a time to live of 1 passes before the questions are asked, or does not",
    },
    Rule {
        commands: &["SET"],
        holds: |words| words.windows(2).any(|pair| pair[0] == b"PXAT" && pair[1].len() <= 10),
        treatment: Treatment::OfTheMoment,
        reason: "a deadline in the past: redis-server 7.0 keeps the key until somebody asks for it",
    },
];

/// The rule for a call, if there is one.
pub fn of(words: &[Vec<u8>]) -> Option<&'static Rule> {
    let name = std::str::from_utf8(words.first()?).ok()?;
    RULES.iter().find(|rule| rule.commands.contains(&name) && (rule.holds)(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_hold_for_what_they_name() {
        let treatment = |line: &str| {
            let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
            of(&words).map(|rule| rule.treatment)
        };
        assert_eq!(treatment("SRANDMEMBER s -9223372036854775808"), Some(Treatment::LeftOut));
        assert_eq!(treatment("SRANDMEMBER s -1"), None);
        assert_eq!(treatment("XADD s * a 1"), Some(Treatment::Through(Normaliser::Shape)));
        assert_eq!(treatment("SCAN 0 COUNT 5"), None);
        assert_eq!(treatment("HSCAN h 1"), Some(Treatment::Through(Normaliser::Type)));
        assert_eq!(treatment("EXPIRE t 1"), Some(Treatment::OfTheMoment));
        assert_eq!(treatment("SET t v PXAT 4294967295"), Some(Treatment::OfTheMoment));
        assert_eq!(treatment("SET t v PXAT 4000000000000"), None);
        assert_eq!(treatment("LPUSH t 1"), None);
    }
}
