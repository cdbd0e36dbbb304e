//! What a client asks.

use rustix::io::Errno;

use crate::{
    Command, Header, MAX_DATA, Version,
    body::{DeviceInfo, DmaMap, DmaUnmap, IrqInfo, IrqSet, RegionAccess, RegionInfo},
    pci::IrqSetFlags,
};

/// What is done with interrupts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IrqAction {
    /// Mask.
    Mask,
    /// Unmask.
    Unmask,
    /// Signal, or choose what is signalled.
    Trigger,
}

/// With which interrupts of the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IrqData<'m> {
    /// All.
    None,
    /// Those whose byte is not 0; there are as many bytes as interrupts.
    Bool(&'m [u8]),
    /// All, with a file descriptor for each beside the message; if there are none the range is unassigned.
    Eventfd,
}

/// `VFIO_USER_DEVICE_SET_IRQS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetIrqs<'m> {
    /// Which kind of interrupt.
    pub index: u32,
    /// First of the kind.
    pub start: u32,
    /// How many. 0 with [`IrqData::None`] and [`IrqAction::Trigger`]: switch the kind off.
    pub count: u32,
    /// What is done.
    pub action: IrqAction,
    /// With which.
    pub data: IrqData<'m>,
}

impl<'m> SetIrqs<'m> {
    fn parse(body: &'m [u8]) -> Result<Self, Errno> {
        let (set, data) = IrqSet::parse(body).ok_or(Errno::INVAL)?;
        let flags = IrqSetFlags::from_bits(set.flags).ok_or(Errno::INVAL)?;
        let actions = IrqSetFlags::MASK | IrqSetFlags::UNMASK | IrqSetFlags::TRIGGER;
        let action = match flags & actions {
            IrqSetFlags::MASK => IrqAction::Mask,
            IrqSetFlags::UNMASK => IrqAction::Unmask,
            IrqSetFlags::TRIGGER => IrqAction::Trigger,
            _ => return Err(Errno::INVAL),
        };
        let data = match flags - actions {
            IrqSetFlags::DATA_NONE => IrqData::None,
            IrqSetFlags::DATA_BOOL => {
                IrqData::Bool(data.get(..set.count as usize).ok_or(Errno::INVAL)?)
            }
            IrqSetFlags::DATA_EVENTFD => IrqData::Eventfd,
            _ => return Err(Errno::INVAL),
        };
        set.start.checked_add(set.count).ok_or(Errno::INVAL)?;
        Ok(Self {
            index: set.index,
            start: set.start,
            count: set.count,
            action,
            data,
        })
    }
}

/// A command from a client to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request<'m> {
    /// Handshake.
    Version(Version),
    /// The device may reach this memory; a file descriptor may come beside it.
    DmaMap(DmaMap),
    /// It may reach this memory no more.
    DmaUnmap(DmaUnmap),
    /// What is the device?
    GetInfo,
    /// What is this region?
    GetRegionInfo {
        /// Which region.
        index: u32,
    },
    /// What is this kind of interrupt?
    GetIrqInfo {
        /// Which kind.
        index: u32,
    },
    /// Where interrupts go.
    SetIrqs(SetIrqs<'m>),
    /// Read from a region.
    RegionRead(RegionAccess),
    /// Write to a region.
    RegionWrite(RegionAccess, &'m [u8]),
    /// Reset the device.
    Reset,
}

impl<'m> Request<'m> {
    /// Parses the body of a command.
    ///
    /// # Errors
    /// The errno to answer with: `EINVAL` for a body that is too short or contradicts itself, `EMSGSIZE` for more data
    /// than was agreed on, `EOPNOTSUPP` for a command that is unknown, optional and not offered, or not a client's.
    pub fn parse(header: &Header, body: &'m [u8]) -> Result<Self, Errno> {
        let command = Command::from_number(header.command).ok_or(Errno::OPNOTSUPP)?;
        Ok(match command {
            Command::Version => Self::Version(Version::parse(body)?),
            Command::DmaMap => {
                let (map, _) = DmaMap::parse(body).ok_or(Errno::INVAL)?;
                Self::DmaMap(map)
            }
            Command::DmaUnmap => {
                let (unmap, _) = DmaUnmap::parse(body).ok_or(Errno::INVAL)?;
                Self::DmaUnmap(unmap)
            }
            Command::GetInfo => {
                let (info, _) = DeviceInfo::parse(body).ok_or(Errno::INVAL)?;
                fits(info.argsz, DeviceInfo::LEN)?;
                Self::GetInfo
            }
            Command::GetRegionInfo => {
                let (info, _) = RegionInfo::parse(body).ok_or(Errno::INVAL)?;
                fits(info.argsz, RegionInfo::LEN)?;
                Self::GetRegionInfo { index: info.index }
            }
            Command::GetIrqInfo => {
                let (info, _) = IrqInfo::parse(body).ok_or(Errno::INVAL)?;
                fits(info.argsz, IrqInfo::LEN)?;
                Self::GetIrqInfo { index: info.index }
            }
            Command::SetIrqs => Self::SetIrqs(SetIrqs::parse(body)?),
            Command::RegionRead => {
                let (access, _) = RegionAccess::parse(body).ok_or(Errno::INVAL)?;
                agreed(access.count)?;
                Self::RegionRead(access)
            }
            Command::RegionWrite => {
                let (access, data) = RegionAccess::parse(body).ok_or(Errno::INVAL)?;
                agreed(access.count)?;
                let data = data.get(..access.count as usize).ok_or(Errno::INVAL)?;
                Self::RegionWrite(access, data)
            }
            Command::Reset => Self::Reset,
            Command::GetRegionIoFds
            | Command::DmaRead
            | Command::DmaWrite
            | Command::DirtyPages
            | Command::RegionWriteMulti
            | Command::DeviceFeature
            | Command::MigDataRead
            | Command::MigDataWrite => return Err(Errno::OPNOTSUPP),
        })
    }
}

/// A reply that does not fit is no use to anybody.
fn fits(argsz: u32, len: usize) -> Result<(), Errno> {
    if argsz as usize >= len {
        Ok(())
    } else {
        Err(Errno::INVAL)
    }
}

fn agreed(count: u32) -> Result<(), Errno> {
    if count as usize <= MAX_DATA {
        Ok(())
    } else {
        Err(Errno::MSGSIZE)
    }
}

#[cfg(test)]
mod tests;
