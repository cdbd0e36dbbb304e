//! Received bytes until the program reads them.

use std::ops::Range;

/// A ring of stream bytes, made when the first byte comes.
#[derive(Debug)]
pub(crate) struct ReceiveBuffer {
    bytes: Box<[u8]>,
    size: usize,
}

impl ReceiveBuffer {
    /// Room for `size` bytes.
    pub(crate) fn new(size: usize) -> Self {
        Self {
            bytes: Box::default(),
            size: size.max(1),
        }
    }

    /// Changes the room to `size` bytes; the bytes at the stream offsets `kept`, which are no more, stay where they are.
    pub(crate) fn resize(&mut self, size: usize, kept: Range<u64>) {
        let mut other = Self::new(size);
        if !self.bytes.is_empty() && !kept.is_empty() {
            // No more than `self.size`, which is a usize.
            let mut bytes = vec![0; (kept.end - kept.start) as usize];
            self.get(kept.start, &mut bytes);
            other.put(kept.start, &bytes);
        }
        *self = other;
    }

    /// Stores `data` at stream offset `offset`.
    pub(crate) fn put(&mut self, offset: u64, data: &[u8]) {
        if self.bytes.is_empty() {
            self.bytes = vec![0; self.size].into_boxed_slice();
        }
        let (at, first) = self.place(offset, data.len());
        self.bytes[at..at + first].copy_from_slice(&data[..first]);
        let rest = &data[first..];
        self.bytes[..rest.len()].copy_from_slice(rest);
    }

    /// Reads the bytes from stream offset `offset` on, which are there, into `out`.
    pub(crate) fn get(&self, offset: u64, out: &mut [u8]) {
        let (at, first) = self.place(offset, out.len());
        let (head, tail) = out.split_at_mut(first);
        head.copy_from_slice(&self.bytes[at..at + first]);
        tail.copy_from_slice(&self.bytes[..tail.len()]);
    }

    /// Lets the memory go while nothing is in it.
    pub(crate) fn shrink(&mut self) {
        self.bytes = Box::default();
    }

    /// Where an offset lies, and how many of `len` bytes there are before the end.
    fn place(&self, offset: u64, len: usize) -> (usize, usize) {
        assert!(len <= self.size, "the window keeps data within the buffer");
        // Less than `size`, which is a usize.
        let at = (offset % self.size as u64) as usize;
        (at, len.min(self.size - at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_there_survives_a_resize(
            size in 1usize..100, larger in 0usize..100, offset in 0u64..1000,
            data in proptest::collection::vec(any::<u8>(), 1..100),
        ) {
            let data = &data[..data.len().min(size)];
            let mut ring = ReceiveBuffer::new(size);
            ring.put(offset, data);
            let kept = offset..offset + data.len() as u64;
            for size in [size + larger, data.len()] {
                ring.resize(size, kept.clone());
                let mut out = vec![0; data.len()];
                ring.get(offset, &mut out);
                prop_assert_eq!(&out[..], data);
            }
        }

        #[test]
        fn what_is_put_anywhere_is_got_back(
            size in 1usize..100, offset in 0u64..1000, data in proptest::collection::vec(any::<u8>(), 0..100),
        ) {
            let data = &data[..data.len().min(size)];
            let mut ring = ReceiveBuffer::new(size);
            ring.put(offset, data);
            let mut out = vec![0; data.len()];
            ring.get(offset, &mut out);
            prop_assert_eq!(out, data);
        }
    }
}
