//! When received data is acknowledged (RFC 9293 §3.8.6.3, RFC 5681 §4.2).

use core::time::Duration;

use crate::time::{Deadline, Millis};

/// The pending acknowledgement.
#[derive(Clone, Debug)]
pub(super) struct AckPolicy {
    /// An ACK is to be sent now.
    pub(super) now: bool,
    /// A delayed ACK is to be sent then.
    pub(super) deadline: Deadline,
    /// Segments still acknowledged at once: at the start, so that the peer's window grows, and after
    /// disorder. As Linux's quick-ack mode.
    quick: u8,
    /// Data goes both ways: answers carry the ACKs.
    interactive: bool,
    /// Largest segment received: what "full-sized" means in RFC 5681 §4.2.
    segment: u32,
}

impl AckPolicy {
    pub(super) fn new(quick: u8, mss: u16) -> Self {
        Self {
            now: false,
            deadline: Deadline::NONE,
            quick,
            interactive: false,
            segment: u32::from(mss.min(536)),
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.3
    //# An ACK SHOULD be generated for at least every second full-sized segment or 2*RMSS bytes of new data (where
    //# RMSS is the MSS specified by the TCP endpoint receiving the segments to be acknowledged, or the default
    //# value if not specified) (SHLD-19).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.3
    //# A TCP endpoint SHOULD implement a delayed ACK (SHLD-18)
    /// Data came in order; `unacked` bytes are not yet acknowledged, the segments on the wire had
    /// `wire_payload` bytes, at most `mss` counting.
    pub(super) fn on_data(
        &mut self,
        now: Duration,
        unacked: u64,
        wire_payload: u32,
        mss: u16,
        delay: Millis,
    ) {
        self.segment = self.segment.max(wire_payload.min(u32::from(mss)));
        // RFC 9293 §3.8.6.3, SHLD-19; RFC 5681 §4.2: "an ACK SHOULD be generated for at least every
        // second full-sized segment".
        if unacked >= 2 * u64::from(self.segment) || (self.quick > 0 && !self.interactive) {
            self.now = true;
        } else if !self.deadline.is_set() {
            self.deadline = Deadline::after(now, delay.into());
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc5681#section-4.2
    //# To provide feedback to senders recovering from losses, the receiver SHOULD send an immediate ACK when it
    //# receives a data segment that fills in all or part of a gap in the sequence space.
    //= https://www.rfc-editor.org/rfc/rfc5681#section-4.2
    //# Out-of-order data segments SHOULD be acknowledged immediately, in order to accelerate loss recovery.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
    //# A TCP implementation MAY send an ACK segment acknowledging RCV.NXT when a valid segment arrives that is in
    //# the window but not at the left window edge (MAY-13).
    /// Something came that RFC 5681 §4.2 wants acknowledged at once: out of order, filling a gap, a
    /// duplicate.
    pub(super) fn on_disorder(&mut self, quick: u8) {
        self.now = true;
        self.quick = self.quick.max(quick);
    }

    /// The peer's FIN came, and ours is to come: it carries the ACK.
    pub(super) fn on_fin(&mut self, now: Duration, delay: Millis) {
        self.interactive = true;
        if !self.deadline.is_set() {
            self.deadline = Deadline::after(now, delay.into());
        }
    }

    /// TCP_QUICKACK, as Linux: on ends the wait for an answer to carry the ACK, off begins one.
    pub(super) fn set_quick(&mut self, quick: bool, segments: u8) {
        self.interactive = !quick;
        if quick {
            self.quick = self.quick.max(segments);
            if self.deadline.is_set() {
                self.now = true;
            }
        }
    }

    /// Whether ACKs do not wait for answers.
    pub(super) const fn is_quick(&self) -> bool {
        !self.interactive
    }

    /// A segment with an ACK goes out; `data`: it carries data.
    pub(super) fn on_sent(&mut self, data: bool) {
        let pending = self.now || self.deadline.is_set();
        if pending {
            self.quick = self.quick.saturating_sub(1);
            // An answer to data that just came: the next ACK can wait for the next answer.
            self.interactive |= data;
        }
        self.now = false;
        self.deadline = Deadline::NONE;
    }

    /// Nothing is to be acknowledged any more.
    pub(super) fn clear(&mut self) {
        self.now = false;
        self.deadline = Deadline::NONE;
    }
}
