//! MIGRATE in a transaction or a script: the slots are on loan, so nothing is held, and all of it waits for the other server with what it has.
//!
//! That is the one case in which loans wait for a network, as long as the time limits of the command say: a transaction is one step for
//! everybody, whatever it does.

use keyspace::refusal::Refusal;
use keyspace::slot::Slot;

use crate::command::CommandId;
use crate::conn::{Conn, Waiting};
use crate::mesh::Mesh;
use crate::migration::{Transferred, Within};
use crate::ring::Ring;
use crate::script::Script;
use crate::shard::Shard;
use crate::stage::Stage;
use crate::unit::Grant;

use super::Inner;
use super::migrate::{MIGRATE, Migration, OK};

impl<R: Ring> Inner<R> {
    /// Begins the MIGRATE of a transaction or a script: copies what is there, and has it sent.
    pub(super) fn migrate_within(&mut self, mesh: &Mesh<Shard>, grants: &mut [Grant], conn: &mut Conn, within: Within) {
        let Within { request, args, muted, .. } = within;
        let command = self.migrate_command();
        let mut migration = self.migration(conn, command, args, muted, request);
        migration.within = true;
        let keys = migration.request.keys.clone().zip(0..).map(|(at, number)| (number, migration.args.args().at(at)));
        let keys: Vec<(u32, &[u8])> = keys.collect();
        let slots: Vec<Slot> = keys.iter().map(|(_, key)| Slot::of(key)).collect();
        let context = migration.context;
        let copies = Stage::of(self.owner.shard(), grants)
            .with_slots(&slots, |shard| shard.copy_keys(&context, keys.into_iter()));
        self.copied(&mut migration, copies);
        if migration.copies.is_empty() {
            return self.answer_migration(&migration, conn);
        }
        self.next_gathering += 1;
        let id = self.next_gathering;
        conn.waiting = Waiting::Answers(id);
        self.transfer(mesh, id, &mut migration);
        self.migrations.insert(id, migration);
    }

    /// The keys of a transaction or a script were sent: it goes on.
    pub(super) fn sent_within(&mut self, mesh: &Mesh<Shard>, migration: Migration, transferred: Transferred) {
        let Migration { conn: id, script_of, args, request, muted, sent, .. } = migration;
        let places = sent.iter().map(|number| request.keys.start + *number as usize).collect();
        let within = Some(Box::new(Within { request, args, muted, sent: Some((places, transferred)) }));
        if let Some(seq) = script_of {
            return self.script_answered(mesh, seq, |_, client| {
                client.waiting = Waiting::No;
                client.migration = within;
            });
        }
        if let Some(mut conn) = self.conns.take(id) {
            (conn.waiting, conn.migration) = (Waiting::No, within);
            self.resume_exec(mesh, &mut conn);
            return self.drive(mesh, conn);
        }
        let mut ghost = self.ghosts.remove(&id).expect("a transaction is carried out to its end");
        (ghost.waiting, ghost.migration) = (Waiting::No, within);
        self.resume_exec(mesh, &mut ghost);
        self.keep_ghost(ghost);
    }

    /// Ends the MIGRATE of a transaction or a script: deletes what was taken, and replies.
    pub(super) fn end_within(&mut self, grants: &mut [Grant], conn: &mut Conn, within: Within) {
        let Within { request, args, muted, sent } = within;
        let (places, Transferred { taken, error }) = sent.expect("it is over once it was sent");
        let words = args.args();
        let taken = places.iter().zip(&taken).filter(|(_, taken)| **taken && !request.copies);
        let keys: Vec<&[u8]> = taken.map(|(place, _)| words.at(*place)).collect();
        let slots: Vec<Slot> = keys.iter().map(|key| Slot::of(key)).collect();
        let context = conn.session.context(false);
        Stage::of(self.owner.shard(), grants).with_slots(&slots, |shard| shard.remove_sent(&context, keys.into_iter()));
        let outcome = error.map_or(Ok(OK), |text| Err(Refusal::owned(text)));
        self.reply_to_migration(self.migrate_command(), words, muted, outcome, conn);
    }

    /// Begins the MIGRATE that a script called, if it did.
    pub(super) fn migrate_in_script(&mut self, mesh: &Mesh<Shard>, grants: &mut [Grant], script: &mut Script) {
        if let Some(within) = script.client.migration.take() {
            script.wrote = true;
            self.migrate_within(mesh, grants, &mut script.client, *within);
        }
    }

    /// Ends the MIGRATE that a script called, if its keys were sent: the script goes on with the reply.
    pub(super) fn end_in_script(&mut self, grants: &mut [Grant], script: &mut Script) {
        if let Some(within) = script.client.migration.take() {
            self.end_within(grants, &mut script.client, *within);
            script.answer = Some(std::mem::take(&mut script.client.out));
        }
    }

    fn migrate_command(&self) -> CommandId {
        self.table.find_command(MIGRATE.as_bytes()).expect("it has a row").id
    }
}
