//! Races of connections: timers, look-ups, listings, the end.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use longshore_refs::sync::thread;
use longshore_sockets::broken::Rule;

use crate::race::{Race, STEP, acquainted, connected, explore, is_found, start};

fn timer_and_close() {
    let (world, stream, child) = connected();
    (&stream).write_all(b"on its way").unwrap();
    // The first retransmission is due at the last of the steps.
    let mut race = Race::start(world, Duration::from_millis(18));
    race.program(move |_| stream.abort());
    let mut world = race.join();
    // Dropped: in no table, no timer armed.
    let living = world.a.stack.living();
    assert_eq!((living.connections, living.timers), (0, 0));
    drop(child);
    world.assert_nothing_left();
}

/// Looks for a timer of a connection that is over, and for T that is released by both or by neither.
#[test]
fn race_06_a_timer_fires_while_the_connection_closes() {
    explore(timer_and_close);
}

#[test]
fn race_06_is_found_if_the_timer_is_not_stopped() {
    assert!(is_found(Rule::StopTimer, timer_and_close));
}

/// Looks for a timer that fires for a connection before its socket has its first reference.
#[test]
fn race_07_a_timer_is_armed_while_the_connection_begins() {
    explore(|| {
        let world = acquainted();
        let mut race = Race::start(world, Duration::from_secs(1));
        race.program(|hosts| drop(start(&hosts[0])));
        race.program(|hosts| start(&hosts[0]).abort());
        race.join().assert_nothing_left();
    });
}

/// Looks for a connection that a look-up found and that its owner freed meanwhile: used after it is another's.
#[test]
fn race_08_a_look_up_finds_a_connection_that_its_owner_frees() {
    explore(|| {
        let (world, stream, child) = connected();
        (&stream).write_all(b"looked up").unwrap();
        let mut race = Race::start(world, STEP);
        race.program(move |_| child.abort());
        race.program(move |hosts| {
            let _ = hosts[1].stack.living();
            let _ = stream.info();
            drop(stream);
        });
        race.join().assert_nothing_left();
    });
}

/// Looks for a call that finds its connection replaced by a record between unlocking and locking again.
#[test]
fn race_09_time_wait_begins_between_two_calls() {
    explore(|| {
        let (world, stream, child) = connected();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut race = Race::start(world, STEP);
        race.program(move |_| drop(child));
        race.program(move |_| {
            for _ in 0..3 {
                match (&stream).read(&mut [0; 9]) {
                    Ok(n) => assert_eq!(n, 0),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                }
                thread::yield_now();
            }
        });
        race.join().assert_nothing_left();
    });
}

/// Looks for a moment in which a connection is neither, or both, connection and record.
#[test]
fn race_10_time_wait_records_are_counted_from_the_first_moment() {
    explore(|| {
        let (world, stream, child) = connected();
        let mut race = Race::start(world, STEP);
        race.program(move |_| drop((stream, child)));
        race.program(move |hosts| {
            for _ in 0..3 {
                let living = hosts[0].stack.living();
                assert!(living.connections + living.time_wait <= 1, "{living:?}");
                thread::yield_now();
            }
        });
        race.join().assert_nothing_left();
    });
}

fn close_and_listing() {
    let (world, stream, child) = connected();
    (&stream).write_all(b"still to be sent").unwrap();
    let other = stream.try_clone().unwrap();
    let mut race = Race::start(world, STEP);
    race.program(move |_| drop(stream));
    race.program(move |_| {
        let _ = (other.info(), other.counters(), other.take_error());
        drop(other);
    });
    race.program(move |hosts| {
        let _ = hosts[0].stack.living();
    });
    let mut world = race.join();
    drop(child);
    world.assert_nothing_left();
}

/// Looks for a socket that is freed under a listing or under a getsockopt because the last data were acknowledged.
#[test]
fn race_12_close_and_a_listing_of_connections() {
    explore(close_and_listing);
}

#[test]
fn race_12_is_found_if_a_closed_socket_does_not_linger() {
    assert!(is_found(Rule::KeepLingering, close_and_listing));
}

/// Looks for one of two changes that is lost because it was made outside of the lock.
#[test]
fn race_24_changes_of_one_connection_from_two_threads_are_both_kept() {
    explore(|| {
        let (world, stream, child) = connected();
        let other = stream.try_clone().unwrap();
        let last = stream.try_clone().unwrap();
        let mut race = Race::start(world, STEP);
        race.program(move |_| stream.shutdown(Shutdown::Read).unwrap());
        race.program(move |_| other.shutdown(Shutdown::Write).unwrap());
        let mut world = race.join();
        assert_eq!((&last).read(&mut [0; 1]).unwrap(), 0);
        let error = (&last).write(&[0; 1]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        drop((last, child));
        world.assert_nothing_left();
    });
}
