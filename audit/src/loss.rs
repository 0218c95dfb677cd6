//! What to do when something looks wrong: the action with the loss that can be borne.
//!
//! C16, `spec/packets.md`. One rule for both packets. Three states of the contract are possible, and what was seen makes each more
//! or less likely. Going on is free while nothing is wrong, and dear when something is; failing closed is the other way round.

use crate::faults::{Fault, planted};

/// What state the contract may be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// S0: it is kept.
    Preserved,
    /// S1: it is broken in a way that is bounded and can be mended.
    Recoverable,
    /// S2: it is unsafe to go on.
    Unsafe,
}

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A0: go on as if nothing was.
    GoOn,
    /// A1: an allow-listed defence, with evidence.
    Defend,
    /// A2: fail closed.
    FailClosed,
}

/// All states, in the order of their probabilities and losses.
pub const STATES: [State; 3] = [State::Preserved, State::Recoverable, State::Unsafe];

/// Losses: a row for each state, with going on, defending and failing closed.
const LOSSES: [[f64; 3]; 3] = [[0.0, 1.0, 7.0], [8.0, 2.0, 4.0], [10.0, 8.0, 1.0]];

/// From this probability on, unsafe means closed.
const UNSAFE_MAX: f64 = 0.30;

/// From this probability on, a defence is worth it.
const RECOVERABLE_MAX: f64 = 0.40;

/// Something that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Bytes that do not parse as they should, without drift.
    Parser,
    /// Peers or links that do not behave as they should.
    Transport,
    /// Metadata that cannot be.
    Metadata,
    /// A key or slot that is taken for another's.
    Owner,
    /// Events in the wrong order, or without the votes they need.
    Order,
    /// A migration that may lose or double a key.
    Migration,
    /// The expiry gate and the data disagree.
    Gate,
    /// Counts that should be equal and are not.
    Accounting,
    /// An eviction that ended in a way it must not.
    Eviction,
}

impl Sign {
    /// The state that it is evidence for.
    pub const fn points_to(self) -> State {
        match self {
            Sign::Parser | Sign::Transport | Sign::Metadata => State::Recoverable,
            Sign::Owner | Sign::Order | Sign::Migration | Sign::Gate | Sign::Accounting | Sign::Eviction => {
                State::Unsafe
            }
        }
    }
}

/// How likely each state is; together 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beliefs([f64; 3]);

/// Before anything is seen.
const PRIOR: [f64; 3] = [0.95, 0.04, 0.01];

/// Probability, in each state, of some sign that points to S1, and of some that points to S2. Signs of one kind come together, so
/// several of them say no more than one.
const RECOVERABLE_SIGNS: [f64; 3] = [0.005, 0.97, 0.30];
const UNSAFE_SIGNS: [f64; 3] = [0.0005, 0.005, 0.98];

impl Beliefs {
    /// What these signs make of the prior, by Bayes' rule.
    pub fn after(signs: &[Sign]) -> Self {
        let seen = |state| signs.iter().any(|sign| sign.points_to() == state);
        let likelihood = |seen: bool, of: f64| if seen { of } else { 1.0 - of };
        let mut weights = PRIOR;
        for (state, weight) in weights.iter_mut().enumerate() {
            *weight *= likelihood(seen(State::Recoverable), RECOVERABLE_SIGNS[state]);
            *weight *= likelihood(seen(State::Unsafe), UNSAFE_SIGNS[state]);
        }
        let sum: f64 = weights.iter().sum();
        Self(weights.map(|weight| weight / sum))
    }

    /// How likely a state is.
    pub const fn of(&self, state: State) -> f64 {
        self.0[state as usize]
    }

    /// The loss to be expected of an action.
    pub fn expected_loss(&self, action: Action) -> f64 {
        STATES.iter().map(|&state| self.of(state) * LOSSES[state as usize][action as usize]).sum()
    }
}

/// Whether a defence of the allow-list fits what was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// One does.
    Yes,
    /// None does.
    No,
}

/// The rule of the packets.
pub fn choose(beliefs: &Beliefs, listed: Listed) -> Action {
    if beliefs.of(State::Unsafe) > UNSAFE_MAX && !planted(Fault::UnsafeGoesOn) {
        Action::FailClosed
    } else if beliefs.of(State::Recoverable) > RECOVERABLE_MAX && listed == Listed::Yes {
        Action::Defend
    } else {
        Action::GoOn
    }
}

/// How good the beliefs are, measured on cases whose state is known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Calibration {
    cases: u32,
    squares: f64,
    harmful: u32,
    missed: u32,
}

impl Calibration {
    /// Highest Brier score that will do.
    pub const BRIER_MAX: f64 = 0.12;

    /// Share of unsafe cases below which those that were missed have to stay.
    pub const MISSED_MAX: f64 = 0.01;

    /// Takes in a case: what was believed and done, and what was true.
    pub fn add(&mut self, beliefs: &Beliefs, action: Action, truth: State) {
        self.cases += 1;
        self.squares +=
            STATES.iter().map(|&state| (beliefs.of(state) - f64::from(u8::from(state == truth))).powi(2)).sum::<f64>();
        if truth == State::Unsafe {
            self.harmful += 1;
            self.missed += u32::from(action != Action::FailClosed);
        }
    }

