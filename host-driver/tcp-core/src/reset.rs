//! The answer to a segment that belongs to nobody.

use crate::segment::{Flags, Segment};
use crate::seq::SeqNumber;
use crate::transmit::Transmit;

/// The reset for a segment that no connection, half-open entry or listener takes; `None` if it is a
/// reset itself (RFC 9293 §3.10.7.1).
#[must_use]
pub fn reset_for(segment: &Segment) -> Option<Transmit> {
    // "An incoming segment containing a RST is discarded."
    if segment.has(Flags::RST) {
        return None;
    }
    Some(if segment.has(Flags::ACK) {
        // "If the ACK bit is on, <SEQ=SEG.ACK><CTL=RST>".
        Transmit::bare(segment.ack, SeqNumber(0), Flags::RST, 0)
    } else {
        // "If the ACK bit is off, sequence number zero is used,
        // <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>".
        let ack = segment.seq + segment.len();
        Transmit::bare(SeqNumber(0), ack, Flags::RST | Flags::ACK, 0)
    })
}
