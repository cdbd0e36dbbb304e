//! An established connection under watch: what must hold whatever comes.

use std::time::Duration;

use crate::{Connection, Flags, Ports, SackBlocks, Segment, SeqNumber, State};

/// More than the segments of a window: a transmission that goes on so long does not end.
const BURST: usize = 5000;

/// A connection, and what is known of it from outside. Its methods panic when something does not hold.
#[derive(Debug)]
pub struct Watched {
    /// The connection.
    pub tcp: Connection,
    /// The time.
    pub now: Duration,
    /// Its initial sequence number.
    iss: SeqNumber,
    /// One past the highest number it has sent.
    snd_nxt: SeqNumber,
    /// What it has acknowledged last.
    rcv_nxt: SeqNumber,
    /// The right edge of the window that it has offered.
    edge: SeqNumber,
    /// Bytes of its receive buffer.
    buffer: u64,
}

impl Watched {
    /// Watches `tcp`, of initial sequence numbers `iss` and `irs`, with a receive buffer of `buffer` bytes.
    ///
    /// # Panics
    /// If it is not established.
    #[must_use]
    pub fn new(
        tcp: Connection,
        now: Duration,
        (iss, irs): (SeqNumber, SeqNumber),
        buffer: u32,
    ) -> Self {
        assert_eq!(tcp.state(), State::Established);
        Self {
            tcp,
            now,
            iss,
            snd_nxt: iss + 1,
            rcv_nxt: irs + 1,
            edge: irs + 1,
            buffer: buffer.into(),
        }
    }

    /// Numbers of a segment, so far from those that the connection would like best: SEQ, and ACK.
    #[must_use]
    pub fn numbers(&self, seq: i32, ack: i32) -> (SeqNumber, SeqNumber) {
        (
            SeqNumber(self.rcv_nxt.0.wrapping_add_signed(seq)),
            SeqNumber(self.snd_nxt.0.wrapping_add_signed(ack)),
        )
    }

    /// The number so far before the highest that was sent.
    #[must_use]
    pub fn sent(&self, before: u32) -> SeqNumber {
        self.snd_nxt - before
    }

    /// SACK blocks: where each begins before the highest number sent, and its length.
    pub fn sack(&self, blocks: impl IntoIterator<Item = (u32, u32)>) -> SackBlocks {
        let mut sack = SackBlocks::default();
        for (before, len) in blocks {
            let left = self.sent(before);
            sack.push(left, left + len);
        }
        sack
    }

    /// A segment arrives.
    ///
    /// # Panics
    /// If its bytes are placed where none of the buffer are free, or more of them than came.
    pub fn on_segment(&mut self, segment: &Segment) {
        let received = self.tcp.on_segment(self.now, segment);
        if let Some(place) = received.placement {
            assert!(place.len > 0);
            assert!(place.skip + place.len <= segment.payload_len);
            assert!(place.offset >= self.tcp.consumed_offset());
            let end = place.offset + u64::from(place.len);
            assert!(end <= self.tcp.consumed_offset() + self.buffer);
        }
    }

    /// Goes to the next time-out, if any, and lets it expire.
    pub fn expire(&mut self) {
        if let Some(at) = self.tcp.next_timeout() {
            self.now = self.now.max(at);
        }
        self.tcp.on_timeout(self.now);
    }

    /// Takes all that it has to send.
    ///
    /// # Panics
    /// If there is no end of it; if a segment comes after the end of the connection, bears no ACK, or bytes that were not
    /// written or are acknowledged; if what is acknowledged or offered goes back.
    pub fn poll(&mut self) {
        for n in 0.. {
            assert!(n < BURST, "poll_transmit does not end");
            let state = self.tcp.state();
            let Some(transmit) = self.tcp.poll_transmit(self.now) else {
                break;
            };
            if transmit.flags.contains(Flags::RST) {
                continue;
            }
            assert_ne!(state, State::Closed, "{transmit:?} after the end");
            assert!(transmit.flags.contains(Flags::ACK));
            assert!(transmit.payload.start <= transmit.payload.end);
            assert!(transmit.mss > 0);
            if !transmit.payload.is_empty() {
                assert!(transmit.payload.start >= self.tcp.acked_offset());
                assert!(transmit.payload.end <= self.tcp.written_offset());
                // Numbers wrap.
                #[expect(clippy::cast_possible_truncation)]
                let start = transmit.payload.start as u32;
                assert_eq!(transmit.seq, self.iss + 1 + start);
            }
            let end = transmit.seq + transmit.to_segment(Ports::default()).len();
            if end > self.snd_nxt {
                self.snd_nxt = end;
            }
            assert!(transmit.ack >= self.rcv_nxt, "the ACK went back");
            self.rcv_nxt = transmit.ack;
            let shift = self.tcp.info().window_shifts.1;
            let edge = transmit.ack + (u32::from(transmit.window) << shift);
            // RFC 7323 §2.4: rounding may take back less than one unit of the scale, and a FIN takes a number.
            let least = self.edge;
            assert!(
                edge + (1 << shift) >= least,
                "the window shrank: {edge:?} {least:?}"
            );
            if edge > self.edge {
                self.edge = edge;
            }
        }
    }

    /// # Panics
    /// If its numbers are out of order.
    pub fn check(&self) {
        let tcp = &self.tcp;
        assert!(tcp.acked_offset() <= tcp.written_offset());
        assert!(tcp.consumed_offset() <= tcp.readable_offset());
        assert!(tcp.readable_offset() <= tcp.consumed_offset() + self.buffer);
        let info = tcp.info();
        assert!(info.cwnd >= u64::from(info.mss), "{info:?}");
        assert!(info.cwnd <= 1 << 30, "{info:?}");
        assert!(info.sacked + info.lost <= info.in_flight, "{info:?}");
        if tcp.state() == State::Closed {
            assert_eq!(tcp.next_timeout(), None);
        }
    }
}
