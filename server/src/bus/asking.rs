//! Commands that need to know in which slots there are keys: cores are asked once they go by all that was decided before.
//!
//! What a command would let go of because it is empty is withheld then, and cores are asked again: rights shrink first (§18.3), so
//! nothing is stored between what they say and the decision.

use std::time::Duration;

use clusterbus::cluster::{Cluster, Withheld};
use clusterbus::command::ClusterCommand;
use clusterbus::effect::{SaveSeq, Until};
use clusterbus::slot_set::SlotSet;
use clusterbus::time::{Millis, UnixMillis};
use shard::ask::Ask;

use super::commands::stored;
use super::driver::Bus;
use super::held::Asker;
use super::questions::ask_cores;
use super::tasks;

/// How long cores may take to go by what was decided, and to say in which slots they have keys.
const CORES_TIME_MAX: Duration = Duration::from_secs(5);

/// What a client reads whose command needs to know about keys, while a core does not answer.
const BUSY: &str = "TRYAGAIN a core is busy; nothing was changed";

/// A command that waits for what cores know.
pub(super) struct Asking {
    asker: Asker,
    command: ClusterCommand,
    /// What is not served until it is decided.
    withheld: Option<Withheld>,
    /// Cores are asked then; it is known when the round is over.
    until: Option<Until>,
    since: UnixMillis,
}

/// Whether cores are to be asked now.
enum Due {
    Now,
    Later,
    Never,
}

impl Asking {
    fn due(&mut self, cluster: &Cluster, now: UnixMillis) -> Due {
        let until = *self.until.get_or_insert_with(|| Until { save: SaveSeq::default(), ..cluster.decided() });
        let limit = Millis(CORES_TIME_MAX.as_millis() as u64);
        match cluster.is_done(until) {
            true => Due::Now,
            false if now.since(self.since) > limit => Due::Never,
            false => Due::Later,
        }
    }
}

impl Bus {
    /// A command came that needs to know about keys.
    pub(super) fn run_with_keys(&mut self, asker: Asker, command: ClusterCommand) {
        self.ask_later(asker, command, None);
    }

    fn ask_later(&mut self, asker: Asker, command: ClusterCommand, withheld: Option<Withheld>) {
        self.asking.push(Asking { asker, command, withheld, until: None, since: self.clock.now() });
        self.end_soon();
    }

    /// A round is over: asks for the commands for which it is time.
    pub(super) fn ask_what_is_due(&mut self) {
        let now = self.clock.now();
        for mut asking in std::mem::take(&mut self.asking) {
            match asking.due(&self.cluster, now) {
                Due::Now => self.ask(asking),
                Due::Later => self.asking.push(asking),
                Due::Never => self.keys_told(asking, None),
            }
        }
    }

    fn ask(&mut self, asking: Asking) {
        let (bus, post) = (self.shared(), self.post.clone());
        tasks::spawn(async move {
            let answers = ask_cores(&post, Ask::SlotKeys, CORES_TIME_MAX).await;
            let slots = answers.and_then(stored).map(|(slots, _)| slots);
            let mut bus = bus.borrow_mut();
            bus.keys_told(asking, slots);
            bus.end_soon();
        });
    }

    /// Cores said in which slots they have keys, or did not.
    fn keys_told(&mut self, asking: Asking, slots: Option<SlotSet>) {
        let Asking { asker, command, withheld, .. } = asking;
        let Some(slots) = slots else {
            self.decided(withheld);
            return self.reply(asker, Err(BUSY.into()));
        };
        if withheld.is_none() {
            let facts = self.facts(slots.clone());
            if let Some(withheld) = self.cluster.withhold_for(&command, &facts) {
                return self.ask_later(asker, command, Some(withheld));
            }
        }
        self.run(asker, command, slots);
        self.decided(withheld);
    }

    fn decided(&mut self, withheld: Option<Withheld>) {
        withheld.into_iter().for_each(|withheld| self.cluster.give_back(withheld));
        self.end_soon();
    }
}
