//! The shard: everything of one core that commands touch, and the one place where a data command is carried out.
//!
//! A shard sits behind its core's baton. Its owner works with it while awake; a core that finds it parked may visit. Neither
//! does I/O here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use audit::mode::Mode;
use evict::access::AccessBits;
use evict::oom::OomRefusal;
use evict::time::UnixMillis;
use evict::topics::Auditor;
use keyspace::args::Args;
use keyspace::exec::Exec;
use keyspace::log::Notes;
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::Reply;
use keyspace::signals::EventClasses;
use keyspace::slot::Slot;
use keyspace::spec::Flags;
use keyspace::store::{DataStats, Db, Keyspace};

use crate::busy::Busy;
use crate::cluster::admission::Admission;
use crate::cluster::routes::Routes;
use crate::cluster::usage::SlotUsage;
use crate::command::{Command, CommandTable, Run};
use crate::commands::hello::{REDACTED, is_secret};
use crate::effects::Effect;
use crate::hop::{Call, Context, Hop};
use crate::latency::{EventKind, LatencyMonitor, Timing};
use crate::listeners::{Doubt, Listeners};
use crate::log::{Log, LogBytes};
use crate::mail::Question;
use crate::memory::Memory;
use crate::mesh::CoreId;
use crate::mesh::budget::Budget;
use crate::mesh::holds::Holds;
use crate::mesh::loans::{Loans, Need, UnitId};
use crate::mesh::mailbox::Address;
use crate::ready::Ready;
use crate::ring::clock::{ticks, ticks_to_ns};
use crate::route::SlotMap;
use crate::settings::Settings;
use crate::slowlog::{Slow, shorten};
use crate::stats::Stats;
use crate::tracking::prefixes::Prefixes;
use crate::unit::LeaseAsk;

/// Work that waits for slots on loan, or for keys that are held.
pub enum Work {
    /// Commands of a connection, here or from another core.
    Hop(Box<Hop>),
    /// Another unit's lease.
    Lease(Box<LeaseAsk>),
    /// A question from this address that needs slots.
    Question(Address, Box<Question>),
}

/// Replies that one connection's commands make here before others have their turn, in bytes.
pub const OUT_BYTES_PER_TURN_MAX: usize = 1 << 20;

/// The largest entry that a visitor works on, in bytes.
const VISITED_ENTRY_BYTES_MAX: usize = 64 << 10;

/// Commands of one visit. What is left goes by mail: there is enough for two to work on.
const VISITED_COMMANDS_MAX: usize = 256;

/// Why a hop stopped.
enum Stop {
    /// Every command is done.
    Done,
    /// The next command's slot is on loan.
    NoSlot,
    /// The next command writes to a key that is held.
    Held,
    /// It had its share of this turn.
    LongEnough,
}

/// What became of a hop.
pub enum Carried {
    /// Every command is done: it goes home.
    Done(Box<Hop>),
    /// It goes on in the next turn.
    More(Box<Hop>),
    /// It waits for a slot on loan, or for a key that is held.
    Parked,
}

/// The part of a core that commands touch.
pub struct Shard {
    /// Whose it is.
    pub core: CoreId,
    /// The data.
    pub keyspace: Keyspace,
    /// How much memory it may use.
    pub memory: Memory,
    /// Who owns which slot of the cluster; none where there is no cluster.
    pub routes: Option<Routes>,
    /// What the commands of each slot take; none while nobody wants to know.
    pub usage: Option<Box<SlotUsage>>,
    /// What is lent to multi-core units, and what waits for it.
    pub loans: Loans<Work>,
    /// Keys that are on their way to another server, and what waits for that.
    pub holds: Holds<Work>,
    /// Who wants to hear of changes of keys.
    pub listeners: Listeners,
    /// Changed keys on which clients wait: to be served once the command, transaction or script is over.
    pub ready: Ready,
    /// Who watches what a script has changed that may be taken back; only while such a script runs.
    pub doubt: Option<Doubt>,
    /// Records of what was changed, if somebody reads them.
    pub log: Option<Box<Log>>,
    /// A unit is under way in this shard: what it leaves for the log belongs together.
    pub in_unit: bool,
    /// What commands left for the owner to do.
    pub effects: Vec<Effect>,
    /// Who tracks keys by prefixes: the same on every core.
    pub prefixes: Prefixes,
    /// The number of the client whose command was the last.
    pub acting: u64,
    /// Keys that clients may track here. From the settings.
    pub(crate) tracked_max: usize,
    /// Wall-clock time of the commands carried out now; never goes back.
    pub now: UnixMillis,
    /// Counters per command.
    pub stats: Stats,
    /// Latency events of what was carried out here.
    pub latency: LatencyMonitor,
    /// Slow commands, for whoever carried them out to take to the client's core.
    pub slow: Vec<Slow>,
    /// What the core has to say for the audit: for its owner to take.
    pub auditor: Auditor,
    /// A client pause is in force here: nobody visits, and what is expired stays.
    pub paused: bool,
    /// Units that have slots of this shard for long: what needs those is refused.
    pub busy: Vec<(UnitId, Busy)>,
    /// Slots came back: what waited for them can go on.
    pub freed: bool,
    /// The settings in force.
    pub settings: Arc<Settings>,
    /// From how many nanoseconds on a command is slow; `u64::MAX` for never. From the settings.
    slow_ns: u64,
    /// From how many nanoseconds on it is a latency event, likewise.
    event_ns: u64,
    /// The lesser of both: what is compared per command.
    long_ns: u64,
    /// Replies to one batch above which its client is closed, in bytes: the hard output limit. From the settings.
    out_bytes_max: usize,
    /// Whether latency histograms are kept. From the settings.
    track_latency: bool,
    /// Which core has which slot.
    pub map: SlotMap,
    /// All commands.
    pub table: &'static CommandTable,
    slow_ids: Arc<AtomicU64>,
}

