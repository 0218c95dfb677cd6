//! Publish and subscribe over several cores: every subscriber hears, of each channel, one unbroken stretch of the order in which
//! its messages were published. It begins before its subscription is confirmed and ends after it is given up.
//!
//! Clients subscribe, unsubscribe, publish and break off at random. In the end nobody listens, and no core knows of anybody.

use std::collections::HashMap;

use shard::ring::ListenerId;
use shard::ring::sim::{SimClient, SimOptions};

use super::client::{command, encode, rest};
use super::exact::settings;
use super::resp::{self, Value};
use super::seeds;
use super::world::{Step, World};

/// Channels: few, so that subscriptions meet messages.
const CHANNELS: [&str; 5] = ["c1", "c2", "d1", "d2", "e"];

/// Patterns, and the channels that they match.
const PATTERNS: [(&str, &[usize]); 3] = [("c*", &[0, 1]), ("?1", &[0, 2]), ("*", &[0, 1, 2, 3, 4])];

/// What a subscription names, by its place in `CHANNELS` or `PATTERNS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Topic {
    Channel(usize),
    Shard(usize),
    Pattern(usize),
}

impl Topic {
    fn any(random: &mut fastrand::Rng) -> Topic {
        match random.u8(..8) {
            0..4 => Topic::Channel(random.usize(..CHANNELS.len())),
            4 | 5 => Topic::Shard(random.usize(..CHANNELS.len())),
            _ => Topic::Pattern(random.usize(..PATTERNS.len())),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Topic::Channel(index) | Topic::Shard(index) => CHANNELS[index],
            Topic::Pattern(index) => PATTERNS[index].0,
        }
    }

    /// The letter before SUBSCRIBE and UNSUBSCRIBE.
    fn letter(self) -> &'static str {
        match self {
            Topic::Channel(_) => "",
            Topic::Shard(_) => "S",
            Topic::Pattern(_) => "P",
        }
    }

    fn hears(self, publication: &Publication) -> bool {
        match self {
            Topic::Channel(index) => !publication.shard && publication.channel == index,
            Topic::Shard(index) => publication.shard && publication.channel == index,
            Topic::Pattern(index) => !publication.shard && PATTERNS[index].1.contains(&publication.channel),
        }
    }
}

/// A message, by its place in the history.
struct Publication {
    shard: bool,
    channel: usize,
    /// When it was sent.
    sent: u64,
    /// When its publisher had the reply.
    answered: Option<u64>,
}

/// What one client heard by one subscription.
struct Period {
    topic: Topic,
    /// When the subscription was confirmed.
    confirmed: u64,
    /// When the client began to give it up, if it did.
    ended: Option<u64>,
    /// The client broke off: what was under way is lost.
    broken: bool,
    heard: Vec<usize>,
}

/// A connection with what it reads.
pub(super) struct Client {
    pub(super) end: SimClient,
    unread: Vec<u8>,
}

impl Client {
    pub(super) fn connect(world: &mut World) -> Client {
        let core = world.random.u16(..world.cores());
        Client { end: world.net.connect(core, ListenerId(0)), unread: Vec::new() }
    }

    pub(super) fn send(&self, words: &[&str]) {
        let mut bytes = Vec::new();
        encode(&command(words), &mut bytes);
        self.end.write(&bytes);
    }

    pub(super) fn read(&mut self) -> Result<Vec<Value>, String> {
        self.unread.extend(self.end.read());
        let (mut values, mut at) = (Vec::new(), 0);
        while let Some((value, len)) = resp::read(&self.unread[at..])? {
            at += len;
            values.push(value);
        }
        self.unread.drain(..at);
        Ok(values)
    }
}

/// A client that publishes one message after the other.
struct Publisher {
    client: Client,
    waits_for: Option<usize>,
}

/// A client that listens.
struct Subscriber {
    client: Client,
    /// What it has subscribed to, and what it has heard by that; the last is the one being confirmed or given up.
    open: Vec<Period>,
    asking: Option<Topic>,
    leaving: Option<Topic>,
    greeting: bool,
}

