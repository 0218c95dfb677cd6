//! Arguments of 512 MiB, the default of `proto-max-bulk-len`, and values that would grow past it: the same replies and digests as
//! redis-server, a protocol error for one byte more, and memory that is given back.
//!
//! A few rows are played always; `BOUNDARIES=all` plays all of them. It is one test, since two servers and their client hold
//! gigabytes: never more than one of ours and one redis-server run at a time.
#![forbid(unsafe_code)]

use std::thread;
use std::time::{Duration, Instant};
use tests::client::{Client, Outcome};
use tests::frame::Frame;
use tests::process::resident_bytes;
use tests::server::{Kind, Server};

const LARGEST: usize = 512 << 20;
const MIB: u64 = 1 << 20;
/// The greatest value of the limit: the exception `query-buffer` would close a client that sends two of the largest in one command.
const FLAGS: &[&str] = &["--client-query-buffer-limit", "4293918720"];
/// What a server may hold more after a row than before all of them.
const KEPT_MAX: u64 = 64 * MIB;
/// Longest wait for a reply, for the server to read on, and for memory to be given back.
const WAIT: Duration = Duration::from_secs(60);
/// Bytes of a reply in a report.
const SHOWN_MAX: usize = 300;

/// Commands in order, on empty servers. `BIG` is an argument of [`LARGEST`] bytes, `TOO-BIG` one that says to be a byte longer.
type Row = &'static [&'static str];

/// Played always.
const FEW: &[Row] = &[
    &[
        "SET k BIG",
        "STRLEN k",
        "APPEND k x",
        "APPEND k -",
        "SETRANGE k 536870912 x",
        "SETBIT k 4294967296 1",
        "STRLEN k",
    ],
    &["SETBIT k 4294967295 1", "STRLEN k", "BITFIELD k SET u8 4294967296 1", "BITCOUNT k", "BITPOS k 1"],
    &["HSET h f BIG", "HSTRLEN h f", "HSET h f TOO-BIG"],
    // One byte more, in every family.
    &["TOO-BIG k"],
    &["SET TOO-BIG v"],
    &["APPEND k TOO-BIG"],
    &["RESTORE k 0 TOO-BIG"],
    &["LPUSH l TOO-BIG"],
    &["LINSERT l BEFORE a TOO-BIG"],
    &["HSET h TOO-BIG v"],
    &["SADD s a b TOO-BIG"],
    &["ZADD z 1 TOO-BIG"],
    &["GEOADD g 1 2 TOO-BIG"],
    &["BITOP NOT x TOO-BIG"],
    &["PFADD p TOO-BIG"],
    &["XADD st 1-1 f TOO-BIG"],
    &["SORT l BY TOO-BIG"],
];

