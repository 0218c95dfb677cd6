//! Sums that must not change: money moved between accounts on all cores by transactions and scripts, clients that are killed in the
//! middle of it, and counters under optimistic locking.

use super::{FOUR, generator, operations, seed};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::thread;
use tests::client::{Client, Outcome, encode};
use tests::frame::Frame;
use tests::server::Server;

const ACCOUNTS: usize = 8;
const BALANCE: i64 = 1_000;
const WORKERS: usize = 6;

fn account(index: usize) -> String {
    format!("{{{index}}}account")
}

fn accounts() -> Vec<String> {
    (0..ACCOUNTS).map(account).collect()
}

fn open(server: &Server) {
    let pairs: String = accounts().iter().map(|name| format!(" {name} {BALANCE}")).collect();
    server.client().ok(&format!("MSET{pairs}"));
}

fn sum(reply: &Frame) -> i64 {
    let number =
        |item: &Frame| String::from_utf8_lossy(item.text().unwrap_or_default()).parse::<i64>().unwrap_or_default();
    reply.items().unwrap_or_else(|| panic!("balances: {reply}")).iter().map(number).sum()
}

fn check_sum(reply: &Frame) {
    assert_eq!(sum(reply), BALANCE * ACCOUNTS as i64, "money came or went: {reply}");
}

/// Reads all accounts by MGET, or by single GETs in one transaction.
fn audit(client: &mut Client, in_transaction: bool) {
    if !in_transaction {
        return check_sum(&client.ask(&format!("MGET {}", accounts().join(" "))));
    }
    client.ok("MULTI");
    for name in accounts() {
        assert_eq!(client.ask(&format!("GET {name}")), Frame::Simple(b"QUEUED".to_vec()));
    }
    check_sum(&client.ask("EXEC"));
}

/// Runs a transfer on each worker's connection, until all operations are done, with audits between.
fn transfers(test: &str, transfer: impl Fn(&mut Client, &mut fastrand::Rng) + Sync) {
    let (seed, rounds) = (seed(test), operations() / WORKERS);
    let server = Server::start(FOUR, &[]);
    open(&server);
    thread::scope(|scope| {
        for worker in 0..WORKERS {
            let (server, transfer) = (&server, &transfer);
            scope.spawn(move || {
                let mut random = generator(seed, worker);
                let mut client = server.client();
                for _ in 0..rounds {
                    if random.u8(0..4) == 0 {
                        audit(&mut client, random.bool());
                    } else {
                        transfer(&mut client, &mut random);
                    }
                }
            });
        }
    });
    audit(&mut server.client(), false);
}

fn pick(random: &mut fastrand::Rng) -> (String, String, i64) {
    let from = random.usize(0..ACCOUNTS);
    let to = (from + random.usize(1..ACCOUNTS)) % ACCOUNTS;
    (account(from), account(to), random.i64(1..50))
}

#[test]
fn transactions_conserve_the_sum() {
    transfers("transfers by MULTI", |client, random| {
        let (from, to, amount) = pick(random);
        client.ok("MULTI");
        drop(client.ask(&format!("DECRBY {from} {amount}")));
        drop(client.ask(&format!("INCRBY {to} {amount}")));
        let reply = client.ask("EXEC");
        assert_eq!(reply.items().map(<[Frame]>::len), Some(2), "{reply}");
    });
}

#[test]
fn scripts_conserve_the_sum() {
    const BODY: &str = "redis.call('DECRBY', FROM, ARGV[1]) return redis.call('INCRBY', TO, ARGV[1])";
    transfers("transfers by EVAL", |client, random| {
        let (from, to, amount) = pick(random);
        let amount = amount.to_string();
        let declared = BODY.replace("FROM", "KEYS[1]").replace("TO", "KEYS[2]");
        // The second key shows only after the first was written.
        let hidden = BODY.replace("FROM", "KEYS[1]").replace("TO", &format!("'{to}'"));
        let outcome = if random.bool() {
            client.call(&["EVAL", &declared, "2", &from, &to, &amount])
        } else {
            client.call(&["EVAL", &hidden, "1", &from, &amount])
        };
        let reply = outcome.expect("a script is answered").frame;
        assert!(reply.int().is_some(), "{reply}");
    });
}

