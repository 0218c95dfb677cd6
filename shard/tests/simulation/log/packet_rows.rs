//! The rows of FR-P2C-008 that are about commands and what they record, U007 and U008, in both modes: `expire-evict.md` §18.
//!
//! Each test writes one line of evidence under `target/evidence/`, as those of the crate `evict` do for the rows of pure decisions.

use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use audit::contract::Contract;
use audit::digest::Digest;
use audit::evidence::{Evidence, Shown};
use audit::mode::Mode;
use audit::record::Verdict;
use evict::reason::ExpireEvictError as Error;
use evict::time::UnixMillis;
use shard::settings::{ContractMode, Settings};

use super::super::client::command;
use super::super::resp::Value;
use super::rows::{settings, still};
use super::{Desk, show};

/// What draws begin with.
const SEED: u64 = 8;

/// Steps of a run of U008.
const STEPS: usize = 400;

/// Keys on several of four cores.
const KEYS: [&str; 4] = ["a", "b", "c", "v"];

/// A check in a mode: a sum over what came out.
type Check = fn(Mode) -> Digest;

/// Runs the checks of a row in a mode and writes its line; fails if one of them does.
fn row(id: &str, error: Error, mode: Mode, checks: &[(&str, Check)]) {
    let begun = Instant::now();
    let (mut output, mut verdicts) = (Digest::default(), Vec::new());
    for (name, check) in checks {
        let ended = catch_unwind(|| check(mode));
        verdicts.push((*name, if ended.is_ok() { Verdict::Pass } else { Verdict::Fail }));
        output = output.and(&ended.unwrap_or_default().sum().to_le_bytes());
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock stands after 1970").as_millis();
    let evidence = Evidence {
        packet: Error::PACKET,
        suite: "fr_expire_evict_phase2c_packet_008",
        row: id,
        mode,
        part: "shard",
        seed: SEED,
        reason: error.code(),
    };
    let millis = begun.elapsed().as_millis() as u64;
    let shown = Shown { time: UnixMillis(now as i64), millis, checks: &verdicts, output };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/evidence").join(Error::PACKET);
    std::fs::create_dir_all(&folder).expect("the build's folder can be written");
    std::fs::write(folder.join(evidence.file()), evidence.line(&shown)).expect("a line can be written");
    assert!(verdicts.iter().all(|(_, verdict)| *verdict == Verdict::Pass), "{error}: {verdicts:?}");
}

audit::rows! {
    FR_P2C_008_STRICT_U007 FR_P2C_008_HARDENED_U007 "U007" PersistContractViolation [
        persist_answers_and_records_only_what_it_did,
    ]
    FR_P2C_008_STRICT_U008 FR_P2C_008_HARDENED_U008 "U008" ExpireMetadataApiViolation [
        keys_and_deadlines_on_one_core,
        keys_and_deadlines_on_four_cores,
    ]
}

/// A world in a mode, as its setting makes it.
fn desk(mode: Mode, cores: u16) -> Desk {
    let expire_evict_mode = match mode {
        Mode::Strict => ContractMode::Strict,
        Mode::Hardened => ContractMode::Hardened,
    };
    still(cores, Settings { expire_evict_mode, ..settings() })
}

/// The reply to a line, and what was recorded of it.
fn play(desk: &mut Desk, line: &str) -> (Value, String) {
    let (reply, records) = desk.run(0, &command(line.split(' ')));
    (reply, show(&records))
}

/// U007: no key, no deadline, a deadline, and one that is over.
fn persist_answers_and_records_only_what_it_did(mode: Mode) -> Digest {
    let mut desk = desk(mode, 1);
    let mut sum = Digest::default();
    let mut asked = |desk: &mut Desk, line: &str, reply: i64, recorded: &str| {
        let seen = play(desk, line);
        assert_eq!(seen, (Value::Int(reply), recorded.to_owned()), "{line}");
        sum = sum.and(&reply.to_le_bytes()).and(recorded.as_bytes());
    };
    asked(&mut desk, "PERSIST k", 0, "");
    play(&mut desk, "SET k v");
    asked(&mut desk, "PERSIST k", 0, "");
    play(&mut desk, "PEXPIRE k 10");
    asked(&mut desk, "persist k", 1, "0> persist k");
    asked(&mut desk, "PERSIST k", 0, "");
    play(&mut desk, "PEXPIRE k 10");
    desk.later(10);
    asked(&mut desk, "PERSIST k", 1, "0> PERSIST k");
    play(&mut desk, "PEXPIRE k 10");
    desk.later(11);
    asked(&mut desk, "PERSIST k", 0, "0> DEL k");
    asked(&mut desk, "PERSIST k", 0, "");
    desk.check().expect("the log gives the same data");
    sum
}

/// The keys that there should be, with their deadlines.
#[derive(Default)]
struct Model(BTreeMap<&'static str, Option<i64>>);

impl Model {
    /// Draws a step, carries it out here and says what command does it there.
    fn step(&mut self, rng: &mut fastrand::Rng, now: i64) -> String {
        let keys = &mut self.0;
        let (key, to, time) = (KEYS[rng.usize(..KEYS.len())], KEYS[rng.usize(..KEYS.len())], rng.i64(1..300));
        let held = keys.get(key).copied();
        let later = Some(now + time);
        match rng.u8(..12) {
            0 => {
                keys.insert(key, None);
                format!("SET {key} 1")
            }
            1 | 2 => {
                keys.insert(key, later);
                format!("SET {key} 1 PX {time}")
            }
            3 => {
                keys.insert(key, held.flatten());
                format!("SET {key} 1 KEEPTTL")
            }
            4 => {
                keys.insert(key, held.flatten());
                format!("INCR {key}")
            }
            5 => {
                keys.insert(key, None);
                format!("GETSET {key} 1")
            }
            6 => {
                keys.entry(key).and_modify(|deadline| *deadline = later);
                format!("PEXPIRE {key} {time}")
            }
            7 => {
                keys.entry(key).and_modify(|deadline| *deadline = None);
                format!("PERSIST {key}")
            }
            8 => {
                if let Some(deadline) = keys.remove(key) {
                    keys.insert(to, deadline);
                }
                format!("RENAME {key} {to}")
            }
            9 => {
                if let Some(deadline) = held {
                    keys.entry(to).or_insert(deadline);
                }
                format!("COPY {key} {to}")
            }
            10 => {
                if let Some(deadline) = held {
                    keys.insert(to, deadline);
                }
                format!("COPY {key} {to} REPLACE")
            }
            _ => {
                keys.remove(key);
                format!("DEL {key}")
            }
        }
    }

    /// Forgets what is over: a key lives through the millisecond of its deadline.
    fn expire(&mut self, now: i64) {
        self.0.retain(|_, deadline| deadline.is_none_or(|at| now <= at));
    }
}

fn keys_and_deadlines_on_one_core(mode: Mode) -> Digest {
    keys_and_deadlines(mode, 1)
}

fn keys_and_deadlines_on_four_cores(mode: Mode) -> Digest {
    keys_and_deadlines(mode, 4)
}

/// U008: random commands carry deadlines as §3.3 says, whichever cores have the keys, and no deadline is without its key.
fn keys_and_deadlines(mode: Mode, cores: u16) -> Digest {
    let (mut desk, mut model) = (desk(mode, cores), Model::default());
    let mut rng = fastrand::Rng::with_seed(SEED);
    let mut sum = Digest::default();
    for _ in 0..STEPS {
        desk.later(rng.u64(..30));
        model.expire(desk.now());
        let line = model.step(&mut rng, desk.now());
        sum = sum.and(play(&mut desk, &line).1.as_bytes());
        for key in KEYS {
            let expected = model.0.get(key).map_or(-2, |deadline| deadline.unwrap_or(-1));
            assert_eq!(play(&mut desk, &format!("PEXPIRETIME {key}")).0, Value::Int(expected), "{key} after {line}");
        }
        let (mut keys, mut volatile) = (0, 0);
        for core in 0..usize::from(cores) {
            desk.world.visit(core, |shard| {
                let totals = shard.keyspace.totals(shard.keyspace.db_at(0));
                keys += totals.keys;
                volatile += totals.volatile;
            });
        }
        let with_deadline = model.0.values().flatten().count();
        assert_eq!((keys, volatile), (model.0.len() as u64, with_deadline as u64), "after {line}");
    }
    desk.check().expect("the log gives the same data");
    sum
}
