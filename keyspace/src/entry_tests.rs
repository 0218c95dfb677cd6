//! An entry behaves as a plain (key, value, deadline) record through any sequence of edits.

use super::*;
use proptest::prelude::*;

/// The most edits of one entry. Miri takes a thousand times as long for each.
const EDITS_MAX: usize = if cfg!(miri) { 12 } else { 40 };

#[derive(Clone, Debug)]
enum Edit {
    Set(usize, u8),
    Deadline(Option<i64>),
    Append(usize, u8),
    Access(u32),
    Shape(Shape),
}

fn edits() -> impl Strategy<Value = Edit> {
    let len = prop_oneof![0..100usize, 4090..4105usize, Just(9000)];
    prop_oneof![
        (len.clone(), any::<u8>()).prop_map(|(n, b)| Edit::Set(n, b)),
        any::<Option<i64>>().prop_map(Edit::Deadline),
        (len, any::<u8>()).prop_map(|(n, b)| Edit::Append(n, b)),
        (0..1u32 << 24).prop_map(Edit::Access),
        prop::sample::select(vec![Shape::Stored, Shape::Edited, Shape::Float, Shape::Copied]).prop_map(Edit::Shape),
    ]
}

proptest! {
    #[test]
    fn is_a_record(key_len in prop_oneof![0..40usize, 65530..65540usize], list in proptest::collection::vec(edits(), 0..EDITS_MAX)) {
        let key = vec![b'k'; key_len];
        let mut entry = Entry::new(&key, b"start", None, AccessBits::new(7));
        let (mut value, mut deadline, mut access, mut shape) = (b"start".to_vec(), None, 7, Shape::Stored);
        for edit in list {
            match edit {
                Edit::Set(n, b) => { value = vec![b; n]; entry.set_value(&value); }
                Edit::Deadline(at) => { deadline = at.map(UnixMillis); entry.set_deadline(deadline); }
                Edit::Append(n, b) => { value.resize(value.len() + n, b); entry.boxed_mut().resize(value.len(), b); }
                Edit::Access(bits) => { access = bits; entry.set_access(AccessBits::new(bits)); }
                Edit::Shape(next) => { shape = next; entry.set_shape(shape); }
            }
            prop_assert_eq!(entry.key(), &key[..]);
            prop_assert_eq!(entry.value(), &value[..]);
            prop_assert_eq!(entry.deadline(), deadline);
            prop_assert_eq!(entry.access().bits(), access);
            prop_assert_eq!(entry.shape(), shape);
            prop_assert!(entry.heap_bytes() >= key.len() + HEADER_BYTES);
        }
    }
}

#[test]
fn sixteen_and_sixteen_take_forty_bytes() {
    assert_eq!(Entry::new(&[b'k'; 16], &[b'v'; 16], None, AccessBits::new(0)).heap_bytes(), 40);
}

/// A small collection's bytes, edited through `ByteStore`, are those of a `Vec` edited so, whatever else happens to the entry.
#[derive(Clone, Debug)]
enum Splice {
    Replace(usize, usize, Vec<usize>),
    Overwrite(u8),
    Deadline(Option<i64>),
    Rename(usize),
    Form(bool),
}

fn splices() -> impl Strategy<Value = Splice> {
    let pieces = proptest::collection::vec(prop_oneof![3 => 0..20usize, 1 => 1000..3000usize], 0..4);
    prop_oneof![
        4 => (any::<usize>(), any::<usize>(), pieces).prop_map(|(from, to, pieces)| Splice::Replace(from, to, pieces)),
        1 => any::<u8>().prop_map(Splice::Overwrite),
        1 => any::<Option<i64>>().prop_map(Splice::Deadline),
        1 => (0..40usize).prop_map(Splice::Rename),
        1 => any::<bool>().prop_map(Splice::Form),
    ]
}

