//! Which locks UDP sockets take, and how many atomic read-modify-writes a datagram costs.
#![cfg(not(any(loom, shuttle)))]

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use common::{A4, B4, Plan, World, at};
use longshore_refs::sync::tally::{Tally, tally};
use longshore_sockets::UdpSocket;
use sim_wire::{Picos, Station};

/// Read-modify-writes of the owner for a datagram that came: shard of the port, Pcb, a counter. docs/REFERENCES.md.
const RECEIVED: u64 = 5;

type Identities = BTreeSet<(&'static str, usize)>;

/// Everything that a program does with a socket, and which locks its calls take.
fn program(world: &mut World, port: u16) -> Identities {
    let mut identities = Identities::new();
    let mut note = |tally: Tally| identities.extend(tally.identities);
    let (a, t) = tally(|| UdpSocket::bind(&world.a.stack, at(A4, port)).unwrap());
    note(t);
    a.set_nonblocking(true).unwrap();
    let b = UdpSocket::bind(&world.b.stack, at(B4, port)).unwrap();
    b.set_nonblocking(true).unwrap();
    note(tally(|| a.connect(at(B4, port)).unwrap()).1);
    note(tally(|| a.send(b"there").unwrap()).1);
    assert!(world.run(Duration::from_secs(1), || b.recv(&mut [0; 9]).is_ok()));
    b.send_to(b"and back", at(A4, port)).unwrap();
    assert!(world.run(Duration::from_secs(1), || a.readiness().readable));
    note(tally(|| a.recv(&mut [0; 9]).unwrap()).1);
    note(tally(move || drop(a)).1);
    identities
}

#[test]
fn sockets_on_ports_of_different_shards_share_no_lock_but_those_of_their_queue_pair() {
    let mut world = Plan::default().build();
    // Neighbours are known from here on.
    program(&mut world, 79);
    let (first, second) = (program(&mut world, 80), program(&mut world, 81));
    let shards = |of: &Identities| of.iter().filter(|(level, _)| *level == "Shard").count();
    assert_eq!((shards(&first), shards(&second)), (1, 1));
    // The slot of a socket that was closed may be taken by the next one: that is the same memory.
    let shared: Vec<_> = first
        .intersection(&second)
        .filter(|(level, _)| *level != "Pcb")
        .collect();
    assert!(
        shared
            .iter()
            .all(|(level, _)| ["Ring", "Leaf"].contains(level)),
        "{shared:?}"
    );
    // And with connections nothing but the same.
    let listener = longshore_sockets::TcpListener::bind(&world.b.stack, at(B4, 80)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let (tcp, opened) =
        tally(|| longshore_sockets::TcpStream::start_connect(&world.a.stack, at(B4, 80)).unwrap());
    let (_, closed) = tally(move || drop(tcp));
    let tcp: Identities = opened
        .identities
        .into_iter()
        .chain(closed.identities)
        .collect();
    let shared: Vec<_> = first.intersection(&tcp).collect();
    assert!(
        shared
            .iter()
            .all(|(level, _)| ["Ring", "Leaf"].contains(level)),
        "{shared:?}"
    );
    drop(listener);
    world.assert_nothing_left();
}

/// The owner's read-modify-writes for `n` datagrams that came while nobody looked.
fn received(world: &mut World, a: &UdpSocket, b: &UdpSocket, n: u64) -> u64 {
    for _ in 0..n {
        a.send(&[7; 100]).unwrap();
    }
    for _ in 0..20 {
        world.now += Picos::from_nanos(5_000);
        world.a.stack.poll(world.now.into());
        world.a.model.lock().run_until(world.now);
        world.b.model.lock().run_until(world.now);
    }
    let before = world.b.stack.counters().datagrams_in;
    let (_, t) = tally(|| world.b.stack.poll(world.now.into()));
    assert_eq!(world.b.stack.counters().datagrams_in - before, n);
    let (_, idle) = tally(|| world.b.stack.poll(world.now.into()));
    for _ in 0..n {
        b.recv(&mut [0; 100]).unwrap();
    }
    t.rmws - idle.rmws
}

/// The measure of docs/REFERENCES.md: it may only get better.
#[test]
fn a_datagram_that_came_costs_five_read_modify_writes() {
    let mut world = Plan::default().build();
    let a = UdpSocket::bind(&world.a.stack, at(A4, 1)).unwrap();
    let b = UdpSocket::bind(&world.b.stack, at(B4, 2)).unwrap();
    for socket in [&a, &b] {
        socket.set_nonblocking(true).unwrap();
    }
    a.connect(at(B4, 2)).unwrap();
    a.send(b"neighbours").unwrap();
    assert!(world.run(Duration::from_secs(1), || b.recv(&mut [0; 9]).is_ok()));
    for n in [1, 8] {
        let rmws = received(&mut world, &a, &b, n);
        println!("{n} datagrams: {rmws} read-modify-writes");
        assert!(rmws <= RECEIVED * n, "{rmws} for {n}");
    }
    drop((a, b));
    world.assert_nothing_left();
}
