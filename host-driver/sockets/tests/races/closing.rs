//! Races of both ends that close, orderly or not.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use longshore_refs::sync::thread;
use longshore_sockets::TcpStream;
use parking_lot::Mutex;
use sim_wire::{Picos, Station};

use crate::common::World;
use crate::race::{Race, STEP, connected, explore};

/// Looks for a connection that neither side ever lets go of: each FIN is answered, each side has its TIME-WAIT.
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

/// Looks for a reset that is not sent although bytes were not read, and for a FIN after it.
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

/// Looks for a side that lingers although both have reset, and for a close of the last clone that comes second.
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

/// A close that sleeps until its bytes are acknowledged, at most for `limit`; `peer` is what the other end does. Time goes
/// on for as long as somebody sleeps.
fn sleep_in_close(limit: Duration, peer: impl FnOnce(&TcpStream) + Send + 'static) -> World {
    let (world, stream, child) = connected();
    (&stream).write_all(WORDS).unwrap();
    let mut race = Race::new(world);
    let over = Arc::new(AtomicBool::new(false));
    let awake = Arc::clone(&over);
    race.program(move |_| {
        let closing = stream.start_close().expect("the only handle");
        let flushed = closing.wait(limit);
        assert!(!flushed || closing.is_flushed());
        drop(closing);
        awake.store(true, Ordering::SeqCst);
    });
    race.program(move |_| peer(&child));
    race.actor(move |hosts, now| {
        let step = u64::try_from(STEP.as_nanos() * 1000).unwrap();
        while !over.load(Ordering::SeqCst) {
            let now = Picos(now.fetch_add(step, Ordering::SeqCst) + step);
            for host in hosts {
                host.model.lock().run_until(now);
                thread::yield_now();
                host.stack.poll(now.into());
            }
            thread::yield_now();
        }
    });
    race.join()
}

const WORDS: &[u8] = b"last words";

/// Looks for a sleeper that a reset does not wake, and for S released twice: by the reset and by the close.
#[test]
fn race_17_a_close_that_sleeps_and_a_reset() {
    explore(|| {
        let reset = |child: &TcpStream| child.try_clone().unwrap().abort();
        sleep_in_close(STEP * 20, reset).assert_nothing_left();
    });
}

/// Looks for bytes that are lost because a signal, or the end of the time, ended the sleep.
#[test]
fn race_17_a_close_whose_sleep_ends_early() {
    explore(|| {
        for limit in [Duration::ZERO, STEP * 2] {
            let mut heard = Vec::new();
            let kept = Arc::new(Mutex::new(None));
            let keep = Arc::clone(&kept);
            let mut world = sleep_in_close(limit, move |child| {
                *keep.lock() = Some(child.try_clone().unwrap());
            });
            let child = kept.lock().take().unwrap();
            let mut buf = [0; 64];
            assert!(world.run(Duration::from_secs(9), || {
                match (&child).read(&mut buf) {
                    Ok(0) => true,
                    Ok(n) => {
                        heard.extend_from_slice(&buf[..n]);
                        false
                    }
                    Err(_) => false,
                }
            }));
            assert_eq!(heard, WORDS);
            drop(child);
            world.assert_nothing_left();
        }
    });
}
