//! DMA of a served NIC: mapped, over messages, unmapped, and into the memory of the dead.

use std::os::fd::AsFd;

use longshore_device::Interrupt;
use longshore_dma::{DmaRegion, PAGE_SIZE};
use longshore_vfio_user::body::{DmaAccess, RegionAccess};
use longshore_vfio_user::pci::IrqSetFlags as F;
use longshore_vfio_user::{Command, Errno, Header, Kind};
use nic_abi::block::{DEVICE, QUEUE, device, queue};

use crate::client::{Client, World, deadline, map_request};

const RINGS: u64 = 0x10_0000;
const SQ: u64 = RINGS;
const RQ: u64 = RINGS + 0x1000;
const CQ: u64 = RINGS + 0x2000;

/// Enables the device and queue pair 0 with its rings at fixed places.
fn enable_queue(client: &mut Client) {
    client.set_register(DEVICE.at(0, device::CONTROL), device::CONTROL_ENABLE.of(1));
    for (low, high, base) in [
        (queue::SQ_BASE_LOW, queue::SQ_BASE_HIGH, SQ),
        (queue::RQ_BASE_LOW, queue::RQ_BASE_HIGH, RQ),
        (queue::CQ_BASE_LOW, queue::CQ_BASE_HIGH, CQ),
    ] {
        client.set_register(QUEUE.at(0, low), base as u32);
        client.set_register(QUEUE.at(0, high), (base >> 32) as u32);
    }
    let sizes = queue::SIZES_SQ.of(4) | queue::SIZES_RQ.of(4) | queue::SIZES_CQ.of(6);
    client.set_register(QUEUE.at(0, queue::SIZES), sizes);
    client.set_register(QUEUE.at(0, queue::CONTROL), queue::CONTROL_ENABLE.of(1));
}

fn status(client: &mut Client) -> u32 {
    client.register(QUEUE.at(0, queue::STATUS))
}

fn in_quarantine(client: &mut Client) -> bool {
    queue::STATUS_QUARANTINE.get(status(client)) == 1
}

#[test]
fn a_fetch_from_mapped_memory_works_and_from_unmapped_memory_quarantines_the_queue() {
    let world = World::new();
    let mut client = world.enabled();
    let rings = DmaRegion::memfd("longshore-test", 3 * PAGE_SIZE).unwrap();
    client.map(&rings, RINGS).unwrap();
    enable_queue(&mut client);
    client.set_register(QUEUE.at(0, queue::RQ_DOORBELL), 1);
    assert!(!in_quarantine(&mut client));
    assert!(world.server.counts().dma_reads > 0);
    client.unmap(RINGS, 3 * PAGE_SIZE as u64).unwrap();
    client.set_register(QUEUE.at(0, queue::SQ_DOORBELL), 1);
    assert!(in_quarantine(&mut client));
    assert!(world.server.counts().dma_faults > 0);
}

#[test]
fn a_device_that_may_not_master_the_bus_reaches_nothing() {
    let world = World::new();
    let mut client = world.client();
    let rings = DmaRegion::memfd("longshore-test", 3 * PAGE_SIZE).unwrap();
    client.map(&rings, RINGS).unwrap();
    enable_queue(&mut client);
    client.set_register(QUEUE.at(0, queue::RQ_DOORBELL), 1);
    assert!(in_quarantine(&mut client));
    assert_eq!(world.server.counts().dma_reads, 0);
}

/// Rings a doorbell over memory without a file and plays the client's side of the access.
fn doorbell_over_messages(client: &mut Client, answer: impl FnOnce(&mut Client, u16, DmaAccess)) {
    let offset = QUEUE.at(0, queue::RQ_DOORBELL).into();
    let access = RegionAccess {
        offset,
        region: 0,
        count: 4,
    };
    let doorbell = client.send(
        Command::RegionWrite,
        &[&access.encode(), &1u32.to_le_bytes()],
        &[],
    );
    let asked = client.receive().unwrap();
    assert_eq!(
        (asked.kind, asked.header.command),
        (Kind::Command, Command::DmaRead as u16)
    );
    let (dma, _) = DmaAccess::parse(&asked.body).unwrap();
    assert_eq!(dma.address, RQ);
    answer(client, asked.header.id, dma);
    let mut reply = client.receive().unwrap();
    while reply.kind == Kind::Command {
        // A queue in quarantine says so: a completion is written.
        assert_eq!(reply.header.command, Command::DmaWrite as u16);
        let (dma, _) = DmaAccess::parse(&reply.body).unwrap();
        assert_eq!(dma.address, CQ);
        let written = reply.header.reply();
        client
            .channel
            .send(written, &[&dma.encode()], &[], deadline())
            .unwrap();
        reply = client.receive().unwrap();
    }
    assert_eq!((reply.kind, reply.header.id), (Kind::Reply, doorbell));
    assert_eq!(reply.header.failure(), None);
}

