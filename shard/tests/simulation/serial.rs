//! Clients at once: for each short history there is a serial order that explains every reply and respects real time and, within a
//! connection, the order that `spec/cores.md` §5 promises.

use std::collections::HashSet;

use keyspace::args::OwnedArgs;
use keyspace::slot::Slot;
use shard::mesh::CoreId;
use shard::ring::sim::SimOptions;
use shard::route::SlotMap;
use shard::settings::PipelineOrder;

use super::client::{Client, Command, command, rest, settle};
use super::exact::settings;
use super::model::Model;
use super::program::{self, KEYS};
use super::resp::Value;
use super::seeds;
use super::world::World;

/// One command of a history.
struct Op {
    command: Command,
    reply: Option<Value>,
    /// When it was sent and its reply read, in polls.
    sent: u64,
    heard: u64,
    /// The core that its keys lead to; `None` for what is a barrier.
    core: Option<CoreId>,
}

/// Where a command is routed; `None` if it is a barrier. Strict order makes every command one.
fn route(command: &Command, map: &SlotMap, strict: bool) -> Option<CoreId> {
    let table = shard::command::table();
    let row = table.find(&command[0])?;
    let shard::command::Run::Data(_) = row.run else { return None };
    let args: OwnedArgs = command.iter().collect();
    let slots: Vec<Slot> = row.spec.keys_of(args.args()).map(Slot::of).collect();
    let one = slots.first().filter(|first| map.cores() == 1 || slots.iter().all(|slot| slot == *first))?;
    (!strict).then(|| map.owner(*one))
}

/// A history: what each client did.
type History = Vec<Vec<Op>>;

/// The commands of `ops` that may be next: not done, with nothing undone before them that they must follow.
fn next(ops: &[Op], done: u64) -> impl Iterator<Item = usize> + '_ {
    (0..ops.len()).filter(move |&index| {
        let op = &ops[index];
        let follows = |earlier: &Op| op.core.is_none() || earlier.core.is_none() || op.core == earlier.core;
        done & 1 << index == 0 && !(0..index).any(|before| done & 1 << before == 0 && follows(&ops[before]))
    })
}

/// Searches a serial order. True if there is one.
fn explain(history: &History, done: &mut Vec<u64>, model: &Model, seen: &mut HashSet<(Vec<u64>, Model)>) -> bool {
    let all = |client: usize| done[client] == (1 << history[client].len()) - 1;
    if (0..history.len()).all(all) {
        return true;
    }
    if !seen.insert((done.clone(), model.clone())) {
        return false;
    }
    let undone = |client: usize| (0..history[client].len()).filter(move |index| client < 64 && *index < 64);
    let mut first_heard = u64::MAX;
    for client in 0..history.len() {
        for index in undone(client).filter(|index| done[client] & 1 << index == 0) {
            first_heard = first_heard.min(history[client][index].heard);
        }
    }
    for client in 0..history.len() {
        let able: Vec<usize> = next(&history[client], done[client]).collect();
        for index in able {
            let op = &history[client][index];
            if op.sent > first_heard {
                continue;
            }
            let mut after = model.clone();
            let expected = after.apply(client, &op.command);
            if op.reply.as_ref().is_some_and(|reply| !expected.accepts(reply)) {
                continue;
            }
            done[client] |= 1 << index;
            if explain(history, done, &after, seen) {
                return true;
            }
            done[client] &= !(1 << index);
        }
    }
    false
}

