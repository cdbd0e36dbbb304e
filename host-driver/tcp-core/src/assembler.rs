//! Which bytes beyond RCV.NXT have arrived already.

use core::ops::Range;

use arrayvec::ArrayVec;

use crate::seq::SeqNumber;

/// Ranges kept at most. Data that would need one more is not taken; the peer sends it again.
const MAX_RANGES: usize = 32;

/// The out-of-order ranges above RCV.NXT: sorted, disjoint, never touching. Positions are kept in 32
/// bits: none is 2³¹ ahead of RCV.NXT, for the window is at most 2³⁰.
#[derive(Clone, Debug, Default)]
pub(crate) struct Assembler {
    ranges: ArrayVec<[SeqNumber; 2], MAX_RANGES>,
}

#[expect(clippy::cast_possible_truncation)]
fn low(position: u64) -> SeqNumber {
    SeqNumber(position as u32)
}

impl Assembler {
    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Adds a range above RCV.NXT. `false` if there is no room for it.
    pub(crate) fn insert(&mut self, range: Range<u64>) -> bool {
        let (start, end) = (low(range.start), low(range.end));
        // Those from `first` up to `after` overlap or touch the new range and become one with it.
        let first = self.ranges.iter().take_while(|r| r[1] < start).count();
        let after = self.ranges.iter().take_while(|r| r[0] <= end).count();
        if first == after {
            return self.ranges.try_insert(first, [start, end]).is_ok();
        }
        let merged_start = if start < self.ranges[first][0] {
            start
        } else {
            self.ranges[first][0]
        };
        let merged_end = if end > self.ranges[after - 1][1] {
            end
        } else {
            self.ranges[after - 1][1]
        };
        self.ranges[first] = [merged_start, merged_end];
        self.ranges.drain(first + 1..after);
        true
    }

    /// RCV.NXT has moved to `next`: forgets what lies below, and returns where RCV.NXT goes on to
    /// because the bytes from `next` on are there already.
    pub(crate) fn advance(&mut self, next: u64) -> u64 {
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
        assert!(assembler.insert(10..20));
        assert!(assembler.insert(30..40));
        assert!(assembler.insert(20..30));
        assert_eq!(assembler.ranges.len(), 1);
        assert_eq!(assembler.advance(5), 5);
        assert_eq!(assembler.advance(10), 40);
        assert!(assembler.is_empty());
    }

    #[test]
    fn a_range_too_many_is_refused_and_nothing_else_lost() {
        let mut assembler = Assembler::default();
        for i in 0..MAX_RANGES as u64 {
            assert!(assembler.insert(10 * i + 1..10 * i + 2));
        }
        assert!(!assembler.insert(9_000..9_001));
        assert_eq!(assembler.advance(1), 2);
        assert!(assembler.insert(9_000..9_001));
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
                if assembler.insert(range.clone()) {
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
