//! Urgent data (RFC 9293 §3.8.5, RFC 6093).

use super::{Connection, State};
use crate::event::{Events, WriteClosed};
use crate::segment::{Flags, Segment};
use crate::transmit::Transmit;

impl Connection {
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.5
    //# A TCP implementation MUST support a sequence of urgent data of any length (MUST-31) [19].
    /// As [`Connection::write`], and the last of these bytes is urgent (MSG_OOB): what the peer is told of is the stream up
    /// to and with it. A later call moves the mark on.
    ///
    /// # Errors
    /// As [`Connection::write`].
    pub fn write_urgent(&mut self, len: u64) -> Result<(), WriteClosed> {
        self.write(len)?;
        self.rare.make().send_urgent_end = self.snd.data_end();
        Ok(())
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.5
    //# The TCP implementation MUST (MUST-33) provide a way for the application to learn how much urgent data
    //# remains to be read from the connection, or at least to determine whether more urgent data remains to be read
    //# [19].
    /// Stream offset after the last urgent byte that the peer has told of, while the program has not read that far (MUST-33:
    /// how much is left is this less [`Connection::consumed_offset`]). The byte itself may still be on its way.
    #[must_use]
    pub fn urgent_offset(&self) -> Option<u64> {
        let end = self.rare.get()?.receive_urgent_end.saturating_sub(1);
        (end > self.rcv.consumed).then_some(end)
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.5
    //# A TCP implementation MUST (MUST-32) inform the application layer asynchronously whenever it receives an
    //# urgent pointer and there was previously no pending urgent data, or whenever the urgent pointer advances in
    //# the data stream.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.5
    //# The urgent pointer MUST point to the sequence number of the octet following the urgent data (MUST-62).
    /// Sixth: the urgent pointer. "RCV.UP <- max(RCV.UP,SEG.UP), and signal the user that the remote side has urgent data
    /// if the urgent pointer is in advance of the data consumed" (RFC 9293 §3.10.7.4).
    pub(super) fn take_urgent(&mut self, segment: &Segment, seq: u64) -> Events {
        if !segment.has(Flags::URG) || segment.urgent == 0 || !self.state.can_receive() {
            return Events::empty();
        }
        // RFC 6093 §2.1, MUST-62: the pointer is at the byte after the urgent data.
        let end = seq + u64::from(segment.urgent);
        let rare = self.rare.make();
        if end <= rare.receive_urgent_end || end <= self.rcv.consumed + 1 {
            return Events::empty();
        }
        rare.receive_urgent_end = end;
        Events::URGENT
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.5
    //# However, TCP implementations MUST still include support for the urgent mechanism (MUST-30).
    /// Sets the pointer of a segment that starts at position `start`, if urgent data follows.
    pub(super) fn add_urgent(&self, transmit: &mut Transmit, start: u64) {
        let end = self.send_urgent_end();
        if self.state == State::SynReceived || end <= start {
            return;
        }
        transmit.flags |= Flags::URG;
        // RFC 9293 §3.8.5 has no word for urgent data further ahead; as Linux, 0xFFFF says "there is some".
        let ahead = end - start;
        transmit.urgent = u16::try_from(ahead).unwrap_or(u16::MAX);
    }

    /// Whether what is sent from position `start` on carries an urgent pointer: then it goes out segment by segment, for a
    /// super-segment's headers would all have the same.
    pub(super) fn is_urgent(&self, start: u64) -> bool {
        self.send_urgent_end() > start
    }

    /// SND.UP: one past the last urgent byte.
    fn send_urgent_end(&self) -> u64 {
        self.rare.get().map_or(0, |rare| rare.send_urgent_end)
    }
}
