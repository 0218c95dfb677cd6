//! A large sorted set: members with scores, by member and in order of (score, member).
//!
//! Each member's bytes are stored once, in `records`. The table finds a record by its member, the tree by its place in the
//! order; both hold only handles. No operation moves more than a bounded piece of memory, whatever the size of the set: records
//! and nodes stand in chunks, the table in segments.
//!
//! What one member takes, beside its bytes: 9 in its record (rounded up to 8), 12 in a leaf and 5 in a segment, both about two
//! thirds full, and 1 or so in inner nodes: some 51 bytes for 12-byte members (`examples/sorted_set_memory.rs`).
//!
//! Members are hashed with the keyspace's hasher, which is passed in. Scores are never NaN: the commands refuse that.

mod records;
mod run;
mod tree;

use std::cmp::Ordering;
use std::ops::Range;

use crate::directory::{self, Directory};
use crate::hash::KeyHasher;
use crate::lines::Hashes;

use records::{Handle, Records};
use tree::{Item, Tree};

/// Bytes of handles that weigh as much as one element when they are freed.
const FREED_BYTES: usize = 4096;

/// A place between members, in order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Edge<'a> {
    /// Before the first member.
    Start,
    /// Before the first member with this score or a greater one.
    BeforeScore(f64),
    /// Behind the last member with this score or a lesser one.
    AfterScore(f64),
    /// Before the first member that is not less than this; for sets in which all scores are equal.
    BeforeMember(&'a [u8]),
    /// Behind the last member that is not greater than this; for sets in which all scores are equal.
    AfterMember(&'a [u8]),
    /// Behind the last member.
    End,
}

impl Edge<'_> {
    /// Whether a member stands before this edge.
    #[inline]
    pub fn is_behind(&self, score: f64, member: &[u8]) -> bool {
        match *self {
            Edge::Start => false,
            Edge::BeforeScore(bound) => score < bound,
            Edge::AfterScore(bound) => score <= bound,
            Edge::BeforeMember(bound) => member < bound,
            Edge::AfterMember(bound) => member <= bound,
            Edge::End => true,
        }
    }
}

/// How the table of members hashes what its handles stand for.
struct MemberHashes<'a> {
    records: &'a Records,
    hasher: &'a KeyHasher,
}

impl Hashes<Handle> for MemberHashes<'_> {
    #[inline]
    fn hash_of(&self, handle: &Handle) -> u64 {
        self.hasher.hash(self.records.member(*handle))
    }

    #[inline]
    fn prefetch(&self, handle: &Handle) {
        self.records.prefetch(*handle);
    }
}

/// A set of members, each with a score, in order.
#[derive(Default)]
pub struct SortedSet {
    records: Records,
    /// From a member to the handle of its record.
    members: Directory<Handle, 12, 2>,
    tree: Tree,
}

impl SortedSet {
    /// Number of members.
    #[inline]
    pub fn len(&self) -> usize {
        self.tree.len()
    }

    /// True without members.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes on the heap. O(1).
    pub fn heap_bytes(&self) -> usize {
        self.records.heap_bytes() + self.members.heap_bytes() + self.tree.heap_bytes()
    }

    /// Whether so many more members fit for sure: the most is 64 GiB of records, which is 2.8 billion members of 12 bytes.
    pub fn has_room(&self, members: usize) -> bool {
        self.records.has_room(members)
    }

    #[inline]
    fn find(&self, hash: u64, member: &[u8]) -> Option<Handle> {
        let place = self.members.find(hash, |&handle| self.records.member(handle) == member)?;
        self.members.get(place).copied()
    }

    /// Fetches where a member with this hash is looked up first.
    #[inline]
    pub(super) fn prefetch_line(&self, hash: u64) {
        self.members.segment_of(hash).0.prefetch(hash);
    }

    /// Fetches the record of a member that probably has this hash.
    #[inline]
    pub(super) fn prefetch_member(&self, hash: u64) {
        if let Some(&handle) = self.members.segment_of(hash).0.candidate(hash) {
            self.records.prefetch(handle);
        }
    }