#[test]
fn killed_clients_leave_whole_transactions_behind() {
    let killed = AtomicUsize::new(0);
    transfers("transfers by clients that are killed", |client, random| {
        let (from, to, amount) = pick(random);
        let amount = amount.to_string();
        let mut bytes = Vec::new();
        let commands: [&[&str]; 4] = [&["MULTI"], &["DECRBY", &from, &amount], &["INCRBY", &to, &amount], &["EXEC"]];
        commands.iter().for_each(|command| encode(command, &mut bytes));
        // A connection of its own, which sends a part or all of it and then goes, or is killed by the first connection.
        let mut victim = client.another();
        let id = victim.ask("CLIENT ID").int().expect("an id is a number");
        let sent = if random.bool() { bytes.len() } else { random.usize(0..bytes.len()) };
        let _ = victim.send_raw(&bytes[..sent]);
        match random.u8(0..3) {
            0 => drop(victim),
            1 => {
                // It may have gone by itself by then.
                drop(client.ask(&format!("CLIENT KILL ID {id}")));
                killed.fetch_add(1, Ordering::Relaxed);
            }
            _ if sent == bytes.len() => {
                (0..4).for_each(|_| drop(victim.read().expect("a whole transaction is answered")));
            }
            _ => drop(victim),
        }
    });
    println!("{} clients were killed", killed.load(Ordering::Relaxed));
}

#[test]
fn optimistic_increments_are_never_lost() {
    const COUNTERS: usize = 3;
    let (seed, rounds) = (seed("optimistic increments"), operations() / WORKERS);
    let server = Server::start(FOUR, &[]);
    let (done, refused) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicI64::new(0)));
    thread::scope(|scope| {
        for worker in 0..WORKERS {
            let (server, done, refused) = (&server, Arc::clone(&done), Arc::clone(&refused));
            scope.spawn(move || {
                let mut random = generator(seed, worker);
                let mut client = server.client();
                for _ in 0..rounds {
                    let name = account(random.usize(0..COUNTERS));
                    client.ok(&format!("WATCH {name}"));
                    let value = client.ask(&format!("GET {name}"));
                    let value: i64 = value
                        .text()
                        .map_or(0, |text| String::from_utf8_lossy(text).parse().expect("a counter is a number"));
                    client.ok("MULTI");
                    drop(client.ask(&format!("SET {name} {}", value + 1)));
                    let counter = if client.ask("EXEC").is_null() { &refused } else { &done };
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let names: Vec<String> = (0..COUNTERS).map(account).collect();
    let total = sum(&server.client().ask(&format!("MGET {}", names.join(" "))));
    let (done, refused) = (done.load(Ordering::Relaxed), refused.load(Ordering::Relaxed));
    println!("{done} increments, {refused} refused");
    assert_eq!(total, done, "increments were lost or doubled");
    // Alone nobody is refused.
    let mut client = server.client();
    client.ok(&format!("WATCH {}", names.join(" ")));
    client.ok("MULTI");
    drop(client.ask("PING"));
    assert!(!client.ask("EXEC").is_null(), "refused without a change");
}

#[test]
fn tokens_that_move_between_lists_are_conserved() {
    const TOKENS: usize = 12;
    let (seed, rounds) = (seed("tokens by BLMOVE"), operations() / WORKERS);
    let server = Server::start(FOUR, &[]);
    let list = |index: usize| format!("{{{index}}}tokens");
    for token in 0..TOKENS {
        drop(server.client().ask(&format!("RPUSH {} {token}", list(token % ACCOUNTS))));
    }
    thread::scope(|scope| {
        for worker in 0..WORKERS {
            let server = &server;
            scope.spawn(move || {
                let mut random = generator(seed, worker);
                let mut client = server.client();
                for _ in 0..rounds {
                    let (from, to) = (list(random.usize(0..ACCOUNTS)), list(random.usize(0..ACCOUNTS)));
                    let command = match random.u8(0..3) {
                        0 => format!("LMOVE {from} {to} LEFT RIGHT"),
                        1 => format!("BRPOPLPUSH {from} {to} 0.005"),
                        _ => format!("BLMOVE {from} {to} RIGHT LEFT 0.005"),
                    };
                    let outcome = client.call(&command.split(' ').collect::<Vec<_>>());
                    assert!(
                        matches!(&outcome, Outcome::Reply(reply) if !reply.frame.is_error()),
                        "{command}: {outcome:?}"
                    );
                }
            });
        }
    });
    let mut client = server.client();
    let mut left: Vec<String> = (0..ACCOUNTS)
        .flat_map(|index| {
            let tokens = client.ask(&format!("LRANGE {} 0 -1", list(index)));
            tokens.items().expect("a list").iter().map(ToString::to_string).collect::<Vec<_>>()
        })
        .collect();
    left.sort();
    left.dedup();
    assert_eq!(left.len(), TOKENS, "tokens came or went: {left:?}");
}
