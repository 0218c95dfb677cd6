//! CLUSTER SLOT-STATS: how slots are used, in the order that is asked for (§6.14).

use std::cmp::Reverse;

use keyspace::args::Args;
use keyspace::number::parse_i64;
use keyspace::refusal::Refusal;
use keyspace::reply::Reply;
use keyspace::slot::{SLOTS, Slot};

use crate::command::misused_subcommand;

use super::usage::Usage;

/// How a slot of this node is used, as far as a core knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotUse {
    /// Which.
    pub slot: Slot,
    /// Its keys, those included whose time is over.
    pub keys: u64,
    /// Bytes of its keys and of its table.
    pub bytes: u64,
    /// What its commands took.
    pub usage: Usage,
}

/// What is told of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Keys.
    KeyCount,
    /// Bytes of memory.
    MemoryBytes,
    /// Microseconds of processor time.
    CpuUsec,
    /// Bytes of commands.
    NetworkBytesIn,
    /// Bytes of replies.
    NetworkBytesOut,
}

/// What `cluster-slot-stats-enabled` says: which metrics there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Keys only.
    Keys,
    /// All.
    All,
}

const METRICS: [(&str, Metric); 5] = [
    ("key-count", Metric::KeyCount),
    ("memory-bytes", Metric::MemoryBytes),
    ("cpu-usec", Metric::CpuUsec),
    ("network-bytes-in", Metric::NetworkBytesIn),
    ("network-bytes-out", Metric::NetworkBytesOut),
];

impl Detail {
    /// What the setting's value means.
    pub fn of(enabled: bool) -> Detail {
        if enabled { Detail::All } else { Detail::Keys }
    }

    /// The metrics with their names, in the order of replies.
    fn metrics(self) -> &'static [(&'static str, Metric)] {
        match self {
            Detail::Keys => &METRICS[..1],
            Detail::All => &METRICS,
        }
    }
}

impl SlotUse {
    fn value(&self, metric: Metric) -> u64 {
        match metric {
            Metric::KeyCount => self.keys,
            Metric::MemoryBytes => self.bytes,
            Metric::CpuUsec => self.usage.ns / 1000,
            Metric::NetworkBytesIn => self.usage.bytes_in,
            Metric::NetworkBytesOut => self.usage.bytes_out,
        }
    }
}

/// What SLOT-STATS asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatsRequest {
    /// These slots, in their order.
    Range(Slot, Slot),
    /// So many slots with the most of something, or the least.
    By {
        /// Of what.
        metric: Metric,
        /// The most slots that are wanted.
        limit: usize,
        /// Those with the least come first.
        ascending: bool,
    },
}

const REPEATED: Refusal = Refusal::Text("ERR Multiple filters of the same type are disallowed.");
const NO_METRIC: Refusal = Refusal::Text("ERR Unrecognized sort metric for ORDERBY.");
const NO_LIMIT: Refusal = Refusal::Text("ERR Limit has to lie in between 1 and 16384 (maximum number of slots).");

impl StatsRequest {
    /// Reads `CLUSTER SLOT-STATS …`.
    pub fn parse(args: Args, detail: Detail) -> Result<StatsRequest, Refusal> {
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
            return ordered(args, detail);
        }
        Err(misused_subcommand("CLUSTER", args.at(1)))
    }
}

/// Reads what stands behind ORDERBY.
fn ordered(args: Args, detail: Detail) -> Result<StatsRequest, Refusal> {
    let (_, metric) = *detail.metrics().iter().find(|(name, _)| args.is(3, name)).ok_or(NO_METRIC)?;
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
    Ok(StatsRequest::By { metric, limit: limit.unwrap_or(SLOTS), ascending: ascending.unwrap_or(false) })
}

fn slot(arg: &[u8]) -> Result<Slot, Refusal> {
    let number = parse_i64(arg).and_then(|number| u16::try_from(number).ok());
    number.and_then(Slot::new).ok_or(Refusal::Text("ERR Invalid or out of range slot"))
}

