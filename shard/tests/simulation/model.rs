//! What a single-threaded server without deadlines would answer.

use std::collections::BTreeMap;

use super::client::Command;
use super::resp::Value;

/// Databases that programs use.
pub(crate) const DATABASES: usize = 3;

/// What may be answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Expected {
    /// This.
    Exactly(Value),
    /// These elements in any order.
    AnyOrder(Vec<Vec<u8>>),
    /// One of these.
    OneOf(Vec<Vec<u8>>),
}

impl Expected {
    /// Whether `value` is such an answer.
    pub(crate) fn accepts(&self, value: &Value) -> bool {
        match (self, value) {
            (Expected::Exactly(expected), value) => expected == value,
            (Expected::AnyOrder(expected), Value::Array(items)) => {
                let bulk = |item: &Value| if let Value::Bulk(bytes) = item { Some(bytes.clone()) } else { None };
                let mut found: Vec<_> = items.iter().filter_map(bulk).collect();
                found.sort();
                found.len() == items.len() && found == *expected
            }
            (Expected::OneOf(keys), Value::Bulk(key)) => keys.contains(key),
            _ => false,
        }
    }
}

impl From<Value> for Expected {
    fn from(value: Value) -> Self {
        Expected::Exactly(value)
    }
}

type Database = BTreeMap<Vec<u8>, Vec<u8>>;

/// The data and each client's database.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Model {
    databases: Vec<Database>,
    selected: Vec<usize>,
}

fn error(text: &str) -> Value {
    Value::Error(text.into())
}

fn stored(value: Option<&Vec<u8>>) -> Value {
    value.map_or(Value::Nil, Value::bulk)
}

fn word(command: &Command, index: usize) -> String {
    command.get(index).map_or(String::new(), |arg| String::from_utf8_lossy(arg).to_ascii_lowercase())
}

/// An integer as commands accept it: no sign but a minus, no leading zero.
fn integer(bytes: &[u8]) -> Option<i64> {
    let number: i64 = std::str::from_utf8(bytes).ok()?.parse().ok()?;
    (number.to_string().as_bytes() == bytes).then_some(number)
}

impl Model {
    /// Empty data and this many clients.
    pub(crate) fn new(clients: usize) -> Model {
        Model { databases: vec![Database::new(); DATABASES], selected: vec![0; clients] }
    }

    fn db(&mut self, client: usize) -> &mut Database {
        &mut self.databases[self.selected[client]]
    }

    /// Carries out a client's command.
    pub(crate) fn apply(&mut self, client: usize, command: &Command) -> Expected {
        let name = word(command, 0);
        match name.as_str() {
            "ping" => Value::Simple("PONG".into()).into(),
            "echo" => Value::bulk(&command[1]).into(),
            "client" => Value::ok().into(),
            "select" => {
                let number: usize = word(command, 1).parse().expect("programs select what exists");
                self.selected[client] = number;
                Value::ok().into()
            }
            "get" | "set" | "setnx" | "getset" | "getdel" | "append" | "strlen" => self.string(client, command).into(),
            "incr" => self.add(client, &command[1], 1).into(),
            "incrby" => self.add(client, &command[1], integer(&command[2]).expect("programs add numbers")).into(),
            "mset" | "msetnx" | "mget" => self.many(client, command).into(),
            "del" | "unlink" | "exists" | "touch" | "type" => self.keys(client, command).into(),
            "rename" | "renamenx" | "copy" | "move" => self.transfer(client, command).into(),
            "nonsense" => error("ERR unknown command 'nonsense', with args beginning with: ").into(),
            "flushall" | "flushdb" | "swapdb" | "dbsize" | "keys" | "randomkey" => self.whole(client, command),
            _ => panic!("the model does not know {name}"),
        }
    }

