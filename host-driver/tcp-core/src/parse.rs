//! From wire bytes to [`Segment`].

use etherparse::TcpHeaderSlice;
use thiserror::Error;

use crate::options::Options;
use crate::segment::{Flags, Ports, Segment};
use crate::seq::SeqNumber;

/// Why bytes are not a TCP segment. Drop the segment and count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParseError {
    /// Fewer bytes than the header takes.
    #[error("the TCP header is cut off: it takes {needed} bytes, {have} are there")]
    Truncated {
        /// Bytes that the header takes.
        needed: usize,
        /// Bytes that are there.
        have: usize,
    },
    /// A data offset below 5 words.
    #[error("the TCP data offset is {0} words, a header has at least 5")]
    DataOffset(u8),
    /// More payload than a segment's length can say.
    #[error("a TCP payload of {0} bytes cannot be")]
    PayloadLength(usize),
    /// An option that ends after the header.
    #[error("TCP option {kind} is cut off by the end of the header")]
    OptionTruncated {
        /// Kind of the option.
        kind: u8,
    },
    /// An option whose length cannot be.
    #[error("TCP option {kind} cannot be {len} bytes long")]
    OptionLength {
        /// Kind of the option.
        kind: u8,
        /// Its length as told.
        len: usize,
    },
}

impl Segment {
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
    //# the receiver MUST check it (MUST-3).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
    //# A TCP implementation MUST be able to receive a TCP Option in any segment (MUST-5).
    /// Parses a header that stands alone in `header` (more bytes after it are not looked at), with
    /// `payload_len` bytes of payload elsewhere. Returns the segment and the header's length.
    ///
    /// The checksum is not looked at: the NIC's verdict is the caller's.
    ///
    /// # Errors
    /// [`ParseError`], for every kind of malformed header or option.
    pub fn parse(header: &[u8], payload_len: usize) -> Result<(Self, usize), ParseError> {
        Self::parse_with(header, |_| payload_len)
    }

    /// Parses a whole segment: header and payload in one piece. Returns the segment and the
    /// header's length, which is where the payload begins.
    ///
    /// # Errors
    /// As [`Segment::parse`].
    pub fn parse_whole(bytes: &[u8]) -> Result<(Self, usize), ParseError> {
        Self::parse_with(bytes, |header| bytes.len() - header)
    }

    /// `payload_len` tells the payload's length from the header's.
    #[inline]
    fn parse_with(
        header: &[u8],
        payload_len: impl FnOnce(usize) -> usize,
    ) -> Result<(Self, usize), ParseError> {
        let tcp = TcpHeaderSlice::from_slice(header).map_err(|error| match error {
            etherparse::err::tcp::HeaderSliceError::Len(error) => ParseError::Truncated {
                needed: error.required_len,
                have: error.len,
            },
            etherparse::err::tcp::HeaderSliceError::Content(
                etherparse::err::tcp::HeaderError::DataOffsetTooSmall { data_offset },
            ) => ParseError::DataOffset(data_offset),
        })?;
        let payload_len = self::payload_len(payload_len(tcp.slice().len()))?;
        let mut segment = Self {
            seq: SeqNumber(tcp.sequence_number()),
            ack: SeqNumber(tcp.acknowledgment_number()),
            ports: Ports {
                source: tcp.source_port(),
                destination: tcp.destination_port(),
            },
            flags: Flags::from_bits_retain(tcp.slice()[13]),
            window: tcp.window_size(),
            urgent: tcp.urgent_pointer(),
            options: Options::default(),
            payload_len,
            segments: 1,
            ce: false,
        };
        segment.options.read(tcp.options())?;
        Ok((segment, tcp.slice().len()))
    }
}

fn payload_len(len: usize) -> Result<u32, ParseError> {
    // No window, however scaled, is larger than 2³⁰ bytes (RFC 7323 §2.3).
    u32::try_from(len)
        .ok()
        .filter(|&len| len <= 1 << 30)
        .ok_or(ParseError::PayloadLength(len))
}
