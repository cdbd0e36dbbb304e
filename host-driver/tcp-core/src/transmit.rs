//! An outbound segment or super-segment.

use core::ops::Range;

use thiserror::Error;

use crate::options::Options;
use crate::segment::{Flags, Ports, Segment};
use crate::seq::SeqNumber;

/// Largest TCP header, options included (RFC 9293 §3.1: data offset 15).
pub const MAX_HEADER_LEN: usize = 60;

/// The header without options.
const FIXED_LEN: usize = 20;

/// A segment to send. If the payload is longer than `mss`, a super-segment: to be cut (by the NIC's
/// TSO, or [`Transmit::split`]) into segments of `mss` bytes, the sequence number counting up, FIN
/// and PSH on the last one only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// SEG.SEQ of the first byte.
    pub seq: SeqNumber,
    /// SEG.ACK; 0 without [`Flags::ACK`].
    pub ack: SeqNumber,
    /// Control bits.
    pub flags: Flags,
    /// The window field as it goes on the wire: already scaled down.
    pub window: u16,
    /// The urgent pointer; meaningless without [`Flags::URG`]. A segment with it is never a super-segment.
    pub urgent: u16,
    /// Options; every segment of a super-segment carries the same.
    pub options: Options,
    /// Payload as stream offsets of the send buffer.
    pub payload: Range<u64>,
    /// Largest payload of one wire segment; at least 1.
    pub mss: u16,
    /// The IP header is to say ECN-capable, ECT(0) (RFC 3168 §5).
    pub ect: bool,
}

/// A header that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "a TCP header of {needed} bytes does not fit in a buffer of {have}: hand in MAX_HEADER_LEN"
)]
pub struct EmitError {
    /// Bytes that the header takes.
    pub needed: usize,
    /// Bytes that were handed in.
    pub have: usize,
}

impl Transmit {
    /// A segment without payload and options.
    pub(crate) fn bare(seq: SeqNumber, ack: SeqNumber, flags: Flags, window: u16) -> Self {
        Self {
            seq,
            ack,
            flags,
            window,
            urgent: 0,
            options: Options::default(),
            payload: 0..0,
            mss: 1,
            ect: false,
        }
    }

    /// Bytes of payload.
    #[must_use]
    pub fn payload_len(&self) -> u64 {
        self.payload.end - self.payload.start
    }

    /// How many segments go on the wire.
    #[must_use]
    #[inline]
    pub fn segment_count(&self) -> u64 {
        let (len, mss) = (self.payload_len(), u64::from(self.mss.max(1)));
        if len <= mss { 1 } else { len.div_ceil(mss) }
    }

    /// The length of the header that [`Transmit::emit`] writes.
    #[must_use]
    #[inline]
    pub fn header_len(&self) -> usize {
        FIXED_LEN + self.options.len()
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
    //# The sender MUST generate it (MUST-2)
    /// Writes the header and returns its length. The checksum is left 0: it is the NIC's (or the
    /// caller's) to fill in. For a super-segment this is the template of every segment's header.
    ///
    /// # Errors
    /// [`EmitError`] if `buffer` is shorter than the header; [`MAX_HEADER_LEN`] bytes always do.
    pub fn emit(&self, ports: Ports, buffer: &mut [u8]) -> Result<usize, EmitError> {
        let needed = self.header_len();
        let have = buffer.len();
        let header = buffer.get_mut(..needed).ok_or(EmitError { needed, have })?;
        let (fixed, options) = header
            .split_first_chunk_mut::<FIXED_LEN>()
            .ok_or(EmitError { needed, have })?;
        fixed[0..2].copy_from_slice(&ports.source.to_be_bytes());
        fixed[2..4].copy_from_slice(&ports.destination.to_be_bytes());
        fixed[4..8].copy_from_slice(&self.seq.0.to_be_bytes());
        fixed[8..12].copy_from_slice(&self.ack.0.to_be_bytes());
        // Data offset in words; at most 15.
        #[expect(clippy::cast_possible_truncation)]
        let offset = (needed / 4) as u8;
        fixed[12] = offset << 4;
        fixed[13] = self.flags.bits();
        fixed[14..16].copy_from_slice(&self.window.to_be_bytes());
        fixed[16..18].fill(0);
        fixed[18..20].copy_from_slice(&self.urgent.to_be_bytes());
        self.options.write(options);
        Ok(needed)
    }

    /// The wire segments, as TSO cuts them: for a path without a NIC's help, and for tests.
    pub fn split(&self) -> impl Iterator<Item = Transmit> + '_ {
        let mss = u64::from(self.mss.max(1));
        let count = self.segment_count();
        (0..count).map(move |i| {
            let last = i + 1 == count;
            let start = self.payload.start + i * mss;
            let end = if last { self.payload.end } else { start + mss };
            Transmit {
                // Wraps as sequence numbers do; a super-segment is far shorter than 2³² bytes.
                #[expect(clippy::cast_possible_truncation)]
                seq: self.seq + (i * mss) as u32,
                flags: if last {
                    self.flags
                } else {
                    self.flags - (Flags::FIN | Flags::PSH)
                },
                payload: start..end,
                ..self.clone()
            }
        })
    }

    /// What the peer makes of this segment: for tests and in-memory links.
    #[must_use]
    pub fn to_segment(&self, ports: Ports) -> Segment {
        Segment {
            seq: self.seq,
            ack: self.ack,
            ports,
            flags: self.flags,
            window: self.window,
            urgent: self.urgent,
            options: self.options,
            payload_len: u32::try_from(self.payload_len()).unwrap_or(u32::MAX),
            segments: u16::try_from(self.segment_count()).unwrap_or(u16::MAX),
            ce: false,
        }
    }
}
