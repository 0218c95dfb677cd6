//! The service thread of a simulated world, as far as MIGRATE and SYNC ask it: it takes its time, a random part of what is to be sent arrives,
//! and now and then a snapshot cannot be kept.

use std::collections::BTreeMap;

use keyspace::args::OwnedArgs;
use shard::ask::{Answer, Ask};
use shard::mail::{Mail, Question, Reply};
use shard::mesh::Mesh;
use shard::mesh::baton::{Owner, Post, Wake};
use shard::mesh::mailbox::{Address, Ends, Received};
use shard::migration::Transferred;
use shard::ring::Wake as _;
use shard::ring::sim::{SimNet, SimSocket};
use shard::saving::{SaveAnswer, SaveAsk, SaveStep};
use shard::shard::Shard;

/// Messages taken from one core at a time.
const MESSAGES_MAX: usize = 64;

/// The longest time that a transfer takes, in microseconds: far above what a command does.
const TRANSFER_US_MAX: u64 = 3_000;

/// Bytes of a snapshot's file that a client is given at a time.
const PIECE_BYTES: usize = 5_000;

/// An answer that is under way.
struct Pending {
    due_us: u64,
    from: Address,
    question: u64,
    answer: Answer,
}

/// A snapshot.
#[derive(Default)]
struct Save {
    file: Vec<u8>,
    ended: usize,
    failed: Option<String>,
    /// Who wants to hear of its end.
    waiting: Option<(Address, u64)>,
}

impl Save {
    /// What is said of a step after which it is as it is.
    fn said(&self, otherwise: SaveAnswer) -> SaveAnswer {
        self.failed.clone().map_or(otherwise, SaveAnswer::Failed)
    }
}

/// The service thread.
pub(crate) struct Service {
    owner: Owner<()>,
    ends: Ends<Mail<SimSocket>>,
    random: fastrand::Rng,
    pending: Vec<Pending>,
    /// Snapshots that are not forgotten, by number.
    saves: BTreeMap<u64, Save>,
    /// The files of those that became whole.
    pub(crate) files: Vec<Vec<u8>>,
    /// Snapshots that are to fail.
    pub(crate) fails_saves: bool,
    /// What has arrived at the other server: RESTORE's arguments.
    pub(crate) arrived: Vec<OwnedArgs>,
}

impl Service {
    pub(crate) fn new(owner: Owner<()>, ends: Ends<Mail<SimSocket>>, seed: u64) -> Service {
        Service {
            owner,
            ends,
            random: fastrand::Rng::with_seed(seed),
            pending: Vec::new(),
            saves: BTreeMap::new(),
            files: Vec::new(),
            fails_saves: false,
            arrived: Vec::new(),
        }
    }

    /// Whether it runs now, among cores that have something to do.
    pub(crate) fn has_its_turn(&mut self) -> bool {
        self.random.u8(..) < 16
    }

    /// When it has something to do, if it has.
    pub(crate) fn next_us(&self) -> Option<u64> {
        self.pending.iter().map(|pending| pending.due_us).min()
    }

    /// Reads its mail, and answers what is due. True if it did anything.
    pub(crate) fn step(&mut self, mesh: &Mesh<Shard>, net: &SimNet) -> bool {
        assert!(self.owner.wake() == Wake::Awake, "nobody visits an address without a shard");
        let now_us = net.now().monotonic_us;
        let mut questions = Vec::new();
        self.owner.take_mail();
        let mut received = Received::Left;
        while received == Received::Left {
            received = self.ends.receive(MESSAGES_MAX, |from, mail| {
                // The rest is of no use here.
                if let Mail::Ask(question) = mail {
                    questions.push((from, *question));
                }
            });
        }
        let mut did = !questions.is_empty();
        for (from, Question { id, ask }) in questions {
            let transfer = match ask {
                Ask::Transfer(transfer) => transfer,
                Ask::Save(ask) => {
                    self.save(from, id, *ask, now_us, mesh.cores());
                    continue;
                }
                _ => panic!("the simulated service thread only sends keys and keeps snapshots"),
            };
            let fails = self.random.u8(..) < 40;
            let taken: Vec<bool> = transfer.keys.iter().map(|_| !fails && self.random.u8(..) < 200).collect();
            for (sent, _) in transfer.keys.iter().zip(&taken).filter(|(_, taken)| **taken) {
                self.arrived
                    .push([&sent.key[..], sent.copy.ttl.to_string().as_bytes(), &sent.copy.payload].iter().collect());
            }
            let error = taken.contains(&false).then(|| b"ERR it was not taken".to_vec());
            self.answer(now_us, from, id, Answer::Transferred(Transferred { taken, error }));
        }
        for Pending { from, question, answer, .. } in self.pending.extract_if(.., |pending| pending.due_us <= now_us) {
            did = true;
            let reply = Reply { id: question, answer };
            self.ends.send(from, Mail::Answer(Box::new(reply))).ok().expect("credits keep room in every lane");
        }
        self.ends.flush(|to| {
            if mesh.post(to) == Post::Wake {
                net.waker(to.0).wake();
            }
        });
        // Mail that comes now is looked at in the next step.
        let _ = self.owner.park();
        did
    }

    /// Snapshots that are not forgotten.
    pub(crate) fn saves(&self) -> usize {
        self.saves.len()
    }

    fn answer(&mut self, now_us: u64, from: Address, question: u64, answer: Answer) {
        let due_us = now_us + self.random.u64(1..TRANSFER_US_MAX);
        self.pending.push(Pending { due_us, from, question, answer });
    }

    /// A step of a snapshot.
    fn save(&mut self, from: Address, question: u64, ask: SaveAsk, now_us: u64, cores: usize) {
        let SaveAsk { number, what } = ask;
        let fails = self.fails_saves && self.random.u8(..) < 40;
        let save = self.saves.entry(number).or_default();
        if fails {
            save.failed = Some("the disk is full".into());
        }
        let mut answer = Some(save.said(SaveAnswer::Kept));
        let is_last = matches!(what, SaveStep::Forget);
        match what {
            SaveStep::Keep(bytes) => save.file.extend(bytes),
            SaveStep::End(outcome) => {
                save.ended += 1;
                match outcome {
                    Ok(bytes) => save.file.extend(bytes),
                    Err(why) => save.failed = Some(why),
                }
                if save.ended == cores && save.failed.is_none() {
                    self.files.push(save.file.clone());
                }
            }
            SaveStep::Await => {
                save.waiting = Some((from, question));
                answer = None;
            }
            SaveStep::Read(at) => {
                let piece = save.file[at as usize..].iter().copied().take(PIECE_BYTES).collect();
                answer = Some(save.said(SaveAnswer::Piece(piece)));
            }
            SaveStep::Forget => {}
        }
        let end = save.waiting.take_if(|_| save.ended == cores);
        let end = end.map(|(from, question)| (from, question, save.said(SaveAnswer::Whole(save.file.len() as u64))));
        if is_last {
            assert_eq!(save.ended, cores, "a snapshot is forgotten once all have come to their end");
            self.saves.remove(&number);
        }
        if let Some((from, question, answer)) = end {
            self.answer(now_us, from, question, Answer::Save(answer));
        }
        if let Some(answer) = answer {
            self.answer(now_us, from, question, Answer::Save(answer));
        }
    }
}
