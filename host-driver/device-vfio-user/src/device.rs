//! The device behind the socket.

use std::{
    io,
    sync::{
        Arc,
        atomic::{Ordering, fence},
    },
    time::Duration,
};

use longshore_device::{Device, DeviceError, DeviceInfo, Interrupt, QuiesceProof, Quiesced, Stamp};
use longshore_dma::{DmaRegion, IovaTable, MapError};
use longshore_vfio_user::{
    Command,
    body::{DmaMap, DmaUnmap, RegionAccess},
    pci::{BAR0_REGION, CONFIG_REGION, DmaFlags},
};
use nic_abi::pci;
use parking_lot::Mutex;

use crate::{
    Options,
    session::{Failure, Session, State},
};

/// Offset of the command register in the configuration space, and its bits for memory space and bus mastering (PCI
/// Express Base 5.0, section 7.5.1.1.3).
const COMMAND: u64 = 0x04;
const MEMORY_AND_MASTER: u16 = 0x0006;

/// A NIC behind a vfio-user socket, as a [`Device`].
pub struct VfioUser {
    session: Mutex<Session>,
    /// What is mapped; the server may ask for it over the socket too.
    memory: Arc<IovaTable>,
    info: DeviceInfo,
    interrupts: Vec<Arc<Interrupt>>,
    config_bytes: u32,
    can_reset: bool,
    options: Options,
}

impl VfioUser {
    pub(crate) fn new(
        session: Session,
        memory: Arc<IovaTable>,
        info: DeviceInfo,
        interrupts: Vec<Arc<Interrupt>>,
        config_bytes: u32,
        can_reset: bool,
        options: Options,
    ) -> Self {
        Self {
            session: Mutex::new(session),
            memory,
            info,
            interrupts,
            config_bytes,
            can_reset,
            options,
        }
    }

    /// Lets the device answer to memory accesses and use the bus.
    pub(crate) fn master_the_bus(&self) -> Result<(), DeviceError> {
        self.region_write(CONFIG_REGION, COMMAND, &MEMORY_AND_MASTER.to_le_bytes())
    }

    fn region_read(&self, region: u32, offset: u64, count: u32) -> Result<Vec<u8>, DeviceError> {
        let what = "reading from the device";
        let access = RegionAccess {
            offset,
            region,
            count,
        };
        let body = self
            .session
            .lock()
            .ask(Command::RegionRead, &[&access.encode()], &[])
            .map_err(|failure| failure.device(what))?;
        match RegionAccess::parse(&body) {
            Some((_, data)) if data.len() >= count as usize => Ok(data[..count as usize].to_vec()),
            _ => Err(DeviceError::io(what)(io::ErrorKind::InvalidData.into())),
        }
    }

    /// Writes and waits until it is done.
    fn region_write(&self, region: u32, offset: u64, data: &[u8]) -> Result<(), DeviceError> {
        let access = RegionAccess {
            offset,
            region,
            count: data.len() as u32,
        };
        self.session
            .lock()
            .ask(Command::RegionWrite, &[&access.encode(), data], &[])
            .map(drop)
            .map_err(|failure| failure.device("writing to the device"))
    }

    fn function_reset(&self) -> Result<(), DeviceError> {
        if !self.can_reset {
            return Err(DeviceError::io("resetting the device")(
                io::ErrorKind::Unsupported.into(),
            ));
        }
        self.session
            .lock()
            .ask(Command::Reset, &[], &[])
            .map_err(|failure| failure.device("resetting the device"))?;
        // Other servers may take the reset for one of the configuration space too.
        self.master_the_bus()
    }
}

fn check(offset: u32) -> Result<(), DeviceError> {
    if offset.is_multiple_of(4) && offset < pci::BAR0_SIZE {
        Ok(())
    } else {
        Err(DeviceError::BadOffset { offset })
    }
}

impl Device for VfioUser {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn read32(&self, offset: u32) -> Result<u32, DeviceError> {
        check(offset)?;
        let bytes = self.region_read(BAR0_REGION, offset.into(), 4)?;
        // What the server wrote to memory before it answered.
        fence(Ordering::Acquire);
        let word = bytes.first_chunk().copied().unwrap_or([0xff; 4]);
        Ok(u32::from_le_bytes(word))
    }

