//! What is in flight: when it was sent, and what became of it (RFC 6675 §3, RFC 8985 §5).
//!
//! The bytes from SND.UNA to SND.NXT are a row of records without gaps. A record is not a segment: neighbours of the
//! same fate that were sent at about the same time are one. So a window of any size fits in a small memory: a connection
//! has room for [`INLINE`] records in itself; while more holes are open than fit there, it has one block for [`CAPACITY`]
//! from the thread's spare ones. When that is full too, neighbours are joined at the price of a later send time (a loss is found later)
//! or of a forgotten SACK (RFC 2018 §8: a sender may ignore them), never of correctness.

use bitflags::bitflags;
use smallvec::SmallVec;

use crate::seq::SeqNumber;
use crate::spare::{self, Spare};
use crate::time::Micros;

/// Records that need no memory but the connection's own.
const INLINE: usize = 2;

/// Records at most.
const CAPACITY: usize = 192;

bitflags! {
    /// What is known of a record.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub(super) struct Mark: u8 {
        /// The peer has it (SACK).
        const SACKED = 1;
        /// It is taken for lost and has not been sent again since.
        const LOST = 2;
        /// It was sent more than once.
        const AGAIN = 4;
        /// It was joined of unlike parts for want of room: its time is that of the last of them, and the peer may have
        /// some of it. No evidence for anything.
        const BLURRED = 8;
    }
}

/// A stretch of the sequence space with one fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) start: SeqNumber,
    pub(super) end: SeqNumber,
    /// When the last of it was last sent.
    pub(super) sent: Micros,
    /// How long before that the first of it was, in units of 16 µs.
    pub(super) span: u16,
    pub(super) mark: Mark,
}

impl Record {
    pub(super) fn len(&self) -> u32 {
        self.end.0.wrapping_sub(self.start.0)
    }

    /// When the first of it was last sent, at the earliest.
    pub(super) fn first_sent(&self) -> Micros {
        Micros(self.sent.0.wrapping_sub(u32::from(self.span) * SPAN_UNIT))
    }
}

/// Microseconds in a unit of [`Record::span`].
pub(super) const SPAN_UNIT: u32 = 16;

/// A record as it is kept: it starts where the one before ends.
#[derive(Clone, Copy, Debug)]
struct Stored {
    end: SeqNumber,
    sent: Micros,
    span: u16,
    mark: Mark,
}

std::thread_local! {
    static SPARE: Spare<Vec<Stored>> = const { Spare::new(Vec::new()) };
}

/// Spare blocks for so many connections of this thread.
pub(super) fn preallocate(count: usize) {
    SPARE.with(|spare| spare::fill(spare, count, || Vec::with_capacity(CAPACITY)));
}

/// The row.
#[derive(Clone, Debug)]
pub(super) struct Scoreboard {
    row: SmallVec<[Stored; INLINE]>,
    /// Where the first record starts: SND.UNA.
    start: SeqNumber,
    /// Bytes marked SACKED, and LOST.
    sacked: u32,
    lost: u32,
    /// When the first of the last record was sent.
    tail_since: Micros,
}

impl Scoreboard {
    pub(super) fn new(start: SeqNumber) -> Self {
        Self {
            row: SmallVec::new(),
            start,
            sacked: 0,
            lost: 0,
            tail_since: Micros(0),
        }
    }

    /// One that has borrowed its block already, and so joins nothing but what the grain says.
    #[cfg(test)]
    pub(super) fn with_block(start: SeqNumber) -> Self {
        let mut board = Self::new(start);
        board.row = SmallVec::from_vec(Vec::with_capacity(CAPACITY));
        board
    }

    /// Bytes that the peer has beyond SND.UNA.
    pub(super) fn sacked(&self) -> u32 {
        self.sacked
    }

    /// Bytes that are lost and not sent again yet.
    pub(super) fn lost(&self) -> u32 {
        self.lost
    }

    fn count(&self) -> usize {
        self.row.len()
    }

