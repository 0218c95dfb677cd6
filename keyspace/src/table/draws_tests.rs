//! Draws are fair, whatever the share of entries with deadlines and however few bounds are right.

use std::collections::HashMap;

use evict::access::AccessBits;
use evict::time::UnixMillis;

use super::*;

const AT: UnixMillis = UnixMillis(1_700_000_000_000);

fn hasher() -> KeyHasher {
    KeyHasher::new([1, 2, 3, 4])
}

/// A table of so many keys, of which one in `timed` has a deadline, and others had one: their bounds are still there.
fn table(keys: u32, timed: u32, stale: u32) -> Table {
    let (mut table, hasher) = (Table::default(), hasher());
    for number in 0..keys {
        let name = number.to_le_bytes();
        let deadline = number.is_multiple_of(timed).then_some(AT);
        let hash = hasher.hash(&name);
        table.insert(hash, Entry::new(&name, b"", deadline, AccessBits::default()), &hasher);
        if deadline.is_none() && number.is_multiple_of(stale) {
            let place = table.locate(hash, &name).expect("it was added just now");
            table.set_deadline(place, AT);
        }
    }
    table
}

fn number_of(entry: &Entry) -> u32 {
    u32::from_le_bytes(*entry.key().first_chunk().expect("keys are numbers"))
}

#[test]
fn each_entry_of_the_class_is_drawn_as_often_as_any_other() {
    const NEVER_STALE: u32 = u32::MAX;
    let rows = [
        (40, 1, NEVER_STALE, Class::All),
        (1_700, 3, NEVER_STALE, Class::All),
        (9_000, 3, NEVER_STALE, Class::All),
        (1_700, 3, NEVER_STALE, Class::Volatile),
        (1_700, 50, NEVER_STALE, Class::Volatile),
        (1_700, 850, NEVER_STALE, Class::Volatile),
        (9_000, 3, NEVER_STALE, Class::Volatile),
        (9_000, 50, NEVER_STALE, Class::Volatile),
        (20_000, 200, NEVER_STALE, Class::Volatile),
        // Many lines had deadlines that are gone.
        (1_700, 50, 3, Class::Volatile),
        (9_000, 50, 3, Class::Volatile),
    ];
    for (keys, timed, stale, class) in rows {
        let (mut table, mut random) = (table(keys, timed, stale), Random::new(u64::from(keys + timed)));
        let members = if class == Class::All { keys } else { keys.div_ceil(timed) };
        let draws = 40 * members;
        let mut seen: HashMap<u32, u32> = HashMap::new();
        for _ in 0..draws {
            let place = table.draw_place(class, &mut random, &hasher()).expect("the class is not empty");
            let entry = table.at(place);
            assert!(class == Class::All || entry.deadline().is_some());
            *seen.entry(number_of(entry)).or_default() += 1;
        }
        let missed = members - seen.len() as u32;
        let distance = seen.values().map(|&count| (f64::from(count) - 40.0).powi(2) / 40.0).sum::<f64>();
        let distance = distance + 40.0 * f64::from(missed);
        let freedom = f64::from((members - 1).max(1));
        let part = 2.0 / (9.0 * freedom);
        // One seed in a thousand exceeds it (Wilson and Hilferty 1931).
        let bound = freedom * (1.0 - part + 3.09 * part.sqrt()).powi(3);
        assert!(distance < bound, "{keys} keys, one in {timed}, {class:?}: {distance} of {bound}");
    }
}

#[test]
fn few_members_are_all_shown_once() {
    for (keys, timed, class) in [(5, 1, Class::All), (1_700, 600, Class::Volatile), (5, 2, Class::Volatile)] {
        let mut table = table(keys, timed, 4);
        let places = table.draw_places(class, 5, &mut Random::new(1), &hasher());
        let mut numbers: Vec<u32> = places.iter().map(|place| number_of(table.at(*place))).collect();
        numbers.sort_unstable();
        let expected: Vec<u32> =
            (0..keys).filter(|number| class == Class::All || number.is_multiple_of(timed)).collect();
        assert_eq!(numbers, expected);
    }
    let mut many = table(9_000, 4_000, 3);
    let places = many.draw_places(Class::Volatile, 5, &mut Random::new(1), &hasher());
    assert!((1..=5).contains(&places.len()) && places.iter().all(|place| many.at(*place).deadline().is_some()));
    assert!(Table::default().draw_places(Class::All, 5, &mut Random::new(1), &hasher()).is_empty());
    assert_eq!(table(9, 10, 1).draw_place(Class::Volatile, &mut Random::new(1), &hasher()).map(|_| ()), Some(()));
}

#[test]
fn the_only_one_is_found_among_bounds_that_are_out_of_date() {
    for keys in [1_700, 50_000] {
        // All lines had a deadline, and one entry has.
        let (mut table, hasher) = (table(keys, keys, 2), hasher());
        let mut random = Random::new(3);
        let found = (0..100).find_map(|_| table.draw_place(Class::Volatile, &mut random, &hasher));
        assert_eq!(found.map(|place| number_of(table.at(place))), Some(0), "{keys} keys");
    }
}

#[test]
fn samples_are_about_as_fair() {
    for (keys, timed, stale, class) in [
        (1_700, 1, u32::MAX, Class::All),
        (1_700, 2, u32::MAX, Class::Volatile),
        (1_700, 10, u32::MAX, Class::Volatile),
        (1_700, 10, 3, Class::Volatile),
        (9_000, 2, u32::MAX, Class::Volatile),
        (9_000, 100, u32::MAX, Class::Volatile),
    ] {
        let (mut table, mut random) = (table(keys, timed, stale), Random::new(9));
        let mut seen: HashMap<u32, u32> = HashMap::new();
        let mut shown = 0;
        let members = keys.div_ceil(timed);
        while shown < 100 * members {
            let places = table.draw_places(class, 5, &mut random, &hasher());
            assert!((1..=5).contains(&places.len()), "{}", places.len());
            for place in places {
                let entry = table.at(place);
                assert!(class == Class::All || entry.deadline().is_some());
                *seen.entry(number_of(entry)).or_default() += 1;
                shown += 1;
            }
        }
        assert_eq!(seen.len() as u32, members, "each is shown");
        // Those of full lines may be shown somewhat less; each has a hundred shows on average.
        assert!(
            seen.values().all(|count| (40..=190).contains(count)),
            "{:?} to {:?}",
            seen.values().min(),
            seen.values().max()
        );
    }
}
