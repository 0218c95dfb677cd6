//! The nodes of a large list against a `VecDeque` of strings.

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Edit {
    Push(End, Vec<u8>),
    Insert(u16, End, Vec<u8>),
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
        2 => (0..1500usize).prop_map(|len| vec![b'v'; len]),
        1 => (3500..4500usize).prop_map(|len| vec![b'v'; len]),
    ]
}

fn edits() -> impl Strategy<Value = Edit> {
    prop_oneof![
        10 => (ends(), texts()).prop_map(|(end, text)| Edit::Push(end, text)),
        10 => (any::<u16>(), ends(), texts()).prop_map(|(at, side, text)| Edit::Insert(at, side, text)),
        4 => (any::<u16>(), texts()).prop_map(|(at, text)| Edit::Set(at, text)),
        2 => (ends(), 0..8u16).prop_map(|(end, count)| Edit::Remove(end, count)),
        1 => (ends(), any::<u16>()).prop_map(|(end, count)| Edit::Remove(end, count)),
        1 => (ends(), texts(), 0..40usize).prop_map(|(end, text, count)| Edit::RemoveEqual(end, text, count)),
    ]
}

fn limits() -> impl Strategy<Value = NodeLimit> {
    prop_oneof![Just(NodeLimit::of(-1)), (0..6).prop_map(NodeLimit::of)]
}

/// The index that a number means in a list of so many items.
fn index(number: u16, len: usize) -> usize {
    number as usize % (len + 1)
}

