//! Ethernet frames and the pool their buffers come from.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::fault::Faults;
use crate::time::Picos;

/// The shortest Ethernet frame without its FCS, in bytes (IEEE 802.3, 3.2.8: 64 with the FCS).
pub const MIN_FRAME: usize = 60;

/// An Ethernet frame, destination address first, without preamble and FCS.
///
/// Dropping a frame gives its buffer back to the [`FramePool`] it was taken from, so that steady traffic allocates nothing.
/// Two frames are equal when their bytes are.
#[derive(Default)]
pub struct Frame {
    bytes: Vec<u8>,
    arrived_at: Picos,
    faults: Faults,
    pool: Option<FramePool>,
}

impl Frame {
    /// When the last bit arrived at the receiving end; zero before the frame was received.
    #[must_use]
    pub fn arrived_at(&self) -> Picos {
        self.arrived_at
    }

    /// Stamps the arrival; for implementations of [`Wire`](crate::Wire).
    pub fn set_arrived_at(&mut self, at: Picos) {
        self.arrived_at = at;
    }

    /// What fault injectors did to this frame on its way. For captures and messages: no NIC can know it.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.faults
    }

    /// Replaces the record of injected faults; for implementations of [`Wire`](crate::Wire).
    pub fn set_faults(&mut self, faults: Faults) {
        self.faults = faults;
    }

    /// The buffer, to fill or to cut.
    pub fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// The bytes; the buffer leaves its pool for good.
    #[must_use]
    pub fn into_vec(mut self) -> Vec<u8> {
        self.pool = None;
        std::mem::take(&mut self.bytes)
    }

    /// Pads with zeros to [`MIN_FRAME`], as a MAC does.
    pub fn pad(&mut self) {
        if self.bytes.len() < MIN_FRAME {
            self.bytes.resize(MIN_FRAME, 0);
        }
    }
}

impl Deref for Frame {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for Frame {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl From<Vec<u8>> for Frame {
    /// A frame outside any pool, without copying.
    fn from(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            arrived_at: Picos::ZERO,
            faults: Faults::default(),
            pool: None,
        }
    }
}

impl From<&[u8]> for Frame {
    fn from(bytes: &[u8]) -> Self {
        bytes.to_vec().into()
    }
}

impl Clone for Frame {
    fn clone(&self) -> Self {
        let mut copy = match &self.pool {
            Some(pool) => pool.copy_of(&self.bytes),
            None => Self::from(self.bytes.clone()),
        };
        copy.arrived_at = self.arrived_at;
        copy.faults = self.faults;
        copy
    }
}

impl PartialEq for Frame {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Frame {}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({} B", self.bytes.len())?;
        if self.faults.any() {
            write!(f, ", {}", self.faults)?;
        }
        f.write_str(":")?;
        for byte in self.bytes.iter().take(64) {
            write!(f, " {byte:02x}")?;
        }
        f.write_str(if self.bytes.len() > 64 { " …)" } else { ")" })
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.take() {
            pool.give_back(std::mem::take(&mut self.bytes));
        }
    }
}

/// Buffers for frames, reused. Cloning gives another handle to the same pool.
#[derive(Clone, Default)]
pub struct FramePool {
    inner: Arc<Mutex<PoolInner>>,
}

#[derive(Default)]
struct PoolInner {
    free: Vec<Vec<u8>>,
    allocated: u64,
}

impl FramePool {
    /// Buffers kept when idle; more than any queue in the simulator holds.
    const KEEP: usize = 4096;
    /// Room for an ordinary frame; a jumbo frame grows its buffer once.
    const CAPACITY: usize = 2048;

    /// An empty frame with a used or new buffer.
    #[must_use]
    pub fn take(&self) -> Frame {
        let mut inner = self.inner.lock();
        let bytes = inner.free.pop().unwrap_or_else(|| {
            inner.allocated += 1;
            Vec::with_capacity(Self::CAPACITY)
        });
        drop(inner);
        Frame {
            bytes,
            arrived_at: Picos::ZERO,
            faults: Faults::default(),
            pool: Some(self.clone()),
        }
    }

    /// A frame holding a copy of `bytes`.
    #[must_use]
    pub fn copy_of(&self, bytes: &[u8]) -> Frame {
        let mut frame = self.take();
        frame.bytes.extend_from_slice(bytes);
        frame
    }

    /// Buffers this pool ever allocated.
    #[must_use]
    pub fn allocated(&self) -> u64 {
        self.inner.lock().allocated
    }

    fn give_back(&self, mut bytes: Vec<u8>) {
        bytes.clear();
        let mut inner = self.inner.lock();
        if inner.free.len() < Self::KEEP {
            inner.free.push(bytes);
        }
    }
}

impl fmt::Debug for FramePool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.inner.lock();
        write!(
            f,
            "FramePool({} free of {})",
            inner.free.len(),
            inner.allocated
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_frame_gives_its_buffer_back_empty() {
        let pool = FramePool::default();
        drop(pool.copy_of(&[7; 1514]));
        let frame = pool.take();
        assert!(frame.is_empty());
        assert_eq!(pool.allocated(), 1);
    }

    #[test]
    fn a_buffer_taken_out_does_not_come_back() {
        let pool = FramePool::default();
        assert_eq!(pool.copy_of(&[1, 2, 3]).into_vec(), [1, 2, 3]);
        drop(pool.take());
        assert_eq!(pool.allocated(), 2);
    }

    #[test]
    fn padding_reaches_the_minimum_and_only_adds_zeros() {
        let mut short = Frame::from(vec![0xff; 42]);
        short.pad();
        assert_eq!(short.len(), MIN_FRAME);
        assert!(short[..42].iter().all(|&b| b == 0xff) && short[42..].iter().all(|&b| b == 0));
        let mut long = Frame::from(vec![1; 61]);
        long.pad();
        assert_eq!(long.len(), 61);
    }
}
