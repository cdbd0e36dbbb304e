//! Peers that are gone, router and all.

mod common;

use std::io::{ErrorKind, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{B4, B6, Plan, at};
use longshore_sockets::TcpStream;
use sim_wire::Wire;
use sim_wire::fault::{Action, Script};

#[test]
fn a_connection_whose_neighbour_is_gone_is_given_up_as_one_whose_segments_are_lost() {
    for ip in [B4, B6] {
        let cut = Arc::new(AtomicBool::new(false));
        let script = || {
            let cut = Arc::clone(&cut);
            Script::new().when(move |_, _| cut.load(Ordering::Relaxed).then_some(Action::Drop))
        };
        let plan = Plan {
            script_to_a: script(),
            script_to_b: script(),
            ..Plan::default()
        };
        let mut world = plan.build();
        let (mut a, b) = world.connect(ip);
        cut.store(true, Ordering::Relaxed);
        // What is known of the neighbour is forgotten before anything is sent.
        world.pass(Duration::from_secs(60));
        a.write_all(b"anybody there?").unwrap();
        assert!(a.soft_error().unwrap().is_none());
        // R1: three retransmissions. R2 is far.
        world.pass(Duration::from_secs(20));
        assert!(a.soft_error().unwrap().is_some());
        assert!(!a.readiness().closed);
        assert!(world.run(Duration::from_secs(1500), || a.readiness().closed));
        let error = a.take_error().unwrap().expect("an error");
        // The time is over; and why is known.
        assert_eq!(error.kind(), ErrorKind::HostUnreachable);
        b.abort();
        drop(a);
        world.assert_nothing_left();
    }
}

#[test]
fn a_close_towards_a_neighbour_who_is_gone_comes_to_an_end() {
    let cut = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&cut);
    let plan = Plan {
        script_to_b: Script::new()
            .when(move |_, _| seen.load(Ordering::Relaxed).then_some(Action::Drop)),
        ..Plan::default()
    };
    let mut world = plan.build();
    let (a, b) = world.connect(B4);
    cut.store(true, Ordering::Relaxed);
    world.pass(Duration::from_secs(60));
    drop(a);
    b.abort();
    world.pass(Duration::from_secs(1500));
    world.assert_nothing_left();
}

#[test]
fn a_connect_whose_syn_crosses_another_comes_to_an_end_though_the_way_is_never_found() {
    let mut world = Plan::default().build();
    let stream = TcpStream::start_connect(&world.a.stack, at("192.0.2.9", 80)).unwrap();
    let local = stream.local_addr().unwrap().port();
    // Nobody answers for that address, but a SYN comes from it: a simultaneous open, whose SYN-ACK cannot be sent.
    let mut frame = Vec::new();
    etherparse::PacketBuilder::ethernet2([2, 0, 0, 0, 0, 9], [2, 0, 0, 0, 0, 1])
        .ipv4([192, 0, 2, 9], [192, 0, 2, 1], 64)
        .tcp(80, local, 1_000, 65_535)
        .syn()
        .write(&mut frame, &[])
        .unwrap();
    let now = world.now;
    {
        let mut model = world.b.model.lock();
        let frame = model.wire_mut().pool().copy_of(&frame);
        model.wire_mut().transmit(now, frame);
    }
    let ended = world.run(Duration::from_secs(1500), || stream.readiness().closed);
    assert!(ended, "{:?}", world.a.stack.living());
    drop(stream);
    world.assert_nothing_left();
}
