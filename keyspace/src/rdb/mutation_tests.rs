//! Payloads that were changed at random, with a checksum that is right again: every reader answers, and nothing that it makes
//! is larger than its payload can stand for.

use proptest::collection::vec;
use proptest::prelude::*;

use super::captured_tests::{captured, items, render};
use super::element::Element;
use super::object_type::ObjectType;
use super::stream::{Fields, Names, StreamConsumer, StreamGroup, StreamId, StreamPending, StreamSink, StreamTotals};
use super::{Corrupt, hash, list, lzf, payload, set, sorted_set, stream};

/// Counts what a reader hands over, in bytes and things.
#[derive(Default)]
struct Weight {
    bytes: u64,
    things: u64,
}

impl Weight {
    fn add(&mut self, element: Element) -> Result<(), Corrupt> {
        self.things += 1;
        self.bytes += element.text(&mut itoa::Buffer::new()).len() as u64;
        Ok(())
    }
}

impl StreamSink for Weight {
    fn node(&mut self, _: StreamId, mut names: Names<'_>) -> Result<(), Corrupt> {
        names.try_for_each(|name| self.add(name?))
    }

    fn entry(&mut self, _: StreamId, fields: Fields<'_>) -> Result<(), Corrupt> {
        let same = fields.same_names();
        for pair in fields {
            let (name, value) = pair?;
            if !same {
                self.add(name)?;
            }
            self.add(value)?;
        }
        Ok(())
    }

    fn totals(&mut self, _: StreamTotals) -> Result<(), Corrupt> {
        Ok(())
    }

    fn group(&mut self, group: StreamGroup<'_>) -> Result<(), Corrupt> {
        self.add(Element::of(group.name))
    }

    fn pending(&mut self, _: StreamPending) -> Result<(), Corrupt> {
        self.things += 1;
        Ok(())
    }

    fn consumer(&mut self, consumer: StreamConsumer<'_>) -> Result<(), Corrupt> {
        self.add(Element::of(consumer.name))
    }

    fn consumer_pending(&mut self, _: StreamId) -> Result<(), Corrupt> {
        self.things += 1;
        Ok(())
    }
}

/// Reads `payload` and weighs what comes out, whether or not it ends well.
fn weigh(payload: &[u8]) -> Weight {
    let mut weight = Weight::default();
    let Ok((object_type, mut reader)) = payload::open(payload) else { return weight };
    let reader = &mut reader;
    _ = match object_type {
        ObjectType::String => reader.string().and_then(|string| weight.add(string.element())),
        ObjectType::List(form) => {
            list::read(form, reader, |part| items(&part).into_iter().try_for_each(|item| weight.add(item)))
        }
        ObjectType::Set(form) => set::read(form, reader, |member| weight.add(member)),
        ObjectType::Hash(form) => hash::read(form, reader, |field| {
            weight.add(field.name)?;
            weight.add(field.value)
        }),
        ObjectType::SortedSet(form) => sorted_set::read(form, reader, |member, _| weight.add(member)),
        ObjectType::Stream(form) => stream::read(form, reader, &mut weight),
    };
    weight
}

/// Where and how a payload is changed.
#[derive(Clone, Debug)]
enum Change {
    Set(usize, u8),
    Flip(usize, u8),
    Remove(usize, usize),
    Repeat(usize, usize),
}

fn changes() -> impl Strategy<Value = Change> {
    let telling =
        prop::sample::select(vec![0u8, 1, 2, 0x3f, 0x40, 0x7f, 0x80, 0x81, 0xc0, 0xc3, 0xe0, 0xf0, 0xf4, 0xfe, 0xff]);
    prop_oneof![
        (any::<usize>(), telling).prop_map(|(at, byte)| Change::Set(at, byte)),
        (any::<usize>(), 0u8..8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        (any::<usize>(), 1usize..20).prop_map(|(at, count)| Change::Remove(at, count)),
        (any::<usize>(), 1usize..20).prop_map(|(at, count)| Change::Repeat(at, count)),
    ]
}

fn apply(body: &mut Vec<u8>, change: &Change) {
    if body.is_empty() {
        return;
    }
    let length = body.len();
    match *change {
        Change::Set(at, byte) => body[at % length] = byte,
        Change::Flip(at, bit) => body[at % length] ^= 1 << bit,
        Change::Remove(at, count) => drop(body.drain(at % length..(at % length + count).min(length))),
        Change::Repeat(at, count) => body.extend_from_within(at % length..(at % length + count).min(length)),
    }
}

/// Payloads that are captured ones changed, at times read as another type's, sealed again.
pub(crate) fn changed_payloads() -> impl Strategy<Value = Vec<u8>> {
    (any::<prop::sample::Index>(), vec(changes(), 1..4), any::<Option<u8>>()).prop_map(
        |(which, changes, object_type)| {
            let all: Vec<Vec<u8>> = captured().map(|(_, payload, _)| payload).collect();
            let original = which.get(&all);
            let mut body = original[1..original.len() - 10].to_vec();
            changes.iter().for_each(|change| apply(&mut body, change));
            body.insert(0, object_type.map_or(original[0], |byte| byte % 26));
            payload::seal(&mut body, 12);
            body
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn changed_payloads_are_read_or_refused(body in changed_payloads()) {
        let weight = weigh(&body);
        let most = body.len() as u64 * lzf::RATIO_MAX;
        prop_assert!(weight.bytes <= most * 4, "{} bytes of {}", weight.bytes, body.len());
        prop_assert!(weight.things <= most, "{} things of {} bytes", weight.things, body.len());
        _ = render(&body);
    }
}