/// What a shard is made from.
pub struct ShardParts {
    /// Whose it is.
    pub core: CoreId,
    /// The data.
    pub keyspace: Keyspace,
    /// The settings at start.
    pub settings: Arc<Settings>,
    /// Numbers of slow-log entries, one counter for the process.
    pub slow_ids: Arc<AtomicU64>,
    /// The command table.
    pub table: &'static CommandTable,
    /// The slot map at start.
    pub map: SlotMap,
    /// The process's memory budget.
    pub budget: Arc<Budget>,
    /// Room for the records of what is changed, if somebody is to read them.
    pub log: Option<LogBytes>,
}

impl Shard {
    /// A shard at the beginning of its life.
    pub fn new(parts: ShardParts) -> Self {
        let mut shard = Shard {
            core: parts.core,
            keyspace: parts.keyspace,
            memory: Memory::new(parts.core, parts.budget),
            routes: None,
            usage: None,
            loans: Loans::new(),
            holds: Holds::default(),
            listeners: Listeners::default(),
            ready: Ready::default(),
            doubt: None,
            now: UnixMillis(0),
            stats: Stats::new(parts.table.all().len()),
            latency: LatencyMonitor::default(),
            slow: Vec::new(),
            log: parts.log.map(|room| Box::new(Log::new(parts.core, room))),
            in_unit: false,
            effects: Vec::new(),
            prefixes: Prefixes::default(),
            acting: 0,
            tracked_max: usize::MAX,
            auditor: Auditor::new(Mode::Strict),
            paused: false,
            busy: Vec::new(),
            freed: false,
            settings: parts.settings.clone(),
            slow_ns: u64::MAX,
            event_ns: u64::MAX,
            long_ns: u64::MAX,
            out_bytes_max: usize::MAX,
            track_latency: true,
            map: parts.map,
            table: parts.table,
            slow_ids: parts.slow_ids,
        };
        if let Some(LogBytes(room)) = parts.log {
            shard.keyspace.signals.log = Notes::on(room);
        }
        shard.configure(parts.settings);
        shard
    }

    /// Moves the clock forward; never back.
    #[inline]
    pub fn advance(&mut self, now: UnixMillis) {
        self.now = self.now.max(now);
    }

    /// The access bits of what is made now.
    #[inline]
    pub fn access(&self) -> AccessBits {
        self.keyspace.made(self.now)
    }

    /// True if a command on this slot may run now.
    #[inline]
    pub fn is_free(&self, slot: Slot) -> bool {
        self.loans.is_quiet() || self.loans.is_free(Need::One(slot.number()))
    }

    /// True if the value that a visitor would touch is small.
    #[inline]
    fn is_light(&self, db: Db, slot: Slot, hash: u64) -> bool {
        self.keyspace.weight(db, slot, hash) <= VISITED_ENTRY_BYTES_MAX
    }