    fn start_of(&self, index: usize) -> SeqNumber {
        if index == 0 {
            self.start
        } else {
            self.row[index - 1].end
        }
    }

    fn record(&self, index: usize) -> Record {
        Record {
            start: self.start_of(index),
            end: self.row[index].end,
            sent: self.row[index].sent,
            span: self.row[index].span,
            mark: self.row[index].mark,
        }
    }

    pub(super) fn records(&self) -> impl DoubleEndedIterator<Item = Record> + '_ {
        (0..self.count()).map(|index| self.record(index))
    }

    /// The first lost stretch.
    pub(super) fn first_lost(&self) -> Option<Record> {
        if self.lost == 0 {
            return None;
        }
        self.records()
            .find(|record| record.mark.contains(Mark::LOST))
    }

    /// New data up to `end` was sent at `now`. Joins the last record if that was begun at most `grain` microseconds ago.
    pub(super) fn push(&mut self, end: SeqNumber, now: Micros, grain: u32) {
        let last = self.count().wrapping_sub(1);
        // While nothing is lost, no block is borrowed for the sake of finer times.
        let grain = if self.count() == INLINE && !self.row.spilled() {
            u32::MAX
        } else {
            grain
        };
        if self.row.get(last).is_some_and(|last| last.mark.is_empty())
            && now.since(self.tail_since) <= grain.min(u32::from(u16::MAX) * SPAN_UNIT)
        {
            self.row[last].end = end;
            self.row[last].sent = now;
            let units = now.since(self.tail_since).div_ceil(SPAN_UNIT);
            self.row[last].span = u16::try_from(units).unwrap_or(u16::MAX);
            return;
        }
        self.reserve(1);
        self.row.push(Stored {
            end,
            sent: now,
            span: 0,
            mark: Mark::empty(),
        });
        self.tail_since = now;
    }

    /// SND.UNA moved to `una`. `gone` is told of what was acknowledged, in order.
    #[inline]
    pub(super) fn acknowledge(&mut self, una: SeqNumber, mut gone: impl FnMut(Record)) {
        let mut whole = 0;
        let mut start = self.start;
        for stored in &self.row {
            if start >= una {
                break;
            }
            let all = stored.end <= una;
            let record = Record {
                start,
                end: if all { stored.end } else { una },
                sent: stored.sent,
                span: stored.span,
                mark: stored.mark,
            };
            if record.mark.contains(Mark::SACKED) {
                self.sacked -= record.len();
            }
            if record.mark.contains(Mark::LOST) {
                self.lost -= record.len();
            }
            gone(record);
            if !all {
                break;
            }
            start = stored.end;
            whole += 1;
        }
        self.start = una;
        if whole == self.count() {
            self.clear();
        } else if whole > 0 {
            self.row.drain(..whole);
        }
    }

    /// The peer has the bytes from `left` to `right`. `newly` is told of those that it was not known to have.
    pub(super) fn sack(
        &mut self,
        left: SeqNumber,
        right: SeqNumber,
        mut newly: impl FnMut(Record),
    ) {
        self.change(left, right, |record| {
            if !record.mark.contains(Mark::SACKED) {
                newly(*record);
                // What was lost and has arrived after all was not lost.
                record.mark = (record.mark | Mark::SACKED) - Mark::LOST;
            }
        });
    }

    /// Marks as lost what `is_lost` says so of and the peer does not have. Returns the newly lost bytes.
    pub(super) fn mark_lost(&mut self, mut is_lost: impl FnMut(&Record) -> bool) -> u32 {
        let before = self.lost;
        for index in 0..self.count() {
            let record = self.record(index);
            if !record.mark.intersects(Mark::SACKED | Mark::LOST) && is_lost(&record) {
                self.row[index].mark |= Mark::LOST;
                self.lost += record.len();
            }
        }
        let found = self.lost - before;
        if found > 0 {
            self.join();
        }
        found
    }

    /// Marks as lost the bytes from `left` to `right`, unless the peer has them.
    pub(super) fn lose(&mut self, left: SeqNumber, right: SeqNumber) {
        self.change(left, right, |record| {
            if !record.mark.contains(Mark::SACKED) {
                record.mark |= Mark::LOST;
            }
        });
    }

    /// What was lost was not: an original has arrived late.
    pub(super) fn forgive(&mut self) {
        for index in 0..self.count() {
            self.row[index].mark -= Mark::LOST;
        }
        self.lost = 0;
    }

    //= https://www.rfc-editor.org/rfc/rfc6675#section-4
    //# SACK information is advisory and therefore SACKed data MUST NOT be removed from the TCP's retransmission
    //# buffer until the data is cumulatively acknowledged [RFC2018].
    //= https://www.rfc-editor.org/rfc/rfc2018#section-8
    //# Since the data receiver may later discard data reported in a SACK option, the sender MUST NOT discard data
    //# before it is acknowledged by the Acknowledgment Number field in the TCP header.
    /// Forgets what the peer was known to have: it has thrown it away (RFC 2018 §8).
    pub(super) fn renege(&mut self) {
        for index in 0..self.count() {
            self.row[index].mark -= Mark::SACKED;
        }
        self.sacked = 0;
    }

    /// Whether the peer has the first byte in flight and yet does not acknowledge it.
    pub(super) fn is_reneged(&self) -> bool {
        self.row
            .first()
            .is_some_and(|first| first.mark.contains(Mark::SACKED))
    }

    /// The bytes from `left` to `right` were sent again at `now`.
    pub(super) fn sent_again(&mut self, left: SeqNumber, right: SeqNumber, now: Micros) {
        self.change(left, right, |record| {
            record.mark = (record.mark | Mark::AGAIN) - (Mark::LOST | Mark::BLURRED);
            record.sent = now;
            record.span = 0;
        });
    }

    /// Applies a change to the records between two numbers, cutting those at the borders.
    fn change(&mut self, left: SeqNumber, right: SeqNumber, mut change: impl FnMut(&mut Record)) {
        let Some(last) = self.count().checked_sub(1) else {
            return;
        };
        let left = if left < self.start { self.start } else { left };
        let right = if right > self.row[last].end {
            self.row[last].end
        } else {
            right
        };
        if left >= right {
            return;
        }
        // Two cuts want two more records.
        self.reserve(2);
        self.cut(left);
        self.cut(right);
        for index in 0..self.count() {
            let mut record = self.record(index);
            if record.start >= left && record.end <= right {
                let before = record.mark;
                change(&mut record);
                self.account(before, record.len(), false);
                self.account(record.mark, record.len(), true);
                self.row[index].mark = record.mark;
                self.row[index].sent = record.sent;
                self.row[index].span = record.span;
            }
        }
        self.join();
    }

    /// Makes `at` a border between records.
    fn cut(&mut self, at: SeqNumber) {
        let Some(index) = (0..self.count()).find(|&index| at < self.row[index].end) else {
            return;
        };
        if at <= self.start_of(index) {
            return;
        }
        let first = Stored {
            end: at,
            ..self.row[index]
        };
        self.row.insert(index, first);
    }

    /// Joins neighbours between which nothing is to be told apart: what the peer has, what is lost, and what was sent
    /// at the same time.
    fn join(&mut self) {
        self.row.dedup_by(|next, kept| {
            let settled = kept.mark.intersects(Mark::SACKED | Mark::LOST);
            let alike = next.mark == kept.mark
                && (settled || (next.sent, next.span) == (kept.sent, kept.span));
            if alike {
                kept.end = next.end;
            }
            alike
        });
    }

    /// Nothing is in flight any more: gives a borrowed block back.
    #[inline]
    fn clear(&mut self) {
        if self.row.spilled() {
            let block = core::mem::take(&mut self.row).into_vec();
            SPARE.with(|spare| spare::give(spare, block));
        } else {
            self.row.clear();
        }
    }

    /// Makes room for so many more records: in the connection, then in a borrowed block, then by joining some.
    #[inline]
    fn reserve(&mut self, more: usize) {
        if self.count() + more > INLINE {
            self.reserve_block(more);
        }
    }

    fn reserve_block(&mut self, more: usize) {
        if !self.row.spilled() {
            let mut block = SPARE.with(|spare| spare::take(spare, CAPACITY));
            block.extend_from_slice(&self.row);
            self.row = SmallVec::from_vec(block);
        }
        while self.count() + more > CAPACITY {
            self.make_room();
        }
    }

    /// Frees a record: two neighbours of one fate become one, those with the closest send times; or if there are none,
    /// the last SACK with something unknown around it is forgotten.
    fn make_room(&mut self) {
        let alike = |index: &usize| {
            self.row[*index].mark - Mark::BLURRED == self.row[*index - 1].mark - Mark::BLURRED
        };
        let gap = |index: &usize| {
            let (a, b) = (self.row[*index].sent, self.row[*index - 1].sent);
            a.since(b).max(b.since(a))
        };
        let pair = (1..self.count()).filter(alike).min_by_key(gap);
        let pair = pair.or_else(|| {
            (1..self.count())
                .rev()
                .find(|&index| !self.row[index - 1].mark.contains(Mark::LOST))
        });
        let index = pair.unwrap_or(1);
        let (a, b) = (self.record(index - 1), self.record(index));
        self.account(a.mark, a.len(), false);
        self.account(b.mark, b.len(), false);
        // Only what holds for both; the later time, so that nothing is taken for lost too early.
        let both = a.mark & b.mark;
        let either = (a.mark | b.mark) & (Mark::AGAIN | Mark::BLURRED);
        let unlike = a.mark != b.mark || a.sent != b.sent;
        self.row[index - 1].mark = both | either;
        self.row[index - 1]
            .mark
            .set(Mark::BLURRED, unlike || either.contains(Mark::BLURRED));
        self.row[index - 1].sent = if b.sent.is_after(a.sent) {
            b.sent
        } else {
            a.sent
        };
        self.row[index - 1].end = b.end;
        self.account(self.row[index - 1].mark, a.len() + b.len(), true);
        self.row.remove(index);
    }

    fn account(&mut self, mark: Mark, len: u32, add: bool) {
        let apply = |total: &mut u32| {
            *total = if add { *total + len } else { *total - len };
        };
        if mark.contains(Mark::SACKED) {
            apply(&mut self.sacked);
        }
        if mark.contains(Mark::LOST) {
            apply(&mut self.lost);
        }
    }
}

