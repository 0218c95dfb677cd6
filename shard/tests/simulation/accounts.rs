//! Accounts on all cores, between which transactions and scripts move amounts: what holds whoever moves and whoever breaks off.
//!
//! Each account has a version, which whatever changes the account raises in the same transaction or script, and the number of raised
//! versions is counted beside. So whoever reads the accounts together finds the same sum, the versions sum up to their number, and a client
//! that watched accounts knows from their versions whether its EXEC had to be carried out, even if an amount is what it was before.

use shard::ring::sim::SimOptions;

use super::client::{Client, Command, command, rest, settle};
use super::log::check_all;
use super::resp::Value;
use super::world::World;

/// Accounts.
const ACCOUNTS: usize = 7;

/// What each begins with.
const AMOUNT: i64 = 1000;

/// How many versions were raised.
const RAISED: &str = "raised";

pub(super) fn account(index: usize) -> String {
    format!("account:{index}")
}

pub(super) fn version(index: usize) -> String {
    format!("version:{index}")
}

fn all(name: fn(usize) -> String) -> Command {
    command(std::iter::once("MGET".to_owned()).chain((0..ACCOUNTS).map(name)))
}

fn number(value: &Value) -> Result<i64, String> {
    match value {
        Value::Int(number) => Ok(*number),
        Value::Bulk(bytes) => String::from_utf8_lossy(bytes).parse().map_err(|_| format!("{value:?} is no number")),
        Value::Nil => Ok(0),
        _ => Err(format!("{value:?} is no number")),
    }
}

fn sum(values: &Value) -> Result<i64, String> {
    let Value::Array(values) = values else { return Err(format!("{values:?} instead of numbers")) };
    values.iter().map(number).sum()
}

/// An amount that goes from one account to another, or back to the same.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transfer {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) amount: i64,
}

impl Transfer {
    pub(super) fn any(random: &mut fastrand::Rng) -> Transfer {
        Transfer { from: random.usize(..ACCOUNTS), to: random.usize(..ACCOUNTS), amount: random.i64(1..50) }
    }

    /// Both accounts, both versions, and the number of raised versions.
    pub(super) fn keys(self) -> [String; 5] {
        [account(self.from), account(self.to), version(self.from), version(self.to), RAISED.to_owned()]
    }

    /// Raises the versions of both accounts.
    pub(super) fn raise(self) -> [Command; 3] {
        [command(["INCR", &version(self.from)]), command(["INCR", &version(self.to)]), command(["INCRBY", RAISED, "2"])]
    }

    fn versions(self) -> Command {
        command(["MGET", &version(self.from), &version(self.to)])
    }
}

/// MULTI, these commands, EXEC.
pub(super) fn transaction(commands: impl IntoIterator<Item = Command>) -> Vec<Command> {
    let mut made = vec![command(["MULTI"])];
    made.extend(commands);
    made.push(command(["EXEC"]));
    made
}

/// What the last reply to a pipeline must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    /// Whatever it is.
    Any,
    /// Not an error.
    Fine,
    /// This many replies of a transaction, of which those of commands that fail are errors: so many.
    Replies {
        errors: usize,
    },
    /// An error that begins so.
    Error(&'static str),
    /// The sum of all accounts.
    Sum,
    /// The accounts; likewise as the only reply of a transaction.
    Amounts,
    AmountsOfExec,
}

/// What a client waits for.
enum Doing {
    Nothing,
    /// The replies to one of the pipelines that stand alone.
    Alone(Last),
    /// The versions, WATCH, amounts and versions.
    Looks(Transfer),
    /// An EXEC that may fail. The versions before and after WATCH.
    Tries {
        transfer: Transfer,
        before: Value,
        watched: Value,
    },
    /// After an EXEC that failed: versions that differ from these.
    Explains(Value),
}

/// One pipeline, and what its last reply must be.
pub(super) type Pipeline = (Vec<Command>, Last);

/// How long scripts take.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scripts {
    /// Nobody hears of them.
    Short,
    /// Others are refused, and some are killed.
    Long,
}

/// What is played.
pub(super) struct Game {
    /// What a calm world becomes.
    pub(super) options: SimOptions,
    /// What one client sends before the others come.
    pub(super) first: Vec<Command>,
    /// Makes pipelines that need no answer before they are complete.
    pub(super) alone: fn(&mut fastrand::Rng) -> Pipeline,
    /// Pipelines that are sent.
    pub(super) pipelines: usize,
    /// The scripts among them.
    pub(super) scripts: Scripts,
}

