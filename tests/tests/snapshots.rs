//! SYNC: a snapshot of all cores at one moment, written while clients change what it holds; redis-server 7.0.15 reads it.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tests::client::{Client, Outcome};
use tests::cluster::until;
use tests::frame::Frame;
use tests::server::{Kind, Server, free_port, start_in};

/// Core loops that hold a snapshot's parts.
const CORES: [usize; 2] = [1, 4];

const LIMIT: Duration = Duration::from_secs(30);

fn ours(cores: usize) -> Server {
    Server::start(Kind::Ashlar { cores }, &[])
}

/// All that a client of SYNC reads until the connection ends.
#[track_caller]
fn synced(server: &Server) -> Vec<u8> {
    let mut client = server.client();
    client.wait = LIMIT;
    client.send(&["SYNC"]).expect("it reads");
    let (bytes, closed) = client.read_to_end();
    assert!(closed, "nothing follows a snapshot");
    bytes
}

/// The error that a client of SYNC reads, if it reads one.
fn refused(server: &Server) -> Option<String> {
    let mut client = server.client();
    client.wait = LIMIT;
    // A file is no whole reply: it has no end of a line.
    match client.call(&["SYNC"]) {
        Outcome::Reply(reply) => Some(text(reply.frame)),
        Outcome::Closed => None,
        other => panic!("SYNC reads {other:?}"),
    }
}

/// The file among these bytes.
#[track_caller]
fn file(synced: &[u8]) -> &[u8] {
    let end = synced.iter().position(|byte| *byte == b'\n').expect("a length comes first");
    let line = String::from_utf8_lossy(&synced[..end]);
    let length: usize = line.trim().trim_start_matches('$').parse().unwrap_or_else(|_| panic!("{line} is a length"));
    assert_eq!(length, synced.len() - end - 1);
    &synced[end + 1..]
}

/// A redis-server that has read a file.
#[track_caller]
fn loaded(file: &[u8], folder: &Path) -> Server {
    fs::write(folder.join("dump.rdb"), file).expect("the scratch folder can be written");
    let port = free_port();
    let arguments = ["--port", &port.to_string(), "--save", "", "--enable-debug-command", "yes"];
    let mut server = start_in(Kind::Redis, port, folder, &arguments);
    server.wait_ready().expect("redis-server reads it");
    server
}

fn text(frame: Frame) -> String {
    frame.text().map(|text| String::from_utf8_lossy(text).into_owned()).unwrap_or_default()
}

/// A value of every kind, small and large, with deadlines and without, in several databases, and a library of functions.
fn fill(client: &mut Client) {
    for db in [0, 3, 15] {
        client.ok(&format!("SELECT {db}"));
        for (name, count) in [("small", 5), ("large", 3_000)] {
            let words = |command: &str, element: fn(usize) -> String| {
                (0..count).fold(format!("{command} {name}:{command}"), |line, n| line + " " + &element(n))
            };
            client.ask(&words("RPUSH", |n| format!("{}", n * 77)));
            client.ask(&words("SADD", |n| format!("m{n}")));
            client.ask(&words("HSET", |n| format!("f{n} {n}")));
            client.ask(&words("ZADD", |n| format!("{}.5 m{n}", n % 7)));
            client.ask(&words("PFADD", |n| format!("e{n}")));
            for n in 1..=count / 5 {
                client.ask(&format!("XADD {name}:x {n}-1 field {n}"));
            }
            client.ok(&format!("SET {name}:s {}", "text".repeat(count)));
            client.ok(&format!("SET {name}:timed 12345 EX 10000"));
        }
        client.ok("XGROUP CREATE small:x group 0");
        client.ask("XREADGROUP GROUP group consumer COUNT 1 STREAMS small:x >");
        client.ask("SADD integers 1 -2 300000 9000000000");
    }
    client.ok("SELECT 0");
    let library = "#!lua name=lib\nredis.register_function('f', function() return 41 end)";
    assert_eq!(text(client.call(&["FUNCTION", "LOAD", library]).expect("a reply").frame), "lib");
}