/// A connection that ends in disorder gives its block back too.
impl Drop for Scoreboard {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seq(n: u32) -> SeqNumber {
        // Across the wrap.
        SeqNumber(u32::MAX - 5000) + n
    }

    fn row(board: &Scoreboard) -> Vec<(u32, u32, Mark)> {
        let position = |s: SeqNumber| s.0.wrapping_sub(seq(0).0);
        let tell = |r: Record| (position(r.start), position(r.end), r.mark);
        board.records().map(tell).collect()
    }

    #[test]
    fn what_is_sent_within_a_grain_is_one_record() {
        let mut board = Scoreboard::with_block(seq(0));
        for (end, at) in [(1000, 0), (2000, 50), (3000, 100), (4000, 101), (5000, 300)] {
            board.push(seq(end), Micros(at), 100);
        }
        let none = Mark::empty();
        assert_eq!(
            row(&board),
            [(0, 3000, none), (3000, 4000, none), (4000, 5000, none)]
        );
    }

    #[test]
    fn a_sack_cuts_and_neighbours_that_the_peer_has_are_joined() {
        let mut board = Scoreboard::new(seq(0));
        board.push(seq(9000), Micros(0), 0);
        let mut newly = 0;
        board.sack(seq(2000), seq(3000), |r| newly += r.len());
        board.sack(seq(2500), seq(4000), |r| newly += r.len());
        assert_eq!((newly, board.sacked()), (2000, 2000));
        let (none, sacked) = (Mark::empty(), Mark::SACKED);
        assert_eq!(
            row(&board),
            [(0, 2000, none), (2000, 4000, sacked), (4000, 9000, none)]
        );
        assert_eq!(board.mark_lost(|r| r.end <= seq(2000)), 2000);
        board.sent_again(seq(0), seq(1000), Micros(7));
        assert_eq!(board.lost(), 1000);
        assert_eq!(board.first_lost().unwrap().start, seq(1000));
        board.acknowledge(seq(4500), |_| {});
        assert_eq!((board.lost(), board.sacked()), (0, 0));
        assert_eq!(row(&board), [(4500, 9000, none)]);
    }

