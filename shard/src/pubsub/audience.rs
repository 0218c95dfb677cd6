//! The clients of one core that listen, per channel and pattern.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use keyspace::glob::{self, Case};

use keyspace::reply::Resp;

use crate::mesh::CoreId;
use crate::ring::ConnId;

use super::{Kind, Publication, Topic};

/// Which cores have noted a subscription, so that its client hears what they order: a channel's messages come from one core, a
/// pattern's from all of them, which note it one by one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Heard {
    /// The cores that noted it; empty once all have.
    some: Vec<CoreId>,
}

impl Heard {
    fn from(&self, core: CoreId) -> bool {
        self.some.is_empty() || self.some.contains(&core)
    }

    /// Notes that a core, of this many, knows.
    fn note(&mut self, core: CoreId, cores: usize) {
        self.some.push(core);
        if self.some.len() == cores {
            self.some = Vec::new();
        }
    }
}

/// The clients of one core that listen.
#[derive(Debug, Default)]
pub struct Audience {
    channels: HashMap<Arc<[u8]>, BTreeMap<ConnId, Heard>>,
    shard_channels: HashMap<Arc<[u8]>, BTreeMap<ConnId, Heard>>,
    patterns: BTreeMap<Arc<[u8]>, BTreeMap<ConnId, Heard>>,
}

/// One reason for which a message goes to clients.
pub struct Hearing<'a> {
    /// The pattern that matches; `None` if they subscribed to the channel.
    pub pattern: Option<&'a [u8]>,
    clients: &'a BTreeMap<ConnId, Heard>,
    from: CoreId,
}

impl Hearing<'_> {
    /// The push for these clients.
    pub fn encode(&self, publication: &Publication, resp: Resp, out: &mut Vec<u8>) {
        match self.pattern {
            None => publication.encode(resp, out),
            Some(pattern) => publication.encode_for_pattern(pattern, resp, out),
        }
    }

    /// The clients.
    pub fn clients(&self) -> impl Iterator<Item = ConnId> {
        self.clients.iter().filter(|(_, heard)| heard.from(self.from)).map(|(&client, _)| client)
    }
}

impl Audience {
    fn names(&self, kind: Kind) -> &HashMap<Arc<[u8]>, BTreeMap<ConnId, Heard>> {
        if kind == Kind::Shard { &self.shard_channels } else { &self.channels }
    }

    fn clients_of(&mut self, topic: &Topic) -> &mut BTreeMap<ConnId, Heard> {
        let name = topic.name.clone();
        match topic.kind {
            Kind::Channel => self.channels.entry(name).or_default(),
            Kind::Shard => self.shard_channels.entry(name).or_default(),
            Kind::Pattern => self.patterns.entry(name).or_default(),
        }
    }

    /// Notes that `core` knows of a client's subscription: all of them, `cores`, must for a pattern, one for a channel.
    pub fn join(&mut self, topic: &Topic, client: ConnId, core: CoreId, cores: usize) {
        let needed = if topic.kind == Kind::Pattern { cores } else { 1 };
        self.clients_of(topic).entry(client).or_default().note(core, needed);
    }

    /// Takes a client away from a topic. Gives the cores that know of it: `None` if none does, and an empty list for all that the
    /// topic concerns.
    pub fn leave(&mut self, topic: &Topic, client: ConnId) -> Option<Vec<CoreId>> {
        let clients = self.clients_of(topic);
        let heard = clients.remove(&client);
        if clients.is_empty() {
            match topic.kind {
                Kind::Channel => drop(self.channels.remove(&topic.name)),
                Kind::Shard => drop(self.shard_channels.remove(&topic.name)),
                Kind::Pattern => drop(self.patterns.remove(&topic.name)),
            }
        }
        heard.map(|heard| heard.some)
    }

    /// Who hears a message that `from` ordered, and why: first the channel's subscribers, then each matching pattern's.
    pub fn hearings<'a>(&'a self, publication: &'a Publication, from: CoreId) -> impl Iterator<Item = Hearing<'a>> {
        let of_channel = self.names(publication.kind).get(&*publication.channel);
        let of_channel = of_channel.map(move |clients| Hearing { pattern: None, clients, from });
        let patterns = (publication.kind == Kind::Channel).then_some(&self.patterns).into_iter().flatten();
        let of_patterns = patterns
            .filter(|(name, _)| glob::matches(name, &publication.channel, Case::Exact))
            .map(move |(name, clients)| Hearing { pattern: Some(name), clients, from });
        of_channel.into_iter().chain(of_patterns)
    }

    /// True if nobody listens.
    pub fn is_empty(&self) -> bool {
        self.channels.is_empty() && self.shard_channels.is_empty() && self.patterns.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ConnId = ConnId { index: 1, generation: 0 };
    const B: ConnId = ConnId { index: 2, generation: 7 };

    fn topic(kind: Kind, name: &str) -> Topic {
        Topic { kind, name: name.as_bytes().into() }
    }

    fn heard(audience: &Audience, kind: Kind, channel: &str, from: u16) -> Vec<(Option<String>, ConnId)> {
        let publication = Publication::new(kind, channel.as_bytes(), b"m");
        let hearings = audience.hearings(&publication, CoreId(from));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let each = hearings.flat_map(|hearing| {
            let pattern = hearing.pattern.map(text);
            hearing.clients().map(move |client| (pattern.clone(), client)).collect::<Vec<_>>()
        });
        each.collect()
    }

    #[test]
    fn a_message_is_heard_once_per_subscription() {
        let mut audience = Audience::default();
        audience.join(&topic(Kind::Channel, "news"), A, CoreId(1), 2);
        audience.join(&topic(Kind::Channel, "news"), B, CoreId(1), 2);
        audience.join(&topic(Kind::Shard, "news"), B, CoreId(1), 2);
        for core in [1, 0] {
            audience.join(&topic(Kind::Pattern, "n*"), A, CoreId(core), 2);
        }
        let pattern = Some("n*".to_owned());
        assert_eq!(heard(&audience, Kind::Channel, "news", 1), [(None, A), (None, B), (pattern.clone(), A)]);
        assert_eq!(heard(&audience, Kind::Channel, "nothing", 0), [(pattern, A)]);
        assert_eq!(heard(&audience, Kind::Shard, "news", 1), [(None, B)]);
        assert_eq!(audience.leave(&topic(Kind::Channel, "news"), A), Some(vec![]));
        assert_eq!(audience.leave(&topic(Kind::Channel, "news"), A), None);
        assert_eq!(audience.leave(&topic(Kind::Channel, "none"), A), None);
        assert_eq!(audience.leave(&topic(Kind::Channel, "news"), B), Some(vec![]));
        assert_eq!(audience.leave(&topic(Kind::Shard, "news"), B), Some(vec![]));
        assert_eq!(audience.leave(&topic(Kind::Pattern, "n*"), A), Some(vec![]));
        assert!(audience.is_empty());
    }

    #[test]
    fn of_a_pattern_is_heard_what_cores_order_that_know_it() {
        let mut audience = Audience::default();
        let pattern = topic(Kind::Pattern, "*");
        audience.join(&pattern, A, CoreId(2), 3);
        assert!(heard(&audience, Kind::Channel, "x", 0).is_empty());
        assert_eq!(heard(&audience, Kind::Channel, "x", 2).len(), 1);
        audience.join(&pattern, A, CoreId(0), 3);
        assert_eq!(audience.leave(&pattern, A), Some(vec![CoreId(2), CoreId(0)]));
        assert!(audience.is_empty());
    }
}