/// Lets the clients send their programs in pipelines, and notes what they hear.
fn record(
    world: &mut World,
    clients: &mut [Client],
    programs: Vec<Vec<Command>>,
    strict: bool,
) -> Result<History, String> {
    let map = SlotMap::striped(world.cores());
    let mut history: History = clients.iter().map(|_| Vec::new()).collect();
    let mut clock = 0;
    let mut programs: Vec<_> = programs.into_iter().map(Vec::into_iter).collect();
    let mut more = |world: &mut World, client: &mut Client, ops: &mut Vec<Op>, index: usize, clock: u64| {
        let length = world.random.usize(1..4);
        let sent: Vec<Command> = programs[index].by_ref().take(length).collect();
        client.send(&sent);
        let op = |command: Command| Op {
            core: route(&command, &map, strict),
            command,
            reply: None,
            sent: clock,
            heard: u64::MAX,
        };
        ops.extend(sent.into_iter().map(op));
    };
    for (index, client) in clients.iter_mut().enumerate() {
        more(world, client, &mut history[index], index, clock);
    }
    settle(world, clients, |world, index, client, _| {
        clock += 1;
        let ops = &mut history[index];
        for op in ops.iter_mut().filter(|op| op.reply.is_none()) {
            let Some(reply) = client.replies.pop_front() else { break };
            (op.reply, op.heard) = (Some(reply), clock);
        }
        clock += 1;
        if client.owed == 0 {
            more(world, client, ops, index, clock);
        }
    })?;
    Ok(history)
}

fn text(history: &History) -> String {
    let mut text = String::new();
    for (client, ops) in history.iter().enumerate() {
        for op in ops {
            let words: Vec<_> = op.command.iter().map(|arg| String::from_utf8_lossy(arg)).collect();
            text +=
                &format!("\n  client {client} {}..{} {:?}: {words:?} -> {:?}", op.sent, op.heard, op.core, op.reply);
        }
    }
    text
}

pub(super) fn run(seed: u64) -> Result<(), String> {
    const CLIENTS: usize = 4;
    const ROUNDS: usize = 12;
    let cores = [2, 4, 2, 4, 1][seed as usize % 5];
    let options = if seed.is_multiple_of(3) { SimOptions::calm() } else { SimOptions::rough() };
    let settings = settings(seed);
    let strict = settings.pipeline_order == PipelineOrder::Strict;
    let mut world = World::new(seed, cores, options, settings);
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| Client::connect(&mut world)).collect();
    for round in 0..ROUNDS {
        let random = &mut world.random;
        let any = if seed.is_multiple_of(4) { program::crowded } else { program::any };
        let mut program = |_| (0..random.usize(2..7)).map(|_| any(random)).collect();
        let programs: Vec<Vec<Command>> = (0..CLIENTS).map(&mut program).collect();
        let mut history = record(&mut world, &mut clients, programs, strict)?;
        // What is left tells what was done, and the next round begins with nothing.
        let mut ending = Vec::new();
        for db in ["0", "1", "2"] {
            ending.push(command(["SELECT", db]));
            ending.push(command(["MGET"].iter().chain(&KEYS)));
        }
        ending.extend([command(["SELECT", "0"]), command(["FLUSHALL"])]);
        let mut last = record_all(&mut world, &mut clients, &ending)?;
        for (ops, tail) in history.iter_mut().zip(&mut last) {
            ops.append(tail);
        }
        if !explain(&history, &mut vec![0; CLIENTS], &Model::new(CLIENTS), &mut HashSet::new()) {
            return Err(format!("round {round}: no serial order explains{}", text(&history)));
        }
    }
    rest(&mut world, &mut clients)
}

/// Every client in turn, alone, does the same; after everything before.
fn record_all(world: &mut World, clients: &mut [Client], commands: &[Command]) -> Result<History, String> {
    let mut history: History = clients.iter().map(|_| Vec::new()).collect();
    for index in 0..clients.len() {
        clients[index].send(commands);
        settle(world, clients, |_, _, _, _| {})?;
        // Times count on from any history: each client's commands come after the client's before.
        let at = u64::MAX / 2 + index as u64;
        for command in commands {
            let reply = clients[index].replies.pop_front();
            history[index].push(Op { command: command.clone(), reply, sent: at, heard: at, core: None });
        }
    }
    Ok(history)
}

#[test]
fn clients_at_once_see_a_serial_order() {
    seeds::each("clients_at_once_see_a_serial_order", 400, run);
}
