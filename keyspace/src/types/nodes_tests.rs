//! The nodes of a large list against a `VecDeque` of strings.

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Edit {
    Push(End, Vec<u8>),
    Insert(u16, Vec<u8>),
    Set(u16, Vec<u8>),
    Remove(End, u16),
    RemoveEqual(End, Vec<u8>, usize),
}

fn ends() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Head), Just(End::Tail)]
}

fn texts() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => (-3..9i64).prop_map(|n| n.to_string().into_bytes()),
        3 => "[a-c]{0,9}".prop_map(String::into_bytes),
        1 => (0..200usize).prop_map(|len| vec![b'v'; len]),
    ]
}

fn edits() -> impl Strategy<Value = Edit> {
    prop_oneof![
        10 => (ends(), texts()).prop_map(|(end, text)| Edit::Push(end, text)),
        10 => (any::<u16>(), texts()).prop_map(|(at, text)| Edit::Insert(at, text)),
        4 => (any::<u16>(), texts()).prop_map(|(at, text)| Edit::Set(at, text)),
        2 => (ends(), 0..8u16).prop_map(|(end, count)| Edit::Remove(end, count)),
        1 => (ends(), any::<u16>()).prop_map(|(end, count)| Edit::Remove(end, count)),
        1 => (ends(), texts(), 0..40usize).prop_map(|(end, text, count)| Edit::RemoveEqual(end, text, count)),
    ]
}

fn limits() -> impl Strategy<Value = NodeLimit> {
    prop_oneof![
        (8..100usize).prop_map(|bytes| NodeLimit { bytes, items: usize::MAX }),
        (1..6usize).prop_map(|items| NodeLimit { bytes: 1000, items }),
    ]
}

/// The index that a number means in a list of so many items.
fn index(number: u16, len: usize) -> usize {
    number as usize % (len + 1)
}

fn apply(nodes: &mut Nodes, model: &mut VecDeque<Vec<u8>>, edit: Edit, limit: NodeLimit) {
    match edit {
        Edit::Push(end, text) => {
            nodes.push(end, &Encoded::of(&text), limit);
            if end == End::Head { model.push_front(text) } else { model.push_back(text) }
        }
        Edit::Insert(at, text) => {
            let at = index(at, model.len());
            nodes.insert(at, &Encoded::of(&text), limit);
            model.insert(at, text);
        }
        Edit::Set(at, text) => {
            let at = index(at, model.len());
            if at < model.len() {
                nodes.set(at, &Encoded::of(&text), limit);
                model[at] = text;
            }
        }
        Edit::Remove(end, count) => {
            let count = index(count, model.len() / 2);
            let before = nodes.heap_bytes();
            let gone = nodes.remove(end, count);
            assert!(gone.len() <= count && nodes.heap_bytes() <= before + 2 * Packed::new(packed::EMPTY).bytes().len());
            check_figures(&gone);
            for _ in 0..count {
                let _ = if end == End::Head { model.pop_front() } else { model.pop_back() };
            }
        }
        Edit::RemoveEqual(end, text, count) => {
            let matches: Vec<usize> = (0..model.len()).filter(|&at| model[at] == text).collect();
            let removed = nodes.remove_equal(end, &Encoded::of(&text), count);
            assert_eq!(removed, count.min(matches.len()));
            let skipped = if end == End::Head { 0 } else { matches.len() - removed };
            matches[skipped..skipped + removed].iter().rev().for_each(|&at| drop(model.remove(at)));
        }
    }
}

/// What is kept incrementally is what counting gives, and nothing is empty.
fn check_figures(nodes: &Nodes) {
    let mut bytes = nodes.chunks.capacity() * size_of::<Chunk>();
    for chunk in &nodes.chunks {
        assert!(!chunk.nodes.is_empty() && chunk.nodes.len() <= CHUNK_NODES_MAX);
        assert_eq!(chunk.items, chunk.nodes.iter().map(|node| node.items).sum::<usize>());
        bytes += chunk.nodes.capacity() * size_of::<Node>();
        for node in &chunk.nodes {
            assert!(node.items > 0 && node.items == node.packed().len());
            bytes += node.bytes.capacity();
        }
    }
    assert_eq!(nodes.heap_bytes(), bytes);
    assert_eq!(nodes.len(), nodes.chunks.iter().map(|chunk| chunk.items).sum::<usize>());
    assert_eq!(nodes.node_count(), nodes.nodes().count());
}