    /// Carries out one data command and appends its reply. `started` is when the command before it ended; returns when this one
    /// did, so that a batch reads the clock once per command.
    #[inline]
    pub fn execute(
        &mut self,
        command: &Command,
        context: &Context,
        routed: Option<(Slot, u64)>,
        args: Args,
        started: u64,
        out: &mut Vec<u8>,
    ) -> u64 {
        let start = out.len();
        let outcome = self.run(command, context, routed, args, out);
        let ended = ticks();
        if let Err(refusal) = outcome {
            self.refuse(command, &refusal, context, start, out);
            self.note_refusal(command, args, &refusal);
        }
        self.account(command, args, ticks_to_ns(ended.wrapping_sub(started)));
        if self.keyspace.signals.pending {
            self.acting = context.client;
            self.end_command(context, args);
            self.hear();
        }
        if let Some(tracker) = context.tracker
            && command.is(Flags::READONLY)
        {
            self.track(command, args, tracker);
        }
        ended
    }

    /// Refuses a command for want of memory.
    #[cold]
    pub fn refuse_memory(&mut self, command: &Command, context: &Context, refusal: OomRefusal, out: &mut Vec<u8>) {
        self.note_oom(command);
        self.stats.rejected(Some(command.id), refusal.text().as_bytes());
        Reply::new(out, context.resp).error(refusal.text());
    }

    /// Notes for the log what a command did that is over.
    #[cold]
    pub fn end_command(&mut self, context: &Context, args: Args) {
        if self.log.is_some() {
            self.keyspace.signals.log.end_command(context.caller.db, args);
            self.seal();
        }
    }

    /// Calls a data command's handler.
    #[inline]
    pub fn run(
        &mut self,
        command: &Command,
        context: &Context,
        routed: Option<(Slot, u64)>,
        args: Args,
        out: &mut Vec<u8>,
    ) -> Outcome {
        let Run::Data(run) = command.run else { unreachable!("only data commands are routed to a shard") };
        debug_assert!(
            !context.caller.expiry_paused || !command.is(Flags::WRITE),
            "a write finds no key that is hidden"
        );
        let (access, now) = (self.access(), self.now);
        let db = self.keyspace.db(context.caller.db as usize).expect("SELECT checks the number");
        let mut exec = Exec { keyspace: &mut self.keyspace, db, now, access, caller: context.caller, routed };
        run(&mut exec, args, &mut Reply::new(out, context.resp))
    }

    /// `execute` for a command that is not part of a transaction or a script: whom it makes ready is served.
    #[inline]
    pub fn execute_alone(
        &mut self,
        command: &Command,
        context: &Context,
        routed: Option<(Slot, u64)>,
        args: Args,
        started: u64,
        out: &mut Vec<u8>,
    ) -> u64 {
        let before = out.len();
        let ended = self.execute(command, context, routed, args, started, out);
        if let (Some(usage), Some((slot, _))) = (&mut self.usage, routed) {
            usage.note(slot, ticks_to_ns(ended.wrapping_sub(started)), args, out.len() - before);
        }
        if !self.ready.is_empty() {
            self.serve_ready();
        }
        ended
    }

    /// Counts one execution and logs it if it was slow.
    #[inline]
    pub fn account(&mut self, command: &Command, args: Args, ns: u64) {
        self.stats.executed(command.id, ns, self.track_latency);
        if ns >= self.long_ns {
            self.took_long(command, args, ns);
        }
    }

    /// Answers with a handler's refusal in place of what it had written.
    #[cold]
    pub fn refuse(&mut self, command: &Command, refusal: &Refusal, context: &Context, start: usize, out: &mut Vec<u8>) {
        out.truncate(start);
        let text = refusal.text();
        self.stats.failed(command.id, &text);
        Reply::new(out, context.resp).error(&text);
    }

    /// Notes something of the core's own that took a while, if the latency monitor is to know.
    pub fn took(&mut self, kind: EventKind, micros: u64) {
        if micros.saturating_mul(1000) >= self.event_ns {
            self.latency.record(kind, self.now.0 / 1000, micros / 1000);
        }
    }

    /// What times steps for `took`.
    #[inline]
    pub fn timing(&self) -> Timing {
        if self.event_ns == u64::MAX { Timing::OFF } else { Timing::ON }
    }

    #[cold]
    fn took_long(&mut self, command: &Command, args: Args, ns: u64) {
        if ns >= self.event_ns {
            let kind = if command.is(Flags::FAST) { EventKind::FastCommand } else { EventKind::Command };
            self.latency.record(kind, self.now.0 / 1000, ns / 1_000_000);
        }
        if ns < self.slow_ns || command.is(Flags::SKIP_SLOWLOG) {
            return;
        }
        let mut shown = shorten(args);
        for (index, arg) in shown.iter_mut().enumerate() {
            if is_secret(command.spec.name, args, index) {
                *arg = REDACTED.into();
            }
        }
        let entry = Slow {
            id: self.slow_ids.fetch_add(1, Ordering::Relaxed),
            at: self.now.0 / 1000,
            us: ns / 1000,
            args: shown,
            peer: String::new(),
            name: Vec::new(),
        };
        self.slow.push(entry);
    }

