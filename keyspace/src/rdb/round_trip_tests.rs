//! What the writers write, the readers read back.

use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;

use super::captured_tests::{captured, items, render, score_text};
use super::element::Element;
use super::object_type::ObjectType;
use super::payload;
use super::stream::{StreamConsumer, StreamGroup, StreamHistory, StreamId, StreamPending, StreamWriter};
use super::{Corrupt, hash, list, set, sorted_set};
use crate::packed::{Builder, Packed};

/// Texts of every kind, each short enough to be rendered whole: empty, words, text that compresses, integers of every width and text that is almost one.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-d]{0,30}",
        "(ab|cd){20,40}",
        (any::<i64>(), 0u32..64).prop_map(|(value, shift)| (value >> shift).to_string()),
        "-?0[0-9]{0,3}",
    ]
}

fn bytes(text: &str) -> Element<'_> {
    Element::of(text.as_bytes())
}

fn packed<'a>(elements: impl Iterator<Item = Element<'a>>) -> Vec<u8> {
    let mut builder = Builder::default();
    elements.for_each(|element| builder.push(element));
    builder.finish()
}

/// The value as [`render`] writes it, in the order of its text.
fn sorted(head: &str, words: impl Iterator<Item = String>) -> String {
    let mut words: Vec<String> = words.collect();
    words.sort();
    words.insert(0, head.into());
    words.join(" ")
}

proptest! {
    #[test]
    fn lists(elements in vec(texts(), 1..600)) {
        let nodes: Vec<Vec<u8>> = elements.chunks(50).map(|texts| packed(texts.iter().map(|text| bytes(text)))).collect();
        let payload = payload::build(|out| list::write(out, nodes.iter().map(|node| Packed::new(node))));
        let expected = format!("list {}", elements.join(" "));
        prop_assert_eq!(render(&payload), Ok(expected));
    }

    #[test]
    fn sets(members in btree_set(texts(), 1..200), integers in btree_set(any::<i64>(), 1..200)) {
        let strings = payload::build(|out| set::write(out, members.len() as u64, members.iter().map(|text| bytes(text))));
        prop_assert_eq!(render(&strings), Ok(sorted("set", members.iter().cloned())));
        let intset = payload::build(|out| set::write_integers(out, integers.iter().copied()));
        prop_assert_eq!(render(&intset), Ok(sorted("set", integers.iter().map(i64::to_string))));
    }

    #[test]
    fn hashes(fields in btree_map(texts(), texts(), 1..200)) {
        let expected = sorted("hash", fields.iter().map(|(field, value)| format!("{field}={value}")));
        let pairs = fields.iter().map(|(field, value)| (bytes(field), bytes(value)));
        let elements = packed(pairs.clone().flat_map(|(field, value)| [field, value]));
        let small = payload::build(|out| hash::write_small(out, Packed::new(&elements)));
        let large = payload::build(|out| hash::write(out, fields.len() as u64, pairs));
        prop_assert_eq!((small[0], large[0]), (16, 4));
        prop_assert_eq!(render(&small), Ok(expected.clone()));
        prop_assert_eq!(render(&large), Ok(expected));
    }

    #[test]
    fn sorted_sets(members in btree_map(texts(), any::<f64>().prop_filter("no NaN", |score| !score.is_nan()), 1..200)) {
        let expected = sorted("zset", members.iter().map(|(member, score)| format!("{member}={}", score_text(*score))));
        let pairs = members.iter().map(|(member, score)| (bytes(member), *score));
        let small = payload::build(|out| sorted_set::write_small(out, members.len() as u64, pairs.clone()));
        let large = payload::build(|out| sorted_set::write(out, members.len() as u64, pairs));
        prop_assert_eq!((small[0], large[0]), (17, 5));
        prop_assert_eq!(render(&small), Ok(expected.clone()));
        prop_assert_eq!(render(&large), Ok(expected));
    }

    #[test]
    fn streams(entries in vec((1u64..1 << 40, 0u64..100, vec((texts(), texts()), 1..4)), 0..40), names in vec(texts(), 1..4)) {
        let mut id = StreamId::default();
        let mut body = Vec::new();
        let mut writer = StreamWriter::new(&mut body);
        let mut expected = vec!["stream".to_owned()];
        for (at, (ms, seq, fields)) in entries.iter().enumerate() {
            // Each third entry begins a node; each second one has the names of its node.
            id = StreamId { ms: id.ms + ms / 3, seq: if ms / 3 == 0 { id.seq + 1 + seq } else { *seq } };
            let fields: Vec<(&str, &str)> = match at % 2 {
                0 => names.iter().map(|name| (name.as_str(), name.as_str())).collect(),
                _ => fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            };
            if at % 3 == 0 {
                writer.node(id, names.iter().map(|name| bytes(name)));
            }
            if at % 2 == 0 {
                writer.entry_as_named(id, fields.iter().map(|(_, value)| bytes(value)));
            } else {
                writer.entry(id, fields.len(), fields.iter().map(|(name, value)| (bytes(name), bytes(value))));
            }
            let texts: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
            expected.push(format!("{}-{}:{}", id.ms, id.seq, texts.join(",")));
        }
        let history = StreamHistory { first_id: id, max_deleted_id: StreamId { ms: 7, seq: 8 }, entries_added: 99 };
        writer.totals(entries.len() as u64, id, history, 0);
        let payload = payload::build(|out| {
    out.append(&mut body);
    StreamWriter::TYPE
});
        let id = format!("{}-{}", id.ms, id.seq);
        expected.push(format!("totals:{},{id},{id},7-8,99", entries.len()));
        prop_assert_eq!(render(&payload), Ok(expected.join(" ")));
    }
}

