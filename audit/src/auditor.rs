//! What a thread has to say about a packet, collected where it happens and told in few records.
//!
//! Whoever meets something notes its topic: a count, a sum and, in hardened mode, one question for a budget; nothing is allocated but for a
//! defence, of which a window has few. The thread's timer takes what is there and hands it to whoever writes. A topic is told at once the
//! first time and then at most once per window, with how often it was noted since. So a million refusals a second make one record.
//!
//! A defence of hardened mode is evidence and nothing else: a record of its own for each, within the budget. What is refused stays
//! refused, and what is clamped is clamped, in both modes, so nobody outside can tell the modes apart. A sign of probable harm on a
//! critical row ends hardening at once.

use crate::contract::Contract;
use crate::digest::Digest;
use crate::loss::{Action, Beliefs, Calibration, Listed, State, choose};
use crate::mode::{Deviation, Hardening, Mode, Rejection};
use crate::record::{AuditRecord, Verdict};
use crate::time::{Monotonic, UnixMillis};
use crate::topic::AuditTopic;

/// How long a window is, in microseconds: of the budgets, and between two records of one topic.
pub const WINDOW_US: u64 = 5_000_000;

/// Something to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<T> {
    /// What it is.
    pub topic: T,
    /// The wall-clock time when it was taken.
    pub at: UnixMillis,
    /// How often it was noted.
    pub count: u64,
    /// The mode in force.
    pub mode: Mode,
    /// A sum over what it was noted with; never that itself.
    pub input: Digest,
    /// `Fail` for what was detected or rejected, `Pass` for a defence and for what is over.
    pub verdict: Verdict,
    /// The code of the row that it is about, or why a deviation was rejected; none for what was configured.
    pub reason: Option<&'static str>,
    /// How long it went on, in milliseconds; 0 for what is of a moment.
    pub millis: u64,
}

impl<T: AuditTopic> Event<T> {
    /// The event with the packet's fields. What came out is how often.
    pub fn record(&self) -> AuditRecord<'static> {
        AuditRecord {
            time: self.at,
            suite: T::SUITE,
            scenario: self.topic.name(),
            packet: T::Row::PACKET,
            mode: self.mode,
            seed: 0,
            input: self.input,
            output: Digest::default().and(&self.count.to_le_bytes()),
            millis: self.millis,
            verdict: self.verdict,
            reason: self.reason,
            replay: "",
            artifacts: &[],
        }
    }
}

/// What is known of a topic since it was last told.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    count: u64,
    input: Digest,
    rejection: Option<Rejection>,
    told: Option<Monotonic>,
    /// Of what begins and ends: how it stands, how it was last told to stand, and since when it does.
    stands: bool,
    told_to_stand: bool,
    since: Monotonic,
}

/// What one thread has to say.
#[derive(Clone, Debug)]
pub struct Auditor<T> {
    hardening: Hardening,
    calibration: Calibration,
    /// One for each topic.
    tallies: Vec<Tally>,
    /// Defences, and changes of the mode.
    single: Vec<Event<T>>,
    /// What was taken and could not be handed on.
    unsent: Vec<Event<T>>,
    /// Something was noted that is not told.
    pending: bool,
    /// When the window began: at the first time that something is taken.
    window: Option<Monotonic>,
    /// Hardening was lost, by itself.
    fallen: bool,
}

impl<T: AuditTopic> Auditor<T> {
    /// An auditor in this mode.
    pub fn new(mode: Mode) -> Self {
        Self {
            hardening: Hardening::new(mode, T::BUDGETS),
            calibration: Calibration::default(),
            tallies: vec![Tally::default(); T::ALL.len()],
            single: Vec::new(),
            unsent: Vec::new(),
            pending: false,
            window: None,
            fallen: false,
        }
    }

    /// The mode in force.
    pub fn mode(&self) -> Mode {
        self.hardening.mode()
    }

    /// Notes one more of a topic. `input` is the sum over what it is about.
    pub fn note(&mut self, topic: T, input: Digest) {
        self.note_many(topic, 1, input);
    }

    /// Notes so many more of a topic, as one: for what is counted elsewhere.
    pub fn note_many(&mut self, topic: T, count: u64, input: Digest) {
        self.pending = true;
        if topic.sign().points_to() == State::Unsafe {
            self.harm(topic);
        }
        let defence = topic.wanted().filter(|_| self.mode() == Mode::Hardened);
        let rejection = match defence.map(|deviation| self.ask(topic, deviation)) {
            Some(Ok(())) => {
                let reason = Some(topic.row().code());
                return self.single.push(self.event(topic, count, input, Verdict::Pass, reason));
            }
            Some(Err(rejection)) => Some(rejection),
            None => None,
        };
        let tally = &mut self.tallies[topic.index()];
        tally.count += count;
        tally.input = tally.input.and(&input.sum().to_le_bytes());
        tally.rejection = rejection;
    }

    /// Notes whether something goes on: the first time, when it began.
    pub fn stands(&mut self, topic: T, stands: bool, now: Monotonic) {
        let tally = &mut self.tallies[topic.index()];
        if tally.stands == stands {
            return;
        }
        tally.stands = stands;
        if stands {
            tally.count += 1;
            tally.since = now;
        }
        self.pending = true;
    }

