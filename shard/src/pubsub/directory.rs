//! What a core knows of who listens where: per channel of its slots, and per pattern, how many subscribers each core has.
//!
//! Subscriptions that begin are questions and those that end with their client are notices, and one may overtake the other. So
//! numbers are sums of what was reported, in whatever order, and may be below zero for a moment.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use keyspace::glob::{self, Case};
use smallvec::SmallVec;

use crate::mesh::CoreId;

use crate::heap::{table_bytes, tree_bytes};

use super::{Kind, Publication, Topic};

/// Subscribers of one topic per core; none of them 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tally(SmallVec<[(CoreId, i64); 2]>);

impl Tally {
    fn add(&mut self, core: CoreId, change: i64) {
        match self.0.iter_mut().find(|(known, _)| *known == core) {
            Some((_, count)) => *count += change,
            None => self.0.push((core, change)),
        }
        self.0.retain(|(_, count)| *count != 0);
    }

    fn sum(&self) -> u64 {
        self.0.iter().map(|(_, count)| (*count).max(0) as u64).sum()
    }

    fn cores(&self) -> impl Iterator<Item = CoreId> {
        self.0.iter().filter(|(_, count)| *count > 0).map(|(core, _)| *core)
    }
}

/// Who receives a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receivers {
    /// Subscriptions that it reaches, of channel and patterns.
    pub count: u64,
    /// The cores that have any, each once.
    pub cores: SmallVec<[CoreId; 4]>,
}

/// One core's knowledge.
#[derive(Debug, Default)]
pub struct Directory {
    channels: HashMap<Arc<[u8]>, Tally>,
    shard_channels: HashMap<Arc<[u8]>, Tally>,
    patterns: BTreeMap<Arc<[u8]>, Tally>,
}

impl Directory {
    /// Notes that a core has so many subscribers of a topic more, or fewer.
    pub fn add(&mut self, topic: &Topic, core: CoreId, change: i64) {
        let none = match topic.kind {
            Kind::Pattern => add(self.patterns.entry(topic.name.clone()).or_default(), core, change),
            _ => add(self.names_mut(topic.kind).entry(topic.name.clone()).or_default(), core, change),
        };
        if none {
            match topic.kind {
                Kind::Pattern => self.patterns.remove(&topic.name),
                _ => self.names_mut(topic.kind).remove(&topic.name),
            };
        }
    }

    fn names(&self, kind: Kind) -> &HashMap<Arc<[u8]>, Tally> {
        if kind == Kind::Shard { &self.shard_channels } else { &self.channels }
    }

    fn names_mut(&mut self, kind: Kind) -> &mut HashMap<Arc<[u8]>, Tally> {
        if kind == Kind::Shard { &mut self.shard_channels } else { &mut self.channels }
    }

    /// Who receives a message. O(patterns).
    pub fn receivers(&self, publication: &Publication) -> Receivers {
        let mut receivers = Receivers::default();
        let mut reach = |tally: &Tally| {
            receivers.count += tally.sum();
            for core in tally.cores() {
                if !receivers.cores.contains(&core) {
                    receivers.cores.push(core);
                }
            }
        };
        if let Some(tally) = self.names(publication.kind).get(&*publication.channel) {
            reach(tally);
        }
        if publication.kind == Kind::Channel {
            let matching = self.patterns.iter();
            let matching = matching.filter(|(name, _)| glob::matches(name, &publication.channel, Case::Exact));
            matching.for_each(|(_, tally)| reach(tally));
        }
        receivers
    }

    /// The channels with subscribers whose names match.
    pub fn active(&self, kind: Kind, pattern: Option<&[u8]>) -> Vec<Arc<[u8]>> {
        let names = self.names(kind).iter().filter(|(_, tally)| tally.sum() > 0).map(|(name, _)| name);
        let matching = names.filter(|name| pattern.is_none_or(|pattern| glob::matches(pattern, name, Case::Exact)));
        let mut matching: Vec<Arc<[u8]>> = matching.cloned().collect();
        matching.sort_unstable();
        matching
    }

