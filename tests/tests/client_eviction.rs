//! `maxmemory-clients`: clients that together use too much are closed, the largest first, whatever they use it for; others stay.
#![forbid(unsafe_code)]
#![allow(non_snake_case)]

use std::time::{Duration, Instant};

use tests::client::{Client, encode};
use tests::frame::Frame;
use tests::server::{Kind, Server};

const OURS: [Kind; 2] = [Kind::Ashlar { cores: 1 }, Kind::Ashlar { cores: 4 }];
const ALL: [Kind; 3] = [Kind::Redis, OURS[0], OURS[1]];

/// Longest wait for the server to take what was sent, or to close a client.
const WAIT: Duration = Duration::from_secs(20);

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// What a client can use memory for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// A command that is not complete.
    Query,
    /// Replies that it does not read.
    Replies,
    /// Commands of a transaction.
    Queue,
    /// Subscriptions.
    Channels,
    /// Keys that it watches.
    Watched,
    /// The arguments of a command that is blocked.
    Blocked,
}

const USES: [Use; 6] = [Use::Query, Use::Replies, Use::Queue, Use::Channels, Use::Watched, Use::Blocked];

impl Use {
    /// Redis counts names of watched keys and channels with nobody.
    fn counts_in(self, kind: Kind) -> bool {
        kind != Kind::Redis || !matches!(self, Use::Watched | Use::Channels)
    }

    /// Makes a client use about four megabytes and more.
    fn take(self, client: &mut Client) {
        let names = |command: &str| {
            let names = (0..4000).map(|number| format!("{number:01000}"));
            [command.to_owned()].into_iter().chain(names).collect::<Vec<_>>()
        };
        let mut bytes = Vec::new();
        match self {
            Use::Query => bytes = query(4 * MIB),
            Use::Replies => (0..30).for_each(|_| encode(&["GET", "large"], &mut bytes)),
            Use::Queue => {
                let value = "x".repeat(MIB as usize);
                encode(&["MULTI"], &mut bytes);
                (0..4).for_each(|_| encode(&["SET", "k", &value], &mut bytes));
            }
            Use::Channels => encode(&names("SUBSCRIBE"), &mut bytes),
            Use::Watched => encode(&names("WATCH"), &mut bytes),
            Use::Blocked => {
                let mut words = names("BLPOP");
                words.push("0".to_owned());
                encode(&words, &mut bytes);
            }
        }
        client.send_raw(&bytes).expect("the server reads");
    }
}

/// A command of so many bytes that lacks its last.
fn query(bytes: u64) -> Vec<u8> {
    let mut query = format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${bytes}\r\n").into_bytes();
    query.resize(query.len() + bytes as usize - 1, b'x');
    query
}

/// A server with its overseer, who is never closed, and who knows the others.
struct Watch {
    server: Server,
    admin: Client,
}

impl Watch {
    fn start(kind: Kind, flags: &[&str]) -> Watch {
        let server = Server::start(kind, flags);
        let mut admin = server.client();
        admin.ok("CLIENT NO-EVICT on");
        Watch { server, admin }
    }

    fn name(&self) -> String {
        self.server.kind.name()
    }

    /// A client with its number.
    fn client(&self) -> (Client, i64) {
        let mut client = self.server.client();
        let Frame::Int(id) = client.ask("CLIENT ID") else { panic!("a number") };
        (client, id)
    }

    /// A field of each client's line, by number, of those who are not exempt.
    fn fields(&mut self, field: &str) -> Vec<(i64, u64)> {
        let list = self.admin.ask("CLIENT LIST");
        let list = String::from_utf8_lossy(list.text().expect("a list")).into_owned();
        let value = |line: &str, field: &str| {
            let word = line.split(' ').find_map(|word| word.strip_prefix(field)?.strip_prefix('='));
            word.unwrap_or_else(|| panic!("{field} in {line}")).to_owned()
        };
        let lines = list.lines().filter(|line| !value(line, "flags").contains('e'));
        lines
            .map(|line| (value(line, "id").parse().expect("a number"), value(line, field).parse().expect("a number")))
            .collect()
    }

