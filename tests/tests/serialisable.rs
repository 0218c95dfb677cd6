//! Multi-key commands over four cores are atomic: a search for a serial order of short histories, and invariants under
//! longer load.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::Instant;
use tests::client::Client;
use tests::frame::Frame;
use tests::history::{Model, Operation, explain, record};
use tests::server::{Kind, Server};

const FOUR: Kind = Kind::Ashlar { cores: 4 };
/// Keys of the histories: few, so that operations meet; their slots lie on different cores.
const KEYS: usize = 6;
/// Lists beside them, whose elements stand for keys in SORT's patterns.
const LISTS: usize = 3;

fn key(index: usize) -> String {
    format!("key:{index}")
}

fn list(index: usize) -> String {
    format!("list:{index}")
}

/// What the histories do.
#[derive(Clone, Debug)]
enum Call {
    Set(usize, u32),
    Get(usize),
    Mset(Vec<usize>, u32),
    Msetnx(Vec<usize>, u32),
    Mget(Vec<usize>),
    Del(Vec<usize>),
    Exists(Vec<usize>),
    Rename(usize, usize),
    Copy(usize, usize),
    Push(usize, Vec<usize>),
    Range(usize),
    /// The elements, and the values of the keys that they stand for, in the order of those values or in the list's.
    Sort(usize, Order),
    /// The values of the keys that a list's elements stand for, in their order, into another list.
    SortStore(usize, usize),
    Flush,
    Size,
}

/// What SORT goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Values,
    None,
}

impl Call {
    fn random(random: &mut fastrand::Rng, tag: u32) -> Call {
        let several = |random: &mut fastrand::Rng| {
            let mut keys: Vec<usize> = (0..KEYS).collect();
            random.shuffle(&mut keys);
            keys.truncate(random.usize(2..=4));
            keys
        };
        let one = |random: &mut fastrand::Rng| random.usize(0..KEYS);
        let one_list = |random: &mut fastrand::Rng| random.usize(0..LISTS);
        match random.u8(0..24) {
            0 => Call::Set(one(random), tag),
            1 | 2 => Call::Get(one(random)),
            3..6 => Call::Mset(several(random), tag),
            6 => Call::Msetnx(several(random), tag),
            7..10 => Call::Mget(several(random)),
            10 => Call::Del(several(random)),
            11 => Call::Exists(several(random)),
            12 => Call::Rename(one(random), one(random)),
            13 => Call::Copy(one(random), one(random)),
            14 | 15 => Call::Push(one_list(random), several(random)),
            16 => Call::Range(one_list(random)),
            17 | 18 => Call::Sort(one_list(random), Order::Values),
            19 => Call::Sort(one_list(random), Order::None),
            20 | 21 => Call::SortStore(one_list(random), one_list(random)),
            22 if random.u8(0..3) == 0 => Call::Flush,
            _ => Call::Size,
        }
    }

    fn words(&self) -> Vec<String> {
        let with = |name: &str, keys: &[usize]| {
            let mut words = vec![name.to_owned()];
            words.extend(keys.iter().map(|index| key(*index)));
            words
        };
        let pairs = |name: &str, keys: &[usize], tag: u32| {
            let mut words = vec![name.to_owned()];
            words.extend(keys.iter().flat_map(|index| [key(*index), tag.to_string()]));
            words
        };
        match self {
            Call::Set(at, tag) => pairs("SET", &[*at], *tag),
            Call::Get(at) => with("GET", &[*at]),
            Call::Mset(keys, tag) => pairs("MSET", keys, *tag),
            Call::Msetnx(keys, tag) => pairs("MSETNX", keys, *tag),
            Call::Mget(keys) => with("MGET", keys),
            Call::Del(keys) => with("DEL", keys),
            Call::Exists(keys) => with("EXISTS", keys),
            Call::Rename(from, to) => with("RENAME", &[*from, *to]),
            Call::Copy(from, to) => [with("COPY", &[*from, *to]), vec!["REPLACE".into()]].concat(),
            Call::Push(to, keys) => {
                let elements = keys.iter().map(usize::to_string);
                ["RPUSH".into(), list(*to)].into_iter().chain(elements).collect()
            }
            Call::Range(at) => sentence(&format!("LRANGE {} 0 -1", list(*at))),
            Call::Sort(at, order) => {
                let by = if *order == Order::Values { "key:*" } else { "nothing" };
                sentence(&format!("SORT {} BY {by} GET # GET key:*", list(*at)))
            }
            Call::SortStore(from, to) => {
                sentence(&format!("SORT {} BY key:* GET key:* STORE {}", list(*from), list(*to)))
            }
            Call::Flush => vec!["FLUSHALL".into()],
            Call::Size => vec!["DBSIZE".into()],
        }
    }
}

