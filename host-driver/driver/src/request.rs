//! What is posted for transmission.

use longshore_dma::Chunk;
use longshore_refs::holder::D;
use nic_abi::{
    FlowHandle,
    fault::Status,
    tx::{BUFFERS_MAX, L4Checksum, PAYLOAD_MAX, TxContext},
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
    /// The NIC would reject the request (`nic_abi::tx::check`).
    #[error("the NIC would reject the request: {0:?}")]
    Rejected(Status),
    /// The pieces are impossible, or the NIC lacks a feature.
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

/// Completes `context` with the numbers that follow from the pieces, and makes the checks that the NIC would make.
pub(crate) fn check(
    mut context: TxContext,
    pieces: &[Piece],
    frame_limit: u32,
    features: &Features,
) -> Result<TxContext, Refusal> {
    if pieces.is_empty() || pieces.len() > BUFFERS_MAX as usize {
        return Err(Refusal::Invalid("1 to 31 pieces are allowed"));
    }
    let mut total = 0u32;
    for p in pieces {
        let end = u64::from(p.offset) + u64::from(p.len);
        if p.len == 0 || end > p.chunk.len() as u64 {
            return Err(Refusal::Invalid(
                "a piece is empty or reaches beyond its chunk",
            ));
        }
        total = total.saturating_add(p.len);
    }
    let payload = total
        .checked_sub(context.header_len.into())
        .ok_or(Refusal::Invalid(
            "the header is longer than all pieces together",
        ))?;
    // Before the descriptor's field would cut it off.
    if payload > PAYLOAD_MAX {
        return Err(Refusal::Rejected(Status::BadLength));
    }
    context.payload_len = payload;
    context.buffers = pieces.len() as u8;
    if context.tso.is_some() && !features.tso {
        return Err(Refusal::Invalid("the NIC has no TSO"));
    }
    let checksum = context.l3_checksum || context.l4_checksum != L4Checksum::Keep;
    if checksum && !features.checksum {
        return Err(Refusal::Invalid("the NIC does not insert checksums"));
    }
    nic_abi::tx::check(context.encode(), total, frame_limit).map_err(Refusal::Rejected)?;
    Ok(context)
}
