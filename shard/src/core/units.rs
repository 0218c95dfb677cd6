//! Units at this core: as their coordinator, and as an owner that is asked for slots.

use evict::time::UnixMillis;
use keyspace::args::{Args, OwnedArgs};
use keyspace::exec::Caller;
use keyspace::reply::Reply;
use keyspace::slot::Slot;
use keyspace::store::Keyspace;
use keyspace::whole::Whole;

use crate::command::Command;
use crate::conn::{Conn, Waiting};
use crate::effects;
use crate::mail::{Mail, Return};
use crate::mesh::baton::Errand;
use crate::mesh::loans::{Need, NeedOwned, UnitId};
use crate::mesh::{CoreId, Mesh};
use crate::ring::Ring;
use crate::ring::clock::{ticks, ticks_to_ns};
use crate::route::SlotMap;
use crate::shard::{Shard, Work};
use crate::unit::{Grant, LeaseAsk, Loan, Unit};

use super::Inner;
use super::visits::leave;

impl<R: Ring> Inner<R> {
    /// Begins a unit for a connection's command. It may be done at once; otherwise the connection waits for it.
    pub(super) fn start_unit(
        &mut self,
        mesh: &Mesh<Shard>,
        conn: &mut Conn,
        command: &'static Command,
        args: Args,
        plan: Vec<(CoreId, NeedOwned)>,
    ) {
        self.next_unit += 1;
        let seq = self.next_unit;
        let mut unit = Unit {
            id: UnitId { core: self.id.0, seq },
            conn: conn.id,
            command,
            args: OwnedArgs::copy(args),
            context: conn.session.context(self.pauses.is_in_force(self.now)),
            muted: conn.session.begin(command.id),
            plan,
            grants: Vec::new(),
        };
        match self.gather(mesh, &mut unit) {
            true => {
                self.run(mesh, unit, &mut conn.out);
                self.collect_slow(&conn.session);
            }
            false => {
                conn.waiting = Waiting::Unit(seq);
                self.units.insert(seq, unit);
            }
        }
    }

    /// Asks for what the unit lacks, owner by owner. True once it has everything; false while it waits for one.
    fn gather(&mut self, mesh: &Mesh<Shard>, unit: &mut Unit) -> bool {
        while let Some((core, need)) = unit.next() {
            let (core, need) = (*core, need.clone());
            match self.obtain(mesh, unit.id, core, &need) {
                Some(grant) => unit.grants.push(grant),
                None => return false,
            }
        }
        true
    }

    /// Gets slots of one owner now, or asks for them.
    fn obtain(&mut self, mesh: &Mesh<Shard>, unit: UnitId, core: CoreId, need: &NeedOwned) -> Option<Grant> {
        let ask = || Box::new(LeaseAsk { unit, need: need.clone() });
        if core == self.id {
            return lend_own(self.owner.shard(), unit, need.as_need(), ask);
        }
        if self.settings.visits && !self.is_owed_mail(core) && self.outboxes.take_credit(core.into()) {
            if let Some(mut visit) = mesh.baton(core).try_visit() {
                let grant = lend_or_park(&mut visit, unit, need.as_need(), ask);
                leave(&mut self.ring, visit, core, Errand::None);
                return grant;
            }
            self.outboxes.answered(core.into(), 1);
        }
        self.outboxes.request(core.into(), Mail::Lease(ask()));
        None
    }

    /// A unit, of this core or another, asks this core for slots.
    pub(super) fn lease(&mut self, mesh: &Mesh<Shard>, ask: LeaseAsk) {
        let unit = ask.unit;
        let again = || Box::new(LeaseAsk { unit, need: ask.need.clone() });
        let shard = self.owner.shard();
        let grant = match unit.core == self.id.0 {
            true => lend_own(shard, unit, ask.need.as_need(), again),
            false => lend_or_park(shard, unit, ask.need.as_need(), again),
        };
        if let Some(grant) = grant {
            self.grant(mesh, grant);
        }
    }

    /// Lends what a request waited for and has its turn for. Later work may wait for the same slots: it goes on waiting.
    pub(super) fn lease_now(&mut self, mesh: &Mesh<Shard>, ask: LeaseAsk) {
        let shard = self.owner.shard();
        let need = ask.need.as_need();
        let grant = match ask.unit.core == self.id.0 {
            true => lend_in_place(shard, ask.unit, need),
            false => shard.lend(ask.unit, need),
        };
        self.grant(mesh, grant);
    }

    fn grant(&mut self, mesh: &Mesh<Shard>, grant: Grant) {
        let coordinator = grant.unit.core;
        match coordinator == self.id.0 {
            true => self.granted(mesh, grant),
            false => self.outboxes.answer(CoreId(coordinator).into(), Mail::Granted(Box::new(grant))),
        }
    }

    /// Slots arrived for a unit of this core.
    pub(super) fn granted(&mut self, mesh: &Mesh<Shard>, grant: Grant) {
        let seq = grant.unit.seq;
        let mut unit = self.units.remove(&seq).expect("a grant is for a unit that asked");
        unit.grants.push(grant);
        if !self.gather(mesh, &mut unit) {
            self.units.insert(seq, unit);
            return;
        }
        // A client that is gone has its command carried out all the same: it was sent.
        let id = unit.conn;
        let conn = self.conns.take(id).filter(|conn| conn.waiting == Waiting::Unit(seq));
        let Some(mut conn) = conn else {
            self.abandoned -= 1;
            self.run(mesh, unit, &mut Vec::new());
            return self.owner.shard().slow.clear();
        };
        if conn.out.capacity() == 0 {
            conn.out = self.buffer();
        }
        self.run(mesh, unit, &mut conn.out);
        self.collect_slow(&conn.session);
        conn.waiting = Waiting::No;
        self.drive(mesh, conn);
    }

