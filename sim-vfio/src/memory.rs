//! The client's memory as the NIC reaches it: by bus address, through what the client mapped.

use std::{
    collections::HashMap,
    fs::File,
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::FileExt,
    },
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use longshore_dma::{DmaFault, DmaRegion, FaultCause, HostMemory};
use longshore_vfio_user::{
    Errno,
    body::{DmaMap, DmaUnmap},
    pci::{DmaFlags, UnmapFlags},
};
use parking_lot::Mutex;

use crate::{
    counts::{Counters, count},
    link::Link,
    ranges::{Cut, Ranges},
};

/// Ranges at the same time: what the specification lets a client assume.
const MOST_RANGES: usize = 65_535;

/// Where the bytes of a range are.
#[derive(Debug, Clone)]
enum Place {
    /// In a file that is mapped here as a whole.
    Mapped { region: Arc<DmaRegion>, offset: u64 },
    /// In a file that may be cut off at any time: a mapping could kill this process.
    File { file: Arc<File>, offset: u64 },
    /// With the client alone: it is asked over the socket.
    Remote,
}

#[derive(Debug, Clone)]
struct Target {
    place: Place,
    flags: DmaFlags,
}

impl Cut for Target {
    fn from(&self, bytes: u64) -> Self {
        let place = match &self.place {
            Place::Mapped { region, offset } => Place::Mapped {
                region: Arc::clone(region),
                offset: offset + bytes,
            },
            Place::File { file, offset } => Place::File {
                file: Arc::clone(file),
                offset: offset + bytes,
            },
            Place::Remote => Place::Remote,
        };
        Self {
            place,
            flags: self.flags,
        }
    }
}

#[derive(Default)]
struct Table {
    ranges: Ranges<Target>,
    /// Files that are mapped, by device and inode: a guest's memory is one file behind thousands of ranges.
    files: HashMap<(u64, u64), Weak<DmaRegion>>,
    /// Files that are not, likewise: there are fewer descriptors than ranges.
    loose: HashMap<(u64, u64), Weak<File>>,
}

/// The memory of the present client.
pub(crate) struct ClientMemory {
    table: Mutex<Table>,
    link: Arc<Link>,
    counters: Arc<Counters>,
    bus_master: AtomicBool,
}

