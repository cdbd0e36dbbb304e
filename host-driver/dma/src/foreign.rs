//! Memory of another process, as a simulated device maps it.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
};

use memmap2::MmapOptions;
use rustix::fs::{SealFlags, fcntl_add_seals, fcntl_get_seals, fstat};

use crate::{DmaRegion, PAGE_SIZE};

impl DmaRegion {
    /// All of a file that another process shares, readable and writable, rounded up to pages.
    ///
    /// The file must be sealed against shrinking (it is sealed here if its owner left that open): an access beyond
    /// the end of a file that was cut off would kill this process with SIGBUS, at the other one's will.
    ///
    /// # Errors
    /// `PermissionDenied` if the file is not sealed and cannot be, or may not be written; `InvalidInput` for an empty
    /// file; what `fstat`, `mmap` or `madvise` report.
    pub fn of_file(file: impl AsFd) -> io::Result<Self> {
        let file = file.as_fd();
        seal(file)?;
        let size = fstat(file)?.st_size;
        let len = usize::try_from(size)
            .ok()
            .and_then(|n| n.checked_next_multiple_of(PAGE_SIZE))
            .filter(|&n| n > 0)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "an empty file"))?;
        let map = MmapOptions::new().len(len).map_raw(&file)?;
        Self::new(map, len, PAGE_SIZE, None)
    }
}

fn seal(file: BorrowedFd<'_>) -> io::Result<()> {
    // A file that has no seals at all (EINVAL) can always be cut off.
    if fcntl_get_seals(file).is_ok_and(|seals| seals.contains(SealFlags::SHRINK)) {
        return Ok(());
    }
    fcntl_add_seals(file, SealFlags::SHRINK).map_err(|_| {
        io::Error::new(
            io::ErrorKind::PermissionDenied,
            "a file that its owner can shrink: share a memfd with MFD_ALLOW_SEALING",
        )
    })
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

    use super::*;

    fn memfd(flags: MemfdFlags, len: u64) -> File {
        let fd = memfd_create("longshore-test", MemfdFlags::CLOEXEC | flags).unwrap();
        ftruncate(&fd, len).unwrap();
        fd.into()
    }

    #[test]
    fn both_sides_see_the_same_bytes() {
        let theirs = DmaRegion::memfd("longshore-test", 2 * PAGE_SIZE).unwrap();
        let ours = DmaRegion::of_file(theirs.file().unwrap()).unwrap();
        assert_eq!(ours.len(), theirs.len());
        ours.store_u64(PAGE_SIZE, 0x1234).unwrap();
        assert_eq!(theirs.load_u64(PAGE_SIZE), Ok(0x1234));
    }

    #[test]
    fn a_file_is_mapped_only_if_nobody_can_cut_it_off() {
        let open = memfd(MemfdFlags::ALLOW_SEALING, 100);
        let region = DmaRegion::of_file(&open).unwrap();
        assert_eq!(region.len(), PAGE_SIZE);
        assert!(ftruncate(&open, 0).is_err());
        let loose = memfd(MemfdFlags::empty(), 100);
        let refused = DmaRegion::of_file(&loose).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
        let empty = memfd(MemfdFlags::ALLOW_SEALING, 0);
        assert!(DmaRegion::of_file(&empty).is_err());
    }
}
