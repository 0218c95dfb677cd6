//! What one client has subscribed to.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::heap::{ARC_BYTES, table_bytes, tree_bytes};

use super::{Kind, Topic};

/// Names in the order in which they were added.
#[derive(Clone, Debug, Default)]
struct Names {
    by_name: HashMap<Arc<[u8]>, u64>,
    by_age: BTreeMap<u64, Arc<[u8]>>,
    added: u64,
    /// Bytes of the names.
    name_bytes: usize,
}

impl Names {
    /// False if it was there.
    fn add(&mut self, name: &Arc<[u8]>) -> bool {
        if self.by_name.contains_key(name) {
            return false;
        }
        self.added += 1;
        self.name_bytes += name.len() + ARC_BYTES;
        self.by_name.insert(name.clone(), self.added);
        self.by_age.insert(self.added, name.clone());
        true
    }

    /// False if it was not there.
    fn remove(&mut self, name: &[u8]) -> bool {
        let age = self.by_name.remove(name);
        let name = age.and_then(|age| self.by_age.remove(&age));
        self.name_bytes -= name.as_ref().map_or(0, |name| name.len() + ARC_BYTES);
        name.is_some()
    }

    fn heap_bytes(&self) -> usize {
        table_bytes::<(Arc<[u8]>, u64)>(self.by_name.capacity())
            + tree_bytes::<(u64, Arc<[u8]>)>(self.by_age.len())
            + self.name_bytes
    }

    fn len(&self) -> usize {
        self.by_name.len()
    }
}

/// A client's subscriptions.
#[derive(Clone, Debug, Default)]
pub struct Subscriptions {
    channels: Names,
    patterns: Names,
    shard_channels: Names,
    /// Bytes of all three, which every message asks for.
    names_bytes: usize,
    /// Replies of the command under way, given once every core concerned knows of the change.
    pub replies: Vec<u8>,
}

impl Subscriptions {
    fn names(&self, kind: Kind) -> &Names {
        match kind {
            Kind::Channel => &self.channels,
            Kind::Pattern => &self.patterns,
            Kind::Shard => &self.shard_channels,
        }
    }

    fn names_mut(&mut self, kind: Kind) -> &mut Names {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
            Kind::Shard => &mut self.shard_channels,
        }
    }

    /// Adds a subscription; false if it was there.
    pub fn add(&mut self, topic: &Topic) -> bool {
        let is_new = self.names_mut(topic.kind).add(&topic.name);
        self.measure();
        is_new
    }

    /// Takes a subscription away; false if it was not there.
    pub fn remove(&mut self, kind: Kind, name: &[u8]) -> bool {
        let was_there = self.names_mut(kind).remove(name);
        self.measure();
        was_there
    }

    fn measure(&mut self) {
        self.names_bytes = self.channels.heap_bytes() + self.patterns.heap_bytes() + self.shard_channels.heap_bytes();
    }

    /// Subscriptions of one kind.
    pub fn len(&self, kind: Kind) -> usize {
        self.names(kind).len()
    }

    /// Bytes that they hold on the heap. The names are counted here alone, though the cores of the channels hold them too: who
    /// subscribes pays for them.
    #[inline]
    pub fn heap_bytes(&self) -> usize {
        size_of::<Subscriptions>() + self.names_bytes + self.replies.capacity()
    }

    /// True without any subscription.
    pub fn is_empty(&self) -> bool {
        [Kind::Channel, Kind::Pattern, Kind::Shard].into_iter().all(|kind| self.len(kind) == 0)
    }

    /// What a reply about a change counts: channels and patterns together, shard channels for themselves.
    pub fn counted_with(&self, kind: Kind) -> usize {
        match kind {
            Kind::Shard => self.len(Kind::Shard),
            Kind::Channel | Kind::Pattern => self.len(Kind::Channel) + self.len(Kind::Pattern),
        }
    }

    /// The subscriptions of one kind, oldest first.
    pub fn of_kind(&self, kind: Kind) -> Vec<Topic> {
        self.names(kind).by_age.values().map(|name| Topic { kind, name: name.clone() }).collect()
    }

    /// All subscriptions.
    pub fn all(&self) -> Vec<Topic> {
        [Kind::Channel, Kind::Pattern, Kind::Shard].into_iter().flat_map(|kind| self.of_kind(kind)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscriptions_are_kept_once_and_in_order() {
        let mut subscriptions = Subscriptions::default();
        let topic = |kind, name: &str| Topic { kind, name: name.as_bytes().into() };
        let added: Vec<bool> =
            ["b", "a", "b", "c"].iter().map(|name| subscriptions.add(&topic(Kind::Channel, name))).collect();
        assert_eq!(added, [true, true, false, true]);
        assert!(subscriptions.add(&topic(Kind::Pattern, "a")) && subscriptions.add(&topic(Kind::Shard, "a")));
        assert!(subscriptions.remove(Kind::Channel, b"a") && !subscriptions.remove(Kind::Channel, b"a"));
        let names: Vec<Topic> = subscriptions.of_kind(Kind::Channel);
        assert_eq!(names, [topic(Kind::Channel, "b"), topic(Kind::Channel, "c")]);
        assert_eq!((subscriptions.counted_with(Kind::Channel), subscriptions.counted_with(Kind::Shard)), (3, 1));
        assert_eq!(subscriptions.all().len(), 4);
        for topic in subscriptions.all() {
            assert!(subscriptions.remove(topic.kind, &topic.name));
        }
        assert!(subscriptions.is_empty());
    }

    #[test]
    fn names_count_as_long_as_they_are_subscribed_to() {
        let mut subscriptions = Subscriptions::default();
        let long = Topic { kind: Kind::Pattern, name: vec![b'x'; 1000].into() };
        let none = subscriptions.heap_bytes();
        assert!(subscriptions.add(&long) && !subscriptions.add(&long));
        let one = subscriptions.heap_bytes();
        assert!((none + 1000..none + 2000).contains(&one), "{none} and {one}");
        assert!(subscriptions.remove(Kind::Pattern, &long.name) && !subscriptions.remove(Kind::Pattern, &long.name));
        assert!(subscriptions.heap_bytes() < one - 1000);
    }
}
