//! E008, C08: a deadline lives and dies with its key, and each command keeps it, drops it or carries it along as it should.

use crate::bed::{Bed, Beside, SEED, clock, keys};
use crate::rows;
use tests::frame::Frame;

/// Deadlines of the key that a command works on, and of the one that it writes to.
const AT: i64 = 4_000_000_000_000;
const OTHER: i64 = 4_100_000_000_000;

rows! { "expire.metadata_api_contract_violation":
    FR_P2C_008_STRICT_E008_one_key FR_P2C_008_HARDENED_E008_one_key commands_on_one_key;
    FR_P2C_008_STRICT_E008_two_keys FR_P2C_008_HARDENED_E008_two_keys commands_that_move_or_overwrite;
    FR_P2C_008_STRICT_E008_databases FR_P2C_008_HARDENED_E008_databases between_databases;
    FR_P2C_008_STRICT_E008_random FR_P2C_008_HARDENED_E008_random random_commands;
}

/// What makes a key, and commands on it.
const ON_ONE: [(&str, &[&str]); 9] = [
    (
        "SET {k}a 10",
        &[
            "SET {k}a 11",
            "SET {k}a 11 KEEPTTL",
            "SET {k}a 11 XX",
            "SET {k}a 11 NX",
            "SET {k}a 11 GET",
            "GETSET {k}a 11",
            "SET {k}a x EXAT 4200000000",
            "SETNX {k}a 11",
            "MSET {k}a 11",
            "MSETNX {k}a 11",
            "APPEND {k}a 1",
            "INCR {k}a",
            "DECRBY {k}a 3",
            "INCRBYFLOAT {k}a 1.5",
            "SETRANGE {k}a 5 x",
            "SETRANGE {k}a 0 x",
            "SETBIT {k}a 3 1",
            "BITFIELD {k}a SET u8 0 7",
            "GETEX {k}a",
            "GETEX {k}a PERSIST",
            "GETEX {k}a PXAT 4200000000000",
            "GETDEL {k}a",
            "PERSIST {k}a",
            "TOUCH {k}a",
            "DEL {k}a",
            "UNLINK {k}a",
        ],
    ),
    (
        "RPUSH {k}a 1 2 3",
        &[
            "LPUSH {k}a x",
            "RPUSHX {k}a x",
            "LPOP {k}a",
            "RPOP {k}a 9",
            "LSET {k}a 0 x",
            "LTRIM {k}a 1 1",
            "LTRIM {k}a 9 9",
            "LINSERT {k}a BEFORE 2 x",
            "LREM {k}a 0 1",
            "BLPOP {k}a 1",
            "SET {k}a x",
            "SORT {k}a STORE {k}a",
        ],
    ),
    (
        "HSET {k}a f 1 g 2",
        &[
            "HSET {k}a f 3",
            "HSETNX {k}a h 1",
            "HDEL {k}a f",
            "HDEL {k}a f g",
            "HINCRBY {k}a f 1",
            "HINCRBYFLOAT {k}a f 1.5",
        ],
    ),
    ("SADD {k}a 1 2 3", &["SADD {k}a 4", "SREM {k}a 1", "SREM {k}a 1 2 3", "SADD {k}a x", "SPOP {k}a 3"]),
    (
        "ZADD {k}a 1 x 2 y",
        &[
            "ZADD {k}a 3 x",
            "ZINCRBY {k}a 1 x",
            "ZREM {k}a x",
            "ZPOPMIN {k}a 2",
            "ZREMRANGEBYRANK {k}a 0 0",
            "ZRANGESTORE {k}a {k}a 0 0",
        ],
    ),
    (
        "XADD {k}a 1-1 f v",
        &["XADD {k}a 2-1 f v", "XTRIM {k}a MAXLEN 0", "XDEL {k}a 1-1", "XGROUP CREATE {k}a g 0", "XSETID {k}a 5-5"],
    ),
    ("GEOADD {k}a 1 1 x", &["GEOADD {k}a 2 2 y", "GEOSEARCHSTORE {k}a {k}a FROMMEMBER x BYRADIUS 1 km"]),
    ("PFADD {k}a x", &["PFADD {k}a y", "PFMERGE {k}a {k}a", "PFCOUNT {k}a"]),
    ("SETBIT {k}a 5 1", &["BITOP NOT {k}a {k}a", "BITOP AND {k}a {k}none", "BITFIELD {k}a INCRBY u4 0 1"]),
];

