//! Stored values become payloads and come back the same, and a payload's mistakes that only a collection shows are found.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::*;
use crate::digest::Digest;
use crate::limits::PackedLimits;
use crate::types::fields::Fields;

fn hasher() -> KeyHasher {
    KeyHasher::new([1, 2, 3, 4])
}

/// A time at which nothing has expired.
const NEVER_LATE: UnixMillis = UnixMillis(i64::MIN);

fn dump(entry: &Entry) -> Vec<u8> {
    super::dump(entry, &DataLimits::default())
}

/// `restore` of what has not expired.
fn restore(payload: &[u8], place: Place<'_>) -> Result<Entry, BadPayload> {
    let restored = super::restore(payload, place)?;
    assert_eq!(restored.expired, 0);
    Ok(restored.entry.expect("nothing expires that early"))
}

/// Limits that a hash or set of a few elements passes.
fn limits(entries: usize, value_bytes: usize) -> DataLimits {
    let packed = PackedLimits { entries, value_bytes };
    DataLimits { hash: packed, set: packed, intset_entries: entries, ..DataLimits::default() }
}

/// What `write` makes, restored within `limits`.
fn restored(limits: &DataLimits, write: impl FnOnce(&mut Vec<u8>) -> ObjectType) -> Result<Entry, BadPayload> {
    let payload = payload::build(write);
    restore(&payload, Place { key: b"key", access: AccessBits::default(), hasher: &hasher(), limits, now: NEVER_LATE })
}

/// Names and values: integers, short and long words.
fn texts() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (-300i64..300).prop_map(|number| number.to_string().into_bytes()),
        any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        vec(b'a'..b'd', 0..4),
        vec(any::<u8>(), 0..40),
    ]
}

proptest! {
    #[test]
    fn hashes_in_either_form(fields in btree_map(texts(), texts(), 1..150), entries in 0usize..150, value_bytes in 2usize..40) {
        let limits = limits(entries, value_bytes);
        let pairs = fields.iter().map(|(field, value)| (Element::of(field), Element::of(value)));
        let longest = fields.iter().map(|(field, value)| field.len().max(value.len())).max().unwrap_or(0);
        let first = restored(&limits, |out| hash::write(out, fields.len() as u64, pairs)).unwrap();
        prop_assert_eq!(first.is_large(), fields.len() > entries || longest > value_bytes);
        let second = restore(&dump(&first), Place {
            key: b"key", access: AccessBits::default(), hasher: &hasher(), limits: &DataLimits::default(), now: NEVER_LATE,
        }).unwrap();
        prop_assert!(!second.is_large());
        prop_assert_eq!(Digest::of_value(&first), Digest::of_value(&second));
        prop_assert_eq!(dump(&second), dump(&restore(&dump(&second), Place {
            key: b"other", access: AccessBits::default(), hasher: &hasher(), limits: &DataLimits::default(), now: NEVER_LATE,
        }).unwrap()));
        let kept: std::collections::BTreeMap<Vec<u8>, Vec<u8>> =
            Packed::new(second.value()).pairs().map(|(field, value)| (field.to_vec(), value.to_vec())).collect();
        prop_assert_eq!(kept, fields);
    }

    #[test]
    fn sets_in_every_form(
        mut members in proptest::collection::btree_set(texts(), 1..150),
        only_integers: bool,
        entries in 0usize..150,
        value_bytes in 2usize..40,
    ) {
        if only_integers {
            members.retain(|member| Element::of(member).as_int().is_some());
            members.insert(b"0".into());
        }
        let limits = limits(entries, value_bytes);
        let elements = || members.iter().map(|member| Element::of(member));
        let entry = restored(&limits, |out| crate::rdb::set::write(out, members.len() as u64, elements())).unwrap();
        let longest = members.iter().map(Vec::len).max().unwrap_or(0);
        let integers = elements().all(|member| member.as_int().is_some());
        let form = match members.len() <= entries {
            true if integers => Form::IntSet,
            true if longest <= value_bytes => Form::Packed,
            _ => Form::Large,
        };
        prop_assert_eq!(entry.form(), Some(form));
        let again = restore(&dump(&entry), Place {
            key: b"key", access: AccessBits::default(), hasher: &hasher(), limits: &limits, now: NEVER_LATE }).unwrap();
        prop_assert_eq!(Digest::of_value(&entry), Digest::of_value(&again));
        prop_assert_eq!(again.form(), Some(form));
        let mut digest = Digest::default();
        digest.append(&2u32.to_be_bytes());
        members.iter().for_each(|member| digest.add(member));
        prop_assert_eq!(Digest::of_value(&entry), digest);
    }
}

