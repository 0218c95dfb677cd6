//! A set in any of its forms behaves as a `BTreeSet` of byte strings, and draws fairly.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use proptest::prelude::*;

const LIMITS: SetLimits = SetLimits { intset_entries: 12, packed: PackedLimits { entries: 8, value_bytes: 6 } };

fn hasher() -> KeyHasher {
    KeyHasher::new([1, 2, 3, 4])
}

fn members() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => (-4..14i64).prop_map(|n| n.to_string().into_bytes()),
        1 => Just(b"007".to_vec()),
        1 => prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(70_000)].prop_map(|n| n.to_string().into_bytes()),
        2 => "[a-c]{0,2}".prop_map(String::into_bytes),
        1 => (5..9usize).prop_map(|len| vec![b'm'; len]),
    ]
}

#[derive(Clone, Debug)]
enum Edit {
    Add(Vec<u8>),
    AddMany(Vec<Vec<u8>>),
    Remove(Vec<u8>),
    Take,
    TakeMany(usize),
}

fn edits() -> impl Strategy<Value = Edit> {
    prop_oneof![
        8 => members().prop_map(Edit::Add),
        1 => proptest::collection::vec(members(), 1..16).prop_map(Edit::AddMany),
        4 => members().prop_map(Edit::Remove),
        1 => Just(Edit::Take),
        1 => any::<usize>().prop_map(Edit::TakeMany),
    ]
}

fn texts(set: Set) -> BTreeSet<Vec<u8>> {
    let mut all = BTreeSet::new();
    set.for_each(|member| assert!(all.insert(member.to_vec()), "each member once"));
    all
}

/// Carries an edit out on both.
fn apply(set: &mut SetMut, model: &mut BTreeSet<Vec<u8>>, edit: Edit, random: &mut Random) {
    let mut taken = Vec::new();
    match edit {
        Edit::Add(member) => {
            set.expect(&member, 1);
            assert_eq!(set.add(&member), model.insert(member));
        }
        Edit::AddMany(members) => {
            set.expect(&members[0], members.len());
            members.into_iter().for_each(|member| assert_eq!(set.add(&member), model.insert(member)));
        }
        Edit::Remove(member) => assert_eq!(set.remove(&member), model.remove(&member)),
        Edit::Take if !model.is_empty() => {
            set.take(random, &mut |member| taken.push(member.to_vec()));
            assert_eq!(taken.len(), 1);
        }
        Edit::TakeMany(count) if !model.is_empty() => {
            let count = count % model.len();
            if count > 0 {
                set.take_many(count, random, &mut |member| taken.push(member.to_vec()));
            }
            assert_eq!(taken.len(), count);
        }
        _ => {}
    }
    taken.iter().for_each(|member| assert!(model.remove(member)));
}

/// The forms that are possible for these members: a set does not go back to a smaller form when members go.
fn fits(form: Option<Form>, model: &BTreeSet<Vec<u8>>) -> bool {
    match form {
        Some(Form::IntSet) => model.len() <= 12 && model.iter().all(|member| parse_i64(member).is_some()),
        Some(Form::Packed) => model.len() <= 8 && model.iter().all(|member| member.len() <= 6),
        _ => true,
    }
}

proptest! {
    #[test]
    fn is_a_set_in_every_form(list in proptest::collection::vec(edits(), 0..80), seed in any::<u64>()) {
        let (hasher, mut random) = (hasher(), Random::new(seed));
        let mut entry = empty(b"key", AccessBits::default());
        let mut model = BTreeSet::new();
        for edit in list {
            let named = if let Edit::Add(member) | Edit::Remove(member) = &edit { member.clone() } else { b"1".to_vec() };
            apply(&mut SetMut::of(&mut entry, &hasher, LIMITS), &mut model, edit, &mut random);
            let set = Set::of(&entry);
            prop_assert_eq!(entry.kind(), Kind::Set);
            prop_assert!(fits(entry.form(), &model), "{:?} {:?}", entry.form(), model);
            prop_assert_eq!((set.len(), set.is_empty()), (model.len(), model.is_empty()));
            prop_assert_eq!(set.has(&hasher, &named), model.contains(&named));
            prop_assert_eq!(set.contains(&hasher, Element::of(&named)), model.contains(&named));
            prop_assert_eq!(set.contains(&hasher, Element::Bytes(&named)), model.contains(&named));
            prop_assert_eq!(&texts(set), &model);
            let drawn = set.sample(&mut random).map(|member| member.to_vec());
            prop_assert_eq!(drawn.is_some(), !model.is_empty());
            prop_assert!(drawn.is_none_or(|member| model.contains(&member)));
            let mut scanned = BTreeSet::new();
            let mut from = Some(0);
            while let Some(position) = from {
                from = set.scan(&hasher, position, 3, &mut |member| {
                    scanned.insert(member.to_vec());
                    1
                });
            }
            prop_assert_eq!(&scanned, &model);
        }
    }
}

