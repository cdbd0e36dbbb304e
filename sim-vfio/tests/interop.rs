//! An independent client: that of the crate `vfio_user` (rust-vmm).
//!
//! Of version 0.1.7 one has to know: `resettable()` says the opposite; error replies are taken for success, and one to a
//! read of a region is waited for without end; so nothing here asks what is refused.

use std::os::fd::AsRawFd;
use std::path::PathBuf;

use longshore_device::Interrupt;
use longshore_dma::{DmaRegion, PAGE_SIZE};
use longshore_vfio_user::pci::{IrqSetFlags, MSIX_IRQ};
use nic_abi::block::{DEVICE, QUEUE, device, queue};
use nic_model::{Config, Model};
use sim_vfio::Server;
use sim_wire::LineConfig;
use sim_wire::pair::{PairEnd, pair};
use std::os::fd::AsFd;
use tempfile::TempDir;
use vfio_user::Client;

const BAR0: u32 = 0;
const CONFIG: u32 = 7;
const RINGS: u64 = 0x10_0000;

struct World {
    server: Server<Model<PairEnd>>,
    path: PathBuf,
    _far: PairEnd,
    _scratch: TempDir,
}

fn world() -> World {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("nic.sock");
    let (near, far) = pair(LineConfig::default());
    let server = Server::start(Model::new(Config::default(), near), &path, None).unwrap();
    World {
        server,
        path,
        _far: far,
        _scratch: scratch,
    }
}

fn read(client: &mut Client, offset: u32) -> u32 {
    let mut word = [0; 4];
    client.region_read(BAR0, offset.into(), &mut word).unwrap();
    u32::from_le_bytes(word)
}

fn write(client: &mut Client, offset: u32, value: u32) {
    client
        .region_write(BAR0, offset.into(), &value.to_le_bytes())
        .unwrap();
}

#[test]
fn it_finds_the_regions_and_the_interrupts() {
    let world = world();
    let mut client = Client::new(&world.path).unwrap();
    // Inverted in 0.1.7: "not resettable" is what it says of a device that can be reset.
    assert!(!client.resettable());
    let bar0 = client.region(BAR0).unwrap();
    assert_eq!(bar0.size, u64::from(nic_abi::pci::BAR0_SIZE));
    assert!(bar0.file_offset.is_none());
    assert_eq!(client.region(CONFIG).unwrap().size, 4096);
    assert_eq!(client.region(1).unwrap().size, 0);
    let msix = client.get_irq_info(MSIX_IRQ).unwrap();
    assert_eq!((msix.index, msix.count), (MSIX_IRQ, 4));
    let mut id = [0; 4];
    client.region_read(CONFIG, 0, &mut id).unwrap();
    assert_eq!(id[..2], nic_abi::pci::VENDOR_ID.to_le_bytes());
    assert_eq!(
        read(&mut client, DEVICE.at(0, device::MAGIC)),
        nic_abi::MAGIC
    );
}

#[test]
fn its_memory_is_reached_and_its_eventfds_are_signalled() {
    let world = world();
    let mut client = Client::new(&world.path).unwrap();
    client.region_write(CONFIG, 4, &[6, 0]).unwrap();
    let rings = DmaRegion::memfd("longshore-test", 3 * PAGE_SIZE).unwrap();
    let len = rings.len() as u64;
    let fd = rings.file().unwrap().as_raw_fd();
    client.dma_map(0, RINGS, len, fd).unwrap();
    let interrupt = Interrupt::new().unwrap();
    let flags = IrqSetFlags::DATA_EVENTFD | IrqSetFlags::TRIGGER;
    client
        .set_irqs(
            MSIX_IRQ,
            flags.bits(),
            2,
            1,
            &[interrupt.as_fd().as_raw_fd()],
        )
        .unwrap();
    // A descriptor with a tail that cannot be: the queue says so in a completion, and interrupts.
    write(
        &mut client,
        DEVICE.at(0, device::CONTROL),
        device::CONTROL_ENABLE.of(1),
    );
    for (register, page) in [
        (queue::SQ_BASE_LOW, 0),
        (queue::RQ_BASE_LOW, 1),
        (queue::CQ_BASE_LOW, 2),
    ] {
        let base = RINGS + page * PAGE_SIZE as u64;
        write(&mut client, QUEUE.at(0, register), base as u32);
    }
    let sizes = queue::SIZES_SQ.of(4) | queue::SIZES_RQ.of(4) | queue::SIZES_CQ.of(6);
    write(&mut client, QUEUE.at(0, queue::SIZES), sizes);
    let vector = queue::INTERRUPT_VECTOR.of(2);
    write(&mut client, QUEUE.at(0, queue::INTERRUPT), vector);
    write(
        &mut client,
        QUEUE.at(0, queue::CONTROL),
        queue::CONTROL_ENABLE.of(1),
    );
    write(
        &mut client,
        QUEUE.at(0, queue::CQ_DOORBELL),
        queue::CQ_ARM.of(1),
    );
    write(&mut client, QUEUE.at(0, queue::SQ_DOORBELL), 17);
    assert!(interrupt.wait(Some(std::time::Duration::from_secs(20))));
    assert_ne!(rings.load_u64(2 * PAGE_SIZE + 8), Ok(0), "a completion");
    assert_eq!(world.server.counts().dma_faults, 0);
    client.dma_unmap(RINGS, len).unwrap();
    client.reset().unwrap();
    assert_eq!(read(&mut client, DEVICE.at(0, device::EPOCH)), 1);
}

#[test]
fn it_can_go_and_come_again() {
    let world = world();
    for epoch in 0..3 {
        let mut client = Client::new(&world.path).unwrap();
        assert_eq!(read(&mut client, DEVICE.at(0, device::EPOCH)), epoch);
        client.shutdown().unwrap();
    }
}
