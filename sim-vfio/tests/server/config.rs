//! What a device is: information, regions, configuration space, interrupts.

use std::os::fd::AsFd;

use longshore_device::Interrupt;
use longshore_vfio_user::body::{DeviceInfo, IrqInfo, RegionInfo};
use longshore_vfio_user::pci::IrqSetFlags as F;
use longshore_vfio_user::{Command, Errno};
use nic_abi::block::{DEVICE, MSIX_PBA, MSIX_TABLE, device, msix};
use nic_abi::pci;

use crate::client::World;

fn errno(e: Errno) -> u32 {
    e.raw_os_error() as u32
}

#[test]
fn the_device_tells_what_it_is() {
    let world = World::new();
    let mut client = world.client();
    let asked = DeviceInfo {
        argsz: 16,
        ..DeviceInfo::default()
    };
    let info = client.ask(Command::GetInfo, &[&asked.encode()], &[]);
    let (info, _) = DeviceInfo::parse(&info.unwrap()).unwrap();
    assert_eq!((info.flags, info.num_regions, info.num_irqs), (3, 9, 5));
    let mut sizes = Vec::new();
    for index in 0..=info.num_regions {
        let asked = RegionInfo {
            argsz: 32,
            index,
            ..RegionInfo::default()
        };
        let found = client.ask(Command::GetRegionInfo, &[&asked.encode()], &[]);
        sizes.push(found.map(|body| RegionInfo::parse(&body).unwrap().0.size));
    }
    let bar0 = Ok(u64::from(pci::BAR0_SIZE));
    let (none, no_region) = (Ok(0), Err(errno(Errno::INVAL)));
    assert_eq!(
        sizes,
        [
            bar0,
            none,
            none,
            none,
            none,
            none,
            none,
            Ok(4096),
            none,
            no_region
        ]
    );
    let mut counts = Vec::new();
    for index in 0..=info.num_irqs {
        let asked = IrqInfo {
            argsz: 16,
            index,
            ..IrqInfo::default()
        };
        let found = client.ask(Command::GetIrqInfo, &[&asked.encode()], &[]);
        counts.push(found.map(|body| IrqInfo::parse(&body).unwrap().0.count));
    }
    let (none, no_irq) = (Ok(0), Err(errno(Errno::INVAL)));
    assert_eq!(counts, [none, none, Ok(4), none, none, no_irq]);
}

#[test]
fn registers_are_the_nics_own_and_accesses_beside_them_are_refused() {
    let world = World::new();
    let mut client = world.client();
    assert_eq!(client.register(DEVICE.at(0, device::MAGIC)), nic_abi::MAGIC);
    let scratch = DEVICE.at(0, device::SCRATCH);
    client.set_register(scratch, 0x1234_5678);
    assert_eq!(client.register(scratch), 0x1234_5678);
    assert_eq!(
        client.read(0, u64::from(scratch) + 1, 2),
        Ok(vec![0x56, 0x34])
    );
    let end = u64::from(pci::BAR0_SIZE);
    for (region, offset, count) in [
        (0, end - 2, 4),
        (0, u64::MAX, 4),
        (1, 0, 4),
        (9, 0, 4),
        (0, 0, 0x10_0000),
        (7, 4094, 4),
    ] {
        assert_eq!(
            client.read(region, offset, count),
            Err(errno(Errno::INVAL)),
            "{region} {offset:#x} {count}"
        );
    }
    let inval = Err(errno(Errno::INVAL));
    assert_eq!(client.write(0, scratch.into(), &[1, 2]), inval);
    assert_eq!(client.write(0, u64::from(scratch) + 2, &[0; 4]), inval);
    assert_eq!(client.write(0, end, &[0; 4]), inval);
    assert_eq!(client.register(scratch), 0x1234_5678);
    // An access of no bytes is one.
    assert_eq!(client.read(0, 0, 0), Ok(vec![]));
}

#[test]
fn a_flr_by_device_control_resets_registers_and_configuration_and_counts() {
    let world = World::new();
    let mut client = world.enabled();
    let control = client.capability(0x10) + 8;
    let epoch = client.epoch();
    client.set_register(DEVICE.at(0, device::SCRATCH), 7);
    let old = client.config_read(control, 2);
    client.config_write(control, &[old[0], old[1] | 0x80]);
    assert_eq!(client.register(DEVICE.at(0, device::SCRATCH)), 0);
    assert_eq!(client.epoch(), epoch + 1);
    assert_eq!(client.config_read(4, 2), [0, 0]);
    assert_eq!(client.config_read(control, 2), old);
}

#[test]
fn the_reset_command_resets_registers_and_keeps_configuration_and_mappings() {
    let world = World::new();
    let mut client = world.enabled();
    let epoch = client.epoch();
    client.set_register(DEVICE.at(0, device::SCRATCH), 7);
    client.ask(Command::Reset, &[], &[]).unwrap();
    assert_eq!(client.register(DEVICE.at(0, device::SCRATCH)), 0);
    assert_eq!(client.epoch(), epoch + 1);
    assert_eq!(client.config_read(4, 2), [6, 0]);
}

#[test]
fn the_clients_msix_table_is_memory_and_the_pending_bits_are_the_vectors() {
    let world = World::new();
    let mut client = world.client();
    let control = MSIX_TABLE.at(1, msix::VECTOR_CONTROL);
    assert_eq!(client.register(control), 1, "masked after reset");
    client.set_register(MSIX_TABLE.at(1, msix::ADDRESS_LOW), 0xfee0_1000);
    assert_eq!(
        client.register(MSIX_TABLE.at(1, msix::ADDRESS_LOW)),
        0xfee0_1000
    );
    assert_eq!(client.register(MSIX_PBA.base), 0);
    // Signalled by the client itself, while there is no eventfd.
    client
        .set_irqs(2, F::DATA_NONE | F::TRIGGER, (1, 1), &[], &[])
        .unwrap();
    assert_eq!(client.register(MSIX_PBA.base), 2);
    let i = Interrupt::new().unwrap();
    client
        .set_irqs(2, F::DATA_EVENTFD | F::TRIGGER, (1, 1), &[], &[i.as_fd()])
        .unwrap();
    assert!(i.try_take());
    assert_eq!(client.register(MSIX_PBA.base), 0);
}

#[test]
fn interrupts_are_set_one_by_one_with_all_taken_away_in_between() {
    let world = World::new();
    let mut client = world.client();
    let fds = [(); 4].map(|()| Interrupt::new().unwrap());
    let off = F::DATA_NONE | F::TRIGGER;
    for upto in 1..=4 {
        client.set_irqs(2, off, (0, 0), &[], &[]).unwrap();
        for v in 0..upto {
            let fd = fds[v as usize].as_fd();
            let flags = F::DATA_EVENTFD | F::TRIGGER;
            client.set_irqs(2, flags, (v, 1), &[], &[fd]).unwrap();
        }
    }
    client
        .set_irqs(2, F::DATA_BOOL | F::TRIGGER, (0, 4), &[1, 0, 1, 1], &[])
        .unwrap();
    assert_eq!(
        fds.each_ref().map(Interrupt::try_take),
        [true, false, true, true]
    );
    // Kinds that there are none of: off is possible, anything else is not.
    client.set_irqs(0, off, (0, 0), &[], &[]).unwrap();
    let inval = Err(errno(Errno::INVAL));
    assert_eq!(client.set_irqs(1, off, (0, 1), &[], &[]), inval);
    assert_eq!(client.set_irqs(5, off, (0, 0), &[], &[]), inval);
    assert_eq!(client.set_irqs(2, off, (3, 2), &[], &[]), inval);
}