/// The set of `members` within `limits`.
fn set_of<'m>(members: impl Iterator<Item = &'m str>, limits: SetLimits) -> Entry {
    let mut entry = empty(b"key", AccessBits::default());
    let hasher = hasher();
    let mut set = SetMut::of(&mut entry, &hasher, limits);
    members.for_each(|member| {
        set.add(member.as_bytes());
    });
    entry
}

#[test]
fn forms() {
    let rows: [(&str, Form); 9] = [
        ("1 2 3", Form::IntSet),
        ("1 2 x", Form::Packed),
        ("x 1 2", Form::Packed),
        ("1 2 3 4 5 6 7 8 9 10 11 12", Form::IntSet),
        ("1 2 3 4 5 6 7 8 9 10 11 12 13", Form::Large),
        ("1 2 3 4 5 6 7 x", Form::Packed),
        ("1 2 3 4 5 6 7 8 x", Form::Large),
        ("1 1234567 x", Form::Large),
        ("a 1234567", Form::Large),
    ];
    for (members, form) in rows {
        let entry = set_of(members.split(' '), LIMITS);
        assert_eq!(entry.form(), Some(form), "{members}");
    }
}

/// No outcome of `draw` among `len` is far from its share.
fn assert_fair(len: usize, rounds: usize, mut draw: impl FnMut(&mut dyn FnMut(Vec<u8>))) {
    let mut seen: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    let mut total = 0;
    for _ in 0..rounds {
        draw(&mut |member| {
            *seen.entry(member).or_default() += 1;
            total += 1;
        });
    }
    let share = total as f64 / len as f64;
    let distance: f64 = seen.values().map(|&count| (count as f64 - share).powi(2) / share).sum::<f64>()
        + (len - seen.len()) as f64 * share;
    // Chi-square with `len - 1` degrees of freedom: six standard deviations above its mean.
    let limit = (len - 1) as f64 + 6.0 * (2.0 * (len - 1) as f64).sqrt();
    assert!(distance < limit, "{distance} of {len} members, limit {limit}");
}

#[test]
fn draws_are_fair_in_every_form() {
    let hasher = hasher();
    let limits = SetLimits { intset_entries: 50, packed: PackedLimits { entries: 50, value_bytes: 64 } };
    for (prefix, len) in [("", 40), ("m", 40), ("", 100), ("m", 5000)] {
        let names: Vec<String> = (0..len).map(|n| format!("{prefix}{n}")).collect();
        let entry = set_of(names.iter().map(String::as_str), limits);
        let mut random = Random::new(7);
        assert_fair(len, len * 40, |seen| seen(Set::of(&entry).sample(&mut random).unwrap().to_vec()));
        if len > 100 {
            continue;
        }
        for count in [1, 3, len - 3] {
            assert_fair(len, 3000, |seen| {
                let mut copy = entry.duplicate(b"copy", AccessBits::default(), &hasher);
                let mut set = SetMut::of(&mut copy, &hasher, limits);
                set.take_many(count, &mut random, &mut |member| seen(member.to_vec()));
            });
        }
    }
}

#[test]
fn little_that_is_left_is_made_anew() {
    let hasher = hasher();
    let names: Vec<String> = (0..1000).map(|n| format!("{n}")).collect();
    let mut entry = set_of(names.iter().map(String::as_str), LIMITS);
    assert!(entry.is_large());
    let mut random = Random::new(3);
    let (mut taken, bytes) = (0, entry.heap_bytes());
    let mut set = SetMut::of(&mut entry, &hasher, LIMITS);
    let replaced = set.take_many(990, &mut random, &mut |_| taken += 1);
    assert_eq!((taken, replaced.is_some_and(|object| object.heap_bytes() + 100 > bytes)), (990, true));
    assert_eq!((entry.form(), Set::of(&entry).len()), (Some(Form::IntSet), 10));
}
