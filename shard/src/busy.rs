//! Slots that scripts have for long: what needs them is refused, not parked (`cores.md` §7.7).

use keyspace::reply::Reply;

use crate::hop::{Call, Hop};
use crate::mesh::loans::{Need, UnitId};
use crate::shard::{Carried, Shard, Work};

/// What has slots for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Busy {
    /// A script of EVAL.
    Script,
    /// A function of a library.
    Function,
}

impl Busy {
    /// What a client reads that needs them.
    pub fn text(self) -> &'static str {
        match self {
            Busy::Script => "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
            Busy::Function => {
                "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE."
            }
        }
    }
}

impl Shard {
    /// A unit has slots of this shard for long. False if it has none any more.
    pub fn mark_busy(&mut self, unit: UnitId, busy: Busy) -> bool {
        let lent = self.loans.overlaps(unit, Need::All);
        if lent && !self.busy.iter().any(|(marked, _)| *marked == unit) {
            self.busy.push((unit, busy));
        }
        lent
    }

    /// A unit gave back what it had.
    pub fn no_longer_busy(&mut self, unit: UnitId) {
        self.busy.retain(|(marked, _)| *marked != unit);
    }

    /// What has some of these slots for long, so that who needs them is refused.
    #[inline]
    pub fn busy_with(&self, need: Need) -> Option<Busy> {
        self.busy.iter().find(|(unit, _)| self.loans.overlaps(*unit, need)).map(|(_, busy)| *busy)
    }

    /// Takes out work that waits for slots of a unit.
    pub fn withdraw_blocked(&mut self, unit: UnitId) -> Option<Work> {
        self.loans.withdraw_from(unit).map(|(_, work)| work)
    }

    /// Refuses the next command of a hop, and goes on with those behind it.
    pub fn refuse_next(&mut self, mut hop: Box<Hop>, busy: Busy) -> Carried {
        let call = hop.next().expect("a parked hop has a next command");
        self.refuse_call(&mut hop, call, busy);
        self.carry_out_or_park(hop)
    }

    fn refuse_call(&mut self, hop: &mut Hop, call: Call, busy: Busy) {
        let resp = hop.context.resp;
        self.stats.rejected(Some(call.command), busy.text().as_bytes());
        hop.step(call, |_, out| Reply::new(out, resp).error(busy.text()));
    }
}
