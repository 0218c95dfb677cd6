//! CLUSTER SLOT-STATS: how slots are used, in the order that is asked for (§6.14).

use std::cmp::Reverse;

use keyspace::args::Args;
use keyspace::number::parse_i64;
use keyspace::refusal::Refusal;
use keyspace::reply::Reply;
use keyspace::slot::{SLOTS, Slot};

use crate::command::misused_subcommand;

/// How a slot of this node is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotUse {
    /// Which.
    pub slot: Slot,
    /// Its keys, those included whose time is over.
    pub keys: u64,
}

/// What SLOT-STATS asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatsRequest {
    /// These slots, in their order.
    Range(Slot, Slot),
    /// So many slots with the most keys, or the fewest.
    ByKeys {
        /// The most slots that are wanted.
        limit: usize,
        /// Those with the fewest keys come first.
        ascending: bool,
    },
}

const REPEATED: Refusal = Refusal::Text("ERR Multiple filters of the same type are disallowed.");
const NO_METRIC: Refusal = Refusal::Text("ERR Unrecognized sort metric for ORDERBY.");
const NO_LIMIT: Refusal = Refusal::Text("ERR Limit has to lie in between 1 and 16384 (maximum number of slots).");

impl StatsRequest {
    /// Reads `CLUSTER SLOT-STATS …`.
    pub fn parse(args: Args) -> Result<StatsRequest, Refusal> {
        if args.is(2, "slotsrange") && args.len() == 5 {
            let (first, last) = (slot(args.at(3))?, slot(args.at(4))?);
            if first > last {
                let (first, last) = (first.number(), last.number());
                let text = format!("ERR Start slot number {first} is greater than end slot number {last}");
                return Err(Refusal::owned(text));
            }
            return Ok(StatsRequest::Range(first, last));
        }
        if args.is(2, "orderby") {
            return ordered(args);
        }
        Err(misused_subcommand("CLUSTER", args.at(1)))
    }
}

/// Reads what stands behind ORDERBY.
fn ordered(args: Args) -> Result<StatsRequest, Refusal> {
    if !args.is(3, "key-count") {
        return Err(NO_METRIC);
    }
    let (mut limit, mut ascending) = (None, None);
    let mut index = 4;
    while index < args.len() {
        if args.is(index, "asc") || args.is(index, "desc") {
            if ascending.replace(args.is(index, "asc")).is_some() {
                return Err(REPEATED);
            }
            index += 1;
        } else if args.is(index, "limit") && index + 1 < args.len() {
            let count = parse_i64(args.at(index + 1)).and_then(|count| usize::try_from(count).ok());
            let count = count.filter(|count| (1..=SLOTS).contains(count)).ok_or(NO_LIMIT)?;
            if limit.replace(count).is_some() {
                return Err(REPEATED);
            }
            index += 2;
        } else {
            return Err(Refusal::Syntax);
        }
    }
    Ok(StatsRequest::ByKeys { limit: limit.unwrap_or(SLOTS), ascending: ascending.unwrap_or(false) })
}

fn slot(arg: &[u8]) -> Result<Slot, Refusal> {
    let number = parse_i64(arg).and_then(|number| u16::try_from(number).ok());
    number.and_then(Slot::new).ok_or(Refusal::Text("ERR Invalid or out of range slot"))
}

/// Writes the slots that are wanted of all that this node serves.
pub fn write(request: StatsRequest, mut slots: Vec<SlotUse>, reply: &mut Reply) {
    match request {
        StatsRequest::Range(first, last) => {
            slots.retain(|of| (first..=last).contains(&of.slot));
            slots.sort_unstable_by_key(|of| of.slot);
        }
        StatsRequest::ByKeys { limit, ascending } => {
            match ascending {
                true => slots.sort_unstable_by_key(|of| (of.keys, of.slot)),
                false => slots.sort_unstable_by_key(|of| (Reverse(of.keys), of.slot)),
            }
            slots.truncate(limit);
        }
    }
    reply.array(slots.len());
    for SlotUse { slot, keys } in slots {
        reply.array(2);
        reply.int(i64::from(slot.number()));
        reply.map(1);
        reply.text("key-count");
        reply.int(keys as i64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyspace::args::OwnedArgs;
    use keyspace::reply::Resp;

    fn parsed(words: &str) -> Result<StatsRequest, String> {
        let args: OwnedArgs = format!("CLUSTER SLOT-STATS {words}").split(' ').collect();
        StatsRequest::parse(args.args()).map_err(|refusal| String::from_utf8_lossy(&refusal.text()).into_owned())
    }

    fn used(number: u16, keys: u64) -> SlotUse {
        SlotUse { slot: Slot::new(number).expect("below 16,384"), keys }
    }

    #[test]
    fn requests_are_read_or_refused() {
        let range = |first, last| StatsRequest::Range(used(first, 0).slot, used(last, 0).slot);
        let by_keys = |limit, ascending| StatsRequest::ByKeys { limit, ascending };
        assert_eq!(parsed("slotsrange 0 16383"), Ok(range(0, 16383)));
        assert_eq!(parsed("ORDERBY key-count"), Ok(by_keys(SLOTS, false)));
        assert_eq!(parsed("orderby KEY-COUNT asc limit 3"), Ok(by_keys(3, true)));
        let refused = [
            ("SLOTSRANGE 2 1", "ERR Start slot number 2 is greater than end slot number 1"),
            ("SLOTSRANGE 0 16384", "ERR Invalid or out of range slot"),
            (
                "SLOTSRANGE 0 1 2",
                "ERR unknown subcommand or wrong number of arguments for 'SLOT-STATS'. Try CLUSTER HELP.",
            ),
            ("ORDERBY weight", "ERR Unrecognized sort metric for ORDERBY."),
            ("ORDERBY key-count limit 0", "ERR Limit has to lie in between 1 and 16384 (maximum number of slots)."),
            ("ORDERBY key-count limit", "ERR syntax error"),
            ("ORDERBY key-count asc desc", "ERR Multiple filters of the same type are disallowed."),
            ("ORDERBY key-count limit 1 limit 1", "ERR Multiple filters of the same type are disallowed."),
        ];
        refused.iter().for_each(|(words, text)| assert_eq!(parsed(words), Err((*text).to_owned()), "{words}"));
    }

    #[test]
    fn slots_come_in_the_order_that_is_asked_for() {
        let written = |words: &str| {
            let mut out = Vec::new();
            let slots = vec![used(7, 1), used(3, 0), used(5, 1), used(900, 9)];
            write(parsed(words).expect("a request"), slots, &mut Reply::new(&mut out, Resp::V2));
            let text = String::from_utf8(out).expect("text");
            let numbers: Vec<String> =
                text.lines().filter_map(|line| line.strip_prefix(':')).map(str::to_owned).collect();
            numbers.join(" ")
        };
        assert_eq!(written("SLOTSRANGE 3 7"), "3 0 5 1 7 1");
        assert_eq!(written("ORDERBY key-count"), "900 9 5 1 7 1 3 0");
        assert_eq!(written("ORDERBY key-count ASC LIMIT 2"), "3 0 5 1");
    }
}
