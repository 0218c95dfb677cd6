//! Where collections change their encoding: element by element around every limit, with redis-server where 7.0.15 has the form,
//! and by the bytes of listpacks for lists, which 7.2 packs and 7.0.15 does not.
//!
//! What is drawn at random is drawn by a seed, which is printed and which `ENCODINGS_SEED` plays again.
#![forbid(unsafe_code)]

use tests::client::Client;
use tests::frame::Frame;
use tests::server::{Kind, Server};

/// Bytes of a word in a report.
const WORD_SHOWN_MAX: usize = 100;

/// A connection to each side.
struct Pair {
    ours: Client,
    redis: Client,
}

impl Pair {
    fn each(&mut self) -> [&mut Client; 2] {
        [&mut self.ours, &mut self.redis]
    }

    /// Checks that both sides answer alike, and returns what they say.
    #[track_caller]
    fn same(&mut self, words: &[impl AsRef<[u8]>]) -> Frame {
        let [ours, redis] = self.each().map(|side| call(side, words));
        assert_eq!(ours, redis, "{}", shown(words));
        ours
    }
}

/// The words of a command, the long ones cut.
fn shown(words: &[impl AsRef<[u8]>]) -> String {
    let shown = words.iter().map(|word| {
        let word = word.as_ref();
        let (begin, rest) = word.split_at(word.len().min(WORD_SHOWN_MAX));
        let more = if rest.is_empty() { String::new() } else { format!("... and {} more", rest.len()) };
        format!("{}{more}", begin.escape_ascii())
    });
    shown.collect::<Vec<_>>().join(" ")
}

fn call(client: &mut Client, words: &[impl AsRef<[u8]>]) -> Frame {
    client.call(words).expect("a command is answered").frame
}

fn text(frame: Frame) -> String {
    String::from_utf8(frame.text().expect("a text").to_vec()).expect("a text of ASCII")
}

fn encoding(client: &mut Client, key: &str) -> String {
    text(call(client, &["OBJECT", "ENCODING", key]))
}

fn start() -> (Server, Server, Pair) {
    let (ours, redis) = (Server::start(Kind::Ashlar { cores: 1 }, &[]), Server::start(Kind::Redis, &[]));
    let pair = Pair { ours: ours.client(), redis: redis.client() };
    (ours, redis, pair)
}

/// Items of every class of a listpack's elements, with the bytes that each takes there.
fn classes() -> Vec<(String, usize)> {
    let integers = [
        ("0", 2),
        ("63", 2),
        ("64", 2),
        ("127", 2),
        ("128", 3),
        ("4095", 3),
        ("-1", 3),
        ("-4096", 3),
        ("4096", 4),
        ("-4097", 4),
        ("32767", 4),
        ("-32768", 4),
        ("32768", 5),
        ("-32769", 5),
        ("8388607", 5),
        ("8388608", 6),
        ("2147483647", 6),
        ("-2147483649", 10),
        ("9223372036854775807", 10),
        ("007", 5),
        ("", 2),
    ];
    let strings = [(1, 3), (62, 64), (63, 65), (64, 67), (125, 128), (126, 130), (127, 131), (700, 704)];
    let integers = integers.into_iter().map(|(text, bytes)| (text.to_owned(), bytes));
    integers.chain(strings.into_iter().map(|(len, bytes)| ("x".repeat(len), bytes))).collect()
}

/// The bytes of the listpack that DUMP writes for a list of one node too short to be compressed.
fn dumped_bytes(client: &mut Client, key: &str) -> u32 {
    match call(client, &["DUMP", key]) {
        Frame::Bulk(payload) => u32::from_le_bytes(payload[4..8].try_into().expect("four bytes")),
        other => panic!("DUMP {key}: {other}"),
    }
}

#[test]
fn elements_take_the_bytes_of_a_listpack() {
    let (_ours, _redis, mut pair) = start();
    for (item, bytes) in classes().into_iter().filter(|(_, bytes)| *bytes < 13) {
        pair.same(&["DEL", "l"]);
        pair.same(&["RPUSH", "l", &item]);
        assert_eq!(dumped_bytes(&mut pair.ours, "l"), 7 + bytes as u32, "{item}");
        pair.same(&["DUMP", "l"]);
    }
}