fn sentence(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

/// What the keys hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct State {
    tags: BTreeMap<usize, u32>,
    /// Elements are numbers; what SORT stores for a key without a value is empty.
    lists: BTreeMap<usize, Vec<Option<u32>>>,
}

impl State {
    /// The elements of a list, in the order that SORT answers.
    fn sorted(&self, at: usize, order: Order) -> Vec<Option<u32>> {
        let mut elements = self.lists.get(&at).cloned().unwrap_or_default();
        if order == Order::Values {
            // No value counts as 0; elements of equal values are compared as texts.
            elements.sort_by_key(|element| (self.value(*element).unwrap_or(0), text(*element)));
        }
        elements
    }

    /// The value of the key that an element stands for.
    fn value(&self, element: Option<u32>) -> Option<u32> {
        self.tags.get(&usize::try_from(element?).ok()?).copied()
    }

    /// SORT's answer: each element and its key's value.
    fn sort(&self, at: usize, order: Order) -> Frame {
        let pair = |element| [Frame::Bulk(text(element)), self.value(element).map_or(Frame::NullBulk, tag_frame)];
        Frame::Array(self.sorted(at, order).into_iter().flat_map(pair).collect())
    }

    fn sort_store(&mut self, from: usize, to: usize) -> usize {
        let values: Vec<Option<u32>> =
            self.sorted(from, Order::Values).into_iter().map(|element| self.value(element)).collect();
        let count = values.len();
        self.lists.remove(&to);
        if count > 0 {
            self.lists.insert(to, values);
        }
        count
    }
}

fn text(element: Option<u32>) -> Vec<u8> {
    element.map_or(Vec::new(), |number| number.to_string().into_bytes())
}

fn tag_frame(tag: u32) -> Frame {
    Frame::Bulk(tag.to_string().into_bytes())
}

/// Redis with one thread, as far as the calls need it.
struct Redis;

impl Model for Redis {
    type Call = Call;
    type Answer = Frame;
    type State = State;

    fn apply(all: &mut State, call: &Call) -> Frame {
        let ok = || Frame::Simple(b"OK".to_vec());
        let number = |count: usize| Frame::Int(i64::try_from(count).expect("few keys"));
        let get = |state: &BTreeMap<usize, u32>, at: &usize| state.get(at).copied().map_or(Frame::NullBulk, tag_frame);
        let state = &mut all.tags;
        match call {
            Call::Set(at, tag) => {
                state.insert(*at, *tag);
                ok()
            }
            Call::Get(at) => get(state, at),
            Call::Mset(keys, tag) => {
                state.extend(keys.iter().map(|at| (*at, *tag)));
                ok()
            }
            Call::Msetnx(keys, _) if keys.iter().any(|at| state.contains_key(at)) => Frame::Int(0),
            Call::Msetnx(keys, tag) => {
                state.extend(keys.iter().map(|at| (*at, *tag)));
                Frame::Int(1)
            }
            Call::Mget(keys) => Frame::Array(keys.iter().map(|at| get(state, at)).collect()),
            Call::Del(keys) => number(keys.iter().filter(|at| state.remove(at).is_some()).count()),
            Call::Exists(keys) => number(keys.iter().filter(|at| state.contains_key(at)).count()),
            Call::Rename(from, to) => match state.remove(from) {
                None => Frame::Error(b"ERR no such key".to_vec()),
                Some(tag) => {
                    state.insert(*to, tag);
                    ok()
                }
            },
            Call::Copy(from, to) if from == to => {
                Frame::Error(b"ERR source and destination objects are the same".to_vec())
            }
            Call::Copy(from, to) => match state.get(from).copied() {
                None => Frame::Int(0),
                Some(tag) => {
                    state.insert(*to, tag);
                    Frame::Int(1)
                }
            },
            Call::Push(to, keys) => {
                let elements = all.lists.entry(*to).or_default();
                elements.extend(keys.iter().map(|at| u32::try_from(*at).ok()));
                number(elements.len())
            }
            Call::Range(at) => {
                let elements = all.lists.get(at).into_iter().flatten();
                Frame::Array(elements.map(|element| Frame::Bulk(text(*element))).collect())
            }
            Call::Sort(at, order) => all.sort(*at, *order),
            Call::SortStore(from, to) => number(all.sort_store(*from, *to)),
            Call::Flush => {
                *all = State::default();
                ok()
            }
            Call::Size => number(all.tags.len() + all.lists.len()),
        }
    }
}

