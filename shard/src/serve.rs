//! What follows a command: whoever listens to a key that it changed is told, and clients that wait on it are served.

use std::collections::VecDeque;

use keyspace::args::Args;
use keyspace::exec::Caller;
use keyspace::reply::Reply;
use keyspace::signals::{Change, Changed, Upheaval, Wait};
use keyspace::slot::Slot;
use keyspace::spec::Flags;
use keyspace::store::Keyspace;
use smallvec::SmallVec;

use crate::command::{Command, CommandId};
use crate::effects::{Effect, Served};
use crate::hop::Context;
use crate::listeners::{Doubt, Listeners, Waiter};
use crate::mesh::CoreId;
use crate::mesh::loans::Need;
use crate::mesh::ticket::Ticket;
use crate::ready::Ready;
use crate::ring::ConnId;
use crate::shard::Shard;
use crate::tracking::prefixes::Prefixes;
use crate::tracking::{ChangedKey, Invalid, Tracker};
use crate::unit::Turn;

/// What became of a client that waits.
enum Outcome {
    /// It got its reply, or its home core carries its command out.
    Gone,
    /// There is nothing for it.
    Waits,
    /// Somebody else is about to serve it: those behind it have to wait for that.
    Claimed,
}

/// Who is told of what commands left, and where it is noted.
pub struct Told<'a> {
    /// Keys on which clients wait.
    pub ready: &'a mut Ready,
    /// What the owner has to do.
    pub effects: &'a mut Vec<Effect>,
    /// Who tracks by prefixes.
    pub prefixes: &'a Prefixes,
    /// The number of the client whose command it was.
    pub by: u64,
    /// Where it is noted who is told later, while a script runs that may be taken back.
    pub doubt: Option<&'a mut Doubt>,
}

/// Takes what commands left in a keyspace: tells those who watch, adds the keys on which clients wait to `ready`, and leaves what is to
/// be published among the effects.
pub fn hear(keyspace: &mut Keyspace, listeners: &mut Listeners, told: Told) {
    let Told { ready, effects, prefixes, by, mut doubt } = told;
    for changed in std::mem::take(&mut keyspace.signals.changed) {
        if changed.what == Change::Value {
            let trackers: Vec<Tracker> = listeners.take_trackers(&changed).into_iter().collect();
            if !trackers.is_empty() {
                effects.push(Effect::Invalid(Invalid::key(&changed.key, by), trackers));
            }
            if prefixes.matching(&changed.key).next().is_some() {
                effects.push(Effect::Broadcast(ChangedKey { key: changed.key[..].into(), by }));
            }
        }
        if listeners.changed(keyspace, &changed, doubt.as_deref_mut()) {
            ready.push(changed);
        }
    }
    for upheaval in std::mem::take(&mut keyspace.signals.upheavals) {
        if let Upheaval::Flushed(_) = upheaval {
            listeners.forget_trackers(keyspace);
            if !matches!(effects.last(), Some(Effect::Invalid(Invalid::Everything, _))) {
                effects.push(Effect::Invalid(Invalid::Everything, Vec::new()));
            }
        }
        let keys = match upheaval {
            Upheaval::Flushed(db) => listeners.flushed(db),
            Upheaval::Swapped(a, b) if a == b => Vec::new(),
            Upheaval::Swapped(a, b) => listeners.swapped([a, b], |db, key| keyspace.has(&Changed::value(db, key))),
        };
        keys.into_iter().for_each(|key| ready.push(key));
    }
    effects.extend(keyspace.signals.events.drain(..).map(Effect::Event));
    keyspace.signals.pending = false;
}

impl Shard {
    /// Enters a client among those who wait on the keys of `wait`, whose slots are here. The ticket is for its home core.
    pub fn block(&mut self, home: CoreId, conn: ConnId, context: &Context, wait: &Wait) -> Ticket {
        let ticket = Ticket::new();
        let waited = Caller { waited: true, ..context.caller };
        for (key, args) in &wait.keys {
            let command = self.table.resolve(args.args()).expect("who waits names a command that serves it");
            let waiter = Waiter {
                ticket: ticket.clone(),
                home,
                conn,
                context: Context { caller: waited, ..*context },
                command: command.id,
                args: args.clone(),
                minds_loss: wait.minds_loss,
            };
            let key = Changed::value(context.caller.db, key);
            self.listeners.wait(&mut self.keyspace, &key, waiter);
        }
        ticket
    }

    /// Takes what the last command left.
    #[cold]
    pub fn hear(&mut self) {
        if self.log.is_some() {
            self.seal();
        }
        let Shard { keyspace, listeners, ready, effects, prefixes, acting, doubt, .. } = self;
        hear(keyspace, listeners, Told { ready, effects, prefixes, by: *acting, doubt: doubt.as_mut() });
    }

    /// Notes a client that tracks beside the keys that its command has read. They are here.
    #[cold]
    pub fn track(&mut self, command: &Command, args: Args, tracker: Tracker) {
        for key in command.spec.keys_of(args) {
            if let Some((key, trackers)) = self.listeners.track(&mut self.keyspace, key, tracker, self.tracked_max) {
                let trackers = trackers.into_iter().collect();
                self.effects.push(Effect::Invalid(Invalid::key(&key, 0), trackers));
            }
        }
    }