#[test]
fn a_list_becomes_large_with_the_item_that_passes_the_limit() {
    let (_ours, _redis, mut pair) = start();
    let client = &mut pair.ours;
    for (setting, limit) in [(-1, 4096), (-2, 8192), (-3, 16_384)] {
        client.ok(&format!("CONFIG SET list-max-listpack-size {setting}"));
        for (item, bytes) in classes() {
            for command in ["RPUSH", "LPUSH"] {
                call(client, &["DEL", "l"]);
                // An item is asked for with its text, and then stored with what its class takes.
                let fits = (limit - 7 - item.len()) / bytes + 1;
                let early = fits.saturating_sub(100);
                for many in vec![item.as_str(); early].chunks(9) {
                    call(client, &[&[command, "l"], many].concat());
                }
                (early..fits).for_each(|_| drop(call(client, &[command, "l", &item])));
                assert_eq!(encoding(client, "l"), "listpack", "{setting} {fits} of {item}");
                call(client, &[command, "l", &item]);
                assert_eq!(encoding(client, "l"), "quicklist", "{setting} {fits} and one of {item}");
                packed_again_at_half(client, limit, bytes, fits + 1);
            }
        }
    }
}

/// Takes items of `bytes` bytes out of a large list of `len` until it is packed: with one node of half the limit.
fn packed_again_at_half(client: &mut Client, limit: usize, bytes: usize, len: usize) {
    // The first node holds all but the last item or two; those leave first.
    let most = (limit / 2 - 7) / bytes;
    for end in ["RPOP", "LPOP"] {
        call(client, &["COPY", "l", "copy", "REPLACE"]);
        call(client, &[end, "copy", &(len - most - 1).to_string()]);
        let nodes = text(call(client, &["DEBUG", "OBJECT", "copy"]));
        assert!(nodes.contains("encoding:quicklist"), "{end} {most} of {bytes} bytes and one: {nodes}");
        let one_node = nodes.contains("ql_nodes:1 ");
        call(client, &[end, "copy"]);
        let expected = if one_node { "listpack" } else { "quicklist" };
        assert_eq!(encoding(client, "copy"), expected, "{end} {most} of {bytes} bytes");
    }
}

#[test]
fn a_list_keeps_to_a_limit_in_items() {
    let (_ours, _redis, mut pair) = start();
    let client = &mut pair.ours;
    client.ok("CONFIG SET list-max-listpack-size 5");
    call(client, &["RPUSH", "l", "a", "b", "c", "d", "e"]);
    assert_eq!(encoding(client, "l"), "listpack");
    call(client, &["RPUSH", "l", "f"]);
    assert_eq!(encoding(client, "l"), "quicklist");
    // At half the limit it is packed again, whatever its bytes are.
    let long = "x".repeat(50_000);
    call(client, &["LSET", "l", "0", &long]);
    call(client, &["RPOP", "l", "3"]);
    assert_eq!(encoding(client, "l"), "quicklist");
    call(client, &["RPOP", "l"]);
    assert_eq!(encoding(client, "l"), "listpack");
    assert_eq!(call(client, &["LINDEX", "l", "0"]), Frame::Bulk(long.into_bytes()));
    call(client, &["RPUSH", "l", "a"]);
    assert_eq!(encoding(client, "l"), "quicklist");
    // SORT and RESTORE make a list at once: one node is enough.
    call(client, &["RPUSH", "s", "1", "2", "3", "4", "5"]);
    call(client, &["SORT", "s", "STORE", "t"]);
    assert_eq!(encoding(client, "t"), "listpack");
    call(client, &["RPUSH", "s", "6"]);
    call(client, &["SORT", "s", "STORE", "t"]);
    assert_eq!(encoding(client, "t"), "quicklist");
}