impl Subscriber {
    fn connect(world: &mut World) -> Subscriber {
        let client = Client::connect(world);
        let greeting = world.random.bool();
        if greeting {
            client.send(&["HELLO", "3"]);
        }
        Subscriber { client, open: Vec::new(), asking: None, leaving: None, greeting }
    }

    fn is_idle(&self) -> bool {
        !self.greeting && self.asking.is_none() && self.leaving.is_none()
    }

    /// Begins or ends a subscription.
    fn act(&mut self, now: u64, random: &mut fastrand::Rng) {
        let topic = Topic::any(random);
        match self.open.iter_mut().find(|period| period.topic == topic) {
            None => {
                self.asking = Some(topic);
                self.client.send(&[&format!("{}SUBSCRIBE", topic.letter()), topic.name()]);
            }
            Some(period) => {
                period.ended = Some(now);
                self.leaving = Some(topic);
                self.client.send(&[&format!("{}UNSUBSCRIBE", topic.letter()), topic.name()]);
            }
        }
    }

    /// Takes one value that came.
    fn take(&mut self, value: Value, now: u64, closed: &mut Vec<Period>) -> Result<(), String> {
        let Value::Array(items) = &value else { return Err(format!("a subscriber reads {value:?}")) };
        let texts: Vec<String> = items
            .iter()
            .map(|item| match item {
                Value::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                other => format!("{other:?}"),
            })
            .collect();
        let words: Vec<&str> = texts.iter().map(String::as_str).collect();
        let channel = |name: &str| CHANNELS.iter().position(|known| *known == name).expect("a channel of ours");
        let (topic, message) = match words[..] {
            ["server", ..] if self.greeting => {
                self.greeting = false;
                return Ok(());
            }
            ["message", name, message] => (Topic::Channel(channel(name)), message),
            ["smessage", name, message] => (Topic::Shard(channel(name)), message),
            ["pmessage", pattern, _, message] => {
                let known = PATTERNS.iter().position(|(known, _)| *known == pattern);
                (Topic::Pattern(known.expect("a pattern of ours")), message)
            }
            ["subscribe" | "psubscribe" | "ssubscribe", ..] => {
                let topic = self.asking.take().ok_or("a confirmation that nobody waits for")?;
                self.open.push(Period { topic, confirmed: now, ended: None, broken: false, heard: Vec::new() });
                return Ok(());
            }
            ["unsubscribe" | "punsubscribe" | "sunsubscribe", ..] => {
                let topic = self.leaving.take().ok_or("an end that nobody waits for")?;
                let place = self.open.iter().position(|period| period.topic == topic).expect("it is open");
                closed.push(self.open.swap_remove(place));
                return Ok(());
            }
            _ => return Err(format!("a subscriber reads {value:?}")),
        };
        let period = self.open.iter_mut().find(|period| period.topic == topic);
        let period = period.ok_or_else(|| format!("{words:?} without a subscription"))?;
        period.heard.push(message.parse().expect("messages are numbers"));
        Ok(())
    }
}

/// A run.
struct Play {
    now: u64,
    publications: Vec<Publication>,
    publishers: Vec<Publisher>,
    subscribers: Vec<Subscriber>,
    closed: Vec<Period>,
}

impl Play {
    /// Sends what idle clients think of.
    fn act(&mut self, world: &mut World) {
        let random = &mut world.random;
        for publisher in self.publishers.iter_mut().filter(|publisher| publisher.waits_for.is_none()) {
            if random.u8(..) < 40 {
                let (shard, channel) = (random.u8(..4) == 0, random.usize(..CHANNELS.len()));
                let number = self.publications.len();
                self.publications.push(Publication { shard, channel, sent: self.now, answered: None });
                publisher.waits_for = Some(number);
                let name = if shard { "SPUBLISH" } else { "PUBLISH" };
                publisher.client.send(&[name, CHANNELS[channel], &number.to_string()]);
            }
        }
        for index in 0..self.subscribers.len() {
            let random = &mut world.random;
            let subscriber = &mut self.subscribers[index];
            match random.u16(..2000) {
                0..60 if subscriber.is_idle() => subscriber.act(self.now, random),
                60..64 => self.break_off(world, index),
                _ => {}
            }
        }
    }