fn apply(nodes: &mut Nodes, model: &mut VecDeque<Vec<u8>>, edit: Edit) {
    match edit {
        Edit::Push(end, text) => {
            nodes.push(end, &Encoded::of(&text));
            if end == End::Head { model.push_front(text) } else { model.push_back(text) }
        }
        Edit::Insert(at, side, text) => {
            let at = index(at, model.len());
            if at < model.len() {
                nodes.insert(at, side, &Encoded::of(&text));
                model.insert(if side == End::Head { at } else { at + 1 }, text);
            }
        }
        Edit::Set(at, text) => {
            let at = index(at, model.len());
            if at < model.len() {
                nodes.set(at, &Encoded::of(&text));
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

fn counted_bytes(nodes: &Nodes) -> usize {
    let chunk_bytes = |chunk: &Chunk| {
        let held = chunk.nodes.iter().map(|node| node.bytes.capacity());
        chunk.nodes.capacity() * size_of::<Node>() + held.sum::<usize>()
    };
    nodes.chunks.capacity() * size_of::<Chunk>() + nodes.chunks.iter().map(chunk_bytes).sum::<usize>()
}

/// What is kept incrementally is what counting gives, and nothing is empty.
fn check_figures(nodes: &Nodes) {
    for chunk in &nodes.chunks {
        assert!(!chunk.nodes.is_empty() && chunk.nodes.len() <= CHUNK_NODES_MAX);
        assert_eq!(chunk.items, chunk.nodes.iter().map(|node| node.items).sum::<usize>());
        assert!(chunk.nodes.iter().all(|node| node.items > 0 && node.items == node.packed().len()));
    }
    assert_eq!(nodes.heap_bytes(), counted_bytes(nodes));
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
        let (mut nodes, mut model) = (Nodes::new(limit), VecDeque::new());
        for (step, edit) in list.into_iter().enumerate() {
            apply(&mut nodes, &mut model, edit);
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
        // LSET, and an item that divides a node, may pass the limit in bytes.
        let within = |node: Packed| limit.allows(0, node.len()) && node.listpack_bytes() <= NodeLimit::BYTES_MAX;
        prop_assert!(nodes.nodes().all(within));
        prop_assert_eq!(nodes.only_node().is_some(), nodes.node_count() == 1);
        let mut copy = nodes.duplicate();
        check_figures(&copy);
        prop_assert_eq!(&texts_of(copy.nodes())[..], model.make_contiguous());
        while copy.free_piece(3) >= 3 {
            prop_assert_eq!(copy.heap_bytes(), counted_bytes(&copy));
        }
        prop_assert!(copy.nodes().next().is_none());
        prop_assert_eq!(copy.bytes, 0);
    }
}

#[test]
fn ends_cost_no_walk_and_no_waste() {
    let limit = NodeLimit::of(-2);
    for (enter, leave) in [(End::Head, End::Head), (End::Head, End::Tail), (End::Tail, End::Head)] {
        let mut nodes = Nodes::new(limit);
        (0..50_000u32).for_each(|n| nodes.push(enter, &Encoded::of(n.to_string().as_bytes())));
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
    let mut nodes = Nodes::new(NodeLimit::of(1));
    (0..10_000u32).for_each(|n| nodes.push(End::Tail, &Encoded::of(n.to_string().as_bytes())));
    let mut gone = nodes.remove(End::Head, 9_990);
    check_figures(&nodes);
    check_figures(&gone);
    assert_eq!((nodes.len(), gone.len()), (10, 9_984));
    let mut pieces = 0;
    while gone.free_piece(100) >= 100 {
        pieces += 1;
        assert_eq!(gone.heap_bytes(), counted_bytes(&gone));
    }
    assert_eq!(pieces, 99);
}

#[test]
fn large_items_have_nodes_of_their_own_at_the_ends() {
    let mut nodes = Nodes::new(NodeLimit::of(-1));
    let large = vec![b'v'; 5000];
    for text in [&b"a"[..], &large, b"b", b"c", &large] {
        nodes.push(End::Tail, &Encoded::of(text));
    }
    nodes.insert(2, End::Tail, &Encoded::of(&large));
    // As in Redis, one that divides a node shares what is behind it.
    assert_eq!(nodes.nodes().map(|node| node.len()).collect::<Vec<_>>(), [1, 1, 1, 2, 1]);
    nodes.set(1, &Encoded::of(b"x"));
    nodes.set(2, &Encoded::of(&large));
    assert_eq!(nodes.len(), 6);
    assert!(nodes.heap_bytes() < 3 * 5000 + 2000, "{} bytes", nodes.heap_bytes());
    check_figures(&nodes);
}

/// How many items each node has.
fn divided(nodes: &Nodes) -> Vec<usize> {
    nodes.nodes().map(|node| node.len()).collect()
}

#[test]
fn a_node_is_full_at_redis_bound() {
    // A listpack of 7 bytes and the items; the one that is asked for counts with its text and 8.
    for (setting, limit) in
        [(-1, 4096), (-2, 8192), (-3, 16_384), (-4, 32_768), (-5, 65_536), (-6, 65_536), (100, 8192)]
    {
        for (first, text_len) in [(1000, 5), (1000, 100), (100, 1), (2000, 70)] {
            for (short_by, fits) in [(0, true), (1, false)] {
                let mut nodes = Nodes::new(NodeLimit::of(setting));
                let text = vec![b'v'; text_len];
                // Two items, the second one as long as leaves just so much room.
                let head = 1 + if first < 64 { 1 } else { 2 } + if first + 2 < 128 { 0 } else { 1 };
                let second = limit - 7 - (first + head) - (text_len + 8) + short_by;
                let second = second
                    - if second - 4 < 4096 {
                        4
                    } else if second - 7 < 16_378 {
                        7
                    } else {
                        8
                    };
                nodes.push(End::Tail, &Encoded::of(&vec![b'a'; first]));
                nodes.push(End::Tail, &Encoded::of(&vec![b'b'; second]));
                let bytes = nodes.only_node().expect("below the limit there is one node").listpack_bytes();
                assert_eq!(bytes, limit - text_len - 8 + short_by, "{setting} {first} {text_len}");
                let mut ahead = nodes.duplicate();
                nodes.push(End::Tail, &Encoded::of(&text));
                ahead.push(End::Head, &Encoded::of(&text));
                assert_eq!((nodes.node_count(), ahead.node_count()), if fits { (1, 1) } else { (2, 2) });
            }
        }
    }
}

/// Nodes of items of one byte, so many each.
fn nodes_of(limit: i32, counts: &[u8]) -> Nodes {
    let mut nodes = Nodes::new(NodeLimit::of(limit));
    for &count in counts {
        let mut node = crate::packed::Builder::default();
        (0..count).for_each(|n| node.push(Element::Bytes(&[b'a' + n])));
        nodes.push_packed(node.finish());
    }
    assert_eq!(divided(&nodes), counts.iter().map(|&count| count as usize).collect::<Vec<_>>());
    nodes
}

#[test]
fn insertion_divides_and_joins_as_redis_does() {
    use End::{Head, Tail};
    /// The limit in items, the nodes before, the pivot's index, the side, the nodes then.
    type Row<'a> = (i32, &'a [u8], usize, End, &'a [usize]);
    let rows: [Row; 16] = [
        (4, &[3], 1, Head, &[4]),
        (4, &[4], 0, Head, &[1, 4]),
        (4, &[4], 3, Tail, &[4, 1]),
        (4, &[4, 3], 3, Tail, &[4, 4]),
        (4, &[4, 3], 4, Head, &[4, 4]),
        (4, &[3, 4], 3, Head, &[4, 4]),
        (4, &[3, 4], 2, Tail, &[4, 4]),
        (4, &[4, 4], 3, Tail, &[4, 1, 4]),
        (4, &[4, 4], 4, Head, &[4, 1, 4]),
        (4, &[4], 2, Head, &[3, 2]),
        (4, &[4], 2, Tail, &[3, 2]),
        (4, &[4], 1, Tail, &[2, 3]),
        (4, &[1, 4, 1], 2, Tail, &[3, 4]),
        (4, &[1, 4, 1], 2, Head, &[3, 4]),
        (6, &[2, 3, 6, 2, 2], 7, Tail, &[5, 3, 6, 2]),
        (1, &[1, 1], 0, Tail, &[1, 1, 1]),
    ];
    for (limit, before, pivot, side, then) in rows {
        let mut nodes = nodes_of(limit, before);
        nodes.insert(pivot, side, &Encoded::of(b"x"));
        check_figures(&nodes);
        assert_eq!(divided(&nodes), then, "{before:?} at {pivot} {side:?}");
        let place = if side == Head { pivot } else { pivot + 1 };
        assert_eq!(nodes.get(place), Some(Element::Bytes(b"x")), "{before:?} at {pivot} {side:?}");
    }
}
