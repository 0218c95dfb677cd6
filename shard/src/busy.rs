//! Slots that scripts have for long: what needs them is refused, not parked (`cores.md` §7.7).

use keyspace::reply::Reply;

use crate::hop::{Call, Hop};
use crate::mesh::loans::{Need, UnitId};
use crate::shard::{Carried, Shard, Work};

/// What a client reads that needs slots which a script has for long.
pub const BUSY: &str = "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";

impl Shard {
    /// A unit has slots of this shard for long. False if it has none any more.
    pub fn mark_busy(&mut self, unit: UnitId) -> bool {
        let lent = self.loans.overlaps(unit, Need::All);
        if lent && !self.busy.contains(&unit) {
            self.busy.push(unit);
        }
        lent
    }

    /// A unit gave back what it had.
    pub fn no_longer_busy(&mut self, unit: UnitId) {
        self.busy.retain(|busy| *busy != unit);
    }

    /// True if what needs these slots is refused.
    #[inline]
    pub fn refuses(&self, need: Need) -> bool {
        self.busy.iter().any(|unit| self.loans.overlaps(*unit, need))
    }

    /// Takes out work that waits for slots of a unit.
    pub fn withdraw_blocked(&mut self, unit: UnitId) -> Option<Work> {
        self.loans.withdraw_from(unit).map(|(_, work)| work)
    }

    /// Refuses the next command of a hop, and goes on with those behind it.
    pub fn refuse_next(&mut self, mut hop: Box<Hop>) -> Carried {
        let call = hop.next().expect("a parked hop has a next command");
        self.refuse_call(&mut hop, call);
        self.carry_out_or_park(hop)
    }

    /// Refuses a command of a hop.
    pub fn refuse_call(&mut self, hop: &mut Hop, call: Call) {
        let resp = hop.context.resp;
        self.stats.rejected(Some(call.command), BUSY.as_bytes());
        hop.step(call, |_, out| Reply::new(out, resp).error(BUSY));
    }
}
