//! Handing memory to the device, and taking it back.

use std::{collections::BTreeMap, sync::Arc};

use iommufd_ioctls::IommufdError;
use longshore_device::DeviceError;
use longshore_dma::{DmaRegion, MapError};
use rustix::{
    io::Errno,
    process::{Resource, getrlimit},
};
use vfio_ioctls::{VfioError, VfioOps};

/// What the device can reach, by bus address. The mapping holds the memory.
#[derive(Default)]
pub(crate) struct Mapped(BTreeMap<u64, Arc<DmaRegion>>);

impl Mapped {
    /// Makes all of `region` reachable at `iova`.
    pub(crate) fn map(
        &mut self,
        ops: &dyn VfioOps,
        region: &Arc<DmaRegion>,
        iova: u64,
    ) -> Result<(), DeviceError> {
        let len = region.len();
        // SAFETY: `region` is only ever accessed by atomics through raw pointers, and is held here until it is
        // unmapped, or until the files that carry the mapping are closed.
        unsafe { ops.vfio_dma_map(iova, len, region.as_ptr().cast_mut()) }
            .map_err(|e| explain(e, "mapping DMA memory", iova, len as u64))?;
        self.0.insert(iova, region.clone());
        Ok(())
    }

    /// Takes the mapping of `region` at `iova` away.
    pub(crate) fn unmap(
        &mut self,
        ops: &dyn VfioOps,
        region: &Arc<DmaRegion>,
        iova: u64,
    ) -> Result<(), DeviceError> {
        if !self.0.get(&iova).is_some_and(|r| Arc::ptr_eq(r, region)) {
            return Err(MapError::NotMapped { iova }.into());
        }
        let len = region.len();
        ops.vfio_dma_unmap(iova, len)
            .map_err(|e| explain(e, "unmapping DMA memory", iova, len as u64))?;
        self.0.remove(&iova);
        Ok(())
    }

    /// Takes as many mappings away as the kernel lets, before the files are closed.
    pub(crate) fn unmap_all(&mut self, ops: &dyn VfioOps) {
        self.0
            .retain(|&iova, region| ops.vfio_dma_unmap(iova, region.len()).is_err());
    }

    /// Lets go of the memory: only once the files that carried the mappings are closed.
    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }
}

fn errno(error: &VfioError) -> Option<i32> {
    match error {
        VfioError::IommuDmaMap(e)
        | VfioError::IommuDmaUnmap(e)
        | VfioError::IommufdIoctlError(
            IommufdError::IommuIoasMap(e) | IommufdError::IommuIoasUnmap(e),
        ) => Some(e.errno()),
        _ => None,
    }
}

/// Puts cause and remedy to what the kernel says while `doing` something.
fn explain(error: VfioError, doing: &'static str, iova: u64, len: u64) -> DeviceError {
    let Some(raw) = errno(&error) else {
        return DeviceError::Io {
            what: doing,
            source: std::io::Error::other(error),
        };
    };
    match Errno::from_raw_os_error(raw) {
        Errno::NOMEM => DeviceError::LockedMemory {
            asked: len,
            limit: getrlimit(Resource::Memlock).current,
        },
        Errno::EXIST => MapError::Overlap { iova, len }.into(),
        Errno::INVAL => MapError::OutOfRange { iova, len }.into(),
        Errno::NOENT => MapError::NotMapped { iova }.into(),
        Errno::NOSPC => DeviceError::Io {
            what: "the IOMMU has no entries left: map fewer, larger pieces (huge pages), or raise vfio_iommu_type1's dma_entry_limit",
            source: Errno::NOSPC.into(),
        },
        other => DeviceError::Io {
            what: doing,
            source: other.into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;
    use vmm_sys_util::errno::Error as SysError;

    /// A kernel that refuses with an error, or keeps a list.
    #[derive(Default)]
    struct Kernel {
        refuse: Option<Errno>,
        mapped: Mutex<Vec<(u64, usize)>>,
    }

    impl VfioOps for Kernel {
        unsafe fn vfio_dma_map(&self, iova: u64, size: usize, _: *mut u8) -> Result<(), VfioError> {
            if let Some(e) = self.refuse {
                return Err(VfioError::IommuDmaMap(SysError::new(e.raw_os_error())));
            }
            self.mapped.lock().push((iova, size));
            Ok(())
        }

        fn vfio_dma_unmap(&self, iova: u64, size: usize) -> Result<(), VfioError> {
            if let Some(e) = self.refuse {
                return Err(VfioError::IommuDmaUnmap(SysError::new(e.raw_os_error())));
            }
            self.mapped.lock().retain(|&m| m != (iova, size));
            Ok(())
        }
    }

    fn region() -> Arc<DmaRegion> {
        Arc::new(DmaRegion::anonymous(4096).unwrap())
    }

    #[test]
    fn a_mapping_holds_its_memory_until_it_is_taken_away() {
        let kernel = Kernel::default();
        let mut mapped = Mapped::default();
        let (a, b) = (region(), region());
        mapped.map(&kernel, &a, 0x1000).unwrap();
        assert_eq!(Arc::strong_count(&a), 2);
        assert!(matches!(
            mapped.unmap(&kernel, &b, 0x1000),
            Err(DeviceError::Map(MapError::NotMapped { iova: 0x1000 }))
        ));
        mapped.unmap(&kernel, &a, 0x1000).unwrap();
        assert_eq!(Arc::strong_count(&a), 1);
        assert!(kernel.mapped.lock().is_empty());
    }

    #[test]
    fn memory_that_the_kernel_does_not_unmap_is_kept() {
        let mut kernel = Kernel::default();
        let mut mapped = Mapped::default();
        let a = region();
        mapped.map(&kernel, &a, 0x1000).unwrap();
        kernel.refuse = Some(Errno::IO);
        assert!(mapped.unmap(&kernel, &a, 0x1000).is_err());
        mapped.unmap_all(&kernel);
        assert_eq!(Arc::strong_count(&a), 2);
        mapped.forget();
        assert_eq!(Arc::strong_count(&a), 1);
    }

    #[test]
    fn each_refusal_of_a_mapping_is_told_with_its_cause() {
        for (errno, told) in [
            (Errno::NOMEM, "ulimit -l"),
            (Errno::EXIST, "overlaps"),
            (Errno::INVAL, "outside"),
            (Errno::NOSPC, "dma_entry_limit"),
            (Errno::IO, "mapping DMA memory"),
        ] {
            let kernel = Kernel {
                refuse: Some(errno),
                ..Kernel::default()
            };
            let mut mapped = Mapped::default();
            let error = mapped.map(&kernel, &region(), 0x1000).unwrap_err();
            assert!(error.to_string().contains(told), "{error}");
            assert!(mapped.0.is_empty());
        }
    }

    #[test]
    fn each_refusal_of_an_unmapping_is_told_as_one() {
        let mut kernel = Kernel::default();
        let mut mapped = Mapped::default();
        let a = region();
        mapped.map(&kernel, &a, 0x1000).unwrap();
        for (errno, told) in [
            (Errno::NOENT, "DMA memory: no mapping starts"),
            (Errno::IO, "unmapping DMA memory"),
        ] {
            kernel.refuse = Some(errno);
            let error = mapped.unmap(&kernel, &a, 0x1000).unwrap_err();
            assert!(error.to_string().starts_with(told), "{error}");
        }
        let other = explain(
            VfioError::VfioApiVersion,
            "unmapping DMA memory",
            0x1000,
            4096,
        );
        assert!(other.to_string().contains("unmapping"), "{other}");
    }
}
