//! A NIC as a VFIO device: what is answered to each command.

use std::{os::fd::OwnedFd, sync::Arc};

use longshore_device::program_msix;
use longshore_vfio_user::{
    Errno, Request,
    body::{DeviceInfo, IrqInfo, RegionAccess, RegionInfo},
    pci::{
        BAR0_REGION, CONFIG_REGION, DeviceFlags, IRQS, IrqFlags, MSIX_IRQ, REGIONS, RegionFlags,
    },
};
use nic_abi::{
    block::{DEVICE, device},
    pci,
};

use crate::{
    ServedNic,
    bar::{self, Table},
    config_space::{self, ConfigSpace, Effect},
    counts::{Counters, count},
    link::Link,
    memory::ClientMemory,
    vectors::Vectors,
};

/// A NIC as a VFIO device.
pub(crate) struct VfioDevice<N> {
    pub(crate) nic: N,
    link: Arc<Link>,
    memory: Arc<ClientMemory>,
    vectors: Arc<Vectors>,
    config: ConfigSpace,
    table: Table,
    counters: Arc<Counters>,
    negotiated: bool,
}

impl<N: ServedNic> VfioDevice<N> {
    /// Attaches `nic` to the memory and the eventfds of whoever `link` leads to. `None` if it shows no magic word.
    pub(crate) fn new(mut nic: N, link: Arc<Link>, counters: Arc<Counters>) -> Option<Self> {
        // Vectors are counted by the NIC, and it answers only when it is attached: to what there is at most.
        let memory = Arc::new(ClientMemory::new(Arc::clone(&link), Arc::clone(&counters)));
        let most = pci::MSIX_VECTORS_MAX;
        let vectors = Arc::new(Vectors::new(most, Arc::clone(&counters)));
        nic.attach(
            Arc::clone(&memory) as _,
            Arc::clone(&vectors) as Arc<dyn longshore_device::IrqSink>,
        );
        if nic.mmio_read(DEVICE.at(0, device::MAGIC)) != nic_abi::MAGIC {
            return None;
        }
        let count = nic.mmio_read(DEVICE.at(0, device::VECTORS));
        let count = count.clamp(1, most.into()) as u16;
        vectors.truncate(count);
        program_msix(&mut nic, count);
        Some(Self {
            nic,
            link,
            memory,
            config: ConfigSpace::new(count),
            table: Table::new(count.into()),
            vectors,
            counters,
            negotiated: false,
        })
    }

    /// True once the client has shaken hands.
    pub(crate) fn is_negotiated(&self) -> bool {
        self.negotiated
    }

    /// The client is gone: cuts the NIC off from its memory and its eventfds.
    pub(crate) fn cut_off(&mut self) {
        self.memory.clear();
        self.vectors.clear();
        self.negotiated = false;
    }

    /// Makes the device as it is after power-on, but for EPOCH.
    pub(crate) fn make_fresh(&mut self) {
        self.function_reset();
        self.config.reset();
    }

    /// Resets the NIC. Mappings and eventfds stay.
    fn function_reset(&mut self) {
        self.nic.flr();
        self.vectors.reset();
        self.table = Table::new(self.vectors.count());
        program_msix(&mut self.nic, self.vectors.count() as u16);
        count(&self.counters.resets);
    }

    /// What is answered to a command: a body or an error.
    pub(crate) fn answer(
        &mut self,
        request: &Request<'_>,
        fds: Vec<OwnedFd>,
    ) -> Result<Vec<u8>, Errno> {
        if let Request::Version(theirs) = request {
            let answer = theirs.answer()?;
            self.link.agree(theirs.capabilities);
            self.negotiated = true;
            return Ok(answer.encode());
        }
        if !self.negotiated {
            return Err(Errno::PROTO);
        }
        match request {
            Request::Version(_) => Err(Errno::PROTO),
            Request::DmaMap(map) => self.memory.map(map, fds).map(|()| Vec::new()),
            Request::DmaUnmap(unmap) => self.memory.unmap(unmap).map(|()| unmap.encode()),
            Request::GetInfo => Ok(device_info().encode()),
            Request::GetRegionInfo { index } => Ok(region_info(*index)?.encode()),
            Request::GetIrqInfo { index } => Ok(self.irq_info(*index)?.encode()),
            Request::SetIrqs(set) if set.index == MSIX_IRQ => {
                self.vectors.set(set, fds).map(|()| Vec::new())
            }
            // Kinds that there are none of can be switched off.
            Request::SetIrqs(set) if set.index < IRQS && set.count == 0 => Ok(Vec::new()),
            Request::SetIrqs(_) => Err(Errno::INVAL),
            Request::RegionRead(access) => self.region_read(access),
            Request::RegionWrite(access, data) => {
                self.region_write(access, data)?;
                Ok(access.encode())
            }
            Request::Reset => {
                // As the kernel does it: configuration is saved before and restored after.
                self.function_reset();
                Ok(Vec::new())
            }
        }
    }

    fn irq_info(&self, index: u32) -> Result<IrqInfo, Errno> {
        let (flags, count) = match index {
            MSIX_IRQ => (IrqFlags::EVENTFD | IrqFlags::NORESIZE, self.vectors.count()),
            _ if index < IRQS => (IrqFlags::empty(), 0),
            _ => return Err(Errno::INVAL),
        };
        Ok(IrqInfo {
            argsz: IrqInfo::LEN as u32,
            flags: flags.bits(),
            index,
            count,
        })
    }

    fn region_read(&mut self, access: &RegionAccess) -> Result<Vec<u8>, Errno> {
        // Before anything is allocated for it: no region is that long.
        if u64::from(access.count) > region_info(access.region)?.size {
            return Err(Errno::INVAL);
        }
        let mut body = access.encode();
        body.resize(RegionAccess::LEN + access.count as usize, 0);
        let data = &mut body[RegionAccess::LEN..];
        match access.region {
            BAR0_REGION => bar::read(
                &mut self.nic,
                &mut self.table,
                &self.vectors,
                access.offset,
                data,
            )?,
            CONFIG_REGION if self.config.read(access.offset, data) => {}
            _ => return Err(Errno::INVAL),
        }
        Ok(body)
    }

    fn region_write(&mut self, access: &RegionAccess, data: &[u8]) -> Result<(), Errno> {
        match access.region {
            BAR0_REGION => bar::write(&mut self.nic, &mut self.table, access.offset, data),
            CONFIG_REGION => {
                let effect = self.config.write(access.offset, data);
                if effect.ok_or(Errno::INVAL)? == Effect::FunctionReset {
                    self.make_fresh();
                }
                self.memory.set_bus_master(self.config.is_bus_master());
                Ok(())
            }
            _ => Err(Errno::INVAL),
        }
    }
}

fn device_info() -> DeviceInfo {
    DeviceInfo {
        argsz: DeviceInfo::LEN as u32,
        flags: (DeviceFlags::PCI | DeviceFlags::RESET).bits(),
        num_regions: REGIONS,
        num_irqs: IRQS,
    }
}

fn region_info(index: u32) -> Result<RegionInfo, Errno> {
    let size = match index {
        BAR0_REGION => pci::BAR0_SIZE.into(),
        CONFIG_REGION => config_space::BYTES as u64,
        _ if index < REGIONS => 0,
        _ => return Err(Errno::INVAL),
    };
    let flags = if size == 0 {
        RegionFlags::empty()
    } else {
        RegionFlags::READ | RegionFlags::WRITE
    };
    Ok(RegionInfo {
        argsz: RegionInfo::LEN as u32,
        flags: flags.bits(),
        index,
        size,
        ..RegionInfo::default()
    })
}
