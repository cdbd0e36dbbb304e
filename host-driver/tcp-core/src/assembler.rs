//! Which bytes beyond RCV.NXT have arrived already.

use core::ops::Range;
use std::thread::LocalKey;

use arrayvec::ArrayVec;

use crate::seq::SeqNumber;
use crate::spare::{Lazy, Lendable, Spare};

/// Ranges kept at most. Data that would need one more is not taken; the peer sends it again.
const MAX_RANGES: usize = 128;

/// Ranges that are remembered as the latest.
const LATEST: usize = 2;

/// The out-of-order ranges above RCV.NXT: sorted, disjoint, never touching; and what came twice. Positions are kept in 32
/// bits: none is 2³¹ ahead of RCV.NXT, for the window is at most 2³⁰.
///
/// A pointer while there is nothing of the kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Assembler {
    disorder: Lazy<Disorder>,
}

/// What has come out of order. There is always some of it.
#[derive(Clone, Debug, Default)]
struct Disorder {
    ranges: ArrayVec<[SeqNumber; 2], MAX_RANGES>,
    /// A byte of each of the ranges that something was last added to, the latest first.
    latest: ArrayVec<SeqNumber, LATEST>,
    /// What came twice and was not told of yet (RFC 2883).
    duplicate: Option<[SeqNumber; 2]>,
}

/// What became of a range that was to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Insertion {
    /// Some of it was not there.
    New,
    /// All of it was there.
    Known,
    /// There is no room for it.
    Full,
}

/// The low half of a position.
#[expect(clippy::cast_possible_truncation)]
pub(crate) fn low(position: u64) -> SeqNumber {
    SeqNumber(position as u32)
}

std::thread_local! {
    static SPARE: Spare<Box<Disorder>> = const { Spare::new(Vec::new()) };
}

impl Lendable for Disorder {
    fn spare() -> &'static LocalKey<Spare<Box<Self>>> {
        &SPARE
    }
}

/// Spare blocks for so many connections of this thread.
pub(crate) fn preallocate(count: usize) {
    Disorder::preallocate(count);
}

impl Assembler {
    /// Whether nothing is there beyond RCV.NXT.
    pub(crate) fn is_empty(&self) -> bool {
        self.ranges().is_empty()
    }

    /// Whether nothing is there beyond RCV.NXT, and nothing came twice.
    pub(crate) fn is_in_order(&self) -> bool {
        self.disorder.get().is_none()
    }

    fn ranges(&self) -> &[[SeqNumber; 2]] {
        self.disorder.get().map_or(&[], |disorder| &disorder.ranges)
    }

    /// What came twice and was not told of yet (RFC 2883): its two ends.
    pub(crate) fn duplicate(&self) -> Option<[SeqNumber; 2]> {
        self.disorder.get()?.duplicate
    }

    /// That came twice, and is to be told of.
    pub(crate) fn note_duplicate(&mut self, duplicate: [SeqNumber; 2]) {
        self.disorder.make().duplicate = Some(duplicate);
    }

    /// What came twice was told of.
    pub(crate) fn forget_duplicate(&mut self) {
        if let Some(disorder) = self.disorder.get_mut() {
            disorder.duplicate = None;
            self.settle();
        }
    }

    /// Gives the block back if nothing is in it any more.
    fn settle(&mut self) {
        let over = |disorder: &Disorder| disorder.ranges.is_empty() && disorder.duplicate.is_none();
        if self.disorder.get().is_some_and(over) {
            self.disorder.clear();
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
    //# Segments with higher beginning sequence numbers SHOULD be held for later processing (SHLD-31).
    /// Adds a range above RCV.NXT.
    pub(crate) fn insert(&mut self, range: Range<u64>) -> Insertion {
        self.disorder
            .make()
            .insert(low(range.start), low(range.end))
    }

    /// The ranges: those that something was last added to first, the latest of them foremost, then the others.
    pub(crate) fn latest_first(&self) -> impl Iterator<Item = [SeqNumber; 2]> + '_ {
        self.disorder
            .get()
            .into_iter()
            .flat_map(Disorder::latest_first)
    }

    /// RCV.NXT has moved to `next`: forgets what lies below, and returns where RCV.NXT goes on to
    /// because the bytes from `next` on are there already.
    pub(crate) fn advance(&mut self, next: u64) -> u64 {
        let Some(disorder) = self.disorder.get_mut() else {
            return next;
        };
        let end = disorder.advance(next);
        self.settle();
        end
    }
}

impl Disorder {
    fn insert(&mut self, start: SeqNumber, end: SeqNumber) -> Insertion {
        // Those from `first` up to `after` overlap or touch the new range and become one with it.
        let first = self.ranges.iter().take_while(|r| r[1] < start).count();
        let after = self.ranges.iter().take_while(|r| r[0] <= end).count();
        if first == after {
            if self.ranges.is_full() {
                return Insertion::Full;
            }
            self.ranges.insert(first, [start, end]);
            self.touch(first);
            return Insertion::New;
        }
        let [old_start, old_end] = self.ranges[first];
        let known = first + 1 == after && old_start <= start && end <= old_end;
        let merged_start = if start < old_start { start } else { old_start };
        let last_end = self.ranges[after - 1][1];
        let merged_end = if end > last_end { end } else { last_end };
        self.ranges[first] = [merged_start, merged_end];
        self.ranges.drain(first + 1..after);
        self.touch(first);
        if known {
            Insertion::Known
        } else {
            Insertion::New
        }
    }