fn commands_on_one_key(bed: &mut Bed) {
    let mut beside = Beside::start(bed, &[]);
    for (make, commands) in ON_ONE {
        for command in commands {
            beside.same("FLUSHALL");
            beside.same(make);
            beside.same(&format!("PEXPIREAT {{k}}a {AT}"));
            beside.same(command);
            beside.same("PEXPIRETIME {k}a");
            beside.same("DBSIZE");
            both_agree(&mut beside);
        }
    }
}

/// Both tell the same numbers of keys and of deadlines.
fn both_agree(beside: &mut Beside) {
    let [theirs, ours] = [0, 1].map(|at| keys(&mut beside.servers[at].client(), 0));
    assert_eq!(theirs, ours);
}

/// Commands from `{k}a`, which has a deadline or none, to `{k}b`, which has another, none, or is not there.
const ON_TWO: &[(&str, &str, &str)] = &[
    ("SET {k}a 1", "SET {k}b 2", "RENAME {k}a {k}b"),
    ("SET {k}a 1", "SET {k}b 2", "RENAMENX {k}a {k}b"),
    ("SET {k}a 1", "SET {k}b 2", "RENAME {k}a {k}a"),
    ("SET {k}a 1", "SET {k}b 2", "COPY {k}a {k}b"),
    ("SET {k}a 1", "SET {k}b 2", "COPY {k}a {k}b REPLACE"),
    ("SET {k}a 1", "RPUSH {k}b 2", "COPY {k}a {k}b REPLACE"),
    ("RPUSH {k}a 1 2", "RPUSH {k}b 2", "LMOVE {k}a {k}b LEFT LEFT"),
    ("RPUSH {k}a 1", "RPUSH {k}b 2", "RPOPLPUSH {k}a {k}b"),
    ("RPUSH {k}a 2 1", "RPUSH {k}b 2", "SORT {k}a STORE {k}b"),
    ("SADD {k}a 1 2", "SADD {k}b 2", "SMOVE {k}a {k}b 1"),
    ("SADD {k}a 1 2", "SADD {k}b 2", "SUNIONSTORE {k}b {k}a"),
    ("SADD {k}a 1 2", "SADD {k}b 2", "SDIFFSTORE {k}b {k}a {k}a"),
    ("SADD {k}a 1 2", "SADD {k}b 2", "SINTERSTORE {k}b {k}a {k}b"),
    ("ZADD {k}a 1 x", "ZADD {k}b 1 y", "ZUNIONSTORE {k}b 1 {k}a"),
    ("ZADD {k}a 1 x", "ZADD {k}b 1 y", "ZRANGESTORE {k}b {k}a 0 -1"),
    ("ZADD {k}a 1 x", "ZADD {k}b 1 y", "ZDIFFSTORE {k}b 2 {k}a {k}a"),
    ("GEOADD {k}a 1 1 x", "GEOADD {k}b 1 1 y", "GEOSEARCHSTORE {k}b {k}a FROMMEMBER x BYRADIUS 1 km"),
    ("SET {k}a 1", "SET {k}b 2", "BITOP NOT {k}b {k}a"),
    ("PFADD {k}a 1", "PFADD {k}b 2", "PFMERGE {k}b {k}a"),
];

fn commands_that_move_or_overwrite(bed: &mut Bed) {
    let mut beside = Beside::start(bed, &[]);
    for (from, to, command) in ON_TWO {
        for (timed, other) in [(true, true), (true, false), (false, true), (false, false)] {
            for there in [true, false] {
                beside.same("FLUSHALL");
                beside.same(from);
                if timed {
                    beside.same(&format!("PEXPIREAT {{k}}a {AT}"));
                }
                if there {
                    beside.same(to);
                    if other {
                        beside.same(&format!("PEXPIREAT {{k}}b {OTHER}"));
                    }
                }
                beside.same(command);
                beside.same("PEXPIRETIME {k}a");
                beside.same("PEXPIRETIME {k}b");
                both_agree(&mut beside);
            }
        }
    }
    restore(&mut beside);
}

