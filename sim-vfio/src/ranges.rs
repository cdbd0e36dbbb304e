//! Ranges of bus addresses that never overlap.

use std::collections::BTreeMap;

/// What a range refers to; it can be cut.
pub(crate) trait Cut: Sized {
    /// What the range refers to from `bytes` after its start on.
    fn from(&self, bytes: u64) -> Self;
}

#[derive(Debug)]
struct Range<T> {
    last: u64,
    to: T,
}

/// Ranges of bus addresses, first and last address included, so that the last address of all can be in one.
#[derive(Debug)]
pub(crate) struct Ranges<T>(BTreeMap<u64, Range<T>>);

impl<T> Default for Ranges<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Cut> Ranges<T> {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Adds `[start, last]`; false if some of it is taken.
    pub(crate) fn insert(&mut self, start: u64, last: u64, to: T) -> bool {
        let before = self.0.range(..=last).next_back();
        if before.is_some_and(|(_, r)| r.last >= start) {
            return false;
        }
        self.0.insert(start, Range { last, to });
        true
    }

    /// Takes `[start, last]` away, whatever was there; ranges that reach beyond it keep the rest.
    pub(crate) fn remove(&mut self, start: u64, last: u64) {
        let touched: Vec<u64> = self
            .0
            .range(..=last)
            .rev()
            .take_while(|(_, r)| r.last >= start)
            .map(|(first, _)| *first)
            .collect();
        for first in touched {
            let Some(range) = self.0.remove(&first) else {
                continue;
            };
            if let Some(next) = last.checked_add(1)
                && range.last > last
            {
                let rest = Range {
                    last: range.last,
                    to: range.to.from(next - first),
                };
                self.0.insert(next, rest);
            }
            if first < start {
                let rest = Range {
                    last: start - 1,
                    to: range.to,
                };
                self.0.insert(first, rest);
            }
        }
    }

    /// The range that `address` is in: what it refers to from `address` on, and how many bytes follow before its end.
    pub(crate) fn at(&self, address: u64) -> Option<(&T, u64, u64)> {
        let (first, range) = self.0.range(..=address).next_back()?;
        let left = range.last.checked_sub(address)?;
        Some((&range.to, address - first, left.saturating_add(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Refers to the address that it was inserted with.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct Origin(u64);

    impl Cut for Origin {
        fn from(&self, bytes: u64) -> Self {
            Self(self.0 + bytes)
        }
    }

    #[test]
    fn the_last_address_of_all_can_be_in_a_range() {
        let mut ranges = Ranges::default();
        assert!(ranges.insert(u64::MAX - 1, u64::MAX, Origin(0)));
        assert!(!ranges.insert(u64::MAX, u64::MAX, Origin(0)));
        assert_eq!(ranges.at(u64::MAX), Some((&Origin(0), 1, 1)));
        ranges.remove(u64::MAX, u64::MAX);
        assert_eq!(ranges.at(u64::MAX), None);
        assert_eq!(ranges.len(), 1);
    }

    proptest! {
        #[test]
        fn every_address_is_what_the_last_command_made_of_it(
            steps in prop::collection::vec((any::<bool>(), 0u64..64, 0u64..24), 1..60),
        ) {
            let mut ranges = Ranges::default();
            let mut expected: Vec<Option<u64>> = vec![None; 100];
            for (add, start, len) in steps {
                let last = start + len;
                let place = &mut expected[start as usize..=last as usize];
                if add {
                    let free = place.iter().all(Option::is_none);
                    prop_assert_eq!(ranges.insert(start, last, Origin(1000 + start)), free);
                    if free { for (i, e) in place.iter_mut().enumerate() { *e = Some(1000 + start + i as u64); } }
                } else {
                    ranges.remove(start, last);
                    place.fill(None);
                }
            }
            for (address, expected) in expected.iter().enumerate() {
                let found = ranges.at(address as u64);
                prop_assert_eq!(found.map(|(to, offset, _)| to.0 + offset), *expected);
                prop_assert!(found.is_none_or(|(_, _, left)| left >= 1));
            }
        }
    }
}
