//! Memory shared with a device.
//!
//! A device thread, another process or a bus master may read and write this memory at any time, whatever
//! the driver believes. So no reference to its bytes is ever formed: all access goes through atomics of
//! 1, 4 or 8 bytes, and a device that breaks the rules can spoil data but not soundness.

use std::{
    fmt,
    fs::File,
    io,
    os::fd::{AsFd, BorrowedFd},
    sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering},
};

use memmap2::{Advice, MmapRaw};

/// Granularity of regions and of IOVA mappings in bytes.
pub const PAGE_SIZE: usize = 4096;

/// An access that does not lie inside its region, or is not aligned to its own size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "access of {len} bytes at offset {offset} of a DMA region of {region} bytes is out of range or misaligned"
)]
pub struct OutOfRange {
    /// Byte offset of the access.
    pub offset: usize,
    /// Its length in bytes.
    pub len: usize,
    /// Length of the region in bytes.
    pub region: usize,
}

/// Page-aligned, zeroed memory for DMA, not inherited by forked children.
///
/// [`DmaRegion::allocate`] makes one.
pub struct DmaRegion {
    map: MmapRaw,
    len: usize,
    page: usize,
    file: Option<File>,
}

impl DmaRegion {
    /// Takes a fresh mapping of `len` bytes in pages of `page` bytes, of `file` if it has one.
    pub(crate) fn new(
        map: MmapRaw,
        len: usize,
        page: usize,
        file: Option<File>,
    ) -> io::Result<Self> {
        debug_assert!(map.len() == len && len.is_multiple_of(page));
        map.advise(Advice::DontFork)?;
        Ok(Self {
            map,
            len,
            page,
            file,
        })
    }

    /// Length in bytes, a multiple of [`PAGE_SIZE`].
    #[allow(clippy::len_without_is_empty, reason = "a region is never empty")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes of the pages it is made of: bus addresses that are multiples of it let an IOMMU map whole pages.
    pub fn page_size(&self) -> usize {
        self.page
    }

    /// The file behind the region, if other processes can map it.
    pub fn file(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_ref().map(AsFd::as_fd)
    }

    /// First byte in this process's address space: what an IOMMU mapping is made of. Access goes
    /// through the methods of the region.
    pub fn as_ptr(&self) -> *const u8 {
        self.map.as_ptr()
    }

    fn check(&self, offset: usize, len: usize, align: usize) -> Result<(), OutOfRange> {
        match offset.checked_add(len) {
            Some(end) if end <= self.len && offset.is_multiple_of(align) => Ok(()),
            _ => Err(OutOfRange {
                offset,
                len,
                region: self.len,
            }),
        }
    }

    /// `n` bytes at `offset`; the caller has checked the range.
    fn bytes(&self, offset: usize, n: usize) -> &[AtomicU8] {
        debug_assert!(offset + n <= self.len);
        let first = self.map.as_mut_ptr().wrapping_add(offset).cast();
        // SAFETY: [offset, offset + n) lies inside the mapping, which lives as long as `self`; AtomicU8 has
        // no alignment and any bit pattern is valid; atomics allow concurrent access by others.
        unsafe { std::slice::from_raw_parts(first, n) }
    }

    /// `n` 8-byte words at `offset`; the caller has checked range and alignment.
    fn words(&self, offset: usize, n: usize) -> &[AtomicU64] {
        debug_assert!(offset + 8 * n <= self.len && offset.is_multiple_of(8));
        let first = self.map.as_mut_ptr().wrapping_add(offset).cast();
        // SAFETY: [offset, offset + 8 n) lies inside the mapping, which lives as long as `self` and starts on a
        // page, so a multiple of 8 is aligned; any bit pattern is valid; atomics allow concurrent access.
        unsafe { std::slice::from_raw_parts(first, n) }
    }

    /// The 4-byte word at `offset`; the caller has checked range and alignment.
    fn half(&self, offset: usize) -> &AtomicU32 {
        debug_assert!(offset + 4 <= self.len && offset.is_multiple_of(4));
        let at = self.map.as_mut_ptr().wrapping_add(offset).cast();
        // SAFETY: as in `words`, with 4 bytes.
        unsafe { AtomicU32::from_ptr(at) }
    }

