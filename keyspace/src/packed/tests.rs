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
        (-140..140i64),
        prop_oneof![-4100..-4090i64, 4090..4100i64],
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

/// The first values of all classes of integers, with the bytes that they have in a listpack, from the middle outwards.
const INTEGERS: [(i64, usize); 13] = [
    (0, 2),
    (128, 3),
    (4096, 4),
    (0x8000, 5),
    (0x80_0000, 6),
    (0x8000_0000, 10),
    (i64::MAX, 10),
    (-1, 3),
    (-4097, 4),
    (-0x8001, 5),
    (-0x80_0001, 6),
    (-0x8000_0001, 10),
    (i64::MIN, 10),
];

#[test]
fn integers_have_the_bytes_of_a_listpack() {
    let mut before = 2;
    for (value, bytes) in INTEGERS {
        // The one nearer to 0 is of the class before.
        let inner = value - value.signum();
        for (value, bytes) in [(value, bytes), (inner, if value == -1 || value == 0 { 2 } else { before })] {
            let same = if value == i64::MAX - 1 || value == i64::MIN + 1 { 10 } else { bytes };
            let text = value.to_string();
            assert_eq!(Encoded::of(text.as_bytes()).stored_len(), same, "{value}");
            comes_back(text.as_bytes());
        }
        before = bytes;
    }
}

#[test]
fn strings_have_the_bytes_of_a_listpack() {
    // Lengths on both sides of where the head or the back length grows, with the bytes of both.
    let rows = [
        (0, 2),
        (63, 2),
        (64, 3),
        (125, 3),
        (126, 4),
        (4095, 4),
        (4096, 7),
        (16_377, 7),
        (16_378, 8),
        (2_097_145, 8),
        (2_097_146, 9),
    ];
    for (len, beside) in rows {
        let text = vec![b'x'; len];
        assert_eq!(Encoded::of(&text).stored_len(), len + beside, "{len}");
        comes_back(&text);
    }
    assert_eq!(Back::of(268_435_454).bytes().len(), 4);
    assert_eq!(Back::of(268_435_455).bytes().len(), 5);
    assert_eq!(Back::of(u32::MAX as usize + 5).bytes(), b"\x10\x80\x80\x80\x84");
}

/// Checks that a text is found, and read in both directions, between others.
#[track_caller]
fn comes_back(text: &[u8]) {
    let mut bytes = EMPTY.to_vec();
    PackedMut::new(&mut bytes).push_back(&[Encoded::of(b"a"), Encoded::of(text), Encoded::of(b"z")]);
    let packed = Packed::new(&bytes);
    assert_eq!(packed.listpack_bytes(), 7 + 3 + Encoded::of(text).stored_len() + 3);
    let at = packed.find(packed.start(), &Encoded::of(text), 1).expect("the element is there");
    assert_eq!((packed.seek(1), packed.seek(-2)), (Some(at), Some(at)));
    assert_eq!(packed.get(at), Element::of(text));
    assert_eq!(packed.next(at).map(|at| packed.get(at)), Some(Element::Bytes(b"z")));
    assert_eq!((Element::of(text).text_len(), Encoded::of(text).text_len()), (text.len(), text.len()));
    let alone = &packed.elements()[3..];
    let (element, len) = Element::read(alone);
    assert_eq!(
        (element, len),
        (Element::of(text), Encoded::of(text).stored_len() - Encoded::of(text).back().bytes().len())
    );
    assert_eq!(Element::read_foreign(alone), Some((element, len)));
    for end in (0..len).step_by(1 + len / 50) {
        assert_eq!(Element::read_foreign(&alone[..end]), None, "cut at {end}");
    }
}

#[test]
fn bytes_that_came_from_outside() {
    /// The bytes, and what they hold.
    type Row<'a> = (&'a [u8], Option<(Element<'a>, usize)>);
    // Unknown heads, and forms that are not made here.
    let rows: [Row; 12] = [
        (b"\x7f", Some((Element::Int(127), 1))),
        (b"\x8212", Some((Element::Int(12), 3))),
        (b"\x8201", Some((Element::Bytes(b"01"), 3))),
        (b"\xc0\x05", Some((Element::Int(5), 2))),
        (b"\xdf\xff", Some((Element::Int(-1), 2))),
        (b"\xd0\x00", Some((Element::Int(-4096), 2))),
        (b"\xe0\x01a", Some((Element::Bytes(b"a"), 3))),
        (b"\xf0\x01\x00\x00\x007", Some((Element::Int(7), 6))),
        (b"\xf1\xff\xff", Some((Element::Int(-1), 3))),
        (b"\xf4\x01\x00\x00\x00\x00\x00\x00\x80", Some((Element::Int(i64::MIN + 1), 9))),
        (b"\xf5\x00\x00", None),
        (b"\xff", None),
    ];
    for (bytes, expected) in rows {
        assert_eq!(Element::read_foreign(bytes), expected, "{bytes:?}");
    }
}

proptest! {
    #[test]
    fn is_built_as_it_is_edited(first in proptest::collection::vec(texts(), 0..30), second in proptest::collection::vec(texts(), 0..30)) {
        let (mut one, mut other) = (Builder::default(), Builder::default());
        first.iter().for_each(|text| one.push(Element::of(text)));
        second.iter().for_each(|text| other.push(Element::of(text)));
        let tail = other.clone().finish();
        let mut appended = one.clone().finish();
        PackedMut::new(&mut appended).append(Packed::new(&tail));
        one.append(&other);
        prop_assert_eq!(one.count(), first.len() + second.len());
        let mut edited = EMPTY.to_vec();
        let encoded: Vec<Encoded> = first.iter().chain(&second).map(|text| Encoded::of(text)).collect();
        PackedMut::new(&mut edited).push_back(&encoded);
        prop_assert_eq!(&one.finish(), &edited);
        prop_assert_eq!(&appended, &edited);
    }

    #[test]
    fn whatever_comes_from_outside_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..20)) {
        if let Some((element, len)) = Element::read_foreign(&bytes) {
            prop_assert!(len <= bytes.len());
            prop_assert!(Encoded::element(element).stored_len() <= len + Back::of(len).bytes().len());
        }
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
