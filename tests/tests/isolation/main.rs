//! Transactions, WATCH, scripts, blocking pops and kills over four cores: a search for a serial order of short histories, and
//! invariants under load.
//!
//! `ISOLATION_OPERATIONS` is how many operations each load has (the long form is 1,000,000), `ISOLATION_SEED` plays a seed again that
//! a run printed.
#![forbid(unsafe_code)]

mod conserve;
mod pops;

use std::time::Instant;
use tests::client::Client;
use tests::frame::Frame;
use tests::history::clients::{Call, Declared, OneThread};
use tests::history::{Operation, explain, record};
use tests::server::{Kind, Server};

/// Four core loops, whatever this machine has.
const FOUR: Kind = Kind::Ashlar { cores: 4 };
/// Operations of each load, unless the environment says otherwise.
const OPERATIONS: u64 = 4_000;
/// Keys of the histories: few, so that clients meet.
const KEYS: usize = 4;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}

/// Operations of a load.
fn operations() -> usize {
    number("ISOLATION_OPERATIONS").unwrap_or(OPERATIONS) as usize
}

/// The seed of a test, which it prints.
fn seed(test: &str) -> u64 {
    let seed = number("ISOLATION_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("{test}: ISOLATION_SEED={seed}, {} operations", operations());
    seed
}

/// The generator of one of several clients.
fn generator(seed: u64, client: usize) -> fastrand::Rng {
    fastrand::Rng::with_seed(seed.wrapping_add(client as u64))
}

/// Makes the calls of one client.
struct Author {
    client: usize,
    random: fastrand::Rng,
    value: i64,
    scripts: bool,
}

impl Author {
    fn key(&mut self) -> usize {
        self.random.usize(0..KEYS)
    }

    fn keys(&mut self) -> Vec<usize> {
        let mut keys: Vec<usize> = (0..KEYS).collect();
        self.random.shuffle(&mut keys);
        keys.truncate(self.random.usize(1..=3));
        keys
    }

    fn plain(&mut self) -> Call {
        self.value += 1;
        match self.random.u8(0..12) {
            0 => Call::Set(self.key(), self.value),
            1..3 => Call::Get(self.key()),
            3..5 => Call::Incr(self.key()),
            5..7 => Call::Mset(self.keys(), self.value),
            7..9 => Call::Mget(self.keys()),
            9 => Call::Del(self.keys()),
            10 => Call::Rename(self.key(), self.key()),
            _ if self.random.u8(0..3) == 0 => Call::Flush,
            _ => Call::Get(self.key()),
        }
    }

    fn call(&mut self) -> Call {
        match self.random.u8(0..12) {
            0..4 => self.plain(),
            4..6 => Call::Watch(self.client, self.keys()),
            6 if self.random.bool() => Call::Unwatch(self.client),
            7 | 8 if self.scripts => {
                let declared = if self.random.bool() { Declared::All } else { Declared::None };
                Call::Script(self.keys(), declared)
            }
            _ => {
                let length = self.random.usize(0..5);
                Call::Exec(self.client, (0..length).map(|_| self.plain()).collect())
            }
        }
    }
}

/// Sends the commands of a call at once; the last reply.
fn perform(client: &mut Client, call: &Call) -> Frame {
    let commands: Vec<Vec<Vec<u8>>> =
        call.commands().into_iter().map(|command| command.into_iter().map(String::into_bytes).collect()).collect();
    let replies = client.pipeline(&commands).into_iter().map(|outcome| outcome.expect("a command is answered").frame);
    let mut replies: Vec<Frame> = replies.collect();
    replies.pop().expect("a call has a command")
}

fn check_histories(test: &str, clients: usize, length: usize, scripts: bool) {
    let seed = seed(test);
    let server = Server::start(FOUR, &[]);
    let mut connections: Vec<Client> = (0..clients).map(|_| server.client()).collect();
    let start = Instant::now();
    let rounds = operations().div_ceil(clients * length);
    let mut aborted = 0;
    for round in 0..rounds {
        for connection in &mut connections {
            connection.ok("UNWATCH");
        }
        connections[0].ok("FLUSHALL");
        let write = |client: usize| -> Vec<Call> {
            let random = generator(seed, round * clients + client);
            let mut author = Author { client, random, value: 1000 * client as i64, scripts };
            (0..length).map(|_| author.call()).collect()
        };
        let calls = (0..clients).map(write).collect();
        let history = record::<OneThread, _>(&mut connections, calls, start, perform);
        aborted += history.iter().filter(|operation| operation.answer == Frame::NullArray).count();
        if explain(&history).is_none() {
            let lines = history.iter().map(|operation| {
                let Operation { call, answer, sent, ended } = operation;
                format!("{sent:>12} {ended:>12} {call:?} -> {answer}\n")
            });
            panic!("seed {seed}, round {round}: no serial order explains\n{}", lines.collect::<String>());
        }
    }
    println!("{test}: {rounds} histories, {aborted} transactions gave up for a watched key");
    assert!(rounds < 50 || aborted > 0, "no transaction met a change: the load is too thin");
}

#[test]
fn transactions_of_four_clients_have_a_serial_order() {
    check_histories("transactions of 4", 4, 7, false);
}

#[test]
fn transactions_of_eight_clients_have_a_serial_order() {
    check_histories("transactions of 8", 8, 4, false);
}

#[test]
fn transactions_and_scripts_have_a_serial_order() {
    check_histories("transactions and scripts", 5, 5, true);
}
