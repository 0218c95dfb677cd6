//! Any command of the table with any arguments: no panic, and exactly one well-formed reply each.

use keyspace::spec::Flags;
use shard::command::{self, Command as Row};
use shard::ring::sim::SimOptions;
use shard::settings::Settings;

use super::client::{Client, Command, command as words, settle};
use super::resp::Value;
use super::seeds;
use super::world::World;

/// Commands per seed: 100,000 for all seeds of a plain run.
const COMMANDS_PER_SEED: usize = 5_000;

/// Commands per pipeline.
const PIPELINE: usize = 100;

/// Commands left out, with their subcommands: they end the process or stop it, change its settings, ask the service thread, end
/// the connection, or have no reply or a late one, or one per argument, or more than replies follow.
const LEFT_OUT: &[&str] = &[
    "shutdown",
    "debug",
    "config",
    "quit",
    "client|reply",
    "client|kill",
    "client|pause",
    "client|unpause",
    "client|tracking",
    "monitor",
    "sync",
    "subscribe",
    "unsubscribe",
    "psubscribe",
    "punsubscribe",
    "ssubscribe",
    "sunsubscribe",
];

/// Words that commands know, so that options are met.
const WORDS: &[&str] = &[
    "NX",
    "XX",
    "GT",
    "LT",
    "GET",
    "EX",
    "PX",
    "EXAT",
    "PXAT",
    "KEEPTTL",
    "PERSIST",
    "DB",
    "REPLACE",
    "MATCH",
    "COUNT",
    "TYPE",
    "LEN",
    "IDX",
    "MINMATCHLEN",
    "WITHMATCHLEN",
    "ASYNC",
    "SYNC",
    "*",
    "string",
    "on",
    "off",
    "HELP",
    "2",
    "3",
    "AUTH",
    "SETNAME",
    "default",
    "get",
    "set",
    "mset",
    "ID",
    "ADDR",
    "SAMPLES",
    "everything",
    "all",
    "event",
    "FILTERBY",
    "NORMAL",
    "no",
];

/// Integers and what nearly is one.
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "-0",
    "01",
    "+1",
    " 1",
    "1 ",
    "2",
    "15",
    "16",
    "-16",
    "1023",
    "1024",
    "65536",
    "2147483647",
    "2147483648",
    "-2147483649",
    "4294967296",
    "9223372036854775807",
    "9223372036854775806",
    "-9223372036854775808",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775",
    "1e3",
    "1.5",
    "-1.5",
    "1e400",
    "inf",
    "-inf",
    "nan",
    "0x10",
    "1700000000",
    "1700000001000",
    "3.0e-5000",
];

fn argument(random: &mut fastrand::Rng) -> Vec<u8> {
    let text = |list: &[&str], random: &mut fastrand::Rng| list[random.usize(..list.len())].as_bytes().to_vec();
    match random.u8(..20) {
        0..8 => vec![b'a' + random.u8(..6)],
        8..12 => text(NUMBERS, random),
        12..15 => text(WORDS, random),
        15 => Vec::new(),
        16 => (0..random.usize(1..20)).map(|_| random.u8(..)).collect(),
        17 => vec![random.u8(..); random.usize(1..1100)],
        18 => b"\r\n$-1\r\n*3\r\n\0\xff".to_vec(),
        _ => random.i64(..).to_string().into_bytes(),
    }
}

/// The commands to try: a subcommand's name comes as two words.
fn names() -> Vec<(Vec<&'static str>, i16)> {
    let left_out = |name: &str| {
        let container = name.split('|').next();
        LEFT_OUT.iter().any(|&out| out == name || Some(out) == container)
    };
    // Who waits answers nothing until somebody pushes. A stream is read without that option.
    let waits = |row: &Row| row.is(Flags::BLOCKING) && row.spec.group != "stream";
    let rows = command::table().all().iter().filter(|row| !left_out(row.spec.name) && !waits(row));
    rows.map(|row| (row.spec.name.split('|').collect(), row.spec.arity)).collect()
}

fn any(random: &mut fastrand::Rng, names: &[(Vec<&str>, i16)]) -> Command {
    let (name, arity) = &names[random.usize(..names.len())];
    let mut made = words(name);
    let least = usize::from(arity.unsigned_abs());
    let most = if *arity < 0 { least + 5 } else { least };
    let wrong = random.u8(..16) == 0;
    let count = if wrong { random.usize(name.len()..most + 3) } else { random.usize(least..=most) };
    while made.len() < count {
        made.push(argument(random));
    }
    draw_few(&mut made);
    made
}

/// Who asks for more draws than a reply has room for is disconnected.
fn draw_few(command: &mut Command) {
    let draws = [b"srandmember".as_slice(), b"hrandfield", b"zrandmember"].contains(&&command[0][..]);
    if let Some(count) = command.get_mut(2).filter(|count| draws && count.len() > 4 && count.starts_with(b"-")) {
        count.truncate(4);
    }
}

fn run(seed: u64) -> Result<(), String> {
    let cores = [1, 2, 4][seed as usize % 3];
    // Small values, so that quadratic commands stay quick.
    let settings = Settings { proto_max_bulk_len: 2048, ..Settings::default() };
    let options = SimOptions { buffer_bytes: 64 << 10, ..SimOptions::calm() };
    let mut world = World::new(seed, cores, options, settings);
    let names = names();
    let mut clients = [Client::connect(&mut world), Client::connect(&mut world)];
    for round in 0..COMMANDS_PER_SEED / PIPELINE {
        let client = round % clients.len();
        let mut sent: Vec<Command> = (2..PIPELINE).map(|_| any(&mut world.random, &names)).collect();
        let marker = format!("round {round}");
        // A transaction that is open would queue the marker.
        sent.push(words(["DISCARD"]));
        sent.push(words(["ECHO", &marker]));
        clients[client].send(&sent);
        let one_each = settle(&mut world, &mut clients, |_, _, _, _| {}).and_then(|()| {
            let replies: Vec<Value> = clients[client].replies.drain(..).collect();
            let ended = clients[client].is_ended();
            let whole = replies.len() == PIPELINE && replies.last() == Some(&Value::bulk(&marker)) && !ended;
            whole.then_some(()).ok_or(format!("{} replies, ended: {ended}", replies.len()))
        });
        one_each.map_err(|error| {
            let sent: Vec<String> = sent.iter().map(|command| format!("{:?}", lossy(command))).collect();
            format!("{error}\n{}", sent.join("\n"))
        })?;
    }
    Ok(())
}

fn lossy(command: &Command) -> Vec<String> {
    command.iter().map(|arg| String::from_utf8_lossy(&arg[..arg.len().min(60)]).into_owned()).collect()
}

#[test]
fn any_command_answers_once() {
    seeds::each("any_command_answers_once", 20, run);
}