#[test]
fn a_restored_list_is_as_it_was() {
    let (_ours, _redis, mut pair) = start();
    for (item, bytes) in classes() {
        for more in [0, 1] {
            call(&mut pair.ours, &["DEL", "l"]);
            let fits = (8192 - 7 - item.len()) / bytes + 1 + more;
            for _ in 0..fits {
                call(&mut pair.ours, &["RPUSH", "l", &item]);
            }
            let ours = &mut pair.ours;
            let Frame::Bulk(payload) = call(ours, &["DUMP", "l"]) else { panic!("DUMP answers with bytes") };
            let about = |frame: Frame| text(frame).split_once(" ql_nodes").map(|(_, nodes)| nodes.to_owned());
            let before = (encoding(ours, "l"), about(call(ours, &["DEBUG", "OBJECT", "l"])));
            call(ours, &[b"RESTORE", &b"l"[..], b"0", &payload, b"REPLACE"]);
            // The last item's head can bring a packed list past the limit, which a list that is made at once keeps to.
            match before {
                (encoding, None) if encoding == "listpack" && 7 + fits * bytes > 8192 => {
                    assert!(nodes(ours).starts_with(":1 "), "{fits} of {item}");
                }
                before => {
                    let after = (self::encoding(ours, "l"), about(call(ours, &["DEBUG", "OBJECT", "l"])));
                    assert_eq!(before, after, "{fits} of {item}");
                }
            }
            assert_eq!(call(ours, &["DUMP", "l"]), Frame::Bulk(payload), "{fits} of {item}");
        }
    }
}

/// A random item: integers of every width, short and long words.
fn item(random: &mut fastrand::Rng) -> String {
    let classes = classes();
    match random.u8(0..4) {
        0 => random.i32(-5000..5000).to_string(),
        1 => "abc"[random.usize(0..3)..].repeat(random.usize(0..20)),
        _ => classes[random.usize(0..classes.len())].0.clone(),
    }
}

/// A random command of the list `l` of `len` items. Insertions divide nodes.
fn edit(random: &mut fastrand::Rng, pair: &mut Pair, insertions: bool) -> Vec<String> {
    let Frame::Int(len) = pair.same(&["LLEN", "l"]) else { panic!("LLEN answers with a number") };
    let index = random.i64(0..len.max(1)).to_string();
    let some = random.u8(1..4).to_string();
    let words = match random.u8(0..10) {
        0 => vec!["LSET", "l", &index],
        1 => vec!["LPOP", "l", &some],
        2 => vec!["RPOP", "l", &some],
        3 => vec!["LPUSH", "l"],
        4 | 5 => vec!["RPUSH", "l"],
        6 => vec!["LTRIM", "l", "1", "-2"],
        _ if !insertions => vec!["RPUSH", "l"],
        _ => vec!["LINSERT", "l", if random.bool() { "BEFORE" } else { "AFTER" }],
    };
    let mut words: Vec<String> = words.into_iter().map(str::to_owned).collect();
    if words[0] == "LINSERT" {
        words.push(text(pair.same(&["LINDEX", "l", &index])));
    }
    if words[0].ends_with("PUSH") || words[0] == "LSET" || words[0] == "LINSERT" {
        words.push(item(random));
    }
    words
}

/// What DEBUG OBJECT tells of the nodes of a large list.
fn nodes(client: &mut Client) -> String {
    let line = text(call(client, &["DEBUG", "OBJECT", "l"]));
    line.split_once(" ql_nodes").map_or(line.clone(), |(_, nodes)| nodes.to_owned())
}

