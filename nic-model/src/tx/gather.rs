//! Payload reads: the bytes of a request's buffers without gaps.

use longshore_dma::{DmaFault, HostMemory};

/// All bytes of `buffers`, in order.
///
/// # Errors
/// The first read that failed; `Ok` bytes before it are dropped, as nothing of the request is used then.
pub fn gather(memory: &dyn HostMemory, buffers: &[(u64, u32)]) -> Result<Vec<u8>, DmaFault> {
    let total: usize = buffers.iter().map(|(_, len)| *len as usize).sum();
    let mut bytes = vec![0; total];
    let mut at = 0;
    for (addr, len) in buffers {
        let end = at + *len as usize;
        memory.read(*addr, &mut bytes[at..end])?;
        at = end;
    }
    Ok(bytes)
}