#[test]
fn names_that_stand_twice_are_refused() {
    for count in [2usize, 3, 60, 70, 200, 1000] {
        for limits in [limits(0, 0), limits(100, 64), limits(5000, 64), DataLimits::default()] {
            let names: Vec<String> = (0..count).map(|at| format!("n{at}")).collect();
            let twice =
                |repeated: &str| names.iter().map(String::as_str).chain([repeated]).map(str::to_owned).collect();
            for repeated in ["n0", &format!("n{}", count - 1)] {
                let names: Vec<String> = twice(repeated);
                let fields = names.iter().map(|name| (Element::of(name.as_bytes()), Element::Int(1)));
                let members = names.iter().map(|name| Element::of(name.as_bytes()));
                let hash = restored(&limits, |out| hash::write(out, names.len() as u64, fields));
                let set = restored(&limits, |out| crate::rdb::set::write(out, names.len() as u64, members));
                assert!(matches!((hash.err(), set.err()), (Some(BadPayload::Value(_)), Some(BadPayload::Value(_)))));
            }
            let integers = (0..count as i64).chain([7 % count as i64]);
            let set =
                restored(&limits, |out| crate::rdb::set::write(out, count as u64 + 1, integers.map(Element::Int)));
            assert!(set.is_err(), "{count}");
        }
    }
}

#[test]
fn many_fields_are_restored_in_proportional_time() {
    // Within limits that would keep all of them packed, a walk per field would take minutes.
    let limits = limits(1 << 30, 64);
    let count = 200_000;
    let fields = (0..count).map(|at| (Element::Int(at), Element::Int(1)));
    let entry = restored(&limits, |out| hash::write(out, count as u64, fields)).unwrap();
    assert_eq!(Packed::new(entry.value()).len(), 2 * count as usize);
}

proptest! {
    #[test]
    fn sorted_sets_in_either_form(
        members in btree_map(texts(), any::<f64>().prop_filter("no NaN", |score| !score.is_nan()), 1..200),
        entries in 0usize..200,
        value_bytes in 2usize..40,
        shuffled: u64,
    ) {
        let packed = PackedLimits { entries, value_bytes };
        let limits = DataLimits { sorted_set: packed, ..DataLimits::default() };
        let mut pairs: Vec<(&Vec<u8>, f64)> = members.iter().map(|(member, score)| (member, *score)).collect();
        pairs.sort_by_key(|(member, _)| member.iter().fold(shuffled, |sum, byte| (sum ^ *byte as u64).wrapping_mul(31)));
        let elements = pairs.iter().map(|(member, score)| (Element::of(member), *score));
        let entry = restored(&limits, |out| sorted_set::write(out, members.len() as u64, elements)).unwrap();
        let longest = members.keys().map(Vec::len).max().unwrap_or(0);
        prop_assert_eq!(entry.is_large(), members.len() > entries || longest > value_bytes);
        // Whatever the payload's order was, the set is in its own.
        let mut kept = Vec::new();
        scored::Scored::of(&entry).for_each(|member, score| kept.push((score, member.to_vec())));
        prop_assert!(kept.is_sorted_by(|a, b| a.partial_cmp(b).is_some_and(|order| order.is_lt())));
        prop_assert_eq!(kept.len(), members.len());
        // A small set has one zero only, as at redis-server.
        prop_assert!(kept.iter().all(|(score, member)| members[member] == *score));
        let place = Place { key: b"key", access: AccessBits::default(), hasher: &hasher(), limits: &limits, now: NEVER_LATE };
        let again = restore(&dump(&entry), place).unwrap();
        prop_assert_eq!(Digest::of_value(&entry), Digest::of_value(&again));
        prop_assert_eq!(entry.is_large(), again.is_large());
    }
}

