//! SYNC: this core's part of a snapshot, and the clients of this core that are given one. See `saving` for the way that it takes.

use keyspace::rdb::file::push_fact;
use keyspace::rdb::functions::push_library;
use keyspace::reply::Reply as Encoder;
use keyspace::store::{Saved, Unsaved};

use crate::ask::{Answer, Ask, ScriptsAsk};
use crate::commands::REDIS_VERSION;
use crate::conn::{Closing, Conn, Waiting};
use crate::mail::{Mail, Question, Reply};
use crate::mesh::mailbox::Address;
use crate::ring::{ConnId, Ring};
use crate::saving::{SaveAnswer, SaveAsk, SaveStep};
use scripting::LibraryInfo;

use super::Inner;

/// Bytes of a snapshot that are written in one turn: some 0.3 ms where they can be compressed.
const BYTES_PER_TURN: usize = 64 << 10;

/// Pieces that this core has given away and that are not kept yet: then its snapshot waits, but for entries that are about to change.
const PIECES_MAX: usize = 8;

/// What this core has to do with snapshots.
#[derive(Default)]
pub(super) struct Saving {
    /// What this core wrote that is not kept yet: numbers of the questions, and of their snapshots.
    pieces: Vec<(u64, u64)>,
}

/// A client of this core that waits for a snapshot, or is given one.
pub(super) struct Syncing {
    conn: ConnId,
    /// The snapshot.
    number: u64,
    /// The error reply without its `-` that it reads instead, once all cores have come to their end.
    failed: Option<String>,
    /// Bytes of the file; unknown until it is whole.
    length: Option<u64>,
    /// Bytes that the client was given.
    given: u64,
    /// An answer is to come.
    is_asked: bool,
}

impl<R: Ring> Inner<R> {
    /// Has a client given the snapshot that it has just begun: first, what the file has beside entries.
    pub(super) fn begin_sync(&mut self, conn: &mut Conn) {
        self.cron.traffic.syncs += 1;
        let number = self.owner.shard().keyspace.saves();
        self.next_gathering += 1;
        let id = self.next_gathering;
        self.own_questions.push(Question { id, ask: Ask::Scripts(ScriptsAsk::Libraries) });
        conn.waiting = Waiting::Snapshot(id);
        let sync = Syncing { conn: conn.id, number, failed: None, length: None, given: 0, is_asked: true };
        self.syncs.insert(id, sync);
    }

    /// Asks the service thread for a client.
    fn ask_for_sync(&mut self, conn: &mut Conn, mut sync: Syncing, what: SaveStep) {
        let id = self.ask_to_save(sync.number, what);
        sync.is_asked = true;
        conn.waiting = Waiting::Snapshot(id);
        self.syncs.insert(id, sync);
    }

    /// Asks the service thread. Returns the question's number.
    fn ask_to_save(&mut self, number: u64, what: SaveStep) -> u64 {
        self.next_gathering += 1;
        let question = Question { id: self.next_gathering, ask: Ask::Save(Box::new(SaveAsk { number, what })) };
        self.outboxes.request(Address(self.map.cores()), Mail::Ask(Box::new(question)));
        self.next_gathering
    }

    /// Gives the service thread a piece.
    fn give_piece(&mut self, number: u64, what: SaveStep) {
        let id = self.ask_to_save(number, what);
        self.saving.pieces.push((id, number));
    }

    /// Whether this core can go on with its part of a snapshot.
    pub(super) fn saves_next(&mut self) -> bool {
        self.saving.pieces.len() < PIECES_MAX && self.owner.shard().keyspace.is_saving()
    }

    /// Goes on with its part. At the end of a turn.
    pub(super) fn save_some(&mut self) {
        if !self.saves_next() {
            return;
        }
        let keyspace = &mut self.owner.shard().keyspace;
        let number = keyspace.saves();
        keyspace.save_some(BYTES_PER_TURN);
        let Some(Saved { bytes, end }) = keyspace.take_saved() else { return };
        let step = match end {
            None => SaveStep::Keep(bytes),
            Some(end) => SaveStep::End(end.map(|()| bytes).map_err(|why| why.to_string())),
        };
        self.give_piece(number, step);
    }

