//! The device behind the seam.

use std::{
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use longshore_device::{
    Device, DeviceError, DeviceInfo, Interrupt, QuiesceProof, Quiesced, Stamp, Transport,
};
use longshore_dma::{Backing, DmaRegion, MapError};
use longshore_sysfs::{Address, Sysfs};
use nic_abi::{
    block::{DEVICE, device},
    pci,
};
use parking_lot::{Mutex, RwLock};
use rustix::io::{Errno, pread, pwrite};
use vfio_bindings::bindings::vfio::{
    VFIO_PCI_BAR0_REGION_INDEX, VFIO_PCI_CONFIG_REGION_INDEX, VFIO_PCI_MSIX_IRQ_INDEX,
    VFIO_REGION_INFO_FLAG_MMAP,
};
use vfio_ioctls::VfioDevice;

use crate::{
    Capabilities, ConfigError, Interface, OpenError,
    attach::{Attached, attach},
    config,
    dma::Mapped,
    ffi,
    mmio::Bar,
};

/// A NIC behind the kernel's VFIO, as a [`Device`].
///
/// Fields are dropped in order: the device is closed before its memory is let go.
pub struct Vfio {
    /// `None` once the device is severed.
    attached: RwLock<Option<Attached>>,
    bar: Bar,
    mapped: Mutex<Mapped>,
    interrupts: Vec<Arc<Interrupt>>,
    info: DeviceInfo,
    gone: AtomicBool,
}

impl Vfio {
    /// Opens the function at `address` of this system.
    ///
    /// # Errors
    /// [`OpenError`], with the remedy.
    pub fn open(address: Address) -> Result<Self, OpenError> {
        Self::open_by(&Sysfs::system(), address, Interface::Best)
    }

    /// Opens the function at `address` by an interface of choice.
    ///
    /// # Errors
    /// [`OpenError`], with the remedy.
    pub fn open_by(
        sysfs: &Sysfs,
        address: Address,
        interface: Interface,
    ) -> Result<Self, OpenError> {
        let (attached, apertures) = attach(sysfs, address, interface)?;
        let device = &attached.device;
        let capabilities = start(device, address)?;
        let bar = map_bar0(device, address)?;
        let word = bar.read32(DEVICE.at(0, device::VECTORS))?;
        let known = device
            .get_irq_info(VFIO_PCI_MSIX_IRQ_INDEX)
            .map_or(0, |irq| irq.count);
        // Whoever is not alive does not say how many vectors it uses: the driver finds out by the magic word.
        let vectors = [u32::from(capabilities.vectors), word, known]
            .into_iter()
            .fold(pci::MSIX_VECTORS_MAX.into(), u32::min) as u16;
        let interrupts = enable_msix(device, vectors)?;
        let info = DeviceInfo {
            instance: DeviceInfo::next_instance(),
            transport: Transport::Vfio,
            name: address.to_string(),
            vectors,
            iova_ranges: apertures.ranges,
            iova_page: apertures.page,
            memory: Backing::Private,
        };
        Ok(Self {
            attached: RwLock::new(Some(attached)),
            bar,
            mapped: Mutex::default(),
            interrupts,
            info,
            gone: AtomicBool::new(false),
        })
    }

    fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// Calls `act` with the open device.
    fn with<R>(
        &self,
        act: impl FnOnce(&Attached) -> Result<R, DeviceError>,
    ) -> Result<R, DeviceError> {
        match &*self.attached.read() {
            Some(attached) => act(attached),
            None => Err(DeviceError::Gone),
        }
    }
}

/// Checks who is there and lets it answer and use the bus.
fn start(device: &VfioDevice, address: Address) -> Result<Capabilities, OpenError> {
    let config = read_config(device)?;
    let bad = |source: ConfigError| OpenError::Config { address, source };
    let capabilities = Capabilities::read(&config).map_err(bad)?;
    let (vendor, device_id) = (capabilities.vendor, capabilities.device);
    if (vendor, device_id) != (pci::VENDOR_ID, pci::DEVICE_ID) {
        return Err(OpenError::NotLongshore {
            address,
            vendor,
            device: device_id,
        });
    }
    let command = config::enabled_command(&config).ok_or(short(COMMAND))?;
    let at = device.get_region_offset(VFIO_PCI_CONFIG_REGION_INDEX) + config::COMMAND;
    match pwrite(ffi::file(device), &command, at) {
        Ok(n) if n == command.len() => Ok(capabilities),
        Ok(_) => Err(short(COMMAND).into()),
        Err(e) => Err(DeviceError::io(COMMAND)(e.into()).into()),
    }
}

const COMMAND: &str = "writing the command register";

fn read_config(device: &VfioDevice) -> Result<Vec<u8>, DeviceError> {
    const WHAT: &str = "reading the configuration space";
    let mut config = vec![0; device.get_region_size(VFIO_PCI_CONFIG_REGION_INDEX) as usize];
    let at = device.get_region_offset(VFIO_PCI_CONFIG_REGION_INDEX);
    match pread(ffi::file(device), &mut config, at) {
        Ok(n) if n == config.len() && n > 0 => Ok(config),
        Ok(_) => Err(short(WHAT)),
        Err(e) => Err(DeviceError::io(WHAT)(e.into())),
    }
}

fn short(what: &'static str) -> DeviceError {
    DeviceError::Io {
        what,
        source: std::io::ErrorKind::UnexpectedEof.into(),
    }
}

fn map_bar0(device: &VfioDevice, address: Address) -> Result<Bar, OpenError> {
    let index = VFIO_PCI_BAR0_REGION_INDEX;
    let size = device.get_region_size(index);
    let mappable = device.get_region_flags(index) & VFIO_REGION_INFO_FLAG_MMAP != 0;
    if size < pci::BAR0_SIZE.into() || !mappable {
        return Err(OpenError::Bar0 {
            address,
            size,
            mappable,
        });
    }
    let offset = device.get_region_offset(index);
    let bar = Bar::map(device, offset, pci::BAR0_SIZE as usize)
        .map_err(DeviceError::io("mapping BAR0"))?;
    Ok(bar)
}

/// Has the kernel signal an eventfd per vector. All at once: the table is the kernel's, and it programs it when it
/// enables interrupts.
fn enable_msix(device: &VfioDevice, vectors: u16) -> Result<Vec<Arc<Interrupt>>, DeviceError> {
    let interrupts = (0..vectors)
        .map(|_| Interrupt::new().map(Arc::new))
        .collect::<Result<Vec<_>, _>>()?;
    let eventfds = interrupts
        .iter()
        .map(|i| ffi::eventfd(i))
        .collect::<Result<Vec<_>, _>>()?;
    if !eventfds.is_empty() {
        device
            .enable_msix(eventfds.iter().collect())
            .map_err(|e| DeviceError::Io {
                what: "enabling MSI-X",
                source: std::io::Error::other(e),
            })?;
    }
    Ok(interrupts)
}

impl Device for Vfio {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn read32(&self, offset: u32) -> Result<u32, DeviceError> {
        let value = self.bar.read32(offset)?;
        // Looked at afterwards: a device that was cut off meanwhile did not give that value.
        Ok(if self.is_gone() { u32::MAX } else { value })
    }

    fn write32(&self, offset: u32, value: u32) -> Result<(), DeviceError> {
        self.bar.write32(offset, value)
    }

    fn config_space(&self) -> Result<Vec<u8>, DeviceError> {
        self.with(|attached| read_config(&attached.device))
    }

    fn dma_map(&self, region: &Arc<DmaRegion>, iova: u64) -> Result<(), DeviceError> {
        let len = region.len() as u64;
        let inside = |r: &RangeInclusive<u64>| {
            iova.checked_add(len - 1)
                .is_some_and(|last| r.contains(&iova) && r.contains(&last))
        };
        if !iova.is_multiple_of(self.info.iova_page) || !len.is_multiple_of(self.info.iova_page) {
            return Err(MapError::Misaligned { iova, len }.into());
        }
        if !self.info.iova_ranges.iter().any(inside) {
            return Err(MapError::OutOfRange { iova, len }.into());
        }
        self.with(|attached| self.mapped.lock().map(&*attached.ops, region, iova))
    }

    fn dma_unmap(&self, region: &Arc<DmaRegion>, iova: u64) -> Result<(), DeviceError> {
        match &*self.attached.read() {
            Some(attached) => self.mapped.lock().unmap(&*attached.ops, region, iova),
            // Closed: there are no mappings any more.
            None => Ok(()),
        }
    }

    fn interrupt(&self, vector: u16) -> Result<Arc<Interrupt>, DeviceError> {
        self.interrupts
            .get(usize::from(vector))
            .cloned()
            .ok_or(DeviceError::NoVector {
                vector,
                vectors: self.info.vectors,
            })
    }

    fn reset(&self) -> Result<Quiesced, DeviceError> {
        let since = Stamp::now();
        self.with(|attached| {
            // The kernel tries for the function's lock, which others hold for moments.
            let mut tries = 0;
            loop {
                match ffi::reset(&attached.device) {
                    Ok(()) => break,
                    Err(Errno::AGAIN | Errno::INTR) if tries < RESET_TRIES => tries += 1,
                    Err(e) => return Err(DeviceError::io("resetting the function")(e.into())),
                }
                std::thread::sleep(RESET_PAUSE);
            }
            Ok(Quiesced::by_transport(
                self.info.instance,
                since,
                QuiesceProof::FunctionReset,
            ))
        })
    }

    fn sever(&self) -> Quiesced {
        let since = Stamp::now();
        self.gone.store(true, Ordering::Release);
        let attached = self.attached.write().take();
        let mut mapped = self.mapped.lock();
        if let Some(attached) = attached {
            mapped.unmap_all(&*attached.ops);
            // The mapping of BAR0 holds the device's file, and so the IOMMU's mappings, too.
            match self.bar.cut_off() {
                Ok(()) => {
                    drop(attached);
                    mapped.forget();
                }
                Err(error) => {
                    tracing::error!(device = self.info.name, %error, "BAR0 stays mapped: DMA memory that could not be unmapped is kept");
                }
            }
        }
        Quiesced::by_transport(self.info.instance, since, QuiesceProof::Severed)
    }
}

/// A second in all.
const RESET_TRIES: u32 = 100;
const RESET_PAUSE: Duration = Duration::from_millis(10);
