//! ASKING, READONLY and READWRITE (C07, `cluster.md` §5.1): how long a client's word holds, beside a model that is told only of commands.
//!
//! Whether ASKING holds is seen by a key of a slot that comes to this node, which it serves to nobody else; whether READONLY does, by CLIENT
//! INFO.

use std::sync::Arc;

use clusterbus::snapshot::Owner;
use keyspace::slot::Slot;
use shard::mail::Mail;
use shard::ring::sim::SimOptions;

use super::client::{Client, Command, command, settle};
use super::exact::settings;
use super::resp::Value;
use super::routes::{another, whole};
use super::seeds;
use super::world::World;

/// A key of a slot that comes to this node.
const COMING: &str = "coming";

/// Commands of a run.
const COMMANDS: usize = 300;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Asking,
    Readonly,
    Readwrite,
    Reset,
    Multi,
    Exec,
    Discard,
    /// A read of the key that comes.
    Read,
    /// A command without keys.
    Ping,
    /// No command at all.
    Unknown,
    /// A command with the wrong number of arguments.
    Short,
    /// A look at the client's flags.
    Look,
}

const ALL: [Said; 14] = [
    Said::Asking,
    Said::Asking,
    Said::Readonly,
    Said::Readwrite,
    Said::Reset,
    Said::Multi,
    Said::Exec,
    Said::Discard,
    Said::Read,
    Said::Read,
    Said::Ping,
    Said::Unknown,
    Said::Short,
    Said::Look,
];

impl Said {
    fn command(self) -> Command {
        match self {
            Said::Asking => command(["ASKING"]),
            Said::Readonly => command(["READONLY"]),
            Said::Readwrite => command(["READWRITE"]),
            Said::Reset => command(["RESET"]),
            Said::Multi => command(["MULTI"]),
            Said::Exec => command(["EXEC"]),
            Said::Discard => command(["DISCARD"]),
            Said::Read => command(["GET", COMING]),
            Said::Ping => command(["PING"]),
            Said::Unknown => command(["NOSUCH"]),
            Said::Short => command(["GET"]),
            Said::Look => command(["CLIENT", "INFO"]),
        }
    }
}

/// A client as the rules say: its word, its transaction, and what that has queued.
#[derive(Default)]
struct Model {
    asking: bool,
    readonly: bool,
    queued: Option<Vec<Said>>,
    failed: bool,
}

impl Model {
    /// What is answered, in short.
    fn answer(&mut self, said: Said) -> String {
        let was_open = self.queued.is_some();
        let answer = match said {
            Said::Reset => {
                *self = Model::default();
                "RESET".to_owned()
            }
            Said::Exec | Said::Discard => self.end(said),
            Said::Multi if was_open => "ERR".to_owned(),
            Said::Unknown | Said::Short => {
                self.failed |= was_open;
                "ERR".to_owned()
            }
            Said::Read if !self.asking => {
                self.failed |= was_open;
                "MOVED".to_owned()
            }
            _ if was_open => {
                self.queued.as_mut().expect("it is open").push(said);
                "QUEUED".to_owned()
            }
            _ => self.carry_out(said),
        };
        if said != Said::Asking && self.queued.is_none() {
            self.asking = false;
        }
        answer
    }

    fn carry_out(&mut self, said: Said) -> String {
        match said {
            Said::Asking => self.asking = true,
            Said::Readonly => self.readonly = true,
            Said::Readwrite => self.readonly = false,
            Said::Multi => self.queued = Some(Vec::new()),
            Said::Read => return "nil".to_owned(),
            Said::Ping => return "PONG".to_owned(),
            Said::Look => return if self.readonly { "readonly" } else { "readwrite" }.to_owned(),
            _ => unreachable!("it is carried out by other rules"),
        }
        "OK".to_owned()
    }

    fn end(&mut self, said: Said) -> String {
        let Some(queued) = self.queued.take() else { return "ERR".to_owned() };
        let failed = std::mem::take(&mut self.failed);
        match said {
            Said::Exec if failed => "EXECABORT".to_owned(),
            Said::Exec => queued.into_iter().map(|said| self.carry_out(said) + " ").collect(),
            _ => "OK".to_owned(),
        }
    }
}

/// A reply, in short.
fn short(reply: &Value) -> String {
    match reply {
        Value::Error(text) => text.split(' ').next().unwrap_or_default().to_owned(),
        Value::Simple(text) => text.clone(),
        Value::Nil => "nil".to_owned(),
        Value::Array(items) => items.iter().map(|item| short(item) + " ").collect(),
        Value::Bulk(line) => {
            let line = String::from_utf8_lossy(line);
            let flags = line.split(' ').find_map(|field| field.strip_prefix("flags=")).unwrap_or_default();
            if flags.contains('r') { "readonly" } else { "readwrite" }.to_owned()
        }
        other => format!("{other:?}"),
    }
}

fn run(seed: u64) -> Result<(), String> {
    let cores = [1, 2, 4][seed as usize % 3];
    let mut world = World::clustered(seed, cores, SimOptions::calm(), settings(seed));
    let mut snapshot = whole(1);
    let other = snapshot.add_endpoint(another());
    snapshot.set_owner(Slot::of(COMING.as_bytes()), Owner::Other(other));
    snapshot.set_importing(Slot::of(COMING.as_bytes()), other);
    let snapshot = Arc::new(snapshot);
    world.mail_from_bus(|| Mail::Routes(snapshot.clone()));
    let mut clients: Vec<Client> = (0..2).map(|_| Client::connect(&mut world)).collect();
    // Every core has its mail before the first command comes.
    clients.iter_mut().for_each(|client| client.send(&[command(["KEYS", "*"])]));
    settle(&mut world, &mut clients, |_, _, client, _| client.replies.clear())?;
    for client in &mut clients {
        let (mut model, mut left) = (Model::default(), COMMANDS);
        while left > 0 {
            let said: Vec<Said> =
                (0..world.random.usize(1..20)).map(|_| ALL[world.random.usize(..ALL.len())]).collect();
            left = left.saturating_sub(said.len());
            client.send(&said.iter().map(|said| said.command()).collect::<Vec<_>>());
            settle(&mut world, std::slice::from_mut(client), |_, _, _, _| {})?;
            for said in said {
                let (expected, reply) = (model.answer(said), client.replies.pop_front());
                let reply = reply.as_ref().map(short);
                if reply.as_deref() != Some(&expected) {
                    return Err(format!("{said:?}: {reply:?} instead of {expected}"));
                }
            }
        }
    }
    Ok(())
}

#[test]
#[allow(non_snake_case)]
fn FR_P2C_007_U007_modes_of_clients_beside_a_model() {
    seeds::each("FR_P2C_007_U007_modes_of_clients_beside_a_model", 60, run);
}
