//! The transport to a NIC in this process.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use longshore_dma::{Backing, DmaRegion, IovaTable, MapError, PAGE_SIZE};
use nic_abi::{
    block::{DEVICE, device},
    pci,
};
use parking_lot::Mutex;

use crate::{
    Device, DeviceError, DeviceInfo, Interrupt, IrqSink, LocalNic, MSI_WINDOW, QuiesceProof,
    Quiesced, Stamp, Transport, config, program_msix,
};

/// Vectors of the device, as the NIC's interrupt sink.
struct Vectors(Vec<Arc<Interrupt>>);

impl IrqSink for Vectors {
    fn raise(&self, vector: u16) {
        if let Some(interrupt) = self.0.get(usize::from(vector)) {
            interrupt.signal();
        }
    }
}

/// A NIC in this process as a [`Device`].
///
/// The NIC stays shared: whoever advances its time locks it too, in pieces short enough for register
/// accesses to come through (and with `unlock_fair` if it locks in a loop).
pub struct InProcess<N> {
    nic: Arc<Mutex<N>>,
    table: Arc<IovaTable>,
    vectors: Arc<Vectors>,
    info: DeviceInfo,
    gone: AtomicBool,
}

impl<N: LocalNic> InProcess<N> {
    /// Attaches `nic` to fresh host memory and interrupts, and programs its MSI-X table.
    ///
    /// # Errors
    /// [`DeviceError::Gone`] if the NIC does not show its magic word, [`DeviceError::Io`] if there are no
    /// eventfds to be had.
    pub fn new(nic: Arc<Mutex<N>>) -> Result<Self, DeviceError> {
        let table = Arc::new(IovaTable::new());
        let eventfds = (0..pci::MSIX_VECTORS_MAX)
            .map(|_| Interrupt::new().map(Arc::new))
            .collect::<Result<_, _>>()?;
        let vectors = Arc::new(Vectors(eventfds));
        let count = {
            let mut locked = nic.lock();
            locked.attach(table.clone(), vectors.clone());
            if locked.mmio_read(DEVICE.at(0, device::MAGIC)) != nic_abi::MAGIC {
                return Err(DeviceError::Gone);
            }
            let count = locked.mmio_read(DEVICE.at(0, device::VECTORS));
            let count = count.min(pci::MSIX_VECTORS_MAX.into()) as u16;
            program_msix(&mut *locked, count);
            count
        };
        let instance = DeviceInfo::next_instance();
        let info = DeviceInfo {
            instance,
            transport: Transport::InProcess,
            name: format!("in-process {instance}"),
            vectors: count,
            // Not page 0, so that a null address faults; not where interrupt messages go.
            iova_ranges: vec![
                PAGE_SIZE as u64..=MSI_WINDOW - 1,
                MSI_WINDOW + 0x10_0000..=(1 << 39) - 1,
            ],
            iova_page: PAGE_SIZE as u64,
            memory: Backing::Private,
        };
        Ok(Self {
            nic,
            table,
            vectors,
            info,
            gone: AtomicBool::new(false),
        })
    }

    /// The NIC itself, for whoever advances its time.
    pub fn nic(&self) -> &Arc<Mutex<N>> {
        &self.nic
    }

    /// What the NIC can reach.
    pub fn memory(&self) -> &Arc<IovaTable> {
        &self.table
    }

    /// Pulls the card out: from now on registers read all ones, writes go nowhere, memory is out of the NIC's
    /// reach.
    pub fn pull_out(&self) {
        self.gone.store(true, Ordering::Release);
        self.table.clear();
    }

    fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }
}

fn check(offset: u32) -> Result<(), DeviceError> {
    if offset.is_multiple_of(4) && offset < pci::BAR0_SIZE {
        Ok(())
    } else {
        Err(DeviceError::BadOffset { offset })
    }
}

impl<N: LocalNic> Device for InProcess<N> {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn read32(&self, offset: u32) -> Result<u32, DeviceError> {
        check(offset)?;
        if self.is_gone() {
            return Ok(u32::MAX);
        }
        Ok(self.nic.lock().mmio_read(offset))
    }

    fn write32(&self, offset: u32, value: u32) -> Result<(), DeviceError> {
        check(offset)?;
        if !self.is_gone() {
            self.nic.lock().mmio_write(offset, value);
        }
        Ok(())
    }

    fn config_space(&self) -> Result<Vec<u8>, DeviceError> {
        if self.is_gone() {
            return Err(DeviceError::Gone);
        }
        Ok(config::space(self.info.vectors))
    }

    fn dma_map(&self, region: &Arc<DmaRegion>, iova: u64) -> Result<(), DeviceError> {
        if self.is_gone() {
            return Err(DeviceError::Gone);
        }
        let len = region.len() as u64;
        let inside = |r: &std::ops::RangeInclusive<u64>| {
            iova.checked_add(len - 1)
                .is_some_and(|last| r.contains(&iova) && r.contains(&last))
        };
        if !self.info.iova_ranges.iter().any(inside) {
            return Err(MapError::OutOfRange { iova, len }.into());
        }
        self.table.map(region.clone(), iova)?;
        if self.is_gone() {
            // Severed between check and mapping.
            self.table.clear();
            return Err(DeviceError::Gone);
        }
        Ok(())
    }

    fn dma_unmap(&self, _region: &Arc<DmaRegion>, iova: u64) -> Result<(), DeviceError> {
        match self.table.unmap(iova) {
            Ok(_) => Ok(()),
            // Pulled out or severed: everything was unmapped then.
            Err(_) if self.is_gone() => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    fn interrupt(&self, vector: u16) -> Result<Arc<Interrupt>, DeviceError> {
        let vectors = self.info.vectors;
        self.vectors
            .0
            .get(usize::from(vector))
            .filter(|_| vector < vectors)
            .cloned()
            .ok_or(DeviceError::NoVector { vector, vectors })
    }

    fn reset(&self) -> Result<Quiesced, DeviceError> {
        let since = Stamp::now();
        if self.is_gone() {
            return Err(DeviceError::Gone);
        }
        let mut nic = self.nic.lock();
        nic.flr();
        program_msix(&mut *nic, self.info.vectors);
        Ok(Quiesced::by_transport(
            self.info.instance,
            since,
            QuiesceProof::FunctionReset,
        ))
    }

    fn sever(&self) -> Quiesced {
        let since = Stamp::now();
        self.pull_out();
        Quiesced::by_transport(self.info.instance, since, QuiesceProof::Severed)
    }
}
