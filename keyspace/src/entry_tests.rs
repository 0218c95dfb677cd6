//! An entry behaves as a plain (key, value, deadline) record through any sequence of edits.

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Edit {
    Set(usize, u8),
    Deadline(Option<i64>),
    Append(usize, u8),
    Access(u32),
    Shape(bool),
}

fn edits() -> impl Strategy<Value = Edit> {
    let len = prop_oneof![0..100usize, 4090..4105usize, Just(9000)];
    prop_oneof![
        (len.clone(), any::<u8>()).prop_map(|(n, b)| Edit::Set(n, b)),
        any::<Option<i64>>().prop_map(Edit::Deadline),
        (len, any::<u8>()).prop_map(|(n, b)| Edit::Append(n, b)),
        (0..1u32 << 24).prop_map(Edit::Access),
        any::<bool>().prop_map(Edit::Shape),
    ]
}

proptest! {
    #[test]
    fn is_a_record(key_len in prop_oneof![0..40usize, 65530..65540usize], list in proptest::collection::vec(edits(), 0..30)) {
        let key = vec![b'k'; key_len];
        let mut entry = Entry::new(&key, b"start", None, AccessBits::new(7));
        let (mut value, mut deadline, mut access, mut shape) = (b"start".to_vec(), None, 7, Shape::Stored);
        for edit in list {
            match edit {
                Edit::Set(n, b) => { value = vec![b; n]; entry.set_value(&value); }
                Edit::Deadline(at) => { deadline = at.map(UnixMillis); entry.set_deadline(deadline); }
                Edit::Append(n, b) => { value.resize(value.len() + n, b); entry.boxed_mut().resize(value.len(), b); }
                Edit::Access(bits) => { access = bits; entry.set_access(AccessBits::new(bits)); }
                Edit::Shape(edited) => { shape = if edited { Shape::Edited } else { Shape::Float }; entry.set_shape(shape); }
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