    fn write32(&self, offset: u32, value: u32) -> Result<(), DeviceError> {
        check(offset)?;
        let access = RegionAccess {
            offset: offset.into(),
            region: BAR0_REGION,
            count: 4,
        };
        // What was stored to memory before the doorbell.
        fence(Ordering::Release);
        self.session
            .lock()
            .tell(
                Command::RegionWrite,
                &[&access.encode(), &value.to_le_bytes()],
            )
            .map_err(|failure| failure.device("writing to the device"))
    }

    fn config_space(&self) -> Result<Vec<u8>, DeviceError> {
        self.region_read(CONFIG_REGION, 0, self.config_bytes)
    }

    fn dma_map(&self, region: &Arc<DmaRegion>, iova: u64) -> Result<(), DeviceError> {
        let what = "mapping DMA memory";
        let len = region.len() as u64;
        let inside = |r: &std::ops::RangeInclusive<u64>| {
            iova.checked_add(len - 1)
                .is_some_and(|last| r.contains(&iova) && r.contains(&last))
        };
        if !self.info.iova_ranges.iter().any(inside) {
            return Err(MapError::OutOfRange { iova, len }.into());
        }
        let file = region.file().ok_or_else(|| {
            let private = "memory of this process alone: allocate it with Backing::Shared";
            DeviceError::io(what)(io::Error::new(io::ErrorKind::InvalidInput, private))
        })?;
        let map = DmaMap {
            argsz: DmaMap::LEN as u32,
            flags: DmaFlags::all().bits(),
            offset: 0,
            address: iova,
            size: len,
        };
        let mut session = self.session.lock();
        if session.state() != State::Live {
            return Err(DeviceError::Gone);
        }
        // The table refuses overlaps before the server sees them.
        self.memory.map(Arc::clone(region), iova)?;
        let mapped = session.ask(Command::DmaMap, &[&map.encode()], &[file]);
        mapped.map(drop).map_err(|failure| {
            if matches!(failure, Failure::Refused(_)) || session.state() == State::Closed {
                // The server has none of it.
                let _ = self.memory.unmap(iova);
            }
            failure.device(what)
        })
    }

    fn dma_unmap(&self, region: &Arc<DmaRegion>, iova: u64) -> Result<(), DeviceError> {
        let unmap = DmaUnmap {
            argsz: DmaUnmap::LEN as u32,
            flags: 0,
            address: iova,
            size: region.len() as u64,
        };
        let mut session = self.session.lock();
        if session.state() == State::Live {
            let unmapped = session.ask(Command::DmaUnmap, &[&unmap.encode()], &[]);
            if let Err(failure) = unmapped
                && session.state() != State::Closed
            {
                return Err(failure.device("unmapping DMA memory"));
            }
        }
        let state = match session.state() {
            // It may have closed the connection since.
            State::Lost => session.end(Duration::ZERO),
            state => state,
        };
        match state {
            State::Live => self.memory.unmap(iova).map(drop).map_err(Into::into),
            // A server that has closed the connection, or is dead, reaches nothing.
            State::Closed => {
                let _ = self.memory.unmap(iova);
                Ok(())
            }
            State::Lost => Err(DeviceError::Timeout {
                what: "cut off from this memory",
            }),
        }
    }

    fn interrupt(&self, vector: u16) -> Result<Arc<Interrupt>, DeviceError> {
        let vectors = self.info.vectors;
        self.interrupts
            .get(usize::from(vector))
            .cloned()
            .ok_or(DeviceError::NoVector { vector, vectors })
    }

    fn reset(&self) -> Result<Quiesced, DeviceError> {
        let since = Stamp::now();
        self.function_reset()?;
        Ok(Quiesced::by_transport(
            self.info.instance,
            since,
            QuiesceProof::FunctionReset,
        ))
    }

    /// Closes the connection. The server takes that as the end of all mappings and says so by closing its own end; the
    /// memory of one that says nothing in time is never freed.
    fn sever(&self) -> Quiesced {
        let since = Stamp::now();
        let mut session = self.session.lock();
        match session.end(self.options.farewell) {
            State::Closed => self.memory.clear(),
            State::Live | State::Lost => {
                tracing::error!(
                    mappings = self.memory.mapped(),
                    "DMA memory leaked: the vfio-user server does not let go of it"
                );
                std::mem::forget(Arc::clone(&self.memory));
            }
        }
        Quiesced::by_transport(self.info.instance, since, QuiesceProof::Severed)
    }
}

impl Drop for VfioUser {
    fn drop(&mut self) {
        self.sever();
    }
}
