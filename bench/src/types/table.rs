//! The rows of `types`: what is stored first, what is asked, and the highest ratio to redis-server that passes.

/// One command, in words.
pub(super) type Words = Vec<String>;

/// Commands to be sent before a measurement.
pub(super) type Fill = fn() -> Box<dyn Iterator<Item = Words>>;

/// A command under load.
pub(super) struct Load {
    /// Its name in the table.
    pub(super) name: &'static str,
    /// What is stored before.
    pub(super) fill: Fill,
    /// The command as redis-benchmark takes it; `__rand_int__` is a number of twelve digits below `range`.
    pub(super) command: &'static str,
    /// Bound of the random numbers.
    pub(super) range: u64,
    /// Requests of one run.
    pub(super) requests: u64,
    /// The highest ratio of processor time.
    pub(super) at_most: f64,
}

/// A data set whose resident bytes are compared.
pub(super) struct Store {
    /// Its name in the table.
    pub(super) name: &'static str,
    /// The commands that store it.
    pub(super) fill: Fill,
    /// The highest ratio of resident bytes.
    pub(super) at_most: f64,
}

/// Elements of one filling command: few enough for any limit, many enough to be quick.
const PER_COMMAND: u64 = 100;

/// Requests of a run with short replies, and of one with long ones.
const MANY: u64 = 1_000_000;
const FEW: u64 = 100_000;

/// The loads. Values are three bytes long, as those of redis-benchmark's own tests are by default.
pub(super) static LOADS: &[Load] = &[
    write("LPUSH", "LPUSH mylist abc"),
    Load { fill: || elements("RPUSH", "mylist", MANY), ..write("RPOP", "RPOP mylist") },
    Load { range: 100_000, ..write("SADD", "SADD myset element:__rand_int__") },
    Load { range: 100_000, ..write("HSET", "HSET myhash element:__rand_int__ abc") },
    Load { range: 100_000, ..write("ZADD", "ZADD myzset __rand_int__ element:__rand_int__") },
    Load { fill: || elements("SADD", "myset", MANY), ..write("SPOP", "SPOP myset") },
    Load { fill: || scored("myzset", MANY), ..write("ZPOPMIN", "ZPOPMIN myzset") },
    write("XADD", "XADD mystream * myfield abc"),
    Load { fill: || elements("RPUSH", "mylist", 650), at_most: 0.55, ..read("LRANGE 100", "LRANGE mylist 0 99") },
    Load { fill: || elements("RPUSH", "mylist", 650), at_most: 0.55, ..read("LRANGE 600", "LRANGE mylist 0 599") },
    Load { fill: || one(fields("myhash", 50)), ..read("HGETALL of 50 fields", "HGETALL myhash") },
    Load { fill: || scored("myzset", 1000), ..read("ZRANGE 100 WITHSCORES", "ZRANGE myzset 0 99 WITHSCORES") },
    Load { fill: || elements("SADD", "myset", 100), ..read("SMEMBERS of 100", "SMEMBERS myset") },
    Load {
        fill: || scored("myzset", MANY),
        range: MANY,
        ..read("ZRANGEBYSCORE in 1 M members", "ZRANGEBYSCORE myzset __rand_int__ +inf LIMIT 0 10")
    },
];

/// The data sets.
pub(super) static STORES: &[Store] = &[
    Store {
        name: "1 M hashes of 10 fields",
        fill: || Box::new((0..1_000_000).map(|n| fields(&format!("hash:{n}"), 10))),
        at_most: 1.0,
    },
    Store {
        name: "1 M sets of 20 integers",
        fill: || {
            Box::new(
                (0..1_000_000)
                    .map(|n| members("SADD", &format!("set:{n}"), (0..20).map(|i| (n * 7 + i * 13).to_string()))),
            )
        },
        at_most: 1.0,
    },
    Store {
        name: "100 k sorted sets of 100 members",
        fill: || Box::new((0..100_000).map(|n| scores(&format!("zset:{n}"), 0, 100))),
        at_most: 1.0,
    },
    Store { name: "1 sorted set of 10 M members", fill: || scored("zset", 10_000_000), at_most: 0.6 },
    Store {
        name: "100 k lists of 100 items",
        fill: || {
            Box::new(
                (0..100_000).map(|n| members("RPUSH", &format!("list:{n}"), (0..100).map(|i| format!("item:{i}")))),
            )
        },
        at_most: 1.0,
    },
    Store {
        name: "1 stream of 10 M entries",
        fill: || {
            Box::new(
                (1..=10_000_000)
                    .map(|n: u64| words(&["XADD", "stream", &format!("{n}-0"), "field", &format!("value:{n}")])),
            )
        },
        at_most: 1.0,
    },
];

const fn write(name: &'static str, command: &'static str) -> Load {
    Load { name, fill: || Box::new(std::iter::empty()), command, range: 1, requests: MANY, at_most: 0.55 }
}

const fn read(name: &'static str, command: &'static str) -> Load {
    Load { name, fill: || Box::new(std::iter::empty()), command, range: 1, requests: FEW, at_most: 0.6 }
}

fn words(words: &[&str]) -> Words {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn one(command: Words) -> Box<dyn Iterator<Item = Words>> {
    Box::new(std::iter::once(command))
}

fn members(verb: &str, key: &str, members: impl Iterator<Item = String>) -> Words {
    [verb.to_owned(), key.to_owned()].into_iter().chain(members).collect()
}

fn fields(key: &str, count: u64) -> Words {
    members("HSET", key, (0..count).flat_map(|n| [format!("field:{n}"), format!("value:{n}")]))
}

fn scores(key: &str, from: u64, to: u64) -> Words {
    members("ZADD", key, (from..to).flat_map(|n| [n.to_string(), format!("member:{n}")]))
}

/// `count` elements `element:000000000000` in one key.
fn elements(verb: &'static str, key: &'static str, count: u64) -> Box<dyn Iterator<Item = Words>> {
    chunks(count, move |from, to| members(verb, key, (from..to).map(|n| format!("element:{n:012}"))))
}

/// `count` members with their number as score in one sorted set.
fn scored(key: &'static str, count: u64) -> Box<dyn Iterator<Item = Words>> {
    chunks(count, move |from, to| scores(key, from, to))
}

fn chunks(count: u64, make: impl Fn(u64, u64) -> Words + 'static) -> Box<dyn Iterator<Item = Words>> {
    Box::new((0..count.div_ceil(PER_COMMAND)).map(move |n| make(n * PER_COMMAND, count.min((n + 1) * PER_COMMAND))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_fill_what_they_ask_for() {
        for load in LOADS {
            let key = load.command.split(' ').nth(1).expect("a command has a key");
            assert!((load.fill)().take(3).all(|command| command[1] == key), "{}", load.name);
        }
    }

    #[test]
    fn chunks_cover_all_elements() {
        let filled: Vec<Words> = elements("SADD", "k", 250).collect();
        assert_eq!(filled.iter().map(|command| command.len() - 2).collect::<Vec<_>>(), [100, 100, 50]);
        assert_eq!(filled[2].last().expect("a command has words"), "element:000000000249");
    }
}