fn restore(beside: &mut Beside) {
    beside.same("FLUSHALL");
    beside.same("SET {k}a v PXAT 4000000000000");
    let Frame::Bulk(payload) = beside.same("DUMP {k}a") else { panic!("DUMP is bytes") };
    for (time, options) in
        [("0", &["REPLACE"][..]), ("4200000000000", &["REPLACE", "ABSTTL"]), ("1", &["ABSTTL", "REPLACE"])]
    {
        beside.same("SET {k}b x PXAT 4100000000000");
        let mut words: Vec<&[u8]> = vec![b"RESTORE", b"{k}b", time.as_bytes(), &payload];
        words.extend(options.iter().map(|option| option.as_bytes()));
        beside.same_args(&words);
        beside.same("PEXPIRETIME {k}b");
    }
    both_agree(beside);
}

fn between_databases(bed: &mut Bed) {
    let mut beside = Beside::start(bed, &[]);
    for line in [
        "SET a 1 PXAT 4000000000000",
        "SET b 2",
        "MOVE a 1",
        "MOVE b 1",
        "PEXPIRETIME a",
        "SELECT 1",
        "PEXPIRETIME a",
        "PTTL b",
        "SET b 3 PXAT 4100000000000",
        "MOVE b 0",
        "PEXPIRETIME b",
        "COPY a c DB 2",
        "COPY a c DB 2 REPLACE",
        "SELECT 2",
        "PEXPIRETIME c",
        "SWAPDB 0 2",
        "PEXPIRETIME c",
        "SELECT 0",
        "PEXPIRETIME c",
        "FLUSHDB",
        "PTTL c",
        "DBSIZE",
    ] {
        beside.same(line);
    }
    // An expired key is in nobody's way.
    beside.same("DEBUG SET-ACTIVE-EXPIRE 0");
    let at = clock(&mut beside.servers[1].client()) + 20;
    beside.same("SELECT 1");
    beside.same(&format!("SET target 1 PXAT {at}"));
    beside.same("SELECT 0");
    beside.same("SET target 2 PXAT 4000000000000");
    beside.pass(at);
    beside.same("MOVE target 1");
    beside.same("SELECT 1");
    beside.same("PEXPIRETIME target");
}

/// Many random commands on few keys: the same replies, and never a deadline without its key.
fn random_commands(bed: &mut Bed) {
    let mut rng = fastrand::Rng::with_seed(SEED);
    let mut beside = Beside::start(bed, &[]);
    beside.same("FLUSHALL");
    for step in 0..3_000 {
        let mut key = || format!("{{k}}{}", rng.u8(..6));
        let (a, b) = (key(), key());
        let at = AT + rng.i64(..1_000);
        let line = match rng.u8(..14) {
            0 => format!("SET {a} 1"),
            1 => format!("SET {a} 1 PXAT {at}"),
            2 => format!("SET {a} 2 KEEPTTL"),
            3 => format!("PEXPIREAT {a} {at}"),
            4 => format!("PEXPIREAT {a} {at} GT"),
            5 => format!("PERSIST {a}"),
            6 => format!("RENAME {a} {b}"),
            7 => format!("COPY {a} {b} REPLACE"),
            8 => format!("DEL {a}"),
            9 => format!("GETSET {a} 1"),
            10 => format!("GETEX {a} PXAT {at}"),
            11 => format!("PEXPIREAT {a} 1"),
            12 => format!("APPEND {a} 1"),
            _ => format!("MSET {a} 1 {b} 2"),
        };
        beside.same(&line);
        beside.same(&format!("PEXPIRETIME {a}"));
        if step % 100 == 0 {
            both_agree(&mut beside);
        }
    }
    let [_, mut ours] = [0, 1].map(|at| beside.servers[at].client());
    let timed = (0..6).filter(|key| ours.ask(&format!("PTTL {{k}}{key}")).int() > Some(0)).count() as u64;
    assert_eq!(keys(&mut ours, 0).1, timed, "as many deadlines as keys that have one");
}