#[test]
fn redis_server_reads_every_kind_of_value() {
    for cores in CORES {
        let server = ours(cores);
        let mut client = server.client();
        fill(&mut client);
        // A snapshot is nothing that a client leaves unread.
        let mut limit = |class: &str| {
            let set = ["CONFIG", "SET", "client-output-buffer-limit", class];
            assert_eq!(text(client.call(&set).expect("a reply").frame), "OK");
        };
        limit("normal 1024 0 0");
        let synced = synced(&server);
        limit("normal 0 0 0");
        let folder = tempfile::tempdir().expect("a scratch folder can be made");
        let redis = loaded(file(&synced), folder.path());
        let mut theirs = redis.client();
        assert_eq!(text(client.ask("DEBUG DIGEST")), text(theirs.ask("DEBUG DIGEST")));
        assert_eq!(theirs.ask("FCALL f 0"), Frame::Int(41));
        let info = text(client.ask("INFO everything"));
        assert!(info.contains("sync_full:1\r") && info.contains("rdb_bgsave_in_progress:0\r"), "{info}");
        let ttl = theirs.ask("PEXPIRETIME large:timed");
        assert_eq!(client.ask("PEXPIRETIME large:timed"), ttl);
        assert_ne!(ttl, Frame::Int(-1));
    }
}

/// Transactions over pairs of keys on different cores: in a snapshot of one moment both have the same number of increments.
fn write_pairs(mut client: Client, pairs: u32, stop: &AtomicBool) {
    let mut round = 0;
    while !stop.load(Ordering::Relaxed) {
        let pair = round * 7_919 % pairs;
        let commands = format!(
            "MULTI|INCR one:{pair}|INCR other:{pair}|RPUSH list:{pair} {round}|EXEC|SET new:{round} x|DEL new:{}",
            round / 2
        );
        let commands: Vec<Vec<Vec<u8>>> =
            commands.split('|').map(|line| line.split(' ').map(|word| word.as_bytes().to_vec()).collect()).collect();
        let replies = client.pipeline(&commands);
        assert_eq!(replies.len(), commands.len());
        round += 1;
    }
}

#[test]
fn a_snapshot_is_of_one_moment() {
    const PAIRS: u32 = 2_000;
    for cores in CORES {
        let server = ours(cores);
        let mut client = server.client();
        client.ok("DEBUG POPULATE 200000 k 60");
        for pair in 0..PAIRS {
            client.ok(&format!("MSET one:{pair} 0 other:{pair} 0"));
        }
        let stop = AtomicBool::new(false);
        let snapshots = thread::scope(|scope| {
            for _ in 0..3 {
                let client = server.client();
                scope.spawn(|| write_pairs(client, PAIRS, &stop));
            }
            let changed = |client: &mut Client| text(client.ask("GET one:0")).as_str() > "1";
            until("clients write", LIMIT, || changed(&mut client));
            let snapshots = [(); 3].map(|()| synced(&server));
            stop.store(true, Ordering::Relaxed);
            snapshots
        });
        for synced in &snapshots {
            let folder = tempfile::tempdir().expect("a scratch folder can be made");
            let redis = loaded(file(synced), folder.path());
            let mut theirs = redis.client();
            let mut increments = 0;
            for pair in 0..PAIRS {
                let one = text(theirs.ask(&format!("GET one:{pair}")));
                assert_eq!(one, text(theirs.ask(&format!("GET other:{pair}"))), "pair {pair}");
                let count: i64 = one.parse().expect("a number");
                assert_eq!(theirs.ask(&format!("LLEN list:{pair}")), Frame::Int(count));
                increments += count;
            }
            assert!(increments > 0);
            assert_eq!(theirs.ask("EXISTS k:0 k:199999"), Frame::Int(2));
        }
    }
}