#[test]
fn groups() {
    let id = |ms| StreamId { ms, seq: 1 };
    let mut body = Vec::new();
    let mut writer = StreamWriter::new(&mut body);
    let history = StreamHistory { first_id: id(0), max_deleted_id: id(0), entries_added: 5 };
    writer.totals(0, id(9), history, 2);
    writer.group(StreamGroup { name: b"g", last_id: id(3), entries_read: Some(3) }, 2);
    writer.pending(StreamPending { id: id(1), delivered_at: 1000, deliveries: 4 });
    writer.pending(StreamPending { id: id(2), delivered_at: -1, deliveries: 70 });
    writer.consumers(2);
    writer.consumer(StreamConsumer { name: b"alice", seen_at: 5, active_at: Some(4) }, 2);
    writer.consumer_pending(id(1));
    writer.consumer_pending(id(2));
    writer.consumer(StreamConsumer { name: b"12", seen_at: 6, active_at: None }, 0);
    writer.group(StreamGroup { name: b"", last_id: id(0), entries_read: None }, 0);
    writer.consumers(0);
    let payload = payload::build(|out| {
        out.append(&mut body);
        StreamWriter::TYPE
    });
    let expected = "stream totals:0,9-1,0-1,0-1,5 group:g,3-1,3 pending:1-1,1000,4 pending:2-1,-1,70 consumer:alice,5 \
                    owns:1-1 owns:2-1 consumer:12,6 group:,0-1,-";
    assert_eq!(render(&payload).as_deref(), Ok(expected));
}

/// Payloads of redis-server, read and written again, are the same bytes where we choose as it does.
#[test]
fn bytes_are_those_of_redis_server() {
    let mut compared = 0;
    for (name, original, _) in captured() {
        let Some(written) = rewritten(&original).filter(|_| name != "list with plain nodes") else { continue };
        assert_eq!(written, original, "{name}");
        compared += 1;
    }
    assert!(compared > 20, "{compared}");
}

/// The value of a payload, written again in the same form, if that is one that depends on the value alone.
fn rewritten(original: &[u8]) -> Option<Vec<u8>> {
    let own = |element: Element| element.text(&mut itoa::Buffer::new()).to_vec();
    let (object_type, mut reader) = payload::open(original).unwrap();
    // What was written by hand is not compressed, and in long strings the compressors' tables have different collisions.
    let version = original[original.len() - 10];
    if version != 10 || original.len() > 200 {
        return None;
    }
    let reader = &mut reader;
    let mut ones: Vec<Vec<u8>> = Vec::new();
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let mut scores: Vec<(Vec<u8>, f64)> = Vec::new();
    match object_type {
        ObjectType::String => Some(payload::build(|out| {
            super::writer::push_element(out, reader.string().unwrap().element());
            object_type
        })),
        ObjectType::Set(form) => {
            set::read(form, reader, |member| keep(&mut ones, own(member))).unwrap();
            let members = ones.iter().map(|member| Element::of(member));
            Some(payload::build(|out| match form {
                set::SetForm::Intset => set::write_integers(out, members.map(|member| member.as_int().unwrap())),
                _ => set::write(out, ones.len() as u64, members),
            }))
        }
        ObjectType::Hash(form) => {
            hash::read(form, reader, |field| keep(&mut pairs, (own(field.name), own(field.value)))).unwrap();
            let fields = pairs.iter().map(|(field, value)| (Element::of(field), Element::of(value)));
            Some(payload::build(|out| match form {
                hash::HashForm::Strings => hash::write(out, pairs.len() as u64, fields),
                _ => hash::write_small(out, Packed::new(&packed(fields.flat_map(|(field, value)| [field, value])))),
            }))
        }
        ObjectType::SortedSet(form) => {
            sorted_set::read(form, reader, |member, score| keep(&mut scores, (own(member), score))).unwrap();
            let members = scores.iter().map(|(member, score)| (Element::of(member), *score));
            Some(payload::build(|out| match form {
                sorted_set::SortedSetForm::BinaryScores => sorted_set::write(out, scores.len() as u64, members),
                _ => sorted_set::write_small(out, scores.len() as u64, members),
            }))
        }
        ObjectType::List(list::ListForm::Quicklist2) => {
            let mut nodes = Vec::new();
            list::read(list::ListForm::Quicklist2, reader, |part| keep(&mut nodes, packed(items(&part).into_iter())))
                .expect("what was written can be read");
            Some(payload::build(|out| list::write(out, nodes.iter().map(|node| Packed::new(node)))))
        }
        ObjectType::List(_) | ObjectType::Stream(_) => None,
    }
}

fn keep<T>(all: &mut Vec<T>, one: T) -> Result<(), Corrupt> {
    all.push(one);
    Ok(())
}