/// Writes the slots that are wanted of all that this node serves. Several cores may know something of one.
pub fn write(request: StatsRequest, detail: Detail, mut slots: Vec<SlotUse>, reply: &mut Reply) {
    slots.sort_unstable_by_key(|of| of.slot);
    slots.dedup_by(|other, of| {
        let same = other.slot == of.slot;
        if same {
            (of.keys, of.bytes) = (of.keys + other.keys, of.bytes + other.bytes);
            of.usage.add(other.usage);
        }
        same
    });
    match request {
        StatsRequest::Range(first, last) => slots.retain(|of| (first..=last).contains(&of.slot)),
        StatsRequest::By { metric, limit, ascending } => {
            match ascending {
                true => slots.sort_by_key(|of| of.value(metric)),
                false => slots.sort_by_key(|of| Reverse(of.value(metric))),
            }
            slots.truncate(limit);
        }
    }
    reply.array(slots.len());
    for of in slots {
        reply.array(2);
        reply.int(i64::from(of.slot.number()));
        reply.map(detail.metrics().len());
        for (name, metric) in detail.metrics() {
            reply.text(name);
            reply.int(i64::try_from(of.value(*metric)).unwrap_or(i64::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyspace::args::OwnedArgs;
    use keyspace::reply::Resp;

    fn parsed(words: &str, detail: Detail) -> Result<StatsRequest, String> {
        let args: OwnedArgs = format!("CLUSTER SLOT-STATS {words}").split(' ').collect();
        StatsRequest::parse(args.args(), detail)
            .map_err(|refusal| String::from_utf8_lossy(&refusal.text()).into_owned())
    }

    fn used(number: u16, keys: u64) -> SlotUse {
        let slot = Slot::new(number).expect("below 16,384");
        SlotUse { slot, keys, bytes: 0, usage: Usage::default() }
    }

    #[test]
    fn requests_are_read_or_refused() {
        let range = |first, last| StatsRequest::Range(used(first, 0).slot, used(last, 0).slot);
        let by = |metric, limit, ascending| StatsRequest::By { metric, limit, ascending };
        for detail in [Detail::Keys, Detail::All] {
            assert_eq!(parsed("slotsrange 0 16383", detail), Ok(range(0, 16383)));
            assert_eq!(parsed("ORDERBY key-count", detail), Ok(by(Metric::KeyCount, SLOTS, false)));
            assert_eq!(parsed("orderby KEY-COUNT asc limit 3", detail), Ok(by(Metric::KeyCount, 3, true)));
        }
        for (name, metric) in METRICS[1..].iter() {
            let words = format!("ORDERBY {name}");
            assert_eq!(parsed(&words, Detail::All), Ok(by(*metric, SLOTS, false)));
            assert_eq!(parsed(&words, Detail::Keys), Err("ERR Unrecognized sort metric for ORDERBY.".to_owned()));
        }
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
        for (words, text) in refused {
            assert_eq!(parsed(words, Detail::Keys), Err(text.to_owned()), "{words}");
        }
    }

    /// The numbers of a reply.
    fn written(words: &str, detail: Detail, slots: &[SlotUse]) -> String {
        let mut out = Vec::new();
        let request = parsed(words, detail).expect("a request");
        write(request, detail, slots.to_vec(), &mut Reply::new(&mut out, Resp::V2));
        let text = String::from_utf8(out).expect("text");
        text.lines().filter_map(|line| line.strip_prefix(':')).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn slots_come_in_the_order_that_is_asked_for() {
        let slots = [used(7, 1), used(3, 0), used(5, 1), used(900, 9)];
        assert_eq!(written("SLOTSRANGE 3 7", Detail::Keys, &slots), "3 0 5 1 7 1");
        assert_eq!(written("ORDERBY key-count", Detail::Keys, &slots), "900 9 5 1 7 1 3 0");
        assert_eq!(written("ORDERBY key-count ASC LIMIT 2", Detail::Keys, &slots), "3 0 5 1");
    }

    #[test]
    fn what_several_cores_know_is_one() {
        let usage = Usage { ns: 1_700, bytes_in: 30, bytes_out: 4 };
        let slots = [SlotUse { bytes: 100, usage, ..used(7, 2) }, used(5, 1), SlotUse { usage, ..used(7, 0) }];
        assert_eq!(written("SLOTSRANGE 0 9", Detail::All, &slots), "5 1 0 0 0 0 7 2 100 3 60 8");
        assert_eq!(written("ORDERBY network-bytes-out", Detail::All, &slots), "7 2 100 3 60 8 5 1 0 0 0 0");
    }
}