#[test]
fn what_has_no_snapshot_says_why() {
    let server = ours(2);
    let mut client = server.client();
    client.ok("MULTI");
    assert!(text(client.ask("SYNC")).starts_with("ERR Command not allowed inside a transaction"));
    client.ok("DISCARD");
    let script = client.call(&["EVAL", "return redis.call('SYNC')", "0"]).expect("a reply").frame;
    assert!(text(script).contains("This Redis command is not allowed from script"));
    for (words, reply) in [
        ("REPLCONF capa eof capa psync2 rdb-only 1", "OK"),
        ("REPLCONF rdb-only 2", "ERR value is out of range, value must between 0 and 1"),
        ("REPLCONF rdb-only x", "ERR value is not an integer or out of range"),
        ("REPLCONF capa", "ERR syntax error"),
        ("REPLCONF what 1", "ERR Unrecognized REPLCONF option: what"),
    ] {
        assert_eq!(text(client.ask(words)), reply, "{words}");
    }
    // A replica would be left with what there was.
    let refused = text(client.ask("REPLCONF listening-port 7000"));
    assert!(refused.starts_with("ERR this server does not support data replication"), "{refused}");
    assert_eq!(text(client.ask("SYNC")), refused);
    assert_eq!(text(client.ask("RESET")), "RESET");
    client.send(&["SYNC"]).expect("it reads");
    assert!(file(&client.read_to_end().0).starts_with(b"REDIS"));
    // Without its folder there is no room for the file.
    fs::remove_dir_all(server.folder()).expect("a scratch folder can be removed");
    let failed = String::from_utf8_lossy(&synced(&server)).into_owned();
    assert!(failed.starts_with("-ERR No snapshot: "), "{failed}");
    assert_eq!(text(server.client().ask("PING")), "PONG");
}

/// Begins a snapshot that takes a while.
fn begun(server: &Server, client: &mut Client) -> Client {
    client.ok("FLUSHALL");
    client.ok("DEBUG POPULATE 1000000 k 100");
    let mut reader = server.client();
    reader.wait = LIMIT;
    reader.send(&["SYNC"]).expect("it reads");
    until("it has begun", LIMIT, || text(client.ask("CLIENT LIST")).contains(" cmd=sync "));
    reader
}

#[test]
fn what_is_flushed_meanwhile_and_a_second_snapshot_are_refused() {
    let server = ours(2);
    let mut client = server.client();
    let [mut flushed, mut second, mut shown] = [false; 3];
    // A snapshot may be over before the next command comes.
    for _ in 0..20 {
        if !second || !shown {
            let mut reader = begun(&server, &mut client);
            shown |= text(client.ask("INFO persistence")).contains("rdb_bgsave_in_progress:1\r");
            second |= refused(&server).as_deref() == Some("ERR Background save already in progress");
            assert!(file(&reader.read_to_end().0).starts_with(b"REDIS"));
        }
        let mut reader = begun(&server, &mut client);
        client.ok("FLUSHALL");
        let read = String::from_utf8_lossy(&reader.read_to_end().0).into_owned();
        flushed |= read == "-ERR No snapshot: a database was emptied meanwhile\r\n";
        if flushed && second && shown {
            break;
        }
    }
    assert!(flushed && second && shown, "flushed: {flushed}, second: {second}, shown by INFO: {shown}");
    assert!(file(&synced(&server)).starts_with(b"REDIS"), "the next one is not kept from anything");
}

/// Files without a name that a process has open.
fn nameless_files(server: &Server) -> usize {
    let entries = fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("it runs");
    let targets = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    targets.filter(|target| target.to_string_lossy().contains("temp-sync")).count()
}

#[test]
fn who_leaves_or_does_not_read_leaves_nothing_behind() {
    let server = ours(2);
    let mut client = server.client();
    drop(begun(&server, &mut client));
    until("the file is dropped", LIMIT, || nameless_files(&server) == 0 && refused(&server).is_none());
    // This one does not read: the file stays until it leaves, and others are served.
    let reader = begun(&server, &mut client);
    until("the file is whole", LIMIT, || refused(&server).is_none());
    until("the file of who asked is dropped", LIMIT, || nameless_files(&server) == 1);
    assert_eq!(text(client.ask("PING")), "PONG");
    assert_eq!(nameless_files(&server), 1);
    drop(reader);
    until("the file is dropped", LIMIT, || nameless_files(&server) == 0);
}
