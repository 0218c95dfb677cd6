//! The tree's own rules: exact keys and counts above every node, neighbours that know each other, no lost node.

use super::*;

/// Walks the whole tree and checks what every node says about those below.
fn check(tree: &Tree, records: &Records) {
    let mut leaves = Vec::new();
    let mut inners = 0;
    let summary = visit(tree, tree.root, tree.height, &mut leaves, &mut inners);
    assert_eq!(summary, tree.len());
    assert_eq!((leaves.len(), inners), (tree.leaves.len(), tree.inners.len()), "no node is lost");
    for (n, &leaf) in leaves.iter().enumerate() {
        let prev = if n == 0 { NONE } else { leaves[n - 1] };
        let next = leaves.get(n + 1).copied().unwrap_or(NONE);
        assert_eq!((tree.leaves[leaf].prev, tree.leaves[leaf].next), (prev, next));
    }
    let items: Vec<Item> = tree.ascending(0).collect();
    assert_eq!(items.len(), tree.len());
    for pair in items.windows(2) {
        let order = compare(records, pair[0], pair[1].score, records.member(pair[1].handle));
        assert_eq!(order, Ordering::Less);
    }
}

fn visit(tree: &Tree, node: u32, height: usize, leaves: &mut Vec<u32>, inners: &mut usize) -> usize {
    if height == 0 {
        leaves.push(node);
        assert!(node == tree.root || !tree.leaves[node].items.is_empty());
        return tree.leaves[node].items.len();
    }
    *inners += 1;
    let inner = tree.inners[node];
    assert!(inner.len() >= 2);
    let mut count = 0;
    for child in inner.iter() {
        let below = visit(tree, child.node, height - 1, leaves, inners);
        let summary = tree.summary(child.node, height - 1);
        assert_eq!((below, { child.count }), (child.count as usize, { summary.count }));
        assert_eq!({ child.least.handle }, { summary.least.handle });
        assert_eq!({ child.least.score }, { summary.least.score });
        count += below;
    }
    count
}

/// How the scores of a test come.
#[derive(Clone, Copy, Debug)]
enum Pattern {
    Ascending,
    Descending,
    Random,
    Equal,
}

#[test]
fn rules_hold_while_it_grows_and_shrinks() {
    for pattern in [Pattern::Ascending, Pattern::Descending, Pattern::Random, Pattern::Equal] {
        let mut random = fastrand::Rng::with_seed(3);
        let (mut records, mut tree) = (Records::default(), Tree::default());
        for n in 0..20_000u32 {
            let score = match pattern {
                Pattern::Ascending => n as f64,
                Pattern::Descending => -(n as f64),
                Pattern::Random => random.u32(..1000) as f64,
                Pattern::Equal => 0.0,
            };
            let handle = records.add(score, format!("{:x}", random.u64(..)).as_bytes());
            tree.insert(&records, score, handle);
            if n % 1000 == 0 {
                check(&tree, &records);
            }
        }
        check(&tree, &records);
        if matches!(pattern, Pattern::Ascending | Pattern::Descending) {
            assert!(tree.leaves.len() <= 20_000 / LEAF_ITEMS + 2, "members in order fill their leaves");
        }
        let mut rounds = 0;
        while tree.len() > 0 {
            let start = random.usize(..tree.len());
            let ranks = start..(start + random.usize(1..100)).min(tree.len());
            let expected: Vec<Handle> = tree.ascending(start).take(ranks.len()).map(|item| item.handle).collect();
            let before = tree.len();
            let removed = tree.remove_run(&records, ranks);
            assert!(!removed.is_empty() && removed[..] == expected[..removed.len()], "{pattern:?}");
            assert_eq!(tree.len() + removed.len(), before);
            rounds += 1;
            if rounds % 50 == 0 || tree.len() < 300 {
                check(&tree, &records);
            }
        }
        check(&tree, &records);
        assert!(tree.heap_bytes() < 10_000);
    }
}

#[test]
fn ends_can_be_popped_to_nothing() {
    for front in [true, false] {
        let (mut records, mut tree) = (Records::default(), Tree::default());
        for n in 0..5_000u32 {
            let handle = records.add(n as f64, &n.to_be_bytes());
            tree.insert(&records, n as f64, handle);
        }
        for left in (0..5_000).rev() {
            let rank = if front { 0 } else { left };
            assert_eq!(tree.remove_run(&records, rank..rank + 1).len(), 1);
            if left % 37 == 0 {
                check(&tree, &records);
            }
        }
    }
}