    /// The score of a member. O(1).
    #[inline]
    pub fn score(&self, hasher: &KeyHasher, member: &[u8]) -> Option<f64> {
        let handle = self.find(hasher.hash(member), member)?;
        Some(self.records.score(handle))
    }

    /// Adds a member or changes its score, as `decide` says from its present score; nothing happens if it says `None`.
    ///
    /// There is room for one more: see `has_room`. O(log n).
    pub fn upsert(&mut self, hasher: &KeyHasher, member: &[u8], decide: impl FnOnce(Option<f64>) -> Option<f64>) {
        let hash = hasher.hash(member);
        let found = self.find(hash, member);
        let old = found.map(|handle| self.records.score(handle));
        let Some(score) = decide(old) else { return };
        debug_assert!(!score.is_nan(), "commands refuse what is not a number");
        match found.zip(old) {
            Some((handle, old)) if old != score => self.rescore(handle, old, score),
            Some(_) => {}
            None => {
                let handle = self.records.add(score, member);
                let records = &self.records;
                self.members.insert(hash, handle, &MemberHashes { records, hasher });
                self.tree.insert(records, score, handle);
            }
        }
    }

    fn rescore(&mut self, handle: Handle, old: f64, score: f64) {
        let records = &self.records;
        let place = self.tree.place_of(records, old, records.member(handle));
        if !self.tree.rescore(records, &place, score) {
            self.tree.remove_at(records, place, 1);
            self.tree.insert(records, score, handle);
        }
        self.records.set_score(handle, score);
    }

    /// Removes a member and tells its score. O(log n).
    pub fn remove(&mut self, hasher: &KeyHasher, member: &[u8]) -> Option<f64> {
        let handle = self.find(hasher.hash(member), member)?;
        let score = self.records.score(handle);
        let place = self.tree.place_of(&self.records, score, member);
        self.tree.remove_at(&self.records, place, 1);
        self.drop_records(hasher, &mut [handle]);
        Some(score)
    }

    /// Removes the members whose ranks are in a range. O(log n) for each.
    pub fn remove_ranks(&mut self, hasher: &KeyHasher, ranks: Range<usize>) {
        let mut rest = ranks.start..ranks.end.min(self.len());
        while !rest.is_empty() {
            let mut handles = self.tree.remove_run(&self.records, rest.clone());
            rest.end -= handles.len();
            self.drop_records(hasher, &mut handles);
        }
        // What is at the end now is likely to be removed next.
        let next = if rest.start == 0 { self.tree.nth(0) } else { self.tree.nth(self.len().saturating_sub(1)) };
        if let Some(item) = next {
            self.prefetch_drop(hasher, &[item.handle]);
        }
    }

    /// Drops the records of members that left the tree, and their handles from the table.
    fn drop_records(&mut self, hasher: &KeyHasher, handles: &mut [Handle]) {
        self.prefetch_drop(hasher, handles);
        let hashes = MemberHashes { records: &self.records, hasher };
        for handle in handles.iter() {
            let hash = hashes.hash_of(handle);
            let place = self.members.find(hash, |known| known == handle).expect("a record has its handle in the table");
            self.members.remove(hash, place, &hashes);
        }
        let mut rest = handles;
        while let Some((&mut handle, others)) = rest.split_first_mut() {
            let last = self.records.last_alike(handle);
            if last != handle {
                // The record that will move is either still to be dropped or one of a member that stays.
                match others.iter_mut().find(|other| **other == last) {
                    Some(other) => *other = handle,
                    None => {
                        self.tree.rename(&self.records, last, handle);
                        let place = self.members.find(hasher.hash(self.records.member(last)), |&known| known == last);
                        let known = place.and_then(|place| self.members.get_mut(place));
                        *known.expect("a record has its handle in the table") = handle;
                    }
                }
            }
            self.records.remove(handle);
            rest = others;
        }
    }

