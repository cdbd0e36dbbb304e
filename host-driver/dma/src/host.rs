//! Host memory as a device sees it: by bus address.

use std::sync::Arc;

use parking_lot::RwLock;

use crate::{DmaRegion, PAGE_SIZE};

/// Why an access by bus address failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultCause {
    /// No mapping covers all of it.
    Unmapped,
}

/// An access by bus address that the IOMMU refused; nothing of it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("DMA {} of {len} bytes at {iova:#x}: {cause:?}", if *.write { "write" } else { "read" })]
pub struct DmaFault {
    /// Bus address of the access.
    pub iova: u64,
    /// Its length in bytes.
    pub len: usize,
    /// True for a write.
    pub write: bool,
    /// What was wrong.
    pub cause: FaultCause,
}

/// How a simulated device reaches the memory that a driver mapped.
pub trait HostMemory: Send + Sync {
    /// Reads `buf.len()` bytes at bus address `iova`.
    ///
    /// # Errors
    /// [`DmaFault`] if any of it is not mapped: a completion with Unsupported Request (PCI Express Base 5.0,
    /// section 2.2.9).
    fn read(&self, iova: u64, buf: &mut [u8]) -> Result<(), DmaFault>;

    /// Writes `data` at bus address `iova`. Writes become visible in the order of the calls, and each in
    /// ascending order of addresses, aligned 8-byte words whole.
    ///
    /// # Errors
    /// [`DmaFault`] if any of it is not mapped. A posted write tells its sender nothing: the device carries
    /// on, whoever plays the root complex counts.
    fn write(&self, iova: u64, data: &[u8]) -> Result<(), DmaFault>;
}

/// A mapping that cannot be made or taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// Bus address or length not a multiple of the page size, length 0, or beyond the address space.
    #[error("IOVA range {iova:#x} + {len:#x} is not made of whole {PAGE_SIZE} B pages")]
    Misaligned {
        /// Bus address.
        iova: u64,
        /// Bytes.
        len: u64,
    },
    /// Not a bus address that the device can be given.
    #[error("IOVA range {iova:#x} + {len:#x} lies outside of what the IOMMU can map")]
    OutOfRange {
        /// Bus address.
        iova: u64,
        /// Bytes.
        len: u64,
    },
    /// Some of the range is mapped already.
    #[error("IOVA range {iova:#x} + {len:#x} overlaps a mapping; unmap that first")]
    Overlap {
        /// Bus address.
        iova: u64,
        /// Bytes.
        len: u64,
    },
    /// There is no mapping of exactly this range.
    #[error("no mapping starts at IOVA {iova:#x}")]
    NotMapped {
        /// Bus address.
        iova: u64,
    },
}

#[derive(Debug)]
struct Mapping {
    iova: u64,
    end: u64,
    region: Arc<DmaRegion>,
}

/// The IOMMU of the in-process transport: bus addresses to regions, whole pages, everything else faults.
#[derive(Debug, Default)]
pub struct IovaTable {
    /// Sorted by `iova`, without overlap.
    mappings: RwLock<Vec<Mapping>>,
}

impl IovaTable {
    /// A table in which every access faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Maps all of `region` at bus address `iova`.
    ///
    /// # Errors
    /// [`MapError::Misaligned`], [`MapError::Overlap`].
    pub fn map(&self, region: Arc<DmaRegion>, iova: u64) -> Result<(), MapError> {
        let len = region.len() as u64;
        let end = iova
            .checked_add(len)
            .filter(|_| iova.is_multiple_of(PAGE_SIZE as u64))
            .ok_or(MapError::Misaligned { iova, len })?;
        let mut mappings = self.mappings.write();
        let at = mappings.partition_point(|m| m.end <= iova);
        if mappings.get(at).is_some_and(|m| m.iova < end) {
            return Err(MapError::Overlap { iova, len });
        }
        mappings.insert(at, Mapping { iova, end, region });
        Ok(())
    }

    /// Takes the mapping that starts at `iova` away and returns its region. When this returns, no access to
    /// it is under way and none will succeed.
    ///
    /// # Errors
    /// [`MapError::NotMapped`].
    pub fn unmap(&self, iova: u64) -> Result<Arc<DmaRegion>, MapError> {
        let mut mappings = self.mappings.write();
        match mappings.binary_search_by_key(&iova, |m| m.iova) {
            Ok(at) => Ok(mappings.remove(at).region),
            Err(_) => Err(MapError::NotMapped { iova }),
        }
    }

