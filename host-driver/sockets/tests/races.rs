//! The races by name, over random schedules: programs, the owners of both hosts' queue pairs and the NICs with their
//! wire are actors each. `cargo xtask test` runs them, `cargo xtask campaign races` for longer; LONGSHORE_SCHEDULES sets how many schedules each.
//!
//! A failure prints the schedule. Every test ends with nothing left, by the names of the holders.
#![cfg(all(shuttle, not(loom)))]

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::{B4, Host, Plan, World, at};
use longshore_refs::{holder::Name, sync::thread};
use longshore_sockets::broken::{Rule, break_rule};
use longshore_sockets::{TcpListener, TcpStream};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use sim_wire::{Picos, Station};

/// Steps of the NICs and of the owners in a race.
const STEPS: u64 = 12;

/// A way of the wire in a race, in which programs act on their own.
struct Race {
    hosts: Arc<[Host; 2]>,
    now: Arc<AtomicU64>,
    actors: Vec<thread::JoinHandle<()>>,
}

impl Race {
    fn new(world: World) -> Self {
        Self {
            now: Arc::new(AtomicU64::new(world.now.0)),
            hosts: Arc::new([world.a, world.b]),
            actors: Vec::new(),
        }
    }

    /// What A has sent is in B's memory, and B's owner takes it in: that, and what programs do, and nothing else, so
    /// that schedules are short and rare orders not so rare.
    fn close_up(mut world: World) -> Self {
        for _ in 0..20 {
            world.a.stack.poll(world.now.into());
            world.now += Picos::from_nanos(1000);
            world.a.model.lock().run_until(world.now);
            world.b.model.lock().run_until(world.now);
        }
        let mut race = Self::new(world);
        race.actor(|hosts, now| {
            hosts[1]
                .stack
                .poll(Picos(now.load(Ordering::SeqCst)).into());
        });
        race
    }

    /// Both owners and the NICs run from now on; each step takes `step`.
    fn start(world: World, step: Duration) -> Self {
        let mut race = Self::new(world);
        let picos = u64::try_from(step.as_nanos() * 1000).unwrap();
        race.actor(move |hosts, now| {
            for _ in 0..STEPS {
                let now = Picos(now.fetch_add(picos, Ordering::SeqCst) + picos);
                for host in hosts {
                    host.model.lock().run_until(now);
                }
                thread::yield_now();
            }
        });
        for side in 0..2 {
            race.actor(move |hosts, now| {
                for _ in 0..STEPS {
                    hosts[side]
                        .stack
                        .poll(Picos(now.load(Ordering::SeqCst)).into());
                    thread::yield_now();
                }
            });
        }
        race
    }

    fn actor(&mut self, act: impl FnOnce(&[Host; 2], &AtomicU64) + Send + 'static) {
        let (hosts, now) = (Arc::clone(&self.hosts), Arc::clone(&self.now));
        self.actors.push(thread::spawn(move || act(&hosts, &now)));
    }

    /// A program.
    fn program(&mut self, run: impl FnOnce(&[Host; 2]) + Send + 'static) {
        self.actor(move |hosts, _| run(hosts));
    }

    /// All have acted: time goes on in one thread.
    fn join(mut self) -> World {
        for actor in self.actors.drain(..) {
            actor.join().unwrap();
        }
        let hosts = Arc::try_unwrap(self.hosts);
        let [a, b] = hosts.unwrap_or_else(|_| unreachable!("all actors are gone"));
        for host in [&a, &b] {
            // Nothing goes on now. Whatever is in the table has a socket, and somebody has that.
            let living = host.stack.living();
            let held = [Name::F, Name::Q, Name::S].map(|name| living.sockets.of(name));
            let held: u32 = held.iter().sum();
            assert!(living.connections <= held as usize, "{living:#?}");
        }
        World {
            a,
            b,
            now: Picos(self.now.load(Ordering::SeqCst)),
        }
    }
}

fn schedules() -> usize {
    let set = std::env::var("LONGSHORE_SCHEDULES").ok();
    set.and_then(|n| n.parse().ok()).unwrap_or(1000)
}

