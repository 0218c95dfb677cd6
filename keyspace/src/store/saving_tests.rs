//! Whatever happens while a snapshot is written, it holds what was there when it began.

use std::collections::BTreeMap;

use evict::access::AccessBits;
use evict::time::UnixMillis;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::commands::testing::Desk;
use crate::limits::Pace;
use crate::rdb::object_type::ObjectType;
use crate::rdb::reader::Reader;

/// Values as DUMP writes them, with deadlines, by the number of the database and key.
type Data = BTreeMap<(u16, Vec<u8>), (Vec<u8>, Option<i64>)>;

/// Bytes of DUMP's frame behind a value.
const FRAME_BYTES: usize = 10;

fn data(keyspace: &Keyspace) -> Data {
    let of = |number: usize| {
        let db = keyspace.db(number).expect("there is such a database");
        keyspace.entries(db).map(move |entry| {
            let mut value = payloads::dump(entry, &keyspace.limits);
            value.truncate(value.len() - FRAME_BYTES);
            ((number as u16, entry.key().to_vec()), (value, entry.deadline().map(|at| at.0)))
        })
    };
    (0..keyspace.databases()).flat_map(of).collect()
}

/// What parts of a snapshot's file hold. No entry stands there twice.
fn read(parts: &[Vec<u8>], keyspace: &Keyspace) -> Data {
    let mut data = Data::new();
    for part in parts {
        let (mut reader, mut number, mut deadline) = (Reader::new(part), None, None);
        while reader.remaining() > 0 {
            let begins = part.len() - reader.remaining();
            match reader.byte().expect("a byte") {
                254 => number = Some(reader.length().expect("a number") as u16),
                252 => deadline = Some(reader.millis().expect("a time")),
                byte => {
                    let object_type = ObjectType::of(byte).expect("a type");
                    let mut digits = itoa::Buffer::new();
                    let key = reader.string().expect("a key").element().text(&mut digits).to_vec();
                    let value = part.len() - reader.remaining();
                    let place = payloads::Place {
                        key: &key,
                        access: AccessBits::new(0),
                        hasher: keyspace.hasher(),
                        limits: &keyspace.limits,
                        now: UnixMillis(i64::MIN),
                    };
                    payloads::read(object_type, &mut reader, place).expect("a value");
                    let bytes = [&part[begins..=begins], &part[value..part.len() - reader.remaining()]].concat();
                    let name = (number.expect("a part names its databases"), key);
                    assert!(data.insert(name, (bytes, deadline.take())).is_none(), "an entry stands there once");
                }
            }
        }
    }
    data
}

/// A step of what happens: a number for what, and two for details.
fn act(
    desk: &mut Desk,
    (what, one, other): (u8, u8, u8),
    parts: &mut Vec<Vec<u8>>,
    end: &mut Option<Result<(), Unsaved>>,
) {
    let key = |number: u8| format!("{{{}}}{}", number % 5, number / 5 % 12);
    let (key, second) = (key(one), key(other));
    match what % 18 {
        0..3 => drop(desk.run(&format!("SET {key} {second}"))),
        3 => drop(desk.run(&format!("APPEND {key} {}", "x".repeat(other as usize)))),
        4 => drop(desk.run(&format!("RPUSH {key}l {other} {second}"))),
        5 => drop(desk.run(&format!("HSET {key}h {other} {one}"))),
        6 => drop(desk.run(&format!("ZADD {key}z {other} {second}"))),
        7 => drop(desk.run(&format!("DEL {key} {key}h"))),
        8 => drop(desk.run(&format!("RENAME {key} {second}"))),
        9 => drop(desk.run(&format!("PEXPIRE {key} {}", 1 + u32::from(other) * 20))),
        10 => drop(desk.run(&format!("LPOP {key}l {}", 1 + other % 3))),
        11 => drop(desk.run(&format!("HPEXPIRE {key}h {} FIELDS 1 {other}", 1 + u32::from(one) * 20))),
        12 => drop(desk.run(&format!("XADD {key}x * f {other}"))),
        13 => desk.caller.db = u16::from(one % 2),
        14 => {
            desk.now.0 += i64::from(other);
            drop(desk.run(&format!("GET {key}")));
        }
        15 if one % 8 == 0 => drop(desk.run("SWAPDB 0 1")),
        15 => {
            let slot = Slot::of(key.as_bytes());
            let tables = desk.keyspace.take_slot(slot);
            desk.keyspace.put_slot(slot, tables);
        }
        16 => {
            let lent = desk.keyspace.lend_whole();
            assert!(!desk.keyspace.is_saving(), "a snapshot goes with its data");
            desk.keyspace.take_back_whole(lent);
        }
        _ => {
            desk.keyspace.save_some(usize::from(other));
            take(desk, parts, end);
        }
    }
}

