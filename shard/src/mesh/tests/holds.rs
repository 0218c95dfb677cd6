//! Holds: what is held, who waits, and who is called when.

use crate::mesh::holds::*;
use crate::mesh::loans::{Need, UnitId};

const UNIT: UnitId = UnitId { core: 1, seq: 7 };
const OTHER: UnitId = UnitId { core: 2, seq: 7 };

fn hold(number: u64) -> HoldId {
    HoldId { core: 0, seq: number }
}

fn keys(keys: &[(u16, &str)]) -> impl Iterator<Item = (u16, Box<[u8]>)> {
    keys.iter().map(|(slot, key)| (*slot, key.as_bytes().into()))
}

fn due(holds: &mut Holds<u32>) -> Vec<u32> {
    core::iter::from_fn(|| holds.next_due()).collect()
}

fn called(holds: &mut Holds<u32>) -> Vec<UnitId> {
    core::iter::from_fn(|| holds.next_called()).collect()
}

#[test]
fn a_key_is_held_by_its_name_and_covers_its_slot() {
    let mut holds = Holds::<u32>::default();
    assert!(holds.is_quiet() && !holds.covers(Need::All));
    holds.begin(hold(1), keys(&[(3, "a"), (3, "b"), (9, "c"), (3, "a")]));
    assert!(holds.is_held(b"a") && holds.is_held(b"c") && !holds.is_held(b"d"));
    assert!(holds.covers(Need::One(3)) && holds.covers(Need::Slots(&[1, 9])) && holds.covers(Need::All));
    assert!(!holds.covers(Need::One(4)) && !holds.covers(Need::Slots(&[])));
    holds.begin(hold(2), keys(&[(3, "d")]));
    holds.end(hold(1));
    assert!(!holds.is_held(b"a") && holds.covers(Need::One(3)) && !holds.covers(Need::One(9)));
    holds.end(hold(2));
    assert!(holds.is_quiet() && holds.is_empty());
}

#[test]
fn work_goes_on_in_order_after_a_hold_of_its_slot() {
    let mut holds = Holds::default();
    holds.begin(hold(1), keys(&[(1, "a"), (2, "b")]));
    holds.begin(hold(2), keys(&[(3, "c")]));
    for (slot, work) in [(1, 10), (3, 11), (2, 12), (1, 13)] {
        assert_eq!(holds.park(Need::One(slot), work), Ok(()));
    }
    assert_eq!(holds.depth(), 4);
    holds.end(hold(1));
    assert_eq!(due(&mut holds), [10, 12, 13]);
    holds.end(hold(2));
    assert_eq!(due(&mut holds), [11]);
    assert!(holds.is_empty());
}

#[test]
fn who_was_turned_away_is_called_once_nothing_is_in_its_way() {
    let mut holds = Holds::<u32>::default();
    holds.begin(hold(1), keys(&[(1, "a")]));
    holds.begin(hold(2), keys(&[(2, "b")]));
    holds.wish(UNIT, Need::All);
    holds.wish(OTHER, Need::Slots(&[2, 5]));
    holds.end(hold(2));
    assert_eq!(called(&mut holds), [OTHER]);
    holds.end(hold(1));
    assert_eq!(called(&mut holds), [UNIT]);
    assert!(holds.fulfil(UNIT) && holds.fulfil(OTHER) && !holds.fulfil(UNIT));
    assert!(holds.is_empty());
}

#[test]
fn a_wish_comes_before_new_holds_and_is_over_when_it_is_fulfilled() {
    let mut holds = Holds::default();
    holds.begin(hold(1), keys(&[(1, "a")]));
    holds.wish(UNIT, Need::Slots(&[1, 4]));
    assert!(holds.is_wished(Need::Slots(&[4])) && holds.is_wished(Need::All) && !holds.is_wished(Need::One(2)));
    // A new hold waits for the wish.
    assert_eq!(holds.park(Need::Slots(&[4]), 20), Ok(()));
    holds.end(hold(1));
    assert_eq!((called(&mut holds), due(&mut holds)), (vec![UNIT], vec![]));
    // It came too late once more, and is called once more.
    holds.begin(hold(3), keys(&[(1, "x")]));
    holds.wish(UNIT, Need::Slots(&[1, 4]));
    holds.end(hold(3));
    assert_eq!(called(&mut holds), [UNIT]);
    holds.fulfil(UNIT);
    assert_eq!(due(&mut holds), [20]);
    assert!(holds.is_empty());
}