/// Tries a race in many schedules, at random and by priorities that change at few points.
fn explore(race: fn()) {
    let config = || {
        let mut config = shuttle::Config::new();
        config.stack_size = 1 << 20;
        config.max_steps = shuttle::MaxSteps::None;
        config
    };
    let half = schedules().div_ceil(2);
    shuttle::Runner::new(RandomScheduler::new(half), config()).run(race);
    shuttle::Runner::new(PctScheduler::new(3, half), config()).run(race);
}

/// Whether the checker finds something wrong in a race if a rule is broken.
fn is_found(rule: Rule, race: fn()) -> bool {
    break_rule(Some(rule));
    let found = std::panic::catch_unwind(|| explore(race)).is_err();
    break_rule(None);
    found
}

const STEP: Duration = Duration::from_micros(3);

fn listen(host: &Host) -> TcpListener {
    let listener = TcpListener::bind(&host.stack, at(B4, 80)).unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}

fn start(host: &Host) -> TcpStream {
    let stream = TcpStream::start_connect(&host.stack, at(B4, 80)).unwrap();
    stream.set_nonblocking(true).unwrap();
    stream
}

/// Both hosts know each other's station address, so that a race is about what it is about.
fn acquainted() -> World {
    let mut world = Plan::default().build();
    let stream = start(&world.a);
    assert!(world.run(Duration::from_secs(1), || stream.readiness().closed));
    world
}

/// A listener at B, and a connection from A that is in its queue.
fn queued() -> (World, TcpListener, TcpStream) {
    let mut world = acquainted();
    let (listener, stream) = (listen(&world.b), start(&world.a));
    assert!(world.run(Duration::from_secs(1), || listener.queued() == 1));
    (world, listener, stream)
}

/// A listener at B, and a connection from A whose last ACK is not there yet.
fn half_open() -> (World, TcpListener, TcpStream) {
    let mut world = acquainted();
    let (listener, stream) = (listen(&world.b), start(&world.a));
    assert!(world.run(Duration::from_secs(1), || listener.half_open() == 1));
    (world, listener, stream)
}

fn connected() -> (World, TcpStream, TcpStream) {
    let (mut world, listener, stream) = queued();
    let (child, _) = listener.accept().unwrap();
    child.set_nonblocking(true).unwrap();
    drop(listener);
    world.pass(Duration::from_micros(10));
    (world, stream, child)
}

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

#[test]
fn race_04_overflow_and_promotion() {
    explore(overflow);
}

#[test]
fn race_04_is_found_if_a_child_joins_a_closed_queue() {
    assert!(is_found(Rule::RecheckOpen, listener_closes_at_the_last_ack));
}

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

#[test]
fn race_06_a_timer_fires_while_the_connection_closes() {
    explore(timer_and_close);
}

#[test]
fn race_06_is_found_if_the_timer_is_not_stopped() {
    assert!(is_found(Rule::StopTimer, timer_and_close));
}

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

#[test]
fn race_12_close_and_a_listing_of_connections() {
    explore(close_and_listing);
}

#[test]
fn race_12_is_found_if_a_closed_socket_does_not_linger() {
    assert!(is_found(Rule::KeepLingering, close_and_listing));
}

#[test]
fn race_14_connect_reset_and_close() {
    explore(|| {
        let world = acquainted();
        // Nobody listens: a reset comes.
        let stream = start(&world.a);
        let mut race = Race::start(world, STEP);
        let other = stream.try_clone().unwrap();
        race.program(move |_| drop(stream));
        race.program(move |_| {
            if let Ok(Some(error)) = other.take_error() {
                assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
                // It is told once.
                assert!(other.take_error().unwrap().is_none());
            }
        });
        race.join().assert_nothing_left();
    });
}

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

#[test]
fn race_21_reset_of_the_device_with_requests_outstanding() {
    explore(|| {
        let (world, stream, child) = connected();
        (&stream).write_all(&[1; 5000]).unwrap();
        let mut race = Race::start(world, STEP);
        race.program(|hosts| hosts[0].stack.shutdown());
        race.program(move |_| drop((stream, child)));
        let mut world = race.join();
        world.pass(Duration::from_secs(1000));
        for host in [&world.a, &world.b] {
            let living = host.stack.living();
            assert!(living.is_none(), "{living:#?}");
        }
    });
}

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
