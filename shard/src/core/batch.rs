//! One batch: the complete commands at the front of a connection's input that can be routed by their keys alone.

use keyspace::args::{Args, OwnedArgs, Span};
use keyspace::slot::Slot;
use keyspace::spec::Flags;
use smallvec::SmallVec;

use crate::acl;
use crate::cluster::admission::Admission;
use crate::command::{Command, Run};
use crate::conn::{Closing, Conn, Waiting};
use crate::flight::Flight;
use crate::hop::{Call, Hop};
use crate::mesh::{CoreId, Mesh};
use crate::resp::{Limits, Step};
use crate::ring::Ring;
use crate::ring::clock::ticks;
use crate::session::Session;
use crate::settings::PipelineOrder;
use crate::shard::{OUT_BYTES_PER_TURN_MAX, Shard};

use super::{Inner, pause};

/// The most commands of one batch: what a connection may do before others have their turn.
pub(super) const BATCH_COMMANDS_MAX: usize = 512;

/// Arguments of a command that a visitor carries out, in bytes: a visit is short (`cores.md` §3.1).
const VISIT_BYTES_MAX: usize = 16 << 10;

/// Buffers of the batch that is being worked on; kept from one to the next.
#[derive(Default)]
pub(super) struct Batch {
    spans: Vec<Span>,
    calls: Vec<(Call, CoreId)>,
}

impl Batch {
    /// Bytes that it holds on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.spans.capacity() * size_of::<Span>() + self.calls.capacity() * size_of::<(Call, CoreId)>()
    }
}

/// Why a batch ends.
enum End {
    /// The input has no other complete command.
    Incomplete,
    /// It is long enough.
    Full,
    /// The next command, whose arguments start at this span, is not for routing alone.
    Barrier(usize),
    /// The next command came inline.
    Inline(OwnedArgs),
    /// The input is malformed.
    Failed(crate::resp::ProtocolError),
}

/// The cores that a batch sends to, with what they get.
type Hops = SmallVec<[(CoreId, Box<Hop>); 2]>;

/// Whether a connection may have more to do at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// It may; this many commands were carried out.
    More(usize),
    /// It needs more input, or waits.
    Rest,
}

impl<R: Ring> Inner<R> {
    /// Parses and carries out the next batch of a connection's input.
    pub(super) fn batch(&mut self, mesh: &Mesh<Shard>, conn: &mut Conn) -> Progress {
        let input = std::mem::take(&mut conn.input);
        let mut batch = std::mem::take(&mut self.batch);
        batch.spans.clear();
        batch.calls.clear();
        let end = self.fill(conn, &input, &mut batch);
        if !batch.calls.is_empty() {
            match self.bus.is_some() {
                true => self.carry_out::<true>(conn, &input, &batch),
                false => self.carry_out::<false>(conn, &input, &batch),
            }
            conn.session.modes.asking = false;
        }
        let (rests, done) = (conn.waiting != Waiting::No, batch.calls.len());
        let progress = match end {
            End::Incomplete => Progress::Rest,
            End::Full => Progress::More(done),
            End::Barrier(first) => {
                let args = Args::new(&input, &batch.spans[first..]);
                match rests {
                    true => conn.deferred = Some(OwnedArgs::copy(args)),
                    false => self.barrier(mesh, conn, args),
                }
                Progress::More(done + 1)
            }
            End::Inline(args) => {
                conn.deferred = Some(args);
                Progress::More(done)
            }
            // While replies are outstanding the error waits: the parser gives the same answer again.
            End::Failed(_) if rests => Progress::Rest,
            End::Failed(error) => {
                if !conn.session.is_muted() {
                    error.append_reply(&mut conn.out);
                }
                conn.closing = Closing::AfterReplies;
                Progress::Rest
            }
        };
        self.batch = batch;
        conn.input = input;
        conn.drain_input();
        progress
    }

