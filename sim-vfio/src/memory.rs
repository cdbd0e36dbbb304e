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
mod tests {
    use super::*;
    use longshore_dma::PAGE_SIZE;
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

    const PAGE: u64 = PAGE_SIZE as u64;

    fn memory() -> ClientMemory {
        let memory = ClientMemory::new(Arc::default(), Arc::default());
        memory.set_bus_master(true);
        memory
    }

    fn request(address: u64, size: u64, offset: u64, flags: DmaFlags) -> DmaMap {
        DmaMap {
            argsz: 32,
            flags: flags.bits(),
            offset,
            address,
            size,
        }
    }

    fn fd(region: &DmaRegion) -> Vec<OwnedFd> {
        vec![region.file().unwrap().try_clone_to_owned().unwrap()]
    }

    fn unmap(memory: &ClientMemory, address: u64, size: u64, flags: UnmapFlags) {
        let unmap = DmaUnmap {
            argsz: 24,
            flags: flags.bits(),
            address,
            size,
        };
        memory.unmap(&unmap).unwrap();
    }

    #[test]
    fn an_access_goes_to_the_file_at_the_offset_and_across_ranges() {
        let memory = memory();
        let guest = DmaRegion::memfd("longshore-test", 4 * PAGE_SIZE).unwrap();
        // Two pages that lie apart in the file, side by side on the bus.
        for (iova, offset) in [(0x1_0000, 2 * PAGE), (0x1_1000, 0)] {
            let map = request(iova, PAGE, offset, DmaFlags::all());
            memory.map(&map, fd(&guest)).unwrap();
        }
        memory.write(0x1_0ffe, &[1, 2, 3, 4]).unwrap();
        let mut seen = [0; 2];
        guest.read(3 * PAGE_SIZE - 2, &mut seen).unwrap();
        assert_eq!(seen, [1, 2]);
        guest.read(0, &mut seen).unwrap();
        assert_eq!(seen, [3, 4]);
        assert_eq!(
            memory.table.lock().files.len(),
            1,
            "one file is mapped once"
        );
    }

    #[test]
    fn what_is_unmapped_faults_and_the_rest_of_its_range_does_not() {
        let memory = memory();
        let guest = DmaRegion::memfd("longshore-test", 4 * PAGE_SIZE).unwrap();
        let map = request(0x4000, 4 * PAGE, 0, DmaFlags::all());
        memory.map(&map, fd(&guest)).unwrap();
        unmap(&memory, 0x5000, PAGE, UnmapFlags::empty());
        guest.store_u32(2 * PAGE_SIZE, 0x55).unwrap();
        let mut word = [0; 4];
        memory.read(0x6000, &mut word).unwrap();
        assert_eq!(word, [0x55, 0, 0, 0]);
        assert!(memory.read(0x5ffe, &mut word).is_err());
        assert!(memory.write(0x4ffe, &[9; 4]).is_err());
        assert_eq!(guest.load_u32(PAGE_SIZE - 4), Ok(0), "nothing of it");
        unmap(&memory, 0, 0, UnmapFlags::ALL);
        assert!(memory.read(0x4000, &mut word).is_err());
        assert_eq!(memory.counters.snapshot().dma_faults, 3);
    }

    #[test]
    fn a_range_is_reached_in_its_directions_alone_and_by_a_bus_master_alone() {
        let memory = memory();
        let guest = DmaRegion::memfd("longshore-test", PAGE_SIZE).unwrap();
        let map = request(0, PAGE, 0, DmaFlags::READ);
        memory.map(&map, fd(&guest)).unwrap();
        assert!(memory.read(0, &mut [0; 8]).is_ok());
        assert!(memory.write(0, &[1; 8]).is_err());
        memory.set_bus_master(false);
        assert!(memory.read(0, &mut [0; 8]).is_err());
    }

    #[test]
    fn maps_that_make_no_sense_are_refused() {
        let memory = memory();
        let guest = DmaRegion::memfd("longshore-test", PAGE_SIZE).unwrap();
        let all = DmaFlags::all();
        memory
            .map(&request(0x1000, PAGE, 0, all), fd(&guest))
            .unwrap();
        let two = [fd(&guest), fd(&guest)].concat_fds();
        let not_memory = vec![rustix::pipe::pipe().unwrap().0];
        let cases = [
            (request(0x1000, PAGE, 0, all), fd(&guest), Errno::EXIST),
            (request(0x800, PAGE, 0, all), vec![], Errno::EXIST),
            (request(0x3000, 0, 0, all), vec![], Errno::INVAL),
            (request(u64::MAX, 2, 0, all), vec![], Errno::INVAL),
            (request(0x3000, 2, u64::MAX, all), vec![], Errno::INVAL),
            (request(0x3000, 2 * PAGE, 0, all), fd(&guest), Errno::INVAL),
            (request(0x3000, PAGE, PAGE, all), fd(&guest), Errno::INVAL),
            (
                request(0x3000, PAGE, 0, DmaFlags::empty()),
                vec![],
                Errno::INVAL,
            ),
            (
                request(0x3000, PAGE, 0, DmaFlags::from_bits_retain(5)),
                vec![],
                Errno::INVAL,
            ),
            (request(0x3000, PAGE, 0, all), two, Errno::INVAL),
        ];
        for (map, fds, errno) in cases {
            assert_eq!(memory.map(&map, fds), Err(errno), "{map:?}");
        }
        // Something that cannot be sealed is taken, and its accesses fault.
        let pipe = request(0x9000, PAGE, 0, all);
        if memory.map(&pipe, not_memory).is_ok() {
            assert!(memory.read(0x9000, &mut [0; 4]).is_err());
        }
        assert!(memory.read(0x3000, &mut [0; 4]).is_err());
    }

    #[test]
    fn a_file_that_can_be_cut_off_is_reached_without_mapping_it_and_faults_beyond_its_end() {
        let memory = memory();
        let loose = memfd_create("longshore-test", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&loose, 2 * PAGE).unwrap();
        let file = File::from(loose.try_clone().unwrap());
        let map = request(0, 2 * PAGE, 0, DmaFlags::all());
        memory.map(&map, vec![loose]).unwrap();
        let data: Vec<u8> = (0..30).collect();
        memory.write(0xffb, &data).unwrap();
        let mut seen = [0; 30];
        file.read_exact_at(&mut seen, 0xffb).unwrap();
        assert_eq!(seen[..], data);
        file.set_len(PAGE).unwrap();
        assert!(memory.read(0x1000, &mut [0; 4]).is_err());
        assert!(memory.read(0xff8, &mut [0; 4]).is_ok());
        // However many ranges it has, it is one descriptor.
        for page in 2..2_000 {
            let map = request(page * PAGE, PAGE, 0, DmaFlags::all());
            memory
                .map(&map, vec![file.try_clone().unwrap().into()])
                .unwrap();
        }
        assert!(memory.read(1_999 * PAGE, &mut [0; 4]).is_ok());
    }

    trait Concat {
        fn concat_fds(self) -> Vec<OwnedFd>;
    }

    impl<const N: usize> Concat for [Vec<OwnedFd>; N] {
        fn concat_fds(self) -> Vec<OwnedFd> {
            self.into_iter().flatten().collect()
        }
    }
}