    /// Sets counters to zero: CONFIG RESETSTAT. How many changes there were is not forgotten.
    pub fn reset_stats(&mut self) {
        self.stats.reset();
        self.usage.iter_mut().for_each(|usage| usage.forget(|_| true));
        self.memory.reset_stats();
        self.keyspace.stats = DataStats { changes: self.keyspace.stats.changes, ..DataStats::default() };
    }

    /// Carries out a hop from where it stands, up to a turn's worth of replies.
    fn carry_out(&mut self, hop: &mut Hop) -> Stop {
        match self.routes.is_some() {
            true => self.carry_out_as::<true>(hop),
            false => self.carry_out_as::<false>(hop),
        }
    }

    /// Likewise, of a `CLUSTER`'s node or not.
    fn carry_out_as<const CLUSTER: bool>(&mut self, hop: &mut Hop) -> Stop {
        if hop.left() > 1 {
            self.prefetch(hop);
        }
        let before = hop.replies.len();
        let mut started = ticks();
        let stop = loop {
            let Some(call) = hop.next() else { break Stop::Done };
            if self.held_by_next(hop).is_some() {
                break Stop::Held;
            }
            if !self.is_free(call.slot) {
                break Stop::NoSlot;
            }
            if hop.replies.len() > self.out_bytes_max {
                hop.overflow();
                break Stop::Done;
            }
            if hop.replies.len() - before > OUT_BYTES_PER_TURN_MAX {
                break Stop::LongEnough;
            }
            let command = self.table.get(call.command);
            match self.admit::<CLUSTER>(command, call.slot, &hop.context, || hop.args(call)) {
                Admission::Go => started = self.step(hop, call, started),
                Admission::Later => break Stop::LongEnough,
                why => self.turn_away_step(hop, call, why),
            }
        };
        hop.slow.append(&mut self.slow);
        stop
    }

    /// Carries out hops on behalf of a visitor, as far as they are small and their slots are here: those done go to `done`, the
    /// others stay. Says how many commands were carried out.
    pub fn visited_by(&mut self, hops: &mut Vec<Box<Hop>>, done: &mut Vec<Box<Hop>>) -> u64 {
        let waiting: usize = hops.iter().map(|hop| hop.left()).sum();
        if waiting > 1 {
            hops.iter().filter(|hop| !hop.heavy).for_each(|hop| self.prefetch(hop));
        }
        let mut commands = 0;
        done.extend(hops.extract_if(.., |hop| {
            let before = hop.left();
            if !hop.heavy && commands < VISITED_COMMANDS_MAX {
                match self.routes.is_some() {
                    true => self.carry_out_light::<true>(hop),
                    false => self.carry_out_light::<false>(hop),
                }
            }
            commands += before - hop.left();
            hop.left() == 0
        }));
        commands as u64
    }

    /// Carries out a hop up to the first command whose slot is on loan or whose entry is large.
    fn carry_out_light<const CLUSTER: bool>(&mut self, hop: &mut Hop) {
        let db = self.keyspace.db(hop.context.caller.db as usize);
        let mut started = ticks();
        while let Some(call) = hop.next() {
            let light = db.is_none_or(|db| self.is_light(db, call.slot, call.hash));
            let command = self.table.get(call.command);
            let has_room = !self.is_short() || !command.is(Flags::DENYOOM);
            let free = self.is_free(call.slot) && self.held_by_next(hop).is_none();
            if !light || !has_room || !free || hop.replies.len() > OUT_BYTES_PER_TURN_MAX {
                break;
            }
            if CLUSTER && let Some(decision) = self.elsewhere(command, call.slot, &hop.context, || hop.args(call)) {
                self.turn_away_step(hop, call, Admission::Elsewhere(decision));
                continue;
            }
            started = self.step(hop, call, started);
        }
        hop.slow.append(&mut self.slow);
    }

    /// Answers the next command of a hop, which is not carried out.
    #[cold]
    fn turn_away_step(&mut self, hop: &mut Hop, call: Call, why: Admission) {
        let (command, context) = (self.table.get(call.command), hop.context);
        hop.step(call, |_, out| self.turn_away(command, &context, why, out));
    }

