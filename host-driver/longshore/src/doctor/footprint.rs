//! How much memory a stack lets its NIC reach.

/// Huge pages of 2 MiB that it fills: 64 MiB to send from, 4 MiB to receive into, rings, headers; rounded up.
pub(super) const HUGE_PAGES: u64 = 40;
/// Bytes that may be locked, rounded up so that a second, smaller program has room too.
pub(super) const LOCKED: u64 = 128 << 20;

#[cfg(all(test, feature = "sim"))]
mod tests {
    use super::*;
    use longshore_device::{Device, DeviceError, DeviceInfo, InProcess, Interrupt, Quiesced};
    use longshore_dma::DmaRegion;
    use longshore_sockets::{Stack, StackConfig};
    use nic_model::{Config, Model};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    const HUGE_PAGE: u64 = 2 << 20;

    /// A device that adds up what is mapped: bytes, and huge pages.
    struct Weighing {
        inner: Arc<dyn Device>,
        bytes: AtomicU64,
        pages: AtomicU64,
    }

    impl Device for Weighing {
        fn info(&self) -> &DeviceInfo {
            self.inner.info()
        }

        fn read32(&self, offset: u32) -> Result<u32, DeviceError> {
            self.inner.read32(offset)
        }

        fn write32(&self, offset: u32, value: u32) -> Result<(), DeviceError> {
            self.inner.write32(offset, value)
        }

        fn config_space(&self) -> Result<Vec<u8>, DeviceError> {
            self.inner.config_space()
        }

        fn dma_map(&self, region: &Arc<DmaRegion>, iova: u64) -> Result<(), DeviceError> {
            let len = region.len() as u64;
            self.bytes.fetch_add(len, Ordering::Relaxed);
            let pages = len.div_ceil(HUGE_PAGE);
            self.pages.fetch_add(pages, Ordering::Relaxed);
            self.inner.dma_map(region, iova)
        }

        fn dma_unmap(&self, region: &Arc<DmaRegion>, iova: u64) -> Result<(), DeviceError> {
            self.inner.dma_unmap(region, iova)
        }

        fn interrupt(&self, vector: u16) -> Result<Arc<Interrupt>, DeviceError> {
            self.inner.interrupt(vector)
        }

        fn reset(&self) -> Result<Quiesced, DeviceError> {
            self.inner.reset()
        }

        fn sever(&self) -> Quiesced {
            self.inner.sever()
        }
    }

    #[test]
    fn what_the_doctor_asks_for_is_what_a_stack_takes() {
        let (wire, _) = sim_wire::pair::pair(sim_wire::LineConfig::default());
        let nic = Arc::new(parking_lot::Mutex::new(Model::new(Config::default(), wire)));
        let device = Arc::new(Weighing {
            inner: Arc::new(InProcess::new(nic).unwrap()),
            bytes: AtomicU64::new(0),
            pages: AtomicU64::new(0),
        });
        let ip = ip_core::Config::new(ip_core::MacAddr([2, 0, 0, 0, 0, 1]))
            .with_address("192.0.2.1/24".parse().unwrap());
        let nic = longshore_driver::Nic::open(device.clone()).unwrap();
        let stack = Stack::stepped(nic, StackConfig::new(ip)).unwrap();
        let (bytes, pages) = (
            device.bytes.load(Ordering::Relaxed),
            device.pages.load(Ordering::Relaxed),
        );
        drop(stack);
        assert!((LOCKED / 2..=LOCKED).contains(&bytes), "{bytes} bytes");
        assert!(
            (HUGE_PAGES / 2..=HUGE_PAGES).contains(&pages),
            "{pages} pages"
        );
    }
}
