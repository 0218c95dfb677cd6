//! A sorted set in either form is a map from members to scores, in order.

use std::collections::BTreeMap;

use super::*;
use proptest::prelude::*;

fn members() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (-3..30i64).prop_map(|n| n.to_string().into_bytes()),
        4 => "[a-c]{0,2}".prop_map(String::into_bytes),
        1 => (7..10usize).prop_map(|len| vec![b'v'; len])
    ]
}

fn scores() -> impl Strategy<Value = f64> {
    let edges = [0.0, -0.0, 0.5, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, 1e15, 9_007_199_254_740_993.0, -7.0];
    prop_oneof![proptest::sample::select(edges.to_vec()), (-3..3i64).prop_map(|n| n as f64)]
}

#[derive(Clone, Debug)]
enum Edit {
    Put(Vec<u8>, f64),
    Remove(Vec<u8>),
    RemoveRanks(usize, usize),
}

fn edits() -> impl Strategy<Value = Edit> {
    prop_oneof![
        6 => (members(), scores()).prop_map(|(member, score)| Edit::Put(member, score)),
        2 => members().prop_map(Edit::Remove),
        1 => (0..12usize, 0..4usize).prop_map(|(start, len)| Edit::RemoveRanks(start, len)),
    ]
}

fn sorted(model: &BTreeMap<Vec<u8>, f64>) -> Vec<(Vec<u8>, u64)> {
    let mut all: Vec<(&Vec<u8>, &f64)> = model.iter().collect();
    all.sort_by(|a, b| a.1.partial_cmp(b.1).unwrap().then_with(|| a.0.cmp(b.0)));
    all.into_iter().map(|(member, score)| (member.clone(), score.to_bits())).collect()
}

fn walked(set: &Scored, ranks: Range<usize>, direction: Direction) -> Vec<(Vec<u8>, u64)> {
    let mut seen = Vec::new();
    set.walk(ranks, direction, |member, score| seen.push((member.to_vec(), score.to_bits())));
    seen
}

proptest! {
    #[test]
    fn is_a_map_in_order(edits in proptest::collection::vec(edits(), 0..60), low in scores(), high in scores()) {
        let hasher = KeyHasher::new([1, 2, 3, 4]);
        let limits = PackedLimits { entries: 12, value_bytes: 8 };
        let mut entry = empty(b"key", AccessBits::default());
        let (mut model, mut large) = (BTreeMap::new(), false);
        for edit in edits {
            let mut set = ScoredMut::of(&mut entry, &hasher, limits);
            match edit {
                Edit::Put(member, score) => {
                    let known = model.get(&member).copied();
                    set.upsert(&member, |old| {
                        assert_eq!(old.map(f64::to_bits), known.map(f64::to_bits));
                        Some(score)
                    });
                    if known != Some(score) {
                        large |= known.is_none() && (member.len() > 8 || model.len() >= 12);
                        // A packed zero has no sign.
                        model.insert(member, if large { score } else { score + 0.0 });
                    }
                }
                Edit::Remove(member) => {
                    prop_assert_eq!(set.remove(&member).map(f64::to_bits), model.remove(&member).map(f64::to_bits));
                }
                Edit::RemoveRanks(start, len) => {
                    let ranks = start.min(model.len())..(start + len).min(model.len());
                    set.remove_ranks(ranks.clone());
                    for (member, _) in &sorted(&model)[ranks] {
                        model.remove(member);
                    }
                }
            }
            prop_assert_eq!(entry.is_large(), large);
            let set = Scored::of(&entry);
            let expected = sorted(&model);
            prop_assert_eq!((set.len(), set.is_empty()), (expected.len(), expected.is_empty()));
            prop_assert_eq!(&walked(&set, 0..set.len(), Direction::Ascending), &expected);
            for (rank, (member, score)) in expected.iter().enumerate() {
                prop_assert_eq!(set.rank(&hasher, member), Some((rank, f64::from_bits(*score))));
                prop_assert_eq!(set.score(&hasher, member).map(f64::to_bits), Some(*score));
            }
            let mut inside: Vec<_> = expected.iter().filter(|(_, score)| {
                let score = f64::from_bits(*score);
                score >= low && score < high
            }).cloned().collect();
            for direction in [Direction::Ascending, Direction::Descending] {
                let ranks = set.ranks(Edge::BeforeScore(low), Edge::BeforeScore(high), direction);
                prop_assert_eq!(walked(&set, ranks, direction), inside.clone());
                inside.reverse();
            }
        }
    }
}