    /// Takes an answer about a snapshot.
    pub(super) fn save_answered(&mut self, reply: Reply) {
        let Reply { id, answer } = reply;
        if let Some(sync) = self.syncs.remove(&id) {
            return self.go_on_with_sync(sync, answer);
        }
        let Some(place) = self.saving.pieces.iter().position(|(piece, _)| *piece == id) else { return };
        let (_, number) = self.saving.pieces.swap_remove(place);
        let keyspace = &mut self.owner.shard().keyspace;
        if let Answer::Save(SaveAnswer::Failed(_)) = answer
            && keyspace.saves() == number
        {
            keyspace.stop_saving(Unsaved::NotKept);
        }
    }

    /// Goes on with a client's snapshot. That comes to its end even if the client is gone: the cores write it.
    fn go_on_with_sync(&mut self, mut sync: Syncing, answer: Answer) {
        sync.is_asked = false;
        match answer {
            Answer::Libraries(libraries) => self.give_piece(sync.number, SaveStep::Keep(self.beginning(&libraries))),
            Answer::Busy(busy) => sync.failed = Some(busy.text().to_owned()),
            Answer::Save(answer) => return self.give_sync(sync, answer),
            _ => unreachable!("who is asked answers what was asked"),
        }
        match self.conns.take(sync.conn) {
            Some(mut conn) => {
                self.ask_for_sync(&mut conn, sync, SaveStep::Await);
                self.put_back(conn);
            }
            None => {
                let id = self.ask_to_save(sync.number, SaveStep::Await);
                self.syncs.insert(id, sync);
            }
        }
    }

    /// What a file has beside entries.
    fn beginning(&self, libraries: &[LibraryInfo]) -> Vec<u8> {
        let mut bytes = Vec::new();
        push_fact(&mut bytes, "redis-ver", REDIS_VERSION);
        push_fact(&mut bytes, "redis-bits", "64");
        push_fact(&mut bytes, "ctime", &(self.now.wall_us / 1_000_000).to_string());
        libraries.iter().for_each(|library| push_library(&mut bytes, &library.code));
        bytes
    }

    /// Gives a client what came for it.
    fn give_sync(&mut self, mut sync: Syncing, answer: SaveAnswer) {
        let Some(mut conn) = self.conns.take(sync.conn) else { return self.forget_save(sync.number) };
        match answer {
            _ if sync.failed.is_some() => {}
            SaveAnswer::Whole(length) => {
                sync.length = Some(length);
                conn.out.extend_from_slice(format!("${length}\r\n").as_bytes());
            }
            SaveAnswer::Piece(bytes) => {
                sync.given += bytes.len() as u64;
                conn.out.extend_from_slice(&bytes);
            }
            SaveAnswer::Failed(why) => sync.failed = Some(format!("ERR No snapshot: {why}")),
            SaveAnswer::Kept => unreachable!("who is given a snapshot keeps nothing"),
        }
        if let Some(why) = &sync.failed {
            tracing::warn!("A snapshot failed. {why}");
            // In the middle of the file there is no room for words.
            if sync.length.is_none() {
                Encoder::new(&mut conn.out, conn.session.resp).error(why.as_bytes());
            }
        }
        if sync.failed.is_some() || sync.length == Some(sync.given) {
            // What changes from now on would follow for a replica. There are none.
            self.forget_save(sync.number);
            conn.closing = Closing::AfterReplies;
        } else {
            let Waiting::Snapshot(id) = conn.waiting else { unreachable!("it waits for its snapshot") };
            self.syncs.insert(id, sync);
        }
        self.settle(conn);
    }

    /// Asks for the next piece for a client that has been sent the one before.
    pub(super) fn continue_sync(&mut self, conn: &mut Conn) {
        let Waiting::Snapshot(id) = conn.waiting else { return };
        if self.syncs.get(&id).is_none_or(|sync| sync.is_asked) || !conn.out.is_empty() || conn.closing != Closing::No {
            return;
        }
        let sync = self.syncs.remove(&id).expect("it was just there");
        let from = sync.given;
        self.ask_for_sync(conn, sync, SaveStep::Read(from));
    }

    /// A client is gone. What is asked for it finds it gone.
    pub(super) fn sync_gone(&mut self, conn: &Conn) {
        let Waiting::Snapshot(id) = conn.waiting else { return };
        if self.syncs.get(&id).is_some_and(|sync| !sync.is_asked) {
            let sync = self.syncs.remove(&id).expect("it was just there");
            self.forget_save(sync.number);
        }
    }

    fn forget_save(&mut self, number: u64) {
        self.ask_to_save(number, SaveStep::Forget);
    }
}
