//! Snapshots of all cores while clients write pairs of keys in every way that is atomic: hops within a slot, units, transactions, scripts. A
//! snapshot of one moment holds the same value for both keys of a pair, and a client is given the file as the service thread has it.

use std::collections::BTreeMap;

use keyspace::rdb::reader::Reader;
use shard::ring::sim::SimOptions;
use shard::settings::Settings;

use super::client::{Client, Command, command, rest, settle};
use super::seeds;
use super::world::World;

/// Clients that write.
const CLIENTS: usize = 6;

/// Pipelines that each of them sends.
const ROUNDS: usize = 30;

/// Snapshots, one after the other.
const SNAPSHOTS: usize = 4;

/// Pairs of keys: `a` and `b` with the number.
const PAIRS: usize = 60;

/// Bytes of a value: all of them are written in several turns of each core.
const VALUE_BYTES: usize = 20_000;

/// Writes both keys of a pair.
fn write(random: &mut fastrand::Rng, number: u64) -> Vec<Command> {
    let pair = random.usize(..PAIRS);
    // Every third pair is in one slot.
    let tag = if pair.is_multiple_of(3) { format!("{{{pair}}}") } else { pair.to_string() };
    let [one, other] = ["a", "b"].map(|side| format!("{tag}{side}"));
    let value = format!("{number:0VALUE_BYTES$}");
    let script = "redis.call('set', KEYS[1], ARGV[1]) redis.call('set', KEYS[2], ARGV[1])";
    match random.u8(..8) {
        0 => vec![command(["DEL", &one, &other])],
        1 => vec![command(["EVAL", script, "2", &one, &other, &value])],
        2 => vec![command([
            "EVAL",
            &script.replace("KEYS", "ARGV").replace("ARGV[1])", "ARGV[3])"),
            "0",
            &one,
            &other,
            &value,
        ])],
        3..5 => vec![
            command(["MULTI"]),
            command(["SET", &one, &value]),
            command(["SET", &other, &value]),
            command(["EXEC"]),
        ],
        _ => vec![command(["MSET", &one, &value, &other, &value])],
    }
}

fn text(reader: &mut Reader) -> Result<Vec<u8>, &'static str> {
    let string = reader.string().map_err(|corrupt| corrupt.0)?;
    Ok(string.element().text(&mut itoa::Buffer::new()).to_vec())
}

/// The strings of a file, by key.
fn strings(file: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let mut reader = Reader::new(file);
    let mut strings = BTreeMap::new();
    while reader.remaining() > 0 {
        match reader.byte().map_err(|corrupt| corrupt.0)? {
            250 => drop((text(&mut reader)?, text(&mut reader)?)),
            254 => drop(reader.length().map_err(|corrupt| corrupt.0)?),
            0 => {
                let key = String::from_utf8_lossy(&text(&mut reader)?).into_owned();
                let value = text(&mut reader)?;
                if strings.insert(key.clone(), value).is_some() {
                    return Err(format!("{key} stands there twice"));
                }
            }
            other => return Err(format!("opcode {other}")),
        }
    }
    Ok(strings)
}

/// Both keys of a pair have the same value, or are not there.
fn is_of_one_moment(file: &[u8]) -> Result<(), String> {
    let strings = strings(file)?;
    for (key, value) in &strings {
        let twin = if let Some(pair) = key.strip_suffix('a') { format!("{pair}b") } else { key.replace('b', "a") };
        if strings.get(&twin) != Some(value) {
            let shown = |value: Option<&Vec<u8>>| {
                value.map(|value| String::from_utf8_lossy(&value[value.len() - 9..]).into_owned())
            };
            return Err(format!("{key} is {:?} and {twin} {:?}", shown(Some(value)), shown(strings.get(&twin))));
        }
    }
    Ok(())
}

/// Clients write, and the last one is given a snapshot, or breaks off. Returns whether it breaks off.
fn play(world: &mut World, clients: &mut [Client], number: &mut u64) -> Result<bool, String> {
    let mut left = [ROUNDS; CLIENTS];
    let (reader, writers) = clients.split_last_mut().expect("there are some");
    reader.send(&[command(["SYNC"])]);
    let breaks_off = world.random.u8(..) < 30;
    if breaks_off {
        reader.reset();
    }
    writers.iter_mut().for_each(|client| client.send(&write(&mut world.random, *number)));
    settle(world, clients, |world, index, client, _| {
        if index == CLIENTS {
            return;
        }
        client.replies.clear();
        if client.owed == 0 && left[index] > 0 {
            left[index] -= 1;
            *number += 1;
            client.send(&write(&mut world.random, *number));
        }
    })?;
    Ok(breaks_off)
}

/// Returns how many snapshots became whole.
fn run(seed: u64) -> Result<usize, String> {
    let options = SimOptions { delay_us_max: 20, turn_us_max: 20, ..SimOptions::calm() };
    let settings = Settings { visits: seed.is_multiple_of(2), ..Settings::default() };
    let mut world = World::new(seed, 1 + (seed % 4) as u16, options, settings);
    world.service.fails_saves = seed % 8 == 5;
    let mut clients: Vec<Client> = (0..=CLIENTS).map(|_| Client::connect(&mut world)).collect();
    let (mut number, mut readers) = (0, Vec::new());
    for _ in 0..SNAPSHOTS {
        let breaks_off = play(&mut world, &mut clients, &mut number)?;
        rest(&mut world, &mut clients)?;
        let next = Client::connect(&mut world);
        let reader = std::mem::replace(&mut clients[CLIENTS], next);
        readers.extend((!breaks_off).then_some(reader));
    }
    let files = &world.service.files;
    files.iter().try_for_each(|file| is_of_one_moment(file))?;
    for reader in readers {
        let is_file = |file: &Vec<u8>| reader.unread() == [format!("${}\r\n", file.len()).as_bytes(), file].concat();
        if !files.iter().any(is_file) && !world.service.fails_saves {
            return Err(format!("a client was given {} bytes that are no file", reader.unread().len()));
        }
    }
    match world.service.saves() {
        0 => Ok(files.len()),
        kept => Err(format!("{kept} files are kept for nobody")),
    }
}

#[test]
fn snapshots_are_of_one_moment() {
    let whole = std::cell::Cell::new(0);
    seeds::each("snapshots_are_of_one_moment", 40, |seed| {
        whole.set(whole.get() + run(seed)?);
        Ok(())
    });
    assert!(whole.get() > 0, "some become whole");
}