    /// Fetches what dropping records will look up: their lines, and that of the first record that will move.
    fn prefetch_drop(&self, hasher: &KeyHasher, handles: &[Handle]) {
        let moves = handles.first().map(|&handle| self.records.last_alike(handle));
        for &handle in handles.iter().chain(&moves) {
            self.prefetch_line(hasher.hash(self.records.member(handle)));
        }
    }

    /// How many members stand before this one, and its score. O(log n).
    pub fn rank(&self, hasher: &KeyHasher, member: &[u8]) -> Option<(usize, f64)> {
        let score = self.score(hasher, member)?;
        Some((self.tree.place_of(&self.records, score, member).rank, score))
    }

    /// How many members stand before an edge. O(log n). Of members in a set with different scores, some number.
    pub fn rank_at(&self, edge: Edge) -> usize {
        let order = |item: Item| match edge.is_behind(item.score, self.records.member(item.handle)) {
            true => Ordering::Less,
            false => Ordering::Greater,
        };
        match edge {
            Edge::Start => 0,
            Edge::End => self.len(),
            Edge::BeforeScore(_) | Edge::AfterScore(_) => {
                // Scores stand in the tree, so members are not looked at.
                let order =
                    |item: Item| if edge.is_behind(item.score, b"") { Ordering::Less } else { Ordering::Greater };
                self.tree.place(order).rank
            }
            Edge::BeforeMember(_) | Edge::AfterMember(_) => self.tree.place(order).rank,
        }
    }

    #[inline]
    fn show(&self, item: Item) -> (&[u8], f64) {
        (self.records.member(item.handle), item.score)
    }

    /// The member with so many before it, and its score. O(log n).
    pub fn nth(&self, rank: usize) -> Option<(&[u8], f64)> {
        self.tree.nth(rank).map(|item| self.show(item))
    }

    /// The members from a rank on, with their scores.
    pub fn ascending(&self, rank: usize) -> impl Iterator<Item = (&[u8], f64)> {
        self.tree.ascending(rank).map(|item| self.show(item))
    }

    /// The members before a rank, from the last of them down, with their scores.
    pub fn descending(&self, rank: usize) -> impl Iterator<Item = (&[u8], f64)> {
        self.tree.descending(rank).map(|item| self.show(item))
    }

    /// Visits members in hash order from position `from`, a walk's beginning being 0, until their weights, which `visit` tells,
    /// add up to `limit`.
    ///
    /// Returns where to go on, or `None` at the end. A member that is there throughout a walk is visited at least once. Cost:
    /// the hashes of at most 1,792 members more than those visited.
    pub fn scan(
        &self,
        hasher: &KeyHasher,
        from: u64,
        limit: usize,
        mut visit: impl FnMut(&[u8], f64) -> usize,
    ) -> Option<u64> {
        let hashes = MemberHashes { records: &self.records, hasher };
        directory::scan(|from| self.members.segment_at(from), from, limit, &hashes, &mut |_, &handle| {
            visit(self.records.member(handle), self.records.score(handle))
        })
    }

    /// Frees a part of the set: some allocations whose weights add up to `elements` or a few more. Returns their weight; less
    /// than `elements` when nothing is left. Of the set only the bytes are true from then on.
    pub fn free_piece(&mut self, elements: usize) -> usize {
        let mut freed = 0;
        while freed < elements {
            let weight = match self.tree.free_piece() {
                0 => match self.members.take_piece() {
                    None => self.records.free_piece(),
                    Some(table) => 1 + table.heap_bytes() / FREED_BYTES,
                },
                weight => weight,
            };
            if weight == 0 {
                break;
            }
            freed += weight;
        }
        freed
    }

    /// A copy with all members. O(n log n).
    pub fn duplicate(&self, hasher: &KeyHasher) -> SortedSet {
        let mut copy = SortedSet::default();
        self.ascending(0).for_each(|(member, score)| copy.upsert(hasher, member, |_| Some(score)));
        copy
    }
}

#[cfg(test)]
#[path = "sorted_set_tests.rs"]
mod tests;
