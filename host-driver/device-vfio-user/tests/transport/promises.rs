//! What a `Device` promises.

use std::sync::Arc;
use std::time::Duration;

use longshore_device::{Device, DeviceError, MSI_WINDOW, Patience, QuiesceProof, Stamp, quiesce};
use longshore_device_vfio_user::VfioUser;
use longshore_dma::{Backing, DmaRegion, MapError, PAGE_SIZE, Pages};
use longshore_vfio_user::{
    Command, Errno, Header, Kind,
    body::{DmaAccess, RegionAccess},
};
use nic_abi::block::{DEVICE, device};

use crate::support::{IMPATIENT, Script, World, later};

const SCRATCH: u32 = DEVICE.at(0, device::SCRATCH);

fn page() -> Arc<DmaRegion> {
    Arc::new(DmaRegion::allocate(PAGE_SIZE, Backing::Shared, Pages::Small).unwrap())
}

#[test]
fn registers_are_words_inside_bar0() {
    let world = World::new();
    let nic = world.open();
    nic.write32(SCRATCH, 0x1234_5678).unwrap();
    assert_eq!(nic.read32(SCRATCH).unwrap(), 0x1234_5678);
    for offset in [1, 2, nic_abi::pci::BAR0_SIZE, u32::MAX] {
        assert!(matches!(
            nic.read32(offset),
            Err(DeviceError::BadOffset { .. })
        ));
        assert!(matches!(
            nic.write32(offset, 0),
            Err(DeviceError::BadOffset { .. })
        ));
    }
}

#[test]
fn memory_is_mapped_once_inside_the_ranges_and_only_if_it_is_shared() {
    let world = World::new();
    let nic = world.open();
    let shared = page();
    nic.dma_map(&shared, 0x1000).unwrap();
    assert!(matches!(
        nic.dma_map(&page(), 0x1000),
        Err(DeviceError::Map(MapError::Overlap { .. }))
    ));
    for iova in [0, MSI_WINDOW, u64::MAX - 0xfff] {
        assert!(matches!(
            nic.dma_map(&page(), iova),
            Err(DeviceError::Map(MapError::OutOfRange { .. }))
        ));
    }
    let private = Arc::new(DmaRegion::anonymous(PAGE_SIZE).unwrap());
    assert!(matches!(
        nic.dma_map(&private, 0x5000),
        Err(DeviceError::Io { .. })
    ));
    nic.dma_unmap(&shared, 0x1000).unwrap();
    assert!(matches!(
        nic.dma_unmap(&shared, 0x1000),
        Err(DeviceError::Map(MapError::NotMapped { .. }))
    ));
    nic.dma_map(&shared, 0x1000).unwrap();
    assert_eq!(world.server.counts().maps, 2);
}

#[test]
fn a_reset_keeps_mappings_and_proves_a_quiesce() {
    let world = World::new();
    let nic = world.open();
    let enabled = Stamp::now();
    nic.write32(SCRATCH, 5).unwrap();
    let epoch = nic.read32(DEVICE.at(0, device::EPOCH)).unwrap();
    let quiet = nic.reset().unwrap();
    assert_eq!(quiet.proof(), QuiesceProof::FunctionReset);
    assert!(quiet.covers(nic.info().instance, enabled));
    assert_eq!(nic.read32(SCRATCH).unwrap(), 0);
    assert_eq!(nic.read32(DEVICE.at(0, device::EPOCH)).unwrap(), epoch + 1);
    assert_eq!(nic.config_space().unwrap()[4..6], [6, 0]);
    let quiet = quiesce(&nic, epoch + 1, Patience::default()).unwrap();
    assert_eq!(quiet.proof(), QuiesceProof::Register);
}

#[test]
fn every_vector_is_an_interrupt_and_no_other() {
    let world = World::new();
    let nic = world.open();
    for vector in 0..4 {
        let one = nic.interrupt(vector).unwrap();
        assert!(Arc::ptr_eq(&one, &nic.interrupt(vector).unwrap()));
        assert!(!one.try_take());
    }
    assert!(matches!(
        nic.interrupt(4),
        Err(DeviceError::NoVector {
            vector: 4,
            vectors: 4
        })
    ));
}

#[test]
fn a_severed_device_is_gone_lets_go_of_memory_and_can_be_opened_again() {
    let world = World::new();
    let nic = world.open();
    let memory = page();
    nic.dma_map(&memory, 0x1000).unwrap();
    let enabled = Stamp::now();
    let quiet = nic.sever();
    assert_eq!(quiet.proof(), QuiesceProof::Severed);
    assert!(quiet.covers(nic.info().instance, enabled));
    assert!(matches!(nic.read32(SCRATCH), Err(DeviceError::Gone)));
    assert!(matches!(nic.write32(SCRATCH, 0), Err(DeviceError::Gone)));
    assert!(matches!(nic.config_space(), Err(DeviceError::Gone)));
    assert!(matches!(nic.reset(), Err(DeviceError::Gone)));
    assert!(matches!(
        nic.dma_map(&page(), 0x9000),
        Err(DeviceError::Gone)
    ));
    nic.dma_unmap(&memory, 0x1000).unwrap();
    assert_eq!(Arc::strong_count(&memory), 1);
    let again = world.open();
    assert_eq!(again.read32(DEVICE.at(0, device::EPOCH)).unwrap(), 1);
    nic.sever();
}

