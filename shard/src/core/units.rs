//! Units at this core: as their coordinator, and as an owner that is asked for slots.

use evict::time::UnixMillis;

use crate::busy::Busy;
use crate::cluster::routes::Routes;
use crate::conn::{Conn, Waiting};
use crate::mail::{Mail, Return};
use crate::mesh::baton::Errand;
use crate::mesh::loans::{Need, UnitId};
use crate::mesh::mailbox::Address;
use crate::mesh::{CoreId, Mesh};
use crate::pubsub::notice::Notice;
use crate::ring::{ConnId, Ring};
use crate::shard::{Shard, Work};
use crate::unit::{Aside, Grant, Grants, Job, LeaseAsk, Loan, Plan, Unit, Writes};

use super::Inner;
use super::visits::leave;

impl<R: Ring> Inner<R> {
    /// Begins a unit for a connection. It may be done at once; otherwise the connection waits for it.
    pub(super) fn start_unit(&mut self, mesh: &Mesh<Shard>, conn: &mut Conn, job: Job, muted: bool, plan: Plan) {
        let mut unit = self.unit(conn.id, job, muted, plan);
        if self.gather(mesh, &mut unit) {
            return self.run(mesh, unit, conn);
        }
        let seq = unit.id.seq;
        // A blocked client's turn may end with nothing: until then it waits as before.
        if !matches!(unit.job, Job::Serve(_)) {
            conn.waiting = Waiting::Unit(seq);
        }
        self.units.insert(seq, unit);
    }

    /// A unit that has nothing yet.
    pub(super) fn unit(&mut self, conn: ConnId, job: Job, muted: bool, plan: Plan) -> Unit {
        self.next_unit += 1;
        let id = UnitId { core: self.id.0, seq: self.next_unit };
        Unit { id, conn, job, muted, plan, grants: Grants::new(), aside: Aside::default(), wishes: Vec::new() }
    }

    /// Asks for what the unit lacks, owner by owner. True once it has everything; false while it waits for one.
    pub(super) fn gather(&mut self, mesh: &Mesh<Shard>, unit: &mut Unit) -> bool {
        while let Some((core, need)) = unit.next() {
            let (core, need) = (*core, need.clone());
            let ask = LeaseAsk { unit: unit.id, need, writes: self.writes_of(&unit.job) };
            let shard = self.owner.shard();
            let free = shard.loans.is_free(ask.need.as_need()) && !shard.holds.covers(ask.written());
            if core == self.id && unit.plan.len() == 1 && free {
                let need = ask.need;
                shard.fulfil(unit.id);
                unit.wishes.clear();
                let (clock, order) = (self.owner.shard().now, self.owner.shard().log_order());
                let (loan, log) = (Loan::Here(need), Vec::new());
                unit.grants.push(Grant { unit: unit.id, core, loan, clock, order, log, routes: None });
                continue;
            }
            match self.obtain(mesh, core, ask) {
                Obtained::Granted(mut grant) => {
                    self.follow_routes(&mut grant);
                    unit.take(grant);
                }
                Obtained::Later => return false,
                Obtained::TurnedAway => {
                    unit.wishes.push(core);
                    let grants = std::mem::take(&mut unit.grants);
                    self.give_back(mesh, unit.id, grants);
                    return false;
                }
                Obtained::Refused(busy) => {
                    self.own_refusals.push((unit.id, busy));
                    return false;
                }
            }
        }
        true
    }

    /// What of the slots that a unit asks for it may write to.
    fn writes_of(&mut self, job: &Job) -> Writes {
        let shard = self.owner.shard();
        if !job.may_write() {
            return Writes::Nothing;
        }
        // With one core it asks for everything. If that is free, nobody looks at this.
        let is_looked_at = shard.map.cores() == 1 && !(shard.holds.is_quiet() && shard.loans.is_quiet());
        let known = if is_looked_at { job.slots(self.table) } else { None };
        known.map_or(Writes::Wanted, Writes::Only)
    }

    /// Gets slots of one owner now, or asks for them.
    fn obtain(&mut self, mesh: &Mesh<Shard>, core: CoreId, ask: LeaseAsk) -> Obtained {
        if core == self.id {
            return lend_own(self.owner.shard(), ask);
        }
        if self.settings.visits && !self.is_owed_mail(core) && self.outboxes.take_credit(core.into()) {
            if let Some(mut visit) = mesh.baton(core).try_visit() {
                let obtained = lend_or_park(&mut visit, ask);
                // Who gave way to this unit may go on.
                let errand = if visit.holds.owes() { Errand::ForOwner } else { Errand::None };
                leave(&mut self.ring, visit, core, errand);
                if let Obtained::Refused(_) | Obtained::TurnedAway = obtained {
                    self.outboxes.answered(core.into(), 1);
                }
                return obtained;
            }
            self.outboxes.answered(core.into(), 1);
        }
        self.outboxes.request(core.into(), Mail::Lease(Box::new(ask)));
        Obtained::Later
    }

    /// A unit, of this core or another, asks this core for slots.
    pub(super) fn lease(&mut self, mesh: &Mesh<Shard>, ask: LeaseAsk) {
        let unit = ask.unit;
        let shard = self.owner.shard();
        let obtained = match unit.core == self.id.0 {
            true => lend_own(shard, ask),
            false => lend_or_park(shard, ask),
        };
        match obtained {
            Obtained::Granted(grant) => self.grant(mesh, grant),
            Obtained::Later => {}
            Obtained::TurnedAway => self.tell(CoreId(unit.core).into(), Notice::TurnedAway(unit)),
            Obtained::Refused(busy) => self.refuse_lease(mesh, unit, busy),
        }
    }

