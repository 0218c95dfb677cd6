//! A key and its deadline live and die together, whatever commands come: `expire-evict.md` §3.3 against a model.
#![allow(non_snake_case)]

use proptest::prelude::*;

use crate::commands::testing::{Desk, START};

const DATABASES: usize = 2;
const KEYS: [&str; 3] = ["a", "b", "{a}c"];

/// What a key holds: a number, or a list of so many items.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Value {
    Number,
    List(u32),
}

/// A value and its deadline, in milliseconds since the test began.
type Held = (Value, Option<i64>);

/// What the databases should hold.
#[derive(Default)]
struct Model {
    keys: [[Option<Held>; KEYS.len()]; DATABASES],
    now: i64,
}

impl Model {
    /// What a command that writes a number, if there is one or nothing, leaves: the deadline as `rule` says, given the one there was.
    fn number(&mut self, db: usize, key: usize, rule: impl FnOnce(Option<i64>) -> Option<i64>) {
        let held = &mut self.keys[db][key];
        match *held {
            Some((Value::List(_), _)) => {}
            Some((Value::Number, before)) => *held = Some((Value::Number, rule(before))),
            None => *held = Some((Value::Number, rule(None))),
        }
    }

    /// Carries out a step here and says what command does it there.
    fn step(&mut self, what: u8, db: usize, key: usize, to: usize, time: i64) -> String {
        let (name, later) = (KEYS[key], Some(self.now + time));
        let held = self.keys[db][key];
        match what {
            0 => {
                self.keys[db][key] = Some((Value::Number, None));
                format!("set {name} 1")
            }
            1 => {
                self.keys[db][key] = Some((Value::Number, later));
                format!("set {name} 1 px {time}")
            }
            2 => {
                self.keys[db][key] = Some((Value::Number, held.and_then(|(_, deadline)| deadline)));
                format!("set {name} 1 keepttl")
            }
            3 => {
                self.number(db, key, |_| None);
                format!("getset {name} 1")
            }
            4 => {
                self.number(db, key, |before| before);
                ["incr {}", "setrange {} 0 5"][to % 2].replace("{}", name)
            }
            5 => {
                match &mut self.keys[db][key] {
                    Some((Value::List(items), _)) => *items += 1,
                    Some(_) => {}
                    none => *none = Some((Value::List(1), None)),
                }
                format!("rpush {name} x")
            }
            6 => {
                match &mut self.keys[db][key] {
                    Some((Value::List(1), _)) => self.keys[db][key] = None,
                    Some((Value::List(items), _)) => *items -= 1,
                    _ => {}
                }
                format!("lpop {name}")
            }
            _ => self.move_or_time(what, db, key, to, time),
        }
    }

    /// The steps that leave values as they are.
    fn move_or_time(&mut self, what: u8, db: usize, key: usize, to: usize, time: i64) -> String {
        let (name, other, later) = (KEYS[key], KEYS[to], Some(self.now + time));
        let held = self.keys[db][key];
        match what {
            7 => {
                self.keys[db][key] = held.map(|(value, _)| (value, later));
                format!("pexpire {name} {time}")
            }
            8 => {
                self.keys[db][key] = held.map(|(value, _)| (value, None));
                format!("persist {name}")
            }
            9 => {
                if held.is_some() {
                    self.keys[db][key] = None;
                    self.keys[db][to] = held;
                }
                format!("rename {name} {other}")
            }
            10 | 11 => {
                let replaces = what == 11;
                if held.is_some() && key != to && (replaces || self.keys[db][to].is_none()) {
                    self.keys[db][to] = held;
                }
                format!("copy {name} {other}{}", if replaces { " replace" } else { "" })
            }
            12 => {
                if held.is_some() && self.keys[1 - db][key].is_none() {
                    self.keys[db][key] = None;
                    self.keys[1 - db][key] = held;
                }
                format!("move {name} {}", 1 - db)
            }
            13 => {
                match held {
                    Some((Value::List(items), _)) => self.keys[db][to] = Some((Value::List(items), None)),
                    Some(_) => {}
                    None => self.keys[db][to] = None,
                }
                format!("sort {name} alpha store {other}")
            }
            _ => {
                self.keys[db][key] = None;
                format!("del {name}")
            }
        }
    }

    fn wait(&mut self, time: i64) {
        self.now += time;
        let is_due = |held: &Option<Held>| held.is_some_and(|(_, deadline)| deadline.is_some_and(|at| at <= self.now));
        self.keys.iter_mut().flatten().filter(|held| is_due(held)).for_each(|held| *held = None);
    }
}

/// Removes all that is due.
fn expire_all(desk: &mut Desk) {
    for number in 0..DATABASES {
        let (db, now) = (desk.db(number), desk.now);
        while let Some(slot) = desk.keyspace.due_slot(db, crate::slot::Slot::FIRST, now) {
            desk.keyspace.expire_in(db, slot, now, 2, 2);
        }
    }
}

fn check(desk: &Desk, model: &Model, line: &str) {
    for (number, expected) in model.keys.iter().enumerate() {
        let db = desk.db(number);
        for (name, held) in KEYS.iter().zip(expected) {
            let key = desk.keyspace.key(name.as_bytes());
            let place = desk.keyspace.locate(db, &key);
            let deadline = place.map(|place| desk.keyspace.at(db, key.slot, place).deadline().map(|at| at.0 - START.0));
            assert_eq!(deadline, held.map(|(_, deadline)| deadline), "{name} in {number} after {line}");
        }
        let volatile = expected.iter().flatten().filter(|(_, deadline)| deadline.is_some()).count() as u64;
        let totals = desk.keyspace.totals(db);
        assert_eq!((totals.keys, totals.volatile), (expected.iter().flatten().count() as u64, volatile), "{line}");
        let due = desk.keyspace.next_due(db);
        let earliest = expected.iter().flatten().filter_map(|(_, deadline)| *deadline).min();
        assert!(earliest.is_none_or(|at| due.is_some_and(|due| due.0 - START.0 <= at)), "{line}: found when it is due");
    }
}

proptest! {
    #[test]
    fn FR_P2C_008_U008_a_key_and_its_deadline_live_and_die_together(
        steps in proptest::collection::vec((0..18u8, 0..DATABASES, 0..KEYS.len(), 0..KEYS.len(), 1..300i64), 0..400),
    ) {
        let (mut desk, mut model) = (Desk::new(), Model::default());
        for (what, db, key, to, time) in steps {
            let line = match what {
                15 => {
                    desk.keyspace.swap_databases(0, 1);
                    model.keys.swap(0, 1);
                    "swapdb 0 1".to_owned()
                }
                16 => {
                    desk.now.0 += time / 10;
                    model.wait(time / 10);
                    expire_all(&mut desk);
                    format!("{} ms later", time / 10)
                }
                _ => {
                    desk.caller.db = db as u16;
                    let line = model.step(what, db, key, to, time);
                    desk.run(&line);
                    line
                }
            };
            check(&desk, &model, &line);
        }
    }
}
