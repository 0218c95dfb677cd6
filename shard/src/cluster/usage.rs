//! What the commands of each slot take, counted while `cluster-slot-stats-enabled` asks for it (§6.14).
//!
//! A core counts what it carries out, whichever core has the slot; CLUSTER SLOT-STATS adds up. A command of a client counts by itself, in
//! a transaction as well, and a script as a whole: in the slot of its first key.

use keyspace::args::Args;
use keyspace::slot::{SLOTS, Slot};

use crate::command::Command;
use crate::settings::Settings;
use crate::shard::Shard;

/// What the commands of a slot took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Nanoseconds of processor time.
    pub ns: u64,
    /// Bytes of the commands, as clients send them.
    pub bytes_in: u64,
    /// Bytes of their replies.
    pub bytes_out: u64,
}

impl Usage {
    /// Adds what other commands took.
    pub fn add(&mut self, other: Usage) {
        self.ns = self.ns.saturating_add(other.ns);
        self.bytes_in = self.bytes_in.saturating_add(other.bytes_in);
        self.bytes_out = self.bytes_out.saturating_add(other.bytes_out);
    }
}

/// What one core has counted.
pub struct SlotUsage(Box<[Usage]>);

impl Default for SlotUsage {
    fn default() -> Self {
        SlotUsage(vec![Usage::default(); SLOTS].into())
    }
}

impl SlotUsage {
    /// Begins to count, or ends it, as the settings say.
    pub fn configure(usage: &mut Option<Box<SlotUsage>>, settings: &Settings) {
        match settings.cluster_enabled && settings.cluster_slot_stats_enabled {
            true => drop(usage.get_or_insert_default()),
            false => *usage = None,
        }
    }

    /// Counts a command.
    #[cold]
    pub fn note(&mut self, slot: Slot, ns: u64, args: Args, out_bytes: usize) {
        self.0[slot.index()].add(Usage { ns, bytes_in: request_bytes(args), bytes_out: out_bytes as u64 });
    }

    /// What was counted of a slot.
    pub fn of(&self, slot: Slot) -> Usage {
        self.0[slot.index()]
    }

    /// Forgets what was counted of some slots.
    pub fn forget(&mut self, is_meant: impl Fn(Slot) -> bool) {
        Slot::all().filter(|slot| is_meant(*slot)).for_each(|slot| self.0[slot.index()] = Usage::default());
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        size_of_val(&*self.0)
    }
}

impl Shard {
    /// Counts a command that is over and came on another way than the hops of its slot's keys.
    #[inline]
    pub fn note_use(&mut self, command: &Command, args: Args, ns: u64, out_bytes: usize) {
        if let Some(usage) = &mut self.usage
            && let Some(key) = command.spec.routed_by(args).next()
        {
            usage.note(Slot::of(key), ns, args, out_bytes);
        }
    }
}

/// Bytes of a command as clients send it.
fn request_bytes(args: Args) -> u64 {
    /// The kind of a line, and its end.
    const LINE_BYTES: usize = 3;
    let digits = |number: usize| number.checked_ilog10().unwrap_or(0) as usize + 1;
    let each = args.iter().map(|arg| LINE_BYTES + digits(arg.len()) + arg.len() + 2);
    (LINE_BYTES + digits(args.len()) + each.sum::<usize>()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyspace::args::OwnedArgs;

    #[test]
    fn commands_count_as_they_are_sent() {
        for (words, sent) in [
            ("PING", "*1\r\n$4\r\nPING\r\n"),
            ("SET k 0123456789", "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$10\r\n0123456789\r\n"),
        ] {
            let args: OwnedArgs = words.split(' ').collect();
            assert_eq!(request_bytes(args.args()), sent.len() as u64, "{words}");
        }
        let empty: OwnedArgs = ["SET", "", ""].into_iter().collect();
        assert_eq!(request_bytes(empty.args()), "*3\r\n$3\r\nSET\r\n$0\r\n\r\n$0\r\n\r\n".len() as u64);
    }

    #[test]
    fn slots_are_forgotten_alone() {
        let mut usage = SlotUsage::default();
        let [one, other] = [1, 2].map(|number| Slot::new(number).expect("a slot"));
        let args: OwnedArgs = ["GET", "k"].into_iter().collect();
        [one, other, other].into_iter().for_each(|slot| usage.note(slot, 10, args.args(), 5));
        assert_eq!((usage.of(one).ns, usage.of(other).ns, usage.of(other).bytes_out), (10, 20, 10));
        usage.forget(|slot| slot == other);
        assert_eq!((usage.of(one).ns, usage.of(other)), (10, Usage::default()));
    }
}