    /// Copies bytes from `offset` on to `buf`.
    ///
    /// What the device writes meanwhile arrives in part; order is the caller's matter (an acquire load of
    /// whatever told it that the bytes are there).
    ///
    /// # Errors
    /// [`OutOfRange`].
    pub fn read(&self, offset: usize, buf: &mut [u8]) -> Result<(), OutOfRange> {
        self.check(offset, buf.len(), 1)?;
        let lead = (offset.wrapping_neg() & 7).min(buf.len());
        let words = (buf.len() - lead) / 8;
        let (head, rest) = buf.split_at_mut(lead);
        let (body, tail) = rest.split_at_mut(8 * words);
        for (to, from) in head.iter_mut().zip(self.bytes(offset, lead)) {
            *to = from.load(Ordering::Relaxed);
        }
        let from = self.words_or_none(offset + lead, words);
        for (to, from) in body.chunks_exact_mut(8).zip(from) {
            to.copy_from_slice(&from.load(Ordering::Relaxed).to_ne_bytes());
        }
        let end = offset + lead + 8 * words;
        let left = tail.len();
        for (to, from) in tail.iter_mut().zip(self.bytes(end, left)) {
            *to = from.load(Ordering::Relaxed);
        }
        Ok(())
    }

    /// Copies `data` to the bytes from `offset` on.
    ///
    /// Order is the caller's matter: a release store or a doorbell afterwards.
    ///
    /// # Errors
    /// [`OutOfRange`].
    pub fn write(&self, offset: usize, data: &[u8]) -> Result<(), OutOfRange> {
        self.store(offset, data, Ordering::Relaxed)
    }

    /// As [`DmaRegion::write`], but in ascending order with release stores, aligned 8-byte words whole: a
    /// reader that sees a later byte by an acquire load also sees the earlier ones. This is how a device's
    /// posted write becomes visible.
    ///
    /// # Errors
    /// [`OutOfRange`].
    pub fn write_ordered(&self, offset: usize, data: &[u8]) -> Result<(), OutOfRange> {
        self.store(offset, data, Ordering::Release)
    }

    fn store(&self, offset: usize, data: &[u8], order: Ordering) -> Result<(), OutOfRange> {
        self.check(offset, data.len(), 1)?;
        let lead = (offset.wrapping_neg() & 7).min(data.len());
        let (head, rest) = data.split_at(lead);
        let (body, tail) = rest.as_chunks::<8>();
        for (from, to) in head.iter().zip(self.bytes(offset, lead)) {
            to.store(*from, order);
        }
        let to = self.words_or_none(offset + lead, body.len());
        for (from, to) in body.iter().zip(to) {
            to.store(u64::from_ne_bytes(*from), order);
        }
        let end = offset + lead + 8 * body.len();
        for (from, to) in tail.iter().zip(self.bytes(end, tail.len())) {
            to.store(*from, order);
        }
        Ok(())
    }

    /// A short access may end before the next aligned word: then there is none to point at.
    fn words_or_none(&self, offset: usize, n: usize) -> &[AtomicU64] {
        if n == 0 { &[] } else { self.words(offset, n) }
    }

    /// Fills `len` bytes from `offset` on with zeros.
    ///
    /// # Errors
    /// [`OutOfRange`].
    pub fn zero(&self, offset: usize, len: usize) -> Result<(), OutOfRange> {
        self.check(offset, len, 1)?;
        const ZEROS: [u8; 256] = [0; 256];
        let mut done = 0;
        while done < len {
            let n = (len - done).min(ZEROS.len());
            self.write(offset + done, &ZEROS[..n])?;
            done += n;
        }
        Ok(())
    }

    /// Loads the little-endian word at `offset` (a multiple of 4) with acquire order.
    ///
    /// # Errors
    /// [`OutOfRange`].
    #[inline]
    pub fn load_u32(&self, offset: usize) -> Result<u32, OutOfRange> {
        self.check(offset, 4, 4)?;
        Ok(u32::from_le(self.half(offset).load(Ordering::Acquire)))
    }