    /// Lends what a request waited for and has its turn for. Later work may wait for the same slots: it goes on waiting.
    pub(super) fn lease_now(&mut self, mesh: &Mesh<Shard>, ask: LeaseAsk) {
        let shard = self.owner.shard();
        let need = ask.need.as_need();
        if shard.turns_away(&ask) {
            return self.tell(CoreId(ask.unit.core).into(), Notice::TurnedAway(ask.unit));
        }
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
    pub(super) fn granted(&mut self, mesh: &Mesh<Shard>, mut grant: Grant) {
        self.follow_routes(&mut grant);
        let seq = grant.unit.seq;
        let mut unit = self.units.remove(&seq).expect("a grant is for a unit that asked");
        unit.take(grant);
        self.go_on_gathering(mesh, unit);
    }

    /// A unit of this core was turned away: it gives back what it has, and waits until it is called.
    pub(super) fn turned_away(&mut self, mesh: &Mesh<Shard>, from: Address, id: UnitId) {
        if from != self.id.into() {
            self.outboxes.answered(from, 1);
        }
        let unit = self.units.get_mut(&id.seq).expect("who is turned away has asked");
        unit.wishes.push(CoreId(from.0));
        let grants = std::mem::take(&mut unit.grants);
        self.give_back(mesh, id, grants);
    }

    /// A unit of this core that was turned away asks again, from its first owner on.
    pub(super) fn ask_again(&mut self, mesh: &Mesh<Shard>, id: UnitId) {
        let unit = self.units.remove(&id.seq).expect("who is called waits for it");
        self.go_on_gathering(mesh, unit);
    }

    /// Gets a unit what it lacks; runs it once it has everything.
    fn go_on_gathering(&mut self, mesh: &Mesh<Shard>, mut unit: Unit) {
        let seq = unit.id.seq;
        if !self.gather(mesh, &mut unit) {
            self.units.insert(seq, unit);
            return;
        }
        let Some(mut conn) = self.conns.take(unit.conn) else {
            return self.run_abandoned(mesh, unit);
        };
        if conn.out.capacity() == 0 {
            conn.out = self.buffer();
        }
        if conn.waiting == Waiting::Unit(seq) {
            conn.waiting = Waiting::No;
        }
        self.run(mesh, unit, &mut conn);
        self.drive(mesh, conn);
    }

    /// Gives everything back that a unit has.
    pub(super) fn give_back(&mut self, mesh: &Mesh<Shard>, unit: UnitId, grants: Grants) {
        let now = self.owner.shard().now;
        for grant in grants {
            self.send_back(mesh, unit, grant, now);
        }
    }

    /// Gives one owner its slots back.
    fn send_back(&mut self, mesh: &Mesh<Shard>, unit: UnitId, grant: Grant, now: UnixMillis) {
        let Grant { core, loan, log, .. } = grant;
        if let Loan::Here(_) = loan {
            return;
        }
        if let Loan::Own(need) = loan {
            let shard = self.owner.shard();
            shard.loans.give_back(unit, need.as_need());
            shard.no_longer_busy(unit);
            shard.freed = true;
            return;
        }
        self.outboxes.answered(core.into(), 1);
        if self.settings.visits
            && !self.is_owed_mail(core)
            && let Some(mut visit) = mesh.baton(core).try_visit()
        {
            visit.take_back(unit, loan, log, now);
            // What waited for the slots, and what was dropped, is the owner's to see to.
            let owed = visit.loans.depth() > 0
                || visit.keyspace.dropped() > 0
                || visit.loans.owner_waits
                || visit.is_short()
                || visit.keyspace.is_saving()
                || visit.routes.as_ref().is_some_and(Routes::is_owed);
            let errand = if owed { Errand::ForOwner } else { Errand::None };
            leave(&mut self.ring, visit, core, errand);
            return;
        }
        self.outboxes.answer(core.into(), Mail::Return(Box::new(Return { unit, loan, log, now })));
    }
}

/// What became of a request for slots.
enum Obtained {
    /// They are here.
    Granted(Grant),
    /// They will be granted.
    Later,
    /// Keys in them are held: the unit is called once they are not.
    TurnedAway,
    /// This has them for long.
    Refused(Busy),
}

/// Lends an owner's slots to another core's unit, or parks the request until they are free.
fn lend_or_park(shard: &mut Shard, ask: LeaseAsk) -> Obtained {
    match shard.loans.is_free(ask.need.as_need()) {
        _ if shard.turns_away(&ask) => Obtained::TurnedAway,
        true => Obtained::Granted(shard.lend(ask.unit, ask.need.as_need())),
        false => park(shard, ask),
    }
}

/// Likewise for the coordinator's own slots, which stay where they are.
fn lend_own(shard: &mut Shard, ask: LeaseAsk) -> Obtained {
    match shard.loans.is_free(ask.need.as_need()) {
        _ if shard.turns_away(&ask) => Obtained::TurnedAway,
        true => Obtained::Granted(lend_in_place(shard, ask.unit, ask.need.as_need())),
        false => park(shard, ask),
    }
}

fn park(shard: &mut Shard, ask: LeaseAsk) -> Obtained {
    if let Some(busy) = shard.busy_with(ask.need.as_need()) {
        return Obtained::Refused(busy);
    }
    let need = ask.need.clone();
    let parked = shard.loans.park(need.as_need(), Work::Lease(Box::new(ask)));
    assert!(parked.is_ok(), "requests for leases are bounded by credits and connections");
    Obtained::Later
}

fn lend_in_place(shard: &mut Shard, unit: UnitId, need: Need) -> Grant {
    shard.fulfil(unit);
    shard.loans.lend(unit, need);
    let (clock, order) = (shard.now, shard.log_order());
    Grant { unit, core: shard.core, loan: Loan::Own(need.to_owned()), clock, order, log: Vec::new(), routes: None }
}
