//! Which bus address a region gets.

use std::{collections::BTreeMap, ops::RangeInclusive};

/// No free range is long enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "no free IOVA range of {len:#x} bytes aligned to {align:#x}: release DMA memory or map larger pieces"
)]
pub struct IovaExhausted {
    /// Bytes asked for.
    pub len: u64,
    /// Alignment asked for.
    pub align: u64,
}

/// Hands out ranges of bus addresses, lowest first: below 4 GiB a TLP header has three words instead of
/// four.
#[derive(Debug)]
pub struct IovaAllocator {
    /// Free ranges: first to last address, neither overlapping nor touching.
    free: BTreeMap<u64, u64>,
}

impl IovaAllocator {
    /// An allocator of `ranges`, which may touch or overlap; empty ones are left out.
    pub fn new(ranges: &[RangeInclusive<u64>]) -> Self {
        let mut allocator = Self {
            free: BTreeMap::new(),
        };
        let mut sorted: Vec<_> = ranges.iter().filter(|r| !r.is_empty()).collect();
        sorted.sort_by_key(|r| *r.start());
        for r in sorted {
            match allocator.free.last_entry() {
                Some(mut last) if *last.get() >= r.start().saturating_sub(1) => {
                    let end = (*last.get()).max(*r.end());
                    last.insert(end);
                }
                _ => {
                    allocator.free.insert(*r.start(), *r.end());
                }
            }
        }
        allocator
    }

    /// The lowest free range of `len` bytes whose start is a multiple of `align` (a power of two).
    ///
    /// # Errors
    /// [`IovaExhausted`]; also for length 0 or an alignment that is no power of two.
    pub fn allocate(&mut self, len: u64, align: u64) -> Result<u64, IovaExhausted> {
        let error = IovaExhausted { len, align };
        if len == 0 || !align.is_power_of_two() {
            return Err(error);
        }
        let (start, first, last) = self
            .free
            .iter()
            .find_map(|(&start, &last)| {
                let first = start.checked_next_multiple_of(align)?;
                let end = first.checked_add(len - 1)?;
                (end <= last).then_some((start, first, last))
            })
            .ok_or(error)?;
        self.free.remove(&start);
        if start < first {
            self.free.insert(start, first - 1);
        }
        if first + (len - 1) < last {
            self.free.insert(first + len, last);
        }
        Ok(first)
    }

    /// Gives a range back. Only what [`IovaAllocator::allocate`] returned may be given back, once and whole;
    /// a range that is free already (in part) is refused with `false`, and stays as it was.
    pub fn release(&mut self, start: u64, len: u64) -> bool {
        let Some(last) = len.checked_sub(1).and_then(|n| start.checked_add(n)) else {
            return false;
        };
        if let Some((_, &end)) = self.free.range(..=last).next_back()
            && end >= start
        {
            return false;
        }
        let (mut from, mut to) = (start, last);
        if let Some((&before, &end)) = self.free.range(..start).next_back()
            && end + 1 == start
        {
            self.free.remove(&before);
            from = before;
        }
        if let Some(after) = last.checked_add(1)
            && let Some(end) = self.free.remove(&after)
        {
            to = end;
        }
        self.free.insert(from, to);
        true
    }

    /// Bytes that are free.
    pub fn available(&self) -> u128 {
        self.free
            .iter()
            .map(|(&start, &last)| u128::from(last) - u128::from(start) + 1)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_that_touch_are_one_and_holes_are_kept() {
        let mut a = IovaAllocator::new(&[
            0x2000..=0x2fff,
            0x0..=0xfff,
            0x1000..=0x1fff,
            0x8000..=0x8fff,
        ]);
        assert_eq!(a.allocate(0x3000, 0x1000), Ok(0));
        assert!(a.allocate(0x2000, 0x1000).is_err());
        assert_eq!(a.allocate(0x1000, 0x1000), Ok(0x8000));
        assert_eq!(a.available(), 0);
    }

    #[test]
    fn the_last_address_of_all_can_be_used() {
        let mut a = IovaAllocator::new(&[u64::MAX - 0xfff..=u64::MAX]);
        let start = a.allocate(0x1000, 0x1000).unwrap();
        assert!(a.release(start, 0x1000));
        assert!(!a.release(start, 0x1000), "released twice");
        assert_eq!(a.available(), 0x1000);
    }

    #[test]
    fn impossible_requests_are_refused() {
        let mut a = IovaAllocator::new(&[0..=0xffff]);
        assert!(a.allocate(0, 1).is_err());
        assert!(a.allocate(1, 3).is_err());
        assert!(a.allocate(u64::MAX, 1).is_err());
    }

    proptest! {
        #[test]
        fn live_ranges_never_overlap_and_all_comes_back(
            steps in proptest::collection::vec((1u64..0x4000, 0u32..15, any::<bool>(), any::<prop::sample::Index>()), 1..60),
        ) {
            let usable = [0x1000..=0xffff, 0x2_0000..=0x2_ffff];
            let mut a = IovaAllocator::new(&usable);
            let total = a.available();
            let mut live: Vec<(u64, u64)> = Vec::new();
            for (len, log2, release, which) in steps {
                if release && !live.is_empty() {
                    let (start, len) = live.swap_remove(which.index(live.len()));
                    prop_assert!(a.release(start, len));
                } else if let Ok(start) = a.allocate(len, 1 << log2) {
                    prop_assert!(start.is_multiple_of(1 << log2));
                    prop_assert!(usable.iter().any(|r| r.contains(&start) && r.contains(&(start + len - 1))));
                    prop_assert!(live.iter().all(|&(s, l)| start + len <= s || s + l <= start));
                    live.push((start, len));
                }
                let held: u64 = live.iter().map(|&(_, l)| l).sum();
                prop_assert_eq!(a.available() + u128::from(held), total);
            }
            for (start, len) in live { prop_assert!(a.release(start, len)); }
            prop_assert_eq!(a.available(), total);
            prop_assert_eq!(a.free.len(), 2);
        }
    }
}
