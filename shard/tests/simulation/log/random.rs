//! Random commands of every family that writes, on few keys, while time passes and keys expire: the log, carried out on empty data, gives
//! the same data.

use keyspace::spec::Flags;
use shard::command::{self, Run};
use shard::settings::Settings;

use super::super::client::{Command, command as words};
use super::super::resp::Value;
use super::super::seeds;
use super::Desk;

/// Commands per seed.
const COMMANDS: usize = 1_200;

/// Lines of commands. A word is one of what `|` separates, of which nothing leaves it out; `_` stands for a space, and `+` behind a word repeats
/// it. `%k` is a key, `%s` a stream, `%m` a member, `%v` a value, `%i` an integer, `%n` a small count, `%f` a float, `%d` an id, `%t` a
/// time to live in milliseconds, `%u` one in seconds, `%a` a deadline as a time, `%b` a database, `%p` the DUMP of a key.
const LINES: &[&str] = &[
    // strings
    "SET %k %v",
    "SET %k %v |EX_%u|PX_%t|PXAT_%a|KEEPTTL |NX|XX |GET",
    "SETNX %k %v",
    "SETEX %k %u %v",
    "PSETEX %k %t %v",
    "GETSET %k %v",
    "GETDEL %k",
    "GETEX %k |EX_%u|PX_%t|PXAT_%a|PERSIST",
    "GET %k",
    "APPEND %k %v",
    "SETRANGE %k %n %v",
    "MSET %k_%v+",
    "MSETNX %k_%v+",
    "INCR|DECR %k",
    "INCRBY|DECRBY %k %i",
    "INCRBYFLOAT %k %f",
    // keys
    "DEL|UNLINK|TOUCH|EXISTS %k+",
    "EXPIRE %k %u |NX|XX|GT|LT",
    "PEXPIRE %k %t |NX|XX|GT|LT",
    "PEXPIREAT %k %a |NX|XX|GT|LT",
    "EXPIREAT %k 1|4000000000",
    "PERSIST %k",
    "RENAME|RENAMENX %k %k",
    "COPY %k %k |DB_%b |REPLACE",
    "MOVE %k %b",
    "SELECT %b",
    "TTL %k",
    "RESTORE %k 0|%t %p |REPLACE",
    "RESTORE %k %a %p ABSTTL |REPLACE",
    "SORT %k ALPHA STORE %k",
    "SORT %k |DESC STORE %k",
    "SWAPDB %b %b",
    "FLUSHDB |ASYNC",
    "RANDOMKEY",
    "SCAN 0 COUNT 100",
    // bits
    "SETBIT %k %n 0|1",
    "BITOP AND|OR|XOR %k %k+",
    "BITOP NOT %k %k",
    "BITFIELD %k SET_u8_%n_%i|INCRBY_i16_#%n_%i|GET_u8_0+",
    "PFADD %k %m+",
    "PFCOUNT %k",
    "PFMERGE %k %k+",
    "PFDEBUG TODENSE|GETREG %k",
    // lists
    "RPUSH|LPUSH %k %v+",
    "RPUSHX|LPUSHX %k %v+",
    "LPOP|RPOP %k |%n",
    "LMPOP 1 %k LEFT|RIGHT |COUNT_%n",
    "BLMPOP 0.001 2 %k %k LEFT|RIGHT",
    "BLPOP|BRPOP %k %k 0.001",
    "LMOVE %k %k LEFT|RIGHT LEFT|RIGHT",
    "BLMOVE %k %k LEFT|RIGHT LEFT|RIGHT 0.001",
    "RPOPLPUSH %k %k",
    "BRPOPLPUSH %k %k 0.001",
    "LINSERT %k BEFORE|AFTER %v %v",
    "LSET %k %n %v",
    "LREM %k %i %v",
    "LTRIM %k %n %i",
    // hashes
    "HSET|HMSET %k %m_%v+",
    "HSETNX %k %m %v",
    "HDEL %k %m+",
    "HINCRBY %k %m %i",
    "HINCRBYFLOAT %k %m %f",
    "HEXPIRE %k %u |NX|XX|GT|LT FIELDS 2 %m %m",
    "HPEXPIRE %k %t |NX|XX|GT|LT FIELDS 2 %m %m",
    "HPEXPIREAT %k %a FIELDS 1 %m",
    "HEXPIREAT %k 1|4000000000 FIELDS 1 %m",
    "HPERSIST %k FIELDS 2 %m %m",
    "HGETDEL %k FIELDS 2 %m %m",
    "HGETEX %k |PX_%t|PXAT_%a|PERSIST FIELDS 2 %m %m",
    "HSETEX %k |FNX|FXX |PX_%t|PXAT_%a|KEEPTTL FIELDS 2 %m %v %m %v",
    "HGETALL %k",
    // sets
    "SADD|SREM %k %m+",
    "SPOP %k |%n",
    "SMOVE %k %k %m",
    "SINTERSTORE|SUNIONSTORE|SDIFFSTORE %k %k+",
    // sorted sets
    "ZADD %k |NX|XX |GT|LT |CH %f_%m+",
    "ZADD %k INCR %f %m",
    "ZINCRBY %k %f %m",
    "ZREM %k %m+",
    "ZREMRANGEBYRANK %k %n %i",
    "ZREMRANGEBYSCORE %k %f %f",
    "ZREMRANGEBYLEX %k - +|[b",
    "ZPOPMIN|ZPOPMAX %k |%n",
    "ZMPOP 1 %k MIN|MAX |COUNT_%n",
    "BZPOPMIN|BZPOPMAX %k %k 0.001",
    "BZMPOP 0.001 1 %k MIN|MAX",
    "ZUNIONSTORE|ZINTERSTORE %k 2 %k %k |AGGREGATE_MAX",
    "ZDIFFSTORE %k 2 %k %k",
    "ZRANGESTORE %k %k 0 %n",
    // places
    "GEOADD %k |NX|XX |CH 13.36 38.11 %m",
    "GEOADD %k 15.08 37.5 %m",
    "GEOSEARCHSTORE %k %k FROMLONLAT 15 37 BYRADIUS 300 km |STOREDIST",
    "GEORADIUS %k 15 37 300 km STORE %k",
    "GEORADIUSBYMEMBER %k %m 300 km STORE %k",
    // streams
    "XADD %s * %m_%v+",
    "XADD %s |NOMKSTREAM MAXLEN_%n|MINID_%d|MAXLEN_~_%n|MAXLEN_~_%n_LIMIT_2|MINID_~_%d *|%d %m %v",
    "XADD %s 9999999999999-* %m %v",
    "XDEL %s %d+",
    "XTRIM %s MAXLEN|MINID |=|~ %n",
    "XTRIM %s MAXLEN ~ %n LIMIT %n",
    "XSETID %s %d |ENTRIESADDED_%n",
    "XGROUP CREATE %s g|h 0|$|%d |MKSTREAM",
    "XGROUP SETID %s g|h %d|$ |ENTRIESREAD_%n",
    "XGROUP CREATECONSUMER %s g|h c|d|e",
    "XGROUP DELCONSUMER %s g|h c|d|e",
    "XGROUP DESTROY %s h",
    "XREADGROUP GROUP g|h c|d |COUNT_%n |NOACK STREAMS %s >",
    "XREADGROUP GROUP g|h c|d|f STREAMS %s 0",
    "XACK %s g|h %d+",
    "XCLAIM %s g|h c|d 0 %d+ |FORCE |JUSTID |LASTID_%d",
    "XAUTOCLAIM %s g|h c|d|e 0 0 |COUNT_%n |JUSTID",
    // scripts
    "EVAL return_redis.call('set',KEYS[1],ARGV[1],'px','30') 1 %k %v",
    "EVAL return_redis.call('spop',KEYS[1]) 1 %k",
    "EVAL redis.call('get',KEYS[1])_redis.call('incr','other')_return_redis.call('lpush',KEYS[1],'x') 1 %k",
    "EVAL_RO return_redis.call('get',KEYS[1]) 1 %k",
    "MULTI",
    "MULTI",
    "EXEC",
    "EXEC",
    "EXEC",
    "DISCARD",
];