    /// A subscriber breaks its connection; another comes.
    fn break_off(&mut self, world: &mut World, index: usize) {
        self.subscribers[index].client.end.reset();
        self.replace(world, index);
    }

    fn replace(&mut self, world: &mut World, index: usize) {
        let gone = std::mem::replace(&mut self.subscribers[index], Subscriber::connect(world));
        self.closed.extend(gone.open.into_iter().map(|period| Period { broken: true, ..period }));
    }

    /// Reads what came.
    fn read(&mut self, world: &mut World) -> Result<(), String> {
        for publisher in &mut self.publishers {
            for reply in publisher.client.read()? {
                let (Value::Int(_), Some(number)) = (&reply, publisher.waits_for.take()) else {
                    return Err(format!("a publisher reads {reply:?}"));
                };
                self.publications[number].answered = Some(self.now);
            }
        }
        for index in 0..self.subscribers.len() {
            let subscriber = &mut self.subscribers[index];
            for value in subscriber.client.read()? {
                subscriber.take(value, self.now, &mut self.closed)?;
            }
            if self.subscribers[index].client.end.is_ended() {
                self.replace(world, index);
            }
        }
        Ok(())
    }

    fn waits(&self) -> bool {
        self.publishers.iter().any(|publisher| publisher.waits_for.is_some())
            || self.subscribers.iter().any(|subscriber| !subscriber.is_idle())
    }

    /// Lets the cores work until nobody waits and they sleep.
    fn settle(&mut self, world: &mut World) -> Result<(), String> {
        for _ in 0..200_000 {
            self.now += 1;
            let quiet = world.step() == Step::Quiet;
            self.read(world)?;
            if quiet && world.step() == Step::Quiet {
                return if self.waits() { Err("STALL: somebody waits and every core sleeps".into()) } else { Ok(()) };
            }
        }
        Err("the cores come to no rest".into())
    }

    /// What every subscription must have heard.
    fn check(&self) -> Result<(), String> {
        let open = self.subscribers.iter().flat_map(|subscriber| &subscriber.open);
        let periods: Vec<&Period> = self.closed.iter().chain(open).collect();
        for period in &periods {
            self.check_period(period)?;
        }
        for shard in [false, true] {
            for channel in 0..CHANNELS.len() {
                let of_channel = |number: &&usize| {
                    let publication = &self.publications[**number];
                    publication.channel == channel && publication.shard == shard
                };
                let stretches: Vec<Vec<usize>> =
                    periods.iter().map(|period| period.heard.iter().filter(of_channel).copied().collect()).collect();
                check_order(&stretches)?;
            }
        }
        Ok(())
    }

    fn check_period(&self, period: &Period) -> Result<(), String> {
        let fault = |what: &str, number: usize| Err(format!("{:?}: {what} message {number}", period.topic));
        for pair in period.heard.windows(2) {
            let (first, second) = (&self.publications[pair[0]], &self.publications[pair[1]]);
            if first.channel == second.channel && second.answered.is_some_and(|answered| answered < first.sent) {
                return fault("out of order", pair[1]);
            }
        }
        for (number, publication) in self.publications.iter().enumerate() {
            let times = period.heard.iter().filter(|heard| **heard == number).count();
            if times > usize::from(period.topic.hears(publication)) {
                return fault("too often", number);
            }
            let in_time = publication.sent > period.confirmed
                && publication.answered.is_some_and(|answered| period.ended.is_none_or(|ended| answered < ended));
            if period.topic.hears(publication) && in_time && !period.broken && times == 0 {
                return fault("lost", number);
            }
        }
        Ok(())
    }
}

