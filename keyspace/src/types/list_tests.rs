//! A list in either form against a `VecDeque` of strings.

use std::collections::VecDeque;

use super::*;
use proptest::prelude::*;

fn texts() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => (-3..9i64).prop_map(|n| n.to_string().into_bytes()),
        4 => "[a-c]{0,2}".prop_map(String::into_bytes),
        1 => (7..100usize).prop_map(|len| vec![b'v'; len]),
        1 => (500..5000usize).prop_map(|len| vec![b'v'; len]),
    ]
}

fn ends() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Head), Just(End::Tail)]
}

fn check(list: List, model: &VecDeque<Vec<u8>>, at: usize) -> Result<(), TestCaseError> {
    prop_assert_eq!((list.len(), list.is_empty()), (model.len(), model.is_empty()));
    prop_assert_eq!(list.get(at).map(|item| item.to_vec()), model.get(at).cloned());
    prop_assert_eq!(list.end(End::Head).map(|item| item.to_vec()), model.front().cloned());
    prop_assert_eq!(list.end(End::Tail).map(|item| item.to_vec()), model.back().cloned());
    let mut seen = Vec::new();
    list.for_range(at, 5, |item| seen.push(item.to_vec()));
    prop_assert_eq!(seen, model.iter().skip(at).take(5).cloned().collect::<Vec<_>>());
    let mut seen = Vec::new();
    list.last(at, |item| seen.push(item.to_vec()));
    prop_assert_eq!(seen, model.iter().rev().take(at).cloned().collect::<Vec<_>>());
    let mut seen = Vec::new();
    list.walk(End::Head, |item| {
        seen.push(item.to_vec());
        ControlFlow::Continue(())
    });
    prop_assert_eq!(seen, model.iter().cloned().collect::<Vec<_>>());
    Ok(())
}

fn edit(list: &mut ListMut, model: &mut VecDeque<Vec<u8>>, kind: u8, end: End, texts: &[Vec<u8>], at: usize) {
    match kind {
        0..4 => {
            list.push(end, texts.iter().map(|text| &text[..]));
            texts.iter().cloned().for_each(|text| match end {
                End::Head => model.push_front(text),
                End::Tail => model.push_back(text),
            });
        }
        4 => {
            if at < model.len() {
                list.make_room(1, texts[0].len());
                list.insert(at, end, &texts[0]);
                model.insert(if end == End::Head { at } else { at + 1 }, texts[0].clone());
            }
        }
        5 => {
            list.make_room(1, texts[0].len());
            assert_eq!(list.set(at, &texts[0]), at < model.len());
            if let Some(item) = model.get_mut(at) {
                *item = texts[0].clone();
            }
        }
        6 => {
            drop(list.remove(end, at));
            (0..at).for_each(|_| drop(if end == End::Head { model.pop_front() } else { model.pop_back() }));
        }
        _ => {
            let found = model.iter().filter(|item| **item == texts[0]).count();
            assert_eq!(list.remove_equal(end, &texts[0], usize::MAX), found);
            model.retain(|item| *item != texts[0]);
        }
    }
    list.settle();
}

proptest! {
    #[test]
    fn is_a_deque_in_either_form(
        edits in proptest::collection::vec((0..8u8, ends(), proptest::collection::vec(texts(), 1..4), 0..1000usize), 0..100),
        limit in prop_oneof![Just(-1), 0..30i32],
    ) {
        let limit = NodeLimit::of(limit);
        let mut entry = empty(b"key", AccessBits::default());
        let mut model = VecDeque::new();
        for (kind, end, texts, at) in edits {
            let at = at % (model.len() + 1);
            edit(&mut ListMut::of(&mut entry, limit), &mut model, kind, end, &texts, at);
            check(List::of(&entry), &model, at)?;
            let texts: usize = model.iter().map(Vec::len).sum();
            prop_assert!(entry.heap_bytes() >= texts);
            match List::of(&entry) {
                List::Large(nodes) => {
                    let half = |node: &Packed| limit.allows_packed_again(node.listpack_bytes(), node.len());
                    prop_assert!(nodes.is_empty() || nodes.only_node().filter(half).is_none());
                }
                List::Packed(packed) => {
                    // Items count with their texts before they are added, so the last ones' heads come on top; and what was one
                    // long item may be packed again where the setting counts items.
                    let bytes = if limit.setting() < 0 { packed.listpack_bytes().saturating_sub(3 * 4) } else { 0 };
                    prop_assert!(limit.allows(bytes, packed.len()));
                }
            }
        }
        let copy = entry.duplicate(b"other", AccessBits::default(), &crate::hash::KeyHasher::new([1, 2, 3, 4]));
        check(List::of(&copy), &model, 0)?;
        prop_assert_eq!(copy.key(), b"other");
    }
}
