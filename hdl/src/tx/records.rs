//! What passes between the stages of the transmit datapath.
//!
//! Flat structures without generics: rust-hdl emits nothing usable for others.

use rust_hdl_core::prelude::*;

/// A checked request, from the scheduler to the segmenter: one per context that was taken up, in order.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct Request {
    /// Free-running SQ index of the context.
    pub index: Bits<16>,
    /// Number of its buffers.
    pub buffers: Bits<5>,
    /// Queue pair.
    pub queue: Bits<3>,
    /// Flow handle.
    pub handle: Bits<32>,
    /// Payload bytes beyond the header.
    pub payload_len: Bits<17>,
    /// MSS with `tso`; checksum start (low byte) and offset (high byte) with `partial_csum`.
    pub mss: Bits<16>,
    /// Offset of the IP header.
    pub l3_offset: Bits<8>,
    /// Offset of the TCP or UDP header.
    pub l4_offset: Bits<8>,
    /// Bytes of the header.
    pub header_len: Bits<8>,
    /// Segment the payload.
    pub tso: Bit,
    /// The IP header is IPv6.
    pub ipv6: Bit,
    /// Insert the IPv4 header checksum.
    pub l3_csum: Bit,
    /// Insert the TCP or UDP checksum with pseudo-header.
    pub l4_csum: Bit,
    /// Layer 4 is UDP.
    pub udp: Bit,
    /// Insert a partial checksum.
    pub partial_csum: Bit,
    /// Every segment has the template's IPv4 identification.
    pub ip_id_fixed: Bit,
    /// CWR stays on every segment.
    pub cwr_all: Bit,
    /// A completion is wanted also when all went well.
    pub complete: Bit,
    /// The scheduler reported a fault of the descriptors: no completion, whatever the outcome.
    pub mute: Bit,
    /// `nic_abi::fault::Status` that the checks gave; not 0: nothing is sent.
    pub status: Bits<4>,
}

/// The part of a request that the packer needs.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct Cut {
    /// Bytes of the header.
    pub header_len: Bits<8>,
    /// Payload bytes beyond the header.
    pub payload_len: Bits<17>,
    /// Payload bytes per segment; all of the payload without TSO.
    pub segment: Bits<16>,
    /// Queue pair.
    pub queue: Bits<3>,
    /// The checks failed: there are no pieces.
    pub skip: Bit,
}

/// A buffer of a checked request, from the scheduler to the gatherer.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct Buffer {
    /// Bus address of the first byte.
    pub addr: Bits<64>,
    /// Bytes, at least 1.
    pub len: Bits<17>,
    /// The request's last.
    pub last: Bit,
    /// Queue pair.
    pub queue: Bits<3>,
}

/// One payload read, from the gatherer to the packer.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct Piece {
    /// Lane of its first byte.
    pub lane: Bits<3>,
    /// Bytes.
    pub len: Bits<13>,
    /// The request's last.
    pub last: Bit,
    /// The request was given up here: nothing was read for this piece.
    pub dropped: Bit,
}

/// `Chunk::kind`: a beat of a segment.
pub const CHUNK_DATA: u64 = 0;
/// `Chunk::kind`: no data; a read failed, the segment at hand and the rest of the request are void.
pub const CHUNK_FAILED: u64 = 1;
/// `Chunk::kind`: no data; the queue was stopped, the rest of the request is void.
pub const CHUNK_CANCELLED: u64 = 2;
/// `Chunk::kind`: no data; the request was refused by its checks.
pub const CHUNK_REFUSED: u64 = 3;

/// A beat on its way from the packer to the segmenter.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct Chunk {
    /// Bytes where they lie in the segment's beat; all others zero.
    pub data: Bits<64>,
    /// With `last`: bytes of this beat from lane 0, 1..=8.
    pub count: Bits<4>,
    /// The segment's last beat.
    pub last: Bit,
    /// One of the `CHUNK_` constants.
    pub kind: Bits<2>,
}

/// What the segment ring must know of a segment that lies in it.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct SegmentMeta {
    /// Its beats.
    pub beats: Bits<13>,
    /// Bytes of the last one, 1..=8.
    pub count: Bits<4>,
    /// 16-bit word that the IPv4 header checksum goes into.
    pub l3_word: Bits<7>,
    /// 16-bit word that the layer-4 checksum goes into.
    pub l4_word: Bits<7>,
    /// Insert the former.
    pub l3: Bit,
    /// Insert the latter.
    pub l4: Bit,
    /// Send 0 as 0xFFFF.
    pub udp: Bit,
    /// The request's last segment.
    pub closing: Bit,
    /// No segment: the request ended before its last one.
    pub none: Bit,
}

/// The sums of a segment: folded, not inverted, as they lie in `tdata`.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct SegmentSums {
    /// IPv4 header.
    pub l3: Bits<16>,
    /// Layer 4.
    pub l4: Bits<16>,
}

/// How a request ended, from the segmenter to the completer.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct Outcome {
    /// Queue pair.
    pub queue: Bits<3>,
    /// Free-running SQ index of the context.
    pub index: Bits<16>,
    /// Number of its buffers.
    pub buffers: Bits<5>,
    /// Flow handle.
    pub handle: Bits<32>,
    /// Segments sent.
    pub segments: Bits<17>,
    /// `nic_abi::fault::Status`.
    pub status: Bits<4>,
    /// Write a completion also when the status is Ok.
    pub complete: Bit,
    /// Write no completion.
    pub mute: Bit,
}