    /// Cases taken in.
    pub fn cases(&self) -> u32 {
        self.cases
    }

    /// The Brier score in its first form: the squared errors of all states, on average; 0 to 2.
    pub fn brier(&self) -> f64 {
        self.squares / f64::from(self.cases.max(1))
    }

    /// The share of unsafe cases in which the answer was not to fail closed.
    pub fn missed(&self) -> f64 {
        f64::from(self.missed) / f64::from(self.harmful.max(1))
    }

    /// Whether both figures are as they have to be.
    pub fn holds(&self) -> bool {
        self.brier() <= Self::BRIER_MAX && self.missed() < Self::MISSED_MAX
    }
}

#[cfg(test)]
#[allow(non_snake_case)]
pub(crate) mod tests {
    use super::*;

    const BOTH: [Sign; 2] = [Sign::Parser, Sign::Accounting];

    #[test]
    pub(crate) fn FR_P2C_008_U013_FR_P2C_007_U012_the_rule() {
        let rows = [
            // P(S1), P(S2), listed, action
            (0.00, 0.00, Listed::Yes, Action::GoOn),
            (0.40, 0.00, Listed::Yes, Action::GoOn),
            (0.41, 0.00, Listed::Yes, Action::Defend),
            (0.41, 0.00, Listed::No, Action::GoOn),
            (0.70, 0.30, Listed::Yes, Action::Defend),
            (0.30, 0.30, Listed::Yes, Action::GoOn),
            (0.69, 0.31, Listed::Yes, Action::FailClosed),
            (0.00, 0.31, Listed::No, Action::FailClosed),
            (0.00, 1.00, Listed::Yes, Action::FailClosed),
        ];
        for (recoverable, unsafe_, listed, action) in rows {
            let beliefs = Beliefs([1.0 - recoverable - unsafe_, recoverable, unsafe_]);
            assert_eq!(choose(&beliefs, listed), action, "{beliefs:?} {listed:?}");
        }
    }

    #[test]
    pub(crate) fn FR_P2C_008_U013_FR_P2C_007_U012_expected_losses() {
        for (state, losses) in STATES.into_iter().zip(LOSSES) {
            let sure = Beliefs(STATES.map(|other| f64::from(u8::from(other == state))));
            let found = [Action::GoOn, Action::Defend, Action::FailClosed].map(|action| sure.expected_loss(action));
            assert_eq!(found, losses, "{state:?}");
        }
        let even = Beliefs([0.5, 0.25, 0.25]);
        assert_eq!(even.expected_loss(Action::GoOn), 4.5);
    }

    #[test]
    pub(crate) fn FR_P2C_008_U013_FR_P2C_007_U012_what_signs_say() {
        let rows: [(&[Sign], Listed, Action); 7] = [
            (&[], Listed::Yes, Action::GoOn),
            (&[Sign::Parser], Listed::Yes, Action::Defend),
            (&[Sign::Parser], Listed::No, Action::GoOn),
            (&[Sign::Transport, Sign::Metadata], Listed::Yes, Action::Defend),
            (&[Sign::Gate], Listed::Yes, Action::FailClosed),
            (&[Sign::Owner, Sign::Order, Sign::Migration, Sign::Eviction], Listed::No, Action::FailClosed),
            (&BOTH, Listed::Yes, Action::FailClosed),
        ];
        for (signs, listed, action) in rows {
            let beliefs = Beliefs::after(signs);
            assert!((beliefs.0.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            assert_eq!(choose(&beliefs, listed), action, "{signs:?}");
        }
    }

    #[test]
    pub(crate) fn FR_P2C_008_U013_FR_P2C_007_U012_calibration_finds_bad_beliefs() {
        let mut rng = fastrand::Rng::with_seed(13);
        let (mut good, mut blind, mut drunk) = (Calibration::default(), Calibration::default(), Calibration::default());
        for _ in 0..20_000 {
            // Cases as the model has them, with far more that is wrong than in earnest.
            let truth = STATES[rng.usize(..3)];
            let mut signs = Vec::new();
            if rng.f64() < RECOVERABLE_SIGNS[truth as usize] {
                signs.push(Sign::Metadata);
            }
            // A harmful case without any sign is one that nobody could find; the suite has none.
            if truth == State::Unsafe || rng.f64() < UNSAFE_SIGNS[truth as usize] {
                signs.push(Sign::Accounting);
            }
            let beliefs = Beliefs::after(&signs);
            good.add(&beliefs, choose(&beliefs, Listed::Yes), truth);
            blind.add(&beliefs, Action::GoOn, truth);
            let wrong = Beliefs([beliefs.0[1], beliefs.0[2], beliefs.0[0]]);
            drunk.add(&wrong, choose(&wrong, Listed::Yes), truth);
        }
        assert!(good.holds(), "Brier {}, missed {}", good.brier(), good.missed());
        assert!(blind.brier() <= Calibration::BRIER_MAX && blind.missed() == 1.0 && !blind.holds());
        assert!(!drunk.holds() && drunk.brier() > 1.0);
        assert_eq!((Calibration::default().holds(), good.cases()), (true, 20_000));
    }
}
