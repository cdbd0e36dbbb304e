//! An inbound segment, already parsed.

use core::fmt;

use bitflags::bitflags;

use crate::options::Options;
use crate::seq::SeqNumber;

bitflags! {
    /// The control bits of the TCP header (RFC 9293 §3.1), at their places in byte 13.
    #[derive(Clone, Copy, PartialEq, Eq, Hash)]
    pub struct Flags: u8 {
        /// No more data from the sender.
        const FIN = 0x01;
        /// Synchronise sequence numbers.
        const SYN = 0x02;
        /// Reset the connection.
        const RST = 0x04;
        /// Push function.
        const PSH = 0x08;
        /// The acknowledgement field is significant.
        const ACK = 0x10;
        /// The urgent pointer is significant.
        const URG = 0x20;
        /// ECN echo (RFC 3168).
        const ECE = 0x40;
        /// Congestion window reduced (RFC 3168).
        const CWR = 0x80;
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bitflags::parser::to_writer(self, f)
    }
}

/// The two ports of a segment, as they stand in its header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ports {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
}

impl Ports {
    /// The ports of an answer.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self {
            source: self.destination,
            destination: self.source,
        }
    }
}

/// An inbound segment without its payload's bytes. [`Segment::parse`] makes it from wire bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// SEG.SEQ.
    pub seq: SeqNumber,
    /// SEG.ACK; meaningless without [`Flags::ACK`].
    pub ack: SeqNumber,
    /// Ports, as sent by the peer.
    pub ports: Ports,
    /// Control bits.
    pub flags: Flags,
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
    //# The window size MUST be treated as an unsigned number, or else large window sizes will appear like negative
    //# windows and TCP will not work (MUST-1).
    /// SEG.WND as it is on the wire: not scaled.
    pub window: u16,
    /// SEG.UP; meaningless without [`Flags::URG`].
    pub urgent: u16,
    /// The options that this stack knows.
    pub options: Options,
    /// Payload length in bytes. More than one wire segment's worth if the NIC coalesced.
    pub payload_len: u32,
    /// Of how many wire segments the NIC made this one; 1 without coalescing.
    pub segments: u16,
    /// The IP header has Congestion Experienced (RFC 3168 §5). [`Segment::parse`] does not see it: it is the caller's to
    /// set.
    pub ce: bool,
}

impl Segment {
    /// SEG.LEN: the sequence space that the segment takes, SYN and FIN counted (RFC 9293 §3.4).
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.payload_len
            .wrapping_add(self.flags.contains(Flags::SYN) as u32)
            .wrapping_add(self.flags.contains(Flags::FIN) as u32)
    }

    /// Whether the segment takes no sequence space (a pure ACK, for instance).
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Payload of the largest wire segment in this one, as far as can be told.
    #[must_use]
    pub(crate) fn wire_payload(&self) -> u32 {
        if self.segments <= 1 {
            return self.payload_len;
        }
        self.payload_len.div_ceil(u32::from(self.segments))
    }

    pub(crate) const fn has(&self, flags: Flags) -> bool {
        self.flags.contains(flags)
    }
}
