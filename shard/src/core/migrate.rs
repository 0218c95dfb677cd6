//! MIGRATE at the client's home core, which drives it, and at the owners of the keys: see `migration`.
//!
//! Nobody waits for the network but the client, and work on what is held. The service thread answers in time that the client's time limit
//! bounds, so every hold ends; it ends also if the client is gone meanwhile.

use std::sync::Arc;

use keyspace::args::{Args, OwnedArgs};
use keyspace::commands::dump::KeyCopy;
use keyspace::refusal::Refusal;
use keyspace::reply::Reply as Encoder;
use keyspace::slot::Slot;

use crate::ask::{Answer, Ask};
use crate::command::CommandId;
use crate::conn::{Conn, Waiting};
use crate::hop::Context;
use crate::mail::{Mail, Question, Reply};
use crate::mesh::holds::HoldId;
use crate::mesh::loans::NeedOwned;
use crate::mesh::mailbox::Address;
use crate::mesh::{CoreId, Mesh};
use crate::migration::{HoldAsk, HoldEnd, Request, SentKey, Transfer, Within};
use crate::ring::{ConnId, Ring};
use crate::shard::Shard;
use crate::unit::UnitSeq;

use super::Inner;

/// The name of the command.
pub(super) const MIGRATE: &str = "migrate";

/// What the client reads whose keys are not there.
const NOKEY: &str = "NOKEY";

/// What it reads if all that are there were sent.
pub(super) const OK: &str = "OK";

/// A MIGRATE under way.
pub(super) struct Migration {
    pub(super) conn: ConnId,
    /// The unit whose script sends, as a client of its own.
    pub(super) script_of: Option<UnitSeq>,
    command: CommandId,
    pub(super) args: OwnedArgs,
    pub(super) request: Request,
    pub(super) muted: bool,
    /// It belongs to a transaction or a script, which has the slots: nothing is held.
    pub(super) within: bool,
    pub(super) context: Context,
    /// Owners with the numbers of their keys, ascending.
    owners: Vec<(CoreId, Vec<u32>)>,
    /// How many of them have answered.
    asked: usize,
    /// Those that hold something, by their places among the owners.
    holders: Vec<usize>,
    /// Copies by the numbers of their keys.
    pub(super) copies: Vec<(u32, KeyCopy)>,
    /// Bytes of these, here or at the service thread.
    pub(super) copied_bytes: usize,
    /// The numbers of the keys that were sent, in their order.
    pub(super) sent: Vec<u32>,
    /// Holds that are not ended.
    ending: usize,
    /// The error reply without its `-`.
    error: Option<Vec<u8>>,
}

impl Migration {
    /// The arguments of the command.
    pub(super) fn args(&self) -> Args<'_> {
        self.args.args()
    }

    /// Bytes that it holds for its client. The values that are sent are not among them: they are bounded by the keys.
    pub(super) fn heap_bytes(&self) -> usize {
        size_of::<Migration>() + self.args.room()
    }

    /// Whether it may write to keys yet, by itself.
    pub(super) fn may_write(&self) -> bool {
        !self.within
    }

    /// The key with this number.
    fn key(&self, number: u32) -> &[u8] {
        self.args().at(self.request.keys.start + number as usize)
    }

    /// The slots of an owner's keys.
    fn need(&self, owner: usize) -> NeedOwned {
        let (_, numbers) = &self.owners[owner];
        let mut slots: Vec<u16> = numbers.iter().map(|number| Slot::of(self.key(*number)).number()).collect();
        slots.sort_unstable();
        slots.dedup();
        NeedOwned::Slots(slots.into())
    }

    fn keys_of(&self, owner: usize, wanted: impl Fn(u32) -> bool) -> impl Iterator<Item = (u32, Box<[u8]>)> {
        let numbers = self.owners[owner].1.iter().filter(move |number| wanted(**number));
        numbers.map(|number| (*number, self.key(*number).into()))
    }
}

