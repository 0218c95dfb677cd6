//! Digests of values and of whole databases, equal to those of redis-server for equal data: DEBUG DIGEST and DIGEST-VALUE.
//!
//! SHA-1 throughout. What has no order is summed up by exclusive or, so that neither side has to sort; what has one is hashed on.
//! The way of it was learned from redis-server's answers, and holds for every type there.

use crate::double;
use crate::entry::{Entry, Form, Kind};
use crate::intset::IntSet;
use crate::packed::Packed;
use crate::types::stream::{EntryRef, StreamId};
use crate::types::{Object, scored};
use sha1::Digest as _;

/// 160 bits that stand for data; zeros for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest([u8; 20]);

impl Digest {
    /// Adds what has no order among its like.
    pub fn add(&mut self, bytes: &[u8]) {
        let sum = sha1(bytes);
        self.0.iter_mut().zip(sum).for_each(|(own, other)| *own ^= other);
    }

    /// Adds what comes after all that was added before.
    pub fn append(&mut self, bytes: &[u8]) {
        self.add(bytes);
        self.0 = sha1(&self.0);
    }

    /// Forty hexadecimal digits.
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Adds the databases's number: its keys follow.
    pub fn begin_database(&mut self, number: u32) {
        self.append(&number.to_be_bytes());
    }

    /// Adds a key with its value and deadline.
    pub fn add_key(&mut self, entry: &Entry) {
        let mut digest = Digest::default();
        digest.append(entry.key());
        digest.append_value(entry);
        self.add(&digest.0);
    }

    /// The digest of an entry's value and whether it has a deadline.
    pub fn of_value(entry: &Entry) -> Digest {
        let mut digest = Digest::default();
        digest.append_value(entry);
        digest
    }

    fn append_value(&mut self, entry: &Entry) {
        self.append(&type_number(entry.kind()).to_be_bytes());
        match entry.object() {
            Some(Object::List(nodes)) => nodes.nodes().for_each(|node| self.append_items(node)),
            Some(Object::Hash(fields)) => fields.entries().for_each(|field| self.add_field(field)),
            Some(Object::Set(fields)) => fields.iter().for_each(|(member, _)| self.add(member)),
            Some(Object::SortedSet(set)) => set.ascending(0).for_each(|(member, score)| self.add_scored(member, score)),
            Some(Object::Stream(stream)) => {
                stream.log().range(StreamId::MIN, StreamId::MAX).for_each(|entry| self.append_stream_entry(entry));
            }
            None => self.append_small(entry),
        }
        if entry.deadline().is_some() {
            self.add(b"!!expire!!");
        }
    }

    /// A string or a small collection.
    fn append_small(&mut self, entry: &Entry) {
        let bytes = entry.value();
        let (mut one, mut two) = (itoa::Buffer::new(), itoa::Buffer::new());
        match (entry.kind(), entry.form()) {
            (Kind::List, _) => self.append_items(Packed::new(bytes)),
            (Kind::Hash, _) => {
                let pairs = Packed::new(bytes).pairs();
                pairs.for_each(|(field, value)| self.add_pair(field.text(&mut one), value.text(&mut two)));
            }
            (Kind::Set, Some(Form::IntSet)) => {
                IntSet::new(bytes).iter().for_each(|member| self.add(one.format(member).as_bytes()));
            }
            (Kind::Set, _) => Packed::new(bytes).iter().for_each(|member| self.add(member.text(&mut one))),
            (Kind::SortedSet, _) => {
                let pairs = scored::pairs(&Packed::new(bytes));
                pairs.for_each(|(member, score)| self.add_scored(member.text(&mut one), score));
            }
            _ => self.append(bytes),
        }
    }

    fn append_items(&mut self, node: Packed<'_>) {
        node.iter().for_each(|item| self.append(item.text(&mut itoa::Buffer::new())));
    }

    fn append_stream_entry(&mut self, entry: EntryRef<'_>) {
        self.append(format!("{}.{}", entry.id.ms, entry.id.seq).as_bytes());
        for (field, value) in entry.pairs() {
            self.append(field.text(&mut itoa::Buffer::new()));
            self.append(value.text(&mut itoa::Buffer::new()));
        }
    }

    fn add_scored(&mut self, member: &[u8], score: f64) {
        self.add_pair(member, &double::text(score));
    }

    /// A field of a large hash, which may have a deadline.
    fn add_field(&mut self, field: &Entry) {
        let mut pair = Digest::default();
        pair.append(field.key());
        pair.append(field.value());
        if field.deadline().is_some() {
            pair.add(b"!!hexpire!!");
        }
        self.add(&pair.0);
    }

    fn add_pair(&mut self, name: &[u8], value: &[u8]) {
        let mut pair = Digest::default();
        pair.append(name);
        pair.append(value);
        self.add(&pair.0);
    }
}

fn sha1(bytes: &[u8]) -> [u8; 20] {
    sha1::Sha1::digest(bytes).into()
}

/// The number by which a digest knows a type.
fn type_number(kind: Kind) -> u32 {
    match kind {
        Kind::String => 0,
        Kind::List => 1,
        Kind::Set => 2,
        Kind::SortedSet => 3,
        Kind::Hash => 4,
        Kind::Stream => 6,
    }
}