    /// Bytes of all clients that may be closed.
    fn total(&mut self) -> u64 {
        self.fields("tot-mem").iter().map(|(_, bytes)| bytes).sum()
    }

    /// Waits until something is so.
    fn until(&mut self, what: &str, mut is_so: impl FnMut(&mut Watch) -> bool) {
        let begun = Instant::now();
        while !is_so(self) {
            assert!(begun.elapsed() < WAIT, "{}: {what}", self.name());
        }
    }

    /// Waits until a client uses that much.
    fn until_uses(&mut self, id: i64, bytes: u64) {
        let uses =
            |watch: &mut Watch| watch.fields("tot-mem").iter().any(|&(client, used)| client == id && used >= bytes);
        self.until(&format!("client {id} does not use {bytes} bytes"), uses);
    }

    fn info(&mut self, field: &str) -> u64 {
        let info = self.admin.ask("INFO everything");
        let info = String::from_utf8_lossy(info.text().expect("a text")).into_owned();
        let line = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("{field} in {info}")).trim().parse().expect("a number")
    }

    /// Stores the value that `Use::Replies` reads, by a client that is gone then: Redis adds up what exempt clients use too.
    fn store_large(&self) {
        self.server.client().call(&["SET", "large", &"x".repeat(MIB as usize)]).expect("a reply");
    }

    fn limit(&mut self, limit: &str) {
        self.admin.ok(&format!("CONFIG SET maxmemory-clients {limit}"));
    }
}

#[track_caller]
fn is_served(client: &mut Client, what: &str) {
    assert_eq!(client.ask("PING").text(), Some(&b"PONG"[..]), "{what}");
}

#[track_caller]
fn is_closed(client: &mut Client, what: &str) {
    client.wait = WAIT;
    assert!(client.read_to_end().1, "{what}: it is not closed");
}

#[test]
fn FR_P2C_008_E012_whoever_uses_most_is_closed_whatever_for() {
    for kind in ALL {
        for what in USES.into_iter().filter(|what| what.counts_in(kind)) {
            let mut watch = Watch::start(kind, &[]);
            let name = format!("{} {what:?}", watch.name());
            watch.store_large();
            let mut small: Vec<Client> = (0..12).map(|_| watch.client().0).collect();
            let mut large: Vec<(Client, i64)> = (0..3).map(|_| watch.client()).collect();
            large.iter_mut().for_each(|(client, _)| what.take(client));
            large.iter().for_each(|(_, id)| watch.until_uses(*id, 3 * MIB));
            assert_eq!(watch.info("evicted_clients"), 0, "{name}");
            watch.limit("1mb");
            large.iter_mut().for_each(|(client, _)| is_closed(client, &name));
            small.iter_mut().for_each(|client| is_served(client, &name));
            assert_eq!(watch.info("evicted_clients"), 3, "{name}");
            assert!(watch.total() <= MIB, "{name}");
            watch.admin.ok("CONFIG RESETSTAT");
            assert_eq!(watch.info("evicted_clients"), 0, "{name}");
        }
    }
}

#[test]
fn FR_P2C_008_E012_the_largest_go_and_the_others_stay() {
    for kind in ALL {
        let mut watch = Watch::start(kind, &[]);
        let mut clients: Vec<(Client, i64, u64)> = Vec::new();
        for bytes in [300 * KIB, 4 * MIB, 300 * KIB, 40 * KIB, 300 * KIB, 4 * MIB, 300 * KIB, 40 * KIB] {
            let (mut client, id) = watch.client();
            client.send_raw(&query(bytes)).expect("the server reads");
            watch.until_uses(id, bytes);
            clients.push((client, id, bytes));
        }
        watch.limit("3500kb");
        let name = watch.name();
        for (client, _, bytes) in &mut clients {
            let what = format!("{name}: a client with {bytes} bytes");
            if *bytes > MIB {
                is_closed(client, &what);
            } else {
                client.send_raw(b"x\r\n").expect("the server reads");
                assert_eq!(client.read().expect(&what).raw, b"+OK\r\n", "{what}");
            }
        }
        assert_eq!(watch.info("evicted_clients"), 2, "{name}");
    }
}

