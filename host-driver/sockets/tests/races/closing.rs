//! Races of both ends that close, orderly or not.

use std::io::Write;
use std::net::Shutdown;
use std::time::Duration;

use crate::race::{Race, STEP, connected, explore};

#[test]
fn race_15_simultaneous_close() {
    explore(|| {
        let (world, stream, child) = connected();
        let mut race = Race::start(world, STEP);
        race.program(move |_| drop(stream));
        race.program(move |_| drop(child));
        race.join().assert_nothing_left();
    });
}

#[test]
fn race_16_end_of_writing_with_data_and_close_with_unread_data() {
    explore(|| {
        let (world, stream, child) = connected();
        let mut race = Race::start(world, STEP);
        race.program(move |_| {
            (&stream).write_all(b"never read").unwrap();
            // The peer may have reset the connection already.
            let _ = stream.shutdown(Shutdown::Write);
        });
        race.program(move |_| drop(child));
        race.join().assert_nothing_left();
    });
}

#[test]
fn race_17_a_close_that_resets_and_a_reset_from_the_peer() {
    explore(|| {
        let (world, stream, child) = connected();
        (&stream).write_all(b"lost").unwrap();
        stream.set_abort_on_close(true).unwrap();
        let other = stream.try_clone().unwrap();
        let mut race = Race::start(world, STEP);
        race.program(move |_| drop(stream));
        race.program(move |_| drop(other));
        race.program(move |_| child.abort());
        let mut world = race.join();
        // Neither side lingers.
        world.pass(Duration::from_millis(1));
        let living = [&world.a, &world.b].map(|host| host.stack.living());
        assert!(living.iter().all(|l| l.connections + l.time_wait == 0));
        world.assert_nothing_left();
    });
}
