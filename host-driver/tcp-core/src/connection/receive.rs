//! The receive half of a connection: RFC 9293 §3.3.1's RCV variables and the window we offer.

use crate::assembler::Assembler;
use crate::sack::SackBlocks;
use crate::seq::SeqNumber;

/// Receive sequence space. Positions count from IRS: the peer's SYN is 0, the byte of stream offset
/// `o` is `o + 1`, the FIN follows the last byte.
#[derive(Clone, Debug)]
pub(super) struct ReceiveSpace {
    pub(super) irs: SeqNumber,
    /// RCV.NXT.
    pub(super) nxt: u64,
    /// One past the highest position that we ever offered.
    pub(super) adv: u64,
    /// Last.ACK.sent (RFC 7323 §4.3): the position up to which we have acknowledged.
    pub(super) acked: u64,
    /// Stream bytes that the program has read.
    pub(super) consumed: u64,
    /// Size of the receive buffer.
    pub(super) buffer: u32,
    /// Rcv.Wind.Shift.
    pub(super) shift: u8,
    /// Where the peer's FIN is, maybe ahead of RCV.NXT; [`NO_FIN`] until it has come.
    fin: u64,
    /// What has arrived ahead of RCV.NXT, and what came twice.
    pub(super) assembler: Assembler,
}

/// A position that no stream reaches.
const NO_FIN: u64 = u64::MAX;

impl ReceiveSpace {
    /// Where the peer's FIN is, maybe ahead of RCV.NXT; `u64::MAX` until it has come.
    pub(super) const fn fin_or_end(&self) -> u64 {
        self.fin
    }

    /// The peer's FIN is at that position; only the first one counts.
    pub(super) fn set_fin(&mut self, position: u64) {
        if self.fin == NO_FIN {
            self.fin = position;
        }
    }

    pub(super) fn new(buffer: u32) -> Self {
        Self {
            irs: SeqNumber(0),
            nxt: 0,
            adv: 0,
            acked: 0,
            consumed: 0,
            buffer,
            shift: 0,
            fin: NO_FIN,
            assembler: Assembler::default(),
        }
    }

    /// The peer's SYN came; our own SYN offers, or has offered, `window` bytes.
    pub(super) fn synchronize(&mut self, irs: SeqNumber, window: u16, shift: u8) {
        self.irs = irs;
        self.nxt = 1;
        self.acked = 1;
        self.adv = 1 + u64::from(window);
        self.shift = shift;
    }

    /// The wire number of a position.
    #[expect(clippy::cast_possible_truncation)]
    pub(super) fn seq(&self, position: u64) -> SeqNumber {
        self.irs + position as u32
    }

    /// The position of a sequence number: the nearest to RCV.NXT; `None` for one before the SYN.
    pub(super) fn position(&self, seq: SeqNumber) -> Option<u64> {
        seq.unwrap_near(self.seq(self.nxt), self.nxt)
    }

    /// RCV.WND: what is still open of the window that we offered.
    pub(super) const fn window(&self) -> u64 {
        self.adv.saturating_sub(self.nxt)
    }

    /// The peer's FIN came and everything before it too.
    pub(super) fn finished(&self) -> bool {
        self.fin != NO_FIN && self.nxt > self.fin
    }

    /// Stream bytes that can be read or have been: in order, without a gap.
    pub(super) fn readable_offset(&self) -> u64 {
        let end = self.nxt.saturating_sub(1);
        end - u64::from(self.finished())
    }

    /// One past the last position that the buffer has room for.
    const fn limit(&self) -> u64 {
        1 + self.consumed + self.buffer as u64
    }

    //= https://www.rfc-editor.org/rfc/rfc7323#section-2.4
    //# The receiver MUST honor, as in window, any segment that would have been in window for any <ACK> sent by the
    //# receiver.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.2.2
    //# A TCP implementation MUST include a SWS avoidance algorithm in the receiver (MUST-39).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6
    //# A TCP receiver SHOULD NOT shrink the window, i.e., move the right window edge to the left (SHLD-14).
    /// The window field for a segment sent now. Moves `adv`.
    pub(super) fn window_field(&mut self, mss: u16) -> u16 {
        let limit = self.limit();
        // RFC 9293 §3.8.6.2.2, MUST-39: the right edge moves by min(buffer / 2, MSS) or not at all.
        let step = u64::from(self.buffer / 2).min(u64::from(mss)).max(1);
        let right = if limit.saturating_sub(self.adv) >= step {
            limit
        } else {
            self.adv
        };
        let mut field = right.saturating_sub(self.nxt) >> self.shift;
        // Rounding down would take back what was offered (RFC 9293 §3.8.6, SHLD-14: do not shrink
        // the window); round up where the buffer allows it, else RFC 7323 §2.4 holds: the shrinking
        // is less than the scale's granularity, and `adv` stays what is accepted.
        if self.nxt + (field << self.shift) < self.adv
            && self.nxt + ((field + 1) << self.shift) <= limit
        {
            field += 1;
        }
        let field = u16::try_from(field).unwrap_or(u16::MAX);
        self.adv = self.adv.max(self.nxt + (u64::from(field) << self.shift));
        field
    }