    /// Runs a unit that has everything, and gives everything back.
    fn run(&mut self, mesh: &Mesh<Shard>, unit: Unit, out: &mut Vec<u8>) {
        let Unit { id, command, args, context, muted, mut grants, .. } = unit;
        let shard = self.owner.shard();
        let clock = grants.iter().map(|grant| grant.clock).max().unwrap_or_default();
        shard.advance(clock);
        let now = shard.now;
        let before = out.len();
        match command.whole(args.args()) {
            Some(_) => run_whole(shard, &self.map, &mut grants, command, &context, args.args(), out),
            None => {
                borrow(shard, &mut grants);
                shard.execute(command, &context, None, args.args(), ticks(), out);
                give_up(shard, &mut grants);
            }
        }
        if muted {
            out.truncate(before);
        }
        for grant in grants {
            self.send_back(mesh, id, grant, now);
        }
    }

    /// Gives one owner its slots back.
    fn send_back(&mut self, mesh: &Mesh<Shard>, unit: UnitId, grant: Grant, now: UnixMillis) {
        let Grant { core, loan, .. } = grant;
        if let Loan::Own(need) = loan {
            let shard = self.owner.shard();
            shard.loans.give_back(unit, need.as_need());
            shard.freed = true;
            return;
        }
        self.outboxes.answered(core.into(), 1);
        if self.settings.visits
            && !self.is_owed_mail(core)
            && let Some(mut visit) = mesh.baton(core).try_visit()
        {
            visit.take_back(unit, loan, now);
            // What waited for the slots, and what was dropped, is the owner's to see to.
            let owed = visit.loans.depth() > 0 || visit.keyspace.dropped() > 0;
            let errand = if owed { Errand::ForOwner } else { Errand::None };
            leave(&mut self.ring, visit, core, errand);
            return;
        }
        self.outboxes.answer(core.into(), Mail::Return(Box::new(Return { unit, loan, now })));
    }
}

/// Lends an owner's slots to another core's unit, or parks the request until they are free.
fn lend_or_park(shard: &mut Shard, unit: UnitId, need: Need, ask: impl Fn() -> Box<LeaseAsk>) -> Option<Grant> {
    if shard.loans.is_free(need) {
        return Some(shard.lend(unit, need));
    }
    let parked = shard.loans.park(need, Work::Lease(ask()));
    assert!(parked.is_ok(), "requests for leases are bounded by credits");
    None
}

/// Likewise for the coordinator's own slots, which stay where they are.
fn lend_own(shard: &mut Shard, unit: UnitId, need: Need, ask: impl Fn() -> Box<LeaseAsk>) -> Option<Grant> {
    if shard.loans.is_free(need) {
        return Some(lend_in_place(shard, unit, need));
    }
    let parked = shard.loans.park(need, Work::Lease(ask()));
    assert!(parked.is_ok(), "units are bounded by connections");
    None
}

fn lend_in_place(shard: &mut Shard, unit: UnitId, need: Need) -> Grant {
    shard.loans.lend(unit, need);
    Grant { unit, core: shard.core, loan: Loan::Own(need.to_owned()), clock: shard.now }
}

/// Puts the slots on loan into the coordinator's keyspace.
fn borrow(shard: &mut Shard, grants: &mut [Grant]) {
    for grant in grants {
        if let Loan::Slots(slots) = &mut grant.loan {
            for (slot, tables) in slots {
                shard.keyspace.put_slot(*slot, std::mem::take(tables));
            }
        }
    }
}

/// Takes them out again.
fn give_up(shard: &mut Shard, grants: &mut [Grant]) {
    for grant in grants {
        if let Loan::Slots(slots) = &mut grant.loan {
            for (slot, tables) in slots {
                *tables = shard.keyspace.take_slot(*slot);
            }
        }
    }
}

/// Runs a command that needs everything.
fn run_whole(
    shard: &mut Shard,
    map: &SlotMap,
    grants: &mut [Grant],
    command: &'static Command,
    context: &crate::hop::Context,
    args: Args,
    out: &mut Vec<u8>,
) {
    let run = command.whole(args).expect("the caller looked");
    let (started, start, now) = (ticks(), out.len(), shard.now);
    let mut own = Some(&mut shard.keyspace);
    let mut keyspaces: Vec<&mut Keyspace> = grants
        .iter_mut()
        .map(|grant| match &mut grant.loan {
            Loan::Whole(keyspace) => &mut **keyspace,
            Loan::Own(_) => own.take().expect("a plan names each core once"),
            Loan::Slots(_) => unreachable!("a whole plan asks for everything"),
        })
        .collect();
    let owner = |slot: Slot| map.owner(slot).0 as usize;
    let caller: Caller = context.caller;
    let mut whole = Whole { keyspaces: &mut keyspaces, caller, now, owner: &owner };
    let outcome = run(&mut whole, args, &mut Reply::new(out, context.resp));
    let pending = whole.keyspaces.iter_mut().filter(|keyspace| keyspace.signals.pending);
    pending.for_each(|keyspace| effects::heed(&mut keyspace.signals, &mut shard.effects));
    if let Err(refusal) = outcome {
        shard.refuse(command, &refusal, context, start, out);
    }
    shard.account(command, args, ticks_to_ns(ticks().wrapping_sub(started)));
}