/// What happened to clients.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fates {
    /// EXEC of watchers that were carried out.
    pub(super) done: usize,
    /// EXEC of watchers that failed.
    pub(super) failed: usize,
    /// Pipelines that were refused for a script that takes long.
    pub(super) refused: usize,
    /// Scripts that were killed.
    pub(super) killed: usize,
}

/// A run.
struct Play {
    game: Game,
    doing: Vec<Doing>,
    fates: Fates,
}

impl Play {
    fn next(&mut self, index: usize, world: &mut World, client: &mut Client) {
        let random = &mut world.random;
        self.game.pipelines = self.game.pipelines.saturating_sub(1);
        let (commands, doing) = match random.u8(..8) {
            0..3 => {
                let transfer = Transfer::any(random);
                let [from, to, first, second, _] = transfer.keys();
                let read = command(["MGET", &from, &to, &first, &second]);
                (vec![transfer.versions(), command(["WATCH", &from, &to]), read], Doing::Looks(transfer))
            }
            3 => match random.u8(..3) {
                0 => (vec![all(account)], Doing::Alone(Last::Amounts)),
                1 => (transaction([all(account)]), Doing::Alone(Last::AmountsOfExec)),
                _ => {
                    let some = [command(["DBSIZE"]), all(account)];
                    (transaction(some), Doing::Alone(Last::AmountsOfExec))
                }
            },
            _ => {
                let (commands, last) = (self.game.alone)(random);
                (commands, Doing::Alone(last))
            }
        };
        client.send(&commands);
        self.doing[index] = doing;
    }

    /// Judges the replies to a pipeline. Says what the client sends next, if that follows from them.
    fn heard(&mut self, index: usize, replies: Vec<Value>, random: &mut fastrand::Rng) -> Result<Vec<Command>, String> {
        let last = replies.last().ok_or("no replies")?;
        if self.game.scripts == Scripts::Long && replies.iter().any(is_refused) {
            // Perhaps it watches only some of its keys.
            self.fates.refused += 1;
            self.doing[index] = Doing::Alone(Last::Fine);
            return Ok(vec![command(["UNWATCH"])]);
        }
        if self.game.scripts == Scripts::Long && replies.iter().any(is_killed) {
            self.fates.killed += 1;
            self.doing[index] = Doing::Nothing;
            return Ok(Vec::new());
        }
        match std::mem::replace(&mut self.doing[index], Doing::Nothing) {
            Doing::Nothing => return Err(format!("{replies:?} for nothing")),
            Doing::Alone(expected) => judge(expected, last).map_err(|error| format!("{error} after {replies:?}"))?,
            Doing::Looks(transfer) => {
                let (Value::Array(read), true) = (last, replies[1] == Value::ok()) else {
                    return Err(format!("a watcher reads {replies:?}"));
                };
                let watched = Value::Array(read[2..].to_vec());
                let before = replies[0].clone();
                let commands = self.attempt(transfer, read, random)?;
                self.doing[index] = Doing::Tries { transfer, before, watched };
                return Ok(commands);
            }
            Doing::Tries { transfer, before, watched } => match last {
                Value::Array(done) if done[0] == watched => self.fates.done += 1,
                // UNWATCH came before.
                Value::Array(_) if replies.len() == 4 => {}
                Value::Nil => {
                    self.fates.failed += 1;
                    self.doing[index] = Doing::Explains(before);
                    return Ok(vec![transfer.versions()]);
                }
                _ => return Err(format!("EXEC after WATCH at {watched:?} replies {last:?}")),
            },
            Doing::Explains(before) if *last == before => {
                return Err(format!("EXEC failed though the versions are {before:?} as before WATCH"));
            }
            Doing::Explains(_) => {}
        }
        Ok(Vec::new())
    }

    /// What a client does that watches both accounts and has read them.
    fn attempt(
        &mut self,
        transfer: Transfer,
        read: &[Value],
        random: &mut fastrand::Rng,
    ) -> Result<Vec<Command>, String> {
        if random.u8(..8) == 0 {
            let alone = transaction([transfer.versions()]);
            return Ok(std::iter::once(command(["UNWATCH"])).chain(alone).collect());
        }
        let mut amounts = [number(&read[0])?, number(&read[1])?];
        if transfer.from != transfer.to {
            amounts = [amounts[0] - transfer.amount, amounts[1] + transfer.amount];
        }
        let [from, to, ..] = transfer.keys();
        let mut commands = vec![transfer.versions()];
        if random.u8(..4) > 0 {
            commands.push(command(["SET", &from, &amounts[0].to_string()]));
            commands.push(command(["SET", &to, &amounts[1].to_string()]));
            commands.extend(transfer.raise());
        }
        Ok(transaction(commands))
    }
}