#[test]
fn large_lists_have_the_nodes_of_redis_server() {
    let (_ours, _redis, mut pair) = start();
    let seed = match std::env::var("ENCODINGS_SEED") {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("ENCODINGS_SEED={text} is not a number")),
        Err(_) => fastrand::u64(..),
    };
    println!("ENCODINGS_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for round in 0..30 {
        // Insertions are left out where bytes count: 7.0.15 joins nodes that are 4 bytes too long together, later versions do not.
        let setting = [-1, -2, 0, 1, 2, 3, 5, 17, 40][random.usize(0..9)];
        let items: Vec<String> = (0..300).map(|_| item(&mut random)).chain(["y".repeat(9000)]).collect();
        pair.same(&["CONFIG", "SET", "list-max-listpack-size", &setting.to_string()]);
        pair.same(&["DEL", "l"]);
        pair.same(&[vec!["RPUSH".to_owned(), "l".to_owned()], items].concat());
        for step in 0..150 {
            let words = edit(&mut random, &mut pair, setting >= 0);
            pair.same(&words);
            // A list that is packed has no nodes to compare until it is large again.
            if encoding(&mut pair.ours, "l") != "quicklist" {
                continue;
            }
            let (ours, redis) = (nodes(&mut pair.ours), nodes(&mut pair.redis));
            assert_eq!(ours, redis, "seed {seed}, round {round}, step {step}, {setting}: {}", shown(&words));
        }
        // A list keeps the limit with which it was made, and a packed one of ours has none yet.
        let is_large = encoding(&mut pair.ours, "l") == "quicklist";
        pair.same(&["CONFIG", "SET", "list-max-listpack-size", "7"]);
        pair.same(&["RPUSH", "l", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]);
        if is_large {
            assert_eq!(nodes(&mut pair.ours), nodes(&mut pair.redis), "seed {seed}, round {round}");
        }
    }
}

/// Commands that add one element to a hash or a sorted set, and the settings that limit these.
const LIMITED: [(&str, &str); 2] = [("HSET", "hash"), ("ZADD", "zset")];

/// The command that adds an element of this name.
fn add<'a>(command: &'a str, name: &'a str) -> [&'a str; 4] {
    if command == "HSET" { ["HSET", "k", name, "1"] } else { ["ZADD", "k", "1", name] }
}

#[test]
fn hashes_and_sorted_sets_become_large_with_redis_server() {
    let (_ours, _redis, mut pair) = start();
    for (command, family) in LIMITED {
        for entries in [0, 1, 2, 128, 512] {
            pair.same(&["CONFIG", "SET", &format!("{family}-max-listpack-entries"), &entries.to_string()]);
            pair.same(&["DEL", "k"]);
            for n in 0..entries + 2 {
                pair.same(&add(command, &(n * 97 - 5000).to_string()));
                pair.same(&["OBJECT", "ENCODING", "k"]);
            }
        }
        for value in [0usize, 1, 3, 63, 64, 65, 4095, 4096] {
            pair.same(&["CONFIG", "SET", &format!("{family}-max-listpack-value"), &value.to_string()]);
            for len in value.saturating_sub(1)..=value + 1 {
                for name in ["x".repeat(len), "7".repeat(len)] {
                    pair.same(&["DEL", "k"]);
                    pair.same(&add(command, &name));
                    pair.same(&["OBJECT", "ENCODING", "k"]);
                    pair.same(&add(command, "b"));
                    pair.same(&["OBJECT", "ENCODING", "k"]);
                }
            }
        }
    }
}

#[test]
fn restored_collections_are_limited_as_in_redis_server() {
    let (_ours, _redis, mut pair) = start();
    let name = "n".repeat(20);
    for (command, family) in LIMITED {
        // Written packed, and as a run of strings.
        for entries in ["128", "0"] {
            let set = |pair: &mut Pair, what: &str, value: &str| {
                pair.same(&["CONFIG", "SET", &format!("{family}-max-listpack-{what}"), value]);
            };
            set(&mut pair, "value", "64");
            set(&mut pair, "entries", entries);
            pair.same(&["DEL", "k"]);
            pair.same(&add(command, &name));
            pair.same(&add(command, "other"));
            let Frame::Bulk(payload) = call(&mut pair.redis, &["DUMP", "k"]) else { panic!("DUMP answers with bytes") };
            for (entries, value) in [("2", "20"), ("2", "19"), ("1", "20"), ("0", "0")] {
                set(&mut pair, "entries", entries);
                set(&mut pair, "value", value);
                pair.same(&[b"RESTORE", &b"k"[..], b"0", &payload, b"REPLACE"]);
                pair.same(&["OBJECT", "ENCODING", "k"]);
                pair.same(&["DEBUG", "DIGEST-VALUE", "k"]);
            }
        }
    }
}
