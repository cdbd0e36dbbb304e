//! From a socket to a device.

use std::{
    io,
    os::fd::AsFd,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use longshore_device::{DeviceError, DeviceInfo, Interrupt, MSI_WINDOW, Transport};
use longshore_dma::{Backing, IovaTable, PAGE_SIZE};
use longshore_vfio_user::{
    Channel, Command, PROTOCOL, Version,
    body::{self, IrqInfo, IrqSet, RegionInfo},
    pci::{BAR0_REGION, CONFIG_REGION, DeviceFlags, IrqSetFlags, MSIX_IRQ},
};
use nic_abi::{
    block::{DEVICE, device},
    pci,
};

use longshore_device::Device;

use crate::{
    OpenError, VfioUser,
    session::{Failure, Session},
};

/// How a NIC behind a socket is talked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The server is given up when it has not answered for so long. A simulator may well stall for seconds.
    pub timeout: Duration,
    /// How long the end of a connection waits for the server to let go of the memory.
    pub farewell: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(60),
            farewell: Duration::from_secs(10),
        }
    }
}

impl VfioUser {
    /// Connects to the server at `path` and prepares its device: bus mastering on, an eventfd for each vector.
    ///
    /// # Errors
    /// [`OpenError`], with what to do.
    pub fn connect(path: &Path) -> Result<Self, OpenError> {
        Self::connect_with(path, Options::default())
    }

    /// As [`VfioUser::connect`], with its time limits.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn connect_with(path: &Path, options: Options) -> Result<Self, OpenError> {
        let channel = Channel::connect(path, Instant::now() + options.timeout)
            .map_err(|e| OpenError::connecting(path.to_owned(), e))?;
        let memory = Arc::new(IovaTable::new());
        let mut session = Session::new(channel, options.timeout, Arc::clone(&memory));
        let most_fds = shake_hands(&mut session, path)?;
        let can_reset = look_at_device(&mut session)?;
        let config_bytes = look_at_regions(&mut session)?;
        let vectors = count_vectors(&mut session)?;
        let interrupts = (0..vectors)
            .map(|_| Interrupt::new().map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        assign(&mut session, &interrupts, most_fds)?;
        let info = DeviceInfo {
            instance: DeviceInfo::next_instance(),
            transport: Transport::VfioUser,
            name: path.display().to_string(),
            vectors,
            // Not page 0, so that a null address faults; not where interrupt messages go.
            iova_ranges: vec![
                PAGE_SIZE as u64..=MSI_WINDOW - 1,
                MSI_WINDOW + 0x10_0000..=(1 << 39) - 1,
            ],
            iova_page: PAGE_SIZE as u64,
            memory: Backing::Shared,
        };
        let device = Self::new(
            session,
            memory,
            info,
            interrupts,
            config_bytes,
            can_reset,
            options,
        );
        check_identity(&device)?;
        device.master_the_bus()?;
        if device.read32(DEVICE.at(0, device::MAGIC))? != nic_abi::MAGIC {
            return Err(DeviceError::Gone.into());
        }
        Ok(device)
    }
}

/// As an error of opening, `what` having been asked.
fn failed(what: &'static str) -> impl FnOnce(Failure) -> OpenError {
    move |failure| match failure {
        Failure::Channel(error) => error.into(),
        Failure::Refused(source) => DeviceError::Io { what, source }.into(),
    }
}

/// Gives how many descriptors the server takes with one message.
fn shake_hands(session: &mut Session, path: &Path) -> Result<usize, OpenError> {
    let answer = session.ask(Command::Version, &[&Version::OURS.encode()], &[]);
    let body = answer.map_err(|failure| match failure {
        Failure::Refused(e) if e.kind() == io::ErrorKind::ResourceBusy => OpenError::Busy {
            path: path.to_owned(),
        },
        Failure::Refused(source) => OpenError::Handshake { source },
        Failure::Channel(error) => error.into(),
    })?;
    let version = Version::parse(&body).map_err(|_| OpenError::Nonsense {
        what: "the handshake",
    })?;
    if version.number.major != PROTOCOL.major || version.number.minor > PROTOCOL.minor {
        return Err(OpenError::Protocol {
            major: version.number.major,
            minor: version.number.minor,
        });
    }
    let most = usize::try_from(version.capabilities.max_msg_fds);
    Ok(most.unwrap_or(usize::MAX).max(1))
}

