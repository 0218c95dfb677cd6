//! Stored values as payloads: what DUMP writes of an entry, and the entry that RESTORE makes.
//!
//! A small collection is written in Redis's small form, so that redis-server keeps it small, too, and a list with the nodes that
//! it has. How a restored one is kept depends on this server's limits. What `rdb` cannot see is refused here: a name that stands
//! twice.

mod distinct;
mod scores;
mod set;
mod stream;
pub(crate) mod timed;

use evict::access::AccessBits;
use evict::time::UnixMillis;

use crate::entry::{Entry, Form, Kind};
use crate::hash::KeyHasher;
use crate::intset::IntSet;
use crate::limits::{DataLimits, NodeLimit, PackedLimits};
use crate::packed::{Element, Encoded, Packed};
use crate::rdb::hash::HashForm;
use crate::rdb::list::Part;
use crate::rdb::object_type::ObjectType;
use crate::rdb::payload::{self, BadPayload};
use crate::rdb::reader::Reader;
use crate::rdb::set::SetForm;
use crate::rdb::sorted_set::SortedSetForm;
use crate::rdb::writer::push_string;
use crate::rdb::{self, Corrupt, hash, sorted_set};
use crate::store::is_expired;
use crate::types::nodes::{End, Nodes};
use crate::types::{self, Object, scored};

use distinct::Distinct;
use scores::Scores;

/// The payload of an entry's value: no deadline, no access bits.
pub fn dump(entry: &Entry, limits: &DataLimits) -> Vec<u8> {
    payload::build(|out| write(entry, limits, out))
}

/// Appends an entry's value in Redis's encoding. Returns its type. `limits` say what redis-server would keep small where that is kept
/// as a table here: a hash with deadlines of fields.
pub fn write(entry: &Entry, limits: &DataLimits, out: &mut Vec<u8>) -> ObjectType {
    match entry.object() {
        Some(Object::List(nodes)) => return rdb::list::write(out, nodes.nodes()),
        Some(Object::Hash(fields)) if fields.volatile() > 0 => return timed::write(fields, limits.hash, out),
        Some(Object::Hash(fields)) => {
            let pairs = fields.iter().map(|(field, value)| (Element::of(field), Element::of(value)));
            return hash::write(out, fields.len() as u64, pairs);
        }
        Some(Object::Set(fields)) => {
            return rdb::set::write(out, fields.len() as u64, fields.iter().map(|(member, _)| Element::of(member)));
        }
        Some(Object::SortedSet(set)) => {
            let pairs = set.descending(set.len()).map(|(member, score)| (Element::Bytes(member), score));
            return sorted_set::write(out, set.len() as u64, pairs);
        }
        Some(Object::Stream(value)) => return stream::write(value, out),
        None => {}
    }
    let bytes = entry.value();
    match (entry.kind(), entry.form()) {
        (Kind::List, _) => rdb::list::write(out, [Packed::new(bytes)].into_iter()),
        (Kind::Hash, _) => hash::write_small(out, Packed::new(bytes)),
        (Kind::Set, Some(Form::IntSet)) => rdb::set::write_integers(out, IntSet::new(bytes).iter()),
        (Kind::Set, _) => {
            let packed = Packed::new(bytes);
            rdb::set::write(out, packed.len() as u64, packed.iter())
        }
        (Kind::SortedSet, _) => {
            let packed = Packed::new(bytes);
            let pairs = scored::pairs(&packed);
            sorted_set::write_small(out, packed.len() as u64 / 2, pairs)
        }
        _ => {
            push_string(out, bytes);
            ObjectType::String
        }
    }
}

/// What a restored value needs of its place.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The key that it will have.
    pub key: &'a [u8],
    /// The entry's access bits.
    pub access: AccessBits,
    /// The keyspace's hasher.
    pub hasher: &'a KeyHasher,
    /// The limits within which collections are kept small.
    pub limits: &'a DataLimits,
    /// Fields whose deadline is before this time are left out.
    pub now: UnixMillis,
}

/// What a payload describes.
pub struct Restored {
    /// The entry, without a deadline. `None` if there was nothing but fields that have expired.
    pub entry: Option<Entry>,
    /// Fields that have expired and are not in it.
    pub expired: u64,
}

/// What a payload describes.
pub fn restore(payload: &[u8], place: Place<'_>) -> Result<Restored, BadPayload> {
    let (object_type, mut reader) = payload::open(payload)?;
    let restored = read(object_type, &mut reader, place).map_err(BadPayload::Value)?;
    match reader.remaining() {
        0 => Ok(restored),
        _ => Err(BadPayload::Value(Corrupt("bytes behind the value"))),
    }
}

/// Until when a restored collection is packed. One that is packed in the payload stays so however long its elements are: as in
/// Redis, only their number counts.
fn limits_of(limits: PackedLimits, is_packed: bool) -> PackedLimits {
    if is_packed { PackedLimits { value_bytes: usize::MAX, ..limits } } else { limits }
}

/// Reads a value of this type.
pub fn read(object_type: ObjectType, reader: &mut Reader<'_>, place: Place<'_>) -> Result<Restored, Corrupt> {
    let entry = match object_type {
        ObjectType::Hash(form) => return read_hash(form, reader, place),
        ObjectType::String => {
            let string = reader.string()?;
            let mut digits = itoa::Buffer::new();
            Entry::new(place.key, string.element().text(&mut digits), None, place.access)
        }
        ObjectType::Set(form) => {
            let limits = limits_of(place.limits.set, form == SetForm::Listpack);
            let mut members = set::SetBuilder::new(place, limits);
            rdb::set::read(form, reader, |member| members.add(member))?;
            members.finish(place)?
        }
        ObjectType::SortedSet(form) => {
            let is_packed = matches!(form, SortedSetForm::Listpack | SortedSetForm::Ziplist);
            let mut members = Scores::new(place, limits_of(place.limits.sorted_set, is_packed));
            sorted_set::read(form, reader, |member, score| members.add(member, score))?;
            members.finish()
        }
        ObjectType::List(form) => {
            let mut nodes = Nodes::new(NodeLimit::of(place.limits.list_node));
            rdb::list::read(form, reader, |part| {
                match part {
                    Part::Item(item) => nodes.push(End::Tail, &Encoded::element(item)),
                    Part::Node(packed) => nodes.push_packed(packed),
                }
                Ok(())
            })?;
            types::list::made(place.key, nodes, place.access)
        }
        ObjectType::Stream(form) => {
            let mut builder = stream::StreamBuilder::default();
            rdb::stream::read(form, reader, &mut builder)?;
            Entry::large(place.key, Box::new(Object::Stream(builder.finish()?)), place.access)
        }
    };
    Ok(Restored { entry: Some(entry), expired: 0 })
}

/// Reads a hash, but for the fields that have expired.
fn read_hash(form: HashForm, reader: &mut Reader<'_>, place: Place<'_>) -> Result<Restored, Corrupt> {
    let is_packed = matches!(form, HashForm::Listpack | HashForm::Ziplist);
    let mut fields = Distinct::new(Kind::Hash, limits_of(place.limits.hash, is_packed), place.hasher);
    let (mut kept, mut expired) = (0u64, 0);
    hash::read(form, reader, |field| {
        if is_expired(field.deadline, place.now) {
            expired += 1;
            return Ok(());
        }
        kept += 1;
        fields.add_field(field)
    })?;
    Ok(Restored { entry: (kept > 0).then(|| fields.finish(place)), expired })
}

#[cfg(test)]
mod tests;