    #[test]
    fn without_losses_no_block_is_borrowed() {
        let mut board = Scoreboard::new(seq(0));
        for i in 1..100 {
            board.push(seq(100 * i), Micros(1000 * i), 10);
        }
        assert!(!board.row.spilled());
        let last = board.records().last().unwrap();
        assert_eq!(last.sent, Micros(99_000));
        assert!(last.first_sent().0 <= 2000);
        board.sack(seq(300), seq(400), |_| {});
        assert!(board.row.spilled());
        board.acknowledge(seq(9900), |_| {});
        assert!(!board.row.spilled());
    }

    #[derive(Clone, Debug)]
    enum Op {
        Push(u32, u32),
        Sack(u32, u32),
        Lose(u32, u32),
        Again(u32, u32),
        Acknowledge(u32),
        Renege,
        Forgive,
    }

    fn op() -> impl Strategy<Value = Op> {
        let range = || (0..9000u32, 1..400u32);
        prop_oneof![
            6 => (1..600u32, 0..40u32).prop_map(|(len, time)| Op::Push(len, time)),
            8 => range().prop_map(|(at, len)| Op::Sack(at, len)),
            4 => range().prop_map(|(at, len)| Op::Lose(at, len)),
            4 => range().prop_map(|(at, len)| Op::Again(at, len)),
            2 => (0..1500u32).prop_map(Op::Acknowledge),
            1 => Just(Op::Renege),
            1 => Just(Op::Forgive),
        ]
    }