    /// Parses commands and routes them, up to the first that cannot be routed by its keys alone.
    fn fill(&mut self, conn: &mut Conn, input: &[u8], batch: &mut Batch) -> End {
        let limits = Limits {
            bulk_bytes_max: self.settings.proto_max_bulk_len as u32,
            args_max: Limits::ARGS_MAX,
            inline_bytes_max: Limits::INLINE_BYTES_MAX,
            auth: conn.session.auth_under(&self.guard.users),
        };
        // ASKING is for one command.
        let commands_max = if conn.session.modes.asking { 1 } else { BATCH_COMMANDS_MAX };
        while batch.calls.len() < commands_max {
            let first = batch.spans.len();
            match conn.parser.next(input, &limits, &mut batch.spans) {
                Step::Command => {
                    let args = Args::new(input, &batch.spans[first..]);
                    let Some((call, target)) = self.route(conn, args, first) else { return End::Barrier(first) };
                    if self.turns_off(batch, target) {
                        return End::Barrier(first);
                    }
                    batch.calls.push((call, target));
                }
                Step::Inline(bytes) => {
                    let args = Args::new(&bytes, &batch.spans[first..]);
                    return End::Inline(OwnedArgs::copy(args));
                }
                Step::Incomplete => return End::Incomplete,
                Step::Failed(error) => return End::Failed(error),
            }
        }
        End::Full
    }

    /// True if mail to a core is under way: a visit would overtake it.
    pub(super) fn is_owed_mail(&self, core: CoreId) -> bool {
        self.outboxes.has_mail_for(core.into()) || self.ends.has_unflushed(core.into())
    }

    /// With a strict pipeline order a batch stays on one core.
    fn turns_off(&self, batch: &Batch, target: CoreId) -> bool {
        self.settings.pipeline_order == PipelineOrder::Strict
            && batch.calls.last().is_some_and(|(_, core)| *core != target)
    }

    /// Where a command goes, if its keys alone decide and nothing else is to be checked.
    #[inline]
    pub(super) fn route(&mut self, conn: &mut Conn, args: Args, first: usize) -> Option<(Call, CoreId)> {
        let command = self.table.resolve(args).ok()?;
        let Run::Data(_) = command.run else { return None };
        // DEBUG OBJECT has a key but is not for everybody.
        if conn.session.is_barred()
            || (conn.session.guarded && !admits(&conn.session, command, args))
            || self.pauses.holds_back(command)
            || command.is(Flags::ADMIN)
            || command.may_wait(args)
        {
            return None;
        }
        let key = match command.only_key {
            Some(index) => args.at(index as usize),
            None if command.whole(args).is_some() => return None,
            None => {
                let mut keys = command.spec.keys_of(args);
                let key = keys.next()?;
                if self.map.cores() > 1 || self.bus.is_some() {
                    let slot = Slot::of(key);
                    keys.all(|other| Slot::of(other) == slot).then_some(())?;
                }
                key
            }
        };
        let slot = Slot::of(key);
        let muted = conn.session.begin(command.id);
        let call = Call {
            command: command.id,
            first: first as u32,
            count: args.len() as u32,
            slot,
            hash: self.hasher.hash(key),
            muted,
        };
        Some((call, self.map.owner(slot)))
    }

