//! docs/LIFE-OF-AN-ABORT.md, hop by hop: a program aborts a connection whose descriptors the NIC still holds.

mod common;

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use common::{B4, Host, Plan, World, data};
use longshore_device::Device;
use longshore_refs::holder::Name;
use longshore_sockets::{Living, TcpStream};
use nic_abi::block::{QUEUE, queue};
use sim_wire::{Picos, Station};

const MINUTE: Duration = Duration::from_secs(60);

/// References are counted in debug builds.
fn held(living: &Living, name: Name) -> bool {
    !cfg!(debug_assertions)
        || living.send_references.of(name) > 0
        || living.pcb_references.of(name) > 0
        || living.sockets.of(name) > 0
}

/// Lets a host's NIC do what it does within `time`, without its owner.
fn only_the_nic(host: &Host, now: &mut Picos, time: Duration) {
    *now += Picos(u64::try_from(time.as_nanos() * 1000).unwrap());
    host.model.lock().run_until(*now);
}

/// A connection of which A's NIC holds descriptors: it was told of them, and has had no time yet.
fn in_flight() -> (World, TcpStream, TcpStream) {
    let mut world = Plan::default().build();
    let (a, b) = world.connect(B4);
    world.pass(Duration::from_secs(1));
    (&a).write_all(&data(10_000, 4)).unwrap();
    let living = world.a.stack.living();
    assert!(living.requests > 0 && living.timers == 1);
    assert!(held(&living, Name::D) && held(&living, Name::Own) && held(&living, Name::T));
    (world, a, b)
}

#[test]
fn the_story_of_an_abort_with_descriptors_in_flight() {
    let (mut world, a, b) = in_flight();
    let requests = world.a.stack.living().requests;
    let other = a.try_clone().unwrap();

    // 1 to 4: the call. A reset is posted behind what was posted before; then the connection is in no table and has no
    // timer, and its send buffer is let go of.
    a.abort();
    let living = world.a.stack.living();
    assert_eq!(
        (living.connections, living.timers, living.time_wait),
        (0, 0, 0)
    );
    assert_eq!(living.requests, requests + 1, "the reset");
    assert!(!living.send_references.to_string().contains("Own"));
    assert!(held(&living, Name::D), "the NIC still reads the chunks");
    assert!(living.send_chunks > 0);

    // 5: what the program sees: the error once, then the end; and nothing waits.
    assert!(other.readiness().closed);
    let error = (&other).read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
    assert_eq!((&other).read(&mut [0; 1]).unwrap(), 0);
    let error = (&other).write(b"x").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);

    // 6: the last file goes, and with it socket and Pcb. Not so the memory.
    assert_eq!(world.a.stack.living().pcbs, 1);
    drop(other);
    let living = world.a.stack.living();
    assert_eq!(living.pcbs, 0);
    assert!(living.sockets.is_empty() && living.pcb_references.is_empty());
    assert!(living.send_chunks > 0 && held(&living, Name::D));

    // 7 and 8: the NIC sends all that was posted, the reset last, and writes its completions. Nobody has looked yet, so
    // the memory stays where it is.
    let mut now = world.now;
    only_the_nic(&world.a, &mut now, Duration::from_millis(1));
    let living = world.a.stack.living();
    assert_eq!(living.requests, requests + 1);
    assert!(living.send_chunks > 0);

    // 9: the owner takes the completions: D is released, and the chunks are back in their pool.
    world.a.stack.poll(now.into());
    let living = world.a.stack.living();
    assert_eq!(
        (living.requests, living.send_chunks, living.headers),
        (0, 0, 0)
    );
    assert!(living.is_none(), "{living:#?}");

    // 10: what the peer sends before it hears of the reset meets nobody and is answered by another.
    (&b).write_all(b"too late").unwrap();
    let resets = world.a.stack.counters().resets_out;
    only_the_nic(&world.b, &mut now, Duration::from_millis(1));
    only_the_nic(&world.a, &mut now, Duration::from_millis(1));
    world.a.stack.poll(now.into());
    assert_eq!(world.a.stack.counters().resets_out, resets + 1);

    // 11: the peer reads what came before the reset, then the error, once.
    world.now = now;
    assert!(world.run(MINUTE, || b.readiness().closed));
    let mut read = Vec::new();
    let mut buf = [0; 4096];
    let error = loop {
        match (&b).read(&mut buf) {
            Ok(n) => read.extend_from_slice(&buf[..n]),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(!read.is_empty() && data(10_000, 4).starts_with(&read));
    assert_eq!((&b).read(&mut buf).unwrap(), 0);
    drop(b);
    world.assert_nothing_left();
}

#[test]
fn a_nic_that_does_not_complete_gives_the_memory_back_when_its_queue_pair_is_started_over() {
    let (mut world, a, b) = in_flight();
    // Switched off behind the driver's back: it completes nothing more, and says nothing.
    let control = QUEUE.at(0, queue::CONTROL);
    world.a.device.write32(control, 0).unwrap();
    a.abort();
    assert!(world.a.stack.living().send_chunks > 0);
    world.pass(Duration::from_secs(9));
    let living = world.a.stack.living();
    assert!(living.is_none(), "{living:#?}");
    assert!(world.a.stack.counters().device_errors > 0);
    // The peer has not heard of it: its program gives up.
    b.abort();
    world.assert_nothing_lives();
}

#[test]
fn a_reset_of_the_device_gives_the_memory_back_once_it_is_confirmed() {
    let (mut world, a, b) = in_flight();
    a.abort();
    assert!(world.a.stack.living().send_chunks > 0);
    world.a.stack.nic().reset().unwrap();
    world.pass(Duration::from_secs(9));
    let living = world.a.stack.living();
    assert!(living.is_none(), "{living:#?}");
    b.abort();
    world.assert_nothing_lives();
}

#[test]
fn a_device_that_is_gone_gives_the_memory_back_when_it_is_cut_off() {
    let (mut world, a, b) = in_flight();
    assert!(world.a.device.memory().mapped() > 0);
    world.a.device.pull_out();
    a.abort();
    // The NIC is silent, is asked how it is, and is not.
    world.pass(MINUTE);
    let nic = world.a.stack.nic();
    assert_eq!(nic.stranded(), 0, "its queue pair is still open");
    world.a.stack.shutdown();
    let living = world.a.stack.living();
    assert_eq!((living.connections, living.pcbs, living.timers), (0, 0, 0));
    assert!(living.send_chunks > 0 && world.a.stack.nic().stranded() == 1);
    b.abort();
    // The driver goes with the stack, and cuts the device off for good: no mapping is left that it could write to.
    let device = Arc::clone(&world.a.device);
    drop(world);
    assert_eq!(device.memory().mapped(), 0, "D, B and M are released");
}
