//! The conditions NX, XX, GT and LT that the EXPIRE family puts on the deadline that a key has.
//!
//! C04, `spec/expire-evict.md` §4.1. The words are read, all of them, before anything else of the command is looked at.

use crate::faults::{Fault, planted};
use crate::time::UnixMillis;

/// A set of conditions that do not contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Conditions(u8);

const NX: u8 = 1;
const XX: u8 = 2;
const GT: u8 = 4;
const LT: u8 = 8;

const WORDS: [(&[u8], u8); 4] = [(b"nx", NX), (b"xx", XX), (b"gt", GT), (b"lt", LT)];

/// What is wrong with the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionFault<'a> {
    /// This one is no condition: `Unsupported option <word>`.
    Unknown(&'a [u8]),
    /// NX with any other.
    NxWithOthers,
    /// GT with LT.
    GtWithLt,
}

impl OptionFault<'_> {
    /// What the client is told, the code first; an unknown word follows its text.
    pub const fn text(&self) -> &'static str {
        match self {
            OptionFault::Unknown(_) => "ERR Unsupported option ",
            OptionFault::NxWithOthers => "ERR NX and XX, GT or LT options at the same time are not compatible",
            OptionFault::GtWithLt => "ERR GT and LT options at the same time are not compatible",
        }
    }
}

impl Conditions {
    /// Reads words in any case, each any number of times. A word ends at its first zero byte, as redis-server reads it.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, OptionFault<'a>> {
        let mut found = 0;
        for word in words {
            let letters = word.split(|&byte| byte == 0).next().unwrap_or_default();
            let Some((_, flag)) = WORDS.iter().find(|(name, _)| letters.eq_ignore_ascii_case(name)) else {
                return Err(OptionFault::Unknown(word));
            };
            found |= flag;
        }
        if planted(Fault::OptionConflictAccepted) {
            return Ok(Self(found));
        }
        if found & NX != 0 && found != NX {
            return Err(OptionFault::NxWithOthers);
        }
        if found & (GT | LT) == GT | LT {
            return Err(OptionFault::GtWithLt);
        }
        Ok(Self(found))
    }

    /// Reads the only condition that a command on hash fields takes; `None` for any other word, which may be its next argument.
    pub fn of_word(word: &[u8]) -> Option<Self> {
        Self::parse([word]).ok()
    }

    /// Whether what has the deadline `current` may get the deadline `when`. No deadline is later than any.
    pub fn allow(self, current: Option<UnixMillis>, when: UnixMillis) -> bool {
        let has = |flag| self.0 & flag != 0;
        match current {
            None => !has(XX) && !has(GT),
            Some(current) => {
                let greater = when > current || (planted(Fault::GreaterAcceptsEqual) && when == current);
                !has(NX) && (greater || !has(GT)) && (when < current || !has(LT))
            }
        }
    }

    /// The words that were given, each once, in the order NX, XX, GT, LT: for the propagated form.
    pub fn words(self) -> impl Iterator<Item = &'static [u8]> {
        WORDS.into_iter().filter(move |(_, flag)| self.0 & flag != 0).map(|(name, _)| name)
    }
}

#[cfg(test)]
#[allow(non_snake_case)]
pub(crate) mod tests {
    use super::*;

    /// The words of one of the 16 sets, in some order and case, some of them twice.
    fn spelled(set: u8, rng: &mut fastrand::Rng) -> Vec<Vec<u8>> {
        let mut words = Vec::new();
        for (name, flag) in WORDS {
            for _ in 0..if set & flag == 0 { 0 } else { rng.usize(1..3) } {
                let flipped = name.iter().map(|&b| if rng.bool() { b.to_ascii_uppercase() } else { b });
                words.push(flipped.collect());
            }
        }
        rng.shuffle(&mut words);
        words
    }

    fn parse(words: &[Vec<u8>]) -> Result<Conditions, OptionFault<'_>> {
        Conditions::parse(words.iter().map(Vec::as_slice))
    }

    #[test]
    pub(crate) fn FR_P2C_008_U004_all_sets_of_options() {
        let mut rng = fastrand::Rng::with_seed(4);
        for round in 0..=u8::MAX {
            let set = round % 16;
            let words = spelled(set, &mut rng);
            let expected = match (set & NX != 0, set & XX != 0, set & GT != 0, set & LT != 0) {
                (true, false, false, false) | (false, _, false, _) | (false, _, true, false) => Ok(Conditions(set)),
                (true, ..) => Err(OptionFault::NxWithOthers),
                (false, _, true, true) => Err(OptionFault::GtWithLt),
            };
            assert_eq!(parse(&words), expected, "{words:?}");
        }
    }

    #[test]
    pub(crate) fn FR_P2C_008_U004_unknown_words_come_first() {
        for unknown in ["", "n", "nxx", "xx ", "100", "\0", "keepttl"] {
            let words = [b"nx".to_vec(), b"gt".to_vec(), unknown.as_bytes().to_vec(), b"lt".to_vec()];
            assert_eq!(parse(&words), Err(OptionFault::Unknown(unknown.as_bytes())), "{unknown:?}");
        }
        let texts = [OptionFault::Unknown(b"a"), OptionFault::NxWithOthers, OptionFault::GtWithLt].map(|f| f.text());
        assert!(texts[0].ends_with("option ") && texts[1].contains("NX and XX,") && texts[2].contains("GT and LT"));
        let ended = Conditions::parse([b"nx\0gt".as_slice()]);
        assert_eq!(ended, Conditions::parse([b"NX".as_slice()]), "a zero byte ends a word");
    }

    #[test]
    pub(crate) fn FR_P2C_008_U004_truth_table() {
        // Per condition: no deadline; an earlier one than the new, the same, a later one.
        let rows: [(&[&str], [bool; 4]); 9] = [
            (&[], [true, true, true, true]),
            (&["nx"], [true, false, false, false]),
            (&["xx"], [false, true, true, true]),
            (&["gt"], [false, true, false, false]),
            (&["lt"], [true, false, false, true]),
            (&["xx", "gt"], [false, true, false, false]),
            (&["gt", "xx"], [false, true, false, false]),
            (&["xx", "lt"], [false, false, false, true]),
            (&["lt", "xx"], [false, false, false, true]),
        ];
        for (words, expected) in rows {
            let conditions = Conditions::parse(words.iter().map(|word| word.as_bytes())).expect("these agree");
            for base in [i64::MIN + 1, 0, i64::MAX - 1] {
                let currents = [None, Some(base - 1), Some(base), Some(base + 1)].map(|when| when.map(UnixMillis));
                let allowed = currents.map(|current| conditions.allow(current, UnixMillis(base)));
                assert_eq!(allowed, expected, "{words:?} {base}");
            }
        }
    }

    #[test]
    fn FR_P2C_008_U004_the_condition_of_fields() {
        for (word, flag) in [("NX", NX), ("xx", XX), ("Gt", GT), ("lT", LT)] {
            assert_eq!(Conditions::of_word(word.as_bytes()), Some(Conditions(flag)));
        }
        assert_eq!(["FIELDS", "", "nxx"].map(|word| Conditions::of_word(word.as_bytes())), [None; 3]);
    }

    #[test]
    fn FR_P2C_008_U004_words_again() {
        let conditions = Conditions::parse([b"LT".as_slice(), b"xx", b"lt"]).expect("these agree");
        assert_eq!(conditions.words().collect::<Vec<_>>(), [b"xx", b"lt"]);
    }
}
