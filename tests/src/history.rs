//! Histories of concurrent operations, and a search for an order that explains them (Wing and Gong, with memory).
//!
//! An operation has the moment it was sent and the moment its reply was read. The history is strictly serialisable if
//! some order of all operations gives every reply from a single-threaded model and never puts an operation before one
//! that had ended when it began. The search is exponential in the number of overlapping operations: keep histories
//! short and repeat.

pub mod clients;

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

/// Most operations of one history: they are a bit set.
pub const OPERATIONS_MAX: usize = 128;

/// A single-threaded model of what the operations act on.
pub trait Model {
    /// What an operation asks.
    type Call: Clone + Debug;
    /// What it answers.
    type Answer: Clone + Debug + PartialEq;
    /// The state between operations.
    type State: Clone + Eq + Hash + Debug + Default;
    /// Executes one operation.
    fn apply(state: &mut Self::State, call: &Self::Call) -> Self::Answer;
}

/// One operation of a history. Times are of one monotonic clock.
#[derive(Clone, Debug)]
pub struct Operation<M: Model> {
    /// What was asked.
    pub call: M::Call,
    /// What was answered.
    pub answer: M::Answer,
    /// When it was sent.
    pub sent: u64,
    /// When its reply had been read.
    pub ended: u64,
}

/// Lets every client make its calls, all at once, and gives what happened in the order in which it was sent. `start` is before any of
/// it.
pub fn record<M, C>(
    clients: &mut [C],
    calls: Vec<Vec<M::Call>>,
    start: Instant,
    perform: impl Fn(&mut C, &M::Call) -> M::Answer + Sync,
) -> Vec<Operation<M>>
where
    M: Model<Call: Send, Answer: Send>,
    C: Send,
{
    let barrier = Barrier::new(clients.len());
    let nanos = || u64::try_from(start.elapsed().as_nanos()).expect("a test is short");
    let run = |client: &mut C, calls: Vec<M::Call>| -> Vec<Operation<M>> {
        barrier.wait();
        let one = |call: M::Call| {
            let sent = nanos();
            let answer = perform(client, &call);
            Operation { call, answer, sent, ended: nanos() }
        };
        calls.into_iter().map(one).collect()
    };
    let mut history: Vec<Operation<M>> = thread::scope(|scope| {
        let running: Vec<_> =
            clients.iter_mut().zip(calls).map(|(client, calls)| scope.spawn(|| run(client, calls))).collect();
        running.into_iter().flat_map(|thread| thread.join().expect("a client ends")).collect()
    });
    history.sort_by_key(|operation| operation.sent);
    history
}

/// Finds an order that explains the history: indexes into `history`, or `None` if there is no such order.
/// Panics if the history is longer than [`OPERATIONS_MAX`].
pub fn explain<M: Model>(history: &[Operation<M>]) -> Option<Vec<usize>> {
    assert!(history.len() <= OPERATIONS_MAX, "at most {OPERATIONS_MAX} operations");
    let mut search = Search::<M> { history, refused: HashSet::new(), order: Vec::new() };
    search.extend(0, M::State::default()).then_some(search.order)
}

struct Search<'a, M: Model> {
    history: &'a [Operation<M>],
    /// Sets of done operations and states that were found to lead nowhere.
    refused: HashSet<(u128, M::State)>,
    order: Vec<usize>,
}

impl<M: Model> Search<'_, M> {
    fn extend(&mut self, done: u128, state: M::State) -> bool {
        if self.order.len() == self.history.len() {
            return true;
        }
        if self.refused.contains(&(done, state.clone())) {
            return false;
        }
        let open = |index: &usize| done & (1 << index) == 0;
        let indexes = || (0..self.history.len()).filter(open);
        // Whatever was sent after the first open operation ended cannot come before that one.
        let first_end = indexes().map(|index| self.history[index].ended).min().unwrap_or(u64::MAX);
        let candidates: Vec<usize> = indexes().filter(|index| self.history[*index].sent <= first_end).collect();
        for index in candidates {
            let mut next = state.clone();
            if M::apply(&mut next, &self.history[index].call) != self.history[index].answer {
                continue;
            }
            self.order.push(index);
            if self.extend(done | (1 << index), next) {
                return true;
            }
            self.order.pop();
        }
        self.refused.insert((done, state));
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Register;

    impl Model for Register {
        type Call = Option<u8>;
        type Answer = u8;
        type State = u8;
        fn apply(state: &mut u8, call: &Option<u8>) -> u8 {
            if let Some(value) = call {
                *state = *value;
            }
            *state
        }
    }

    fn operation(call: Option<u8>, answer: u8, sent: u64, ended: u64) -> Operation<Register> {
        Operation { call, answer, sent, ended }
    }

    #[test]
    fn overlapping_operations_may_take_either_order() {
        let history = [operation(Some(1), 1, 0, 10), operation(None, 0, 1, 9), operation(None, 1, 11, 12)];
        assert_eq!(explain(&history), Some(vec![1, 0, 2]));
    }

    #[test]
    fn a_stale_read_after_the_write_ended_is_refused() {
        let history = [operation(Some(1), 1, 0, 5), operation(None, 0, 6, 7)];
        assert_eq!(explain(&history), None);
    }

    #[test]
    fn a_value_that_goes_back_is_refused() {
        let history = [operation(Some(1), 1, 0, 20), operation(None, 1, 2, 4), operation(None, 0, 5, 8)];
        assert_eq!(explain(&history), None);
    }
}
