//! What is recorded of a command is what redis-server 7.0.15 appends to its file for it, word for word.
//!
//! Each line goes to a redis-server with `appendonly yes`, which writes before it answers, and to a world of one core. Words are compared whatever
//! the case of their letters, times by their distance from the moment of the command, and members that were drawn at random not at all.

use std::io::{BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command as Program, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use shard::settings::{DebugAccess, Settings};

use super::super::client::{Command, command, encode};
use super::super::resp;
use super::Desk;
use super::reader::Record;

/// Longest wait for redis-server to listen.
const START_WAIT: Duration = Duration::from_secs(20);

/// A database and the words of a command.
type Effect = (u16, Vec<Vec<u8>>);

/// A redis-server with a file; killed when dropped.
struct Redis {
    child: Child,
    folder: tempfile::TempDir,
    streams: Vec<UnixStream>,
    /// Bytes of the file that were read.
    read: usize,
    /// The selected database of the file.
    db: u16,
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Redis {
    fn start(flags: &[&str]) -> Redis {
        let folder = tempfile::tempdir().expect("a folder of its own");
        let fixed = [
            ["--port", "0"],
            ["--unixsocket", "s"],
            ["--save", ""],
            ["--appendonly", "yes"],
            ["--appendfsync", "always"],
            ["--aof-use-rdb-preamble", "no"],
            ["--enable-debug-command", "yes"],
        ];
        let child = Program::new("redis-server")
            .current_dir(folder.path())
            .args(fixed.iter().flatten())
            .args(flags)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        let mut redis = Redis { child, folder, streams: Vec::new(), read: 0, db: 0 };
        let started = Instant::now();
        while redis.streams.len() < 2 {
            match UnixStream::connect(redis.folder.path().join("s")) {
                Ok(stream) => redis.streams.push(stream),
                Err(error) if started.elapsed() > START_WAIT => panic!("redis-server does not listen: {error}"),
                Err(_) => std::thread::yield_now(),
            }
        }
        redis
    }

    fn send(&mut self, client: usize, words: &Command) {
        let mut bytes = Vec::new();
        encode(words, &mut bytes);
        self.streams[client].write_all(&bytes).expect("redis-server reads");
    }

    fn reply(&mut self, client: usize) -> resp::Value {
        let mut unread = Vec::new();
        loop {
            if let Some((value, _)) = resp::read(&unread).expect("redis-server speaks RESP") {
                return value;
            }
            let mut piece = [0; 4096];
            let length = self.streams[client].read(&mut piece).expect("redis-server answers");
            assert!(length > 0, "redis-server ended");
            unread.extend_from_slice(&piece[..length]);
        }
    }

    /// What was appended since, unit by unit.
    fn appended(&mut self) -> Vec<Vec<Effect>> {
        let path: PathBuf = self.folder.path().join("appendonlydir/appendonly.aof.1.incr.aof");
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path).expect("redis-server has a file");
        BufReader::new(file).read_to_end(&mut bytes).expect("it can be read");
        let mut rest = &bytes[self.read..];
        self.read = bytes.len();
        let (mut units, mut open) = (Vec::new(), None);
        while !rest.is_empty() {
            let (value, length) = resp::read(rest).expect("the file is RESP").expect("the file is whole");
            rest = &rest[length..];
            let resp::Value::Array(words) = value else { panic!("a command is an array") };
            let words: Vec<Vec<u8>> = words.into_iter().map(bulk).collect();
            match (&words[0][..], &mut open) {
                (b"SELECT", _) => self.db = String::from_utf8_lossy(&words[1]).parse().expect("a number"),
                (b"MULTI", None) => open = Some(Vec::new()),
                (b"EXEC", Some(unit)) => {
                    units.push(std::mem::take(unit));
                    open = None;
                }
                (_, Some(unit)) => unit.push((self.db, words)),
                (_, None) => units.push(vec![(self.db, words)]),
            }
        }
        units
    }
}

fn bulk(value: resp::Value) -> Vec<u8> {
    match value {
        resp::Value::Bulk(bytes) => bytes,
        other => panic!("{other:?} is no word"),
    }
}

fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970");
    since.as_millis() as i64
}

/// Our records, unit by unit.
fn units(records: &[Record]) -> Vec<Vec<Effect>> {
    let by_unit = records.chunk_by(|a, b| a.header.unit == b.header.unit && a.header.unit != 0);
    by_unit.map(|unit| unit.iter().map(|record| (record.header.db, record.words.clone())).collect()).collect()
}

/// A time of 13 digits, alone or at the beginning of an id, as its distance from `from`.
fn distance(word: &[u8], from: i64) -> Option<(i64, &[u8])> {
    let digits = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = &word[digits..];
    let time: i64 = std::str::from_utf8(&word[..digits]).ok()?.parse().ok()?;
    let near = (time - from).abs() < 10_000_000;
    (digits == 13 && near && (rest.is_empty() || rest[0] == b'-')).then_some((time - from, rest))
}

/// Members that SPOP drew become stars, and as many commands as it has members are one.
fn spread(unit: Vec<Effect>) -> Vec<Effect> {
    let mut made: Vec<Effect> = Vec::new();
    for (db, mut words) in unit {
        if words[0] == b"SREM" {
            words[2..].iter_mut().for_each(|word| *word = b"*".to_vec());
            if let Some((_, last)) = made.last_mut().filter(|(_, last)| last[0] == b"SREM") {
                last.extend(words.drain(2..));
                continue;
            }
        }
        made.push((db, words));
    }
    made
}

/// When a command was carried out: between these times of each clock.
struct Moment {
    ours: [i64; 2],
    theirs: [i64; 2],
}