#[test]
fn FR_P2C_008_E012_an_exempt_client_stays() {
    for kind in ALL {
        let mut watch = Watch::start(kind, &["--maxmemory-clients", "2mb"]);
        let name = watch.name();
        let (mut exempt, _) = watch.client();
        exempt.ok("CLIENT NO-EVICT on");
        Use::Queue.take(&mut exempt);
        assert_eq!(exempt.read().expect(&name).raw, b"+OK\r\n", "{name}");
        (0..4).for_each(|_| assert_eq!(exempt.read().expect(&name).raw, b"+QUEUED\r\n", "{name}"));
        is_served(&mut watch.client().0, &name);
        let (mut other, _) = watch.client();
        // It may be closed before all is sent.
        let _ = other.send_raw(&query(4 * MIB));
        is_closed(&mut other, &name);
        watch.until("the other client is not counted", |watch| watch.info("evicted_clients") == 1);
        exempt.ok("DISCARD");
    }
}

#[test]
fn FR_P2C_008_E012_a_client_that_ends_its_exemption_goes_at_once() {
    for kind in ALL {
        let mut watch = Watch::start(kind, &["--maxmemory-clients", "1mb"]);
        let (mut client, _) = watch.client();
        client.ok("CLIENT NO-EVICT on");
        let name = watch.name();
        let mut bytes = Vec::new();
        encode(&["CLIENT", "NO-EVICT", "off"], &mut bytes);
        let mut sent = bytes.clone();
        sent.extend(query(4 * MIB));
        let _ = client.send_raw(&sent);
        is_closed(&mut client, &name);
        watch.until("it is not counted", |watch| watch.info("evicted_clients") == 1);
    }
}

#[test]
fn FR_P2C_008_E012_a_percentage_follows_maxmemory() {
    for kind in ALL {
        let mut watch = Watch::start(kind, &["--maxmemory", "1gb", "--maxmemory-clients", "1%"]);
        let name = watch.name();
        let (mut client, id) = watch.client();
        client.send_raw(&query(4 * MIB)).expect("the server reads");
        watch.until_uses(id, 4 * MIB);
        assert_eq!(watch.info("evicted_clients"), 0, "{name}");
        watch.admin.ok("CONFIG SET maxmemory 200mb");
        is_closed(&mut client, &name);
        assert_eq!(watch.info("evicted_clients"), 1, "{name}");
        // A part of no limit is none.
        watch.admin.ok("CONFIG SET maxmemory 0");
        let (mut client, id) = watch.client();
        client.send_raw(&query(4 * MIB)).expect("the server reads");
        watch.until_uses(id, 4 * MIB);
        assert_eq!(watch.info("evicted_clients"), 1, "{name}");
    }
}

#[test]
fn FR_P2C_008_E012_clients_of_all_cores_count_together() {
    const CLIENTS: usize = 64;
    const BYTES: u64 = 100 * KIB;
    const LIMIT: u64 = 2 * MIB;
    for kind in OURS {
        let mut watch = Watch::start(kind, &[]);
        let mut clients: Vec<(Client, i64)> = (0..CLIENTS).map(|_| watch.client()).collect();
        clients.iter_mut().for_each(|(client, _)| client.send_raw(&query(BYTES)).expect("the server reads"));
        clients.iter().for_each(|(_, id)| watch.until_uses(*id, BYTES));
        let one = watch.fields("tot-mem").iter().map(|(_, bytes)| *bytes).max().expect("there are some");
        watch.limit(&LIMIT.to_string());
        watch.until("too much is used", |watch| watch.total() <= LIMIT);
        // Each core may have closed one in vain.
        let left = watch.total();
        assert!(left + 5 * one >= LIMIT, "{}: {left} bytes are left of clients of {one}", watch.name());
        let closed = watch.info("evicted_clients");
        assert_eq!(watch.fields("id").len() + closed as usize, CLIENTS, "{}", watch.name());
    }
}

