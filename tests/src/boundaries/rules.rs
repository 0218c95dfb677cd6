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
        holds: |words| id_of_xadd(words).is_some_and(|id| id == b"*"),
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
        commands: &["SET", "GETEX"],
        holds: |words| option_is(words, &[b"EX", b"PX"], |time| time == b"1"),
        treatment: Treatment::OfTheMoment,
        reason: "a time to live of 1 passes before the questions are asked, or does not",
    },
    Rule {
        commands: &["SETEX", "PSETEX", "EXPIRE", "PEXPIRE", "RESTORE", "RESTORE-ASKING"],
        holds: |words| words.get(2).is_some_and(|time| time == b"1"),
        treatment: Treatment::OfTheMoment,
        reason: "a time to live of 1 passes before the questions are asked, or does not",
    },
    Rule {
        commands: &["SET"],
        holds: |words| {
            option_is(words, &[b"EXAT"], |time| time == b"1") || option_is(words, &[b"PXAT"], |time| time.len() <= 10)
        },
        treatment: Treatment::OfTheMoment,
        reason: "a deadline in the past: redis-server 7.0 keeps the key until somebody asks for it",
    },
];

/// The rule for a call, if there is one.
pub fn of(words: &[Vec<u8>]) -> Option<&'static Rule> {
    let name = std::str::from_utf8(words.first()?).ok()?;
    RULES.iter().find(|rule| rule.commands.contains(&name) && (rule.holds)(words))
}

/// Whether an option of one of these names is followed by such a word.
fn option_is(words: &[Vec<u8>], names: &[&[u8]], holds: fn(&[u8]) -> bool) -> bool {
    words.windows(2).skip(1).any(|pair| names.contains(&&pair[0][..]) && holds(&pair[1]))
}

/// The id among the words of XADD: what stands behind the options.
fn id_of_xadd(words: &[Vec<u8>]) -> Option<&[u8]> {
    let mut at = 2;
    loop {
        let word = words.get(at)?;
        at += match &word[..] {
            b"NOMKSTREAM" => 1,
            b"LIMIT" => 2,
            b"MAXLEN" | b"MINID" => match words.get(at + 1).map(Vec::as_slice) {
                Some(b"=" | b"~") => 3,
                _ => 2,
            },
            id => return Some(id),
        };
    }
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
        for line in [
            "XADD s * a 1",
            "XADD s NOMKSTREAM * a 1",
            "XADD s MAXLEN 5 * a 1",
            "XADD s NOMKSTREAM MINID ~ 5-1 LIMIT 2 * a *",
        ] {
            assert_eq!(treatment(line), Some(Treatment::Through(Normaliser::Shape)), "{line}");
        }
        for line in ["XADD s 1-* a 1", "XADD s 1-1 * 1", "XADD s 1-1 a *", "XADD * 1-1 a 1", "XADD s MAXLEN * 1-1 a 1"]
        {
            assert_eq!(treatment(line), None, "{line}");
        }
        assert_eq!(treatment("SCAN 0 COUNT 5"), None);
        assert_eq!(treatment("HSCAN h 1"), Some(Treatment::Through(Normaliser::Type)));
        let of_the_moment = [
            "EXPIRE t 1",
            "PSETEX t 1 v",
            "RESTORE x 1 p",
            "RESTORE-ASKING x 1 p",
            "SET t v NX PX 1",
            "GETEX t EX 1",
            "SET t v EXAT 1",
        ];
        for line in of_the_moment {
            assert_eq!(treatment(line), Some(Treatment::OfTheMoment), "{line}");
        }
        for line in
            ["SET t 1", "SET 1 v", "SET t v EX 100", "SETEX t 100 1", "GETEX 1", "EXPIRE 1 100", "GETEX t EXAT 1"]
        {
            assert_eq!(treatment(line), None, "{line}");
        }
        assert_eq!(treatment("SET t v PXAT 4294967295"), Some(Treatment::OfTheMoment));
        assert_eq!(treatment("SET t v PXAT 4000000000000"), None);
        assert_eq!(treatment("LPUSH t 1"), None);
    }
}
