//! What a core tells of the packet FR-P2C-008: taken by its timer from the auditor, and handed to the service thread, which logs it.
//!
//! Once a timer it costs a look at a flag. Here too the clocks are compared, and hardening is given up when another core has lost it.

use audit::digest::Digest;
use audit::mode::Mode;
use evict::evictions::Outcome;
use evict::time::{Monotonic, UnixMillis};
use evict::topics::Topic;

use crate::mail::Mail;
use crate::mesh::mailbox::Address;
use crate::mesh::{CoreId, Mesh};
use crate::ring::{Now, Ring};
use crate::settings::{ConfigSetError, Kind, Settings, find};
use crate::shard::Shard;
use keyspace::args::Args;

use super::Inner;

/// By how much the wall clock may differ from the monotonic one between two looks before it counts as set, in microseconds. Clocks that
/// are slewed differ by far less.
const STEP_US: i64 = 500_000;

/// Seconds in a row in which the cycle ran into its limit after which it counts as behind.
const BEHIND_SECONDS: u32 = 10;

/// What a core watches in order to tell of it.
#[derive(Default)]
pub(super) struct Watch {
    clocks: Option<Now>,
    /// Limits that the cycle ran into up to the last second, and seconds in a row in which that grew.
    limits: u64,
    seconds: u32,
    /// Clients that were closed for their memory up to the last look.
    evicted: u64,
    /// The version of the settings that brought the mode.
    mode_since: u64,
    mode: Mode,
}

impl<R: Ring> Inner<R> {
    /// Notes what a change of the settings, which was asked for with these pairs, says about the limit of memory and what was clamped. On
    /// the core that decides. Nothing is summed of other settings, which may be secrets.
    pub(super) fn note_config_set(&mut self, pairs: Args, result: &Result<Settings, ConfigSetError>) {
        let auditor = &mut self.owner.shard().auditor;
        match result {
            Err(ConfigSetError::Failed { name, .. }) if name.starts_with("maxmemory") => {
                auditor.note(Topic::SettingRefused, Digest::default().and(name.as_bytes()));
            }
            Err(_) => {}
            Ok(_) => {
                for n in 0..pairs.len() / 2 {
                    let (name, value) = (pairs.at(2 * n), pairs.at(2 * n + 1));
                    let row = find(name).expect("a setting that was set has a row");
                    if clamps(&row.kind, value) {
                        auditor.note(Topic::SettingClamped, Digest::default().and(name).and(value));
                    }
                }
            }
        }
    }

    /// Takes the mode of new settings on.
    pub(super) fn audit_settings(&mut self, settings: &Settings) {
        let mode = settings.expire_evict_mode.mode();
        if mode != self.watch.mode {
            self.watch.mode = mode;
            self.watch.mode_since = self.settings_version;
            self.owner.shard().auditor.configure(mode);
        }
    }

    /// Tells what there is to tell: with the timer.
    pub(super) fn audit(&mut self, mesh: &Mesh<Shard>) {
        self.compare_clocks();
        self.keep_mode(mesh);
        self.look_at_evictions();
        let (at, now) = (UnixMillis((self.now.wall_us / 1000) as i64), Monotonic(self.now.monotonic_us));
        let auditor = &mut self.owner.shard().auditor;
        let events = auditor.take(at, now);
        if events.is_empty() {
            return;
        }
        let service = Address(self.map.cores());
        if let Err(Mail::Audit(events)) = self.ends.send_notice(service, Mail::Audit(events)) {
            self.owner.shard().auditor.put_back(events);
        }
    }

    /// Looks whether the cycle keeps running into its limit: once a second.
    pub(super) fn audit_expiry(&mut self) {
        let limits = self.expiry.limits_reached();
        let grew = limits > self.watch.limits;
        self.watch.limits = limits;
        self.watch.seconds = if grew { self.watch.seconds.saturating_add(1) } else { 0 };
        let (behind, now) = (self.watch.seconds >= BEHIND_SECONDS, Monotonic(self.now.monotonic_us));
        self.owner.shard().auditor.stands(Topic::ExpiryBehind, behind, now);
    }

    /// Notes clients that were closed for their memory, and whether evicting keys fails.
    fn look_at_evictions(&mut self) {
        let (evicted, now) = (self.cron.traffic.evicted, Monotonic(self.now.monotonic_us));
        let before = std::mem::replace(&mut self.watch.evicted, evicted);
        let Shard { auditor, memory, .. } = self.owner.shard();
        // After a reset of the counters it is less.
        if evicted > before {
            auditor.note_many(Topic::ClientEvicted, evicted - before, Digest::default().and(&evicted.to_le_bytes()));
        }
        auditor.stands(Topic::EvictionFailing, memory.outcome() == Outcome::Fail, now);
    }

    /// Notes a wall clock that was set: it and the monotonic one went on by different times.
    fn compare_clocks(&mut self) {
        let before = self.watch.clocks.replace(self.now);
        let Some(before) = before else { return };
        if let Some(topic) = step(before, self.now) {
            let sum = Digest::default().and(&self.now.wall_us.to_le_bytes());
            self.owner.shard().auditor.note(topic, sum);
        }
    }

    /// Hardening that one core lost is lost to all: they read it in what the others publish.
    fn keep_mode(&mut self, mesh: &Mesh<Shard>) {
        let auditor = &mut self.owner.shard().auditor;
        if auditor.has_fallen() {
            mesh.published(self.id).hardening_lost.set(self.settings_version + 1);
        }
        if auditor.mode() == Mode::Hardened {
            let lost = (0..mesh.cores()).map(|core| mesh.published(CoreId(core as u16)).hardening_lost.get()).max();
            if lost.is_some_and(|version| version > self.watch.mode_since) {
                auditor.fall_back();
            }
        }
    }
}

/// Whether a value lies outside the range that it is silently brought into.
fn clamps(kind: &Kind, raw: &[u8]) -> bool {
    let Kind::Clamped { low, high } = *kind else { return false };
    let number = std::str::from_utf8(raw).ok().and_then(|text| text.parse::<i64>().ok());
    number.is_some_and(|number| !(low..=high).contains(&number))
}

/// Whether the wall clock was set between two looks, and which way.
fn step(before: Now, after: Now) -> Option<Topic> {
    let went = |from: u64, to: u64| to as i64 - from as i64;
    let apart = went(before.wall_us, after.wall_us) - went(before.monotonic_us, after.monotonic_us);
    match apart {
        _ if apart >= STEP_US => Some(Topic::ClockAhead),
        _ if apart <= -STEP_US => Some(Topic::ClockBack),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_the_clock() {
        let at = |wall_us, monotonic_us| Now { wall_us, monotonic_us };
        let before = at(10_000_000, 1_000_000);
        let rows = [
            (at(10_100_000, 1_100_000), None),
            (at(11_000_000, 1_900_000), None),
            (at(10_700_000, 1_100_000), Some(Topic::ClockAhead)),
            (at(9_600_000, 1_100_000), Some(Topic::ClockBack)),
            // A process that was stopped finds both gone on.
            (at(70_000_000, 61_000_000), None),
        ];
        for (after, topic) in rows {
            assert_eq!(step(before, after), topic, "{after:?}");
        }
    }

    #[test]
    fn clamped_values() {
        let hz = Kind::Clamped { low: 1, high: 500 };
        let rows = [("0", true), ("1", false), ("500", false), ("501", true), ("many", false)];
        for (raw, clamped) in rows {
            assert_eq!(clamps(&hz, raw.as_bytes()), clamped, "{raw}");
        }
        assert!(!clamps(&Kind::Integer { min: 0, max: 1 }, b"7"));
    }
}