/// Keys: on all of two or four cores, most on slots of their own, two on one slot.
const KEYS: &[&str] = &["a", "b", "v", "y", "{f}1", "{f}2", "key:7", "kk"];

fn pick<'a>(random: &mut fastrand::Rng, from: &[&'a str]) -> &'a str {
    from[random.usize(..from.len())]
}

/// What holes are filled with that is not drawn.
pub(super) struct Known {
    /// The wall clock, in milliseconds.
    pub(super) now: i64,
    /// The DUMP of a value.
    pub(super) payload: Vec<u8>,
}

fn hole(letter: u8, random: &mut fastrand::Rng, known: &Known) -> Vec<u8> {
    let now = known.now;
    let text = match letter {
        b'k' => pick(random, KEYS).to_owned(),
        b's' => pick(random, &["s", "s", "s", "t", "a"]).to_owned(),
        b'm' => pick(random, &["a", "b", "c", "d", "1", "2", "77"]).to_owned(),
        b'v' => match random.u8(..8) {
            0 => "v".repeat(random.usize(1..300)),
            1 => "1.5".to_owned(),
            _ => random.i16(-20..99).to_string(),
        },
        b'i' => random.i16(-5..30).to_string(),
        b'n' => random.u8(..6).to_string(),
        b'f' => (f64::from(random.i16(-40..40)) / 8.0).to_string(),
        b'd' => match random.u8(..4) {
            0 => format!("{}-0", now - random.i64(0..60)),
            1 => "0".to_owned(),
            _ => format!("9999999999999-{}", random.u8(..9)),
        },
        b't' => random.i64(1..120).to_string(),
        b'u' => random.u8(1..3).to_string(),
        b'a' => (now + random.i64(-20..100)).to_string(),
        b'b' => random.u8(..3).to_string(),
        b'p' => return known.payload.clone(),
        other => panic!("%{} stands for nothing", other as char),
    };
    text.into_bytes()
}