/// Gives whether the device has a reset of its own.
fn look_at_device(session: &mut Session) -> Result<bool, OpenError> {
    let what = "what the device is";
    let asked = body::DeviceInfo {
        argsz: body::DeviceInfo::LEN as u32,
        ..body::DeviceInfo::default()
    };
    let answer = session
        .ask(Command::GetInfo, &[&asked.encode()], &[])
        .map_err(failed(what))?;
    let (info, _) = body::DeviceInfo::parse(&answer).ok_or(OpenError::Nonsense { what })?;
    let flags = DeviceFlags::from_bits_retain(info.flags);
    if !flags.contains(DeviceFlags::PCI) || info.num_regions <= CONFIG_REGION {
        return Err(OpenError::Lacks {
            what: "the regions of a PCI device",
        });
    }
    if info.num_irqs <= MSIX_IRQ {
        return Err(OpenError::Lacks { what: "MSI-X" });
    }
    Ok(flags.contains(DeviceFlags::RESET))
}

/// Gives the bytes of the configuration space.
fn look_at_regions(session: &mut Session) -> Result<u32, OpenError> {
    let what = "what a region is";
    let mut size = |index| {
        let asked = RegionInfo {
            argsz: RegionInfo::LEN as u32,
            index,
            ..RegionInfo::default()
        };
        let answer = session
            .ask(Command::GetRegionInfo, &[&asked.encode()], &[])
            .map_err(failed(what))?;
        let info = RegionInfo::parse(&answer).ok_or(OpenError::Nonsense { what })?;
        Ok::<u64, OpenError>(info.0.size)
    };
    if size(BAR0_REGION)? < pci::BAR0_SIZE.into() {
        return Err(OpenError::Lacks {
            what: "BAR0 of the right size",
        });
    }
    match size(CONFIG_REGION)? {
        ..256 => Err(OpenError::Lacks {
            what: "a configuration space",
        }),
        256..4096 => Ok(256),
        4096.. => Ok(4096),
    }
}

fn count_vectors(session: &mut Session) -> Result<u16, OpenError> {
    let what = "how many vectors there are";
    let asked = IrqInfo {
        argsz: IrqInfo::LEN as u32,
        index: MSIX_IRQ,
        ..IrqInfo::default()
    };
    let answer = session
        .ask(Command::GetIrqInfo, &[&asked.encode()], &[])
        .map_err(failed(what))?;
    let (info, _) = IrqInfo::parse(&answer).ok_or(OpenError::Nonsense { what })?;
    match info.count {
        0 => Err(OpenError::Lacks {
            what: "MSI-X vectors",
        }),
        count => Ok(count.min(pci::MSIX_VECTORS_MAX.into()) as u16),
    }
}

/// Tells the server the eventfd of each vector.
fn assign(
    session: &mut Session,
    interrupts: &[Arc<Interrupt>],
    most_fds: usize,
) -> Result<(), OpenError> {
    let most = most_fds.min(longshore_vfio_user::MAX_FDS);
    for (start, part) in (0..).step_by(most).zip(interrupts.chunks(most)) {
        let set = IrqSet {
            argsz: IrqSet::LEN as u32,
            flags: (IrqSetFlags::DATA_EVENTFD | IrqSetFlags::TRIGGER).bits(),
            index: MSIX_IRQ,
            start,
            count: part.len() as u32,
        };
        let fds: Vec<_> = part.iter().map(|i| i.as_fd()).collect();
        session
            .ask(Command::SetIrqs, &[&set.encode()], &fds)
            .map_err(failed("assigning interrupts"))?;
    }
    Ok(())
}

fn check_identity(device: &VfioUser) -> Result<(), OpenError> {
    let config = device.config_space()?;
    let word = |at: usize| u16::from_le_bytes([config[at], config[at + 1]]);
    let (vendor, id) = (word(0), word(2));
    if (vendor, id) == (pci::VENDOR_ID, pci::DEVICE_ID) {
        Ok(())
    } else {
        Err(OpenError::OtherDevice { vendor, device: id })
    }
}
