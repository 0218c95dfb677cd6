//! Payloads of redis-server 7.0.15, and ones in older and newer forms, against what they hold.
//!
//! Each line of `captured.txt`: what it is, the payload in hex, its value as [`render`] writes it. 7.0.15 wrote the forms of
//! its own, and told the values of the older forms, which were put together by hand; those of 7.2 and 7.4 it does
//! not know.

use super::crc64::crc64;
use super::element::Element;
use super::list::Part;
use super::object_type::ObjectType;
use super::payload::{self, BadPayload};
use super::reader::Reader;
use super::stream::{Fields, Names, StreamConsumer, StreamGroup, StreamId, StreamPending, StreamSink, StreamTotals};
use super::{Corrupt, hash, list, set, sorted_set, stream};
use crate::double;
use crate::packed::Packed;

/// Every captured payload with its value.
pub(crate) fn captured() -> impl Iterator<Item = (&'static str, Vec<u8>, &'static str)> {
    include_str!("captured.txt").lines().map(|line| {
        let mut parts = line.splitn(3, " | ");
        let (name, hex, value) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (name, (0..hex.len()).step_by(2).map(byte).collect(), value)
    })
}

fn text(element: Element) -> String {
    let mut digits = itoa::Buffer::new();
    let bytes = element.text(&mut digits);
    match bytes.len() {
        0..=100 => bytes.iter().map(|&byte| byte as char).collect(),
        length => format!("<{length}:{:016x}>", crc64(bytes)),
    }
}

/// The elements of a part of a list.
pub(super) fn items<'a>(part: &'a Part<'_>) -> Vec<Element<'a>> {
    match part {
        Part::Item(item) => vec![*item],
        Part::Node(node) => Packed::new(node).iter().collect(),
    }
}

/// The text of a score.
pub(super) fn score_text(score: f64) -> String {
    String::from_utf8(double::text(score).to_vec()).unwrap()
}

/// What a payload holds, as text: sets, hashes and sorted sets in the order of their text.
pub(crate) fn render(payload: &[u8]) -> Result<String, Corrupt> {
    let (object_type, mut reader) = match payload::open(payload) {
        Ok(opened) => opened,
        Err(BadPayload::Value(corrupt)) => return Err(corrupt),
        Err(BadPayload::VersionOrChecksum) => return Err(Corrupt("frame")),
    };
    let words = render_value(object_type, &mut reader)?;
    if reader.remaining() == 0 { Ok(words.join(" ")) } else { Err(Corrupt("bytes behind the value")) }
}

fn render_value(object_type: ObjectType, reader: &mut Reader) -> Result<Vec<String>, Corrupt> {
    let mut words = Vec::new();
    let head = match object_type {
        ObjectType::String => {
            words.push(text(reader.string()?.element()));
            "string"
        }
        ObjectType::List(form) => {
            list::read(form, reader, |part| {
                words.extend(items(&part).into_iter().map(text));
                Ok(())
            })?;
            "list"
        }
        ObjectType::Set(form) => {
            set::read(form, reader, |member| once(&mut words, text(member)))?;
            "set"
        }
        ObjectType::Hash(form) => {
            hash::read(form, reader, |field| {
                let until = field.deadline.map_or(String::new(), |at| format!("@{}", at.0));
                once(&mut words, format!("{}={}{until}", text(field.name), text(field.value)))
            })?;
            "hash"
        }
        ObjectType::SortedSet(form) => {
            sorted_set::read(form, reader, |member, score| {
                once(&mut words, format!("{}={}", text(member), score_text(score)))
            })?;
            "zset"
        }
        ObjectType::Stream(form) => {
            stream::read(form, reader, &mut Renderer { words: &mut words, last: StreamId::default(), names: vec![] })?;
            "stream"
        }
    };
    if !matches!(object_type, ObjectType::String | ObjectType::List(_) | ObjectType::Stream(_)) {
        words.sort();
    }
    words.insert(0, head.into());
    Ok(words)
}

/// Keeps a word that is not there yet.
fn once(words: &mut Vec<String>, word: String) -> Result<(), Corrupt> {
    if words.contains(&word) {
        return Err(Corrupt("twice"));
    }
    words.push(word);
    Ok(())
}

struct Renderer<'w> {
    words: &'w mut Vec<String>,
    last: StreamId,
    names: Vec<String>,
}

fn id(id: StreamId) -> String {
    format!("{}-{}", id.ms, id.seq)
}

