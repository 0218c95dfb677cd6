//! Strict and hardened mode, and what keeps the hardened one honest.
//!
//! C16, `spec/packets.md`. Outward behaviour is the same in both. Hardened mode may defend itself in three ways and no other, each
//! within a budget per window. What is not listed, and what comes when the budget is spent, fails closed. Budgets that are spent in
//! two windows in a row put the packet back to strict; so do beliefs that turn out wrong in two windows, and at once a drift on a
//! critical row. Only a new configuration makes it hardened again.

use crate::faults::{Fault, planted};
use crate::loss::{Action, Beliefs, Calibration, Listed, choose};

/// How strictly a packet is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// Exactly; any deviation fails closed.
    #[default]
    Strict,
    /// The allow-listed defences may be used.
    Hardened,
}

impl Mode {
    /// Its name in settings and log records.
    pub const fn name(self) -> &'static str {
        match self {
            Mode::Strict => "strict",
            Mode::Hardened => "hardened",
        }
    }
}

/// The allow-list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// More is said about input that does not parse.
    BoundedParserDiagnostics,
    /// Metadata is put right before it is used.
    MetadataSanitization,
    /// A resource is held to a bound.
    ResourceClamp,
}

/// Number of categories.
pub const CATEGORIES: usize = 3;

impl Category {
    /// All of them.
    pub const ALL: [Category; CATEGORIES] =
        [Category::BoundedParserDiagnostics, Category::MetadataSanitization, Category::ResourceClamp];

    /// Its name in log records.
    pub const fn name(self) -> &'static str {
        match self {
            Category::BoundedParserDiagnostics => "BoundedParserDiagnostics",
            Category::MetadataSanitization => "MetadataSanitization",
            Category::ResourceClamp => "ResourceClamp",
        }
    }
}

/// A deviation that somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deviation {
    /// One of the allow-list.
    Listed(Category),
    /// Any other.
    Other,
}

/// Why a deviation is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// It is not on the list.
    NotListed,
    /// The mode is strict, by configuration or because hardening was disabled.
    Strict,
    /// Its budget for this window is spent.
    Exhausted,
}

/// Windows in a row that it takes to lose the hardened mode.
const WINDOWS: u8 = 2;

/// The hardening of one packet on one thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hardening {
    mode: Mode,
    /// Deviations per window, and those left in this one, per category.
    budgets: [u32; CATEGORIES],
    left: [u32; CATEGORIES],
    /// Whether a budget was asked for more than it had in this window.
    exhausted: bool,
    /// Windows in a row up to the last in which that was so, and in which the calibration did not hold.
    exhausted_windows: u8,
    breached_windows: u8,
}

impl Hardening {
    /// A mode, and what each category may do in a window, in the order of [`Category::ALL`].
    pub const fn new(mode: Mode, budgets: [u32; CATEGORIES]) -> Self {
        Self { mode, budgets, left: budgets, exhausted: false, exhausted_windows: 0, breached_windows: 0 }
    }

    /// The mode that is in force.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Asks for a deviation, and spends one of its budget if it is allowed.
    pub fn ask(&mut self, deviation: Deviation) -> Result<Category, Rejection> {
        let category = match deviation {
            Deviation::Listed(category) => category,
            Deviation::Other if planted(Fault::AllowListIgnored) => Category::ResourceClamp,
            Deviation::Other => return Err(Rejection::NotListed),
        };
        if self.mode == Mode::Strict {
            return Err(Rejection::Strict);
        }
        let left = &mut self.left[category as usize];
        match left.checked_sub(1) {
            Some(less) => {
                if !planted(Fault::BudgetNeverSpent) {
                    *left = less;
                }
                Ok(category)
            }
            None => {
                self.exhausted = true;
                Err(Rejection::Exhausted)
            }
        }
    }

    /// The rule of [`crate::loss`] under this mode: a defence that is not allowed becomes failing closed, with its reason.
    pub fn act(&mut self, beliefs: &Beliefs, deviation: Deviation) -> (Action, Option<Rejection>) {
        let listed = if matches!(deviation, Deviation::Listed(_)) { Listed::Yes } else { Listed::No };
        match choose(beliefs, listed) {
            Action::Defend => match self.ask(deviation) {
                Ok(_) => (Action::Defend, None),
                Err(rejection) => (Action::FailClosed, Some(rejection)),
            },
            action => (action, None),
        }
    }

    /// Ends a window: budgets are full again, and what went on for two windows has its consequence. `calibration` is that of this
    /// window's checks. Returns the mode now in force.
    pub fn end_window(&mut self, calibration: &Calibration) -> Mode {
        let count = |before: u8, bad: bool| if bad { before.saturating_add(1) } else { 0 };
        self.exhausted_windows = count(self.exhausted_windows, self.exhausted);
        self.breached_windows = count(self.breached_windows, !calibration.holds());
        self.exhausted = false;
        self.left = self.budgets;
        if self.exhausted_windows >= WINDOWS || self.breached_windows >= WINDOWS {
            self.mode = Mode::Strict;
        }
        self.mode
    }

    /// A row of the contract was seen to drift: on a critical one hardening ends at once.
    pub fn drift(&mut self, criticality: Criticality) -> Mode {
        if criticality == Criticality::Critical && !planted(Fault::DriftIgnored) {
            self.mode = Mode::Strict;
        }
        self.mode
    }
}

