//! Keys on which clients wait and that may have something for them: each once, in the order in which they came.

use std::collections::{HashSet, VecDeque};

use keyspace::signals::Changed;

/// The keys. All calls are O(1): one script may make as many keys ready as there are clients.
#[derive(Debug, Default)]
pub struct Ready {
    queue: VecDeque<Changed>,
    there: HashSet<Changed>,
}

impl Ready {
    /// Adds a key behind the others, unless it is among them.
    pub fn push(&mut self, key: Changed) {
        if self.there.insert(key.clone()) {
            self.queue.push_back(key);
        }
    }

    /// The first key.
    pub fn first(&self) -> Option<&Changed> {
        self.queue.front()
    }

    /// Takes the first key out.
    pub fn pop(&mut self) -> Option<Changed> {
        let key = self.queue.pop_front()?;
        self.there.remove(&key);
        Some(key)
    }

    /// True without keys.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.queue.clear();
        self.there.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_there_once_in_the_order_of_coming() {
        let key = |name: &str| Changed::value(0, name.as_bytes());
        let mut ready = Ready::default();
        ["b", "a", "b", "c", "a"].iter().for_each(|name| ready.push(key(name)));
        assert_eq!(ready.first(), Some(&key("b")));
        assert_eq!(ready.pop(), Some(key("b")));
        ready.push(key("b"));
        assert_eq!(
            [ready.pop(), ready.pop(), ready.pop(), ready.pop()],
            [Some(key("a")), Some(key("c")), Some(key("b")), None]
        );
        ready.push(key("a"));
        ready.clear();
        assert!(ready.is_empty());
        ready.push(key("a"));
        assert_eq!(ready.pop(), Some(key("a")));
    }
}