    //= https://www.rfc-editor.org/rfc/rfc2018#section-4
    //# The first SACK block (i.e., the one immediately following the kind and length fields in the option) MUST
    //# specify the contiguous block of data containing the segment which triggered this ACK, unless that segment
    //# advanced the Acknowledgment Number field in the header.
    /// The blocks for the next ACK: what came twice, then what is there ahead of RCV.NXT, the latest first
    /// (RFC 2018 §4, RFC 2883 §4). At most `room`.
    pub(super) fn sack_blocks(&self, room: usize) -> SackBlocks {
        let mut blocks = SackBlocks::default();
        if let Some([left, right]) = self.assembler.duplicate()
            && room > 0
        {
            blocks.push(left, right);
        }
        for range in self.assembler.latest_first() {
            if blocks.len() >= room {
                break;
            }
            blocks.push(self.irs + range[0].0, self.irs + range[1].0);
        }
        blocks
    }

    /// Whether an ACK would carry SACK blocks.
    pub(super) fn wants_sack(&self) -> bool {
        !self.assembler.is_in_order()
    }

    /// Whether the reader has made so much room that the peer should hear of it at once.
    pub(super) fn wants_update(&self, mss: u16) -> bool {
        // What the window field cannot tell is no news.
        let most = self.nxt + (u64::from(u16::MAX) << self.shift);
        let gain = self.limit().min(most).saturating_sub(self.adv);
        let mss = u64::from(mss);
        // RFC 9293 §3.8.6.2.2, MUST-39: min(buffer / 2, MSS) at least.
        if gain < u64::from(self.buffer / 2).min(mss).max(1) {
            return false;
        }
        // A peer that cannot send a whole segment hears of it at once; one that still can, when two
        // segments and a quarter of the buffer are free (as FreeBSD does), for ACKs of data carry
        // the window anyway.
        self.window() < mss
            || 2 * gain >= u64::from(self.buffer)
            || (gain >= 2 * mss && 4 * gain >= u64::from(self.buffer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(buffer: u32, shift: u8) -> ReceiveSpace {
        let mut space = ReceiveSpace::new(buffer);
        space.synchronize(SeqNumber(u32::MAX), 1000, shift);
        space
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.2.2
    //= type=test
    //# A TCP implementation MUST include a SWS avoidance algorithm in the receiver (MUST-39).
    #[test]
    fn the_right_edge_moves_by_a_segment_or_not_at_all() {
        let mut space = space(10_000, 0);
        assert_eq!(space.window_field(1000), 10_000);
        space.nxt += 10_000;
        assert_eq!(space.window_field(1000), 0);
        space.consumed = 999;
        assert_eq!(space.window_field(1000), 0);
        assert!(!space.wants_update(1000));
        space.consumed = 1000;
        assert!(space.wants_update(1000));
        assert_eq!(space.window_field(1000), 1000);
    }

    #[test]
    fn a_reader_of_a_buffer_larger_than_the_window_field_can_tell_sends_no_update_in_vain() {
        let mut space = space(270_000, 0);
        space.nxt += 1000;
        assert_eq!(space.window_field(1000), 65_535);
        space.consumed = 1000;
        assert!(!space.wants_update(1000), "the field would say the same");
        space.nxt += 65_000;
        space.consumed += 65_000;
        assert!(space.wants_update(1000));
    }

    #[test]
    fn half_of_a_small_buffer_is_enough() {
        let mut space = space(600, 0);
        space.adv = 1;
        space.nxt = 601;
        space.adv = 601;
        space.consumed = 299;
        assert!(!space.wants_update(1460));
        space.consumed = 300;
        assert!(space.wants_update(1460));
        assert_eq!(space.window_field(1460), 300);
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6
    //= type=test
    //# A TCP receiver SHOULD NOT shrink the window, i.e., move the right window edge to the left (SHLD-14).
    #[test]
    fn scaling_does_not_take_back_what_was_offered() {
        let mut space = space(1 << 20, 5);
        let mut edge = 0;
        // Not to the end of the buffer, where there is no room to round up.
        while space.nxt < (1 << 20) - 4096 {
            let field = space.window_field(1460);
            let right = space.nxt + (u64::from(field) << 5);
            assert!(right >= edge.min(1 + (1 << 20) - 31), "{right} < {edge}");
            edge = right;
            space.nxt += 777;
        }
    }
}
