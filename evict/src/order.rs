//! Whether the records of a core come in their order, each once.
//!
//! C15: what of the rules in [`crate::record`] shows in the log itself. A reader checks each record before it uses it; a fault means
//! that the log is not what the core did, and nothing after it can be trusted.

use crate::faults::{Fault, planted};
use crate::record::{Header, Place};

/// What is wrong with a record's place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderFault {
    /// Its number is that of an earlier one: it was appended twice, or too late.
    Repeated,
    /// Numbers before it are missing.
    Gap,
    /// It belongs to the log of another core.
    Foreign,
    /// It stands inside a unit that it does not belong to.
    InsideUnit,
    /// It goes on with a unit that is not open.
    NoUnit,
    /// A unit has no number, or what stands alone has one.
    UnitNumber,
}

/// The reader of one core's log.
#[derive(Clone, Copy, Debug)]
pub struct OrderCheck {
    core: u16,
    last: u64,
    /// The unit whose last record has not come yet.
    open: Option<u64>,
}

impl OrderCheck {
    /// A log of this core that is read from behind record `last`, 0 for its beginning, where no unit is open.
    pub const fn new(core: u16, last: u64) -> Self {
        Self { core, last, open: None }
    }

    /// Checks the next record.
    pub fn next(&mut self, header: &Header) -> Result<(), OrderFault> {
        if header.core != self.core {
            return Err(OrderFault::Foreign);
        }
        if header.sequence <= self.last && !planted(Fault::OrderNotChecked) {
            return Err(OrderFault::Repeated);
        }
        if header.sequence - 1 > self.last {
            return Err(OrderFault::Gap);
        }
        if (header.place == Place::Alone) != (header.unit == 0) {
            return Err(OrderFault::UnitNumber);
        }
        self.open = match (header.place, self.open) {
            (Place::Alone | Place::Only, None) => None,
            (Place::First, None) => Some(header.unit),
            (Place::Middle, Some(open)) if open == header.unit => Some(open),
            (Place::Last, Some(open)) if open == header.unit => None,
            (Place::Middle | Place::Last, None) => return Err(OrderFault::NoUnit),
            _ => return Err(OrderFault::InsideUnit),
        };
        self.last = header.sequence;
        Ok(())
    }

    /// The number of the last record that was in order.
    pub const fn last(&self) -> u64 {
        self.last
    }

    /// Whether the log may end here: no unit is open.
    pub const fn complete(&self) -> bool {
        self.open.is_none()
    }
}

#[cfg(test)]
#[allow(non_snake_case)]
pub(crate) mod tests {
    use super::*;
    use crate::record::{Cause, Form, Kind};
    use crate::time::UnixMillis;

    fn header(sequence: u64, unit: u64, place: Place) -> Header {
        let kind = Kind::Keys(Cause::Expired, Form::Del);
        Header {
            sequence,
            unit,
            order: 0,
            index: 0,
            logs: 1,
            time: UnixMillis(0),
            core: 2,
            db: 0,
            slot: None,
            kind,
            place,
        }
    }

    /// A log of units and single records.
    fn log(rng: &mut fastrand::Rng) -> Vec<Header> {
        let mut log = Vec::new();
        for unit in 1..20 {
            let records = rng.u64(1..5);
            for index in 0..records {
                let place = match index {
                    _ if records == 1 => Place::Alone,
                    0 => Place::First,
                    _ if index + 1 == records => Place::Last,
                    _ => Place::Middle,
                };
                let unit = if place == Place::Alone { 0 } else { unit };
                log.push(header(log.len() as u64 + 1, unit, place));
            }
        }
        log
    }

    fn first_fault(log: &[Header]) -> Option<OrderFault> {
        let mut check = OrderCheck::new(2, 0);
        log.iter().find_map(|header| check.next(header).err())
    }

    #[test]
    pub(crate) fn FR_P2C_008_U012_what_is_out_of_order_is_found() {
        let mut rng = fastrand::Rng::with_seed(15);
        for _ in 0..300 {
            let log = log(&mut rng);
            assert_eq!(first_fault(&log), None);
            let at = rng.usize(..log.len() - 1);
            let mut doubled = log.clone();
            doubled.insert(at + 1, log[at]);
            assert_eq!(first_fault(&doubled), Some(OrderFault::Repeated));
            let mut swapped = log.clone();
            swapped.swap(at, at + 1);
            assert_eq!(first_fault(&swapped), Some(OrderFault::Gap));
            let mut lost = log.clone();
            lost.remove(at);
            assert_eq!(first_fault(&lost), Some(OrderFault::Gap));
            let mut late = log.clone();
            let moved = late.remove(at);
            late.push(moved);
            assert!(first_fault(&late).is_some());
        }
    }

    #[test]
    fn FR_P2C_008_U012_units_are_whole() {
        use Place::{Alone, First, Last, Middle, Only};
        /// Units and places of records, the fault of the last, and whether the log may end there.
        type Row = (&'static [(u64, Place)], Option<OrderFault>, bool);
        let rows: [Row; 14] = [
            (&[(0, Alone), (5, First), (5, Middle), (5, Last), (0, Alone)], None, true),
            (&[(5, First), (5, Last), (6, First), (6, Last)], None, true),
            (&[(5, First), (5, Middle)], None, false),
            (&[(5, Only), (6, Only)], None, true),
            (&[(5, First), (5, Only)], Some(OrderFault::InsideUnit), false),
            (&[(0, Only)], Some(OrderFault::UnitNumber), true),
            (&[(5, First), (0, Alone)], Some(OrderFault::InsideUnit), false),
            (&[(5, First), (6, First)], Some(OrderFault::InsideUnit), false),
            (&[(5, First), (6, Middle)], Some(OrderFault::InsideUnit), false),
            (&[(5, First), (6, Last)], Some(OrderFault::InsideUnit), false),
            (&[(5, Middle)], Some(OrderFault::NoUnit), true),
            (&[(5, First), (5, Last), (5, Last)], Some(OrderFault::NoUnit), true),
            (&[(5, Alone)], Some(OrderFault::UnitNumber), true),
            (&[(0, First)], Some(OrderFault::UnitNumber), true),
        ];
        for (places, fault, complete) in rows {
            let mut check = OrderCheck::new(2, 40);
            let mut sequences = 41..;
            let found = places.iter().find_map(|&(unit, place)| {
                let sequence = sequences.next().expect("numbers do not end");
                check.next(&header(sequence, unit, place)).err()
            });
            assert_eq!((found, check.complete()), (fault, complete), "{places:?}");
            let good = places.len() - usize::from(fault.is_some());
            assert_eq!(check.last(), 40 + good as u64);
        }
        let mut check = OrderCheck::new(3, 0);
        assert_eq!(check.next(&header(1, 0, Alone)), Err(OrderFault::Foreign));
        let mut check = OrderCheck::new(2, u64::MAX - 1);
        assert_eq!(check.next(&header(u64::MAX, 0, Alone)), Ok(()));
        assert_eq!(check.next(&header(0, 0, Alone)), Err(OrderFault::Repeated));
    }
}
