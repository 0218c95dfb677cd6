//! Hashes with deadlines of fields: byte by byte, there and back, and what is wrong.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::rdb::captured_tests::{captured, render};
use crate::rdb::payload;

const TIME: i64 = 1_700_000_000_000;

fn field<'a>(name: &'a str, value: &'a str, deadline: i64) -> Field<'a> {
    let deadline = (deadline > 0).then_some(UnixMillis(deadline));
    Field { name: Element::of(name.as_bytes()), value: Element::of(value.as_bytes()), deadline }
}

/// The payload in `captured.txt` that was written by hand.
fn by_hand(name: &str) -> Vec<u8> {
    captured().find(|(other, ..)| *other == name).expect("it is there").1
}

#[test]
fn written_as_by_hand() {
    let fields = || [field("a", "1", TIME), field("bc", "x", TIME + 70_000), field("none", "y", 0)];
    let strings = payload::build(|out| write_timed(out, UnixMillis(TIME), 3, fields().into_iter()));
    assert_eq!(strings, by_hand("hash of strings with deadlines"));
    let mut turned = fields();
    turned.reverse();
    let listpack = payload::build(|out| write_timed_small(out, UnixMillis(TIME), &mut turned));
    assert_eq!(listpack, by_hand("hash listpack with deadlines"), "whatever the order, fields are sorted");
}

/// What a type byte and a body mean. `Err` with the reason.
fn read(object_type: u8, body: &[u8]) -> Result<String, Corrupt> {
    let mut payload = [&[object_type], body].concat();
    payload::seal(&mut payload, 12);
    render(&payload)
}

#[test]
fn edges_of_strings() {
    let last = DEADLINE_MAX.to_le_bytes();
    let beyond = (DEADLINE_MAX + 1).to_le_bytes();
    let far = (DEADLINE_MAX + 2).to_le_bytes();
    let none = [0; 8];
    let one = |least: &[u8], deadline: &[u8]| read(24, &[least, b"\x01", deadline, b"\x01a\x01b"].concat());
    assert_eq!(one(&last, b"\x01"), Ok(format!("hash a=b@{DEADLINE_MAX}")));
    assert_eq!(one(&last, b"\x02"), Err(TOO_LATE));
    assert_eq!(one(&beyond, b"\x00"), Ok("hash a=b".into()), "redis-server's least deadline of no field");
    assert_eq!(one(&beyond, b"\x01"), Err(TOO_LATE));
    assert_eq!(one(&far, b"\x00"), Err(TOO_LATE));
    assert_eq!(one(&u64::MAX.to_le_bytes(), b"\x02"), Err(TOO_LATE));
    assert_eq!(one(&none, b"\x01"), Ok("hash a=b".into()), "0 is no time");
    assert_eq!(one(&none, b"\x02"), Ok("hash a=b@1".into()));
    let most = [&b"\x81"[..], &u64::MAX.to_be_bytes()].concat();
    assert_eq!(one(&none, &most), Err(TOO_LATE));
    assert_eq!(one(&last, &most), Err(TOO_LATE), "nothing overflows");
    assert_eq!(one(&none, b"\xc0\x01"), Err(Corrupt("a string where a length belongs")));
    for early in [&b"\x01\x81\x00\x00\xff\xff\xff\xff\xff\xff"[..], b"\x01\x01", b"\x01\x00"] {
        assert!(read(22, &[early, b"\x01a\x01b"].concat()).is_ok(), "{early:?}");
    }
    assert_eq!(read(22, b"\x01\x81\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x01b"), Err(TOO_LATE));
    // More fields than there can be are refused before any is read.
    let many = Err(Corrupt("more is announced than there is"));
    assert_eq!(read(24, &[&none[..], b"\x80\xff\xff\xff\xff\x00\x01a\x01b"].concat()), many);
    assert_eq!(read(22, b"\x02\x00\x01a\x01b"), many);
    for empty in [read(24, &[&none[..], b"\x00"].concat()), read(22, b"\x00")] {
        assert_eq!(empty, Err(Corrupt("the collection is empty")));
    }
}