    fn string(&mut self, client: usize, command: &Command) -> Value {
        let (db, key) = (self.db(client), &command[1]);
        match word(command, 0).as_str() {
            "get" => stored(db.get(key)),
            "getdel" => stored(db.remove(key).as_ref()),
            "getset" => stored(db.insert(key.clone(), command[2].clone()).as_ref()),
            "strlen" => Value::Int(db.get(key).map_or(0, Vec::len) as i64),
            "append" => {
                let value = db.entry(key.clone()).or_default();
                value.extend_from_slice(&command[2]);
                Value::Int(value.len() as i64)
            }
            "setnx" => {
                let free = !db.contains_key(key);
                db.entry(key.clone()).or_insert_with(|| command[2].clone());
                Value::Int(free.into())
            }
            _ => {
                let options: Vec<String> = (3..command.len()).map(|index| word(command, index)).collect();
                let has = |option: &str| options.iter().any(|found| found == option);
                let old = db.get(key).cloned();
                let barred = has("nx") && old.is_some() || has("xx") && old.is_none();
                if !barred {
                    db.insert(key.clone(), command[2].clone());
                }
                match (has("get"), barred) {
                    (true, _) => stored(old.as_ref()),
                    (false, true) => Value::Nil,
                    (false, false) => Value::ok(),
                }
            }
        }
    }

    fn add(&mut self, client: usize, key: &[u8], amount: i64) -> Value {
        let db = self.db(client);
        let Some(old) = db.get(key).map_or(Some(0), |value| integer(value)) else {
            return error("ERR value is not an integer or out of range");
        };
        let Some(new) = old.checked_add(amount) else {
            return error("ERR increment or decrement would overflow");
        };
        db.insert(key.to_vec(), new.to_string().into_bytes());
        Value::Int(new)
    }

    fn many(&mut self, client: usize, command: &Command) -> Value {
        let db = self.db(client);
        let args = &command[1..];
        match word(command, 0).as_str() {
            "mget" => Value::Array(args.iter().map(|key| stored(db.get(key))).collect()),
            name => {
                let pairs = || args.chunks_exact(2);
                let only_new = name == "msetnx";
                if only_new && pairs().any(|pair| db.contains_key(&pair[0])) {
                    return Value::Int(0);
                }
                db.extend(pairs().map(|pair| (pair[0].clone(), pair[1].clone())));
                if only_new { Value::Int(1) } else { Value::ok() }
            }
        }
    }

    fn keys(&mut self, client: usize, command: &Command) -> Value {
        let db = self.db(client);
        let args = command[1..].iter();
        match word(command, 0).as_str() {
            "del" | "unlink" => Value::Int(args.filter(|key| db.remove(*key).is_some()).count() as i64),
            "type" => Value::Simple(if db.contains_key(&command[1]) { "string" } else { "none" }.into()),
            _ => Value::Int(args.filter(|key| db.contains_key(*key)).count() as i64),
        }
    }

    fn transfer(&mut self, client: usize, command: &Command) -> Value {
        let (from, key, name) = (self.selected[client], &command[1], word(command, 0));
        let (to, target) = match name.as_str() {
            "move" => (word(command, 2).parse().expect("programs move to what exists"), key),
            "copy" if command.len() > 3 && word(command, 3) == "db" => {
                (word(command, 4).parse().expect("programs copy to what exists"), &command[2])
            }
            _ => (from, &command[2]),
        };
        let (copy, renamed) = (name == "copy", name.starts_with("rename"));
        if (from, key) == (to, target) && !renamed {
            return error("ERR source and destination objects are the same");
        }
        let Some(value) = self.databases[from].get(key).cloned() else {
            return if renamed { error("ERR no such key") } else { Value::Int(0) };
        };
        let replace = name == "rename" || command.last().is_some_and(|arg| arg == b"REPLACE");
        if self.databases[to].contains_key(target) && !replace {
            return Value::Int(0);
        }
        if !copy {
            self.databases[from].remove(key);
        }
        self.databases[to].insert(target.clone(), value);
        if name == "rename" { Value::ok() } else { Value::Int(1) }
    }

    fn whole(&mut self, client: usize, command: &Command) -> Expected {
        match word(command, 0).as_str() {
            "flushall" => self.databases.iter_mut().for_each(Database::clear),
            "flushdb" => self.db(client).clear(),
            "swapdb" => {
                let number = |index| word(command, index).parse::<usize>().expect("programs swap what exists");
                self.databases.swap(number(1), number(2));
            }
            "dbsize" => return Value::Int(self.db(client).len() as i64).into(),
            "keys" => return Expected::AnyOrder(self.db(client).keys().cloned().collect()),
            _ => {
                let keys: Vec<_> = self.db(client).keys().cloned().collect();
                return if keys.is_empty() { Value::Nil.into() } else { Expected::OneOf(keys) };
            }
        }
        Value::ok().into()
    }
}
