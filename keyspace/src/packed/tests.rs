//! A packed collection behaves as a `Vec` of byte strings.

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Edit {
    Insert(usize, Vec<Vec<u8>>),
    Set(usize, Vec<u8>),
    Remove(usize, usize),
}

fn texts() -> impl Strategy<Value = Vec<u8>> {
    let int = prop_oneof![
        any::<i64>(),
        -70..70i64,
        any::<i16>().prop_map(i64::from),
        any::<i32>().prop_map(i64::from),
        prop_oneof![
            Just(0x7f_ffffi64),
            Just(0x80_0000),
            Just(-0x80_0000),
            Just(-0x80_0001),
            Just(i64::MIN),
            Just(i64::MAX)
        ],
    ];
    prop_oneof![
        4 => int.prop_map(|n| n.to_string().into_bytes()),
        4 => proptest::collection::vec(any::<u8>(), 0..10),
        1 => Just(b"-0".to_vec()),
        1 => Just(b"007".to_vec()),
        2 => (prop_oneof![60..70usize, 120..135usize, 4090..4100usize, 16_380..16_390usize], any::<u8>())
            .prop_map(|(len, byte)| vec![byte; len]),
    ]
}

fn edits() -> impl Strategy<Value = Edit> {
    prop_oneof![
        3 => (any::<usize>(), proptest::collection::vec(texts(), 0..6)).prop_map(|(at, new)| Edit::Insert(at, new)),
        1 => (any::<usize>(), texts()).prop_map(|(at, text)| Edit::Set(at, text)),
        1 => (any::<usize>(), 0..4usize).prop_map(|(at, count)| Edit::Remove(at, count)),
    ]
}

fn offset(packed: Packed, index: usize) -> Offset {
    packed.seek(index as i64).unwrap_or(packed.end())
}

fn apply(bytes: &mut Vec<u8>, model: &mut Vec<Vec<u8>>, edit: Edit) {
    let mut packed = PackedMut::new(bytes);
    match edit {
        Edit::Insert(at, new) => {
            let at = at % (model.len() + 1);
            let encoded: Vec<Encoded> = new.iter().map(|text| Encoded::of(text)).collect();
            packed.insert(offset(packed.as_packed(), at), &encoded);
            model.splice(at..at, new);
        }
        Edit::Set(at, text) if !model.is_empty() => {
            let at = at % model.len();
            packed.set(offset(packed.as_packed(), at), &Encoded::of(&text));
            model[at] = text;
        }
        Edit::Remove(at, count) if !model.is_empty() => {
            let at = at % model.len();
            let count = count.min(model.len() - at);
            packed.remove(offset(packed.as_packed(), at), count);
            model.drain(at..at + count);
        }
        _ => {}
    }
}

proptest! {
    #[test]
    fn is_a_list_of_strings(list in proptest::collection::vec(edits(), 0..40), needle in texts()) {
        let (mut bytes, mut model) = (EMPTY.to_vec(), Vec::new());
        for edit in list {
            apply(&mut bytes, &mut model, edit);
            let packed = Packed::new(&bytes);
            prop_assert_eq!(packed.len(), model.len());
            prop_assert_eq!(packed.is_empty(), model.is_empty());
            let texts: Vec<Vec<u8>> = packed.iter().map(|e| e.to_vec()).collect();
            prop_assert_eq!(&texts, &model);
            let mut back: Vec<Vec<u8>> = packed.iter().rev().map(|e| e.to_vec()).collect();
            back.reverse();
            prop_assert_eq!(&back, &model);
            let stored: usize = model.iter().map(|text| Encoded::of(text).stored_len()).sum();
            prop_assert_eq!(bytes.len(), stored + EMPTY.len());
            prop_assert!(bytes.capacity() <= 2 * bytes.len() + 64);
        }
        let packed = Packed::new(&bytes);
        for (index, text) in model.iter().enumerate() {
            let from_end = index as i64 - model.len() as i64;
            for index in [index as i64, from_end] {
                let element = packed.get(packed.seek(index).unwrap());
                prop_assert_eq!(&element.to_vec(), text);
                prop_assert_eq!(element.text_len(), text.len());
                prop_assert_eq!(element, Element::of(text));
            }
            let found = packed.find(packed.start(), &Encoded::of(text), 1).unwrap();
            let first = model.iter().position(|other| other == text).unwrap();
            prop_assert_eq!(Some(found), packed.seek(first as i64));
        }
        prop_assert_eq!(packed.seek(model.len() as i64), None);
        prop_assert_eq!(packed.seek(-1 - model.len() as i64), None);
        let found = packed.find(packed.start(), &Encoded::of(&needle), 1);
        prop_assert_eq!(found.is_some(), model.contains(&needle));
    }
}