fn mapped_without_a_file(world: &World) -> Client {
    let mut client = world.enabled();
    let map = map_request(RINGS, 3 * PAGE_SIZE as u64);
    client.ask(Command::DmaMap, &[&map.encode()], &[]).unwrap();
    enable_queue(&mut client);
    client
}

#[test]
fn memory_without_a_file_is_read_over_the_socket() {
    let world = World::new();
    let mut client = mapped_without_a_file(&world);
    doorbell_over_messages(&mut client, |client, id, dma| {
        let reply = Header::command(id, Command::DmaRead).reply();
        let data = vec![0; dma.count as usize];
        client
            .channel
            .send(reply, &[&dma.encode(), &data], &[], deadline())
            .unwrap();
    });
    assert!(!in_quarantine(&mut client));
    assert!(world.server.counts().dma_messages > 0);
}

#[test]
fn commands_that_come_before_the_answer_are_answered_after_it() {
    let world = World::new();
    let mut client = mapped_without_a_file(&world);
    let mut early = 0;
    doorbell_over_messages(&mut client, |client, id, dma| {
        early = client.send(Command::Reset, &[], &[]);
        let reply = Header::command(id, Command::DmaRead).reply();
        let data = vec![0; dma.count as usize];
        client
            .channel
            .send(reply, &[&dma.encode(), &data], &[], deadline())
            .unwrap();
    });
    assert_eq!(client.receive().unwrap().header.id, early);
    assert_eq!(client.epoch(), 1);
}

#[test]
fn an_error_or_a_wrong_answer_to_an_access_is_a_fault() {
    for wrong in 0..3 {
        let world = World::new();
        let mut client = mapped_without_a_file(&world);
        doorbell_over_messages(&mut client, |client, id, dma| {
            let asked = Header::command(id, Command::DmaRead);
            let soon = deadline();
            let other = DmaAccess {
                address: dma.address + 8,
                ..dma
            };
            let send = match wrong {
                0 => client
                    .channel
                    .send(asked.refusal(Errno::FAULT), &[], &[], soon),
                1 => client
                    .channel
                    .send(asked.reply(), &[&dma.encode(), &[0; 3]], &[], soon),
                _ => client
                    .channel
                    .send(asked.reply(), &[&other.encode(), &[0; 64]], &[], soon),
            };
            send.unwrap();
        });
        assert!(in_quarantine(&mut client), "wrong answer {wrong}");
        assert!(world.server.counts().dma_faults > 0);
    }
}

#[test]
fn a_client_that_dies_while_it_is_asked_for_memory_is_survived() {
    let world = World::new();
    let mut client = mapped_without_a_file(&world);
    let access = RegionAccess {
        offset: QUEUE.at(0, queue::RQ_DOORBELL).into(),
        region: 0,
        count: 4,
    };
    client.send(
        Command::RegionWrite,
        &[&access.encode(), &1u32.to_le_bytes()],
        &[],
    );
    client.receive().unwrap();
    drop(client);
    let mut next = world.client();
    assert_eq!(next.epoch(), 1);
    assert!(world.server.counts().dma_faults > 0);
}

#[test]
fn memory_and_eventfds_of_a_client_that_is_gone_are_not_touched() {
    let world = World::new();
    let mut client = world.enabled();
    let rings = DmaRegion::memfd("longshore-test", 3 * PAGE_SIZE).unwrap();
    client.map(&rings, RINGS).unwrap();
    let interrupt = Interrupt::new().unwrap();
    client
        .set_irqs(
            2,
            F::DATA_EVENTFD | F::TRIGGER,
            (0, 1),
            &[],
            &[interrupt.as_fd()],
        )
        .unwrap();
    enable_queue(&mut client);
    assert!(client.channel.hang_up(deadline()));
    let before = world.server.counts();
    let mut next = world.enabled();
    assert_eq!(next.epoch(), 1);
    // The same addresses: nothing of the old mappings is there.
    enable_queue(&mut next);
    next.set_register(QUEUE.at(0, queue::RQ_DOORBELL), 1);
    assert!(in_quarantine(&mut next));
    next.set_irqs(2, F::DATA_NONE | F::TRIGGER, (0, 1), &[], &[])
        .unwrap();
    assert!(!interrupt.try_take());
    let after = world.server.counts();
    assert_eq!(after.dma_reads, before.dma_reads);
    assert_eq!(after.interrupts, before.interrupts);
}

#[test]
fn mapping_twice_is_refused_and_unmapping_what_is_not_there_is_not() {
    let world = World::new();
    let mut client = world.client();
    let page = DmaRegion::memfd("longshore-test", PAGE_SIZE).unwrap();
    client.map(&page, 0x1000).unwrap();
    assert_eq!(
        client.map(&page, 0x1000),
        Err(Errno::EXIST.raw_os_error() as u32)
    );
    let gone = client.unmap(0x1000, 0x1000).unwrap();
    assert_eq!(gone.len(), 24, "the request comes back");
    client.unmap(0x1000, 0x1000).unwrap();
    client.map(&page, 0x1000).unwrap();
}