/// Played in the long form.
const REST: &[Row] = &[
    // Strings.
    &["SET k BIG", "DEBUG DIGEST-VALUE k", "SETRANGE k 536870911 y", "SETBIT k 4294967295 0", "DEBUG DIGEST-VALUE k"],
    &["SET k BIG", "GETRANGE k 536870910 536870920", "GETRANGE k -3 -1", "INCR k", "INCRBYFLOAT k 1", "GET k"],
    &["SET k BIG", "APPEND k BIG", "STRLEN k", "GETSET k v", "GET k"],
    &["SET k v", "APPEND k BIG", "APPEND x BIG", "STRLEN x", "GETDEL x"],
    &["SETRANGE k 536870911 x", "STRLEN k", "SETRANGE k 1 BIG", "SETRANGE x 0 BIG", "STRLEN x", "DEBUG DIGEST"],
    &["SETRANGE k 536870911 xy", "SETRANGE k 536870910 xy", "STRLEN k", "DEBUG DIGEST-VALUE k"],
    &["MSET k v", "BITFIELD k SET u8 4294967288 255", "STRLEN k", "BITFIELD k SET u8 4294967295 255", "STRLEN k"],
    &["BITFIELD k SET u1 4294967295 1", "STRLEN k", "BITFIELD k SET i64 #67108863 -1", "STRLEN k", "BITCOUNT k"],
    &["BITFIELD k SET i64 #67108864 -1", "BITFIELD k INCRBY i64 4294967295 -1", "STRLEN k", "DEBUG DIGEST"],
    &["SET k BIG", "SET s short", "BITOP NOT x k", "BITOP AND y k s", "STRLEN x", "STRLEN y", "DEBUG DIGEST"],
    &["SET k BIG", "SET s short", "BITOP XOR k k s", "BITOP OR s k s", "DEBUG DIGEST"],
    &["SET k BIG", "SET s short", "LCS k s", "LCS s k LEN", "LCS k k IDX"],
    &["INCRBY k BIG", "SET k v TOO-BIG"],
    &["SETNX k BIG", "SETEX k 1000 BIG", "PSETEX k 1000000 BIG", "SET k BIG GET", "STRLEN k"],
    &["MSET BIG v", "DBSIZE", "MSETNX k BIG", "STRLEN k", "DEBUG DIGEST"],
    &["MSET k BIG x BIG", "STRLEN k", "STRLEN x", "DEBUG DIGEST"],
    // Keys.
    &[
        "SET BIG v",
        "DBSIZE",
        "GET BIG",
        "RENAME BIG k",
        "GET k",
        "COPY k BIG",
        "DEBUG DIGEST",
        "EXISTS BIG k",
        "DEL BIG",
    ],
    &["SET k BIG", "COPY k x", "RENAME x y", "DEBUG DIGEST", "UNLINK y", "DBSIZE", "SWAPDB 0 1", "MOVE k 1", "DBSIZE"],
    &["SET k v", "EXPIRE k BIG", "PEXPIREAT k BIG", "MOVE k BIG", "SCAN BIG", "KEYS BIG", "TYPE BIG"],
    &["RESTORE k 0 BIG", "RESTORE k BIG x", "RESTORE k 0 x BIG", "DUMP BIG", "EXISTS k"],
    &["OBJECT BIG k", "OBJECT ENCODING BIG", "MEMORY USAGE BIG", "SORT k BIG", "SORT k BY BIG", "BIG k", "ECHO BIG"],
    // Lists.
    &["LPUSH l BIG", "LLEN l", "DEBUG DIGEST-VALUE l", "RPOP l", "EXISTS l"],
    &["RPUSH l a b", "LSET l 0 BIG", "LPOS l b", "LPOS l BIG", "LREM l 0 BIG", "LRANGE l 0 -1"],
    &["RPUSH l a b", "LINSERT l BEFORE b BIG", "LINSERT l AFTER BIG c", "LTRIM l 2 -1", "LRANGE l 0 -1"],
    &["RPUSH l a", "LPUSHX l BIG", "LMOVE l m LEFT RIGHT", "RPOPLPUSH m l", "LLEN l", "DEBUG DIGEST"],
    &["LINDEX l BIG", "RPUSH l a", "LINDEX l BIG", "LPOP l BIG", "LMPOP BIG l LEFT", "LRANGE l 0 BIG", "SORT l"],
    // Hashes.
    &["HSET h f BIG", "DEBUG DIGEST-VALUE h", "HINCRBY h f 1", "HDEL h f", "EXISTS h"],
    &["HSET h BIG BIG", "HLEN h", "HSTRLEN h BIG", "HEXISTS h BIG", "HDEL h BIG"],
    &["HSETNX h BIG 1", "HINCRBY h BIG 2", "HINCRBYFLOAT h BIG 1.5", "HGET h BIG", "HKEYS h"],
    &["HMSET h f BIG", "HMGET h f BIG", "HINCRBY h x BIG", "HINCRBYFLOAT h x BIG", "HLEN h", "HVALS h"],
    // Sets.
    &["SADD s BIG", "SCARD s", "SISMEMBER s BIG", "DEBUG DIGEST-VALUE s", "SREM s BIG", "EXISTS s"],
    &[
        "SADD s 1 2",
        "SADD s BIG",
        "SMOVE s t BIG",
        "SMISMEMBER t BIG 1",
        "SUNIONSTORE x s t",
        "SCARD x",
        "DEBUG DIGEST",
    ],
    // Sorted sets and places.
    &[
        "ZADD z 1 BIG",
        "ZSCORE z BIG",
        "ZINCRBY z 2 BIG",
        "DEBUG DIGEST-VALUE z",
        "ZRANK z BIG",
        "ZREM z BIG",
        "EXISTS z",
    ],
    &["ZADD z BIG a", "ZADD z 1 a", "ZINCRBY z BIG a", "ZRANGE z 0 BIG", "ZCOUNT z BIG 1", "ZLEXCOUNT z - [BIG"],
    &[
        "ZADD z 0 a",
        "ZADD z 0 BIG",
        "ZRANGESTORE x z 0 -1",
        "ZUNIONSTORE y 2 x z",
        "ZCARD y",
        "DEBUG DIGEST",
        "ZPOPMAX z",
    ],
    &["GEOADD g 1 2 BIG", "GEOPOS g BIG", "GEOHASH g BIG", "GEODIST g BIG BIG", "ZCARD g", "DEBUG DIGEST-VALUE g"],
    &["GEOADD g BIG 2 a", "GEOADD g 1 2 a", "GEOSEARCH g FROMMEMBER BIG BYRADIUS 1 m", "GEORADIUS g 1 2 BIG m"],
    // HyperLogLogs.
    &["PFADD p BIG", "PFCOUNT p", "PFADD p BIG", "GET p", "SET k BIG", "PFCOUNT k", "PFMERGE p k", "PFADD k a"],
    // Streams.
    &["XADD st 1-1 f BIG", "XLEN st", "DEBUG DIGEST-VALUE st", "XADD st 1-2 f v", "XDEL st 1-1", "XRANGE st - +"],
    &["XADD st 1-1 BIG v", "XADD st BIG f v", "XTRIM st MAXLEN BIG", "XRANGE st BIG +", "XLEN st", "DEBUG DIGEST"],
    &["XADD st 1-1 BIG BIG", "XLEN st", "XADD st 1-2 BIG v", "XADD st 1-3 BIG BIG x BIG", "XLEN st"],
    &["XADD st 1-1 f v", "XGROUP CREATE st BIG 0", "XREADGROUP GROUP BIG c STREAMS st >", "XPENDING st BIG", "XLEN st"],
    &[
        "XADD st 1-1 f v",
        "XGROUP CREATE st g 0",
        "XREADGROUP GROUP g BIG STREAMS st >",
        "XACK st g 1-1",
        "XACK st g BIG",
    ],
];

