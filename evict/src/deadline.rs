//! From a time argument to a deadline, and from a deadline to what a client is told.
//!
//! C05 and C06, `spec/expire-evict.md` §4.1 to §4.5 and §8.1. Numbers only: parsing and refusing is the command's.

use crate::faults::{Fault, planted};
use crate::gate::{DataSet, past_when_set};
use crate::options::Conditions;
use crate::time::UnixMillis;

/// The unit of a time argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// `EXPIRE`, `EX`.
    Seconds,
    /// `PEXPIRE`, `PX`.
    Millis,
}

/// What a time argument counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// The command's time.
    Now(UnixMillis),
    /// 1970.
    Epoch,
}

/// Which times an argument may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// The EXPIRE family: any that can be represented; what is before now is past.
    Any,
    /// SET, SETEX, GETEX: above 0.
    Positive,
    /// Hash fields: from 0 on, up to [`FIELD_DEADLINE_MAX`].
    Field,
}

/// Latest deadline of a hash field: it has 46 bits.
pub const FIELD_DEADLINE_MAX: UnixMillis = UnixMillis((1 << 46) - 1);

/// Why a time argument is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeFault {
    /// It or what it means is out of range: `invalid expire time in '<command>' command`.
    Invalid,
    /// A negative time for a hash field: `invalid expire time, must be >= 0`.
    Negative,
}

/// The deadline that `time` means.
pub fn deadline(time: i64, unit: Unit, base: Base, range: Range) -> Result<UnixMillis, TimeFault> {
    match range {
        Range::Positive if time <= 0 => return Err(TimeFault::Invalid),
        Range::Field if time < 0 => return Err(TimeFault::Negative),
        _ => {}
    }
    let scale = if unit == Unit::Seconds { 1_000 } else { 1 };
    let base = if let Base::Now(now) = base { now.0 } else { 0 };
    let when = if planted(Fault::ExpireTimeWraps) {
        Some(time.wrapping_mul(scale).wrapping_add(base))
    } else {
        time.checked_mul(scale).and_then(|millis| millis.checked_add(base))
    };
    let max = if range == Range::Field { FIELD_DEADLINE_MAX } else { UnixMillis(i64::MAX) };
    when.map(UnixMillis).filter(|&when| when <= max).ok_or(TimeFault::Invalid)
}

/// Who decides whether a deadline is past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// This server: a master, or a writable replica for its own clients.
    Own,
    /// The master of this replica, whose stream is applied as it is.
    Master,
}

/// What becomes of a key that is given a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// It gets it: event `expire`, propagated as `PEXPIREAT`.
    Store,
    /// It is deleted: event `del`, propagated as `DEL` or `UNLINK`, not counted as expired.
    Delete,
}

/// What the EXPIRE family does with the deadline `when` at `now`: at the deadline itself it is past.
pub fn placement(when: UnixMillis, now: UnixMillis, data_set: DataSet, author: Author) -> Placement {
    let past = if planted(Fault::PastBorderOff) { when < now } else { past_when_set(now, when) };
    if past && data_set == DataSet::Ready && author == Author::Own { Placement::Delete } else { Placement::Store }
}

/// What HEXPIRE and its family did to a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldChange {
    /// There is no such field.
    Missing,
    /// The condition is not met.
    Refused,
    /// It has the deadline.
    Stored,
    /// The deadline is past: the field is deleted.
    Deleted,
}

impl FieldChange {
    /// What the client is told.
    pub const fn reply(self) -> i64 {
        match self {
            FieldChange::Missing => -2,
            FieldChange::Refused => 0,
            FieldChange::Stored => 1,
            FieldChange::Deleted => 2,
        }
    }
}

/// What becomes of a field that is there and has the deadline `current`; §8.1.
pub fn field_change(
    current: Option<UnixMillis>,
    when: UnixMillis,
    now: UnixMillis,
    conditions: Conditions,
    author: Author,
) -> FieldChange {
    if !conditions.allow(current, when) {
        return FieldChange::Refused;
    }
    match placement(when, now, DataSet::Ready, author) {
        Placement::Store => FieldChange::Stored,
        Placement::Delete => FieldChange::Deleted,
    }
}

/// Milliseconds until `when`, at least 0: PTTL.
pub fn left_millis(when: UnixMillis, now: UnixMillis) -> i64 {
    when.saturating_since(now).max(0)
}

/// Milliseconds, which are not negative, as the nearest number of seconds, a half upwards: TTL of what is left, EXPIRETIME of a
/// deadline.
pub fn nearest_seconds(millis: i64) -> i64 {
    millis / 1_000 + i64::from(millis % 1_000 >= 500)
}

/// Milliseconds, which are not negative, as seconds, upwards: HTTL and HEXPIRETIME.
pub fn full_seconds(millis: i64) -> i64 {
    millis / 1_000 + i64::from(millis % 1_000 > 0)
}

#[cfg(test)]
#[allow(non_snake_case)]
pub(crate) mod tests {
    use super::*;
    use Unit::{Millis, Seconds};

    const NOW: UnixMillis = UnixMillis(1_700_000_000_123);
    const RELATIVE: Base = Base::Now(NOW);
    const MAX: i64 = i64::MAX;
    const MIN: i64 = i64::MIN;