    proptest! {
        #[test]
        fn the_row_has_no_gap_and_its_sums_are_right_and_it_invents_nothing(
            ops in prop::collection::vec(op(), 1..120),
        ) {
            let mut board = Scoreboard::new(seq(0));
            let (mut una, mut max, mut now) = (0, 0, 0);
            let mut sacked = std::collections::BTreeSet::new();
            for op in ops {
                match op {
                    Op::Push(len, time) => {
                        now += time;
                        max += len;
                        board.push(seq(max), Micros(now), 10);
                    }
                    Op::Sack(at, len) => {
                        board.sack(seq(at), seq(at + len), |_| {});
                        sacked.extend(at..at + len);
                    }
                    Op::Lose(at, len) => board.lose(seq(at), seq(at + len)),
                    Op::Again(at, len) => board.sent_again(seq(at), seq(at + len), Micros(now)),
                    Op::Acknowledge(by) => {
                        una = (una + by).min(max);
                        board.acknowledge(seq(una), |_| {});
                    }
                    Op::Renege => board.renege(),
                    Op::Forgive => board.forgive(),
                }
                let records: Vec<_> = board.records().collect();
                let mut at = seq(una);
                let (mut sum_sacked, mut sum_lost) = (0, 0);
                for record in &records {
                    prop_assert_eq!(record.start, at);
                    prop_assert!(record.end > record.start);
                    at = record.end;
                    if record.mark.contains(Mark::SACKED) {
                        sum_sacked += record.len();
                        for n in 0..record.len() {
                            let position = (record.start + n).0.wrapping_sub(seq(0).0);
                            prop_assert!(sacked.contains(&position));
                        }
                    }
                    if record.mark.contains(Mark::LOST) {
                        sum_lost += record.len();
                    }
                }
                prop_assert_eq!(at, seq(max));
                prop_assert_eq!((sum_sacked, sum_lost), (board.sacked(), board.lost()));
            }
        }
    }
}
