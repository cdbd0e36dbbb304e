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
