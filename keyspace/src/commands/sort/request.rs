//! What a call of SORT asks for.

use crate::args::Args;
use crate::limits::Reach;
use crate::number::parse_i64;
use crate::refusal::Refusal;
use crate::slot::Slot;
use crate::spec::KeyRun;

use super::pattern::{KeyPattern, Pattern};

const BY_ELSEWHERE: Refusal = Refusal::Text(
    "ERR BY option of SORT denied in Cluster mode when keys formed by the pattern may be in different slots.",
);
const GET_ELSEWHERE: Refusal = Refusal::Text(
    "ERR GET option of SORT denied in Cluster mode when keys formed by the pattern may be in different slots.",
);

/// Whether STORE is an option.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Storing {
    Allowed,
    Refused,
}

/// What the elements are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sorting {
    /// Nothing: they stay in the order in which they are kept.
    None,
    /// Numbers; elements with equal ones by their own bytes.
    Numbers,
    /// Bytes.
    Bytes,
}

/// The options of a call.
pub(super) struct Request<'a> {
    pub(super) sorting: Sorting,
    pub(super) descending: bool,
    /// Where the weight of an element stands, if not in itself.
    pub(super) by: Option<KeyPattern<'a>>,
    /// What is told in place of an element; nothing for the element.
    pub(super) get: Vec<Pattern<'a>>,
    /// Elements passed over, and elements wanted.
    limit: (i64, i64),
    /// The index of the key under which the result is stored.
    pub(super) store: Option<usize>,
}

impl<'a> Request<'a> {
    /// Reads the options behind the key.
    pub(super) fn parse(args: Args<'a>, storing: Storing, reach: Reach) -> Result<Request<'a>, Refusal> {
        let mut request = Request {
            sorting: Sorting::Numbers,
            descending: false,
            by: None,
            get: Vec::new(),
            limit: (0, -1),
            store: None,
        };
        let (mut alpha, mut natural) = (false, false);
        let mut index = 2;
        while index < args.len() {
            let following = args.len() - index - 1;
            index += match () {
                _ if args.is(index, "asc") || args.is(index, "desc") => {
                    request.descending = args.is(index, "desc");
                    1
                }
                _ if args.is(index, "alpha") => {
                    alpha = true;
                    1
                }
                _ if args.is(index, "limit") && following >= 2 => {
                    let number = |index| parse_i64(args.at(index)).ok_or(Refusal::NotInteger);
                    request.limit = (number(index + 1)?, number(index + 2)?);
                    3
                }
                _ if args.is(index, "store") && following >= 1 && storing == Storing::Allowed => {
                    request.store = Some(index + 1);
                    2
                }
                _ if args.is(index, "by") && following >= 1 => {
                    let by = KeyPattern::parse(args.at(index + 1));
                    if by.is_some() && !is_in_reach(args, index + 1, reach) {
                        return Err(BY_ELSEWHERE);
                    }
                    // One that names no keys asks for no order, whatever others follow it.
                    natural |= by.is_none();
                    request.by = by;
                    2
                }
                _ if args.is(index, "get") && following >= 1 => {
                    let get = Pattern::parse(args.at(index + 1));
                    if !matches!(get, Pattern::Itself) && !is_in_reach(args, index + 1, reach) {
                        return Err(GET_ELSEWHERE);
                    }
                    request.get.push(get);
                    2
                }
                _ => return Err(Refusal::Syntax),
            };
        }
        request.sorting = match (natural, alpha) {
            (true, _) => Sorting::None,
            (false, true) => Sorting::Bytes,
            (false, false) => Sorting::Numbers,
        };
        Ok(request)
    }

    /// Where in the order of `len` elements those stand that are wanted.
    pub(super) fn wanted(&self, len: usize) -> std::ops::Range<usize> {
        let (offset, count) = self.limit;
        let start = usize::try_from(offset.max(0)).unwrap_or(usize::MAX).min(len);
        // A negative count asks for all.
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        start..start.saturating_add(count).min(len)
    }
}

/// Whether all keys that follow from a pattern are where the sorted key is.
fn is_in_reach(args: Args, pattern: usize, reach: Reach) -> bool {
    match reach {
        Reach::Everything => true,
        Reach::Slot => Slot::of_pattern(args.at(pattern)) == Some(Slot::of(args.at(1))),
    }
}

/// Whether a call looks up keys that its arguments do not name. One that will be refused does not.
pub(super) fn looks_up_keys(args: Args, storing: Storing) -> bool {
    let Ok(request) = Request::parse(args, storing, Reach::Everything) else { return false };
    let sorts_by_keys = request.sorting != Sorting::None && request.by.is_some();
    sorts_by_keys || request.get.iter().any(|pattern| matches!(pattern, Pattern::Key(_)))
}

/// The key behind the last STORE: the one that counts if there are several.
pub(super) fn stored_under(args: Args) -> KeyRun {
    let mut found = KeyRun::NONE;
    let mut index = 2;
    while index < args.len() {
        index += match () {
            _ if args.is(index, "limit") => 3,
            _ if args.is(index, "by") || args.is(index, "get") => 2,
            _ if args.is(index, "store") && index + 1 < args.len() => {
                found = KeyRun::one(index + 1);
                2
            }
            _ => 1,
        };
    }
    found
}