    #[test]
    pub(crate) fn FR_P2C_008_U005_overflow_table() {
        let rows = [
            // time, unit, base, deadline
            (9_223_372_036_854_775_807, Seconds, RELATIVE, None),
            (9_223_372_036_854_775_807, Seconds, Base::Epoch, None),
            (9_223_372_036_854_775, Seconds, RELATIVE, None),
            (9_223_372_036_854_775, Seconds, Base::Epoch, Some(9_223_372_036_854_775_000)),
            (9_223_372_036_854_776, Seconds, Base::Epoch, None),
            (MIN, Seconds, RELATIVE, None),
            (MIN, Seconds, Base::Epoch, None),
            (-9_223_372_036_854_775, Seconds, RELATIVE, Some(-9_223_372_036_854_775_000 + NOW.0)),
            (-9_223_372_036_854_775, Seconds, Base::Epoch, Some(-9_223_372_036_854_775_000)),
            (-9_223_372_036_854_776, Seconds, Base::Epoch, None),
            (MAX, Millis, RELATIVE, None),
            (MAX - NOW.0, Millis, RELATIVE, Some(MAX)),
            (MAX - NOW.0 + 1, Millis, RELATIVE, None),
            (MAX - NOW.0 - 1, Millis, RELATIVE, Some(MAX - 1)),
            (MAX, Millis, Base::Epoch, Some(MAX)),
            (MIN, Millis, Base::Epoch, Some(MIN)),
            (MIN, Millis, RELATIVE, Some(MIN + NOW.0)),
            (0, Seconds, RELATIVE, Some(NOW.0)),
            (10, Seconds, RELATIVE, Some(NOW.0 + 10_000)),
        ];
        for (time, unit, base, when) in rows {
            let expected = when.map(UnixMillis).ok_or(TimeFault::Invalid);
            assert_eq!(deadline(time, unit, base, Range::Any), expected, "{time} {unit:?} {base:?}");
            let positive = if time > 0 { expected } else { Err(TimeFault::Invalid) };
            assert_eq!(deadline(time, unit, base, Range::Positive), positive, "{time} {unit:?} {base:?}");
        }
    }

    #[test]
    pub(crate) fn FR_P2C_008_U005_deadlines_of_fields() {
        let last = FIELD_DEADLINE_MAX.0;
        let rows = [
            (-1, Millis, Base::Epoch, Err(TimeFault::Negative)),
            (MIN, Seconds, RELATIVE, Err(TimeFault::Negative)),
            (0, Millis, RELATIVE, Ok(NOW.0)),
            (last, Millis, Base::Epoch, Ok(last)),
            (last + 1, Millis, Base::Epoch, Err(TimeFault::Invalid)),
            (last - NOW.0, Millis, RELATIVE, Ok(last)),
            (last - NOW.0 + 1, Millis, RELATIVE, Err(TimeFault::Invalid)),
            (last / 1_000 + 1, Seconds, Base::Epoch, Err(TimeFault::Invalid)),
            (MAX, Seconds, RELATIVE, Err(TimeFault::Invalid)),
        ];
        for (time, unit, base, expected) in rows {
            assert_eq!(deadline(time, unit, base, Range::Field), expected.map(UnixMillis), "{time} {unit:?} {base:?}");
        }
    }

    #[test]
    pub(crate) fn FR_P2C_008_U005_past_deadlines() {
        for (data_set, author, deletes) in [
            (DataSet::Ready, Author::Own, true),
            (DataSet::Ready, Author::Master, false),
            (DataSet::Loading, Author::Own, false),
            (DataSet::Loading, Author::Master, false),
        ] {
            for (when, past) in [(MIN, true), (NOW.0 - 1, true), (NOW.0, true), (NOW.0 + 1, false), (MAX, false)] {
                let expected = if past && deletes { Placement::Delete } else { Placement::Store };
                assert_eq!(
                    placement(UnixMillis(when), NOW, data_set, author),
                    expected,
                    "{when} {data_set:?} {author:?}"
                );
            }
        }
    }

    #[test]
    fn FR_P2C_008_U005_fields_that_are_given_a_deadline() {
        let [earlier, later] = [NOW.saturating_add(-1), NOW.saturating_add(1_000)];
        let rows = [
            // condition, current, new, master's word, replica's word
            ("", None, later, 1, 1),
            ("", Some(later), earlier, 2, 1),
            ("", None, NOW, 2, 1),
            ("nx", Some(later), earlier, 0, 0),
            ("xx", None, earlier, 0, 0),
            ("gt", None, later, 0, 0),
            ("gt", Some(NOW), later, 1, 1),
            ("lt", None, later, 1, 1),
            ("lt", Some(later), earlier, 2, 1),
            ("lt", Some(later), later, 0, 0),
        ];
        for (word, current, when, own, applied) in rows {
            let conditions = Conditions::of_word(word.as_bytes()).unwrap_or_default();
            let replies = [Author::Own, Author::Master]
                .map(|author| field_change(current, when, NOW, conditions, author).reply());
            assert_eq!(replies, [own, applied], "{word} {current:?} {when:?}");
        }
        assert_eq!(FieldChange::Missing.reply(), -2);
    }

    #[test]
    pub(crate) fn FR_P2C_008_U006_rounding() {
        for (millis, nearest, full) in
            [(0, 0, 0), (1, 0, 1), (499, 0, 1), (500, 1, 1), (501, 1, 1), (999, 1, 1), (1_000, 1, 1), (1_001, 1, 2)]
        {
            assert_eq!((nearest_seconds(millis), full_seconds(millis)), (nearest, full), "{millis}");
        }
        assert_eq!((nearest_seconds(MAX), full_seconds(MAX)), (9_223_372_036_854_776, 9_223_372_036_854_776));
        for (when, now, left) in [(5, 3, 2), (3, 5, 0), (MAX, MIN, MAX), (MIN, MAX, 0)] {
            assert_eq!(left_millis(UnixMillis(when), UnixMillis(now)), left);
        }
    }
}
