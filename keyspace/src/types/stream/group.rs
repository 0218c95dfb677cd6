//! Consumer groups: how far a group has read, who reads in it, and what was delivered and not acknowledged.

use super::Stream;
use super::id::StreamId;
use super::log::Log;
use super::ordered::Ordered;

/// An entry that was delivered to a consumer and not acknowledged.
#[derive(Clone, Copy, Debug)]
pub struct Pending {
    /// Whose it is.
    pub consumer: ConsumerId,
    /// When it was delivered last, in milliseconds.
    pub delivered: i64,
    /// How often it was delivered.
    pub deliveries: i64,
}

/// A consumer, by its place in its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerId(u32);

/// A reader of a group.
#[derive(Clone)]
pub struct Consumer {
    name: Box<[u8]>,
    /// When it last did something, in milliseconds.
    pub seen: i64,
    pending: Ordered<StreamId, ()>,
}

impl Consumer {
    /// Its name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// The ids of its pending entries.
    pub fn pending(&self) -> &Ordered<StreamId, ()> {
        &self.pending
    }
}

/// What went with a consumer.
#[derive(Default)]
pub struct Deleted {
    /// How many pending entries.
    pub pending: usize,
    /// What held them, if they are so many that freeing it takes a while.
    pub retired: Option<Box<Stream>>,
}

/// Above this number of pending entries, they are freed later, in pieces.
const PENDING_FREED_AT_ONCE: usize = 1024;

/// As many pairs are walked over in the time that one is searched and removed.
const WALKED_PER_REMOVAL: usize = 16;

/// How many entries a group has read, as far as that is known.
pub type EntriesRead = Option<i64>;

/// A group of consumers.
#[derive(Default)]
pub struct Group {
    /// The last entry that was delivered.
    pub last_id: StreamId,
    /// Entries up to that one, deleted ones included.
    pub entries_read: EntriesRead,
    pending: Ordered<StreamId, Pending>,
    /// The consumers' places, by name.
    names: Ordered<Box<[u8]>, ConsumerId>,
    consumers: Vec<Option<Consumer>>,
    /// Places of deleted consumers.
    free: Vec<ConsumerId>,
    /// Bytes that the consumers hold: names, twice, and pending ids.
    consumer_bytes: usize,
}

impl Clone for Group {
    fn clone(&self) -> Self {
        let mut copy = Group {
            last_id: self.last_id,
            entries_read: self.entries_read,
            pending: self.pending.clone(),
            names: self.names.clone(),
            consumers: self.consumers.clone(),
            free: self.free.clone(),
            consumer_bytes: 0,
        };
        let bytes = copy.iter().map(|consumer| 2 * consumer.name.len() + consumer.pending.heap_bytes());
        copy.consumer_bytes = bytes.sum();
        copy
    }
}

impl Group {
    /// A group that has read up to `last_id`.
    pub fn new(last_id: StreamId, entries_read: EntriesRead) -> Group {
        Group { last_id, entries_read, ..Group::default() }
    }

    /// Bytes on the heap. O(1).
    pub fn heap_bytes(&self) -> usize {
        self.pending.heap_bytes()
            + self.names.heap_bytes()
            + self.consumers.capacity() * size_of::<Option<Consumer>>()
            + self.free.capacity() * size_of::<ConsumerId>()
            + self.consumer_bytes
    }

    /// The pending entries of all consumers.
    pub fn pending(&self) -> &Ordered<StreamId, Pending> {
        &self.pending
    }

    /// Number of consumers.
    pub fn consumers(&self) -> usize {
        self.names.len()
    }

