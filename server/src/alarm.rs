//! How other threads wake a service thread: the waker of the task that reads its mail.
//!
//! glommio's wakers may be used on any thread: a foreign one queues the task at its executor and writes the executor's eventfd if
//! that sleeps. So no descriptor of our own is needed, nor any `unsafe` to hand one to glommio.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

/// Wakes a service thread.
#[derive(Default)]
pub(crate) struct Alarm {
    /// The mail task; it lives as long as the executor. Not set before it first runs: until then it holds its baton, so nobody owes it a
    /// wake-up.
    task: OnceLock<Waker>,
    stop: AtomicBool,
}

impl Alarm {
    /// Has the mail task run. One eventfd write at most; never blocks.
    pub(crate) fn ring(&self) {
        if let Some(task) = self.task.get() {
            task.wake_by_ref();
        }
    }

    /// Asks for the end of the server: what a signal means.
    pub(crate) fn ask_to_stop(&self) {
        // Sequentially consistent, as `arm`: either this sees the waker, or the task sees the wish in its first run.
        self.stop.store(true, Ordering::SeqCst);
        std::sync::atomic::fence(Ordering::SeqCst);
        self.ring();
    }

    /// Whether the end was asked for.
    pub(crate) fn stop_is_asked(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// Names the task to wake. The first call counts: a task's waker does not change.
    pub(crate) fn arm(&self, task: &Waker) {
        if self.task.get().is_none() {
            // Only this task arms it, so the place is still free.
            let _ = self.task.set(task.clone());
            std::sync::atomic::fence(Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    #[derive(Default)]
    struct Counter(AtomicUsize);

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn an_alarm_wakes_the_task_that_armed_it_and_keeps_a_wish_to_stop() {
        let alarm = Alarm::default();
        alarm.ring();
        let counter = Arc::new(Counter::default());
        alarm.arm(&counter.clone().into());
        alarm.ring();
        assert_eq!(counter.0.load(Ordering::Relaxed), 1);
        assert!(!alarm.stop_is_asked());
        alarm.ask_to_stop();
        assert!(alarm.stop_is_asked());
        assert_eq!(counter.0.load(Ordering::Relaxed), 2);
    }
}
