//! The sorted set against a model of std's collections, with scores and members chosen to collide.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn hasher() -> KeyHasher {
    KeyHasher::new([1, 2, 3, 4])
}

/// What the set should hold: member to score. Order is made when it is needed.
#[derive(Default)]
struct Model(BTreeMap<Vec<u8>, f64>);

impl Model {
    fn sorted(&self) -> Vec<(Vec<u8>, f64)> {
        let mut all: Vec<(Vec<u8>, f64)> = self.0.iter().map(|(member, score)| (member.clone(), *score)).collect();
        all.sort_by(|a, b| a.1.partial_cmp(&b.1).unwrap().then_with(|| a.0.cmp(&b.0)));
        all
    }
}

#[derive(Clone, Debug)]
enum Step {
    Put(Vec<u8>, f64),
    Remove(Vec<u8>),
    RemoveRanks(usize, usize),
    /// Many members at once, so that sets grow beyond one node.
    Fill(u16, f64),
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (0u16..400).prop_map(|n| n.to_string().into_bytes()),
        1 => proptest::collection::vec(0u8..3, 0..4),
        1 => (0usize..3, 240usize..260).prop_map(|(n, len)| vec![n as u8; len]),
    ]
}

fn score() -> impl Strategy<Value = f64> {
    let edges = [
        0.0,
        -0.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        5e-324,
        -5e-324,
        1.0,
        1.0 + f64::EPSILON,
        9_007_199_254_740_993.0,
    ];
    prop_oneof![
        3 => proptest::sample::select(edges.to_vec()),
        2 => (-5i8..5).prop_map(f64::from),
        1 => any::<f64>().prop_filter("a score is a number", |score| !score.is_nan()),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (member(), score()).prop_map(|(member, score)| Step::Put(member, score)),
        5 => member().prop_map(Step::Remove),
        1 => (0usize..500, 0usize..150).prop_map(|(start, len)| Step::RemoveRanks(start, len)),
        1 => (0u16..2000, score()).prop_map(|(n, score)| Step::Fill(n, score)),
    ]
}

fn put(set: &mut SortedSet, model: &mut Model, member: &[u8], score: f64) {
    let known = model.0.get(member).copied();
    set.upsert(&hasher(), member, |old| {
        assert_eq!(old.map(f64::to_bits), known.map(f64::to_bits));
        Some(score)
    });
    // Zeros are equal, so the sign of the one that came first stays.
    if known != Some(score) {
        model.0.insert(member.to_vec(), score);
    }
}