/// Whether a row of a contract is critical: each packet's table says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Criticality {
    /// It is not.
    Ordinary,
    /// It is.
    Critical,
}

#[cfg(test)]
#[allow(non_snake_case)]
pub(crate) mod tests {
    use super::*;
    use crate::loss::{Sign, State};

    const BUDGETS: [u32; 3] = [3, 2, 1];

    fn hardened() -> Hardening {
        Hardening::new(Mode::Hardened, BUDGETS)
    }

    fn clamp(hardening: &mut Hardening) -> Result<Category, Rejection> {
        hardening.ask(Deviation::Listed(Category::ResourceClamp))
    }

    #[test]
    pub(crate) fn FR_P2C_008_STRICT_U013_FR_P2C_007_STRICT_U012_nothing_deviates() {
        let mut strict = Hardening::new(Mode::Strict, BUDGETS);
        for category in Category::ALL {
            assert_eq!(strict.ask(Deviation::Listed(category)), Err(Rejection::Strict), "{}", category.name());
        }
        assert_eq!(strict.ask(Deviation::Other), Err(Rejection::NotListed));
        let suspicious = Beliefs::after(&[Sign::Parser]);
        let listed = Deviation::Listed(Category::BoundedParserDiagnostics);
        assert_eq!(strict.act(&suspicious, listed), (Action::FailClosed, Some(Rejection::Strict)));
        assert_eq!(strict.act(&Beliefs::after(&[]), listed), (Action::GoOn, None));
        assert_eq!((Mode::default(), strict.mode().name()), (Mode::Strict, "strict"));
    }

    #[test]
    pub(crate) fn FR_P2C_008_HARDENED_U013_FR_P2C_007_HARDENED_U012_budgets_are_finite() {
        let mut hardening = hardened();
        for (category, budget) in Category::ALL.into_iter().zip(BUDGETS) {
            for _ in 0..budget {
                assert_eq!(hardening.ask(Deviation::Listed(category)), Ok(category));
            }
            for _ in 0..3 {
                assert_eq!(
                    hardening.ask(Deviation::Listed(category)),
                    Err(Rejection::Exhausted),
                    "{}",
                    category.name()
                );
            }
        }
        let suspicious = Beliefs::after(&[Sign::Metadata]);
        let listed = Deviation::Listed(Category::MetadataSanitization);
        assert_eq!(hardening.act(&suspicious, listed), (Action::FailClosed, Some(Rejection::Exhausted)));
        assert_eq!(hardening.mode(), Mode::Hardened, "one window is no reason");
    }

    #[test]
    pub(crate) fn FR_P2C_008_HARDENED_U013_FR_P2C_007_HARDENED_U012_only_the_list() {
        let mut hardening = hardened();
        assert_eq!(hardening.ask(Deviation::Other), Err(Rejection::NotListed));
        assert_eq!(hardening.act(&Beliefs::after(&[Sign::Transport]), Deviation::Other), (Action::GoOn, None));
        let suspicious = Beliefs::after(&[Sign::Transport]);
        let listed = Deviation::Listed(Category::ResourceClamp);
        assert_eq!(hardening.act(&suspicious, listed), (Action::Defend, None));
        assert_eq!(hardening.act(&Beliefs::after(&[Sign::Gate]), listed), (Action::FailClosed, None));
    }

    #[test]
    pub(crate) fn FR_P2C_008_HARDENED_U013_FR_P2C_007_HARDENED_U012_two_windows_without_budget() {
        let good = Calibration::default();
        let mut hardening = hardened();
        for _ in 0..5 {
            // Exhausted in every other window only.
            assert_eq!(
                (clamp(&mut hardening), clamp(&mut hardening)),
                (Ok(Category::ResourceClamp), Err(Rejection::Exhausted))
            );
            assert_eq!(hardening.end_window(&good), Mode::Hardened);
            assert_eq!(clamp(&mut hardening), Ok(Category::ResourceClamp));
            assert_eq!(hardening.end_window(&good), Mode::Hardened, "a budget that is just spent is no breach");
        }
        for mode in [Mode::Hardened, Mode::Strict] {
            let _spent = [clamp(&mut hardening), clamp(&mut hardening)];
            assert_eq!(hardening.end_window(&good), mode);
        }
        assert_eq!(clamp(&mut hardening), Err(Rejection::Strict));
        assert_eq!(hardening.end_window(&good), Mode::Strict, "and it stays so");
    }

    #[test]
    pub(crate) fn FR_P2C_008_HARDENED_U013_FR_P2C_007_HARDENED_U012_two_windows_of_wrong_beliefs() {
        let mut bad = Calibration::default();
        bad.add(&Beliefs::after(&[]), Action::GoOn, State::Unsafe);
        let mut hardening = hardened();
        assert_eq!(hardening.end_window(&bad), Mode::Hardened);
        assert_eq!(hardening.end_window(&Calibration::default()), Mode::Hardened);
        assert_eq!(hardening.end_window(&bad), Mode::Hardened);
        assert_eq!(hardening.end_window(&bad), Mode::Strict);
    }

    #[test]
    pub(crate) fn FR_P2C_008_HARDENED_U013_FR_P2C_007_HARDENED_U012_drift_on_a_critical_row() {
        let mut hardening = hardened();
        assert_eq!(hardening.drift(Criticality::Ordinary), Mode::Hardened);
        assert_eq!(hardening.drift(Criticality::Critical), Mode::Strict);
    }
}
