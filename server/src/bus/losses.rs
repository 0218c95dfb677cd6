//! Slots that were lost: their keys are dropped once no core can write there any more.

use std::sync::Arc;
use std::time::Duration;

use clusterbus::slot_set::SlotSet;
use clusterbus::snapshot::SnapshotVersion;
use shard::ask::{Answer, Ask};

use super::driver::Bus;
use super::questions::ask_cores;

/// How long cores may take to drop keys before that is said. They go on in any case.
const DROP_TIME_MAX: Duration = Duration::from_secs(60);

/// What is to be dropped, and the version that every core must have taken first.
#[derive(Default)]
pub(super) struct Losses {
    /// Of this round.
    fresh: Vec<SlotSet>,
    waiting: Vec<(SlotSet, SnapshotVersion)>,
}

impl Losses {
    /// Slots are another node's.
    pub(super) fn add(&mut self, slots: SlotSet) {
        self.fresh.push(slots);
    }

    /// A round is over; from this version on cores know of its losses.
    pub(super) fn round_over(&mut self, version: SnapshotVersion) {
        self.waiting.extend(self.fresh.drain(..).map(|slots| (slots, version)));
    }

    /// The slots that no core writes to any more.
    fn due(&mut self, taken_by_all: SnapshotVersion) -> SlotSet {
        let due = self.waiting.extract_if(.., |(_, version)| *version <= taken_by_all);
        due.flat_map(|(slots, _)| slots.iter().collect::<Vec<_>>()).collect()
    }
}

impl Bus {
    /// Has cores drop what they store in slots that were lost.
    pub(super) fn drop_lost(&mut self) {
        let (me, slots) = (self.cluster.me(), self.cluster.slots());
        let taken = self.routes.taken_by_all();
        // What came back meanwhile is not lost.
        let due: SlotSet = self.losses.due(taken).iter().filter(|slot| slots.owner(*slot) != Some(me)).collect();
        if due.is_empty() {
            return;
        }
        let post = self.post.clone();
        glommio::spawn_local(async move {
            let slots = due.len();
            let answers = ask_cores(&post, Ask::DropSlots(Arc::new(due)), DROP_TIME_MAX).await;
            let dropped: u64 = answers.iter().flatten().map(dropped).sum();
            match answers {
                Some(_) if dropped == 0 => {}
                Some(_) => tracing::warn!("{dropped} keys were deleted in {slots} slots that another node owns now."),
                None => tracing::warn!("Keys of {slots} slots that another node owns now are still being deleted."),
            }
        })
        .detach();
    }
}

fn dropped(answer: &Answer) -> u64 {
    match answer {
        Answer::Count(count) => *count,
        _ => 0,
    }
}