fn compare_with(set: &SortedSet, model: &Model, edges: &[f64]) {
    let hasher = hasher();
    let sorted = model.sorted();
    let bits = |(member, score): (&[u8], f64)| (member.to_vec(), score.to_bits());
    let expected: Vec<_> = sorted.iter().map(|(member, score)| (member.clone(), score.to_bits())).collect();
    assert_eq!(set.len(), sorted.len());
    assert_eq!(set.ascending(0).map(bits).collect::<Vec<_>>(), expected);
    let down: Vec<_> = set.descending(set.len()).map(bits).collect();
    assert!(down.iter().rev().eq(expected.iter()));
    for (rank, (member, score)) in sorted.iter().enumerate().step_by(1 + sorted.len() / 50) {
        assert_eq!(set.rank(&hasher, member), Some((rank, *score)));
        assert_eq!(set.score(&hasher, member).map(f64::to_bits), Some(score.to_bits()));
        assert_eq!(set.nth(rank).map(bits), Some((member.clone(), score.to_bits())));
        assert_eq!(set.ascending(rank).next().map(bits), Some((member.clone(), score.to_bits())));
        assert_eq!(set.descending(rank).next().map(bits), rank.checked_sub(1).map(|rank| expected[rank].clone()));
    }
    assert_eq!(set.nth(sorted.len()), None);
    for &edge in edges {
        let before = sorted.iter().filter(|(_, score)| *score < edge).count();
        let behind = sorted.iter().filter(|(_, score)| *score <= edge).count();
        assert_eq!(set.rank_at(Edge::BeforeScore(edge)), before);
        assert_eq!(set.rank_at(Edge::AfterScore(edge)), behind);
    }
    let mut seen: Vec<Vec<u8>> = Vec::new();
    let mut from = Some(0);
    while let Some(at) = from {
        from = set.scan(&hasher, at, 7, |member, _| {
            seen.push(member.to_vec());
            1
        });
    }
    seen.sort();
    assert!(seen.iter().eq(model.0.keys()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn behaves_like_the_model(steps in proptest::collection::vec(step(), 1..120), edges in proptest::collection::vec(score(), 4)) {
        let hasher = hasher();
        let (mut set, mut model) = (SortedSet::default(), Model::default());
        for step in steps {
            match step {
                Step::Put(member, score) => put(&mut set, &mut model, &member, score),
                Step::Remove(member) => {
                    let removed = set.remove(&hasher, &member);
                    prop_assert_eq!(removed.map(f64::to_bits), model.0.remove(&member).map(f64::to_bits));
                }
                Step::RemoveRanks(start, len) => {
                    set.remove_ranks(&hasher, start..start + len);
                    for (member, _) in model.sorted().into_iter().skip(start).take(len) {
                        model.0.remove(&member);
                    }
                }
                Step::Fill(from, score) => {
                    for n in from..from + 150 {
                        put(&mut set, &mut model, n.to_string().as_bytes(), score + (n % 7) as f64);
                    }
                }
            }
        }
        compare_with(&set, &model, &edges);
    }
}

#[test]
fn lexical_edges_of_equal_scores() {
    let hasher = hasher();
    let mut set = SortedSet::default();
    for n in 0..3000u32 {
        set.upsert(&hasher, format!("{:04}", n * 2).as_bytes(), |_| Some(1.5));
    }
    for n in 0..6000u32 {
        let member = format!("{n:04}");
        assert_eq!(set.rank_at(Edge::BeforeMember(member.as_bytes())), n.div_ceil(2) as usize);
        assert_eq!(set.rank_at(Edge::AfterMember(member.as_bytes())), n as usize / 2 + 1);
    }
    assert_eq!((set.rank_at(Edge::Start), set.rank_at(Edge::End)), (0, 3000));
}

#[test]
fn a_set_that_shrinks_gives_memory_back() {
    let hasher = hasher();
    let mut set = SortedSet::default();
    let name = |n: u32| format!("member:{n}").into_bytes();
    for n in 0..100_000 {
        set.upsert(&hasher, &name(n), |_| Some(n.wrapping_mul(2_654_435_761) as f64));
    }
    let full = set.heap_bytes();
    assert!(full < 100_000 * 64, "{} bytes per member", full / 100_000);
    for n in 0..99_000 {
        assert!(set.remove(&hasher, &name(n)).is_some());
    }
    assert!(set.heap_bytes() < full / 25, "{} of {full}", set.heap_bytes());
    assert_eq!(set.ascending(0).count(), 1000);
    set.remove_ranks(&hasher, 0..usize::MAX);
    assert!(set.is_empty());
}

#[test]
fn is_freed_in_pieces() {
    let hasher = hasher();
    let mut set = SortedSet::default();
    for n in 0..50_000u32 {
        set.upsert(&hasher, &n.to_be_bytes(), |_| Some(n as f64));
    }
    set.upsert(&hasher, &[7; 5000], |_| Some(0.5));
    let mut steps = 0;
    assert!(set.duplicate(&hasher).ascending(0).eq(set.ascending(0)));
    while set.free_piece(1) > 0 {
        steps += 1;
    }
    assert!(steps > 5);
    assert!(set.heap_bytes() < 10_000, "{}", set.heap_bytes());
}

#[test]
fn a_scan_returns_what_stays_whatever_else_changes() {
    let (hasher, mut set) = (hasher(), SortedSet::default());
    let member = |n: u32| n.to_string().into_bytes();
    let (stay, come) = (3_000, 10_000);
    (0..stay).for_each(|n| set.upsert(&hasher, &member(n), |_| Some(f64::from(n))));
    let mut seen: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    let (mut from, mut calls) = (Some(0), 0);
    while let Some(position) = from {
        from = set.scan(&hasher, position, 10, |member, _| {
            *seen.entry(member.to_vec()).or_default() += 1;
            1
        });
        calls += 1;
        // Grow to a multiple of its size and back, several times.
        match calls % 100 {
            0 => (stay..stay + come).for_each(|n| set.upsert(&hasher, &member(n), |_| Some(1.0))),
            50 => (stay..stay + come).for_each(|n| _ = set.remove(&hasher, &member(n))),
            _ => {}
        }
    }
    assert!(calls > 300, "{calls} calls");
    assert!((0..stay).all(|n| seen.get(&member(n)) == Some(&1)));
}