/// True of the reply to a command that a script keeps from its slots.
fn is_refused(reply: &Value) -> bool {
    matches!(reply, Value::Error(text) if text.contains("BUSY Redis is busy running a script"))
}

/// True of the reply to a script that was killed, or a transaction with one.
fn is_killed(reply: &Value) -> bool {
    match reply {
        Value::Error(text) => text.contains("killed by user"),
        Value::Array(replies) => replies.iter().any(is_killed),
        _ => false,
    }
}

fn judge(expected: Last, last: &Value) -> Result<(), String> {
    let total = AMOUNT * ACCOUNTS as i64;
    let is_error = |value: &Value| matches!(value, Value::Error(_));
    let right = match (expected, last) {
        (Last::Any, _) => true,
        (Last::Fine, last) => !is_error(last),
        (Last::Replies { errors }, Value::Array(replies)) => {
            replies.iter().filter(|reply| is_error(reply)).count() == errors
        }
        (Last::Error(begins), Value::Error(text)) => text.starts_with(begins),
        (Last::Sum, sum) => number(sum)? == total,
        (Last::Amounts, amounts) => sum(amounts)? == total,
        (Last::AmountsOfExec, Value::Array(replies)) => sum(replies.last().ok_or("an empty EXEC")?)? == total,
        _ => false,
    };
    right.then_some(()).ok_or_else(|| format!("{last:?} where {expected:?} is due"))
}

/// Lets clients send one pipeline after the other, over new connections where one broke or was broken off.
fn load(world: &mut World, clients: &mut [Client], play: &mut Play) -> Result<(), String> {
    while play.game.pipelines > 0 {
        for (index, client) in clients.iter_mut().enumerate() {
            if client.is_ended() {
                *client = Client::connect(world);
            }
            if client.owed == 0 {
                play.next(index, world, client);
            }
        }
        let mut wrong = Ok(());
        settle(world, clients, |world, index, client, _| {
            if world.random.u8(..) == 0 {
                return client.reset();
            }
            if client.owed > 0 || wrong.is_err() {
                return;
            }
            let replies: Vec<Value> = client.replies.drain(..).collect();
            match play.heard(index, replies, &mut world.random) {
                Err(error) => wrong = Err(format!("client {index}: {error}")),
                Ok(commands) if !commands.is_empty() => client.send(&commands),
                Ok(_) if play.game.pipelines > 0 => play.next(index, world, client),
                Ok(_) => {}
            }
        })?;
        wrong?;
    }
    Ok(())
}

/// Plays.
pub(super) fn play(mut world: World, game: Game) -> Result<Fates, String> {
    const CLIENTS: usize = 8;
    let mut one = [Client::connect(&mut world)];
    let amounts = (0..ACCOUNTS).flat_map(|index| [account(index), AMOUNT.to_string()]);
    one[0].send(&[command(std::iter::once("MSET".to_owned()).chain(amounts))]);
    one[0].send(&game.first);
    settle(&mut world, &mut one, |_, _, _, _| {})?;
    if let Some(Value::Error(text)) = one[0].replies.back() {
        return Err(text.clone());
    }
    world.net.set_options(game.options.clone());
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| Client::connect(&mut world)).collect();
    let doing = (0..CLIENTS).map(|_| Doing::Nothing).collect();
    let mut play = Play { game, doing, fates: Fates::default() };
    load(&mut world, &mut clients, &mut play)?;
    world.net.set_options(SimOptions::calm());
    drop(clients);
    // The first one's connection may be broken.
    one[0] = Client::connect(&mut world);
    rest(&mut world, &mut one)?;
    one[0].send(&[all(account), all(version), command(["GET", RAISED])]);
    settle(&mut world, &mut one, |_, _, _, _| {})?;
    let replies: Vec<Value> = one[0].replies.drain(..).collect();
    judge(Last::Amounts, &replies[0])?;
    if sum(&replies[1])? != number(&replies[2])? {
        return Err(format!("versions and their number: {:?}", &replies[1..]));
    }
    drop(one);
    rest(&mut world, &mut [])?;
    world.check_over()?;
    check_all(&world)?;
    Ok(play.fates)
}
