//! Which locks the stack takes, and how many atomic read-modify-writes a packet costs.

mod common;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::time::Duration;

use common::{B4, Plan, World, at};
use longshore_refs::sync::tally::{Tally, tally};
use longshore_sockets::{TcpListener, TcpStream};
use sim_wire::{Picos, Station};

/// Read-modify-writes of a packet that comes or goes alone: a lock's, the connection's or the submission ring's.
const ALONE: u64 = 2;
/// Of the owner, whenever it wakes up: the right to drive.
const WAKE_UP: u64 = 2;
/// Of moving a timer to an earlier time: its lock, and a store that sleepers see.
const TIMER: u64 = 3;

type Identities = BTreeSet<(&'static str, usize)>;

fn of_level(tally: &Identities, levels: &[&str]) -> Identities {
    let of = tally.iter().filter(|(level, _)| levels.contains(level));
    of.copied().collect()
}

/// What a program does with a listener and a connection from bind to the end, and which locks that takes: by the program's
/// calls, and by the owners of both hosts for its sake.
fn program(world: &mut World, port: u16) -> Identities {
    let mut identities = Identities::new();
    let mut note = |tally: Tally| identities.extend(tally.identities);
    let (listener, t) = tally(|| TcpListener::bind(&world.b.stack, at(B4, port)).unwrap());
    note(t);
    listener.set_nonblocking(true).unwrap();
    let (stream, t) = tally(|| TcpStream::start_connect(&world.a.stack, at(B4, port)).unwrap());
    note(t);
    let mut accepted = None;
    let (done, owners) = tally(|| {
        world.run(Duration::from_secs(9), || {
            let (result, t) = tally(|| listener.accept());
            note(t);
            accepted = result.ok();
            accepted.is_some()
        })
    });
    assert!(done);
    note(owners);
    note(tally(move || drop(accepted)).1);
    note(tally(move || drop(stream)).1);
    note(tally(move || drop(listener)).1);
    note(tally(|| world.pass(Duration::from_secs(1))).1);
    identities
}

#[test]
fn programs_with_a_listener_each_share_no_lock_but_those_of_their_queue_pair() {
    let mut world = Plan::default().build();
    // Neighbours are known from here on.
    program(&mut world, 79);
    // Ports and tuples may meet in a shard; not again and again, unless there is a lock that everybody takes.
    let (mut fewest, mut leaves) = (usize::MAX, usize::MAX);
    for round in 0..20 {
        let first = program(&mut world, 80 + 2 * round);
        let second = program(&mut world, 81 + 2 * round);
        let shared: Identities = first.intersection(&second).copied().collect();
        assert!(!of_level(&first, &["Listener", "Pcb", "Shard"]).is_empty());
        // The slot of a connection that is over may be taken by the next one: that is the same memory.
        fewest = fewest.min(of_level(&shared, &["Shard"]).len());
        // Of the two hosts' queue pairs, each: the right to drive, the submission ring, the timers, what ended connections
        // have counted. And the answer for the one host on the other side, in a shard of the neighbours' answers.
        let levels = ["Owner", "Ring", "Timers", "Leaf"];
        let common = levels.map(|level| of_level(&shared, &[level]).len());
        assert!(common[..3].iter().all(|&locks| locks <= 2), "{common:?}");
        leaves = leaves.min(common[3]);
        let known = [&levels[..], &["Shard", "Listener", "Pcb"]].concat();
        assert_eq!(of_level(&shared, &known), shared);
    }
    assert_eq!(fewest, 0);
    // Now and then the answer is too old, and the IP layer itself is asked.
    assert!(leaves <= 4, "{leaves}");
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

/// What B's owner does for frames that have come while nobody looked.
#[derive(Debug)]
struct Measured {
    /// Read-modify-writes, those of waking up included.
    rmws: u64,
    /// Frames that came.
    frames: u64,
    /// Requests posted for transmission.
    answers: u64,
}

/// Lets `bytes` of one connection come to B, and measures B's owner; the program's part is not in it. Afterwards time
/// passes by itself.
fn batch(
    world: &mut World,
    a: &TcpStream,
    b: &TcpStream,
    bytes: usize,
    after: Duration,
) -> Measured {
    (&*a).write_all(&vec![7; bytes]).unwrap();
    // Only A is served; the wire takes its time.
    for _ in 0..100 {
        world.now += Picos::from_nanos(5_000);
        world.a.stack.poll(world.now.into());
        world.a.model.lock().run_until(world.now);
        world.b.model.lock().run_until(world.now);
    }
    let before = world.b.stack.counters();
    let (_, t) = tally(|| world.b.stack.poll(world.now.into()));
    let counters = world.b.stack.counters();
    let measured = Measured {
        rmws: t.rmws,
        frames: counters.frames_in - before.frames_in,
        answers: counters.transmits - before.transmits,
    };
    world.pass(after);
    (&*b).read_exact(&mut vec![0; bytes]).unwrap();
    world.pass(after);
    println!("{measured:?}");
    measured
}

const REST: Duration = Duration::from_millis(50);

/// The measure of docs/REFERENCES.md: it may only get better.
#[test]
fn a_packet_alone_costs_two_read_modify_writes_and_one_of_a_batch_less_than_one() {
    let mut world = Plan::default().build();
    let (a, b) = world.connect(B4);
    // The window has to open first.
    for _ in 0..8 {
        batch(&mut world, &a, &b, 14_000, REST);
    }
    let (_, idle) = tally(|| world.b.stack.poll(world.now.into()));
    assert_eq!(idle.rmws, WAKE_UP);
    // A frame, and its ACK.
    let alone = batch(&mut world, &a, &b, 1_000, REST);
    assert_eq!((alone.frames, alone.answers), (1, 1));
    assert!(alone.rmws <= 2 * ALONE + WAKE_UP, "{alone:?}");
    // Everything included.
    let together = batch(&mut world, &a, &b, 8 * 1448, REST);
    assert_eq!(together.frames, 8);
    assert!(together.rmws <= together.frames, "{together:?}");
}

#[test]
fn a_frame_that_wants_no_answer_yet_takes_its_connections_lock_and_no_other() {
    let mut world = Plan::default().build();
    let (a, b) = world.connect(B4);
    for stream in [&a, &b] {
        stream.set_nodelay(true).unwrap();
    }
    // Requests in several parts, and responses: ACKs wait for the response.
    let mut silent = 0;
    for _ in 0..20 {
        for part in 0..4 {
            let request = batch(&mut world, &a, &b, 64, Duration::from_micros(10));
            assert_eq!(request.frames, 1);
            let packets = request.frames + request.answers;
            // The first part acknowledges the response, whose memory goes back to its pool (2); the NIC has completed what
            // the program sent (2); and now and then the timer of the delayed ACK is set.
            let first = if part == 0 { 4 } else { 0 };
            let most = packets * ALONE + WAKE_UP + TIMER + first;
            assert!(request.rmws <= most, "{part}: {request:?}");
            silent += u32::from(request.answers == 0 && request.rmws <= ALONE + WAKE_UP);
        }
        (&b).write_all(&[7; 64]).unwrap();
        world.pass(Duration::from_micros(10));
        (&a).read_exact(&mut [0; 64]).unwrap();
    }
    assert!(silent >= 50, "{silent}");
}

#[test]
fn the_answers_of_a_round_cost_one_doorbell_however_many_connections_they_are_of() {
    let mut world = Plan::default().build();
    let listener = TcpListener::bind(&world.b.stack, at(B4, 80)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let pairs: Vec<_> = (0..8).map(|_| world.connect_to(&listener, B4)).collect();
    let rung = |world: &World| world.b.device.nic().lock().doorbells;
    for _ in 0..4 {
        for (a, _) in &pairs {
            (&*a).write_all(&[7; 2 * 1448]).unwrap();
        }
        for _ in 0..20 {
            world.now += Picos::from_nanos(5_000);
            world.a.stack.poll(world.now.into());
            world.a.model.lock().run_until(world.now);
            world.b.model.lock().run_until(world.now);
        }
        let before = (rung(&world), world.b.stack.counters());
        world.b.stack.poll(world.now.into());
        let counters = world.b.stack.counters();
        assert!(counters.frames_in - before.1.frames_in >= 16);
        assert_eq!(counters.transmits - before.1.transmits, 8);
        assert_eq!(rung(&world) - before.0, 1);
        world.pass(REST);
        for (_, b) in &pairs {
            (&*b).read_exact(&mut [0; 2 * 1448]).unwrap();
        }
        world.pass(REST);
    }
}
