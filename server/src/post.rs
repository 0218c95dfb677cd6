//! The mail of a service thread: an address like a core's, and the answers it waits for.
//!
//! Questions go out at once and take a credit each; answers are put together by question. Whoever waits for answers may give up, by
//! dropping what it waits with: late answers only bring their credits back. This file decides nothing about what is asked.

use std::cell::RefCell;
use std::collections::HashMap;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use clusterbus::snapshot::SnapshotVersion;
use evict::topics::Event;
use shard::ask::{Answer, Ask};
use shard::mail::{Mail, Question, Reply};
use shard::mesh::baton::{Owner, Post as Posted, Wake as Woken};
use shard::mesh::mailbox::{Address, Credits, Ends, Received};
use shard::mesh::{CoreId, Mesh};
use shard::pubsub::Publication;
use shard::ring::Wake;
use shard::ring::uring::UringWaker;
use shard::settings::Settings;
use shard::shard::Shard;

use crate::alarm::Alarm;
use crate::boot::Socket;

/// Messages taken from one core at a time.
const MESSAGES_PER_CORE_MAX: usize = 64;

/// A place in the mesh for a service thread.
pub(crate) struct Seat {
    /// What all share.
    pub(crate) mesh: Arc<Mesh<Shard>>,
    /// The thread's end of its baton.
    pub(crate) owner: Owner<()>,
    /// Its mailboxes.
    pub(crate) ends: Ends<Mail<Socket>>,
    /// What wakes each address, in their order.
    pub(crate) rousers: Vec<Rouser>,
}

/// What wakes an address.
#[derive(Clone)]
pub(crate) enum Rouser {
    /// A core.
    Core(UringWaker),
    /// A service thread.
    Thread(Arc<Alarm>),
}

impl Rouser {
    fn wake(&self) {
        match self {
            Rouser::Core(core) => core.wake(),
            Rouser::Thread(alarm) => alarm.ring(),
        }
    }
}

/// A service thread's place in the mesh, taken.
pub(crate) struct Post {
    mesh: Arc<Mesh<Shard>>,
    owner: Owner<()>,
    ends: Ends<Mail<Socket>>,
    rousers: Vec<Rouser>,
    credits: Credits,
    /// Questions that wait for answers, by number: at most one per credit of the first core.
    gatherings: HashMap<u64, Gathering>,
    next_gathering: u64,
}

/// One question's answers so far.
struct Gathering {
    answers: Vec<Option<Answer>>,
    missing: usize,
    waiter: Option<Waker>,
}

/// Something that came by mail and is not an answer.
pub(crate) enum Arrival {
    /// A core's question.
    Question(Address, Question),
    /// Settings that are in force.
    Configured(Arc<Settings>),
    /// What a core has to say for the audit.
    Audit(Address, Vec<Event>),
    /// A core took a snapshot of the cluster on.
    RoutesTaken(Address, SnapshotVersion),
    /// A message for other nodes.
    BusPublish(Arc<Publication>),
    /// The process ends.
    Stop,
}

impl Post {
    /// The post of an address that holds its baton.
    pub(crate) fn new(seat: Seat) -> Post {
        let Seat { mesh, owner, ends, rousers } = seat;
        let credits = Credits::new(ends.addresses());
        Post { mesh, owner, ends, rousers, credits, gatherings: HashMap::new(), next_gathering: 0 }
    }

    /// What all cores share.
    pub(crate) fn mesh(&self) -> &Mesh<Shard> {
        &self.mesh
    }

    /// Number of cores.
    pub(crate) fn cores(&self) -> usize {
        self.mesh.cores()
    }

    /// Takes the baton up, after a wake-up or without one.
    pub(crate) fn wake(&mut self) {
        let woken = self.owner.wake();
        assert!(woken == Woken::Awake, "nobody visits an address without a shard");
    }

    /// Puts the baton down. `false` if there is mail.
    pub(crate) fn park(&mut self) -> bool {
        self.owner.park()
    }

    /// Reads all mail that was there when it began. Answers are given to whom they concern; the rest goes to `arrivals`.
    pub(crate) fn receive(&mut self, arrivals: &mut Vec<Arrival>) {
        self.owner.take_mail();
        let (credits, gatherings) = (&mut self.credits, &mut self.gatherings);
        let mut received = Received::Left;
        while received == Received::Left {
            received = self.ends.receive(MESSAGES_PER_CORE_MAX, |from, mail| match mail {
                Mail::Answer(reply) => {
                    credits.put_back(from);
                    take_answer(gatherings, from, *reply);
                }
                Mail::Ask(question) => arrivals.push(Arrival::Question(from, *question)),
                Mail::Configured(settings) => arrivals.push(Arrival::Configured(settings)),
                Mail::Audit(events) => arrivals.push(Arrival::Audit(from, events)),
                Mail::Refused(..)
                | Mail::Hops(_)
                | Mail::Done(_)
                | Mail::Lease(_)
                | Mail::Granted(_)
                | Mail::Return(_)
                | Mail::Notices(_) => {
                    unreachable!("commands and slots stay among cores")
                }
                Mail::RoutesTaken(version) => arrivals.push(Arrival::RoutesTaken(from, version)),
                Mail::BusPublish(publication) => arrivals.push(Arrival::BusPublish(publication)),
                Mail::Stop => arrivals.push(Arrival::Stop),
                Mail::Accepted(_) | Mail::Routes(_) | Mail::BusPublished(_) => unreachable!("only cores serve"),
            });
        }
    }