    /// What was met is a sign of harm: if it is probable, the row has drifted.
    fn harm(&mut self, topic: T) {
        let beliefs = Beliefs::after(&[topic.sign()]);
        let action = choose(&beliefs, Listed::No);
        self.calibration.add(&beliefs, action, State::Unsafe);
        let before = self.mode();
        if action == Action::FailClosed && self.hardening.drift(topic.row().criticality()) != before {
            self.fallen = true;
            self.mode_changed(before, Some(topic.row().code()));
        }
    }

    /// Asks for a deviation. What was met is bounded and over, which calibrates the beliefs.
    fn ask(&mut self, topic: T, deviation: Deviation) -> Result<(), Rejection> {
        let Deviation::Listed(_) = deviation else {
            return self.hardening.ask(deviation).map(|_| ());
        };
        let beliefs = Beliefs::after(&[topic.sign()]);
        let (action, rejection) = self.hardening.act(&beliefs, deviation);
        let chosen = if rejection.is_some() { Action::Defend } else { action };
        self.calibration.add(&beliefs, chosen, State::Recoverable);
        rejection.map_or(Ok(()), Err)
    }

    /// Takes a mode on that was configured: budgets are full, and what was lost is forgotten.
    pub fn configure(&mut self, mode: Mode) {
        let before = self.mode();
        self.hardening = Hardening::new(mode, T::BUDGETS);
        self.calibration = Calibration::default();
        self.fallen = false;
        if mode != before {
            self.mode_changed(before, None);
        }
    }

    /// Another thread lost hardening: the packet is strict as a whole.
    pub fn fall_back(&mut self) {
        let before = self.mode();
        if before == Mode::Hardened {
            self.hardening = Hardening::new(Mode::Strict, T::BUDGETS);
            self.mode_changed(before, None);
        }
    }

    /// True if this one lost hardening by itself since it was configured.
    pub fn has_fallen(&self) -> bool {
        self.fallen
    }

    /// Ends a window whose time is over.
    fn end_window(&mut self, now: Monotonic) {
        let began = *self.window.get_or_insert(now);
        if now.micros_since(began) < WINDOW_US {
            return;
        }
        self.window = Some(now);
        let before = self.mode();
        let after = self.hardening.end_window(&self.calibration);
        self.calibration = Calibration::default();
        if after != before {
            self.fallen = true;
            self.mode_changed(before, Some(T::Row::rejection_code(Rejection::Exhausted)));
        }
    }

    /// Another mode is in force: `reason` if it was lost here.
    fn mode_changed(&mut self, before: Mode, reason: Option<&'static str>) {
        let input = Digest::default().and(before.name().as_bytes()).and(self.mode().name().as_bytes());
        let verdict = if reason.is_some() { Verdict::Fail } else { Verdict::Pass };
        self.single.push(self.event(T::MODE_CHANGED, 1, input, verdict, reason));
        self.pending = true;
    }

    fn event(&self, topic: T, count: u64, input: Digest, verdict: Verdict, reason: Option<&'static str>) -> Event<T> {
        Event { topic, at: UnixMillis(0), count, mode: self.mode(), input, verdict, reason, millis: 0 }
    }

    /// What is to be told now. Called by the thread's timer; O(topics) and nothing when nothing was noted.
    pub fn take(&mut self, at: UnixMillis, now: Monotonic) -> Vec<Event<T>> {
        self.end_window(now);
        let mut events = std::mem::take(&mut self.unsent);
        if !self.pending {
            return events;
        }
        self.pending = false;
        events.extend(self.single.drain(..).map(|event| Event { at, ..event }));
        for &topic in T::ALL {
            let tally = self.tallies[topic.index()];
            if tally.count == 0 && tally.stands == tally.told_to_stand {
                continue;
            }
            if tally.told.is_some_and(|told| now.micros_since(told) < WINDOW_US) {
                self.pending = true;
                continue;
            }
            let rejected = tally.rejection.map_or(topic.row().code(), T::Row::rejection_code);
            let over = tally.told_to_stand && !tally.stands;
            let verdict = if over { Verdict::Pass } else { Verdict::Fail };
            let millis = if over { now.micros_since(tally.since) / 1000 } else { 0 };
            let event = self.event(topic, tally.count, tally.input, verdict, Some(rejected));
            events.push(Event { at, millis, ..event });
            let Tally { stands, since, .. } = tally;
            self.tallies[topic.index()] =
                Tally { told: Some(now), stands, told_to_stand: stands, since, ..Tally::default() };
        }
        events
    }

    /// Takes back what could not be handed on: it is told the next time. No more is taken meanwhile than a window brings.
    pub fn put_back(&mut self, events: Vec<Event<T>>) {
        self.unsent = events;
        self.unsent.truncate(UNSENT_MAX);
    }
}

/// Events that wait because nobody took them; what comes after these is lost.
const UNSENT_MAX: usize = 256;

#[cfg(test)]
#[path = "auditor_tests.rs"]
#[allow(non_snake_case)]
pub(crate) mod tests;
