//! A buffer addressed by stream offset.

use core::ops::Range;

/// Bytes of a stream: the byte of offset `o` is at `o % len`.
pub(crate) struct Ring {
    bytes: Box<[u8]>,
}

impl Ring {
    /// A ring of `len` bytes, a power of two.
    pub(crate) fn new(len: usize) -> Self {
        assert!(len.is_power_of_two(), "{len} is no power of two");
        Self {
            bytes: vec![0; len].into(),
        }
    }

    /// Puts `data`, at most the ring's length, at `offset`.
    #[inline]
    pub(crate) fn put(&mut self, offset: u64, data: &[u8]) {
        let start = self.index(offset);
        if let Some(place) = self.bytes.get_mut(start..start + data.len()) {
            return place.copy_from_slice(data);
        }
        let (first, second) = data.split_at(data.len().min(self.bytes.len() - start));
        self.bytes[start..start + first.len()].copy_from_slice(first);
        self.bytes[..second.len()].copy_from_slice(second);
    }

    /// Copies the bytes of `range`, at most the ring's length, to the front of `out`.
    #[inline]
    pub(crate) fn get(&self, range: Range<u64>, out: &mut [u8]) {
        let start = self.index(range.start);
        let out = &mut out[..(range.end - range.start) as usize];
        if let Some(bytes) = self.bytes.get(start..start + out.len()) {
            return out.copy_from_slice(bytes);
        }
        let cut = out.len().min(self.bytes.len() - start);
        let (first, second) = out.split_at_mut(cut);
        first.copy_from_slice(&self.bytes[start..start + cut]);
        second.copy_from_slice(&self.bytes[..second.len()]);
    }

    fn index(&self, offset: u64) -> usize {
        offset as usize & (self.bytes.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_across_the_end_is_got_back() {
        let mut ring = Ring::new(8);
        ring.put(6, b"abcd");
        let mut out = [0; 4];
        ring.get(6..10, &mut out);
        assert_eq!(&out, b"abcd");
        ring.get(8..10, &mut out);
        assert_eq!(&out[..2], b"cd");
    }
}
