//! E014, C14: where in the order of a command memory is asked for: before the queue of MULTI, before EXEC and scripts, by their flags;
//! reply by reply beside redis-server.

use crate::bed::{Bed, Beside, count};
use crate::rows;
use tests::frame::Frame;

rows! { "expireevict.runtime_hook_order_violation":
    FR_P2C_008_STRICT_E014_commands FR_P2C_008_HARDENED_E014_commands who_is_refused;
    FR_P2C_008_STRICT_E014_exec FR_P2C_008_HARDENED_E014_exec transactions;
    FR_P2C_008_STRICT_E014_scripts FR_P2C_008_HARDENED_E014_scripts scripts;
}

/// Both servers without memory: the same data, and a limit below what is used.
fn short(beside: &mut Beside) {
    for server in &beside.servers {
        let mut client = server.client();
        let used = count(&mut client, "memory", "used_memory");
        // redis-server wants no more than it has; ours has to have what its cores need.
        client.ok(&format!("CONFIG SET maxmemory {}", used * 7 / 10));
    }
}

fn roomy(beside: &mut Beside) {
    beside.same("CONFIG SET maxmemory 0");
}

/// Both servers with data of every type, not yet short.
fn filled<'a>(bed: &'a mut Bed) -> Beside<'a> {
    let mut beside = Beside::start(bed, &["--maxmemory-policy", "noeviction"]);
    for line in [
        "DEBUG POPULATE 40000 key 1000",
        "SET {k}s 1",
        "RPUSH {k}l 1 2 3 4 5 6",
        "HSET {k}h f 1",
        "SADD {k}set 1 2 3 4 5",
        "ZADD {k}z 1 x 2 y 3 w",
        "XADD {k}x 1-1 f v",
        "XGROUP CREATE {k}x g 0",
        "PFADD {k}hll x",
        "GEOADD {k}geo 1 1 x",
        "SET {k}timed v PXAT 4000000000000",
    ] {
        beside.same(line);
    }
    beside
}

/// Every command of §9.4, and those that are never refused.
const LINES: [&str; 76] = [
    "APPEND {k}s 1",
    "BITFIELD {k}s SET u8 0 1",
    "BITOP NOT {k}b {k}s",
    "BLMOVE {k}l {k}l LEFT RIGHT 0",
    "BRPOPLPUSH {k}l {k}l 0",
    "COPY {k}s {k}c",
    "DECR {k}s",
    "DECRBY {k}s 1",
    "GEOADD {k}geo 2 2 y",
    "GEORADIUS {k}geo 1 1 1 km",
    "GEORADIUSBYMEMBER {k}geo x 1 km",
    "GEOSEARCHSTORE {k}g {k}geo FROMMEMBER x BYRADIUS 1 km",
    "GETSET {k}s 2",
    "HINCRBY {k}h f 1",
    "HINCRBYFLOAT {k}h f 1",
    "HMSET {k}h f 1",
    "HSET {k}h g 1",
    "HSETNX {k}h n 1",
    "INCR {k}s",
    "INCRBY {k}s 1",
    "INCRBYFLOAT {k}s 1",
    "LINSERT {k}l BEFORE 1 0",
    "LMOVE {k}l {k}l LEFT RIGHT",
    "LPUSH {k}l 0",
    "LPUSHX {k}l 0",
    "LSET {k}l 0 1",
    "MSET {k}s 1",
    "MSETNX {k}n 1",
    "PFADD {k}hll y",
    "PFMERGE {k}hll {k}hll",
    "PSETEX {k}s 1000 1",
    "RESTORE {k}r 0 x",
    "RPOPLPUSH {k}l {k}l",
    "RPUSH {k}l 1",
    "RPUSHX {k}l 1",
    "SADD {k}set 6",
    "SDIFFSTORE {k}d {k}set",
    "SET {k}s 1",
    "SETBIT {k}s 1 1",
    "SETEX {k}s 1000 1",
    "SETNX {k}s 1",
    "SETRANGE {k}s 0 1",
    "SINTERSTORE {k}d {k}set",
    "SORT {k}l",
    "SUNIONSTORE {k}d {k}set",
    "XADD {k}x 2-1 f v",
    "XGROUP CREATE {k}x h 0",
    "XGROUP CREATECONSUMER {k}x g c",
    "XSETID {k}x 9-9",
    "ZADD {k}z 4 v",
    "ZDIFFSTORE {k}d 1 {k}z",
    "ZINCRBY {k}z 1 x",
    "ZINTERSTORE {k}d 1 {k}z",
    "ZRANGESTORE {k}d {k}z 0 -1",
    "ZUNIONSTORE {k}d 1 {k}z",
    // These need none.
    "GET {k}s",
    "EXISTS {k}s",
    "TTL {k}timed",
    "EXPIRE {k}s 1000",
    "PEXPIREAT {k}s 4000000000000",
    "PERSIST {k}s",
    "GETEX {k}s PERSIST",
    "GETDEL {k}none",
    "LPOP {k}l",
    "RPOP {k}l",
    "SPOP {k}none",
    "ZPOPMIN {k}z",
    "HDEL {k}h g",
    "SREM {k}set 1",
    "XDEL {k}x 1-1",
    "XTRIM {k}x MAXLEN 5",
    "LTRIM {k}l 0 3",
    "RENAME {k}timed {k}moved",
    "PUBLISH channel message",
    "EVAL return(1) 0",
    "UNLINK {k}moved",
];

