//! Keys that have no fixed place among a command's arguments: counted by one of them, or behind a word.

use crate::args::Args;
use crate::number::parse_i64;

use super::KeyFlags;

/// A run of keys: every `step`th argument of `first..end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRun {
    /// Index of the first key.
    pub first: usize,
    /// Behind the last key.
    pub end: usize,
    /// Distance between keys, not 0.
    pub step: usize,
}

impl KeyRun {
    /// No key.
    pub const NONE: KeyRun = KeyRun { first: 0, end: 0, step: 1 };

    /// The key at one index.
    pub fn one(index: usize) -> KeyRun {
        KeyRun { first: index, end: index + 1, step: 1 }
    }

    /// Its indexes in order.
    pub fn indexes(self) -> impl Iterator<Item = usize> + use<> {
        (self.first..self.end).step_by(self.step)
    }
}

/// How the place of keys is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Argument `at` is the number of keys, which follow it.
    Counted {
        /// Index of the number.
        at: u8,
    },
    /// One key behind the first `word` from argument `from` on.
    Behind {
        /// The word, in capitals.
        word: &'static str,
        /// The first argument that may be it.
        from: u8,
    },
    /// The first half of what stands behind the first `word` from argument `from` on; the other half is one value for each key.
    HalfBehind {
        /// The word, in capitals.
        word: &'static str,
        /// The first argument that may be it.
        from: u8,
    },
    /// All that stands behind the last `word`, which is looked for backwards from the last argument but one.
    AllBehind {
        /// The word, in capitals.
        word: &'static str,
    },
    /// In no way that clients are told.
    Unknown,
}

/// Keys without a fixed place. They come after those of the key specs.
#[derive(Clone, Copy, Debug)]
pub struct MovableKeys {
    /// What happens to these keys.
    pub flags: KeyFlags,
    /// How their place is told.
    pub form: Form,
    /// Finds them, where the form says less than the command does with its arguments.
    pub find: Option<fn(Args) -> KeyRun>,
    /// False where the command cannot read its arguments although keys are found. Access control looks at such keys; a cluster does not
    /// route by them.
    pub is_readable: Option<fn(Args) -> bool>,
    /// A note, empty if there is none.
    pub note: &'static str,
}

impl MovableKeys {
    /// Keys that are told in this form, without more.
    pub const fn new(flags: KeyFlags, form: Form) -> MovableKeys {
        MovableKeys { flags, form, find: None, is_readable: None, note: "" }
    }

    /// True if there have to be some and are none. A command for which their number may be 0 has no other keys.
    pub fn are_missing(&self, args: Args) -> bool {
        match self.form {
            Form::Counted { .. } => self.run(args).is_none_or(|run| run.first >= run.end),
            _ => self.run(args).is_none(),
        }
    }

    /// The keys among `args`. `None` if the arguments cannot be those of the command.
    pub fn run(&self, args: Args) -> Option<KeyRun> {
        if let Some(find) = self.find {
            return Some(find(args));
        }
        let behind = |word: &str, from: u8| (from as usize..args.len()).find(|&index| args.is(index, word));
        Some(match self.form {
            Form::Unknown => KeyRun::NONE,
            Form::Counted { at } => {
                let first = at as usize + 1;
                let count = usize::try_from(parse_i64(args.get(at as usize)?)?).ok()?;
                let end = first.checked_add(count).filter(|&end| end <= args.len())?;
                KeyRun { first, end, step: 1 }
            }
            Form::Behind { word, from } => match behind(word, from) {
                Some(index) if index + 1 < args.len() => KeyRun::one(index + 1),
                _ => KeyRun::NONE,
            },
            Form::HalfBehind { word, from } => match behind(word, from) {
                Some(index) => KeyRun { first: index + 1, end: index + 1 + (args.len() - index - 1) / 2, step: 1 },
                None => KeyRun::NONE,
            },
            Form::AllBehind { word } => {
                let last = (1..args.len().saturating_sub(1)).rev().find(|&index| args.is(index, word));
                last.map_or(KeyRun::NONE, |index| KeyRun { first: index + 1, end: args.len(), step: 1 })
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::OwnedArgs;

    fn found(keys: MovableKeys, words: &str) -> Option<String> {
        let args: OwnedArgs = words.split(' ').collect();
        let run = keys.run(args.args())?;
        Some(
            run.indexes()
                .map(|index| String::from_utf8_lossy(args.args().at(index)).into_owned())
                .collect::<Vec<_>>()
                .join(" "),
        )
    }

    #[test]
    fn forms() {
        let counted = MovableKeys::new(KeyFlags::RO, Form::Counted { at: 2 });
        let half = MovableKeys::new(KeyFlags::RO, Form::HalfBehind { word: "STREAMS", from: 1 });
        let behind = MovableKeys::new(KeyFlags::OW, Form::Behind { word: "STORE", from: 6 });
        let last = MovableKeys { find: Some(|args| KeyRun::one(args.len() - 1)), ..behind };
        let all = MovableKeys::new(KeyFlags::RW, Form::AllBehind { word: "KEYS" });
        let unknown = MovableKeys::new(KeyFlags::RO, Form::Unknown);
        let rows = [
            (counted, "zunionstore d 2 a b", Some("a b")),
            (counted, "zunionstore d 2 a b weights 1 2", Some("a b")),
            (counted, "zunionstore d 0 a b", Some("")),
            (counted, "zunionstore d 3 a b", None),
            (counted, "zunionstore d -1 a b", None),
            (counted, "zunionstore d x a b", None),
            (counted, "zunionstore d 9223372036854775807 a b", None),
            (counted, "zunionstore d", None),
            (half, "xread streams a b 0 0", Some("a b")),
            (half, "xread count 1 streams a b 0", Some("a")),
            (half, "xread streams", Some("")),
            (half, "xread count 1 a", Some("")),
            (behind, "georadius k 1 2 3 m store d", Some("d")),
            (behind, "georadius k 1 2 3 m store", Some("")),
            (behind, "georadius store 1 2 3 m", Some("")),
            (last, "georadius k 1 2 3 m store d store e", Some("e")),
            (all, "migrate h p  0 9 keys a b", Some("a b")),
            (all, "migrate h p  0 9 keys keys", Some("keys")),
            (all, "migrate h p k 0 9", Some("")),
            (unknown, "sort k by a", Some("")),
        ];
        for (keys, words, expected) in rows {
            assert_eq!(found(keys, words).as_deref(), expected, "{words}");
        }
    }
}
