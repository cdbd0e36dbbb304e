//! Races of listeners: their children, half-open entries and ports.

use std::io::{ErrorKind, Read};
use std::time::Duration;

use longshore_refs::sync::thread;
use longshore_sockets::broken::Rule;

use crate::race::{Race, STEP, acquainted, explore, half_open, is_found, listen, queued, start};

fn close_reset_and_accept() {
    let (world, listener, stream) = queued();
    let mut race = Race::start(world, STEP);
    race.program(move |_| stream.abort());
    race.program(move |_| {
        drop(listener.accept());
        drop(listener);
    });
    race.join().assert_nothing_left();
}

/// Looks for a child that nobody aborts or that two do, and for a reset that frees what accept is about to hand out.
#[test]
fn race_01_close_reset_and_accept_of_that_child() {
    explore(close_reset_and_accept);
}

#[test]
fn race_01_is_found_if_children_are_not_aborted() {
    fn race() {
        let (world, listener, stream) = queued();
        let mut race = Race::start(world, STEP);
        race.program(move |_| drop(listener));
        race.program(move |_| drop(stream));
        race.join().assert_nothing_left();
    }
    assert!(is_found(Rule::AbortChildren, race));
    explore(race);
}

fn listener_closes_at_the_last_ack() {
    let (world, listener, stream) = half_open();
    let mut race = Race::close_up(world);
    race.program(move |_| drop(listener));
    let mut world = race.join();
    drop(stream);
    world.assert_nothing_left();
}

/// Looks for a child in the queue of a listener that is closed: nobody would ever abort it.
#[test]
fn race_02_listener_close_and_final_handshake_ack() {
    explore(listener_closes_at_the_last_ack);
    explore(|| {
        let (world, listener, stream) = half_open();
        let mut race = Race::start(world, STEP);
        race.program(move |_| drop(listener));
        race.program(move |_| drop(stream));
        race.join().assert_nothing_left();
    });
}

fn listener_closes_at_the_syn() {
    let world = acquainted();
    let (listener, stream) = (listen(&world.b), start(&world.a));
    let mut race = Race::close_up(world);
    race.program(move |_| drop(listener));
    let mut world = race.join();
    drop(stream);
    // What was left over late would go with its timer: it must not be there at all.
    assert_eq!(world.b.stack.living().half_open, 0);
    world.assert_nothing_left();
}

#[test]
fn race_02_is_found_if_a_late_half_open_entry_stays() {
    assert!(is_found(
        Rule::WithdrawLateHalfOpen,
        listener_closes_at_the_syn
    ));
    explore(listener_closes_at_the_syn);
}

/// Looks for a late ACK that makes a child of the old entry in the new listener's queue.
#[test]
fn race_03_listener_closed_and_created_again_and_a_late_ack() {
    explore(|| {
        let (world, listener, stream) = half_open();
        let mut race = Race::start(world, STEP);
        race.program(move |hosts| {
            drop(listener);
            let again = listen(&hosts[1]);
            if let Ok((_, peer)) = again.accept() {
                panic!("a child of {peer}, which never spoke to this listener");
            }
            thread::yield_now();
            assert!(again.accept().is_err());
        });
        let mut world = race.join();
        drop(stream);
        world.assert_nothing_left();
    });
}

fn overflow() {
    let mut world = acquainted();
    let listener = listen(&world.b);
    listener.set_backlog(1);
    let streams = [start(&world.a), start(&world.a)];
    assert!(world.run(Duration::from_secs(1), || listener.half_open() >= 1));
    let mut race = Race::start(world, STEP);
    race.program(move |_| {
        assert!(listener.queued() <= 1);
        drop(listener.accept());
        assert!(listener.queued() <= 1);
        drop(listener);
    });
    let mut world = race.join();
    drop(streams);
    world.assert_nothing_left();
}

/// Looks for a queue that is longer than its backlog, and for a place that stays reserved for a child that never came.
#[test]
fn race_04_overflow_and_promotion() {
    explore(overflow);
}

#[test]
fn race_04_is_found_if_a_child_joins_a_closed_queue() {
    assert!(is_found(Rule::RecheckOpen, listener_closes_at_the_last_ack));
}

/// Looks for a half-open entry that both take out, and a counter that goes below or stays above what there is.
#[test]
fn race_05_release_of_a_half_open_child_and_listener_close() {
    explore(|| {
        let (world, listener, stream) = half_open();
        let mut race = Race::start(world, STEP);
        race.program(move |_| stream.abort());
        race.program(move |_| drop(listener));
        race.join().assert_nothing_left();
    });
}

/// Looks for a child that is neither accepted nor aborted when handshakes end while the listener closes.
#[test]
fn race_22_many_handshakes_accept_and_listener_close() {
    explore(|| {
        let world = acquainted();
        let listener = listen(&world.b);
        let streams: Vec<_> = (0..4).map(|_| start(&world.a)).collect();
        let mut race = Race::start(world, STEP);
        race.program(move |_| {
            for _ in 0..3 {
                drop(listener.accept());
                thread::yield_now();
            }
        });
        race.program(move |_| drop(streams));
        race.join().assert_nothing_left();
    });
}

/// Looks for a listener that answers or swallows a reset that is for a connection of the same port.
#[test]
fn race_23_a_reset_ends_its_connection_and_no_listener_eats_it() {
    explore(|| {
        let (mut world, listener, stream) = queued();
        let (child, _) = listener.accept().unwrap();
        child.set_nonblocking(true).unwrap();
        world.pass(Duration::from_micros(10));
        let mut race = Race::start(world, STEP);
        race.program(move |_| stream.abort());
        race.program(move |_| assert!(listener.accept().is_err()));
        let mut world = race.join();
        world.pass(Duration::from_millis(1));
        let error = (&child).read(&mut [0; 1]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!((&child).read(&mut [0; 1]).unwrap(), 0);
        drop(child);
        world.assert_nothing_left();
    });
}
