//! The clients of one core that listen, per channel and pattern.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use keyspace::glob::{self, Case};

use keyspace::reply::Resp;

use crate::mesh::CoreId;
use crate::ring::ConnId;

use crate::heap::{table_bytes, tree_bytes};

use super::{Kind, Publication, Topic};

/// Which cores have noted a subscription, so that its client hears what they order: a channel's messages come from one core, a
/// pattern's from all of them, which note its begin and its end one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Noted {
    /// All that the topic concerns.
    All,
    /// These.
    Some(Vec<CoreId>),
}

impl Noted {
    fn by(&self, core: CoreId) -> bool {
        match self {
            Noted::All => true,
            Noted::Some(cores) => cores.contains(&core),
        }
    }
}

type Clients = BTreeMap<ConnId, Noted>;

/// The clients of one core that listen.
#[derive(Debug, Default)]
pub struct Audience {
    channels: HashMap<Arc<[u8]>, Clients>,
    shard_channels: HashMap<Arc<[u8]>, Clients>,
    patterns: BTreeMap<Arc<[u8]>, Clients>,
    /// Subscriptions: clients of all topics together.
    subscriptions: usize,
}

/// One reason for which a message goes to clients.
pub struct Hearing<'a> {
    /// The pattern that matches; `None` if they subscribed to the channel.
    pub pattern: Option<&'a [u8]>,
    clients: &'a Clients,
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
        self.clients.iter().filter(|(_, noted)| noted.by(self.from)).map(|(&client, _)| client)
    }
}

impl Audience {
    fn names(&self, kind: Kind) -> &HashMap<Arc<[u8]>, Clients> {
        if kind == Kind::Shard { &self.shard_channels } else { &self.channels }
    }

    fn clients_of(&mut self, topic: &Topic) -> &mut Clients {
        let name = topic.name.clone();
        match topic.kind {
            Kind::Channel => self.channels.entry(name).or_default(),
            Kind::Shard => self.shard_channels.entry(name).or_default(),
            Kind::Pattern => self.patterns.entry(name).or_default(),
        }
    }

    /// Notes that `core`, of this many, knows of a client's subscription.
    pub fn join(&mut self, topic: &Topic, client: ConnId, core: CoreId, cores: u16) {
        let is_new = !self.clients_of(topic).contains_key(&client);
        self.subscriptions += usize::from(is_new);
        let noted = self.clients_of(topic).entry(client).or_insert(Noted::Some(Vec::new()));
        if let Noted::Some(known) = noted {
            known.push(core);
            if topic.kind != Kind::Pattern || known.len() == cores as usize {
                *noted = Noted::All;
            }
        }
    }

    /// Notes that `core`, of this many, knows of the end of a client's subscription.
    pub fn part(&mut self, topic: &Topic, client: ConnId, core: CoreId, cores: u16) {
        let mut left = match self.remove(topic, client) {
            Some(Noted::All) if topic.kind == Kind::Pattern => (0..cores).map(CoreId).collect(),
            Some(Noted::Some(known)) => known,
            Some(Noted::All) | None => Vec::new(),
        };
        left.retain(|other| *other != core);
        if !left.is_empty() {
            self.clients_of(topic).insert(client, Noted::Some(left));
            self.subscriptions += 1;
        }
        self.forget_if_empty(topic);
    }

    /// Takes a client away from a topic. Gives the cores that know of it, of those `concerned`.
    pub fn leave(&mut self, topic: &Topic, client: ConnId, concerned: Vec<CoreId>) -> Vec<CoreId> {
        let noted = self.remove(topic, client);
        self.forget_if_empty(topic);
        match noted {
            Some(Noted::All) => concerned,
            Some(Noted::Some(cores)) => cores,
            None => Vec::new(),
        }
    }

    fn remove(&mut self, topic: &Topic, client: ConnId) -> Option<Noted> {
        let noted = self.clients_of(topic).remove(&client);
        self.subscriptions -= usize::from(noted.is_some());
        noted
    }

    /// Bytes that it holds on the heap, without the names: who subscribes pays for those.
    pub fn heap_bytes(&self) -> usize {
        let channels = self.channels.capacity() + self.shard_channels.capacity();
        let topics = self.channels.len() + self.shard_channels.len() + self.patterns.len();
        table_bytes::<(Arc<[u8]>, Clients)>(channels)
            + tree_bytes::<(Arc<[u8]>, Clients)>(self.patterns.len())
            + topics * tree_bytes::<(ConnId, Noted)>(1)
            + (self.subscriptions - topics) * size_of::<(ConnId, Noted)>()
    }

    fn forget_if_empty(&mut self, topic: &Topic) {
        if self.clients_of(topic).is_empty() {
            match topic.kind {
                Kind::Channel => drop(self.channels.remove(&topic.name)),
                Kind::Shard => drop(self.shard_channels.remove(&topic.name)),
                Kind::Pattern => drop(self.patterns.remove(&topic.name)),
            }
        }
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

    /// The clients that listen to shard channels, each with the channel.
    pub fn of_shard_channels(&self) -> impl Iterator<Item = (&Arc<[u8]>, ConnId)> {
        self.shard_channels.iter().flat_map(|(name, clients)| clients.keys().map(move |client| (name, *client)))
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
        assert_eq!(audience.subscriptions, 4);
        let pattern = Some("n*".to_owned());
        assert_eq!(heard(&audience, Kind::Channel, "news", 1), [(None, A), (None, B), (pattern.clone(), A)]);
        assert_eq!(heard(&audience, Kind::Channel, "nothing", 0), [(pattern, A)]);
        assert_eq!(heard(&audience, Kind::Shard, "news", 1), [(None, B)]);
        for (kind, name, client, known) in [
            (Kind::Channel, "news", A, 1),
            (Kind::Channel, "news", A, 0),
            (Kind::Channel, "none", A, 0),
            (Kind::Channel, "news", B, 1),
            (Kind::Shard, "news", B, 1),
            (Kind::Pattern, "n*", A, 1),
        ] {
            let concerned = vec![CoreId(1)];
            assert_eq!(audience.leave(&topic(kind, name), client, concerned).len(), known, "{kind:?} {name}");
        }
        assert!(audience.is_empty() && audience.subscriptions == 0);
    }

    #[test]
    fn of_a_pattern_is_heard_what_cores_order_that_know_it() {
        let mut audience = Audience::default();
        let pattern = topic(Kind::Pattern, "*");
        let heard_from = |audience: &Audience| -> Vec<u16> {
            (0..3).filter(|core| !heard(audience, Kind::Channel, "x", *core).is_empty()).collect()
        };
        for (core, expected) in [(2, &[2][..]), (0, &[0, 2]), (1, &[0, 1, 2])] {
            audience.join(&pattern, A, CoreId(core), 3);
            assert_eq!(heard_from(&audience), expected);
        }
        for (core, expected) in [(1, &[0, 2][..]), (2, &[0])] {
            audience.part(&pattern, A, CoreId(core), 3);
            assert_eq!(heard_from(&audience), expected);
        }
        assert_eq!(audience.leave(&pattern, A, Vec::new()), [CoreId(0)]);
        assert!(audience.is_empty());
        audience.join(&topic(Kind::Channel, "c"), A, CoreId(1), 3);
        audience.part(&topic(Kind::Channel, "c"), A, CoreId(1), 3);
        assert!(audience.is_empty() && audience.subscriptions == 0);
    }
}
