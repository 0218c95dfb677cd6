//! A sort of only those places of a slice that are wanted, with equal elements where redis-server puts them.
//!
//! Redis answers SORT with LIMIT and searches of places with COUNT from a quicksort that skips what is not wanted. It does not keep
//! equal elements in order, so which of them come first, or at all, follows from its steps. They are those of J. L. Bentley and
//! M. D. McIlroy, "Engineering a Sort Function", Software: Practice and Experience 23 (1993).

use std::cmp::Ordering;
use std::ops::Range;

/// Shorter slices are sorted by insertion.
const SHORT: usize = 7;
/// Longer slices take the median of nine for their pivot.
const LONG: usize = 40;
/// Splits that may follow one another beyond twice the logarithm of the length: more are a case made up to be slow.
const SPARE_DEPTH: u32 = 32;

/// Sorts a slice as far as it takes for the places `wanted` to hold what they hold when all is sorted. O(n log n).
pub(crate) fn partial_sort<T>(items: &mut [T], wanted: Range<usize>, compare: impl Fn(&T, &T) -> Ordering) {
    let depth = 2 * usize::BITS.saturating_sub(items.len().leading_zeros()) + SPARE_DEPTH;
    sort(items, wanted, &compare, depth);
}

fn sort<T>(mut items: &mut [T], mut wanted: Range<usize>, compare: &impl Fn(&T, &T) -> Ordering, mut depth: u32) {
    while items.len() >= SHORT {
        if depth == 0 {
            return items.sort_by(compare);
        }
        depth -= 1;
        let len = items.len();
        items.swap(0, pivot(items, compare));
        let (less, greater) = split(items, compare);
        let behind = len - greater;
        let (front, back) = items.split_at_mut(behind);
        if less > 1 && overlap(&wanted, 0..less) {
            sort(&mut front[..less], wanted.clone(), compare, depth);
        }
        if greater <= 1 || !overlap(&wanted, behind..len) {
            return;
        }
        wanted = wanted.start.saturating_sub(behind)..wanted.end - behind;
        items = back;
    }
    insert_all(items, compare);
}

fn overlap(wanted: &Range<usize>, part: Range<usize>) -> bool {
    wanted.start < part.end && part.start < wanted.end
}

fn insert_all<T>(items: &mut [T], compare: &impl Fn(&T, &T) -> Ordering) {
    for end in 1..items.len() {
        let mut at = end;
        while at > 0 && compare(&items[at - 1], &items[at]) == Ordering::Greater {
            items.swap(at - 1, at);
            at -= 1;
        }
    }
}

/// Where the element stands by which a slice is split.
fn pivot<T>(items: &[T], compare: &impl Fn(&T, &T) -> Ordering) -> usize {
    let len = items.len();
    let (mut low, mut middle, mut high) = (0, len / 2, len - 1);
    if len == SHORT {
        return middle;
    }
    let median = |a, b, c| median(items, [a, b, c], compare);
    if len > LONG {
        let step = len / 8;
        low = median(low, low + step, low + 2 * step);
        middle = median(middle - step, middle, middle + step);
        high = median(high - 2 * step, high - step, high);
    }
    median(low, middle, high)
}

/// The middle one of three elements.
fn median<T>(items: &[T], [a, b, c]: [usize; 3], compare: &impl Fn(&T, &T) -> Ordering) -> usize {
    let is_less = |x: usize, y: usize| compare(&items[x], &items[y]) == Ordering::Less;
    let is_greater = |x: usize, y: usize| compare(&items[x], &items[y]) == Ordering::Greater;
    if is_less(a, b) {
        if is_less(b, c) {
            b
        } else if is_less(a, c) {
            c
        } else {
            a
        }
    } else if is_greater(b, c) {
        b
    } else if is_less(a, c) {
        a
    } else {
        c
    }
}

/// Moves what is less than the first element to the front and what is greater to the end. Returns how many each are.
///
/// What equals the first element gathers at both ends meanwhile and is exchanged into the middle at last.
fn split<T>(items: &mut [T], compare: &impl Fn(&T, &T) -> Ordering) -> (usize, usize) {
    let len = items.len();
    // Equal ones stand before `equal_front` and from `equal_back` on; what lies from `low` up to `high` is not looked at yet.
    let (mut equal_front, mut low, mut high, mut equal_back) = (1, 1, len, len);
    loop {
        while low < high {
            match compare(&items[low], &items[0]) {
                Ordering::Greater => break,
                Ordering::Equal => {
                    items.swap(equal_front, low);
                    equal_front += 1;
                }
                Ordering::Less => {}
            }
            low += 1;
        }
        while low < high {
            match compare(&items[high - 1], &items[0]) {
                Ordering::Less => break,
                Ordering::Equal => {
                    equal_back -= 1;
                    items.swap(high - 1, equal_back);
                }
                Ordering::Greater => {}
            }
            high -= 1;
        }
        if low >= high {
            break;
        }
        items.swap(low, high - 1);
        low += 1;
        high -= 1;
    }
    let (less, greater) = (low - equal_front, equal_back - high);
    exchange(items, 0, low, equal_front.min(less));
    exchange(items, low, len, greater.min(len - equal_back));
    (less, greater)
}

/// Exchanges the first `count` elements from `front` on with the last `count` before `end`, in order.
fn exchange<T>(items: &mut [T], front: usize, end: usize, count: usize) {
    (0..count).for_each(|at| items.swap(front + at, end - count + at));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wanted_places_are_sorted() {
        let mut random = fastrand::Rng::with_seed(10);
        for _ in 0..3000 {
            let values = random.u32(1..=60);
            let items: Vec<u32> = (0..random.usize(0..300)).map(|_| random.u32(0..values)).collect();
            let mut sorted = items.clone();
            sorted.sort_unstable();
            let start = random.usize(0..=items.len());
            let wanted = start..random.usize(start..=items.len());
            let mut partial = items.clone();
            partial_sort(&mut partial, wanted.clone(), u32::cmp);
            assert_eq!(partial[wanted.clone()], sorted[wanted]);
            partial.sort_unstable();
            assert_eq!(partial, sorted);
        }
    }

    #[test]
    fn cases_made_up_to_be_slow() {
        // An adversary that decides what is greater only when it has to makes any fixed choice of pivots split badly.
        let len = 20_000;
        let values = std::cell::RefCell::new(vec![usize::MAX; len]);
        let (solid, candidate) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
        let comparisons = std::cell::Cell::new(0u64);
        let mut items: Vec<usize> = (0..len).collect();
        partial_sort(&mut items, 0..len, |&x, &y| {
            comparisons.set(comparisons.get() + 1);
            let mut values = values.borrow_mut();
            if values[x] == usize::MAX && values[y] == usize::MAX {
                let freezes = if x == candidate.get() { x } else { y };
                values[freezes] = solid.get();
                solid.set(solid.get() + 1);
            }
            if values[x] == usize::MAX {
                candidate.set(x);
            } else if values[y] == usize::MAX {
                candidate.set(y);
            }
            values[x].cmp(&values[y])
        });
        assert!(comparisons.get() < 3_000_000, "{}", comparisons.get());
    }
}
