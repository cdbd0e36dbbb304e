//! Ends of records, as programs mark them (MSG_EOR): what is written behind one never shares a segment with what is before
//! it. The stream has no records (RFC 9293 §3.8.1); only how it is cut into segments changes.

use std::collections::VecDeque;

use super::Connection;

/// Positions of the send space across which no segment reaches, lowest first. Few connections have any: the rest pay for a
/// pointer.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::box_collection,
    reason = "a quarter of the size in every connection, few of which have any"
)]
pub(super) struct Boundaries(Option<Box<VecDeque<u64>>>);

impl Boundaries {
    /// A boundary at `at`, which is no lower than those before it. Those up to SND.UNA are forgotten.
    fn mark(&mut self, at: u64, una: u64) {
        let list = self.0.get_or_insert_default();
        while list.pop_front_if(|first| *first <= una).is_some() {}
        if at > una && list.back() != Some(&at) {
            list.push_back(at);
        }
    }

    /// The lowest of `end` and the first boundary behind `start`.
    #[inline]
    pub(super) fn cap(&self, start: u64, end: u64) -> u64 {
        let Some(list) = &self.0 else {
            return end;
        };
        let index = list.partition_point(|at| *at <= start);
        list.get(index).map_or(end, |at| end.min(*at))
    }

    /// The highest of `start` and the last boundary before `end`.
    pub(super) fn last_start(&self, start: u64, end: u64) -> u64 {
        let Some(list) = &self.0 else {
            return start;
        };
        let index = list.partition_point(|at| *at < end);
        let last = index.checked_sub(1).and_then(|index| list.get(index));
        last.map_or(start, |at| start.max(*at))
    }

    /// Whether a record ends at `end`.
    #[inline]
    pub(super) fn is_at(&self, end: u64) -> bool {
        self.0
            .as_ref()
            .is_some_and(|list| list.binary_search(&end).is_ok())
    }
}

impl Connection {
    /// What was written so far is a record: it is pushed (PSH), and no segment, be it sent again, has both its end and the
    /// beginning of what is written later (MSG_EOR of Linux). As between Linux's records, Nagle's algorithm does not hold
    /// the end of one back while there is more to send.
    pub fn end_record(&mut self) {
        let end = self.snd.data_end();
        self.boundaries.mark(end, self.snd.una);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_caps_what_would_reach_across_it() {
        let mut none = Boundaries::default();
        assert_eq!((none.cap(1, 9), none.last_start(1, 9)), (9, 1));
        assert!(!none.is_at(9));
        for at in [10, 10, 20] {
            none.mark(at, 0);
        }
        let some = none;
        assert_eq!(some.cap(1, 9), 9);
        assert_eq!(some.cap(1, 15), 10);
        assert_eq!(some.cap(10, 15), 15);
        assert_eq!(some.cap(10, 25), 20);
        assert_eq!(some.cap(20, 25), 25);
        assert_eq!(some.last_start(1, 10), 1);
        assert_eq!(some.last_start(1, 11), 10);
        assert_eq!(some.last_start(1, 30), 20);
        assert!(some.is_at(10) && some.is_at(20) && !some.is_at(11));
    }

    #[test]
    fn what_is_acknowledged_is_forgotten() {
        let mut list = Boundaries::default();
        list.mark(10, 0);
        list.mark(20, 10);
        assert!(!list.is_at(10) && list.is_at(20));
        list.mark(20, 20);
        assert!(!list.is_at(20));
    }
}