#[test]
fn a_server_that_stops_leaves_a_device_that_is_gone_and_memory_that_is_free() {
    let world = World::new();
    let nic = world.open();
    let memory = page();
    nic.dma_map(&memory, 0x1000).unwrap();
    let World { server, .. } = world;
    server.stop();
    assert!(matches!(nic.read32(SCRATCH), Err(DeviceError::Gone)));
    assert!(matches!(nic.write32(SCRATCH, 0), Err(DeviceError::Gone)));
    nic.dma_unmap(&memory, 0x1000).unwrap();
    assert_eq!(Arc::strong_count(&memory), 1);
    nic.sever();
}

/// A device behind a man in the middle who stops passing on at the first read of SCRATCH, and does `end` then.
fn stuck(
    world: &World,
    end: impl FnOnce(longshore_vfio_user::Channel) + Send + 'static,
) -> (Script, VfioUser) {
    let script = Script::between(
        &world.path,
        |message| {
            message.header.command == Command::RegionRead as u16
                && RegionAccess::parse(&message.body)
                    .is_some_and(|(access, _)| access.offset == u64::from(SCRATCH))
        },
        end,
    );
    let nic = VfioUser::connect_with(&script.path, IMPATIENT).unwrap();
    (script, nic)
}

#[test]
fn a_server_that_no_longer_answers_is_given_up_and_its_memory_is_not_freed() {
    let world = World::new();
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let (script, nic) = stuck(&world, move |client| {
        let _ = wait.recv();
        drop(client);
    });
    let memory = page();
    nic.dma_map(&memory, 0x1000).unwrap();
    assert!(matches!(
        nic.read32(SCRATCH),
        Err(DeviceError::Timeout { .. })
    ));
    assert!(matches!(nic.read32(SCRATCH), Err(DeviceError::Gone)));
    assert!(matches!(
        nic.dma_unmap(&memory, 0x1000),
        Err(DeviceError::Timeout { .. })
    ));
    // It works again, sees that its client is gone, and closes.
    go_on.send(()).unwrap();
    script.join();
    nic.dma_unmap(&memory, 0x1000).unwrap();
    assert_eq!(Arc::strong_count(&memory), 1);
}

#[test]
fn severing_from_a_server_that_never_lets_go_ends_and_leaks() {
    let world = World::new();
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let (script, nic) = stuck(&world, move |client| {
        let _ = wait.recv();
        drop(client);
    });
    let memory = page();
    nic.dma_map(&memory, 0x1000).unwrap();
    assert!(nic.read32(SCRATCH).is_err());
    nic.sever();
    drop(nic);
    assert!(Arc::strong_count(&memory) > 1, "never freed");
    go_on.send(()).unwrap();
    script.join();
}

#[test]
fn a_server_that_asks_for_memory_over_the_socket_gets_what_is_mapped_and_nothing_else() {
    let world = World::new();
    let (tell, told) = std::sync::mpsc::channel();
    let script = Script::between(
        &world.path,
        move |message| {
            let stop = message.header.command == Command::Reset as u16;
            if stop {
                tell.send(message.header).unwrap();
            }
            stop
        },
        move |mut client| {
            let mut ask = |command, address, count, data: &[u8]| {
                let access = DmaAccess { address, count };
                let header = Header::command(77, command);
                client
                    .send(header, &[&access.encode(), data], &[], later())
                    .unwrap();
                let reply = client.receive(later()).unwrap();
                assert_eq!((reply.kind, reply.header.id), (Kind::Reply, 77));
                match reply.header.failure() {
                    None => Ok(reply.body[DmaAccess::LEN..].to_vec()),
                    Some(errno) => Err(errno),
                }
            };
            assert_eq!(ask(Command::DmaWrite, 0x1ffc, 4, &[1, 2, 3, 4]), Ok(vec![]));
            assert_eq!(
                ask(Command::DmaRead, 0x1ffa, 6, &[]),
                Ok(vec![0, 0, 1, 2, 3, 4])
            );
            let errno = |e: Errno| Err(e.raw_os_error() as u32);
            assert_eq!(ask(Command::DmaRead, 0x1ffa, 7, &[]), errno(Errno::FAULT));
            assert_eq!(
                ask(Command::DmaWrite, 0x5000, 2, &[1, 2]),
                errno(Errno::FAULT)
            );
            assert_eq!(ask(Command::DmaWrite, 0x1000, 9, &[1]), errno(Errno::INVAL));
            assert_eq!(
                ask(Command::DmaRead, 0x1000, u64::MAX, &[]),
                errno(Errno::MSGSIZE)
            );
            assert_eq!(ask(Command::Version, 0, 0, &[]), errno(Errno::OPNOTSUPP));
            let reset: Header = told.recv().unwrap();
            client.send(reset.reply(), &[], &[], later()).unwrap();
            // The write of the command register that follows a reset.
            let write = client.receive(later()).unwrap();
            client
                .send(write.header.reply(), &[&write.body[..16]], &[], later())
                .unwrap();
        },
    );
    let nic = VfioUser::connect(&script.path).unwrap();
    let memory = page();
    nic.dma_map(&memory, 0x1000).unwrap();
    nic.reset().unwrap();
    assert_eq!(memory.load_u32(PAGE_SIZE - 4), Ok(0x0403_0201));
    script.join();
}

#[test]
fn a_stall_shorter_than_the_patience_is_survived() {
    let world = World::new();
    let mut stalled = false;
    let script = Script::between(
        &world.path,
        move |message| {
            if !stalled && message.header.command == Command::Reset as u16 {
                stalled = true;
                std::thread::sleep(Duration::from_millis(300));
            }
            false
        },
        drop,
    );
    let nic = VfioUser::connect(&script.path).unwrap();
    nic.reset().unwrap();
    nic.write32(SCRATCH, 3).unwrap();
    assert_eq!(nic.read32(SCRATCH).unwrap(), 3);
}