    /// Stores a little-endian word at `offset` (a multiple of 4) with release order.
    ///
    /// # Errors
    /// [`OutOfRange`].
    #[inline]
    pub fn store_u32(&self, offset: usize, value: u32) -> Result<(), OutOfRange> {
        self.check(offset, 4, 4)?;
        self.half(offset).store(value.to_le(), Ordering::Release);
        Ok(())
    }

    /// Loads the little-endian double word at `offset` (a multiple of 8) with acquire order.
    ///
    /// # Errors
    /// [`OutOfRange`].
    #[inline]
    pub fn load_u64(&self, offset: usize) -> Result<u64, OutOfRange> {
        self.check(offset, 8, 8)?;
        let word = &self.words(offset, 1)[0];
        Ok(u64::from_le(word.load(Ordering::Acquire)))
    }

    /// Stores a little-endian double word at `offset` (a multiple of 8) with release order.
    ///
    /// # Errors
    /// [`OutOfRange`].
    #[inline]
    pub fn store_u64(&self, offset: usize, value: u64) -> Result<(), OutOfRange> {
        self.check(offset, 8, 8)?;
        let word = &self.words(offset, 1)[0];
        word.store(value.to_le(), Ordering::Release);
        Ok(())
    }
}

impl fmt::Debug for DmaRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DmaRegion")
            .field("len", &self.len)
            .field("page", &self.page)
            .field("shared", &self.file.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bytes_written_at_any_offset_are_read_back_and_nothing_else_changes(
            offset in 0usize..300, data in proptest::collection::vec(any::<u8>(), 0..200), ordered: bool,
        ) {
            let region = DmaRegion::anonymous(512).unwrap();
            let all = vec![0xa5; region.len()];
            region.write(0, &all).unwrap();
            if ordered { region.write_ordered(offset, &data).unwrap() } else { region.write(offset, &data).unwrap() }
            let mut expected = all;
            expected[offset..offset + data.len()].copy_from_slice(&data);
            let mut seen = vec![0; region.len()];
            region.read(0, &mut seen).unwrap();
            prop_assert_eq!(&seen, &expected);
            let mut part = vec![0; data.len()];
            region.read(offset, &mut part).unwrap();
            prop_assert_eq!(part, data);
        }
    }

    #[test]
    fn access_beyond_the_end_or_misaligned_is_refused() {
        let region = DmaRegion::anonymous(1).unwrap();
        assert_eq!(region.len(), PAGE_SIZE);
        assert!(region.read(PAGE_SIZE - 1, &mut [0; 2]).is_err());
        assert!(region.write(usize::MAX, &[0]).is_err());
        assert!(region.read(PAGE_SIZE, &mut []).is_ok());
        assert!(region.load_u32(2).is_err());
        assert!(region.store_u64(PAGE_SIZE - 4, 0).is_err());
        assert!(DmaRegion::anonymous(0).is_err());
    }

    #[test]
    fn words_are_little_endian() {
        let region = DmaRegion::memfd("longshore-test", 64).unwrap();
        region.store_u64(8, 0x0807_0605_0403_0201).unwrap();
        let mut bytes = [0; 8];
        region.read(8, &mut bytes).unwrap();
        assert_eq!(bytes, [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(region.load_u32(12), Ok(0x0807_0605));
        region.store_u32(12, 0xffff_ffff).unwrap();
        assert_eq!(region.load_u64(8), Ok(0xffff_ffff_0403_0201));
        region.zero(0, region.len()).unwrap();
        assert_eq!(region.load_u64(8), Ok(0));
    }

    #[test]
    fn a_memfd_region_cannot_be_shrunk_by_whoever_holds_the_file() {
        let region = DmaRegion::memfd("longshore-test", PAGE_SIZE).unwrap();
        assert!(rustix::fs::ftruncate(region.file().unwrap(), 0).is_err());
    }
}