/// A listpack of these elements as a string of a payload.
fn listpack_of(elements: &[Element<'_>]) -> Vec<u8> {
    let mut bytes = packed::EMPTY.to_vec();
    elements.iter().for_each(|element| PackedMut::new(&mut bytes).push_back(&[Encoded::element(*element)]));
    let mut out = Vec::new();
    push_string(&mut out, &listpack::of(&Packed::new(&bytes)));
    out
}

#[test]
fn edges_of_listpacks() {
    use Element::{Bytes, Int};
    let unordered = || Err(Corrupt("fields are not in the order of their deadlines"));
    let (a, b, c) = (Bytes(b"a"), Bytes(b"b"), Bytes(b"c"));
    let rows: Vec<(Vec<Element>, Result<String, Corrupt>)> = vec![
        (vec![a, c, Int(5), b, c, Int(5)], Ok("hash a=c@5 b=c@5".into())),
        (vec![a, c, Int(5), b, c, Int(0)], Ok("hash a=c@5 b=c".into())),
        (vec![a, c, Int(0), b, c, Int(0)], Ok("hash a=c b=c".into())),
        (vec![a, c, Int(DEADLINE_MAX as i64)], Ok(format!("hash a=c@{DEADLINE_MAX}"))),
        (vec![a, c, Int(DEADLINE_MAX as i64 + 1)], Err(TOO_LATE)),
        (vec![a, c, Int(i64::MAX)], Err(TOO_LATE)),
        (vec![a, c, Int(-1)], Err(Corrupt("a count is negative"))),
        (vec![a, c, Int(6), b, c, Int(5)], unordered()),
        (vec![a, c, Int(0), b, c, Int(5)], unordered()),
        (vec![a, c, b], Err(Corrupt("an element is not an integer"))),
        (vec![a, c], Err(Corrupt("an element is missing"))),
        (vec![a, c, Int(5), b], Err(Corrupt("an element is missing"))),
        (vec![], Err(Corrupt("the collection is empty"))),
    ];
    for (elements, expected) in rows {
        let listpack = listpack_of(&elements);
        for least in [[0; 8], [0xff; 8]] {
            assert_eq!(read(25, &[&least[..], &listpack].concat()), expected, "{elements:?}");
        }
        assert_eq!(read(23, &listpack), expected, "{elements:?}");
    }
    assert_eq!(read(25, &[0; 7]), Err(Corrupt("cut short")));
    assert_eq!(read(25, &[&[0; 8][..], b"\xc0\x01"].concat()), Err(Corrupt("an integer where a packed form belongs")));
}

proptest! {
    #[test]
    fn fields_come_back(
        fields in proptest::collection::btree_map("[a-z0-9]{0,30}", ("[a-c]{0,60}", 0..=DEADLINE_MAX as i64, 0..3u8), 1..40),
    ) {
        let deadline = |at: i64, kind: u8| match kind {
            0 => None,
            1 => Some(UnixMillis(at.max(1))),
            _ => Some(UnixMillis(TIME + at % 1000)),
        };
        let all: Vec<Field> = fields.iter().map(|(name, (value, at, kind))| {
            Field { deadline: deadline(*at, *kind), ..field(name, value, 0) }
        }).collect();
        let least = all.iter().filter_map(|field| field.deadline).min().unwrap_or(UnixMillis(1));
        let written = [
            payload::build(|out| write_timed(out, least, all.len() as u64, all.iter().copied())),
            payload::build(|out| write_timed_small(out, least, &mut all.clone())),
        ];
        let wanted: BTreeMap<Vec<u8>, (Vec<u8>, Option<UnixMillis>)> = fields
            .iter()
            .map(|(name, (value, at, kind))| (name.clone().into_bytes(), (value.clone().into_bytes(), deadline(*at, *kind))))
            .collect();
        for payload in written {
            let (object_type, mut reader) = payload::open(&payload).expect("the frame is right");
            let super::super::object_type::ObjectType::Hash(form) = object_type else { panic!("it is a hash") };
            let mut got = BTreeMap::new();
            super::super::hash::read(form, &mut reader, |field| {
                let (mut one, mut two) = (itoa::Buffer::new(), itoa::Buffer::new());
                let pair = (field.value.text(&mut two).to_vec(), field.deadline);
                assert!(got.insert(field.name.text(&mut one).to_vec(), pair).is_none(), "each field comes once");
                Ok(())
            }).expect("what is written is read");
            prop_assert_eq!((&got, reader.remaining()), (&wanted, 0));
            prop_assert_eq!(payload[payload.len() - 10], 12, "the version that has these forms");
        }
    }
}