impl<R: Ring> Inner<R> {
    /// Begins a MIGRATE: its handler has read the arguments. One of a transaction or a script goes on where that has its slots at hand.
    pub(super) fn start_migration(
        &mut self,
        mesh: &Mesh<Shard>,
        conn: &mut Conn,
        command: CommandId,
        args: Args,
        muted: bool,
        request: Request,
    ) {
        let args = OwnedArgs::copy(args);
        if conn.executing.is_some() || conn.script_of.is_some() {
            conn.migration = Some(Box::new(Within { request, args, muted, sent: None }));
            return;
        }
        let mut migration = self.migration(conn, command, args, muted, request);
        for number in 0..migration.request.keys.len() as u32 {
            let core = self.map.owner(Slot::of(migration.key(number)));
            match migration.owners.binary_search_by_key(&core, |(owner, _)| *owner) {
                Ok(place) => migration.owners[place].1.push(number),
                Err(place) => migration.owners.insert(place, (core, vec![number])),
            }
        }
        if migration.owners.is_empty() {
            return self.answer_migration(&migration, conn);
        }
        self.next_gathering += 1;
        conn.waiting = Waiting::Answers(self.next_gathering);
        self.go_on_migrating(mesh, self.next_gathering, migration);
    }

    pub(super) fn migration(
        &self,
        conn: &Conn,
        command: CommandId,
        args: OwnedArgs,
        muted: bool,
        request: Request,
    ) -> Migration {
        Migration {
            conn: conn.id,
            script_of: conn.script_of,
            command,
            args,
            request,
            muted,
            within: false,
            context: conn.session.context(false),
            owners: Vec::new(),
            asked: 0,
            holders: Vec::new(),
            copies: Vec::new(),
            copied_bytes: 0,
            sent: Vec::new(),
            ending: 0,
            error: None,
        }
    }

    /// Asks the next owner for its keys, or has them sent once all have answered.
    fn go_on_migrating(&mut self, mesh: &Mesh<Shard>, id: u64, mut migration: Migration) {
        if let Some((core, _)) = migration.owners.get(migration.asked) {
            let core = *core;
            let ask = HoldAsk {
                id: HoldId { core: self.id.0, seq: id },
                context: migration.context,
                keys: migration.keys_of(migration.asked, |_| true).collect(),
                need: migration.need(migration.asked),
                has_holds: !migration.holders.is_empty(),
            };
            self.migrations.insert(id, migration);
            return self.ask_one(core, id, Ask::Hold(Arc::new(ask)));
        }
        if migration.copies.is_empty() {
            return self.end_migration(mesh, migration);
        }
        self.transfer(mesh, id, &mut migration);
        self.migrations.insert(id, migration);
    }

    /// Has copies sent, in the order of the request.
    pub(super) fn transfer(&mut self, mesh: &Mesh<Shard>, id: u64, migration: &mut Migration) {
        let mut copies = std::mem::take(&mut migration.copies);
        copies.sort_unstable_by_key(|(number, _)| *number);
        migration.sent = copies.iter().map(|(number, _)| *number).collect();
        let keys = copies.into_iter().map(|(number, copy)| SentKey { key: migration.key(number).into(), copy });
        let transfer = Transfer { target: migration.request.target.clone(), keys: keys.collect() };
        let question = Question { id, ask: Ask::Transfer(Arc::new(transfer)) };
        self.outboxes.request(Address(mesh.cores() as u16), Mail::Ask(Box::new(question)));
    }

    /// Takes copies on, and counts them.
    pub(super) fn copied(&mut self, migration: &mut Migration, copies: Vec<(u32, KeyCopy)>) {
        let bytes: usize = copies.iter().map(|(_, copy)| size_of::<SentKey>() + copy.payload.capacity()).sum();
        migration.copied_bytes += bytes;
        self.copying_bytes += bytes;
        migration.copies.extend(copies);
    }

    fn ask_one(&mut self, core: CoreId, id: u64, ask: Ask) {
        let question = Question { id, ask };
        match core == self.id {
            true => self.own_questions.push(question),
            false => self.outboxes.request(core.into(), Mail::Ask(Box::new(question))),
        }
    }

