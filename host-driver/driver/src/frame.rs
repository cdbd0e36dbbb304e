//! Received frames.

use longshore_dma::Chunk;
use longshore_refs::holder::B;
use nic_abi::{
    FlowHandle,
    completion::{RxCompletion, Verdict},
};

/// A buffer and how much of it the NIC filled.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) chunk: Chunk<B>,
    pub(crate) len: u16,
}

/// A frame in the buffers that the NIC wrote: Ethernet header first, without FCS, read-only. Dropping it gives
/// the buffers back to their pool; [`crate::QueuePair::recycle`] does so without atomics.
///
/// Bytes are copied out: the memory is shared with a device, which nothing but its good manners keeps from
/// writing it again.
#[derive(Debug)]
pub struct Received {
    pub(crate) first: Part,
    /// Allocates only for frames over one buffer.
    pub(crate) rest: Vec<Part>,
    pub(crate) len: u32,
    pub(crate) info: RxCompletion,
}

impl Received {
    pub(crate) fn new(first: Part, info: RxCompletion) -> Self {
        Self {
            len: first.len.into(),
            first,
            rest: Vec::new(),
            info,
        }
    }

    /// The frame goes on; the last completion's verdicts count.
    pub(crate) fn append(&mut self, part: Part, info: RxCompletion) {
        self.len += u32::from(part.len);
        self.rest.push(part);
        self.info = info;
    }

    /// Bytes of the frame, at least 1.
    #[allow(clippy::len_without_is_empty, reason = "a frame is never empty")]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Copies bytes from `offset` on to `buf`, as many as there are, and returns how many.
    pub fn read(&self, offset: usize, buf: &mut [u8]) -> usize {
        let mut skip = offset;
        let mut done = 0;
        for part in std::iter::once(&self.first).chain(&self.rest) {
            let len = usize::from(part.len);
            if skip >= len {
                skip -= len;
                continue;
            }
            let n = (len - skip).min(buf.len() - done);
            if part.chunk.read(skip, &mut buf[done..done + n]).is_err() {
                // Cannot be: lengths are checked against the chunk when the completion comes in.
                break;
            }
            done += n;
            skip = 0;
            if done == buf.len() {
                break;
            }
        }
        done
    }

    /// The whole frame, copied.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len()];
        self.read(0, &mut bytes);
        bytes
    }

    /// Number of buffers that hold the frame.
    pub fn buffers(&self) -> usize {
        1 + self.rest.len()
    }

    /// Everything that the NIC says of the frame (the last completion's, for a frame over several buffers; `len`
    /// and `index` in it are that buffer's).
    pub fn info(&self) -> &RxCompletion {
        &self.info
    }

    /// Verdict on the IPv4 header checksum.
    pub fn l3(&self) -> Verdict {
        self.info.l3
    }

    /// Verdict on the TCP or UDP checksum.
    pub fn l4(&self) -> Verdict {
        self.info.l4
    }

    /// The flow that the NIC found, to be compared with what the host knows, never trusted.
    pub fn flow(&self) -> FlowHandle {
        if self.info.flow_hit {
            FlowHandle::from_raw(self.info.flow)
        } else {
            FlowHandle::NONE
        }
    }
}