impl StreamSink for Renderer<'_> {
    fn node(&mut self, base: StreamId, names: Names<'_>) -> Result<(), Corrupt> {
        assert!(base > self.last);
        self.names = names.map(|name| name.map(text)).collect::<Result<_, _>>()?;
        Ok(())
    }

    fn entry(&mut self, entry: StreamId, fields: Fields<'_>) -> Result<(), Corrupt> {
        assert!(entry > std::mem::replace(&mut self.last, entry), "ids ascend");
        assert!(fields.left() > 0);
        let same = fields.same_names();
        let pairs: Vec<_> = fields.map(|pair| pair.expect("checked before")).collect();
        assert!(!same || pairs.iter().map(|pair| text(pair.0)).eq(self.names.iter().cloned()));
        let pairs: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{}={}", text(*name), text(*value))).collect();
        self.words.push(format!("{}:{}", id(entry), pairs.join(",")));
        Ok(())
    }

    fn totals(&mut self, totals: StreamTotals) -> Result<(), Corrupt> {
        // What 5.0 does not tell is made up as its reader would.
        let first = self.words.first().map_or("0-0".into(), |word| word.split(':').next().unwrap().to_owned());
        let (first, deleted, added) = match totals.history {
            Some(history) => (id(history.first_id), id(history.max_deleted_id), history.entries_added),
            None => (first, "0-0".into(), totals.length),
        };
        self.words.push(format!("totals:{},{},{first},{deleted},{added}", totals.length, id(totals.last_id)));
        Ok(())
    }

    fn group(&mut self, group: StreamGroup<'_>) -> Result<(), Corrupt> {
        let read = group.entries_read.map_or("-".into(), |read| read.to_string());
        self.words.push(format!("group:{},{},{read}", text(Element::of(group.name)), id(group.last_id)));
        Ok(())
    }

    fn pending(&mut self, pending: StreamPending) -> Result<(), Corrupt> {
        self.words.push(format!("pending:{},{},{}", id(pending.id), pending.delivered_at, pending.deliveries));
        Ok(())
    }

    fn consumer(&mut self, consumer: StreamConsumer<'_>) -> Result<(), Corrupt> {
        let active = consumer.active_at.map_or(String::new(), |at| format!(",{at}"));
        let name = text(Element::of(consumer.name));
        self.words.push(format!("consumer:{name},{}{active}", consumer.seen_at));
        Ok(())
    }

    fn consumer_pending(&mut self, pending: StreamId) -> Result<(), Corrupt> {
        self.words.push(format!("owns:{}", id(pending)));
        Ok(())
    }
}

#[test]
fn values() {
    for (name, payload, value) in captured() {
        assert_eq!(render(&payload).as_deref(), Ok(value), "{name}");
    }
    assert!(captured().count() > 40);
}

#[test]
fn every_form_is_there() {
    let types: std::collections::BTreeSet<u8> = captured().map(|(_, payload, _)| payload[0]).collect();
    let read: Vec<u8> = (0..=255).filter(|&byte| ObjectType::of(byte).is_ok()).collect();
    assert_eq!(types.into_iter().collect::<Vec<_>>(), read);
}

#[test]
fn whatever_is_cut_short_or_empty_is_refused() {
    for (name, payload, _) in captured() {
        let body = &payload[..payload.len() - 10];
        for end in 1..body.len() {
            let mut cut = body[..end].to_vec();
            payload::seal(&mut cut, 11);
            assert!(render(&cut).is_err(), "{name} of {end} bytes");
        }
    }
    let empty_listpack = b"\x07\x07\x00\x00\x00\x00\x00\xff";
    let empty_ziplist = b"\x0b\x0b\x00\x00\x00\x0a\x00\x00\x00\x00\x00\xff";
    let empty_intset = b"\x08\x02\x00\x00\x00\x00\x00\x00\x00";
    let two_empty_nodes = [&b"\x02\x02"[..], empty_listpack, b"\x02", empty_listpack].concat();
    let rows: [(u8, &[u8]); 14] = [
        (1, b"\x00"),
        (2, b"\x00"),
        (3, b"\x00"),
        (4, b"\x00"),
        (5, b"\x00"),
        (9, b"\x02\x00\xff"),
        (10, empty_ziplist),
        (11, empty_intset),
        (12, empty_ziplist),
        (14, &[&b"\x01"[..], empty_ziplist].concat()),
        (16, empty_listpack),
        (17, empty_listpack),
        (18, &two_empty_nodes),
        (20, empty_listpack),
    ];
    for (byte, body) in rows {
        let mut payload = [&[byte], body].concat();
        payload::seal(&mut payload, 11);
        assert_eq!(render(&payload), Err(Corrupt("the collection is empty")), "type {byte}");
    }
}