    /// Subscribers of a channel.
    pub fn subscribers(&self, kind: Kind, name: &[u8]) -> u64 {
        self.names(kind).get(name).map_or(0, Tally::sum)
    }

    /// How many channels, shard channels or patterns have subscribers.
    pub fn len(&self, kind: Kind) -> usize {
        match kind {
            Kind::Pattern => self.patterns.len(),
            _ => self.names(kind).len(),
        }
    }

    /// Bytes that it holds on the heap, without the names: who subscribes pays for those.
    pub fn heap_bytes(&self) -> usize {
        let channels = self.channels.capacity() + self.shard_channels.capacity();
        table_bytes::<(Arc<[u8]>, Tally)>(channels) + tree_bytes::<(Arc<[u8]>, Tally)>(self.patterns.len())
    }

    /// True if nobody listens to anything that this core knows of.
    pub fn is_empty(&self) -> bool {
        [Kind::Channel, Kind::Pattern, Kind::Shard].into_iter().all(|kind| self.len(kind) == 0)
    }
}

/// Changes a tally; true if nobody is left.
fn add(tally: &mut Tally, core: CoreId, change: i64) -> bool {
    tally.add(core, change);
    tally.0.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(kind: Kind, name: &str) -> Topic {
        Topic { kind, name: name.as_bytes().into() }
    }

    fn receivers(directory: &Directory, kind: Kind, channel: &str) -> (u64, Vec<u16>) {
        let Receivers { count, mut cores } = directory.receivers(&Publication::new(kind, channel.as_bytes(), b"m"));
        cores.sort_unstable();
        (count, cores.iter().map(|core| core.0).collect())
    }

    #[test]
    fn a_message_reaches_each_core_once_and_each_subscription_counts() {
        let mut directory = Directory::default();
        for (kind, name, core) in [
            (Kind::Channel, "news", 0),
            (Kind::Channel, "news", 2),
            (Kind::Channel, "news", 2),
            (Kind::Pattern, "n*", 2),
            (Kind::Pattern, "*s", 3),
            (Kind::Shard, "news", 1),
        ] {
            directory.add(&topic(kind, name), CoreId(core), 1);
        }
        assert_eq!(receivers(&directory, Kind::Channel, "news"), (5, vec![0, 2, 3]));
        assert_eq!(receivers(&directory, Kind::Channel, "nothing"), (1, vec![2]));
        assert_eq!(receivers(&directory, Kind::Channel, "other"), (0, vec![]));
        assert_eq!(receivers(&directory, Kind::Shard, "news"), (1, vec![1]));
        assert_eq!(directory.subscribers(Kind::Channel, b"news"), 3);
        assert_eq!((directory.len(Kind::Pattern), directory.len(Kind::Shard)), (2, 1));
    }

    #[test]
    fn reports_count_in_any_order() {
        let mut directory = Directory::default();
        let news = topic(Kind::Channel, "news");
        directory.add(&news, CoreId(1), -1);
        assert_eq!(receivers(&directory, Kind::Channel, "news"), (0, vec![]));
        assert!(directory.active(Kind::Channel, None).is_empty());
        directory.add(&news, CoreId(0), 1);
        assert_eq!(receivers(&directory, Kind::Channel, "news"), (1, vec![0]));
        directory.add(&news, CoreId(1), 1);
        directory.add(&news, CoreId(0), -1);
        assert!(directory.is_empty());
    }

    #[test]
    fn active_channels_are_found_by_pattern() {
        let mut directory = Directory::default();
        for name in ["b1", "a2", "a1"] {
            directory.add(&topic(Kind::Channel, name), CoreId(0), 1);
        }
        let names = |pattern: Option<&[u8]>| -> Vec<String> {
            let names = directory.active(Kind::Channel, pattern);
            names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
        };
        assert_eq!(names(None), ["a1", "a2", "b1"]);
        assert_eq!(names(Some(b"a?")), ["a1", "a2"]);
        assert!(directory.active(Kind::Shard, None).is_empty());
    }
}
