//! CLIENT PAUSE and CLIENT UNPAUSE: commands are held back on all cores.
//!
//! One core decides, so that a PAUSE and an UNPAUSE that meet cannot leave some cores paused and others not. Its decision has a
//! number, and every core takes on what is newer than what it has. A core answers only when no write of its clients is under way
//! any more, so that after the reply of PAUSE nothing changes.

use keyspace::args::Args;
use keyspace::number::parse_i64;
use keyspace::refusal::{Outcome, Refusal};
use keyspace::reply::Reply;

use crate::ask::{Answer, Ask, Audience};
use crate::mesh::CoreId;
use crate::ring::Now;

use super::SessionExec;
use super::client::too_many;
use super::done;

/// The core that decides about pauses.
const DECIDES: Audience = Audience::Core(CoreId(0));

/// Which commands a client pause holds back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Paused {
    /// Commands that may change data.
    Writes,
    /// Every command.
    All,
}

/// A pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// What it holds back.
    pub holds: Paused,
    /// When it ends, in microseconds of the monotonic clock, which all cores share.
    pub until_us: u64,
}

/// A decision about pauses: the pause in force after it, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PauseOrder {
    /// What is in force.
    pub pause: Option<Pause>,
    /// Greater than those of all orders before.
    pub number: u64,
}

impl Pause {
    /// This pause on top of another: neither weaker nor shorter than either. `None` if its time is over.
    pub fn on_top_of(self, other: Option<Pause>, now_us: u64) -> Option<Pause> {
        let other = other.filter(|other| other.until_us > now_us).unwrap_or(self);
        let both = Pause { holds: self.holds.max(other.holds), until_us: self.until_us.max(other.until_us) };
        (both.until_us > now_us).then_some(both)
    }
}

/// Begins a pause or prolongs the one in force.
pub(super) fn pause(exec: &mut SessionExec, args: Args, _: &mut Reply) -> Outcome {
    let pause = parse(args, exec.facts.now)?;
    exec.ask(DECIDES, Ask::DecidePause(Some(pause)), tell);
    Ok(())
}

/// Ends the pause in force.
pub(super) fn unpause(exec: &mut SessionExec, _: Args, _: &mut Reply) -> Outcome {
    exec.ask(DECIDES, Ask::DecidePause(None), tell);
    Ok(())
}

fn parse(args: Args, now: Now) -> Result<Pause, Refusal> {
    let holds = match args.len() {
        3 => Paused::All,
        4 if args.is(3, "write") => Paused::Writes,
        4 if args.is(3, "all") => Paused::All,
        4 => return Err(Refusal::Text("ERR CLIENT PAUSE mode must be WRITE or ALL")),
        _ => return Err(too_many(args)),
    };
    let timeout_ms = parse_i64(args.at(2)).ok_or(Refusal::Text("ERR timeout is not an integer or out of range"))?;
    let timeout_ms = u64::try_from(timeout_ms).map_err(|_| Refusal::Text("ERR timeout is negative"))?;
    // In Redis the end of a pause that is longer than time itself lies in the past.
    let overflows = timeout_ms > i64::MAX as u64 - now.wall_us / 1000;
    let time_us = if overflows { 0 } else { timeout_ms.saturating_mul(1000) };
    Ok(Pause { holds, until_us: now.monotonic_us.saturating_add(time_us) })
}

/// Tells all cores what was decided.
fn tell(exec: &mut SessionExec, _: Args, answers: Vec<Answer>, _: &mut Reply) -> Outcome {
    let order =
        answers.into_iter().find_map(|answer| if let Answer::Pause(order) = answer { Some(order) } else { None });
    let order = order.expect("the deciding core answers with its decision");
    // A transaction cannot wait for those who wait for its slots.
    let ask = if exec.session.impatient { Ask::BeginPause(order) } else { Ask::Pause(order) };
    exec.ask(Audience::Cores, ask, done);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyspace::args::OwnedArgs;

    const NOW: Now = Now { wall_us: 1_700_000_000_000_000, monotonic_us: 5_000 };

    #[test]
    fn a_pause_is_prolonged_and_never_weakened() {
        use Paused::{All, Writes};
        let pause = |holds, until_us| Pause { holds, until_us };
        let check = |new: Pause, old: Option<Pause>, both: Option<Pause>| {
            assert_eq!(new.on_top_of(old, 100), both, "{new:?} on {old:?}");
        };
        check(pause(Writes, 200), None, Some(pause(Writes, 200)));
        check(pause(Writes, 100), None, None);
        check(pause(Writes, 300), Some(pause(All, 200)), Some(pause(All, 300)));
        check(pause(All, 150), Some(pause(Writes, 200)), Some(pause(All, 200)));
        check(pause(All, 100), Some(pause(Writes, 200)), Some(pause(All, 200)));
        check(pause(Writes, 150), Some(pause(All, 100)), Some(pause(Writes, 150)));
    }

    #[test]
    fn times_and_modes_are_read() {
        let check = |words: &str, expected: Result<(Paused, u64), &str>| {
            let args: OwnedArgs = words.split(' ').collect();
            let found = parse(args.args(), NOW).map(|pause| (pause.holds, pause.until_us));
            assert_eq!(
                found.map_err(|refusal| String::from_utf8_lossy(&refusal.text()).into_owned()),
                expected.map_err(str::to_owned),
                "{words}"
            );
        };
        check("CLIENT PAUSE 3", Ok((Paused::All, 8_000)));
        check("CLIENT PAUSE 0 Write", Ok((Paused::Writes, 5_000)));
        check("CLIENT PAUSE 9223372036854775807 all", Ok((Paused::All, 5_000)));
        check("CLIENT PAUSE 9000000000000000000", Ok((Paused::All, u64::MAX)));
        check("CLIENT PAUSE x y", Err("ERR CLIENT PAUSE mode must be WRITE or ALL"));
        check("CLIENT PAUSE x", Err("ERR timeout is not an integer or out of range"));
        check("CLIENT PAUSE -1", Err("ERR timeout is negative"));
        check(
            "CLIENT PAUSE 1 WRITE x",
            Err("ERR unknown subcommand or wrong number of arguments for 'PAUSE'. Try CLIENT HELP."),
        );
    }
}