#[test]
fn members_that_stand_twice_are_refused() {
    for count in [1i64, 2, 60, 70, 200] {
        for repeated in [0, count - 1] {
            let members = (0..count).chain([repeated]).map(|at| (Element::Int(at), at as f64));
            let set = restored(&DataLimits::default(), |out| sorted_set::write(out, count as u64 + 1, members));
            assert!(set.is_err(), "{count}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// What is not refused is a value like any other: it can be written, read again, looked through and freed.
    #[test]
    fn changed_payloads_are_values_or_refused(payload in crate::rdb::mutation_tests::changed_payloads(), entries in 0usize..40) {
        let limits = limits(entries, 64);
        let place = Place { key: b"key", access: AccessBits::default(), hasher: &hasher(), limits: &limits, now: NEVER_LATE };
        if let Ok(entry) = restore(&payload, place) {
            let again = restore(&dump(&entry), place).unwrap();
            prop_assert_eq!(Digest::of_value(&entry), Digest::of_value(&again));
        }
    }
}

#[test]
fn captured_values_are_restored_and_written_again() {
    let limits = DataLimits::default();
    let place =
        Place { key: b"key", access: AccessBits::default(), hasher: &hasher(), limits: &limits, now: NEVER_LATE };
    for (name, payload, value) in crate::rdb::captured_tests::captured() {
        let entry = restore(&payload, place).unwrap_or_else(|bad| panic!("{name}: {bad:?}"));
        // What 7.2 adds is not written.
        if name != "stream of 7.2" {
            assert_eq!(crate::rdb::captured_tests::render(&dump(&entry)).as_deref(), Ok(value), "{name}");
        }
        assert_eq!(entry.kind().name(), value.split(' ').next().unwrap(), "{name}");
    }
}

#[test]
fn groups_that_do_not_fit_together_are_refused() {
    let (_, good, _) = crate::rdb::captured_tests::captured().find(|(name, ..)| *name == "stream with groups").unwrap();
    let limits = DataLimits::default();
    let place =
        Place { key: b"key", access: AccessBits::default(), hasher: &hasher(), limits: &limits, now: NEVER_LATE };
    let body = &good[..good.len() - 10];
    let find = |needle: &[u8]| body.windows(needle.len()).position(|window| window == needle).unwrap();
    // A second group of the first one's name, a second consumer of the first one's, an id that another consumer has.
    let h = find(b"\x01h\x40\x67") + 1;
    let bob = find(b"\x03bob");
    let rows: [(std::ops::Range<usize>, &[u8]); 3] = [
        (h..h + 1, b"g"),
        (bob..bob + 4, b"\x05alice"),
        (
            find(b"\x02\0\0\0\0\0\0\0\x65\0\0\0\0\0\0\0\x14") + 16
                ..find(b"\x02\0\0\0\0\0\0\0\x65\0\0\0\0\0\0\0\x14") + 17,
            b"\x08",
        ),
    ];
    for (range, with) in rows {
        let mut bad = body.to_vec();
        bad.splice(range.clone(), with.iter().copied());
        payload::seal(&mut bad, 10);
        assert!(matches!(restore(&bad, place), Err(BadPayload::Value(_))), "{range:?}");
    }
}

/// A hash with deadlines, of a number of fields and a length of values at which redis-server would or would not keep it packed.
#[test]
fn fields_keep_their_deadlines_in_either_form() {
    let hasher = hasher();
    // Fields, bytes of a value, and the type byte.
    for (count, bytes, object_type) in [(1, 1, 25), (512, 64, 25), (513, 64, 24), (3, 65, 24)] {
        let mut fields = Fields::default();
        for n in 0..count {
            let name = n.to_string();
            fields.set(&hasher, name.as_bytes(), &vec![b'v'; bytes]);
            if n % 2 == 0 {
                fields.set_deadline(&hasher, name.as_bytes(), Some(UnixMillis(1_000_000 - n * 7)));
            }
        }
        let entry = Entry::large(b"key", Box::new(Object::Hash(fields)), AccessBits::default());
        let payload = dump(&entry);
        assert_eq!((payload[0], payload[payload.len() - 10]), (object_type, 12), "{count} of {bytes} bytes");
        let limits = DataLimits::default();
        let place =
            Place { key: b"key", access: AccessBits::default(), hasher: &hasher, limits: &limits, now: NEVER_LATE };
        let again = restore(&payload, place).expect("what is written is read");
        assert_eq!(Digest::of_value(&again), Digest::of_value(&entry));
        let deadlines = |entry: &Entry| {
            let fields = entry.object().and_then(Object::fields).expect("a hash with deadlines is large");
            let pairs = fields.entries().map(|field| (field.key().to_vec(), field.deadline()));
            (fields.volatile(), fields.earliest(), pairs.collect::<std::collections::BTreeMap<_, _>>())
        };
        assert_eq!(deadlines(&again), deadlines(&entry));
        // What has expired by some time is left out, and only that.
        for now in [0, 999_999, 1_000_000, 1_000_001, i64::MAX] {
            let later =
                super::restore(&payload, Place { now: UnixMillis(now), ..place }).expect("it is the same payload");
            let gone = (0..count).filter(|n| n % 2 == 0 && 1_000_000 - n * 7 < now).count();
            let left = later.entry.as_ref().map_or(0, |entry| types::hash::Hash::of(entry, NEVER_LATE).len());
            assert_eq!((later.expired as usize, left), (gone, count as usize - gone), "at {now}");
            let timed = later.entry.as_ref().is_some_and(Entry::has_volatile_fields);
            assert_eq!(timed, gone < (count as usize).div_ceil(2), "at {now}");
        }
    }
}

/// Without a field that has a deadline left, a hash is as small as any.
#[test]
fn what_is_left_of_a_hash_is_packed() {
    let payload = crate::rdb::captured_tests::captured().filter(|(name, ..)| name.contains("with deadlines"));
    let (hasher, limits) = (hasher(), DataLimits::default());
    let place = Place {
        key: b"key",
        access: AccessBits::default(),
        hasher: &hasher,
        limits: &limits,
        now: UnixMillis(i64::MAX),
    };
    for (name, payload, _) in payload {
        let restored = super::restore(&payload, place).expect("it is a good one");
        let entry = restored.entry.expect("a field has no deadline");
        assert!(restored.expired == 2 && !entry.is_large(), "{name}");
    }
}

#[test]
fn a_field_that_stands_twice_is_refused() {
    use crate::rdb::hash::Field;
    let (hasher, limits) = (hasher(), DataLimits::default());
    let place = Place { key: b"key", access: AccessBits::default(), hasher: &hasher, limits: &limits, now: NEVER_LATE };
    for deadlines in [[1, 2], [1, 0], [0, 0]] {
        let fields = deadlines.map(|at| Field {
            name: Element::Bytes(b"a"),
            value: Element::Bytes(b"b"),
            deadline: (at > 0).then_some(UnixMillis(at)),
        });
        for small in [true, false] {
            let payload = payload::build(|out| match small {
                true => rdb::timed_hash::write_timed_small(out, UnixMillis(1), &mut fields.clone()),
                false => rdb::timed_hash::write_timed(out, UnixMillis(1), 2, fields.into_iter()),
            });
            assert!(matches!(super::restore(&payload, place), Err(BadPayload::Value(_))), "{deadlines:?}");
        }
    }
}