/// A server and what it held before any row.
struct Party {
    server: Server,
    client: Client,
    idle: u64,
}

impl Party {
    fn start(kind: Kind) -> Party {
        let server = Server::start(kind, FLAGS);
        let client = server.client();
        let idle = resident_bytes(server.pid()).expect("it runs");
        Party { server, client, idle }
    }

    /// Begins a row: an empty server, a new connection.
    fn begin(&mut self) {
        self.client = self.server.client();
        self.client.wait = WAIT;
        self.client.send_wait(Some(WAIT)).expect("a wait that is not zero");
        for command in ["SELECT 1", "FLUSHDB", "SELECT 0", "FLUSHDB"] {
            self.client.ok(command);
        }
    }

    /// Sends a line and reads its reply.
    fn call(&mut self, line: &str, big: &[u8]) -> Outcome {
        let words: Vec<&str> = line.split(' ').collect();
        let _ = self.client.send_raw(format!("*{}\r\n", words.len()).as_bytes());
        for word in words {
            let (before, after) = match word.split_once("BIG") {
                Some(("TOO-", "")) => {
                    let _ = self.client.send_raw(format!("${}\r\n", LARGEST + 1).as_bytes());
                    let outcome = self.client.read();
                    assert_eq!(self.client.read(), Outcome::Closed, "{line} on {}", self.server.kind.name());
                    return outcome;
                }
                Some((before, _)) => (before, &big[before.len()..]),
                None => (word, &b""[..]),
            };
            let _ = self.client.send_raw(format!("${}\r\n{before}", before.len() + after.len()).as_bytes());
            let _ = self.client.send_raw(after);
            let _ = self.client.send_raw(b"\r\n");
        }
        self.client.read()
    }

    /// Ends a row: the server still serves, and gives back what the row took. Its allocator does so a second after, once somebody
    /// asks for more than a little.
    #[track_caller]
    fn end(&mut self, row: Row, more: &[u8]) {
        self.begin();
        let deadline = Instant::now() + WAIT;
        loop {
            assert_eq!(self.client.call(&[&b"SET"[..], b"k", more]).expect("SET").raw, b"+OK\r\n");
            assert_eq!(self.client.ask("DEL k"), Frame::Int(1));
            let held = resident_bytes(self.server.pid()).expect("it runs").saturating_sub(self.idle);
            if held <= KEPT_MAX {
                return;
            }
            let kept = format!("{row:?}: {} still holds {} MiB", self.server.kind.name(), held / MIB);
            assert!(Instant::now() < deadline, "{kept} after {WAIT:?}");
        }
    }
}

fn shown(outcome: &Outcome) -> String {
    let Outcome::Reply(reply) = outcome else { return format!("{outcome:?}") };
    reply.raw[..reply.raw.len().min(SHOWN_MAX)].escape_ascii().to_string()
}

#[test]
fn largest_arguments_and_values() {
    let all = std::env::var("BOUNDARIES").is_ok_and(|which| which == "all");
    let rows = if all { [FEW, REST].concat() } else { FEW.to_vec() };
    let big = vec![b'x'; LARGEST];
    let mut redis = Party::start(Kind::Redis);
    let mut ours = Party::start(Kind::Ashlar { cores: 4 });
    let mut differences = 0;
    for row in rows {
        let started = Instant::now();
        redis.begin();
        ours.begin();
        for line in row {
            let (wanted, got) = thread::scope(|scope| {
                let wanted = scope.spawn(|| redis.call(line, &big));
                let got = ours.call(line, &big);
                (wanted.join().expect("redis-server is called"), got)
            });
            if wanted != got || !matches!(wanted, Outcome::Reply(_)) {
                println!("{line}\n  wanted {}\n  got    {}", shown(&wanted), shown(&got));
                differences += 1;
                break;
            }
        }
        redis.begin();
        ours.end(row, &big[..MIB as usize]);
        println!("{:>6.1?} {row:?}", started.elapsed());
    }
    assert_eq!(differences, 0, "rows differ");
}
