//! The service thread of a simulated world, as far as MIGRATE asks it: it takes its time, and a random part of what is to be sent arrives.

use keyspace::args::OwnedArgs;
use shard::ask::{Answer, Ask};
use shard::mail::{Mail, Question, Reply};
use shard::mesh::Mesh;
use shard::mesh::baton::{Owner, Post, Wake};
use shard::mesh::mailbox::{Address, Ends, Received};
use shard::migration::Transferred;
use shard::ring::Wake as _;
use shard::ring::sim::{SimNet, SimSocket};
use shard::shard::Shard;

/// Messages taken from one core at a time.
const MESSAGES_MAX: usize = 64;

/// The longest time that a transfer takes, in microseconds: far above what a command does.
const TRANSFER_US_MAX: u64 = 3_000;

/// A transfer that is under way.
struct Pending {
    due_us: u64,
    from: Address,
    question: u64,
    answer: Transferred,
}

/// The service thread.
pub(crate) struct Service {
    owner: Owner<()>,
    ends: Ends<Mail<SimSocket>>,
    random: fastrand::Rng,
    pending: Vec<Pending>,
    /// What has arrived at the other server: RESTORE's arguments.
    pub(crate) arrived: Vec<OwnedArgs>,
}

impl Service {
    pub(crate) fn new(owner: Owner<()>, ends: Ends<Mail<SimSocket>>, seed: u64) -> Service {
        Service { owner, ends, random: fastrand::Rng::with_seed(seed), pending: Vec::new(), arrived: Vec::new() }
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
            let Ask::Transfer(transfer) = ask else { panic!("the simulated service thread only sends keys") };
            let fails = self.random.u8(..) < 40;
            let taken: Vec<bool> = transfer.keys.iter().map(|_| !fails && self.random.u8(..) < 200).collect();
            for (sent, _) in transfer.keys.iter().zip(&taken).filter(|(_, taken)| **taken) {
                self.arrived
                    .push([&sent.key[..], sent.copy.ttl.to_string().as_bytes(), &sent.copy.payload].iter().collect());
            }
            let error = taken.contains(&false).then(|| b"ERR it was not taken".to_vec());
            let due_us = now_us + self.random.u64(1..TRANSFER_US_MAX);
            self.pending.push(Pending { due_us, from, question: id, answer: Transferred { taken, error } });
        }
        for Pending { from, question, answer, .. } in self.pending.extract_if(.., |pending| pending.due_us <= now_us) {
            did = true;
            let reply = Reply { id: question, answer: Answer::Transferred(answer) };
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
}
