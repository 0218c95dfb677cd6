//! What comes out of the state machine, summed for tests that compare the modes. Nothing of it is left in other builds.

#[cfg(not(test))]
pub(crate) use plain::{carried_out, first_mode, noted, replied};

#[cfg(test)]
pub(crate) use summed::{Observed, carried_out, first_mode, noted, observe, replied};

#[cfg(not(test))]
mod plain {
    use std::fmt::Debug;

    use crate::effect::Effect;
    use crate::topics::Topic;
    use audit::mode::Mode;

    /// The mode in which a node begins.
    pub(crate) const fn first_mode() -> Mode {
        Mode::Strict
    }

    /// Takes in an effect that is to be carried out.
    #[inline(always)]
    pub(crate) const fn carried_out(_effect: &Effect) {}

    /// Takes in what a client or a peer was told.
    #[inline(always)]
    pub(crate) const fn replied(_reply: &impl Debug) {}

    /// Takes in that something was noted.
    #[inline(always)]
    pub(crate) const fn noted(_topic: Topic) {}
}

#[cfg(test)]
mod summed {
    use std::cell::RefCell;
    use std::fmt::Debug;

    use crate::conf::PrimaryPort;
    use crate::effect::Effect;
    use crate::topics::Topic;
    use audit::digest::Digest;
    use audit::mode::Mode;

    /// What was observed on this thread.
    #[derive(Clone, Debug, PartialEq)]
    pub(crate) struct Observed {
        mode: Mode,
        /// A sum over effects and replies, in their order.
        pub(crate) output: Digest,
        /// How many there were.
        pub(crate) outputs: u64,
        /// What was noted, in order, each topic once.
        pub(crate) topics: Vec<Topic>,
    }

    thread_local! {
        static OBSERVED: RefCell<Option<Observed>> = const { RefCell::new(None) };
    }

    pub(crate) fn first_mode() -> Mode {
        OBSERVED.with_borrow(|observed| observed.as_ref().map_or(Mode::Strict, |observed| observed.mode))
    }

    pub(crate) fn carried_out(effect: &Effect) {
        came_out(|| match effect {
            Effect::Send(link, frame) => [&link.0.to_le_bytes()[..], frame].concat(),
            Effect::Save(seq, durability, conf) => {
                format!("{seq:?}{durability:?}{}", conf.print(PrimaryPort::Tcp)).into_bytes()
            }
            other => format!("{other:?}").into_bytes(),
        });
    }

    pub(crate) fn replied(reply: &impl Debug) {
        came_out(|| format!("{reply:?}").into_bytes());
    }

    fn came_out(bytes: impl FnOnce() -> Vec<u8>) {
        OBSERVED.with_borrow_mut(|observed| {
            if let Some(observed) = observed {
                observed.output = observed.output.and(&bytes()).and(&[0]);
                observed.outputs += 1;
            }
        });
    }

    pub(crate) fn noted(topic: Topic) {
        OBSERVED.with_borrow_mut(|observed| {
            if let Some(observed) = observed
                && !observed.topics.contains(&topic)
            {
                observed.topics.push(topic);
            }
        });
    }

    /// Runs `check` with nodes that begin in `mode`: what was observed, and what `check` returned.
    pub(crate) fn observe<R>(mode: Mode, check: impl FnOnce() -> R) -> (Observed, R) {
        let nothing = Observed { mode, output: Digest::default(), outputs: 0, topics: Vec::new() };
        let before = OBSERVED.replace(Some(nothing));
        let returned = std::panic::catch_unwind(std::panic::AssertUnwindSafe(check));
        let observed = OBSERVED.replace(before).expect("whoever observes inside puts it back");
        (observed, returned.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    }
}
