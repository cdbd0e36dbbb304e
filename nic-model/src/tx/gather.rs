//! Payload reads: the bytes of a request's buffers without gaps.

use longshore_dma::{HostMemory, PAGE_SIZE};

/// The bytes of `buffers` in order, up to the first page that cannot be read: as many as the buffers hold if all can.
pub fn gather(memory: &dyn HostMemory, buffers: &[(u64, u32)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (addr, len) in buffers {
        let (mut addr, mut left) = (*addr, *len as usize);
        while left > 0 {
            // A read never crosses 4 KiB, and what fails fails as a whole.
            let part = left.min(PAGE_SIZE - addr as usize % PAGE_SIZE);
            let at = bytes.len();
            bytes.resize(at + part, 0);
            if memory.read(addr, &mut bytes[at..]).is_err() {
                bytes.truncate(at);
                return bytes;
            }
            addr = addr.wrapping_add(part as u64);
            left -= part;
        }
    }
    bytes
}