    /// Asks every core. `None` if one has all the questions that it may have unanswered.
    pub(crate) fn ask_cores(&mut self, ask: &Ask) -> Option<u64> {
        let cores = self.cores();
        let addresses = || (0..cores as u16).map(Address);
        let covered = addresses().take_while(|core| self.credits.take(*core)).count();
        if covered < cores {
            addresses().take(covered).for_each(|core| self.credits.put_back(core));
            return None;
        }
        self.next_gathering += 1;
        let id = self.next_gathering;
        let answers = (0..cores).map(|_| None).collect();
        self.gatherings.insert(id, Gathering { answers, missing: cores, waiter: None });
        for core in addresses() {
            self.send(core, Mail::Ask(Box::new(Question { id, ask: ask.clone() })));
        }
        self.flush();
        Some(id)
    }

    /// Answers a core's question.
    pub(crate) fn answer(&mut self, to: Address, id: u64, answer: Answer) {
        self.send(to, Mail::Answer(Box::new(Reply { id, answer })));
        self.flush();
    }

    /// Tells an address something that no credit covers. `Err` gives it back: the lane is full, and nothing tells when it is not. It
    /// leaves with the next [`Post::flush`].
    pub(crate) fn tell(&mut self, to: Address, mail: Mail<Socket>) -> Result<(), Mail<Socket>> {
        self.ends.send_notice(to, mail)
    }

    /// Tells everybody else to stop: the last mail that they get from here, so it may take the room that answers would need.
    pub(crate) fn stop_all(&mut self) {
        let me = self.ends.me();
        for address in (0..self.ends.addresses() as u16).map(Address).filter(|address| *address != me) {
            self.send(address, Mail::Stop);
        }
        self.flush();
    }

    fn send(&mut self, to: Address, mail: Mail<Socket>) {
        self.ends.send(to, mail).ok().expect("credits keep room in every lane");
    }

    /// Wakes whom mail was sent to since the last call.
    pub(crate) fn flush(&mut self) {
        let (mesh, rousers) = (&self.mesh, &self.rousers);
        self.ends.flush(|to| {
            if mesh.post(to) == Posted::Wake {
                rousers[usize::from(to.0)].wake();
            }
        });
    }
}

fn take_answer(gatherings: &mut HashMap<u64, Gathering>, from: Address, reply: Reply) {
    // Whoever asked may have given up.
    let Some(gathering) = gatherings.get_mut(&reply.id) else { return };
    gathering.answers[usize::from(from.0)] = Some(reply.answer);
    gathering.missing -= 1;
    if gathering.missing == 0
        && let Some(waiter) = gathering.waiter.take()
    {
        waiter.wake();
    }
}

/// The answers of all cores, in their order: ready when the last is there. Dropping it gives up.
pub(crate) struct Answers {
    post: Rc<RefCell<Post>>,
    id: u64,
}

impl Answers {
    /// The answers to the question with this number.
    pub(crate) fn new(post: Rc<RefCell<Post>>, id: u64) -> Answers {
        Answers { post, id }
    }

    /// The cores that have not answered.
    pub(crate) fn silent(&self) -> Vec<CoreId> {
        let post = self.post.borrow();
        let Some(gathering) = post.gatherings.get(&self.id) else { return Vec::new() };
        (0..).zip(&gathering.answers).filter(|(_, answer)| answer.is_none()).map(|(core, _)| CoreId(core)).collect()
    }
}

impl Future for Answers {
    type Output = Vec<Answer>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Vec<Answer>> {
        let mut post = self.post.borrow_mut();
        let gathering = post.gatherings.get_mut(&self.id).expect("it is there until its answers are taken");
        if gathering.missing > 0 {
            gathering.waiter = Some(context.waker().clone());
            return Poll::Pending;
        }
        let answers = std::mem::take(&mut gathering.answers);
        Poll::Ready(answers.into_iter().map(|answer| answer.expect("none is missing")).collect())
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        self.post.borrow_mut().gatherings.remove(&self.id);
    }
}

#[cfg(test)]
mod tests;
