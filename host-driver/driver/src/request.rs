//! What is posted for transmission.

use longshore_dma::Chunk;
use longshore_refs::holder::D;
use nic_abi::{
    FlowHandle,
    tx::{BUFFERS_MAX, HEADER_MIN, L4Checksum, PAYLOAD_MAX, TxContext, flags_contradict},
};

use crate::Features;

/// A context for a frame that goes out as it is: no checksum, no segmentation, no flow.
pub const FRAME_AS_IT_IS: TxContext = TxContext {
    handle: FlowHandle::NONE,
    payload_len: 0,
    buffers: 0,
    l3_offset: 0,
    l4_offset: 0,
    header_len: 0,
    ipv6: false,
    l3_checksum: false,
    l4_checksum: L4Checksum::Keep,
    tso: None,
    vlan: None,
    complete: false,
};

/// A run of bytes of a chunk, with the reference that keeps it until the request is done.
#[derive(Debug)]
pub struct Piece {
    /// Reference D to the chunk.
    pub chunk: Chunk<D>,
    /// First byte in the chunk.
    pub offset: u32,
    /// Bytes, at least 1.
    pub len: u32,
}

/// Why a request was not posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No room in the submission ring: poll completions, then try again.
    #[error("the submission ring is full: poll completions and post again")]
    Full,
    /// The queue pair is in quarantine or its device was reset: recover it first.
    #[error("the queue pair is down: recover it first")]
    Down,
    /// The request breaks the contract and would be rejected by the NIC.
    #[error("bad request: {0}")]
    Invalid(&'static str),
}

/// A request that was not posted. Its pieces are where they were.
#[derive(Debug, thiserror::Error)]
#[error("{refusal}")]
pub struct PostError<T> {
    /// Why.
    pub refusal: Refusal,
    /// The owner, unchanged.
    pub owner: T,
}

/// Completes `context` with the numbers that follow from the pieces, and checks what the NIC would check
/// (nic-abi, statuses BadHeader, BadMss, BadLength, BadFlags).
pub(crate) fn check(
    mut context: TxContext,
    pieces: &[Piece],
    frame_limit: u32,
    features: &Features,
) -> Result<TxContext, Refusal> {
    use Refusal::Invalid;
    if pieces.is_empty() || pieces.len() > BUFFERS_MAX as usize {
        return Err(Invalid("1 to 31 pieces are allowed"));
    }
    let mut total = 0u64;
    for p in pieces {
        let end = u64::from(p.offset) + u64::from(p.len);
        if p.len == 0 || end > p.chunk.len() as u64 || p.len > PAYLOAD_MAX + 255 {
            return Err(Invalid("a piece is empty or reaches beyond its chunk"));
        }
        total += u64::from(p.len);
    }
    let payload = total
        .checked_sub(context.header_len.into())
        .ok_or(Invalid("the header is longer than all pieces together"))?;
    if payload > PAYLOAD_MAX.into() {
        return Err(Invalid("more than 65,536 bytes of payload"));
    }
    context.payload_len = payload as u32;
    context.buffers = pieces.len() as u8;
    let inside = |offset: u8| offset < context.header_len;
    let full_checksum = matches!(context.l4_checksum, L4Checksum::Tcp | L4Checksum::Udp);
    if context.tso.is_some() || full_checksum || context.l3_checksum {
        if u32::from(context.header_len) < HEADER_MIN {
            return Err(Invalid("the header is shorter than Ethernet and IP"));
        }
        if !inside(context.l3_offset)
            || (!inside(context.l4_offset) && context.l4_offset != context.header_len)
        {
            return Err(Invalid("an offset lies outside of the header"));
        }
    }
    if let L4Checksum::Partial { start, offset } = context.l4_checksum
        && (start % 2 != 0 || offset % 2 != 0 || u64::from(start.max(offset)) + 2 > total)
    {
        return Err(Invalid(
            "a partial checksum's offsets are odd or outside of the frame",
        ));
    }
    let longest = match context.tso {
        Some(tso) => {
            if !features.tso {
                return Err(Invalid("the NIC has no TSO"));
            }
            if tso.mss == 0 || payload == 0 {
                return Err(Invalid("segmentation needs an MSS and a payload"));
            }
            u64::from(context.header_len) + payload.min(tso.mss.into())
        }
        None => total,
    };
    if longest > frame_limit.into() {
        return Err(Invalid("a frame is longer than the NIC's limit"));
    }
    if (full_checksum
        || context.l3_checksum
        || matches!(context.l4_checksum, L4Checksum::Partial { .. }))
        && !features.checksum
    {
        return Err(Invalid("the NIC does not insert checksums"));
    }
    if flags_contradict(context.encode()) {
        return Err(Invalid("flags exclude each other, or a feature is missing"));
    }
    Ok(context)
}
