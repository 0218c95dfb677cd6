//! Transactions over several cores: all or nothing, isolated, and carried out exactly if nothing changed that their client watched.

use shard::ring::sim::SimOptions;

use super::accounts::{self, Game, Last, Pipeline, Scripts, Transfer, account, transaction};
use super::client::{Command, command};
use super::exact::settings;
use super::seeds;
use super::world::World;

/// A transaction that leaves an account as it is, and is a change all the same.
fn there_and_back(random: &mut fastrand::Rng, transfer: Transfer) -> Pipeline {
    let [from, ..] = transfer.keys();
    let both: [Command; 2] = match random.u8(..3) {
        0 => [command(["INCR", &from]), command(["DECR", &from])],
        1 => [command(["RENAME", &from, "elsewhere"]), command(["RENAME", "elsewhere", &from])],
        _ => [command(["PEXPIRE", &from, "100000"]), command(["PERSIST", &from])],
    };
    let transfer = Transfer { to: transfer.from, ..transfer };
    (transaction(both.into_iter().chain(transfer.raise())), Last::Replies { errors: 0 })
}

/// Commands that change no account.
fn nothing(random: &mut fastrand::Rng, transfer: Transfer) -> Pipeline {
    let [from, to, ..] = transfer.keys();
    match random.u8(..5) {
        0 => (vec![command(["SETNX", &from, "1"]), command(["PERSIST", &to])], Last::Fine),
        1 => (vec![command(["RENAMENX", &from, &account(0)]), command(["GET", &to])], Last::Fine),
        2 => (vec![command(["MULTI"]), command(["INCRBY", &from, "5"]), command(["DISCARD"])], Last::Fine),
        3 => {
            let refused = [command(["INCRBY", &from, "5"]), command(["INCRBY", &to])];
            (transaction(refused), Last::Error("EXECABORT"))
        }
        _ => {
            let other = [command(["SELECT", "1"]), command(["SET", &from, "1"]), command(["FLUSHDB"])];
            (other.into_iter().chain([command(["SELECT", "0"])]).collect(), Last::Fine)
        }
    }
}

/// A pipeline of transactions that need no answer before they are complete.
pub(super) fn alone(random: &mut fastrand::Rng) -> Pipeline {
    let transfer = Transfer::any(random);
    match random.u8(..8) {
        0 | 1 => there_and_back(random, transfer),
        2 | 3 => nothing(random, transfer),
        fails => {
            let [from, to, ..] = transfer.keys();
            let mut commands = vec![command(["DECRBY", &from, &transfer.amount.to_string()])];
            // A command that fails does not undo the others.
            let errors = usize::from(fails == 4);
            commands.extend((errors == 1).then(|| command(["LPUSH", &from, "x"])));
            commands.push(command(["INCRBY", &to, &transfer.amount.to_string()]));
            commands.extend(transfer.raise());
            (transaction(commands), Last::Replies { errors })
        }
    }
}

/// The world of a seed, and what it becomes.
pub(super) fn world(seed: u64) -> (World, SimOptions) {
    let cores = [2, 4, 3, 1][seed as usize % 4];
    let hostile = SimOptions { accept_error: 0, ..SimOptions::hostile() };
    let options = if seed.is_multiple_of(3) { SimOptions::calm() } else { hostile };
    (World::new(seed, cores, SimOptions::calm(), settings(seed)), options)
}

pub(super) fn run(seed: u64) -> Result<(), String> {
    let (world, options) = world(seed);
    let game = Game { options, first: Vec::new(), alone, pipelines: 250, scripts: Scripts::Short };
    let fates = accounts::play(world, game)?;
    // Otherwise nothing was tested.
    (fates.done > 0 && fates.failed > 0).then_some(()).ok_or_else(|| format!("{fates:?}"))
}

#[test]
fn transactions_are_whole_and_mind_what_was_watched() {
    seeds::each("transactions_are_whole_and_mind_what_was_watched", 100, run);
}