proptest! {
    #[test]
    fn elements_leave_together(list in proptest::collection::vec((texts(), any::<bool>()), 0..60), at in any::<u16>()) {
        let mut bytes = EMPTY.to_vec();
        let elements: Vec<Encoded> = list.iter().map(|(text, _)| Encoded::of(text)).collect();
        PackedMut::new(&mut bytes).push_back(&elements);
        let place = |index: usize| Packed::new(&bytes).seek(index as i64).unwrap();
        let places: Vec<Offset> = (0..list.len()).filter(|&index| list[index].1).map(place).collect();
        let all = |bytes: &[u8]| Packed::new(bytes).iter().map(|element| element.to_vec()).collect::<Vec<_>>();
        let mut less = bytes.clone();
        PackedMut::new(&mut less).remove_each(&places);
        let kept: Vec<Vec<u8>> = list.iter().filter(|(_, leaves)| !leaves).map(|(text, _)| text.clone()).collect();
        prop_assert_eq!(Packed::new(&less).len(), kept.len());
        prop_assert_eq!(all(&less), kept);
        if !list.is_empty() {
            let index = at as usize % list.len();
            let place = place(index);
            let tail = PackedMut::new(&mut bytes).split_off(place, list.len() - index);
            let texts: Vec<Vec<u8>> = list.into_iter().map(|(text, _)| text).collect();
            prop_assert_eq!((Packed::new(&bytes).len(), Packed::new(&tail).len()), (index, texts.len() - index));
            prop_assert_eq!((&all(&bytes)[..], &all(&tail)[..]), texts.split_at(index));
        }
    }
}

#[test]
fn sizes() {
    // Text and the bytes that it takes, its back length included.
    let rows: [(&[u8], usize); 10] = [
        (b"", 2),
        (b"a", 3),
        (b"7", 2),
        (b"63", 2),
        (b"64", 4),
        (b"-1", 4),
        (b"40000", 5),
        (b"9000000", 6),
        (b"3000000000", 10),
        (&[b'x'; 63], 65),
    ];
    for (text, bytes) in rows {
        assert_eq!(Encoded::of(text).stored_len(), bytes, "{}", text.escape_ascii());
    }
}

#[test]
fn more_elements_than_the_count_holds() {
    let mut bytes = EMPTY.to_vec();
    let mut packed = PackedMut::new(&mut bytes);
    for n in 0..70_000 {
        packed.push_back(&[Encoded::int(n)]);
    }
    assert_eq!(packed.as_packed().len(), 70_000);
    assert_eq!(packed.as_packed().seek(-1).map(|at| packed.as_packed().get(at)), Some(Element::Int(69_999)));
    packed.remove(packed.as_packed().start(), 69_999);
    assert_eq!(packed.as_packed().len(), 1);
    packed.remove(packed.as_packed().start(), 1);
    assert_eq!(bytes, EMPTY);
}

#[test]
fn finds_by_stride() {
    let mut bytes = EMPTY.to_vec();
    let mut packed = PackedMut::new(&mut bytes);
    for text in ["a", "b", "b", "c"] {
        packed.push_back(&[Encoded::of(text.as_bytes())]);
    }
    let packed = packed.as_packed();
    assert_eq!(packed.find(packed.start(), &Encoded::of(b"b"), 2), packed.seek(2));
    assert_eq!(packed.find(packed.start(), &Encoded::of(b"c"), 2), None);
}