/// That all are unbroken stretches of one order: what two of them share stands together in both, in the same order.
fn check_order(stretches: &[Vec<usize>]) -> Result<(), String> {
    for (index, a) in stretches.iter().enumerate() {
        let places: HashMap<usize, usize> = a.iter().enumerate().map(|(place, number)| (*number, place)).collect();
        for b in &stretches[index + 1..] {
            let shared: Vec<(usize, usize)> =
                b.iter().enumerate().filter_map(|(place, number)| Some((place, *places.get(number)?))).collect();
            let together = shared.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0 && pair[0].1 + 1 == pair[1].1);
            if !together {
                return Err(format!("two subscribers disagree: {a:?} and {b:?}"));
            }
        }
    }
    Ok(())
}

/// Asks a new client's questions, one by one.
pub(super) fn ask(world: &mut World, questions: &[&[&str]]) -> Result<Vec<Value>, String> {
    let mut client = Client::connect(world);
    let mut replies = Vec::new();
    for (index, question) in questions.iter().enumerate() {
        client.send(question);
        while replies.len() == index {
            world.step();
            replies.extend(client.read()?);
        }
    }
    Ok(replies)
}

pub(super) fn run(seed: u64) -> Result<(), String> {
    let cores = [4, 2, 1, 3][seed as usize % 4];
    let options =
        SimOptions { accept_error: 0, ..if seed.is_multiple_of(3) { SimOptions::calm() } else { SimOptions::rough() } };
    let mut world = World::new(seed, cores, options, settings(seed));
    let publishers = (0..3).map(|_| Publisher { client: Client::connect(&mut world), waits_for: None }).collect();
    let subscribers = (0..6).map(|_| Subscriber::connect(&mut world)).collect();
    let mut play = Play { now: 0, publications: Vec::new(), publishers, subscribers, closed: Vec::new() };
    for _ in 0..12_000 {
        play.now += 1;
        world.step();
        play.act(&mut world);
        play.read(&mut world)?;
    }
    play.settle(&mut world)?;
    play.check()?;
    let heard: usize = play.closed.iter().map(|period| period.heard.len()).sum();
    if heard == 0 || play.publications.len() < 20 {
        return Err(format!("nothing was tested: {} messages, {heard} heard", play.publications.len()));
    }
    counts(&mut world, &mut play)?;
    drop(play);
    rest(&mut world, &mut [])?;
    let left = ask(&mut world, &[&["PUBSUB", "CHANNELS"], &["PUBSUB", "SHARDCHANNELS"], &["PUBSUB", "NUMPAT"]])?;
    if left != [Value::Array(vec![]), Value::Array(vec![]), Value::Int(0)] || world.has_listeners() {
        return Err(format!("nobody listens, and yet {left:?}"));
    }
    Ok(())
}

/// When nothing is under way, PUBLISH counts exactly those who hear it.
fn counts(world: &mut World, play: &mut Play) -> Result<(), String> {
    let open: Vec<Topic> =
        play.subscribers.iter().flat_map(|subscriber| subscriber.open.iter().map(|period| period.topic)).collect();
    for shard in [false, true] {
        for (channel, name) in CHANNELS.iter().enumerate() {
            let publication = Publication { shard, channel, sent: play.now, answered: None };
            let listening = open.iter().filter(|topic| topic.hears(&publication)).count();
            let publisher = &mut play.publishers[0];
            publisher.client.send(&[if shard { "SPUBLISH" } else { "PUBLISH" }, name, "0"]);
            let mut replies = Vec::new();
            while replies.is_empty() {
                world.step();
                replies.extend(publisher.client.read()?);
            }
            if replies != [Value::Int(listening as i64)] {
                return Err(format!("{replies:?} receivers in {name} of {listening}"));
            }
        }
    }
    Ok(())
}

#[test]
fn subscribers_hear_every_message_once_and_in_order() {
    seeds::each("subscribers_hear_every_message_once_and_in_order", 60, run);
}

#[test]
fn a_broken_stretch_is_noticed() {
    assert!(check_order(&[vec![1, 2, 3, 4], vec![3, 4, 5], vec![], vec![9]]).is_ok());
    for broken in [vec![2, 1], vec![1, 3], vec![3, 7, 4]] {
        assert!(check_order(&[vec![1, 2, 3, 4], broken]).is_err());
    }
}