    /// Carries out the next command of a hop; returns when it ended.
    #[inline]
    fn step(&mut self, hop: &mut Hop, call: Call, mut started: u64) -> u64 {
        let command = self.table.get(call.command);
        let mut context = hop.context;
        if self.paused {
            // A write that is under way when a pause begins is let through. What has expired makes room for it.
            context.caller.expiry_paused = !command.is(Flags::WRITE);
        }
        hop.step(call, |args, out| {
            started = self.execute_alone(command, &context, Some((call.slot, call.hash)), args, started, out);
        });
        started
    }

    fn prefetch(&self, hop: &Hop) {
        let Some(db) = self.keyspace.db(hop.context.caller.db as usize) else { return };
        if self.loans.is_quiet() {
            self.keyspace.prefetch(db, hop.calls().iter().map(|call| (call.slot, call.hash)));
        }
    }

    /// Carries out a hop or parks it until its slots are back.
    pub fn carry_out_or_park(&mut self, mut hop: Box<Hop>) -> Carried {
        match self.carry_out(&mut hop) {
            Stop::Done => return Carried::Done(hop),
            Stop::LongEnough => return Carried::More(hop),
            Stop::Held => return self.park_held(hop),
            Stop::NoSlot => {}
        }
        let call = hop.next().expect("a hop that is not done has a next command");
        let slot = call.slot;
        if let Some(busy) = self.busy_with(Need::One(slot.number())) {
            return self.refuse_next(hop, busy);
        }
        match self.loans.park(Need::One(slot.number()), Work::Hop(hop)) {
            Ok(_) => Carried::Parked,
            Err(work) => refuse_rest(work),
        }
    }

    /// Goes on with a hop that waited for the slot of its next command and has its turn for it. Later work may wait for the same
    /// slot: it does not hold that command up.
    pub fn carry_on_or_park(&mut self, mut hop: Box<Hop>) -> Carried {
        let call = hop.next().expect("a parked hop has a next command");
        if self.held_by_next(&hop).is_some() {
            return self.park_held(hop);
        }
        let command = self.table.get(call.command);
        match self.admit::<true>(command, call.slot, &hop.context, || hop.args(call)) {
            // It has waited for its turn: what it needs beyond the quota is one command's growth.
            Admission::Go | Admission::Later => drop(self.step(&mut hop, call, ticks())),
            why => self.turn_away_step(&mut hop, call, why),
        }
        self.carry_out_or_park(hop)
    }

    /// Takes on new settings.
    pub fn configure(&mut self, settings: Arc<Settings>) {
        let slower_than_us = u64::try_from(settings.slowlog_log_slower_than);
        self.slow_ns = slower_than_us.map_or(u64::MAX, |us| us.saturating_mul(1000));
        self.event_ns = match settings.latency_monitor_threshold {
            0 => u64::MAX,
            ms => ms.saturating_mul(1_000_000),
        };
        self.long_ns = self.slow_ns.min(self.event_ns);
        self.track_latency = settings.latency_tracking;
        self.out_bytes_max = match settings.client_output_buffer_limit.normal.hard_bytes {
            0 => usize::MAX,
            bytes => bytes as usize,
        };
        self.keyspace.limits = settings.data_limits();
        self.tracked_max = match settings.tracking_table_max_keys {
            0 => usize::MAX,
            keys => keys.div_ceil(u64::from(self.map.cores())) as usize,
        };
        self.keyspace.signals.classes = wanted(settings.notify_keyspace_events);
        SlotUsage::configure(&mut self.usage, &settings);
        self.configure_memory(&settings);
        self.settings = settings;
    }
}

/// Refuses what is left of a hop that could not be parked. The bound is above what all connections can have outstanding; past it commands are
/// refused, not kept.
pub(crate) fn refuse_rest(work: Work) -> Carried {
    let Work::Hop(mut hop) = work else { unreachable!("a refused parking gives back what it was given") };
    let context = hop.context;
    while let Some(call) = hop.next() {
        hop.step(call, |_, out| Reply::new(out, context.resp).error("BUSY too many commands wait for a lease"));
    }
    Carried::Done(hop)
}

/// The classes of events to note: none while neither form of publishing them is wanted.
fn wanted(classes: EventClasses) -> EventClasses {
    let published = classes.has(EventClasses::KEYSPACE) || classes.has(EventClasses::KEYEVENT);
    if published { classes } else { EventClasses::default() }
}

#[cfg(test)]
mod tests;