    /// All consumers in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Consumer> {
        self.names.iter().map(|(_, id)| self.consumer(*id))
    }

    /// The consumer of a name.
    pub fn find(&self, name: &[u8]) -> Option<ConsumerId> {
        self.names.get(name).copied()
    }

    /// A consumer that is there.
    pub fn consumer(&self, id: ConsumerId) -> &Consumer {
        self.consumers[id.0 as usize].as_ref().expect("a consumer's place is given up after its pending entries")
    }

    fn consumer_mut(&mut self, id: ConsumerId) -> &mut Consumer {
        self.consumers[id.0 as usize].as_mut().expect("a consumer's place is given up after its pending entries")
    }

    /// The consumer of a name, made if there is none, and seen at `now`. True if it was made.
    pub fn find_or_create(&mut self, name: &[u8], now: i64) -> (ConsumerId, bool) {
        if let Some(id) = self.find(name) {
            self.consumer_mut(id).seen = now;
            return (id, false);
        }
        let consumer = Consumer { name: name.into(), seen: now, pending: Ordered::default() };
        let id = self.free.pop().unwrap_or_else(|| {
            self.consumers.push(None);
            ConsumerId(self.consumers.len() as u32 - 1)
        });
        self.consumers[id.0 as usize] = Some(consumer);
        self.names.insert(name.into(), id);
        self.consumer_bytes += 2 * name.len();
        (id, true)
    }

    /// Deletes a consumer with its pending entries. O(1) if the group has no others; else the group's are searched for them, or
    /// walked over if these are many: O(pending entries of the group).
    pub fn delete_consumer(&mut self, id: ConsumerId) -> Deleted {
        let Some(consumer) = self.consumers[id.0 as usize].take() else { return Deleted::default() };
        self.names.remove(&consumer.name);
        self.free.push(id);
        self.consumer_bytes -= 2 * consumer.name.len() + consumer.pending.heap_bytes();
        let (pending, all) = (consumer.pending.len(), self.pending.len());
        let mut gone = Group::default();
        if pending == all {
            gone.pending = std::mem::take(&mut self.pending);
        } else if pending > all / WALKED_PER_REMOVAL {
            self.pending.retain(|_, pending| pending.consumer != id);
        } else {
            for (entry, ()) in consumer.pending.iter() {
                self.pending.remove(entry);
            }
        }
        gone.consumer_bytes = consumer.name.len() + consumer.pending.heap_bytes();
        gone.consumers.push(Some(consumer));
        let retired = (pending > PENDING_FREED_AT_ONCE).then(|| Box::new(Stream::of_group(gone)));
        Deleted { pending, retired }
    }

    fn edit_own<R>(&mut self, id: ConsumerId, edit: impl FnOnce(&mut Ordered<StreamId, ()>) -> R) {
        let own = &mut self.consumer_mut(id).pending;
        let before = own.heap_bytes();
        edit(own);
        let after = own.heap_bytes();
        self.consumer_bytes = self.consumer_bytes + after - before;
    }

    /// Makes an entry a pending one of a consumer, whosoever it was.
    pub fn set_pending(&mut self, entry: StreamId, pending: Pending) {
        let before = self.pending.get(&entry).map(|before| before.consumer);
        if before != Some(pending.consumer) {
            if let Some(before) = before {
                self.edit_own(before, |own| own.remove(&entry));
            }
            self.edit_own(pending.consumer, |own| own.insert(entry, ()));
        }
        self.pending.insert(entry, pending);
    }

    /// Counts one more delivery of a pending entry.
    pub fn redeliver(&mut self, entry: StreamId, now: i64) {
        if let Some(pending) = self.pending.get_mut(&entry) {
            pending.delivered = now;
            pending.deliveries = pending.deliveries.wrapping_add(1);
        }
    }

    /// Makes an entry nobody's; false if it was not pending.
    pub fn remove_pending(&mut self, entry: StreamId) -> bool {
        let Some(pending) = self.pending.remove(&entry) else { return false };
        self.edit_own(pending.consumer, |own| own.remove(&entry));
        true
    }

    /// Moves the group on to an entry that is delivered now, and counts it if that can be done.
    pub fn advance(&mut self, log: &Log, to: StreamId) {
        if to <= self.last_id {
            return;
        }
        match self.entries_read {
            Some(read) if !log.has_tombstone_from(to) => self.entries_read = Some(read.wrapping_add(1)),
            _ if log.entries_added > 0 => self.entries_read = log.entries_up_to(to),
            _ => {}
        }
        self.last_id = to;
    }

    /// Entries that the group has yet to read, as far as that is known.
    pub fn lag(&self, log: &Log) -> Option<i64> {
        if log.entries_added == 0 {
            return Some(0);
        }
        let read = match self.entries_read {
            Some(read) if !log.has_tombstone_from(self.last_id) => read,
            _ => log.entries_up_to(self.last_id)?,
        };
        Some((log.entries_added as i64).wrapping_sub(read))
    }

    /// Frees some of it; fewer than `elements` when nothing is left.
    pub(super) fn free_piece(&mut self, elements: usize) -> usize {
        let mut freed = 0;
        while freed < elements {
            let mut piece = self.pending.take_front(self.pending.front().len()).len();
            if piece == 0 {
                let names = self.names.take_front(self.names.front().len());
                self.consumer_bytes -= names.iter().map(|(name, _)| name.len()).sum::<usize>();
                piece = names.len();
            }
            if piece == 0 {
                piece = self.free_of_consumer();
            }
            if piece == 0 {
                debug_assert_eq!(self.consumer_bytes, 0, "without consumers there are no bytes of theirs");
                break;
            }
            freed += piece;
        }
        freed
    }

    /// Frees some pending ids of the last consumer, or the consumer when it has none. Returns how many elements that were: 0 when no
    /// consumer is left.
    fn free_of_consumer(&mut self) -> usize {
        let Some(place) = self.consumers.last_mut() else { return 0 };
        if let Some(consumer) = place {
            let before = consumer.pending.heap_bytes();
            let ids = consumer.pending.take_front(consumer.pending.front().len()).len();
            self.consumer_bytes -= before - consumer.pending.heap_bytes();
            if ids > 0 {
                return ids;
            }
            self.consumer_bytes -= consumer.name.len() + consumer.pending.heap_bytes();
        }
        self.consumers.pop();
        1
    }
}

impl Log {
    /// Whether an entry from `id` on was deleted by its id, as far as is known.
    fn has_tombstone_from(&self, id: StreamId) -> bool {
        let none = self.is_empty() || self.max_deleted_id == StreamId::MIN || self.first_id > self.max_deleted_id;
        !none && id <= self.max_deleted_id
    }

    /// How many entries were ever added up to this id, if that can be told.
    pub fn entries_up_to(&self, id: StreamId) -> Option<i64> {
        let added = self.entries_added as i64;
        if added == 0 {
            return Some(0);
        }
        if self.is_empty() && id <= self.last_id {
            return Some(added);
        }
        match id.cmp(&self.last_id) {
            std::cmp::Ordering::Equal => return Some(added),
            std::cmp::Ordering::Greater => return None,
            std::cmp::Ordering::Less => {}
        }
        // Deleted entries between those that are there make the count a guess.
        if self.max_deleted_id != StreamId::MIN && self.max_deleted_id >= self.first_id {
            return None;
        }
        let before_first = added.wrapping_sub(self.len() as i64);
        match id.cmp(&self.first_id) {
            std::cmp::Ordering::Less => Some(before_first),
            std::cmp::Ordering::Equal => Some(before_first.wrapping_add(1)),
            std::cmp::Ordering::Greater => None,
        }
    }
}