    /// The range of that index is now the latest.
    fn touch(&mut self, index: usize) {
        let [start, end] = self.ranges[index];
        self.latest.retain(|at| *at < start || *at >= end);
        if self.latest.is_full() {
            self.latest.pop();
        }
        self.latest.insert(0, start);
    }

    fn latest_first(&self) -> impl Iterator<Item = [SeqNumber; 2]> + '_ {
        let holds = |range: &[SeqNumber; 2], at: &SeqNumber| range[0] <= *at && *at < range[1];
        let latest = self
            .latest
            .iter()
            .filter_map(move |at| self.ranges.iter().find(|r| holds(r, at)));
        let others = self
            .ranges
            .iter()
            .filter(move |r| !self.latest.iter().any(|at| holds(r, at)));
        latest.chain(others).copied()
    }

    fn advance(&mut self, next: u64) -> u64 {
        let mut end = next;
        while let Some(&[start, range_end]) = self.ranges.first() {
            if start > low(end) {
                break;
            }
            if let Some(range_end) = range_end.unwrap_near(low(end), end) {
                end = end.max(range_end);
            }
            self.ranges.remove(0);
        }
        if self.ranges.is_empty() {
            self.latest.clear();
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn touching_ranges_become_one() {
        let mut assembler = Assembler::default();
        assert_eq!(assembler.insert(10..20), Insertion::New);
        assert_eq!(assembler.insert(30..40), Insertion::New);
        assert_eq!(assembler.insert(20..30), Insertion::New);
        assert_eq!(assembler.insert(15..40), Insertion::Known);
        assert_eq!(assembler.ranges().len(), 1);
        assert_eq!(assembler.advance(5), 5);
        assert_eq!(assembler.advance(10), 40);
        assert!(assembler.is_empty());
    }

    #[test]
    fn a_range_too_many_is_refused_and_nothing_else_lost() {
        let mut assembler = Assembler::default();
        for i in 0..MAX_RANGES as u64 {
            assert_eq!(assembler.insert(10 * i + 1..10 * i + 2), Insertion::New);
        }
        assert_eq!(assembler.insert(9_000..9_001), Insertion::Full);
        assert_eq!(assembler.advance(1), 2);
        assert_eq!(assembler.insert(9_000..9_001), Insertion::New);
    }

    #[test]
    fn the_range_that_grew_last_comes_first() {
        let mut assembler = Assembler::default();
        for start in [10, 30, 50, 70, 90, 110] {
            assembler.insert(start..start + 5);
        }
        assembler.insert(35..40);
        let starts: Vec<_> = assembler.latest_first().map(|r| r[0].0).collect();
        assert_eq!(starts, [30, 110, 10, 50, 70, 90]);
        assert_eq!(assembler.advance(35), 40);
        assert_eq!(assembler.latest_first().count(), 4);
    }

    #[test]
    fn without_disorder_it_is_a_pointer() {
        let mut assembler = Assembler::default();
        assert_eq!(size_of_val(&assembler), size_of::<usize>());
        assembler.note_duplicate([SeqNumber(1), SeqNumber(5)]);
        assert!(assembler.is_empty() && !assembler.is_in_order());
        assembler.insert(10..20);
        assembler.forget_duplicate();
        assert!(!assembler.is_in_order());
        assert_eq!(assembler.advance(10), 20);
        assert!(assembler.is_in_order());
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_set_of_bytes(
            base in prop_oneof![Just(0u64), Just((1 << 32) - 60), Just((7 << 31) - 30)],
            ranges in prop::collection::vec((1u64..120, 1u64..12), 1..24),
        ) {
            let mut assembler = Assembler::default();
            let mut bytes = std::collections::BTreeSet::new();
            for (start, len) in ranges {
                let range = base + start..base + start + len;
                if assembler.insert(range.clone()) != Insertion::Full {
                    bytes.extend(range);
                }
            }
            for next in 0..140 {
                let next = base + next;
                let expected = (next..).find(|byte| !bytes.contains(byte)).unwrap_or(next);
                prop_assert_eq!(assembler.clone().advance(next), expected);
            }
        }
    }
}
