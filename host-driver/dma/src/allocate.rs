//! Where DMA memory comes from: private or shared, in huge or small pages.

use std::{fs::File, io};

use memmap2::{Advice, MmapOptions, MmapRaw};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};

use crate::{DmaRegion, PAGE_SIZE};

/// Bytes of a huge page: what x86-64 and arm64 map with one entry of the last level but one.
pub const HUGE_PAGE_SIZE: usize = 2 << 20;

/// Regions from here on are worth a huge page of their own.
const HUGE_FROM: usize = HUGE_PAGE_SIZE / 2;

/// Who can map the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Backing {
    /// This process and its devices.
    #[default]
    Private,
    /// Whoever is given [`DmaRegion::file`] too: a memfd.
    Shared,
}

/// Which pages the memory is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pages {
    /// Huge pages for regions that fill at least half of one, if the system has some free; else small ones.
    #[default]
    Best,
    /// Pages of [`PAGE_SIZE`].
    Small,
    /// Pages of [`HUGE_PAGE_SIZE`], or nothing.
    Huge,
}

impl DmaRegion {
    /// Zeroed memory of at least `len` bytes, rounded up to pages. Shared memory is sealed against changes of its
    /// size, so that nobody can pull it away.
    ///
    /// Huge pages come from the system's reserve (`vm.nr_hugepages`) and are all there when this returns: a region
    /// never lacks one later.
    ///
    /// # Errors
    /// `InvalidInput` for length 0 or beyond the address space; what `mmap`, `madvise`, `memfd_create`, `ftruncate`
    /// or `fcntl` report: for [`Pages::Huge`], `OutOfMemory` if there are too few huge pages.
    pub fn allocate(len: usize, backing: Backing, pages: Pages) -> io::Result<Self> {
        let make = |page| match backing {
            Backing::Private => private(len, page),
            Backing::Shared => shared("longshore-dma", len, page),
        };
        match pages {
            Pages::Small => make(PAGE_SIZE),
            Pages::Huge => make(HUGE_PAGE_SIZE),
            Pages::Best if len < HUGE_FROM => make(PAGE_SIZE),
            Pages::Best => make(HUGE_PAGE_SIZE).or_else(|_| make(PAGE_SIZE)),
        }
    }

    /// Private anonymous memory in small pages.
    ///
    /// # Errors
    /// As [`DmaRegion::allocate`].
    pub fn anonymous(len: usize) -> io::Result<Self> {
        private(len, PAGE_SIZE)
    }

    /// Shared memory in small pages, under a `name` that `/proc` shows.
    ///
    /// # Errors
    /// As [`DmaRegion::allocate`].
    pub fn memfd(name: &str, len: usize) -> io::Result<Self> {
        shared(name, len, PAGE_SIZE)
    }
}

fn private(len: usize, page: usize) -> io::Result<DmaRegion> {
    let len = round_up(len, page)?;
    let mut options = MmapOptions::new();
    options.len(len);
    if page > PAGE_SIZE {
        options.huge(Some(page.trailing_zeros() as u8));
    }
    let map = MmapRaw::from(options.map_anon()?);
    reserve(&map, page)?;
    DmaRegion::new(map, len, page, None)
}

fn shared(name: &str, len: usize, page: usize) -> io::Result<DmaRegion> {
    let len = round_up(len, page)?;
    let mut flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    if page > PAGE_SIZE {
        flags |= MemfdFlags::HUGETLB | MemfdFlags::HUGE_2MB;
    }
    let fd = memfd_create(name, flags)?;
    ftruncate(&fd, len as u64)?;
    fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::GROW)?;
    let file = File::from(fd);
    let map = MmapOptions::new().len(len).map_raw(&file)?;
    reserve(&map, page)?;
    DmaRegion::new(map, len, page, Some(file))
}

/// Makes sure of the huge pages now: a later lack of one would be a SIGBUS at some access.
fn reserve(map: &MmapRaw, page: usize) -> io::Result<()> {
    if page == PAGE_SIZE {
        return Ok(());
    }
    match map.advise(Advice::PopulateWrite) {
        // Linux before 5.14 has no such advice: its reservation at mmap has to do.
        Err(e) if e.kind() == io::ErrorKind::InvalidInput => Ok(()),
        done => done,
    }
}

fn round_up(len: usize, page: usize) -> io::Result<usize> {
    len.checked_next_multiple_of(page)
        .filter(|&n| n > 0 && isize::try_from(n).is_ok())
        .ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "DMA region of length 0 or beyond the address space",
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_made_of_whole_pages_whatever_the_system_has() {
        for backing in [Backing::Private, Backing::Shared] {
            for len in [1, PAGE_SIZE + 1, HUGE_FROM, HUGE_PAGE_SIZE + 1] {
                let region = DmaRegion::allocate(len, backing, Pages::Best).unwrap();
                assert!(region.len() >= len && region.len().is_multiple_of(region.page_size()));
                assert_eq!(region.file().is_some(), backing == Backing::Shared);
                assert!(len >= HUGE_FROM || region.page_size() == PAGE_SIZE);
                region.store_u64(region.len() - 8, 7).unwrap();
                assert_eq!(region.load_u64(region.len() - 8), Ok(7));
            }
        }
    }

    #[test]
    fn more_huge_pages_than_the_system_has_are_refused_and_small_ones_taken() {
        // 1 PiB: an address space has room for it, no reserve does.
        let len = 1 << 50;
        for backing in [Backing::Private, Backing::Shared] {
            assert!(DmaRegion::allocate(len, backing, Pages::Huge).is_err());
        }
        assert!(DmaRegion::allocate(0, Backing::Private, Pages::Best).is_err());
        assert!(DmaRegion::allocate(usize::MAX, Backing::Shared, Pages::Best).is_err());
    }

    #[test]
    fn what_another_mapping_of_the_file_writes_is_read() {
        let region = DmaRegion::allocate(PAGE_SIZE, Backing::Shared, Pages::Small).unwrap();
        let file = File::from(region.file().unwrap().try_clone_to_owned().unwrap());
        std::os::unix::fs::FileExt::write_all_at(&file, &[1, 2, 3, 4], 16).unwrap();
        assert_eq!(region.load_u32(16), Ok(0x0403_0201));
    }
}
