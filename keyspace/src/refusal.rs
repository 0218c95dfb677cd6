//! Why a command is refused, with the exact text that the client sees.
//!
//! Every text stands here once. The first word is the error's code, which `INFO errorstats` counts.

use std::borrow::Cow;

/// The most bytes of a code: as far as Redis looks for its end.
const CODE_BYTES_MAX: usize = 30;

/// The code of an error's text, which is without its `-`: the first of several words, or the general one.
pub fn error_code(text: &[u8]) -> &[u8] {
    let end = text.iter().take(CODE_BYTES_MAX + 1).position(|byte| *byte == b' ');
    end.map_or(b"ERR", |end| &text[..end])
}

/// A command's refusal: the client's fault unless the variant says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The key holds another type.
    WrongType,
    /// An option is unknown, misplaced or contradicts another.
    Syntax,
    /// An argument is not a 64-bit integer.
    NotInteger,
    /// An argument is not a finite floating-point number.
    NotFloat,
    /// The key that the command needs does not exist.
    NoSuchKey,
    /// An increment would leave the range of 64-bit integers.
    Overflow,
    /// A string would grow beyond `proto-max-bulk-len`.
    TooLong,
    /// A time to live that is not positive or overflows; the command's full name.
    InvalidExpire(&'static str),
    /// An index outside the range that the command allows.
    OutOfRange,
    /// The wrong number of arguments; the command's full name.
    Arity(&'static str),
    /// A text of one command, code included.
    Text(&'static str),
    /// A text that quotes the client's argument byte by byte, code included.
    Owned(Box<[u8]>),
}

impl Refusal {
    /// A refusal with a text that is made on the spot. It may quote any bytes: those that would end the reply's line are
    /// replaced when it is written.
    pub fn owned(text: impl Into<Vec<u8>>) -> Refusal {
        Refusal::Owned(text.into().into_boxed_slice())
    }

    /// A refusal that quotes a client's word between two texts, as Redis quotes subcommands.
    pub fn quoting(before: &str, word: &[u8], after: &str) -> Refusal {
        Refusal::owned([before.as_bytes(), quoted(word, QUOTED_BYTES_MAX), after.as_bytes()].concat())
    }

    /// A refusal that quotes a client's whole word between two texts, up to its first zero byte as a C string ends there.
    pub fn naming(before: &str, word: &[u8], after: &str) -> Refusal {
        Refusal::owned([before.as_bytes(), quoted(word, usize::MAX), after.as_bytes()].concat())
    }

    /// The whole error, code first, without the leading `-`.
    pub fn text(&self) -> Cow<'_, [u8]> {
        let text = match self {
            Refusal::WrongType => "WRONGTYPE Operation against a key holding the wrong kind of value",
            Refusal::Syntax => "ERR syntax error",
            Refusal::NotInteger => "ERR value is not an integer or out of range",
            Refusal::NotFloat => "ERR value is not a valid float",
            Refusal::NoSuchKey => "ERR no such key",
            Refusal::Overflow => "ERR increment or decrement would overflow",
            Refusal::TooLong => "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
            Refusal::OutOfRange => "ERR index out of range",
            Refusal::InvalidExpire(name) => {
                return Cow::Owned(format!("ERR invalid expire time in '{name}' command").into_bytes());
            }
            Refusal::Arity(name) => {
                return Cow::Owned(format!("ERR wrong number of arguments for '{name}' command").into_bytes());
            }
            Refusal::Text(text) => text,
            Refusal::Owned(text) => return Cow::Borrowed(text),
        };
        Cow::Borrowed(text.as_bytes())
    }
}

/// What a handler answers: its reply is written, or nothing happened and this is why.
pub type Outcome = Result<(), Refusal>;

/// The most bytes of a client's own words that an error quotes.
pub const QUOTED_BYTES_MAX: usize = 128;

/// What an error quotes of a client's word: its raw bytes up to the first zero, at most `room` of them.
pub fn quoted(word: &[u8], room: usize) -> &[u8] {
    let word = &word[..word.len().min(room)];
    word.split(|&byte| byte == 0).next().unwrap_or(word)
}