    /// Takes all mappings away.
    pub fn clear(&self) {
        self.mappings.write().clear();
    }

    /// Number of mappings.
    pub fn mapped(&self) -> usize {
        self.mappings.read().len()
    }

    /// Calls `access(region, offset, range of the buffer)` for each piece of `[iova, iova + len)`, after
    /// having found that all of it is mapped.
    fn pieces(
        &self,
        iova: u64,
        len: usize,
        write: bool,
        mut access: impl FnMut(&DmaRegion, usize, std::ops::Range<usize>),
    ) -> Result<(), DmaFault> {
        let fault = DmaFault {
            iova,
            len,
            write,
            cause: FaultCause::Unmapped,
        };
        let end = iova.checked_add(len as u64).ok_or(fault)?;
        let mappings = self.mappings.read();
        let first = mappings.partition_point(|m| m.end <= iova);
        let mut covered = iova;
        let mut count = 0;
        for m in &mappings[first..] {
            if covered >= end || m.iova > covered {
                break;
            }
            covered = m.end;
            count += 1;
        }
        if covered < end {
            return Err(fault);
        }
        let mut done = 0;
        for m in &mappings[first..first + count] {
            let offset = (iova + done as u64 - m.iova) as usize;
            let n = (len - done).min(m.region.len() - offset);
            access(&m.region, offset, done..done + n);
            done += n;
        }
        Ok(())
    }
}

impl HostMemory for IovaTable {
    fn read(&self, iova: u64, buf: &mut [u8]) -> Result<(), DmaFault> {
        self.pieces(iova, buf.len(), false, |region, offset, range| {
            let inside = region.read(offset, &mut buf[range]);
            debug_assert!(inside.is_ok(), "pieces stay inside their region");
        })
    }

    fn write(&self, iova: u64, data: &[u8]) -> Result<(), DmaFault> {
        self.pieces(iova, data.len(), true, |region, offset, range| {
            let inside = region.write_ordered(offset, &data[range]);
            debug_assert!(inside.is_ok(), "pieces stay inside their region");
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(pages: usize) -> Arc<DmaRegion> {
        Arc::new(DmaRegion::anonymous(pages * PAGE_SIZE).unwrap())
    }

    #[test]
    fn access_reaches_the_mapped_region_and_faults_elsewhere() {
        let table = IovaTable::new();
        let (a, b) = (region(1), region(2));
        table.map(a.clone(), 0x1_0000).unwrap();
        table.map(b.clone(), 0x1_1000).unwrap();
        table.write(0x1_0ffe, &[1, 2, 3, 4]).unwrap();
        let mut seen = [0; 4];
        table.read(0x1_0ffe, &mut seen).unwrap();
        assert_eq!(seen, [1, 2, 3, 4]);
        let mut half = [0; 2];
        b.read(0, &mut half).unwrap();
        assert_eq!(half, [3, 4]);
        for iova in [0, 0xffff, 0x1_2ffd, 0x1_3000, u64::MAX - 1] {
            let fault = table.read(iova, &mut seen).unwrap_err();
            assert_eq!((fault.iova, fault.write), (iova, false));
        }
        assert!(table.read(0x1_2ffc, &mut seen).is_ok());
    }

    #[test]
    fn a_write_that_faults_changes_nothing() {
        let table = IovaTable::new();
        let a = region(1);
        table.map(a.clone(), 0).unwrap();
        assert!(table.write(PAGE_SIZE as u64 - 2, &[9; 4]).is_err());
        assert_eq!(a.load_u32(PAGE_SIZE - 4), Ok(0));
    }

    #[test]
    fn unmapped_memory_is_out_of_reach_and_its_addresses_are_free_again() {
        let table = IovaTable::new();
        table.map(region(2), 0x4000).unwrap();
        assert_eq!(
            table.map(region(1), 0x5000),
            Err(MapError::Overlap {
                iova: 0x5000,
                len: 0x1000
            })
        );
        assert_eq!(
            table.map(region(2), 0x3000),
            Err(MapError::Overlap {
                iova: 0x3000,
                len: 0x2000
            })
        );
        assert!(matches!(
            table.map(region(1), 0x800),
            Err(MapError::Misaligned { .. })
        ));
        table.unmap(0x4000).unwrap();
        assert!(table.read(0x4000, &mut [0]).is_err());
        assert!(table.unmap(0x4000).is_err());
        table.map(region(1), 0x5000).unwrap();
        assert_eq!(table.mapped(), 1);
    }
}
