//! Records there and back, and any bytes that are none: U012.
#![allow(non_snake_case)]

use super::*;
use proptest::prelude::*;

fn any_header() -> impl Strategy<Value = Header> {
    let long = (any::<u64>(), any::<u64>(), any::<u64>(), any::<i64>());
    let short = (any::<u32>(), any::<u16>(), any::<u16>(), any::<u16>());
    (long, short, prop::option::of(0..SLOTS), 0..KINDS.len(), 0u8..5).prop_map(|(long, short, slot, kind, place)| {
        let (sequence, unit, order, time) = long;
        let (index, logs, core, db) = short;
        let place = place_of(place).expect("there are five places");
        let (time, kind) = (UnixMillis(time), KINDS[kind]);
        Header { sequence, unit, order, index, logs, time, core, db, slot, kind, place }
    })
}

fn any_parts() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 2..8)
}

fn encoded(header: &Header, parts: &[Vec<u8>]) -> Vec<u8> {
    let mut out = b"before".to_vec();
    encode(header, parts.iter().map(Vec::as_slice), &mut out).expect("two parts are enough for any kind");
    out.split_off(6)
}

proptest! {
    #[test]
    fn FR_P2C_008_U012_records_there_and_back(header in any_header(), parts in any_parts(), behind: Vec<u8>) {
        let mut bytes = encoded(&header, &parts);
        let whole = bytes.len();
        bytes.extend_from_slice(&behind);
        let (record, used) = decode(&bytes).expect("what was encoded can be decoded");
        prop_assert_eq!((record.header, used), (header, whole));
        prop_assert!(record.parts().eq(parts.iter().map(Vec::as_slice)));
    }

    #[test]
    fn FR_P2C_008_U012_truncated_records(header in any_header(), parts in any_parts()) {
        let bytes = encoded(&header, &parts);
        for length in 0..bytes.len() {
            match decode(&bytes[..length]) {
                Err(RecordFault::Truncated(needed)) => prop_assert!(needed > length && needed <= bytes.len()),
                other => prop_assert!(false, "{} of {}: {:?}", length, bytes.len(), other),
            }
        }
    }

    #[test]
    fn FR_P2C_008_U012_bytes_that_were_changed(header in any_header(), parts in any_parts(), at: prop::sample::Index, to: u8) {
        let mut bytes = encoded(&header, &parts);
        let at = at.index(bytes.len());
        bytes[at] = to;
        if let Ok((record, used)) = decode(&bytes) {
            // Whatever was read says the same when it is written again.
            let again: Vec<Vec<u8>> = record.parts().map(<[u8]>::to_vec).collect();
            prop_assert_eq!(encoded(&record.header, &again), &bytes[..used]);
        }
    }

    #[test]
    fn FR_P2C_008_U012_any_bytes(mut bytes: Vec<u8>, honest: bool) {
        if honest && bytes.len() > 8 {
            let length = (bytes.len() - 4) as u32;
            bytes[..4].copy_from_slice(&length.to_le_bytes());
            let codes = [VERSION, bytes[5] % 9, bytes[6] % 5, 0];
            bytes[4..8].copy_from_slice(&codes);
        }
        if let Ok((record, _)) = decode(&bytes) {
            prop_assert!(record.words().count() >= usize::from(record.header.kind != Kind::Touched));
        }
    }
}

const HEADER: Header = Header {
    sequence: 7,
    unit: 0,
    order: 5,
    index: 258,
    logs: 4,
    time: UnixMillis(-2),
    core: 3,
    db: 9,
    slot: Some(16_383),
    kind: Kind::Keys(Cause::Expired, Form::Unlink),
    place: Place::Alone,
};

#[test]
fn FR_P2C_008_U012_golden_record() {
    let bytes = encoded(&HEADER, &[b"k1".to_vec()]);
    #[rustfmt::skip]
    let golden = [
        58, 0, 0, 0, 1, 3, 0, 0,
        7, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0,
        5, 0, 0, 0, 0, 0, 0, 0,
        254, 255, 255, 255, 255, 255, 255, 255,
        3, 0, 9, 0, 255, 63, 4, 0,
        2, 1, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, b'k', b'1',
    ];
    assert_eq!(bytes, golden);
}

#[test]
fn FR_P2C_008_U012_what_records_say() {
    let rows: [(Kind, &[&str]); 6] = [
        (Kind::Keys(Cause::Expired, Form::Del), &["DEL", "a", "b"]),
        (Kind::Keys(Cause::Evicted, Form::Unlink), &["UNLINK", "a", "b"]),
        (Kind::Keys(Cause::PastDeadline, Form::Unlink), &["UNLINK", "a", "b"]),
        (Kind::Fields, &["HDEL", "a", "b"]),
        (Kind::Command, &["a", "b"]),
        (Kind::Touched, &["a", "b"]),
    ];
    for (kind, words) in rows {
        let bytes = encoded(&Header { kind, ..HEADER }, &[b"a".to_vec(), b"b".to_vec()]);
        let (record, _) = decode(&bytes).expect("it was just encoded");
        assert!(record.words().eq(words.iter().map(|word| word.as_bytes())), "{kind:?}");
    }
}

#[test]
fn FR_P2C_008_U012_what_cannot_be_a_record() {
    let mut out = b"before".to_vec();
    let none: [&[u8]; 0] = [];
    let huge = vec![0; RECORD_BYTES_MAX / 16];
    let rows: [(Header, Vec<&[u8]>, RecordFault); 4] = [
        (HEADER, none.to_vec(), RecordFault::Parts),
        (Header { kind: Kind::Fields, ..HEADER }, vec![b"hash"], RecordFault::Parts),
        (Header { slot: Some(SLOTS), ..HEADER }, vec![b"k"], RecordFault::Field),
        (HEADER, vec![&huge; 16], RecordFault::TooLong),
    ];
    for (header, parts, fault) in rows {
        assert_eq!(encode(&header, parts.into_iter(), &mut out), Err(fault));
    }
    assert_eq!(out, b"before");
    let bytes = encoded(&HEADER, &[b"k1".to_vec()]);
    let with = |at: usize, to: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = to;
        decode(&bytes).map(|_| ())
    };
    let rows = [
        (3, 255, RecordFault::TooLong),
        (0, 51, RecordFault::Parts),
        (0, 57, RecordFault::Parts),
        (0, 59, RecordFault::Truncated(63)),
        (4, 2, RecordFault::Version(2)),
        (5, 9, RecordFault::Field),
        (6, 5, RecordFault::Field),
        (7, 1, RecordFault::Field),
        (45, 64, RecordFault::Field),
        (52, 0, RecordFault::Parts),
        (52, 2, RecordFault::Parts),
        (55, 255, RecordFault::Parts),
        (56, 1, RecordFault::Parts),
        (56, 3, RecordFault::Parts),
        (59, 255, RecordFault::Parts),
    ];
    for (at, to, fault) in rows {
        assert_eq!(with(at, to), Err(fault), "byte {at} = {to}");
    }
}
