//! A buffer addressed by stream offset.

use core::ops::Range;

/// Bytes of a stream from a moving offset on: the byte of offset `o` is at `o % len`.
#[derive(Clone, Debug)]
pub struct Ring {
    bytes: Vec<u8>,
}

impl Ring {
    /// A ring of `len` bytes.
    #[must_use]
    pub fn new(len: usize) -> Self {
        Self {
            bytes: vec![0; len],
        }
    }

    /// Its size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn index(&self, offset: u64) -> usize {
        (offset % self.size()) as usize
    }

    /// Puts `data` at `offset`.
    pub fn put(&mut self, offset: u64, data: &[u8]) {
        for (i, byte) in data.iter().enumerate() {
            let index = self.index(offset + i as u64);
            self.bytes[index] = *byte;
        }
    }

    /// Appends the bytes of `range` to `out`.
    pub fn get(&self, range: Range<u64>, out: &mut Vec<u8>) {
        out.extend(range.map(|offset| self.bytes[self.index(offset)]));
    }
}