/// A command of some line.
pub(super) fn any(random: &mut fastrand::Rng, known: &Known) -> Command {
    let mut command = Command::new();
    for word in pick(random, LINES).split(' ') {
        let (word, most) = match word.strip_suffix('+') {
            Some(word) if !word.is_empty() => (word, 4),
            _ => (word, 2),
        };
        for _ in 1..random.usize(2..=most) {
            let alternatives: Vec<&str> = word.split('|').collect();
            let chosen = pick(random, &alternatives);
            // A script is one word.
            if chosen.contains("redis.call") {
                command.push(chosen.replace('_', " ").into_bytes());
                continue;
            }
            for part in chosen.split('_').filter(|part| !part.is_empty()) {
                match part.split_once('%') {
                    Some((before, letter)) => {
                        command.push([before.as_bytes(), &hole(letter.as_bytes()[0], random, known)].concat());
                    }
                    None => command.push(part.as_bytes().to_vec()),
                }
            }
        }
    }
    // The name of one command has the sign that stands for a space.
    if command[0] == b"EVAL" && command[1] == b"RO" {
        command.splice(..2, [b"EVAL_RO".to_vec()]);
    }
    command
}

pub(super) fn run(seed: u64) -> Result<(), String> {
    let cores = [1, 2, 4][seed as usize % 3];
    let settings = Settings {
        stream_node_max_entries: 3,
        lazyfree_lazy_expire: seed % 2 == 1,
        lazyfree_lazy_server_del: seed % 2 == 1,
        ..Settings::default()
    };
    let mut desk = Desk::new(seed, cores, settings);
    let mut history: Vec<String> = Vec::new();
    for number in 0..COMMANDS {
        let key = pick(&mut desk.world.random, KEYS);
        let payload = match desk.run(1, &words(["DUMP", key])).0 {
            Value::Bulk(bytes) => bytes,
            _ => b"none".to_vec(),
        };
        let known = Known { now: desk.now(), payload };
        let command = any(&mut desk.world.random, &known);
        let (reply, records) = desk.run(0, &command);
        let sent: Vec<_> = command.iter().map(|word| String::from_utf8_lossy(word)).collect();
        let records: Vec<String> = records.iter().map(|record| record.text()).collect();
        history.push(format!("{} -> {reply:?} => {records:?}", sent.join(" ")));
        let ms = desk.world.random.u64(..8);
        desk.later(ms);
        if number % 100 == 99 || number + 1 == COMMANDS {
            desk.check().map_err(|error| {
                let from = history.len().saturating_sub(120);
                format!("after {number} commands: {error}\n{}", history[from..].join("\n"))
            })?;
        }
    }
    Ok(())
}

#[test]
fn FR_P2C_008_U014_a_log_of_random_commands_gives_the_same_data() {
    seeds::each("FR_P2C_008_U014_a_log_of_random_commands_gives_the_same_data", 12, run);
}

/// Write commands that no line has, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    ("flushall", "FLUSHDB is the same, and leaves something to compare"),
    ("restore-asking", "RESTORE under another name"),
    ("xgroup|help", "writes nothing"),
];

#[test]
fn FR_P2C_008_U014_every_command_that_writes_is_among_them() {
    let named = |name: &str| {
        let (name, sub) = name.split_once('|').unwrap_or((name, ""));
        LINES.iter().any(|line| {
            let mut words = line.split(' ');
            let is = |words: Option<&str>, name: &str| {
                words.is_some_and(|words| words.split('|').any(|word| word.eq_ignore_ascii_case(name)))
            };
            is(words.next(), name) && (sub.is_empty() || is(words.next(), sub))
        })
    };
    let writes =
        command::table().all().iter().filter(|row| row.is(Flags::WRITE) && !matches!(row.run, Run::Session(_)));
    let missing: Vec<&str> = writes
        .map(|row| row.spec.name)
        .filter(|name| !named(name) && !LEFT_OUT.iter().any(|(left_out, _)| left_out == name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
