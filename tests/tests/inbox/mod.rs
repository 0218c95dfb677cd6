//! The mail between the threads of a model (loom), each of which stands for a core.
//!
//! The shard's mailboxes have a model of their own kind, their order: here a list behind loom's mutex stands for it, so that the models explore
//! what cores do and not how a ring is filled.

use std::collections::VecDeque;

use loom::sync::{Mutex, Notify};

/// What was sent to one core, in order.
pub(crate) struct Inbox<M> {
    messages: Mutex<VecDeque<M>>,
    arrived: Notify,
}

impl<M> Inbox<M> {
    /// An empty one.
    pub(crate) fn new() -> Inbox<M> {
        Inbox { messages: Mutex::new(VecDeque::new()), arrived: Notify::new() }
    }

    /// Sends.
    pub(crate) fn push(&self, message: M) {
        self.messages.lock().expect("a panic ends the model").push_back(message);
        self.arrived.notify();
    }

    /// The next message, if it is there.
    pub(crate) fn try_pop(&self) -> Option<M> {
        self.messages.lock().expect("a panic ends the model").pop_front()
    }

    /// The next message, once it is there.
    #[allow(dead_code)] // One of the models only looks.
    pub(crate) fn pop(&self) -> M {
        loop {
            if let Some(message) = self.try_pop() {
                return message;
            }
            self.wait();
        }
    }

    /// Wakes who waits, without mail: something else that it looks at has changed.
    #[allow(dead_code)] // One of the models has such a thing.
    pub(crate) fn nudge(&self) {
        self.arrived.notify();
    }

    /// Waits until something is sent, or was since the last time.
    pub(crate) fn wait(&self) {
        self.arrived.wait();
    }
}
