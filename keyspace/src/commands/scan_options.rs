//! What the commands of the SCAN family share: cursors, options, and the walk over one collection.

use crate::args::Args;
use crate::glob::{self, Case};
use crate::number::parse_i64;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::table::ScanPosition;

/// Keys or elements that a call visits unless COUNT says otherwise.
const COUNT_DEFAULT: usize = 10;

/// The most keys or elements that one call visits on a core, whatever COUNT says: with a cache miss or two for each, about 1 ms.
pub(super) const VISITS_MAX: usize = 4096;

/// A key or element that is taken along counts once more for each so many bytes of it: that bounds a call's memory to 4 MiB and
/// the last of them.
pub(super) const BYTES_PER_VISIT: usize = 1024;

/// The bits of a cursor that are a position in a table.
const POSITION_MASK: u64 = (1 << 48) - 1;

/// What is walked over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walk {
    /// The keys of a database.
    Keys,
    /// The elements of one collection.
    Elements,
}

/// The options of a call. They own their bytes, since those of SCAN travel to every core.
pub(super) struct ScanOptions {
    pattern: Option<Box<[u8]>>,
    count: usize,
    /// What TYPE asks for; keys only.
    pub(super) type_name: Option<Box<[u8]>>,
}

/// Reads a cursor with the freedom that C's `strtoul` gives: nothing is zero, a sign is allowed, a zero byte ends the text.
pub(super) fn parse_cursor(arg: &[u8]) -> Result<u64, Refusal> {
    let text = arg.split(|&byte| byte == 0).next().unwrap_or(arg);
    let (negative, digits) = match text {
        [] => return Ok(0),
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let mut value = if digits.is_empty() { None } else { Some(0u64) };
    for &byte in digits {
        let digit = byte.is_ascii_digit().then(|| (byte - b'0') as u64);
        value = value.zip(digit).and_then(|(value, digit)| value.checked_mul(10)?.checked_add(digit));
    }
    let value = value.ok_or(Refusal::Text("ERR invalid cursor"))?;
    Ok(if negative { value.wrapping_neg() } else { value })
}

impl ScanOptions {
    /// Reads `[MATCH pattern] [COUNT count] [TYPE type]`, the last for keys only.
    pub(super) fn parse(mut args: Args, walk: Walk) -> Result<ScanOptions, Refusal> {
        let mut options = ScanOptions { pattern: None, count: COUNT_DEFAULT, type_name: None };
        while !args.is_empty() {
            let value = args.get(1).ok_or(Refusal::Syntax)?;
            if args.is(0, "count") {
                let count = parse_i64(value).ok_or(Refusal::NotInteger)?;
                if count < 1 {
                    return Err(Refusal::Syntax);
                }
                options.count = count as usize;
            } else if args.is(0, "match") {
                options.pattern = (!glob::is_everything(value)).then(|| value.into());
            } else if args.is(0, "type") && walk == Walk::Keys {
                options.type_name = Some(value.into());
            } else {
                return Err(Refusal::Syntax);
            }
            args = args.from(2);
        }
        Ok(options)
    }

    /// How many keys or elements the call visits.
    pub(super) fn visits(&self) -> usize {
        self.count.min(VISITS_MAX)
    }

    /// True if the reply is to show what has this name.
    pub(super) fn matches(&self, name: &[u8]) -> bool {
        self.pattern.as_ref().is_none_or(|pattern| glob::matches(pattern, name, Case::Exact))
    }
}

/// Replies to HSCAN, SSCAN or ZSCAN: `walk` visits elements from a position on and writes those that match, each of which counts
/// as many replies as it returns for it, and tells where to go on.
pub(super) fn reply_with_walk(
    cursor: u64,
    reply: &mut Reply,
    walk: impl FnOnce(ScanPosition, &mut Reply) -> (usize, Option<ScanPosition>),
) {
    // The number of elements stands before them, and is known after them.
    let mut elements = Vec::new();
    let (count, next) = walk(cursor & POSITION_MASK, &mut Reply::new(&mut elements, reply.resp()));
    reply.array(2);
    reply.text(itoa::Buffer::new().format(next.unwrap_or(0)));
    reply.array(count);
    reply.raw(&elements);
}
