//! Slots that were lost: their keys are dropped. No core writes there any more when the machine says so.

use std::sync::Arc;
use std::time::Duration;

use clusterbus::slot_set::SlotSet;
use shard::ask::{Answer, Ask};

use super::driver::Bus;
use super::questions::ask_cores;
use super::tasks;

/// How long cores may take to drop keys before that is said. They go on in any case.
const DROP_TIME_MAX: Duration = Duration::from_secs(60);

impl Bus {
    /// Has cores drop what they store in these slots.
    pub(super) fn drop_lost(&self, lost: &SlotSet) {
        let (me, slots) = (self.cluster.me(), self.cluster.slots());
        // What came back meanwhile is not lost.
        let due: SlotSet = lost.iter().filter(|slot| slots.owner(*slot) != Some(me)).collect();
        let (post, count) = (self.post.clone(), due.len());
        tasks::spawn(async move {
            let answers = ask_cores(&post, Ask::DropSlots(Arc::new(due)), DROP_TIME_MAX).await;
            let dropped: u64 = answers.iter().flatten().map(dropped).sum();
            match answers {
                Some(_) if dropped == 0 => {}
                Some(_) => tracing::warn!("{dropped} keys were deleted in {count} slots that another node owns now."),
                None => tracing::warn!("Keys of {count} slots that another node owns now are still being deleted."),
            }
        });
    }
}

fn dropped(answer: &Answer) -> u64 {
    match answer {
        Answer::Count(count) => *count,
        _ => 0,
    }
}