    /// An answer that a MIGRATE waits for.
    pub(super) fn migration_answered(&mut self, mesh: &Mesh<Shard>, reply: Reply) {
        let Reply { id, answer } = reply;
        let mut migration = self.migrations.remove(&id).expect("the caller looked");
        match answer {
            Answer::Copies(copies) => {
                if !copies.is_empty() {
                    migration.holders.push(migration.asked);
                }
                self.copied(&mut migration, copies);
                migration.asked += 1;
                self.go_on_migrating(mesh, id, migration);
            }
            Answer::Busy(busy) => {
                migration.copies = Vec::new();
                self.copying_bytes -= std::mem::take(&mut migration.copied_bytes);
                migration.error = Some(busy.text().into());
                self.end_holds(mesh, id, migration, &[]);
            }
            Answer::Transferred(transferred) if migration.within => {
                self.copying_bytes -= migration.copied_bytes;
                self.sent_within(mesh, migration, transferred);
            }
            Answer::Transferred(transferred) => {
                self.copying_bytes -= std::mem::take(&mut migration.copied_bytes);
                migration.error = transferred.error;
                self.end_holds(mesh, id, migration, &transferred.taken);
            }
            Answer::Done => {
                migration.ending -= 1;
                match migration.ending {
                    0 => self.end_migration(mesh, migration),
                    _ => drop(self.migrations.insert(id, migration)),
                }
            }
            _ => unreachable!("who is asked answers what was asked"),
        }
    }

    /// Has owners delete what was taken, and end their holds.
    fn end_holds(&mut self, mesh: &Mesh<Shard>, id: u64, mut migration: Migration, taken: &[bool]) {
        let deleted = |number: u32| {
            let sent = migration.sent.binary_search(&number).ok();
            !migration.request.copies && sent.is_some_and(|place| taken.get(place) == Some(&true))
        };
        let ends = migration.holders.iter().map(|&owner| {
            let end = HoldEnd {
                id: HoldId { core: self.id.0, seq: id },
                context: migration.context,
                sent: migration.keys_of(owner, deleted).map(|(_, key)| key).collect(),
                need: migration.need(owner),
            };
            (migration.owners[owner].0, end)
        });
        let ends: Vec<(CoreId, HoldEnd)> = ends.collect();
        if ends.is_empty() {
            return self.end_migration(mesh, migration);
        }
        migration.ending = ends.len();
        self.migrations.insert(id, migration);
        ends.into_iter().for_each(|(core, end)| self.ask_one(core, id, Ask::EndHold(Arc::new(end))));
    }

    /// Gives the client its reply, if it is still there.
    fn end_migration(&mut self, mesh: &Mesh<Shard>, migration: Migration) {
        let Some(mut conn) = self.conns.take(migration.conn) else {
            self.abandoned -= 1;
            return;
        };
        conn.waiting = Waiting::No;
        if conn.out.capacity() == 0 {
            conn.out = self.buffer();
        }
        self.answer_migration(&migration, &mut conn);
        self.end_modes(&mut conn);
        self.drive(mesh, conn);
    }

    pub(super) fn answer_migration(&mut self, migration: &Migration, conn: &mut Conn) {
        let Migration { command, args, muted, error, sent, .. } = migration;
        let outcome = match error {
            Some(text) => Err(Refusal::owned(&text[..])),
            None => Ok(if sent.is_empty() { NOKEY } else { OK }),
        };
        self.reply_to_migration(*command, args.args(), *muted, outcome, conn);
    }

    /// Appends the reply, and keeps the books.
    pub(super) fn reply_to_migration(
        &mut self,
        command: CommandId,
        args: Args,
        muted: bool,
        outcome: Result<&str, Refusal>,
        conn: &mut Conn,
    ) {
        let (command, before, shard) = (self.table.get(command), conn.out.len(), self.owner.shard());
        match outcome {
            Ok(word) => Encoder::new(&mut conn.out, conn.session.resp).simple(word),
            Err(refusal) => shard.refuse(command, &refusal, &conn.session.context(false), before, &mut conn.out),
        }
        if muted {
            conn.out.truncate(before);
        }
        // Waiting for others does not make it slow.
        shard.account(command, args, 0);
        self.collect_slow(&conn.session);
    }
}
