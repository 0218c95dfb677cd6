//! The options of SET and GETEX: conditions and deadlines.
//!
//! Options are read first, all of them, so that a syntax error wins over a bad time; a time is judged where the command
//! needs it.

use evict::deadline::{self, Base, Range, TimeFault, Unit};
use evict::time::UnixMillis;

use crate::args::{Args, spells};
use crate::exec::Expiry;
use crate::number::parse_i64;
use crate::refusal::Refusal;

/// Which keys a SET may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// Any.
    Always,
    /// Those that do not exist.
    Missing,
    /// Those that exist.
    Existing,
}

/// The unit and the start of a time argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeForm {
    /// Seconds from now.
    Seconds,
    /// Milliseconds from now.
    Millis,
    /// Seconds since the epoch.
    UnixSeconds,
    /// Milliseconds since the epoch.
    UnixMillis,
}

/// What an option says about the deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lifetime<'a> {
    /// Nothing.
    Unsaid,
    /// `KEEPTTL`.
    Keep,
    /// `PERSIST`.
    Persist,
    /// A time, not yet judged.
    Until(TimeForm, &'a [u8]),
}

/// The options of one command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options<'a> {
    pub(super) condition: Condition,
    pub(super) get: bool,
    pub(super) lifetime: Lifetime<'a>,
}

/// Whose options are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `NX XX GET KEEPTTL` and the times.
    Set,
    /// `PERSIST` and the times.
    GetEx,
}

/// Reads `args` as options. An option may be repeated; one that contradicts another is a syntax error.
pub(super) fn parse<'a>(args: Args<'a>, dialect: Dialect) -> Result<Options<'a>, Refusal> {
    let mut options = Options { condition: Condition::Always, get: false, lifetime: Lifetime::Unsaid };
    let mut index = 0;
    while index < args.len() {
        let set = dialect == Dialect::Set;
        if let Some(form) = time_form(args.at(index)) {
            options.lifetime = match (options.lifetime, args.get(index + 1)) {
                (Lifetime::Unsaid, Some(time)) => Lifetime::Until(form, time),
                (Lifetime::Until(before, _), Some(time)) if before == form => Lifetime::Until(form, time),
                _ => return Err(Refusal::Syntax),
            };
            index += 1;
        } else if set && args.is(index, "nx") && options.condition != Condition::Existing {
            options.condition = Condition::Missing;
        } else if set && args.is(index, "xx") && options.condition != Condition::Missing {
            options.condition = Condition::Existing;
        } else if set && args.is(index, "get") {
            options.get = true;
        } else if set && args.is(index, "keepttl") && matches!(options.lifetime, Lifetime::Unsaid | Lifetime::Keep) {
            options.lifetime = Lifetime::Keep;
        } else if !set && args.is(index, "persist") && matches!(options.lifetime, Lifetime::Unsaid | Lifetime::Persist)
        {
            options.lifetime = Lifetime::Persist;
        } else {
            return Err(Refusal::Syntax);
        }
        index += 1;
    }
    Ok(options)
}

fn time_form(word: &[u8]) -> Option<TimeForm> {
    let forms = [
        ("ex", TimeForm::Seconds),
        ("px", TimeForm::Millis),
        ("exat", TimeForm::UnixSeconds),
        ("pxat", TimeForm::UnixMillis),
    ];
    forms.into_iter().find(|(name, _)| spells(word, name)).map(|(_, form)| form)
}

/// The deadline that a time argument means at `now`. `command` is named in the refusal of a time that is not positive or
/// overflows.
pub(super) fn deadline(
    form: TimeForm,
    time: &[u8],
    now: UnixMillis,
    command: &'static str,
) -> Result<UnixMillis, Refusal> {
    let time = parse_i64(time).ok_or(Refusal::NotInteger)?;
    let (unit, base) = match form {
        TimeForm::Seconds => (Unit::Seconds, Base::Now(now)),
        TimeForm::Millis => (Unit::Millis, Base::Now(now)),
        TimeForm::UnixSeconds => (Unit::Seconds, Base::Epoch),
        TimeForm::UnixMillis => (Unit::Millis, Base::Epoch),
    };
    deadline::deadline(time, unit, base, Range::Positive).map_err(|_: TimeFault| Refusal::InvalidExpire(command))
}

impl Lifetime<'_> {
    /// What a value that is stored now does to the deadline.
    pub(super) fn expiry(self, now: UnixMillis, command: &'static str) -> Result<Expiry, Refusal> {
        Ok(match self {
            Lifetime::Unsaid | Lifetime::Persist => Expiry::Never,
            Lifetime::Keep => Expiry::Keep,
            Lifetime::Until(form, time) => Expiry::At(deadline(form, time, now, command)?),
        })
    }
}