fn texts_of<'a>(packed: impl Iterator<Item = Packed<'a>>) -> Vec<Vec<u8>> {
    packed.flat_map(|packed| packed.iter().map(|item| item.to_vec()).collect::<Vec<_>>()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn is_a_deque(list in proptest::collection::vec(edits(), 0..600), limit in limits()) {
        let (mut nodes, mut model) = (Nodes::default(), VecDeque::new());
        for (step, edit) in list.into_iter().enumerate() {
            apply(&mut nodes, &mut model, edit, limit);
            check_figures(&nodes);
            prop_assert_eq!((nodes.len(), nodes.is_empty()), (model.len(), model.is_empty()));
            let at = step % (model.len() + 1);
            prop_assert_eq!(nodes.get(at).map(|item| item.to_vec()), model.get(at).cloned());
            if step % 16 == 0 {
                let (rest, skipped) = nodes.nodes_from(at);
                let rest = texts_of(rest);
                prop_assert_eq!(&rest[skipped.min(rest.len())..], &model.make_contiguous()[at..]);
            }
        }
        prop_assert_eq!(&texts_of(nodes.nodes())[..], model.make_contiguous());
        let within = |node: Packed| limit.allows(node.bytes().len(), node.len()) || node.len() == 1;
        prop_assert!(nodes.nodes().all(within));
        prop_assert_eq!(nodes.only_node().is_some(), nodes.node_count() == 1);
        let mut copy = nodes.duplicate();
        check_figures(&copy);
        prop_assert_eq!(&texts_of(copy.nodes())[..], model.make_contiguous());
        while copy.free_piece(3) >= 3 {}
        prop_assert!(copy.nodes().next().is_none());
    }
}

#[test]
fn ends_cost_no_walk_and_no_waste() {
    let limit = NodeLimit::of(-2);
    for (enter, leave) in [(End::Head, End::Head), (End::Head, End::Tail), (End::Tail, End::Head)] {
        let mut nodes = Nodes::default();
        (0..50_000u32).for_each(|n| nodes.push(enter, &Encoded::of(n.to_string().as_bytes()), limit));
        check_figures(&nodes);
        let stored: usize = nodes.nodes().map(|node| node.bytes().len()).sum();
        assert!(nodes.heap_bytes() < stored + stored / 50 + 8192, "{} for {stored}", nodes.heap_bytes());
        (0..50_000).for_each(|_| assert!(nodes.remove(leave, 1).is_empty()));
        check_figures(&nodes);
        assert!(nodes.is_empty() && nodes.heap_bytes() < 1000, "{} bytes are left", nodes.heap_bytes());
    }
}

#[test]
fn a_large_part_is_handed_over_and_freed_in_pieces() {
    let (mut nodes, limit) = (Nodes::default(), NodeLimit::of(1));
    (0..10_000u32).for_each(|n| nodes.push(End::Tail, &Encoded::of(n.to_string().as_bytes()), limit));
    let mut gone = nodes.remove(End::Head, 9_990);
    check_figures(&nodes);
    check_figures(&gone);
    assert_eq!((nodes.len(), gone.len()), (10, 9_984));
    let mut pieces = 0;
    while gone.free_piece(100) >= 100 {
        pieces += 1;
    }
    assert_eq!(pieces, 99);
}

#[test]
fn large_items_have_nodes_of_their_own() {
    let (mut nodes, limit) = (Nodes::default(), NodeLimit::of(-1));
    let large = vec![b'v'; 5000];
    for text in [&b"a"[..], &large, b"b", b"c", &large] {
        nodes.push(End::Tail, &Encoded::of(text), limit);
    }
    nodes.insert(3, &Encoded::of(&large), limit);
    assert_eq!(nodes.nodes().map(|node| node.len()).collect::<Vec<_>>(), [1, 1, 1, 1, 1, 1]);
    nodes.set(1, &Encoded::of(b"x"), limit);
    nodes.set(2, &Encoded::of(&large), limit);
    assert_eq!(nodes.len(), 6);
    assert!(nodes.heap_bytes() < 3 * 5000 + 2000, "{} bytes", nodes.heap_bytes());
    check_figures(&nodes);
}
