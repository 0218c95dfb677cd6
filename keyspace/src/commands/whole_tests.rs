//! KEYS, DBSIZE, RANDOMKEY against redis-server 7.0.15, and over several keyspaces.

use std::collections::HashMap;

use super::*;
use crate::args::OwnedArgs;
use crate::commands::testing::{Desk, START, check, run_whole, stripe};
use crate::exec::Caller;
use crate::reply::Resp;
use crate::store::Keyspace;

#[test]
fn replies() {
    check(&[
        ("keys *", "*0"),
        ("dbsize", ":0"),
        ("randomkey", "$-1"),
        ("set abc 1", "+OK"),
        ("keys *", "*1 $3 abc"),
        ("keys a?c", "*1 $3 abc"),
        ("keys A*", "*0"),
        ("keys [^b]*", "*1 $3 abc"),
        ("keys \"\"", "*0"),
        ("randomkey", "$3 abc"),
        ("dbsize", ":1"),
        ("rename abc \"\"", "+OK"),
        ("keys *", "*1 $0 "),
        ("keys **", "*0"),
        ("keys \"\"", "*1 $0 "),
        ("@db 1", ""),
        ("keys *", "*0"),
        ("dbsize", ":0"),
        ("@hits", "0 0"),
        ("keys", "-ERR wrong number of arguments for 'keys' command"),
        ("keys a b", "-ERR wrong number of arguments for 'keys' command"),
        ("dbsize a", "-ERR wrong number of arguments for 'dbsize' command"),
        ("randomkey a", "-ERR wrong number of arguments for 'randomkey' command"),
        ("@resp 3", ""),
        ("randomkey", "_"),
    ]);
}

#[test]
fn what_has_expired() {
    check(&[
        ("set a 1 px 10", "+OK"),
        ("@later 11", ""),
        ("dbsize", ":1"),
        ("keys *", "*0"),
        ("dbsize", ":1"),
        ("randomkey", "$-1"),
        ("dbsize", ":0"),
    ]);
}

/// Keyspaces as cores have them, and one client.
struct Cores {
    keyspaces: Vec<Keyspace>,
    now: i64,
    paused: bool,
}

impl Cores {
    fn new(cores: usize) -> Cores {
        Cores { keyspaces: (0..cores).map(|_| Desk::new().keyspace).collect(), now: START.0, paused: false }
    }

    fn run(&mut self, line: &str) -> String {
        let owned: OwnedArgs = line.split(' ').collect();
        let caller = Caller { expiry_paused: self.paused, ..Caller::default() };
        let row = crate::commands::whole_rows();
        let mut row = row.filter(|row| row.spec.name.split('|').zip(line.split(' ')).all(|(name, word)| name == word));
        let cores = self.keyspaces.len();
        let owner = move |slot| stripe(slot, cores);
        let mut all: Vec<&mut Keyspace> = self.keyspaces.iter_mut().collect();
        let mut out = Vec::new();
        let now = evict::time::UnixMillis(self.now);
        let reply = &mut Reply::new(&mut out, Resp::V2);
        run_whole(row.next().unwrap(), &mut all, &owner, owned.args(), caller, now, reply);
        String::from_utf8(out).unwrap()
    }

    fn expire_all_but(&mut self, kept: &[u8]) {
        let db = self.keyspaces[0].db(0).unwrap();
        for keyspace in &mut self.keyspaces {
            let keys: Vec<Vec<u8>> = keyspace.entries(db).map(|entry| entry.key().to_vec()).collect();
            for key in keys.iter().filter(|key| *key != kept) {
                let key = keyspace.key(key);
                let place = keyspace.locate(db, &key).unwrap();
                let at = evict::time::UnixMillis(self.now + 1);
                keyspace.edit(db, key.slot, place, |entry| entry.set_deadline(Some(at)));
            }
        }
        self.now += 2;
    }
}

#[test]
fn every_key_is_with_its_owner_and_counted_once() {
    let mut cores = Cores::new(3);
    assert_eq!(cores.run("debug populate 1000"), "+OK\r\n");
    assert_eq!(cores.run("dbsize"), ":1000\r\n");
    assert_eq!(cores.run("debug populate 1200"), "+OK\r\n");
    assert_eq!(cores.run("dbsize"), ":1200\r\n");
    assert!(cores.run("keys key:*").starts_with("*1200\r\n"));
    assert!(cores.run("keys key:11??").starts_with("*100\r\n"));
    for (index, keyspace) in cores.keyspaces.iter().enumerate() {
        let keys: Vec<_> = keyspace.entries(keyspace.db(0).unwrap()).map(|entry| keyspace.key(entry.key())).collect();
        assert!(keys.len() > 300 && keys.iter().all(|key| stripe(key.slot, 3) == index));
    }
}

#[test]
fn random_keys_are_drawn_by_what_each_core_holds() {
    let mut cores = Cores::new(2);
    cores.run("debug populate 300");
    // The second core gets a few keys more of its own, the first many.
    let mut counts: HashMap<String, u32> = HashMap::new();
    (0..6_000).for_each(|_| *counts.entry(cores.run("randomkey")).or_default() += 1);
    assert!(counts.len() == 300 && counts.values().all(|&n| n < 60), "{} keys drawn", counts.len());
}

#[test]
fn the_only_live_key_is_found_among_expired_ones() {
    for paused in [false, true] {
        let mut cores = Cores::new(2);
        cores.run("debug populate 1000");
        cores.expire_all_but(b"key:7");
        cores.paused = paused;
        assert_eq!(cores.run("randomkey"), "$5\r\nkey:7\r\n");
        let left = cores.keyspaces.iter().map(|keyspace| keyspace.stats.expired_keys).sum::<u64>();
        assert!(if paused { left == 0 } else { (1..=16).contains(&left) }, "{left} removed");
        cores.expire_all_but(b"");
        assert_eq!(cores.run("randomkey"), "$-1\r\n");
        assert_eq!(cores.run("keys *"), "*0\r\n");
    }
}
