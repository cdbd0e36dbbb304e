//! The text of a segment and its FIN (RFC 9293 §3.10.7.4, seventh and eighth).

use core::ops::Range;
use core::time::Duration;

use super::{Connection, Reset, State};
use crate::assembler::Insertion;
use crate::event::Events;
use crate::segment::{Flags, Segment};

/// Which bytes of a segment's payload to put where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Bytes at the payload's beginning to leave out.
    pub skip: u32,
    /// Bytes to take after them.
    pub len: u32,
    /// Stream offset of the first byte taken. Between [`Connection::consumed_offset`] and the end
    /// of the receive buffer; may be ahead of what can be read.
    pub offset: u64,
}

/// What became of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// The payload bytes to take, if any.
    pub placement: Option<Placement>,
    /// What has changed.
    pub events: Events,
}

impl Received {
    pub(super) fn event(events: Events) -> Self {
        Self {
            placement: None,
            events,
        }
    }
}

impl Connection {
    /// Seventh and eighth: the text and the FIN of a segment whose first payload byte is at
    /// position `start`.
    pub(super) fn take_text(&mut self, now: Duration, segment: &Segment, start: u64) -> Received {
        let mut received = Received::default();
        let len = u64::from(segment.payload_len);
        // CLOSE-WAIT and later: "This should not occur since a FIN has been received from the remote
        // side. Ignore the segment text."
        if !self.state.can_receive() || (len == 0 && !segment.has(Flags::FIN)) {
            return received;
        }
        let end = start + len;
        if self.released && end > self.rcv.nxt && len > 0 {
            // RFC 1122 §4.2.2.13: data after close is lost, and the peer must hear of it. As to a connection that is
            // no more (RFC 9293 §3.10.7.1): at SND.NXT, a peer that our FIN has not reached would challenge it.
            self.reset = Some(Reset::Bare(segment.ack));
            self.enter_closed();
            received.events |= Events::CLOSED;
            return received;
        }
        // The part within the window, and before a FIN that is already known.
        let right = self.rcv.adv.min(self.rcv.fin_or_end());
        let (first, last) = (start.max(self.rcv.nxt), end.min(right));
        if segment.has(Flags::FIN) && end <= right {
            self.rcv.set_fin(end);
        }
        if first < last {
            self.place(now, segment, start, first..last, &mut received);
        } else if len > 0 {
            // RFC 5681 §4.2: what was there already, or has no room, is acknowledged at once.
            self.ack.on_disorder(self.settings.quick_acks);
            self.note_duplicate(start, end);
        }
        if self.rcv.fin_or_end() == self.rcv.nxt {
            received.events |= self.on_fin(now);
        } else if segment.has(Flags::FIN) {
            self.ack.on_disorder(self.settings.quick_acks);
        }
        received
    }

    /// Takes the positions `range` of a payload that begins at `start`.
    fn place(
        &mut self,
        now: Duration,
        segment: &Segment,
        start: u64,
        range: Range<u64>,
        received: &mut Received,
    ) {
        let (first, last) = (range.start, range.end);
        if start < self.rcv.nxt {
            self.note_duplicate(start, first);
        }
        if first > self.rcv.nxt {
            self.rare.make().counters.out_of_order += 1;
            // RFC 5681 §4.2: "A TCP receiver SHOULD send an immediate duplicate ACK when an
            // out-of-order segment arrives."
            self.ack.on_disorder(self.settings.quick_acks);
            match self.rcv.assembler.insert(range) {
                Insertion::Full => return,
                // All of it was there: RFC 2883 §4.
                Insertion::Known => self.note_duplicate(first, last),
                Insertion::New => {}
            }
        } else {
            let fills_gap = !self.rcv.assembler.is_empty();
            self.rcv.nxt = last;
            received.events |= Events::READABLE;
            if fills_gap {
                self.rcv.nxt = self.rcv.assembler.advance(last);
                // RFC 5681 §4.2: at once "when it receives a data segment that fills in all or part
                // of a gap in the sequence space".
                self.ack.now = true;
            }
            self.ack.on_data(
                now,
                self.rcv.nxt - self.rcv.acked,
                segment.wire_payload(),
                self.settings.offer.mss,
                self.settings.delayed_ack,
            );
        }
        // Both are at most the payload's length.
        #[expect(clippy::cast_possible_truncation)]
        let (skip, len) = ((first - start) as u32, (last - first) as u32);
        self.counters.bytes_in += u64::from(len);
        received.placement = Some(Placement {
            skip,
            len,
            offset: first - 1,
        });
    }

    /// RFC 2883 §4: the positions from `first` to `last` came twice: the next ACK tells of it.
    pub(super) fn note_duplicate(&mut self, first: u64, last: u64) {
        if self.negotiated.sack && 0 < first && first < last && last <= self.rcv.adv {
            let range = [self.rcv.seq(first), self.rcv.seq(last)];
            self.rcv.assembler.note_duplicate(range);
        }
    }

    /// Eighth: the FIN is next. "advance RCV.NXT over the FIN, and send an acknowledgment".
    fn on_fin(&mut self, now: Duration) -> Events {
        // As Linux: our own FIN is expected soon and carries the ACK, unless no data came: its estimate of
        // how long an ACK may wait is 0 then.
        if self.state == State::Established && self.rcv.nxt > 1 {
            self.ack.on_fin(now, self.settings.delayed_ack);
        } else {
            self.ack.now = true;
        }
        self.rcv.nxt += 1;
        // As Linux: the peer has nothing left to send that a D-SACK would make it send faster.
        self.rcv.assembler.forget_duplicate();
        let mut events = Events::FIN_RECEIVED | Events::READABLE;
        match self.state {
            State::Established => self.state = State::CloseWait,
            // Had our FIN been acknowledged, the state were FIN-WAIT-2 by now.
            State::FinWait1 => self.state = State::Closing,
            State::FinWait2 => events |= self.enter_time_wait(now),
            _ => {}
        }
        events
    }
}