impl Moment {
    fn same_word(&self, ours: &[u8], theirs: &[u8]) -> bool {
        match (distance(ours, self.ours[0]), distance(theirs, self.theirs[0])) {
            (Some((own, rest)), Some((other, end))) => {
                let [took, theirs_took] = [self.ours, self.theirs].map(|[from, to]| to - from + 1);
                // The time of an earlier command: how long ago that was is the machine's matter.
                let earlier = own <= took && other <= 0;
                rest == end && (earlier || (-took..=theirs_took).contains(&(other - own)))
            }
            _ => ours.eq_ignore_ascii_case(theirs),
        }
    }

    fn same(&self, ours: &[Vec<Effect>], theirs: &[Vec<Effect>]) -> bool {
        let same_effect = |(own, other): (&Effect, &Effect)| {
            own.0 == other.0
                && own.1.len() == other.1.len()
                && own.1.iter().zip(&other.1).all(|(own, other)| self.same_word(own, other))
        };
        let same_unit = |(own, other): (&Vec<Effect>, &Vec<Effect>)| {
            own.len() == other.len() && own.iter().zip(other).all(same_effect)
        };
        ours.len() == theirs.len() && ours.iter().zip(theirs).all(same_unit)
    }
}

fn show(units: &[Vec<Effect>]) -> String {
    let effect = |(db, words): &Effect| {
        let words: Vec<_> = words.iter().map(|word| String::from_utf8_lossy(word)).collect();
        format!("{db}> {}", words.join(" "))
    };
    let unit = |unit: &Vec<Effect>| unit.iter().map(effect).collect::<Vec<_>>().join("; ");
    units.iter().map(unit).collect::<Vec<_>>().join(" | ")
}

/// The words of a line, in which `~` stands for a space of a script; `%key` is the DUMP of a key as redis-server has it.
fn words(line: &str, redis: &mut Redis) -> Command {
    let fill = |word: &str, redis: &mut Redis| match word.strip_prefix('%') {
        Some(key) => {
            redis.send(0, &command(["DUMP", key]));
            bulk(redis.reply(0))
        }
        // A script is one word.
        None if word.contains("redis.") => word.replace('~', " ").into_bytes(),
        None => word.as_bytes().to_vec(),
    };
    line.split(' ').map(|word| fill(word, redis)).collect()
}

/// What a line does beside being sent.
fn later(line: &str) -> Option<u64> {
    line.strip_prefix("@later ").map(|ms| ms.parse().expect("a number"))
}

/// Plays lines on both. A row has what we record where that is on purpose something else.
fn check(flags: &[&str], settings: Settings, rows: &[(&str, Option<&str>)]) {
    let mut redis = Redis::start(flags);
    let mut desk = Desk::new(0, 1, settings);
    let still = command(["DEBUG", "SET-ACTIVE-EXPIRE", "0"]);
    redis.send(0, &still);
    redis.reply(0);
    desk.run(0, &still);
    let mut wrong = Vec::new();
    for (line, expected) in rows {
        if let Some(ms) = later(line) {
            desk.later(ms);
            redis.send(0, &command(["DEBUG", "SLEEP", &format!("{}.{:03}", ms / 1000, ms % 1000)]));
            redis.reply(0);
            continue;
        }
        if let Some(line) = line.strip_prefix("@block ") {
            let words = words(line, &mut redis);
            redis.send(1, &words);
            // It is read before what is sent next: that asks for clients that wait.
            let waits = command(["CLIENT", "LIST"]);
            loop {
                redis.send(0, &waits);
                if String::from_utf8_lossy(&bulk(redis.reply(0))).contains("flags=b") {
                    break;
                }
            }
            desk.block(1, &words);
            continue;
        }
        let words = words(line, &mut redis);
        let before = unix_ms();
        redis.send(0, &words);
        let theirs = redis.reply(0);
        let (after, began) = (unix_ms(), desk.now());
        let (ours, records) = desk.run(0, &words);
        let moment = Moment { ours: [began, desk.now()], theirs: [before, after] };
        desk.clients[1].replies.clear();
        let own: Vec<Vec<Effect>> = units(&records).into_iter().map(spread).collect();
        let other: Vec<Vec<Effect>> = redis.appended().into_iter().map(spread).collect();
        let fits = match expected {
            Some(text) => show(&own) == *text,
            None => moment.same(&own, &other),
        };
        if !fits {
            wrong.push(format!(
                "{line}\n  ours:   {} -> {ours:?}\n  theirs: {} -> {theirs:?}",
                show(&own),
                show(&other)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn settings(lazy: bool) -> Settings {
    Settings {
        lazyfree_lazy_expire: lazy,
        lazyfree_lazy_server_del: lazy,
        lazyfree_lazy_user_del: lazy,
        stream_node_max_entries: 3,
        enable_debug_command: DebugAccess::Yes,
        ..Settings::default()
    }
}

#[path = "differential_rows.rs"]
mod rows;

#[test]
fn FR_P2C_008_U005_records_are_what_redis_server_appends() {
    let flags = ["--stream-node-max-entries", "3"];
    check(&flags, settings(false), rows::ROWS);
}

#[test]
fn FR_P2C_008_U005_lazy_deletions_are_what_redis_server_appends() {
    let lazy =
        ["--lazyfree-lazy-expire", "yes", "--lazyfree-lazy-server-del", "yes", "--lazyfree-lazy-user-del", "yes"];
    let flags = [&["--stream-node-max-entries", "3"][..], &lazy].concat();
    check(&flags, settings(true), rows::LAZY_ROWS);
}
