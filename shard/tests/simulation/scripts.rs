//! Scripts over several cores that declare all of their keys, some or none: one that wants more is taken back, and nobody has seen it.
//!
//! A function wants more each time; of a script that did so the core remembers it, so most have a name of their own.

use super::accounts::{self, Fates, Game, Last, Pipeline, Scripts, Transfer, transaction};
use shard::ring::sim::SimOptions;
use shard::settings::Settings;

use super::client::{Command, command};
use super::exact::settings;
use super::seeds;
use super::transactions;
use super::world::World;

/// What scripts and functions do with `k`, both accounts, both versions and the number of raised versions, and the amount `n`.
const BODIES: [(&str, &str); 5] = [
    (
        "move",
        "redis.call('decrby', k[1], n) redis.call('incrby', k[2], n) redis.call('incr', k[3]) redis.call('incr', k[4]) \
         return redis.call('incrby', k[5], 2)",
    ),
    // The account is gone while it wants more.
    (
        "vanish",
        "local was = redis.call('getdel', k[1]) redis.call('incr', k[3]) redis.call('incr', k[3]) \
         redis.call('set', k[1], was) return redis.call('incrby', k[5], 2)",
    ),
    // What it selected and whom it asked is taken back, too.
    (
        "wander",
        "redis.call('incrby', k[2], n) redis.call('select', '1') redis.call('set', k[1], 'x') redis.call('select', '0') \
         redis.call('decrby', k[1], n) redis.call('publish', 'channel', n) redis.call('incr', k[4]) \
         redis.call('incr', k[3]) return redis.call('incrby', k[5], 2)",
    ),
    // It fails when all is done: what it wrote stays.
    (
        "fail",
        "redis.call('incr', k[3]) redis.call('incr', k[4]) redis.call('incrby', k[5], 2) redis.call('incrby', k[1], n) \
         redis.pcall('lpush', k[1], n) redis.call('decrby', k[2], n) error('on purpose')",
    ),
    // It reads all accounts, whatever it declared.
    (
        "sum",
        "local sum = 0 for i = 0, 6 do sum = sum + redis.call('get', 'account:' .. i) end \
         redis.call('dbsize') return sum",
    ),
];

/// Gathers the keys, declared or not.
const KEYS: &str = "local n, k = A[1], {} for _, key in ipairs(K) do k[#k + 1] = key end \
                    for i = 2, #A do k[#k + 1] = A[i] end ";

/// All bodies as functions.
fn library() -> String {
    let functions =
        BODIES.map(|(name, body)| format!("redis.register_function('{name}', function(K, A) {KEYS} {body} end)\n"));
    format!("#!lua name=bank\n{}", functions.concat())
}

/// A call of a script or a function, with what it must reply.
fn call(random: &mut fastrand::Rng) -> (Command, Last) {
    let transfer = Transfer::any(random);
    let (name, body) = BODIES[random.usize(..BODIES.len())];
    let keys = transfer.keys();
    let declared = if random.bool() { keys.len() } else { random.usize(..keys.len()) };
    let mut made = match random.u8(..3) {
        0 => command(["FCALL", name]),
        named => {
            let comment = if named == 1 { random.u64(..).to_string() } else { String::new() };
            command(["EVAL", &format!("local K, A = KEYS, ARGV {KEYS} {body} --{comment}")])
        }
    };
    made.extend(command([declared.to_string()]));
    made.extend(command(&keys[..declared]));
    made.extend(command([transfer.amount.to_string()]));
    made.extend(command(&keys[declared..]));
    let last = match name {
        "sum" => Last::Sum,
        "fail" => Last::Error("ERR"),
        _ => Last::Fine,
    };
    (made, last)
}

/// A pipeline with scripts, alone or in a transaction, or one of transactions.
fn alone(random: &mut fastrand::Rng) -> Pipeline {
    match random.u8(..8) {
        0 | 1 => transactions::alone(random),
        2 => {
            let calls: [(Command, Last); 2] = [call(random), call(random)];
            let errors = calls.iter().filter(|(_, last)| matches!(last, Last::Error(_))).count();
            (transaction(calls.map(|(call, _)| call)), Last::Replies { errors })
        }
        _ => {
            let (call, last) = call(random);
            (vec![call], last)
        }
    }
}

pub(super) fn run(seed: u64) -> Result<(), String> {
    let first = vec![command(["FUNCTION", "LOAD", &library()])];
    let (world, options) = transactions::world(seed);
    let game = Game { options, first, alone, pipelines: 250, scripts: Scripts::Short };
    accounts::play(world, game).map(drop)
}

/// A script that first takes long, or the end of one.
fn alone_and_long(random: &mut fastrand::Rng) -> Pipeline {
    match random.u8(..16) {
        0 => {
            let transfer = Transfer::any(random);
            let (_, body) = BODIES[0];
            let turns = random.usize(1..4) * 1_100_000;
            let source = format!("local K, A = KEYS, ARGV {KEYS} for i = 1, {turns} do end {body}");
            let keys = transfer.keys();
            let declared = random.usize(..=keys.len());
            let mut made = command(["EVAL", &source, &declared.to_string()]);
            made.extend(command(&keys[..declared]));
            made.extend(command([transfer.amount.to_string()]));
            made.extend(command(&keys[declared..]));
            match random.bool() {
                true => (vec![made], Last::Fine),
                false => (transaction([made]), Last::Replies { errors: 0 }),
            }
        }
        1 | 2 => (vec![command([["SCRIPT", "FUNCTION"][random.usize(..2)], "KILL"])], Last::Any),
        _ => alone(random),
    }
}

/// Time passes between turns, so that a script soon takes long.
pub(super) fn long(seed: u64) -> Result<Fates, String> {
    let first = vec![command(["FUNCTION", "LOAD", &library()])];
    let (cores, settings) = ([2, 4, 3, 1][seed as usize % 4], settings(seed));
    let settings = Settings { busy_reply_threshold: 1, ..settings };
    let world = World::new(seed, cores, SimOptions::calm(), settings);
    let options = SimOptions { turn_us_max: 1000, reset: 1000 * (seed as u32 % 2), ..SimOptions::calm() };
    let game = Game { options, first, alone: alone_and_long, pipelines: 250, scripts: Scripts::Long };
    accounts::play(world, game)
}

#[test]
fn scripts_that_want_more_are_taken_back_unseen() {
    seeds::each("scripts_that_want_more_are_taken_back_unseen", 100, run);
}

#[test]
fn who_meets_a_long_script_is_refused_or_waits() {
    let fates = std::cell::RefCell::new(Vec::new());
    seeds::each("who_meets_a_long_script_is_refused_or_waits", 40, |seed| {
        long(seed).map(|fate| fates.borrow_mut().push(fate))
    });
    let all = |count: fn(&Fates) -> usize| fates.borrow().iter().map(count).sum::<usize>();
    let (refused, killed) = (all(|fates| fates.refused), all(|fates| fates.killed));
    assert!(refused > 0 && killed > 0 || fates.borrow().len() == 1, "{refused} were refused, {killed} killed");
}
