//! What HRANDFIELD, SRANDMEMBER and ZRANDMEMBER have in common: how many elements are asked for.

use crate::args::Args;
use crate::number::parse_i64;
use crate::refusal::Refusal;

/// How many elements to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Draw {
    /// So many different ones, or all if there are fewer.
    Distinct(usize),
    /// So many, each of which may come again.
    Repeated(u64),
}

impl Draw {
    /// Reads a count; a negative one asks for elements that may come again.
    pub(super) fn parse(arg: &[u8]) -> Result<Draw, Refusal> {
        match parse_i64(arg).ok_or(Refusal::NotInteger)? {
            i64::MIN => Err(Refusal::Text(
                "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
            )),
            count if count < 0 => Ok(Draw::Repeated(count.unsigned_abs())),
            count => Ok(Draw::Distinct(usize::try_from(count).unwrap_or(usize::MAX))),
        }
    }

    /// Reads the count at argument 2 and, behind it, the word that asks for what belongs to each element as well. True if the
    /// word is there.
    pub(super) fn parse_with(args: Args, word: &str) -> Result<(Draw, bool), Refusal> {
        let draw = Draw::parse(args.at(2))?;
        match args.len() {
            3 => Ok((draw, false)),
            4 if args.is(3, word) => {
                // In RESP2 there are two replies per element, which have to be a number too.
                let fits = match draw {
                    Draw::Distinct(count) => count <= isize::MAX as usize / 2,
                    Draw::Repeated(count) => count <= i64::MAX as u64 / 2,
                };
                if fits { Ok((draw, true)) } else { Err(Refusal::Text("ERR value is out of range")) }
            }
            _ => Err(Refusal::Syntax),
        }
    }
}
