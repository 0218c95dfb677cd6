//! A driver with a map for a database: carries out the commands of a script and tells what became of it.
#![allow(dead_code, reason = "each test file uses a part")]

use keyspace::args::Args;
use keyspace::number::parse_i64;
use keyspace::reply::{Reply, Resp};
use scripting::{Answer, Engine, Env, Limits, Outcome, Step, Target};
use std::collections::HashMap;

/// A server of strings, with one engine.
pub(crate) struct Fake {
    pub(crate) engine: Engine,
    pub(crate) values: HashMap<Vec<u8>, Vec<u8>>,
    /// Slices that were over.
    pub(crate) rests: usize,
    /// Slices after which a script is aborted.
    pub(crate) rests_max: usize,
    pub(crate) log: Vec<(u8, Vec<u8>)>,
    pub(crate) last: Option<Outcome>,
}

impl Fake {
    pub(crate) fn new() -> Fake {
        Fake::with(Limits::default())
    }

    pub(crate) fn with(limits: Limits) -> Fake {
        let engine = Engine::new(limits);
        Fake { engine, values: HashMap::new(), rests: 0, rests_max: usize::MAX, log: Vec::new(), last: None }
    }

    /// EVAL; the reply as text.
    pub(crate) fn eval(&mut self, source: &str, keys: &[&str], args: &[&str]) -> String {
        String::from_utf8_lossy(&self.eval_bytes(source.as_bytes(), keys, args, Resp::V2)).into_owned()
    }

    pub(crate) fn eval_bytes(&mut self, source: &[u8], keys: &[&str], args: &[&str], resp: Resp) -> Vec<u8> {
        let loaded = match self.engine.load(source, false) {
            Ok(loaded) => loaded,
            Err(text) => {
                let mut out = Vec::new();
                Reply::new(&mut out, resp).error(text);
                return out;
            }
        };
        self.run(Target::Script(&loaded.sha), keys, args, resp)
    }

    pub(crate) fn run(&mut self, target: Target<'_>, keys: &[&str], args: &[&str], resp: Resp) -> Vec<u8> {
        let keys = keys.iter().map(|key| key.as_bytes());
        self.engine.start(target, keys, args.iter().map(|arg| arg.as_bytes()), Env { resp });
        self.last = Some(self.drive());
        self.engine.reply().to_vec()
    }

    /// Goes on to the end of what is under way.
    pub(crate) fn drive(&mut self) -> Outcome {
        let mut step = self.engine.resume(Answer::Go);
        let mut reply = Vec::new();
        let mut rests = 0;
        loop {
            step = match step {
                Step::Call(resp) => {
                    reply.clear();
                    execute(&mut self.values, self.engine.args(), &mut Reply::new(&mut reply, resp));
                    self.engine.resume(Answer::Reply(&reply))
                }
                Step::AclCheck => {
                    let known = self.engine.args().is(0, "get");
                    self.engine.resume(Answer::Reply(if known { b":1\r\n" } else { b"-ERR no\r\n" }))
                }
                Step::Log(level) => {
                    self.log.push((level, self.engine.text().to_vec()));
                    self.engine.resume(Answer::Go)
                }
                Step::Rest => {
                    rests += 1;
                    self.rests += 1;
                    self.engine.resume(if rests > self.rests_max { Answer::Abort } else { Answer::Go })
                }
                Step::Done(outcome) => return outcome,
            };
        }
    }
}

/// The few commands that there are.
pub(crate) fn execute(values: &mut HashMap<Vec<u8>, Vec<u8>>, args: Args<'_>, reply: &mut Reply<'_>) {
    let arity = |from: usize, to: usize| (from..=to).contains(&args.len());
    let wrong = "ERR Wrong number of args calling Redis command from script";
    match args.at(0).to_ascii_lowercase().as_slice() {
        b"get" if arity(2, 2) => match values.get(args.at(1)) {
            Some(value) => reply.bulk(value),
            None => reply.null(),
        },
        b"set" if arity(3, 3) => {
            values.insert(args.at(1).to_vec(), args.at(2).to_vec());
            reply.ok();
        }
        b"del" if args.len() > 1 => {
            let gone = (1..args.len()).filter(|index| values.remove(args.at(*index)).is_some()).count();
            reply.int(gone as i64);
        }
        b"mget" if args.len() > 1 => {
            reply.array(args.len() - 1);
            for index in 1..args.len() {
                match values.get(args.at(index)) {
                    Some(value) => reply.bulk(value),
                    None => reply.null(),
                }
            }
        }
        b"incr" if arity(2, 2) => {
            let value = values.get(args.at(1)).map_or(Some(0), |value| parse_i64(value));
            match value {
                Some(value) => {
                    values.insert(args.at(1).to_vec(), (value + 1).to_string().into_bytes());
                    reply.int(value + 1);
                }
                None => reply.error("ERR value is not an integer or out of range"),
            }
        }
        b"echo" if arity(2, 2) => reply.bulk(args.at(1)),
        b"ping" if arity(1, 1) => reply.simple("PONG"),
        b"debug" if arity(3, 3) && args.is(1, "protocol") => protocol(args, reply),
        b"get" | b"set" | b"del" | b"mget" | b"incr" | b"echo" | b"ping" => reply.error(wrong),
        b"subscribe" | b"eval" | b"blpop" => reply.error("ERR This Redis command is not allowed from script"),
        _ => reply.error("ERR Unknown Redis command called from script"),
    }
}

/// One reply of each kind.
fn protocol(args: Args<'_>, reply: &mut Reply<'_>) {
    match args.at(2) {
        b"double" => reply.double(2.5),
        b"null" => reply.null(),
        b"bignum" => match reply.resp() {
            Resp::V2 => reply.bulk(b"1234567999999999999999999999999999999"),
            Resp::V3 => reply.raw(b"(1234567999999999999999999999999999999\r\n"),
        },
        b"set" => {
            reply.set(3);
            (0..3).for_each(|index| reply.int(index));
        }
        b"map" => {
            reply.map(3);
            (0..3).for_each(|index| {
                reply.int(index);
                reply.boolean(index == 1);
            });
        }
        b"verbatim" => reply.verbatim(*b"txt", b"This is a verbatim\nstring"),
        b"many" => {
            reply.array(1_000_000);
            (0..1_000_000).for_each(|_| reply.array(0));
        }
        b"true" => reply.boolean(true),
        _ => reply.boolean(false),
    }
}