    /// After a command, a transaction or a script: serves the clients that wait on what it changed, in the order in which they came.
    /// What they take or move may make further keys ready.
    #[cold]
    pub fn serve_ready(&mut self) {
        while !self.ready.is_empty() {
            self.serve_next();
        }
    }

    /// Serves those who wait on the first of the keys that are ready.
    pub fn serve_next(&mut self) {
        if let Some(key) = self.ready.pop() {
            self.serve_key(&key, None);
        }
    }

    /// Serves those who wait on a key, but for those with the command `in_vain`, which has just found nothing there.
    pub fn serve_key(&mut self, key: &Changed, in_vain: Option<CommandId>) {
        let mut waiters = self.listeners.take_waiters(key);
        self.serve(key, &mut waiters, in_vain);
        self.listeners.put_waiters(&mut self.keyspace, key, waiters);
    }

    fn serve(&mut self, key: &Changed, waiters: &mut VecDeque<Waiter>, in_vain: Option<CommandId>) {
        let lost = !self.keyspace.has(key);
        // Commands that found nothing: nor would they for those behind.
        let mut exhausted: SmallVec<[CommandId; 4]> = in_vain.into_iter().collect();
        let mut index = 0;
        while let Some(waiter) = waiters.get(index) {
            self.listeners.looks().add(1);
            if waiter.ticket.has_ended() {
                waiters.remove(index);
                continue;
            }
            if (lost && !waiter.minds_loss) || exhausted.contains(&waiter.command) {
                index += 1;
                continue;
            }
            match self.serve_one(key, waiter) {
                Outcome::Claimed => return,
                Outcome::Waits => {
                    if self.takes_any(waiter) {
                        exhausted.push(waiter.command);
                    }
                    index += 1;
                }
                Outcome::Gone => {
                    waiters.remove(index);
                    if !lost && !self.keyspace.has(key) {
                        return;
                    }
                }
            }
        }
    }

    /// True if whatever is in the key serves the client: a list's or a sorted set's, but not a stream's reader, who waits for what is
    /// newer than what it knows.
    fn takes_any(&self, waiter: &Waiter) -> bool {
        self.table.get(waiter.command).spec.group != "stream"
    }

    /// Serves one client, if there is something for it.
    fn serve_one(&mut self, key: &Changed, waiter: &Waiter) -> Outcome {
        if !waiter.ticket.claim() {
            if waiter.ticket.has_ended() {
                return Outcome::Gone;
            }
            // Whoever has it may be the owner of another key: then nobody comes back to this one.
            self.effects.push(Effect::Again(key.clone()));
            return Outcome::Claimed;
        }
        if let Some(reply) = self.lost_waiter(waiter) {
            waiter.ticket.serve();
            let Waiter { home, conn, .. } = *waiter;
            self.effects.push(Effect::Served(Box::new(Served { home, conn, reply })));
            return Outcome::Gone;
        }
        let command = self.table.get(waiter.command);
        let args = waiter.args.args();
        let here = command.spec.keys_of(args).all(|other| self.is_here(key, Slot::of(other)))
            && self.held_slot(command, args).is_none();
        if !here {
            if !self.keyspace.has(key) {
                waiter.ticket.reopen();
                return Outcome::Waits;
            }
            self.effects.push(Effect::Turn(Box::new(Turn { waiter: waiter.clone(), key: key.clone() })));
            return Outcome::Claimed;
        }
        let mut reply = Vec::new();
        let waits = self.run_for(waiter, &mut reply);
        self.hear();
        if waits {
            waiter.ticket.reopen();
            return Outcome::Waits;
        }
        waiter.ticket.serve();
        let Waiter { home, conn, .. } = *waiter;
        self.effects.push(Effect::Served(Box::new(Served { home, conn, reply })));
        Outcome::Gone
    }

    /// True if a slot's keys are in this keyspace now, so that a command may touch them.
    fn is_here(&self, key: &Changed, slot: Slot) -> bool {
        slot == key.slot || (self.map.owner(slot) == self.core && self.loans.is_free(Need::One(slot.number())))
    }

    /// Runs a blocked client's command; true if it would go on waiting, and wrote nothing.
    pub fn run_for(&mut self, waiter: &Waiter, out: &mut Vec<u8>) -> bool {
        let command = self.table.get(waiter.command);
        self.acting = waiter.context.client;
        let outcome = self.run(command, &waiter.context, None, waiter.args.args(), out);
        if let Err(refusal) = outcome {
            out.clear();
            let text = refusal.text();
            self.stats.failed(command.id, &text);
            Reply::new(out, waiter.context.resp).error(&text);
        }
        let waits = self.keyspace.signals.wait.take().is_some();
        if self.log.is_some() {
            self.keyspace.signals.log.end_command(waiter.context.caller.db, waiter.args.args());
            self.seal_unit();
        }
        if let Some(tracker) = waiter.context.tracker
            && command.is(Flags::READONLY)
            && !waits
        {
            // What it had noted is told, and with that forgotten.
            self.track(command, waiter.args.args(), tracker);
        }
        waits
    }
}
