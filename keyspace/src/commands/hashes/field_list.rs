//! How commands on the deadlines of fields name these: the word FIELDS, how many, and as many names; and the time that they mean.

use evict::deadline::{Base, Range, TimeFault, Unit, deadline};
use evict::time::UnixMillis;

use crate::args::Args;
use crate::number::parse_i64;
use crate::refusal::Refusal;

const MISPLACED: Refusal = Refusal::Text("ERR Mandatory argument FIELDS is missing or not at the right position");
const MISCOUNTED: Refusal = Refusal::Text("ERR The `numfields` parameter must match the number of arguments");
const NEGATIVE: Refusal = Refusal::Text("ERR invalid expire time, must be >= 0");

/// The fields behind the word FIELDS, which is argument `index`, and their number. `too_few` refuses a number that is none or below 1.
pub(super) fn field_list<'a>(args: Args<'a>, index: usize, too_few: &'static str) -> Result<Args<'a>, Refusal> {
    if index + 1 >= args.len() || !args.is(index, "fields") {
        return Err(MISPLACED);
    }
    let count = parse_i64(args.at(index + 1)).filter(|count| *count > 0).ok_or(Refusal::Text(too_few))?;
    let fields = args.from(index + 2);
    if count as u64 == fields.len() as u64 { Ok(fields) } else { Err(MISCOUNTED) }
}

/// The deadline that a time argument means for a field.
pub(super) fn moment(arg: &[u8], unit: Unit, base: Base, name: &'static str) -> Result<UnixMillis, Refusal> {
    let time = parse_i64(arg).ok_or(Refusal::NotInteger)?;
    deadline(time, unit, base, Range::Field).map_err(|fault| match fault {
        TimeFault::Invalid => Refusal::InvalidExpire(name),
        TimeFault::Negative => NEGATIVE,
    })
}
