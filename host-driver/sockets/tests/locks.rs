//! Which locks the stack takes, and how many atomic read-modify-writes a packet costs.

mod common;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::time::Duration;

use common::{B4, Plan, World, at};
use longshore_refs::sync::tally::{Tally, tally};
use longshore_sockets::{TcpListener, TcpStream};
use sim_wire::{Picos, Station};

/// Read-modify-writes of the owner for frames of one connection that came together, their ACKs included.
const ALONE: u64 = 6;
const BATCH_OF_8: u64 = 6;

type Identities = BTreeSet<(&'static str, usize)>;

fn of_level(tally: &Identities, levels: &[&str]) -> Identities {
    let of = tally.iter().filter(|(level, _)| levels.contains(level));
    of.copied().collect()
}

/// What a program does with a listener and a connection, and which locks its calls take.
fn program(world: &mut World, port: u16) -> Identities {
    let mut identities = Identities::new();
    let mut note = |tally: Tally| identities.extend(tally.identities);
    let (listener, t) = tally(|| TcpListener::bind(&world.b.stack, at(B4, port)).unwrap());
    note(t);
    listener.set_nonblocking(true).unwrap();
    let (stream, t) = tally(|| TcpStream::start_connect(&world.a.stack, at(B4, port)).unwrap());
    note(t);
    let mut accepted = None;
    assert!(world.run(Duration::from_secs(9), || {
        let (result, t) = tally(|| listener.accept());
        note(t);
        accepted = result.ok();
        accepted.is_some()
    }));
    note(tally(move || drop(accepted)).1);
    note(tally(move || drop(stream)).1);
    note(tally(move || drop(listener)).1);
    world.pass(Duration::from_secs(1));
    identities
}

#[test]
fn programs_with_a_listener_each_share_no_lock_but_those_of_their_queue_pair() {
    let mut world = Plan::default().build();
    // Neighbours are known from here on.
    program(&mut world, 79);
    // Ports and tuples may meet in a shard; not again and again, unless there is a lock that everybody takes.
    let mut fewest = usize::MAX;
    for round in 0..20 {
        let first = program(&mut world, 80 + 2 * round);
        let second = program(&mut world, 81 + 2 * round);
        let shared: Identities = first.intersection(&second).copied().collect();
        assert!(!of_level(&first, &["Listener", "Pcb", "Shard"]).is_empty());
        // The slot of a connection that is over may be taken by the next one: that is the same memory.
        fewest = fewest.min(of_level(&shared, &["Shard"]).len());
        // One queue pair, one host on the other side.
        let others: Vec<_> = shared
            .iter()
            .filter(|(level, _)| !["Shard", "Listener", "Pcb"].contains(level))
            .collect();
        assert!(
            others
                .iter()
                .all(|(level, _)| ["Ring", "Timers", "Leaf"].contains(level)),
            "{others:?}"
        );
    }
    assert_eq!(fewest, 0);
}

#[test]
fn listeners_that_are_open_at_once_share_neither_locks_nor_connections() {
    let mut world = Plan::default().build();
    let ports = [80, 81];
    let listeners = ports.map(|port| TcpListener::bind(&world.b.stack, at(B4, port)).unwrap());
    let streams = ports.map(|port| TcpStream::start_connect(&world.a.stack, at(B4, port)).unwrap());
    assert!(world.run(Duration::from_secs(9), || {
        listeners.iter().all(|listener| listener.queued() == 1)
    }));
    let [first, second] = listeners.each_ref().map(|listener| {
        let (child, t) = tally(|| listener.accept().unwrap());
        let (_, closed) = tally(move || drop(child));
        t.identities
            .into_iter()
            .chain(closed.identities)
            .collect::<Identities>()
    });
    let levels = ["Listener", "Pcb"];
    let (first, second) = (of_level(&first, &levels), of_level(&second, &levels));
    assert_eq!((first.len(), second.len()), (2, 2));
    assert!(first.is_disjoint(&second));
    drop((listeners, streams));
    world.assert_nothing_left();
}

/// What B does for a batch of frames of one connection that has come while nobody looked: read-modify-writes, and
/// frames. The program's part, which is not the owner's, is not in it.
fn batch(world: &mut World, a: &TcpStream, b: &TcpStream, bytes: usize) -> (u64, u64) {
    (&*a).write_all(&vec![7; bytes]).unwrap();
    // Only A is served; the wire takes its time.
    for _ in 0..100 {
        world.now += Picos::from_nanos(5_000);
        world.a.stack.poll(world.now.into());
        world.a.model.lock().run_until(world.now);
        world.b.model.lock().run_until(world.now);
    }
    let before = world.b.stack.counters().frames_in;
    let (_, t) = tally(|| world.b.stack.poll(world.now.into()));
    let frames = world.b.stack.counters().frames_in - before;
    // An empty round, which comes with any batch size, belongs to the sleep of the owner.
    let (_, idle) = tally(|| world.b.stack.poll(world.now.into()));
    world.pass(Duration::from_millis(50));
    let mut buf = vec![0; bytes];
    (&*b).read_exact(&mut buf).unwrap();
    world.pass(Duration::from_millis(50));
    println!(
        "{frames} frames: {} locks, {} read-modify-writes ({:.2} per frame); idle round {}",
        t.locks,
        t.rmws,
        t.rmws as f64 / frames as f64,
        idle.rmws
    );
    (t.rmws, frames)
}

/// The measure of docs/REFERENCES.md: it may only get better.
#[test]
fn read_modify_writes_per_received_frame_fall_with_the_batch() {
    let mut world = Plan::default().build();
    let (a, b) = world.connect(B4);
    // The window has to open first.
    for _ in 0..8 {
        batch(&mut world, &a, &b, 14_000);
    }
    let (rmws, frames) = batch(&mut world, &a, &b, 1_000);
    assert_eq!(frames, 1);
    assert!(rmws <= ALONE, "{rmws}");
    let (rmws, frames) = batch(&mut world, &a, &b, 8 * 1448);
    assert_eq!(frames, 8);
    assert!(rmws <= BATCH_OF_8, "{rmws}");
}