proptest! {
    #[test]
    fn is_a_byte_store(list in proptest::collection::vec(splices(), 0..EDITS_MAX)) {
        let mut entry = Entry::packed(b"key", Kind::Set, Form::Packed, b"start", AccessBits::new(7));
        let (mut key, mut model, mut form) = (b"key".to_vec(), b"start".to_vec(), Form::Packed);
        for splice in list {
            match splice {
                Splice::Replace(a, b, pieces) => {
                    let (a, b) = (a % (model.len() + 1), b % (model.len() + 1));
                    let pieces: Vec<Vec<u8>> = pieces.iter().map(|&len| vec![len as u8; len]).collect();
                    let slices: Vec<&[u8]> = pieces.iter().map(|piece| &piece[..]).collect();
                    entry.replace(a.min(b)..a.max(b), &slices);
                    model.splice(a.min(b)..a.max(b), pieces.concat());
                }
                Splice::Overwrite(byte) => { entry.bytes_mut().fill(byte); model.fill(byte); }
                Splice::Deadline(at) => entry.set_deadline(at.map(UnixMillis)),
                Splice::Rename(len) => { key = vec![b'r'; len]; entry = entry.renamed(&key); }
                Splice::Form(packed) => {
                    form = if packed { Form::Packed } else { Form::IntSet };
                    entry.set_form(form);
                }
            }
            prop_assert_eq!(entry.key(), &key[..]);
            prop_assert_eq!(entry.bytes(), &model[..]);
            prop_assert_eq!((entry.kind(), entry.form()), (Kind::Set, Some(form)));
            prop_assert!(entry.heap_bytes() >= key.len() + model.len() + HEADER_BYTES);
        }
        let copy = entry.duplicate(b"copy", AccessBits::new(0), &hasher());
        prop_assert_eq!((copy.kind(), copy.form(), copy.bytes()), (Kind::Set, Some(form), &model[..]));
    }
}

fn hasher() -> KeyHasher {
    KeyHasher::new([1, 2, 3, 4])
}

fn hash_of(fields: u32) -> Box<Object> {
    let mut hash = crate::types::fields::Fields::default();
    (0..fields).for_each(|n| assert!(hash.set(&hasher(), &n.to_le_bytes(), b"value")));
    Box::new(Object::Hash(hash))
}

fn fields_of(entry: &Entry) -> Option<usize> {
    match entry.object()? {
        Object::Hash(hash) | Object::Set(hash) => Some(hash.len()),
        Object::List(nodes) => Some(nodes.len()),
        _ => None,
    }
}

#[test]
fn a_large_collection_moves_with_its_entry() {
    for start in [&b"x"[..], &[b'x'; 5000]] {
        let mut entry = Entry::packed(b"key", Kind::Hash, Form::Packed, start, AccessBits::new(7));
        entry.set_object(hash_of(100));
        assert_eq!((entry.kind(), entry.form(), fields_of(&entry)), (Kind::Hash, Some(Form::Large), Some(100)));
        entry.set_deadline(Some(UnixMillis(5)));
        assert_eq!((entry.deadline(), fields_of(&entry)), (Some(UnixMillis(5)), Some(100)));
        let mut entry = entry.renamed(&[b'k'; 70_000]);
        assert_eq!((entry.key().len(), entry.access().bits(), fields_of(&entry)), (70_000, 7, Some(100)));
        assert!(entry.heap_bytes() > 70_000 + 100 * 17);
        let copy = entry.duplicate(b"copy", AccessBits::new(8), &hasher());
        assert_eq!((copy.deadline(), fields_of(&copy)), (Some(UnixMillis(5)), Some(100)));
        let object = entry.take_object();
        assert!(object.is_some() && entry.is_string() && entry.value().is_empty());
        entry.set_value(b"value");
        assert_eq!(
            (entry.value(), entry.shape(), entry.deadline()),
            (&b"value"[..], Shape::Stored, Some(UnixMillis(5)))
        );
        entry.set_object(hash_of(3));
        entry.set_object(hash_of(4));
        assert_eq!(fields_of(&entry), Some(4));
        entry.set_value(&[b'v'; 5000]);
        assert_eq!((entry.kind(), entry.value().len()), (Kind::String, 5000));
    }
}