fn perform(client: &mut Client, call: &Call) -> Frame {
    client.call(&call.words()).expect("a command is answered").frame
}

fn check_histories(rounds: u64, clients: usize, length: usize) {
    let server = Server::start(FOUR, &[]);
    let mut clients: Vec<Client> = (0..clients).map(|_| server.client()).collect();
    let start = Instant::now();
    for seed in 0..rounds {
        clients[0].ok("FLUSHALL");
        let mut random = fastrand::Rng::with_seed(seed);
        let mut tag = 0;
        let mut next = || {
            tag += 1;
            Call::random(&mut random, tag)
        };
        let calls = clients.iter().map(|_| (0..length).map(|_| next()).collect()).collect();
        let history = record::<Redis, _>(&mut clients, calls, start, perform);
        if explain(&history).is_none() {
            let lines = history.iter().map(|operation| {
                let Operation { call, answer, sent, ended } = operation;
                format!("{sent:>12} {ended:>12} {call:?} -> {answer}\n")
            });
            panic!("seed {seed}: no serial order explains\n{}", lines.collect::<String>());
        }
    }
}

#[test]
fn histories_of_four_clients_have_a_serial_order() {
    check_histories(300, 4, 8);
}

#[test]
fn histories_of_eight_clients_have_a_serial_order() {
    check_histories(150, 8, 5);
}

/// What a writer does in one round on its connection.
type Writer = dyn Fn(&mut Client, usize) + Sync;

/// Runs writers `rounds` times each beside readers, until the writers are done.
fn load(server: &Server, writers: &[&Writer], read: &(dyn Fn(&mut Client) + Sync), rounds: usize) {
    thread::scope(|scope| {
        let writing: Vec<_> = writers
            .iter()
            .map(|write| {
                scope.spawn(move || {
                    let mut client = server.client();
                    (0..rounds).for_each(|round| write(&mut client, round));
                })
            })
            .collect();
        let writing = Arc::new(writing);
        for _ in 0..2 {
            let writing = Arc::clone(&writing);
            scope.spawn(move || {
                let mut client = server.client();
                while !writing.iter().all(thread::ScopedJoinHandle::is_finished) {
                    read(&mut client);
                }
            });
        }
    });
}

fn mget_words(count: usize) -> String {
    (0..count).fold("MGET".to_owned(), |words, index| format!("{words} {}", key(index)))
}

