//! Nodes that this node was told to forget: gossip does not bring them back for a while.
//!
//! §9.6. Bounded in time and number, so that a peer that floods us with forgets takes a stated amount of memory.

use std::collections::BTreeMap;

use crate::id::NodeId;
use crate::time::{Millis, UnixMillis};
use crate::wire::ForgetTtl;

/// How long `CLUSTER FORGET` holds.
pub const FORGET_TTL: Millis = Millis(60_000);
/// The longest that others may ask for.
const TTL_MAX: Millis = Millis(24 * 60 * 60 * 1_000);
/// The most entries. When there are more, those that end first go.
const ENTRIES_MAX: usize = 4_096;

/// Forgotten nodes.
#[derive(Clone, Debug, Default)]
pub struct Forgotten(BTreeMap<NodeId, UnixMillis>);

impl Forgotten {
    /// Forgets a node for so long.
    pub fn add(&mut self, id: NodeId, ttl: Millis, now: UnixMillis) {
        self.expire(now);
        if self.0.len() >= ENTRIES_MAX && !self.0.contains_key(&id) {
            let first = self.0.iter().min_by_key(|(_, end)| **end).map(|(id, _)| *id);
            first.and_then(|first| self.0.remove(&first));
        }
        self.0.insert(id, now + ttl.min(TTL_MAX));
    }

    /// How long a peer that says so asks for.
    pub fn asked(ttl: ForgetTtl) -> Millis {
        Millis(ttl.0.saturating_mul(1_000))
    }

    /// Whether a node is forgotten.
    pub fn contains(&self, id: &NodeId, now: UnixMillis) -> bool {
        self.0.get(id).is_some_and(|end| *end > now)
    }

    /// What to tell others: the nodes, and for how long.
    pub fn told(&self, now: UnixMillis) -> impl Iterator<Item = (NodeId, ForgetTtl)> + '_ {
        let lasting = self.0.iter().filter(move |(_, end)| **end > now);
        lasting.map(move |(id, end)| (*id, ForgetTtl(end.since(now).0.div_ceil(1_000))))
    }

    /// The clock was set back by so much.
    pub fn set_back(&mut self, by: Millis) {
        self.0.values_mut().for_each(|end| *end = end.set_back(by));
    }

    /// Drops what is over.
    pub fn expire(&mut self, now: UnixMillis) {
        self.0.retain(|_, end| *end > now);
    }

    /// Drops all.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
#[allow(non_snake_case)]
pub(crate) mod tests {
    use super::*;

    fn id(number: u32) -> NodeId {
        let mut entropy = [0; 20];
        entropy[..4].copy_from_slice(&number.to_be_bytes());
        NodeId::from_entropy(entropy)
    }

    #[test]
    pub(crate) fn FR_P2C_007_U010_forgetting_ends_and_is_bounded() {
        let (mut forgotten, now) = (Forgotten::default(), UnixMillis(1_000_000));
        forgotten.add(id(1), FORGET_TTL, now);
        forgotten.add(id(2), Forgotten::asked(ForgetTtl(u64::MAX)), now);
        let at = |millis: u64| UnixMillis(1_000_000 + millis);
        assert!(forgotten.contains(&id(1), at(59_999)) && !forgotten.contains(&id(1), at(60_000)));
        assert!(forgotten.contains(&id(2), at(86_399_999)) && !forgotten.contains(&id(2), at(86_400_000)), "a day");
        assert_eq!(forgotten.told(at(1)).next(), Some((id(1), ForgetTtl(60))));
        assert_eq!(forgotten.told(at(60_000)).count(), 1);
        for number in 0..20_000 {
            forgotten.add(id(number), FORGET_TTL, now);
        }
        assert_eq!(forgotten.0.len(), ENTRIES_MAX);
        forgotten.expire(at(90_000_000));
        assert_eq!(forgotten.0.len(), 0);
    }
}
