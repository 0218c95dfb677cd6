//! Scripts that run without Lua do what they do in Lua: the same commands, the same reply, the same place of an error.
//!
//! A script is written by a grammar and run twice: as it is, and behind a loop of no rounds, which keeps it in Lua. Commands answer by
//! chance, the same both times. `DIRECT_CASES` sets the number of scripts, `DIRECT_SEED` the seed of the first, which is printed; each has
//! the seed after the one before.
#![forbid(unsafe_code)]

use fastrand::Rng;
use keyspace::reply::{Reply, Resp};
use scripting::{Answer, Engine, Env, Limits, Outcome, Step, Target};

/// Keeps a script in Lua and changes nothing else: loops are for Lua. Without a 0: Lua 5.1 takes -0 for the same constant.
const IN_LUA: &str = "for _ = 2, 1 do end ";

/// Scripts of a run that says nothing else: a second or two.
const CASES: u64 = 4000;

/// What users run: each must need no Lua.
const USUAL: &[&str] = &[
    "return redis.call('GET', KEYS[1])",
    "local old = redis.call('GET', KEYS[1]) redis.call('SET', KEYS[1], ARGV[1]) return old",
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end",
    "local current = redis.call('INCR', KEYS[1]) if tonumber(current) == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end return current",
    "local n = tonumber(redis.call('GET', KEYS[1]) or '0') if n + 1 > tonumber(ARGV[1]) then return 0 end redis.call('INCRBY', KEYS[1], 1) return 1",
    "local key = KEYS[1] .. ':' .. ARGV[1] redis.call('SET', key, ARGV[2], 'PX', 100) return {key, #ARGV, -1}",
    "if redis.call('SETNX', KEYS[1], ARGV[1]) == 1 then redis.call('PEXPIRE', KEYS[1], 30 * 1000) return 1 end return nil",
];

/// How one run went.
#[derive(Debug, PartialEq)]
struct Course {
    /// The commands, each in words.
    commands: Vec<Vec<String>>,
    outcome: Outcome,
    reply: String,
    place: Option<(Vec<u8>, i64)>,
    direct: bool,
}

/// One argument of a script for each of these; some are numbers in odd forms.
const ARGUMENTS: &[&str] =
    &["1", "2.5", "abc", "", "10", "-3", "0x10", " 7 ", "1e3", "OK", "nan", "007", "99999999999999999999"];

/// Runs a script; its commands answer by chance from `seed`. At the `abort_at`th command it is aborted.
fn run(engine: &mut Engine, source: &str, seed: u64, abort_at: usize) -> Course {
    let mut rng = Rng::with_seed(seed);
    let loaded = engine.load(source.as_bytes(), false).unwrap_or_else(|error| panic!("{error}: {source}"));
    let keys = ["k1", "k2"].map(str::as_bytes);
    let args: Vec<&[u8]> = (0..3).map(|_| ARGUMENTS[rng.usize(..ARGUMENTS.len())].as_bytes()).collect();
    let resp = if rng.bool() { Resp::V2 } else { Resp::V3 };
    let before = engine.runs_without_lua();
    engine.start(Target::Script(&loaded.sha), keys.into_iter(), args.into_iter(), Env { resp });
    let (mut commands, mut reply) = (Vec::new(), Vec::new());
    let mut step = engine.resume(Answer::Go);
    let outcome = loop {
        step = match step {
            Step::Call(resp) => {
                assert_eq!(resp, Resp::V2);
                commands.push(engine.args().iter().map(without_addresses).collect());
                reply.clear();
                answer(&mut rng, &mut Reply::new(&mut reply, Resp::V2), 0);
                engine.resume(if commands.len() == abort_at { Answer::Abort } else { Answer::Reply(&reply) })
            }
            Step::Rest => engine.resume(Answer::Go),
            Step::Done(outcome) => break outcome,
            other => panic!("{other:?} in {source}"),
        };
    };
    let failed = outcome != Outcome::Returned;
    let place = failed.then(|| (engine.place().0.to_vec(), engine.place().1));
    let name = String::from_utf8_lossy(&loaded.sha).into_owned();
    let reply = match outcome {
        Outcome::Aborted => String::new(),
        _ => without_addresses(engine.reply()).replace(&name, "NAME"),
    };
    Course { commands, outcome, reply, place, direct: engine.runs_without_lua() > before }
}

/// A text without the addresses that Lua prints of tables: no two runs have the same.
fn without_addresses(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let cut = text.split("table: 0x").enumerate();
    cut.map(|(place, part)| if place == 0 { part } else { part.trim_start_matches(|c: char| c.is_ascii_hexdigit()) })
        .collect()
}