#[test]
fn mget_sees_each_mset_wholly_or_not_at_all() {
    const COUNT: usize = 20;
    let server = Server::start(FOUR, &[]);
    let write = |name: &'static str| {
        move |client: &mut Client, round: usize| {
            let words =
                (0..COUNT).fold("MSET".to_owned(), |words, index| format!("{words} {} {name}{round}", key(index)));
            client.ok(&words);
        }
    };
    let flush = |client: &mut Client, round: usize| match round % 3 {
        0 => client.ok("FLUSHALL"),
        _ => drop(client.ask(&mget_words(COUNT).replace("MGET", "DEL"))),
    };
    let read = |client: &mut Client| {
        let reply = client.ask(&mget_words(COUNT));
        let items = reply.items().expect("MGET answers an array");
        assert!(items.iter().all(|item| *item == items[0]), "torn: {reply}");
        let size = client.ask("DBSIZE").int().expect("DBSIZE is a number");
        assert!(size == 0 || size == 20, "DBSIZE {size}");
        let exists = client.ask(&mget_words(COUNT).replace("MGET", "EXISTS")).int();
        assert!(matches!(exists, Some(0 | 20)), "EXISTS {exists:?}");
        let keys = client.ask("KEYS key:*").items().map_or(0, <[Frame]>::len);
        assert!(keys == 0 || keys == COUNT, "KEYS {keys}");
    };
    load(&server, &[&write("a"), &write("b"), &write("c"), &flush], &read, 600);
}

#[test]
fn rename_never_loses_or_doubles_a_token() {
    const PLACES: usize = 16;
    const TOKENS: usize = 5;
    let server = Server::start(FOUR, &[]);
    let mut client = server.client();
    for token in 0..TOKENS {
        client.ok(&format!("SET {} token{token}", key(token)));
    }
    let shift = |client: &mut Client, round: usize| {
        let (from, to) = (fastrand::usize(0..PLACES), fastrand::usize(0..PLACES));
        let reply = client.ask(&format!("RENAMENX {} {}", key(from), key(to)));
        let missing = Frame::Error(b"ERR no such key".to_vec());
        assert!(reply == missing || matches!(reply, Frame::Int(0 | 1)), "round {round}: {reply}");
    };
    let read = |client: &mut Client| {
        let reply = client.ask(&mget_words(PLACES));
        let mut tokens: Vec<String> =
            reply.items().expect("an array").iter().filter(|item| !item.is_null()).map(ToString::to_string).collect();
        tokens.sort();
        tokens.dedup();
        assert_eq!(tokens.len(), TOKENS, "{reply}");
        let keys = client.ask("KEYS *").items().map_or(0, <[Frame]>::len);
        assert_eq!(keys, TOKENS, "KEYS while keys are renamed");
    };
    load(&server, &[&shift, &shift, &shift, &shift], &read, 1500);
}

#[test]
fn swapdb_is_seen_by_all_cores_at_once() {
    const COUNT: usize = 16;
    let server = Server::start(FOUR, &[]);
    let mut client = server.client();
    for db in ["zero", "one"] {
        client.ok(if db == "zero" { "SELECT 0" } else { "SELECT 1" });
        let words = (0..COUNT).fold("MSET".to_owned(), |words, index| format!("{words} {} {db}", key(index)));
        client.ok(&words);
    }
    let swap = |client: &mut Client, _: usize| client.ok("SWAPDB 0 1");
    let read = |client: &mut Client| {
        let reply = client.ask(&mget_words(COUNT));
        let items = reply.items().expect("MGET answers an array");
        assert!(items.iter().all(|item| *item == items[0] && !item.is_null()), "torn: {reply}");
    };
    load(&server, &[&swap, &swap], &read, 500);
}

#[test]
fn counters_on_all_cores_lose_nothing() {
    const KEYS_OF_COUNTERS: usize = 10;
    const ROUNDS: usize = 2000;
    let server = Server::start(FOUR, &[]);
    let count = |client: &mut Client, round: usize| {
        assert!(client.ask(&format!("INCR {}", key(round % KEYS_OF_COUNTERS))).int().is_some());
    };
    let read = |client: &mut Client| drop(client.ask(&mget_words(KEYS_OF_COUNTERS)));
    load(&server, &[&count, &count, &count, &count], &read, ROUNDS);
    let reply = server.client().ask(&mget_words(KEYS_OF_COUNTERS));
    let each = Frame::Bulk((4 * ROUNDS / KEYS_OF_COUNTERS).to_string().into_bytes());
    assert!(reply.items().expect("an array").iter().all(|item| *item == each), "{reply}");
}