    /// Carries out a batch, of a `CLUSTER`'s node or not: here, or by hops.
    fn carry_out<const CLUSTER: bool>(&mut self, conn: &mut Conn, input: &[u8], batch: &Batch) {
        let context = conn.session.context(self.pauses.is_in_force(self.now));
        let mut flight = conn.flight.take();
        let mut hops: Hops = SmallVec::new();
        self.prefetch(batch, input, context.caller.db);
        let begun = conn.out.len();
        if self.monitors.any() {
            self.show_batch(conn, input, batch);
        }
        let mut started = ticks();
        for (call, target) in &batch.calls {
            let args = Args::new(input, &batch.spans[call.first as usize..(call.first + call.count) as usize]);
            let command = self.table.get(call.command);
            let away = hops.iter().position(|(core, _)| core == target);
            if *target == self.id && away.is_none() {
                let shard = self.owner.shard();
                // Past its share of replies the connection goes on in the next turn.
                let written = conn.out.len() - begun + flight.as_ref().map_or(0, |flight| flight.here_bytes());
                let runs = shard.is_free(call.slot)
                    && shard.held_slot(command, args).is_none()
                    && written <= OUT_BYTES_PER_TURN_MAX;
                let admission = match runs {
                    true => shard.admit::<CLUSTER>(command, call.slot, &context, || args),
                    false => Admission::Later,
                };
                if !matches!(admission, Admission::Later) {
                    let aside = if hops.is_empty() { None } else { flight.as_deref_mut() };
                    started = reply_with(conn, aside, call.muted, |out| match admission {
                        Admission::Go => {
                            shard.execute_alone(command, &context, Some((call.slot, call.hash)), args, started, out)
                        }
                        why => {
                            shard.turn_away(command, &context, why, out);
                            started
                        }
                    });
                    continue;
                }
            }
            let index = away.unwrap_or_else(|| {
                let mut hop = self.spares.hop();
                hop.context = context;
                hop.home = Some((self.id, conn.id));
                hop.target = *target;
                hops.push((*target, hop));
                hops.len() - 1
            });
            let hop = &mut hops[index].1;
            hop.writes |= pause::writes(command);
            hop.heavy |= !command.is(Flags::VISITABLE) || args.bytes() > VISIT_BYTES_MAX;
            hop.push(*call, args);
            flight.get_or_insert_default().expect(*target);
        }
        let mut slow = std::mem::take(&mut self.owner.shard().slow);
        self.log_slow(&conn.session, &mut slow);
        if !hops.is_empty() {
            conn.waiting = Waiting::Hops;
            self.depart(flight.as_deref_mut().expect("a hop has a flight"), hops);
        }
        conn.flight = flight;
    }

    /// Tells monitors of a batch.
    #[cold]
    fn show_batch(&mut self, conn: &Conn, input: &[u8], batch: &Batch) {
        for (call, _) in &batch.calls {
            let args = Args::new(input, &batch.spans[call.first as usize..(call.first + call.count) as usize]);
            self.show(conn, self.table.get(call.command), args);
        }
    }

    /// Fetches what a batch's commands on this core will touch: entries, then the elements that are looked up in large ones.
    #[inline]
    fn prefetch(&mut self, batch: &Batch, input: &[u8], db: u16) {
        let shard = self.owner.shard();
        let Some(db) = shard.keyspace.db(db as usize) else { return };
        if batch.calls.len() == 1 || !shard.loans.is_quiet() {
            return;
        }
        let calls = batch.calls.iter().filter(|(_, target)| *target == self.id).map(|(call, _)| call);
        shard.keyspace.prefetch(db, calls.clone().map(|call| (call.slot, call.hash)));
        let elements = calls.filter_map(|call| {
            let command = self.table.get(call.command);
            if !command.looks_up_element() {
                return None;
            }
            let args = Args::new(input, &batch.spans[call.first as usize..(call.first + call.count) as usize]);
            Some((call.slot, call.hash, command.element(args)?))
        });
        shard.keyspace.prefetch_elements(db, elements);
    }

    /// Sends hops off. One to this very core goes on in the next turn.
    fn depart(&mut self, flight: &mut Flight, hops: Hops) {
        for (target, mut hop) in hops {
            flight.departed(&mut hop);
            self.pauses.writing_hops += usize::from(hop.writes);
            if target == self.id {
                // Its slot is on loan, or it has had its share of this turn.
                self.unfinished.push(hop);
            } else {
                self.outboxes.hop(target.into(), hop);
            }
        }
    }
}

/// True if a session that may not do everything, but is somebody, may do this. What it may not do is a barrier, where it is told why.
#[inline(never)]
fn admits(session: &Session, command: &Command, args: Args) -> bool {
    let user = &session.user;
    acl::check(user, command, args).is_ok() && acl::check_sort(user, command, args).is_ok()
}

/// Has a reply written where it belongs: to the connection's output, or aside while hops of the batch are under way.
#[inline]
fn reply_with<T>(conn: &mut Conn, aside: Option<&mut Flight>, muted: bool, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    match aside {
        None => {
            let before = conn.out.len();
            let result = write(&mut conn.out);
            conn.out.truncate(if muted { before } else { usize::MAX });
            result
        }
        Some(flight) => {
            let before = flight.here().len();
            let result = write(flight.here());
            flight.here().truncate(if muted { before } else { usize::MAX });
            let bytes = flight.here().len() - before;
            flight.replied_here(bytes);
            result
        }
    }
}