/// What an access does.
enum Access<'b> {
    Read(&'b mut [u8]),
    Write(&'b [u8]),
}

impl ClientMemory {
    pub(crate) fn new(link: Arc<Link>, counters: Arc<Counters>) -> Self {
        Self {
            table: Mutex::default(),
            link,
            counters,
            bus_master: AtomicBool::new(false),
        }
    }

    /// Takes everything away: when this returns the NIC reaches none of it.
    pub(crate) fn clear(&self) {
        let mut table = self.table.lock();
        *table = Table::default();
        self.bus_master.store(false, Ordering::Relaxed);
    }

    /// Lets the NIC use the bus, or not.
    pub(crate) fn set_bus_master(&self, on: bool) {
        self.bus_master.store(on, Ordering::Relaxed);
    }

    /// Does what `VFIO_USER_DMA_MAP` asks for.
    pub(crate) fn map(&self, map: &DmaMap, mut fds: Vec<OwnedFd>) -> Result<(), Errno> {
        let flags = DmaFlags::from_bits(map.flags).filter(|f| !f.is_empty());
        let flags = flags.ok_or(Errno::INVAL)?;
        let last = map.size.checked_sub(1).ok_or(Errno::INVAL)?;
        let last = map.address.checked_add(last).ok_or(Errno::INVAL)?;
        let end = map.offset.checked_add(map.size).ok_or(Errno::INVAL)?;
        let fd = fds.pop();
        if !fds.is_empty() {
            return Err(Errno::INVAL);
        }
        let mut table = self.table.lock();
        if table.ranges.len() >= MOST_RANGES {
            return Err(Errno::NOSPC);
        }
        let place = match fd {
            None => Place::Remote,
            Some(fd) => table.open(fd, map.offset, end)?,
        };
        if !table
            .ranges
            .insert(map.address, last, Target { place, flags })
        {
            return Err(Errno::EXIST);
        }
        count(&self.counters.maps);
        Ok(())
    }

    /// Does what `VFIO_USER_DMA_UNMAP` asks for. Whatever was mapped there, it is not afterwards.
    pub(crate) fn unmap(&self, unmap: &DmaUnmap) -> Result<(), Errno> {
        let flags = UnmapFlags::from_bits(unmap.flags).ok_or(Errno::INVAL)?;
        if flags.contains(UnmapFlags::DIRTY) {
            return Err(Errno::OPNOTSUPP);
        }
        let mut table = self.table.lock();
        if flags.contains(UnmapFlags::ALL) {
            table.ranges.clear();
        } else {
            let last = unmap.size.checked_sub(1).ok_or(Errno::INVAL)?;
            let last = unmap.address.checked_add(last).ok_or(Errno::INVAL)?;
            table.ranges.remove(unmap.address, last);
        }
        table.files.retain(|_, region| region.strong_count() > 0);
        table.loose.retain(|_, file| file.strong_count() > 0);
        count(&self.counters.unmaps);
        Ok(())
    }

    /// Does an access if all of it is mapped for it and the NIC may use the bus; else nothing of it.
    fn access(&self, iova: u64, mut access: Access<'_>) -> Result<(), ()> {
        let (needed, len) = match &access {
            Access::Read(to) => (DmaFlags::READ, to.len()),
            Access::Write(data) => (DmaFlags::WRITE, data.len()),
        };
        if !self.bus_master.load(Ordering::Relaxed) {
            return Err(());
        }
        let table = self.table.lock();
        let mut checked = 0;
        while checked < len {
            let at = iova.checked_add(checked as u64).ok_or(())?;
            let (target, _, left) = table.ranges.at(at).ok_or(())?;
            if !target.flags.contains(needed) {
                return Err(());
            }
            checked += (len - checked).min(usize::try_from(left).unwrap_or(usize::MAX));
        }
        let mut done = 0;
        while done < len {
            let at = iova + done as u64;
            let (target, offset, left) = table.ranges.at(at).ok_or(())?;
            let n = (len - done).min(usize::try_from(left).unwrap_or(usize::MAX));
            let piece = match &mut access {
                Access::Read(to) => Access::Read(&mut to[done..done + n]),
                Access::Write(data) => Access::Write(&data[done..done + n]),
            };
            self.piece(&target.place, offset, at, piece)?;
            done += n;
        }
        Ok(())
    }

    /// The part of an access that lies in one range.
    fn piece(&self, place: &Place, within: u64, iova: u64, access: Access<'_>) -> Result<(), ()> {
        match (place, access) {
            (Place::Mapped { region, offset }, Access::Read(to)) => {
                region.read((offset + within) as usize, to).map_err(drop)
            }
            (Place::Mapped { region, offset }, Access::Write(data)) => region
                .write_ordered((offset + within) as usize, data)
                .map_err(drop),
            (Place::File { file, offset }, Access::Read(to)) => {
                file.read_exact_at(to, offset + within).map_err(drop)
            }
            (Place::File { file, offset }, Access::Write(data)) => {
                write_in_order(file, offset + within, data).map_err(drop)
            }
            (Place::Remote, Access::Read(to)) => {
                count(&self.counters.dma_messages);
                self.link.dma_read(iova, to).map_err(drop)
            }
            (Place::Remote, Access::Write(data)) => {
                count(&self.counters.dma_messages);
                self.link.dma_write(iova, data).map_err(drop)
            }
        }
    }

    fn finish(
        &self,
        done: Result<(), ()>,
        iova: u64,
        len: usize,
        write: bool,
    ) -> Result<(), DmaFault> {
        done.map_err(|()| {
            count(&self.counters.dma_faults);
            tracing::debug!(iova, len, write, "DMA fault");
            DmaFault {
                iova,
                len,
                write,
                cause: FaultCause::Unmapped,
            }
        })
    }
}

impl HostMemory for ClientMemory {
    fn read(&self, iova: u64, buf: &mut [u8]) -> Result<(), DmaFault> {
        let len = buf.len();
        let done = self.access(iova, Access::Read(buf));
        if done.is_ok() {
            count(&self.counters.dma_reads);
        }
        self.finish(done, iova, len, false)
    }

    fn write(&self, iova: u64, data: &[u8]) -> Result<(), DmaFault> {
        let done = self.access(iova, Access::Write(data));
        if done.is_ok() {
            count(&self.counters.dma_writes);
        }
        self.finish(done, iova, data.len(), true)
    }
}

impl Table {
    /// The bytes of `fd` from `offset` to `end`.
    fn open(&mut self, fd: OwnedFd, offset: u64, end: u64) -> Result<Place, Errno> {
        let stat = rustix::fs::fstat(&fd)?;
        let key = (stat.st_dev, stat.st_ino);
        let known = self.files.get(&key).and_then(Weak::upgrade);
        let region = match known.filter(|region| end <= region.len() as u64) {
            Some(region) => Ok(region),
            None => DmaRegion::of_file(fd.as_fd()).map(Arc::new),
        };
        match region {
            Ok(region) if end <= region.len() as u64 => {
                self.files.insert(key, Arc::downgrade(&region));
                Ok(Place::Mapped { region, offset })
            }
            Ok(_) => Err(Errno::INVAL),
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
                let known = self.loose.get(&key).and_then(Weak::upgrade);
                let file = known.unwrap_or_else(|| Arc::new(fd.into()));
                self.loose.insert(key, Arc::downgrade(&file));
                Ok(Place::File { file, offset })
            }
            Err(e) => Err(Errno::from_io_error(&e).unwrap_or(Errno::INVAL)),
        }
    }
}

/// Whole aligned words, one after the other: a reader that sees the last sees all.
fn write_in_order(file: &File, offset: u64, data: &[u8]) -> io::Result<()> {
    let lead = (offset.wrapping_neg() & 7) as usize;
    let (head, rest) = data.split_at(lead.min(data.len()));
    file.write_all_at(head, offset)?;
    let mut at = offset + head.len() as u64;
    for word in rest.chunks(8) {
        file.write_all_at(word, at)?;
        at += word.len() as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