/// A reply of any kind.
fn answer(rng: &mut Rng, reply: &mut Reply<'_>, depth: usize) {
    match rng.u8(..if depth > 2 { 6 } else { 8 }) {
        0 => reply.int(rng.i64(-5..20)),
        1 => reply.bulk(ARGUMENTS[rng.usize(..ARGUMENTS.len())].as_bytes()),
        2 => reply.null(),
        3 => reply.simple(["OK", "QUEUED"][rng.usize(..2)]),
        4 if depth == 0 && rng.u8(..4) == 0 => {
            reply.error("WRONGTYPE Operation against a key holding the wrong kind of value")
        }
        4 => reply.int([0, 1, i64::MAX][rng.usize(..3)]),
        5 => reply.bulk(b"12"),
        6 if rng.u8(..30) == 0 => reply.bulk(&[b'x'; 70_000]),
        6 => reply.null_array(),
        _ => {
            let len = rng.usize(..4);
            reply.array(len);
            (0..len).for_each(|_| answer(rng, reply, depth + 1));
        }
    }
}

/// Writes scripts.
struct Author {
    rng: Rng,
    text: String,
    locals: usize,
}

impl Author {
    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.rng.usize(..words.len())]
    }

    fn block(&mut self, depth: usize) {
        let before = self.locals;
        for _ in 0..self.rng.usize(1..4) {
            self.statement(depth);
        }
        if self.rng.u8(..3) > 0 {
            self.text.push_str("return ");
            self.expression(depth + 1);
            self.text.push('\n');
        }
        self.locals = before;
    }

    fn statement(&mut self, depth: usize) {
        match self.rng.u8(..if depth > 3 { 3 } else { 5 }) {
            0 | 1 => {
                self.text.push_str(&format!("local v{} = ", self.locals));
                self.expression(depth + 1);
                self.locals += 1;
            }
            2 => self.call(depth + 1),
            3 if self.locals > 0 => {
                let local = self.rng.usize(..self.locals);
                self.text.push_str(&format!("v{local} = "));
                self.expression(depth + 1);
            }
            _ => {
                self.text.push_str("if ");
                self.expression(depth + 1);
                self.text.push_str(" then\n");
                self.block(depth + 1);
                if self.rng.bool() {
                    self.text.push_str(" else\n");
                    self.block(depth + 1);
                }
                self.text.push_str(" end");
            }
        }
        self.text.push('\n');
    }

    fn call(&mut self, depth: usize) {
        let function = self.pick(&["redis.call(", "redis.call(", "redis.pcall("]);
        self.text.push_str(function);
        let command = self.pick(&["'GET', KEYS[1]", "'SET', KEYS[1]", "'INCR'", "ARGV[1]", "'MGET', KEYS[1], KEYS[2]"]);
        self.text.push_str(command);
        for _ in 0..self.rng.usize(..3) {
            self.text.push_str(", ");
            self.expression(depth + 1);
        }
        self.text.push(')');
    }

    /// Of numbers only: most of these are without an error.
    fn sum(&mut self) {
        let mut number =
            || self.pick(&["7", "-3", "2.5", "-0.5", "0", "1e300", "#ARGV", "ARGV[1]", "tonumber(ARGV[2])"]).to_owned();
        let (left, right) = (number(), number());
        let operator = self.pick(&["+", "-", "*", "/", "%", "<", "<=", "==", ".."]);
        self.text.push_str(&format!("tostring({left} {operator} {right})"));
    }

    fn equality(&mut self) {
        let mut value =
            || self.pick(&["true", "false", "nil", "1", "'1'", "ARGV[1]", "not ARGV[3]", "KEYS[9]"]).to_owned();
        let (left, right) = (value(), value());
        let operator = self.pick(&["==", "~="]);
        self.text.push_str(&format!("(({left}) {operator} ({right}))"));
    }

    fn within(&mut self, before: &str, depth: usize, behind: &str) {
        self.text.push_str(before);
        self.expression(depth);
        self.text.push_str(behind);
    }

    fn expression(&mut self, depth: usize) {
        let simple = depth > 5 || self.rng.bool();
        match self.rng.u8(..if simple { 6 } else { 18 }) {
            0 => {
                let word = self.pick(&["1", "2.5", "0", "1000", "-4", "1e15", "0.1"]);
                self.text.push_str(word);
            }
            1 => {
                let word = self.pick(&["'a'", "'12'", "''", "nil", "true", "false", "'1.50'"]);
                self.text.push_str(word);
            }
            2 => {
                let word = self.pick(&["KEYS[1]", "KEYS[3]", "ARGV[1]", "ARGV[2]", "ARGV[3]", "#ARGV", "#KEYS"]);
                self.text.push_str(word);
            }
            3 | 4 if self.locals > 0 => {
                let local = self.rng.usize(..self.locals);
                self.text.push_str(&format!("v{local}"));
            }
            3..=5 => self.call(depth),
            6 => self.within("tonumber(", depth + 1, ")"),
            7 => self.within("tostring(", depth + 1, ")"),
            8 | 9 => {
                self.within("(", depth + 1, " ");
                let operator =
                    self.pick(&["+", "-", "*", "/", "%", "..", "==", "~=", "<", ">=", "and", "or", "and", "or"]);
                self.text.push_str(operator);
                self.within(" ", depth + 1, ")");
            }
            10 => self.within("(not ", depth + 1, ")"),
            11 => self.within("(- ", depth + 1, ")"),
            12 => {
                let behind = self.pick(&[").ok", ")[1]", ")[2]", ")['ok']", ").err"]);
                self.within("(", depth + 1, behind);
            }
            13 => {
                self.within("{", depth + 1, ", ");
                self.within("", depth + 1, "}");
            }
            14 => self.within("#(", depth + 1, ")"),
            15 => self.sum(),
            _ => self.equality(),
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}

#[test]
fn what_needs_no_lua_does_what_lua_does() {
    let first = number("DIRECT_SEED").unwrap_or_else(|| fastrand::u64(..1 << 32));
    println!("DIRECT_SEED={first}");
    let (mut alone, mut direct, mut failed, mut aborted) = (0, 0, 0, 0);
    let mut engine = Engine::new(Limits::default());
    for seed in first..first + number("DIRECT_CASES").unwrap_or(CASES) {
        let mut author = Author { rng: Rng::with_seed(seed), text: String::new(), locals: 0 };
        author.block(0);
        let abort_at = author.rng.usize(..20);
        let got = run(&mut engine, &author.text, seed, abort_at);
        let wanted = run(&mut engine, &format!("{IN_LUA}{}", author.text), seed, abort_at);
        assert!(!wanted.direct, "a loop runs in Lua");
        alone += 1;
        direct += u64::from(got.direct);
        failed += u64::from(got.outcome == Outcome::Failed);
        aborted += u64::from(got.outcome == Outcome::Aborted);
        assert_eq!(Course { direct: false, ..got }, wanted, "DIRECT_SEED={seed}\n{}", author.text);
    }
    // The grammar is worth something: much needs no Lua, and much of what Lua has to take over is there.
    assert!(direct > alone / 5 && failed > alone / 20 && aborted > 0, "{direct} {failed} {aborted} of {alone}");
}

#[test]
fn what_users_run_needs_no_lua() {
    let mut engine = Engine::new(Limits::default());
    for source in USUAL {
        let loaded = engine.load(source.as_bytes(), false).expect("it compiles");
        let (keys, args) = ([b"k".as_slice()], ["5", "6"].map(str::as_bytes));
        let before = engine.runs_without_lua();
        engine.start(Target::Script(&loaded.sha), keys.into_iter(), args.into_iter(), Env { resp: Resp::V2 });
        let mut step = engine.resume(Answer::Go);
        while matches!(step, Step::Call(_)) {
            step = engine.resume(Answer::Reply(b":1\r\n"));
        }
        assert_eq!((step, engine.runs_without_lua()), (Step::Done(Outcome::Returned), before + 1), "{source}");
    }
}

#[test]
fn lists_within_lists_are_no_way_to_a_reply_without_end() {
    let mut source = "local v0 = {1, 1}\n".to_owned();
    (1..100).for_each(|level| source.push_str(&format!("local v{level} = {{v{}, v{}}}\n", level - 1, level - 1)));
    source.push_str("return v99");
    let limits = Limits { reply_bytes_max: 1 << 20, ..Limits::default() };
    let mut engine = Engine::new(limits);
    let loaded = engine.load(source.as_bytes(), false).expect("it compiles");
    engine.start(Target::Script(&loaded.sha), [].into_iter(), [].into_iter(), Env { resp: Resp::V2 });
    let mut step = engine.resume(Answer::Go);
    while step == Step::Rest {
        step = engine.resume(Answer::Go);
    }
    assert_eq!(step, Step::Done(Outcome::Failed));
    assert!(engine.reply().starts_with(b"-ERR the reply of the script is too large"), "{:?}", engine.reply());
}

#[test]
fn a_script_that_always_needs_lua_is_left_to_it() {
    let mut engine = Engine::new(Limits::default());
    let loaded = engine.load(b"redis.call('PING') return '1' < '2'", false).expect("it compiles");
    let mut calls = Vec::new();
    for _ in 0..10 {
        engine.start(Target::Script(&loaded.sha), [].into_iter(), [].into_iter(), Env { resp: Resp::V2 });
        let mut step = engine.resume(Answer::Go);
        while matches!(step, Step::Call(_)) {
            calls.push(engine.args().len());
            step = engine.resume(Answer::Reply(b"+PONG\r\n"));
        }
        assert_eq!((step, engine.reply()), (Step::Done(Outcome::Returned), b":1\r\n".as_slice()));
    }
    assert_eq!((calls.len(), engine.runs_without_lua()), (10, 0), "each command is carried out once");
}
