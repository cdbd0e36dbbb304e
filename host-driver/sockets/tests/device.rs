//! What sockets make of a NIC that fails.

mod common;

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use common::{B4, Plan, Program, World, data};
use longshore_device::Device;
use longshore_sockets::{TcpListener, TcpStream};
use nic_abi::block::{QUEUE, queue};

/// A transfer in the middle of which `harm` is done to A's NIC.
fn transfer_with(harm: impl Fn(&World)) -> World {
    let mut world = Plan::default().build();
    let (a, b) = world.connect(B4);
    let (out_a, out_b) = (data(600_000, 1), data(400_000, 2));
    let mut a = Program::new(a, out_a.clone());
    let mut b = Program::new(b, out_b.clone());
    let mut half = false;
    world.run(Duration::from_secs(60), || {
        a.step();
        b.step();
        half = b.read.len() > 200_000;
        half
    });
    assert!(half);
    harm(&world);
    let done = world.run(Duration::from_secs(600), || {
        let a = a.step();
        b.step() && a
    });
    assert!(done, "A {:?}\nB {:?}", a.stream.info(), b.stream.info());
    assert!(b.read == out_a && a.read == out_b);
    world
}

#[test]
fn a_quarantined_queue_pair_is_recovered_and_the_transfer_goes_on() {
    let world = transfer_with(|world| {
        // An index that no ring can have.
        let doorbell = QUEUE.at(0, queue::SQ_DOORBELL);
        let state = world.a.device.read32(QUEUE.at(0, queue::SQ_STATE)).unwrap();
        let bad = queue::SQ_STATE_HEAD.get(state).wrapping_sub(1) & 0xffff;
        world.a.device.write32(doorbell, bad).unwrap();
    });
    assert!(world.a.stack.counters().device_errors > 0);
}

#[test]
fn a_queue_pair_that_was_switched_off_is_found_and_switched_on() {
    transfer_with(|world| {
        let control = QUEUE.at(0, queue::CONTROL);
        world.a.device.write32(control, 0).unwrap();
    });
}

#[test]
fn a_reset_device_is_set_up_again() {
    transfer_with(|world| world.a.stack.nic().reset().unwrap());
}

#[test]
fn a_write_finds_that_the_device_was_reset_while_nothing_was_outstanding() {
    let mut world = Plan::default().build();
    let (a, b) = world.connect(B4);
    world.pass(Duration::from_secs(1));
    world.a.stack.nic().reset().unwrap();
    world.pass(Duration::from_secs(1));
    (&a).write_all(b"still there?").unwrap();
    let mut buf = [0; 20];
    let arrived = world.run(Duration::from_secs(60), || (&b).read(&mut buf).is_ok());
    assert!(arrived, "{:?}", a.info());
    assert_eq!(&buf[..12], b"still there?");
    drop((a, b));
}

#[test]
fn when_the_card_is_pulled_out_everybody_is_told_enodev_once() {
    let mut world = Plan::default().build();
    let (a, b) = world.connect(B4);
    let listener = TcpListener::bind(&world.a.stack, common::at(common::A4, 80)).unwrap();
    world.a.device.pull_out();
    (&a).write_all(&data(50_000, 1)).unwrap();
    let told = world.run(Duration::from_secs(600), || a.readiness().closed);
    assert!(told, "{:?}", a.info());
    let error = (&a).read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(19), "{error}");
    assert_eq!((&a).read(&mut [0; 1]).unwrap(), 0);
    assert_eq!((&a).write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert!(listener.accept().is_err());
    assert!(TcpStream::start_connect(&world.a.stack, common::at(B4, 80)).is_err());
    drop((a, listener));
    world.a.stack.shutdown();
    let living = world.a.stack.living();
    assert_eq!((living.connections, living.pcbs, living.timers), (0, 0, 0));
    // What the NIC does not give back waits for the driver to cut it off.
    assert_eq!(
        (living.send_chunks > 0, world.a.stack.nic().stranded()),
        (true, 1)
    );
    drop(b);
}