fn who_is_refused(bed: &mut Bed) {
    let mut beside = filled(bed);
    short(&mut beside);
    for line in LINES {
        beside.same(line);
    }
    // A wrong command is wrong first, and its refusal is not counted as one for memory.
    for line in ["SET {k}s", "NOSUCHCOMMAND", "SET {k}l 1 BOGUS", "SELECT 99", "MULTI", "DISCARD"] {
        beside.same(line);
    }
    roomy(&mut beside);
    for line in LINES {
        beside.same(line);
    }
}

fn transactions(bed: &mut Bed) {
    let mut beside = filled(bed);
    // Queued while there was room: EXEC is refused, and the transaction is over.
    for lines in [&["SET {k}s 5", "GET {k}s"][..], &["GET {k}s", "DEL {k}none"], &["GET {k}s", "INCR {k}s", "GET {k}s"]]
    {
        beside.same("MULTI");
        for line in lines {
            beside.same(line);
        }
        short(&mut beside);
        beside.same("EXEC");
        beside.same("GET {k}s");
        beside.same("EXEC");
        roomy(&mut beside);
    }
    // Refused while it is queued: the transaction fails as a whole, also once there is room.
    short(&mut beside);
    for room_before_exec in [false, true] {
        short(&mut beside);
        for line in ["MULTI", "GET {k}s", "SET {k}s 6", "GET {k}s"] {
            beside.same(line);
        }
        if room_before_exec {
            for server in &beside.servers {
                server.client().ok("CONFIG SET maxmemory 0");
            }
        }
        beside.same("EXEC");
        beside.same("GET {k}s");
    }
    // WATCH and DISCARD need nothing.
    short(&mut beside);
    for line in ["WATCH {k}s", "MULTI", "GET {k}s", "DISCARD", "UNWATCH", "GET {k}s"] {
        beside.same(line);
    }
}

fn scripts(bed: &mut Bed) {
    let mut beside = filled(bed);
    let library = "#!lua name=lib\n
        redis.register_function('plain', function(keys) return redis.call('GET', keys[1]) end)
        redis.register_function{function_name='reads', callback=function(keys) return redis.call('GET', keys[1]) end, flags={'no-writes'}}
        redis.register_function{function_name='oom', callback=function(keys) return redis.call('SET', keys[1], 9) end, flags={'allow-oom'}}";
    beside.same_args(&["FUNCTION", "LOAD", library]);
    let scripts = [
        "return redis.call('GET', KEYS[1])",
        "return redis.call('SET', KEYS[1], 1)",
        "return redis.pcall('SET', KEYS[1], 1)",
        "return {redis.pcall('INCR', KEYS[1]), redis.call('GET', KEYS[1])}",
        // After its first write a script may finish.
        "redis.call('DEL', KEYS[1]) return redis.call('SET', KEYS[1], 2)",
        "redis.call('EXPIRE', KEYS[1], 1000) return redis.call('APPEND', KEYS[1], 2)",
        "#!lua\nreturn 1",
        "#!lua\nreturn redis.call('GET', KEYS[1])",
        "#!lua flags=no-writes\nreturn redis.call('GET', KEYS[1])",
        "#!lua flags=allow-oom\nreturn redis.call('SET', KEYS[1], 3)",
        "#!lua flags=allow-oom\nreturn redis.call('GET', KEYS[1])",
        "#!lua flags=no-writes,allow-oom\nreturn redis.call('GET', KEYS[1])",
        "#!lua flags=no-cluster\nreturn redis.call('SET', KEYS[1], 4)",
    ];
    for short_of_memory in [true, false] {
        if short_of_memory {
            short(&mut beside);
        } else {
            roomy(&mut beside);
        }
        for script in scripts {
            let frame = beside.same_args(&["EVAL", script, "1", "{k}s"]);
            assert!(!short_of_memory || script != scripts[6] || frame.is_error());
            beside.same("GET {k}s");
        }
        for function in ["plain", "reads", "oom"] {
            beside.same(&format!("FCALL {function} 1 {{k}}s"));
        }
        beside.same("FCALL_RO reads 1 {k}s");
        // In a transaction.
        for line in ["MULTI", "EVAL return(1) 0", "GET {k}s", "EXEC"] {
            beside.same(line);
        }
        assert_ne!(beside.same("PING"), Frame::NullBulk);
    }
}