#[test]
fn FR_P2C_008_E012_one_that_does_not_read_is_closed_as_it_asks_for_more() {
    for kind in ALL {
        let mut watch = Watch::start(kind, &["--maxmemory-clients", "8mb"]);
        watch.store_large();
        let (mut small, _) = watch.client();
        let (mut large, _) = watch.client();
        Use::Replies.take(&mut large);
        let name = watch.name();
        watch.until("nobody is closed", |watch| watch.info("evicted_clients") == 1);
        is_closed(&mut large, &name);
        is_served(&mut small, &name);
        assert_eq!(watch.info("evicted_clients"), 1, "{name}");
    }
}

#[test]
fn FR_P2C_008_E012_a_limit_that_is_too_small_can_be_corrected() {
    for kind in OURS {
        let server = Server::start(kind, &["--maxmemory-clients", "1"]);
        let mut client = server.client();
        is_served(&mut client, &kind.name());
        client.ok("CONFIG SET maxmemory-clients 0");
        client.call(&["ECHO", &"x".repeat(MIB as usize)]).expect("a reply");
    }
}

#[test]
fn what_clients_use_is_known_at_once() {
    for kind in OURS {
        let mut watch = Watch::start(kind, &[]);
        let name = watch.name();
        let of_list = watch.admin.ask("CLIENT INFO").to_string();
        let of_list = of_list.split(' ').find_map(|word| word.strip_prefix("tot-mem=")).expect("a field").to_owned();
        let used = watch.info("mem_clients_normal");
        let difference = used.abs_diff(of_list.parse().expect("a number"));
        assert!(difference < 100, "{name}: {used} and {of_list}");
        let before = watch.info("used_memory");
        let (mut client, id) = watch.client();
        client.send_raw(&query(4 * MIB)).expect("the server reads");
        watch.until_uses(id, 4 * MIB);
        assert!(watch.info("mem_clients_normal") >= 4 * MIB && watch.info("used_memory") >= before + 4 * MIB, "{name}");
        let stats = watch.admin.ask("MEMORY STATS").to_string();
        let clients = stats.split("clients.normal").nth(1).expect("a figure");
        let digits: String =
            clients.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
        assert!(digits.parse::<u64>().expect("a number") >= 4 * MIB, "{name}: {stats}");
        watch.admin.ask(&format!("CLIENT KILL ID {id}"));
        assert!(watch.info("mem_clients_normal") < MIB, "{name}");
    }
}

#[test]
fn what_others_keep_for_clients_is_used_memory() {
    for kind in OURS {
        let mut watch = Watch::start(kind, &[]);
        let name = watch.name();
        let mut keys = vec!["MSET".to_owned()];
        keys.extend((0..20_000).flat_map(|number| [format!("key:{number}"), "v".to_owned()]));
        watch.admin.call(&keys).expect("a reply");
        let before = watch.info("used_memory");
        let mut reader = watch.server.client();
        reader.ask("HELLO 3");
        reader.ok("CLIENT TRACKING on");
        let mut read = vec!["MGET".to_owned()];
        read.extend((0..20_000).map(|number| format!("key:{number}")));
        reader.call(&read).expect("a reply");
        let tracked = watch.info("used_memory");
        assert!(tracked > before + 20_000 * 50, "{name}: {before} and {tracked} with tracked keys");
        watch.admin.ok("FLUSHALL");
        let begun = watch.info("used_memory_scripts_eval");
        let script = format!("return #[[{}]]", "x".repeat(MIB as usize));
        watch.admin.call(&["EVAL", &script, "0"]).expect("a reply");
        assert!(watch.info("used_memory_scripts_eval") >= begun + MIB, "{name}");
    }
}
