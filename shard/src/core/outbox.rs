//! Mail that a turn makes, collected per target and posted once at the end of the turn.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::hop::Hop;
use crate::mail::Mail;
use crate::mesh::mailbox::{Address, Credits, Ends};
use crate::pubsub::Publication;
use crate::pubsub::notice::{Notice, STREAM_BYTES_MAX, Stream};

/// Messages that may wait for the bus thread.
const PUBLISHED_MAX: usize = 1024;

/// What waits for one target.
struct Outbox<S> {
    /// Hops that want a credit each.
    hops: Vec<Box<Hop>>,
    /// Other requests that want a credit.
    requests: Vec<Mail<S>>,
    /// Hops of the target's connections that are done.
    done: Vec<Box<Hop>>,
    /// Other answers, and returns of leases: the credit of their request makes room for them.
    answers: Vec<Mail<S>>,
    /// Notices that found no room.
    notices: VecDeque<Mail<S>>,
    /// What is told unasked, in order.
    stream: Stream,
}

/// The outboxes of one core.
pub(super) struct Outboxes<S> {
    boxes: Vec<Outbox<S>>,
    credits: Credits,
    /// Something can be posted now.
    fresh: bool,
    /// Bytes of what waits to be told.
    told_bytes: usize,
}

impl<S> Outboxes<S> {
    /// Empty outboxes for this many addresses, each with room for messages of so many bytes.
    pub(super) fn new(addresses: usize, stream_bytes_max: usize) -> Self {
        let empty = || Outbox {
            hops: Vec::new(),
            requests: Vec::new(),
            done: Vec::new(),
            answers: Vec::new(),
            notices: VecDeque::new(),
            stream: Stream::new(stream_bytes_max),
        };
        let boxes = (0..addresses).map(|_| empty()).collect();
        Outboxes { boxes, credits: Credits::new(addresses), fresh: false, told_bytes: 0 }
    }

    fn to(&mut self, to: Address) -> &mut Outbox<S> {
        self.fresh = true;
        &mut self.boxes[to.0 as usize]
    }

    /// Commands for another core.
    pub(super) fn hop(&mut self, to: Address, hop: Box<Hop>) {
        self.to(to).hops.push(hop);
    }

    /// The hops to a core that are not posted, for a visitor to take.
    pub(super) fn hops_for(&mut self, to: Address) -> &mut Vec<Box<Hop>> {
        &mut self.boxes[to.0 as usize].hops
    }

    /// True if hops to a core are not posted.
    pub(super) fn has_hops_for(&self, to: Address) -> bool {
        !self.boxes[to.0 as usize].hops.is_empty()
    }

    /// A hop that is done, on its way home.
    pub(super) fn done(&mut self, to: Address, hop: Box<Hop>) {
        self.to(to).done.push(hop);
    }

    /// Another request.
    pub(super) fn request(&mut self, to: Address, mail: Mail<S>) {
        self.to(to).requests.push(mail);
    }

    /// An answer, or the return of a lease.
    pub(super) fn answer(&mut self, to: Address, mail: Mail<S>) {
        self.to(to).answers.push(mail);
    }

    /// Takes the credit of a request that is made in a visit: its answer or its return may still go by mail.
    pub(super) fn take_credit(&mut self, to: Address) -> bool {
        self.credits.take(to)
    }

    /// A notice.
    pub(super) fn notice(&mut self, to: Address, mail: Mail<S>) {
        self.to(to).notices.push_back(mail);
    }

    /// A message for the bus thread, unless those that wait for it are too many or too large. False if it was dropped.
    pub(super) fn publish(&mut self, bus: Address, publication: &Arc<Publication>) -> bool {
        let waiting = &self.boxes[bus.0 as usize].notices;
        let bytes = |mail: &Mail<S>| if let Mail::BusPublish(publication) = mail { publication.bytes() } else { 0 };
        let is_full = waiting.len() >= PUBLISHED_MAX || waiting.iter().map(bytes).sum::<usize>() > STREAM_BYTES_MAX;
        if !is_full {
            self.notice(bus, Mail::BusPublish(publication.clone()));
        }
        !is_full
    }

    /// What is told unasked, behind everything that was told before.
    pub(super) fn tell(&mut self, to: Address, notice: Notice) {
        let stream = &mut self.to(to).stream;
        let before = stream.bytes();
        stream.push(notice);
        self.told_bytes = stream.bytes() + self.told_bytes - before;
    }

    /// Notes that `requests` requests are over: their credits are back. A lease is over when its return is sent.
    pub(super) fn answered(&mut self, by: Address, requests: usize) {
        (0..requests).for_each(|_| self.credits.put_back(by));
        let outbox = &self.boxes[by.0 as usize];
        self.fresh |= !(outbox.hops.is_empty() && outbox.requests.is_empty());
    }

    /// True if mail to `to` waits here: a visit would overtake it.
    pub(super) fn has_mail_for(&self, to: Address) -> bool {
        let outbox = &self.boxes[to.0 as usize];
        !(outbox.hops.is_empty() && outbox.requests.is_empty())
    }

    /// Bytes of what waits to be told.
    pub(super) fn heap_bytes(&self) -> usize {
        self.told_bytes
    }

    /// True if there is something to post that needs no answer first.
    pub(super) fn is_ready(&self) -> bool {
        self.fresh
    }

    /// Hands everything that has room to the mailboxes. What lacks a credit stays until an answer brings one. Returns how many
    /// commands went out in hops.
    pub(super) fn post(&mut self, ends: &mut Ends<Mail<S>>) -> u64 {
        if !std::mem::take(&mut self.fresh) {
            return 0;
        }
        let mut commands = 0;
        for (index, outbox) in self.boxes.iter_mut().enumerate() {
            let to = Address(index as u16);
            let full = "credits keep room in every lane";
            if !outbox.done.is_empty() {
                ends.send(to, Mail::Done(std::mem::take(&mut outbox.done))).ok().expect(full);
            }
            for answer in outbox.answers.drain(..) {
                ends.send(to, answer).ok().expect(full);
            }
            // Before the hops, which can use up every credit for ever.
            let covered = outbox.requests.iter().take_while(|_| self.credits.take(to)).count();
            for request in outbox.requests.drain(..covered) {
                ends.send(to, request).ok().expect(full);
            }
            let covered = outbox.hops.iter().take_while(|_| self.credits.take(to)).count();
            if covered > 0 {
                let later = outbox.hops.split_off(covered);
                let hops = std::mem::replace(&mut outbox.hops, later);
                commands += hops.iter().map(|hop| hop.left() as u64).sum::<u64>();
                ends.send(to, Mail::Hops(hops)).ok().expect(full);
            }
            let told_before = outbox.stream.bytes();
            if !outbox.stream.is_empty()
                && let Err(Mail::Notices(notices)) = ends.send_notice(to, Mail::Notices(outbox.stream.take()))
            {
                outbox.stream.put_back(notices);
                self.fresh = true;
            }
            self.told_bytes = self.told_bytes - told_before + outbox.stream.bytes();
            while let Some(notice) = outbox.notices.pop_front() {
                if let Err(notice) = ends.send_notice(to, notice) {
                    outbox.notices.push_front(notice);
                    self.fresh = true;
                    break;
                }
            }
        }
        commands
    }
}