fn take(desk: &mut Desk, parts: &mut Vec<Vec<u8>>, end: &mut Option<Result<(), Unsaved>>) {
    if let Some(saved) = desk.keyspace.take_saved() {
        parts.push(saved.bytes);
        *end = saved.end;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn a_snapshot_holds_what_was_there_when_it_began(before: Vec<(u8, u8, u8)>, after in vec(any::<(u8, u8, u8)>(), 0..400)) {
        let mut desk = Desk::new();
        let (mut parts, mut end) = (Vec::new(), None);
        before.iter().for_each(|step| act(&mut desk, *step, &mut parts, &mut end));
        let expected = data(&desk.keyspace);
        desk.keyspace.begin_saving();
        after.iter().for_each(|step| act(&mut desk, *step, &mut parts, &mut end));
        while end.is_none() {
            desk.keyspace.save_some(50);
            take(&mut desk, &mut parts, &mut end);
        }
        prop_assert_eq!(end, Some(Ok(())));
        prop_assert!(!desk.keyspace.is_saving());
        prop_assert_eq!(read(&parts, &desk.keyspace), expected);
    }
}

#[test]
fn tables_that_split_and_shrink_meanwhile() {
    const KEYS: u32 = 20_000;
    let mut desk = Desk::new();
    let set = |desk: &mut Desk, number: u32| drop(desk.run(&format!("SET {{t}}{number} {number}")));
    (0..KEYS).for_each(|number| set(&mut desk, number));
    let expected = data(&desk.keyspace);
    desk.keyspace.begin_saving();
    let (mut parts, mut end) = (Vec::new(), None);
    for step in 0..KEYS {
        if step < KEYS / 2 {
            // Some are new, some are changed and some are there twice as long.
            set(&mut desk, KEYS + step);
            set(&mut desk, step * 7 % KEYS);
        } else {
            drop(desk.run(&format!("DEL {{t}}{} {{t}}{}", KEYS + step - KEYS / 2, step * 3 % KEYS)));
        }
        if end.is_none() {
            desk.keyspace.save_some(10);
            take(&mut desk, &mut parts, &mut end);
        }
    }
    while end.is_none() {
        desk.keyspace.save_some(10);
        take(&mut desk, &mut parts, &mut end);
    }
    assert_eq!((end, desk.keyspace.saves()), (Some(Ok(())), 1));
    assert_eq!(read(&parts, &desk.keyspace), expected);
}

#[test]
fn a_step_does_what_it_is_told_and_one_entry_more() {
    const KEYS: usize = 1_000;
    let mut desk = Desk::new();
    (0..KEYS).for_each(|number| drop(desk.run(&format!("SET {{t}}{number} {}", "y".repeat(18)))));
    desk.keyspace.begin_saving();
    // Nothing of these is written when the walk comes to them, and that is work, too.
    (0..KEYS / 2).for_each(|number| drop(desk.run(&format!("APPEND {{t}}{number} z"))));
    assert_eq!(desk.keyspace.take_saved().map(|saved| saved.end), Some(None));
    let (mut steps, mut written) = (0, Vec::new());
    while desk.keyspace.is_saving() {
        desk.keyspace.save_some(500);
        steps += 1;
        written.extend(desk.keyspace.take_saved().map(|saved| saved.bytes.len()));
    }
    let most = written.iter().max().expect("there were steps");
    assert!(*most < 600 && steps > KEYS * VISIT_WORK / 500, "{steps} steps, at most {most} bytes");
}

#[test]
fn what_is_emptied_has_no_snapshot() {
    let mut desk = Desk::new();
    desk.run("SET a b");
    desk.keyspace.begin_saving();
    let db = desk.db(1);
    desk.keyspace.flush(db, Pace::Lazy);
    assert_eq!(desk.keyspace.take_saved().map(|saved| saved.end), Some(None), "nothing was emptied");
    desk.run("FLUSHALL");
    desk.run("SET a c");
    let saved = desk.keyspace.take_saved();
    assert_eq!(saved, Some(Saved { bytes: Vec::new(), end: Some(Err(Unsaved::Flushed)) }));
    assert_eq!(desk.keyspace.take_saved(), None);
}

#[test]
fn what_nobody_takes_is_bounded() {
    let mut desk = Desk::new();
    // It is not text that can be compressed.
    let mut noise = crate::hash::Random::new(3);
    let value: Vec<u8> = (0..1 << 20).map(|_| noise.below(256) as u8).collect();
    for number in 0..=WAITING_BYTES_MAX >> 20 {
        desk.command(&[b"SET".as_slice(), format!("{{a}}{number}").as_bytes(), &value]);
    }
    desk.keyspace.begin_saving();
    let slot = Slot::of(b"{a}");
    let tables = desk.keyspace.take_slot(slot);
    desk.keyspace.put_slot(slot, tables);
    assert_eq!(desk.keyspace.take_saved().and_then(|saved| saved.end), Some(Err(Unsaved::TooSlow)));
}
