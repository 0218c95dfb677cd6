//! A short list of fixed room: what a node of the tree holds.

use std::ops::{Deref, DerefMut, Range};

/// At most `ROOM` small values in order, without an allocation of its own.
#[derive(Clone, Copy)]
pub(super) struct Run<T, const ROOM: usize> {
    values: [T; ROOM],
    len: u32,
}

impl<T: Copy + Default, const ROOM: usize> Default for Run<T, ROOM> {
    fn default() -> Self {
        Run { values: [T::default(); ROOM], len: 0 }
    }
}

impl<T: Copy + Default, const ROOM: usize> Run<T, ROOM> {
    /// A run of these values, which are at most `ROOM`.
    pub(super) fn of(values: &[T]) -> Self {
        let mut run = Run::default();
        run.splice(0..0, values);
        run
    }

    /// True if nothing more fits.
    pub(super) fn is_full(&self) -> bool {
        self.len as usize == ROOM
    }

    /// Puts `with` where `range` was. The result is at most `ROOM` long.
    pub(super) fn splice(&mut self, range: Range<usize>, with: &[T]) {
        let len = self.len as usize;
        self.values.copy_within(range.end..len, range.start + with.len());
        self.values[range.start..range.start + with.len()].copy_from_slice(with);
        self.len = (len - range.len() + with.len()) as u32;
    }

    /// Adds one value before the one at `index`.
    pub(super) fn insert(&mut self, index: usize, value: T) {
        self.splice(index..index, &[value]);
    }

    /// Removes what is in `range`.
    pub(super) fn remove(&mut self, range: Range<usize>) {
        self.splice(range, &[]);
    }

    /// Cuts the run at `index` and returns what stood behind.
    pub(super) fn split_off(&mut self, index: usize) -> Self {
        let tail = Run::of(&self[index..]);
        self.len = index as u32;
        tail
    }

    /// Takes as much over from its right neighbour as fits; if that is not all, both get half of it all.
    pub(super) fn level_with(&mut self, right: &mut Self) {
        let all = self.len() + right.len();
        let left_len = if all <= ROOM { all } else { all / 2 };
        if left_len >= self.len() {
            let taken = left_len - self.len();
            self.splice(self.len()..self.len(), &right[..taken]);
            right.remove(0..taken);
        } else {
            let given = self.split_off(left_len);
            right.splice(0..0, &given);
        }
    }
}

impl<T, const ROOM: usize> Deref for Run<T, ROOM> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        &self.values[..self.len as usize]
    }
}

impl<T, const ROOM: usize> DerefMut for Run<T, ROOM> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.values[..self.len as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits() {
        let mut run: Run<u32, 8> = Run::of(&[1, 2, 3, 4, 5]);
        run.insert(0, 0);
        run.insert(6, 6);
        assert_eq!(*run, [0, 1, 2, 3, 4, 5, 6]);
        run.insert(3, 9);
        assert!(run.is_full());
        run.remove(2..4);
        assert_eq!(*run, [0, 1, 3, 4, 5, 6]);
        let tail = run.split_off(4);
        assert_eq!((&*run, &*tail), (&[0, 1, 3, 4][..], &[5, 6][..]));
    }

    #[test]
    fn neighbours_merge_or_share() {
        let rows: [(&[u32], &[u32], usize); 4] = [
            (&[1, 2], &[3, 4, 5, 6, 7, 8], 8),
            (&[], &[1, 2], 2),
            (&[1], &[2, 3, 4, 5, 6, 7, 8, 9], 4),
            (&[1, 2, 3, 4, 5, 6, 7, 8], &[9], 4),
        ];
        for (left, right, left_len) in rows {
            let (mut a, mut b): (Run<u32, 8>, Run<u32, 8>) = (Run::of(left), Run::of(right));
            a.level_with(&mut b);
            assert_eq!(a.len(), left_len);
            assert_eq!([&*a, &*b].concat(), [left, right].concat());
        }
    }
}
