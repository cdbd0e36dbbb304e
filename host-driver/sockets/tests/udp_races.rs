//! The races of UDP sockets over random schedules: programs and the owner of a host's queue pair are actors each. `cargo
//! xtask test` runs them, `cargo xtask campaign races` for longer; LONGSHORE_SCHEDULES sets how many schedules each.
//!
//! Every test ends with nothing left, by the names of the holders.
#![cfg(all(shuttle, not(loom)))]

mod common;

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use common::{A4, B4, Host, Plan, World, at};
use longshore_refs::sync::thread;
use longshore_sockets::UdpSocket;
use longshore_sockets::broken::{Rule, break_rule};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use sim_wire::{Picos, Station};

fn schedules() -> usize {
    let set = std::env::var("LONGSHORE_SCHEDULES").ok();
    set.and_then(|n| n.parse().ok()).unwrap_or(3000)
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

fn bind(host: &Host, ip: &str, port: u16) -> UdpSocket {
    let socket = UdpSocket::bind(&host.stack, at(ip, port)).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

/// Both hosts know each other's station address, so that a race is about what it is about.
fn acquainted() -> World {
    let mut world = Plan::default().build();
    let (a, b) = (bind(&world.a, A4, 9), bind(&world.b, B4, 9));
    a.send_to(b"hello", at(B4, 9)).unwrap();
    assert!(world.run(Duration::from_secs(1), || b.recv(&mut [0; 9]).is_ok()));
    b.send_to(b"hello", at(A4, 9)).unwrap();
    assert!(world.run(Duration::from_secs(1), || a.recv(&mut [0; 9]).is_ok()));
    world
}

/// What A has sent is in B's memory, and what B has sent in A's. Then the owner of `side` takes it in, while `programs` run;
/// these, and nothing else, so that schedules are short.
fn race(mut world: World, side: usize, programs: Vec<Box<dyn FnOnce(&Host) + Send>>) -> World {
    for _ in 0..20 {
        world.now += Picos::from_nanos(1000);
        world.a.model.lock().run_until(world.now);
        world.b.model.lock().run_until(world.now);
    }
    let now = world.now;
    let hosts = Arc::new([world.a, world.b]);
    let mut actors: Vec<_> = programs
        .into_iter()
        .map(|program| {
            let hosts = Arc::clone(&hosts);
            thread::spawn(move || program(&hosts[side]))
        })
        .collect();
    let owned = Arc::clone(&hosts);
    actors.push(thread::spawn(move || {
        owned[side].stack.poll(now.into());
    }));
    for actor in actors {
        actor.join().unwrap();
    }
    let hosts = Arc::try_unwrap(hosts);
    let [a, b] = hosts.unwrap_or_else(|_| unreachable!("all actors are gone"));
    World { a, b, now }
}

/// A's ports 1 and 2 have sent a datagram each to port 53 of B.
fn two_peers() -> (World, [UdpSocket; 2], UdpSocket) {
    let world = acquainted();
    let server = bind(&world.b, "0.0.0.0", 53);
    let peers = [bind(&world.a, A4, 1), bind(&world.a, A4, 2)];
    for peer in &peers {
        peer.send_to(b"whose?", at(B4, 53)).unwrap();
    }
    (world, peers, server)
}

#[test]
fn close_and_receive() {
    explore(|| {
        let (world, peers, server) = two_peers();
        let clone = server.try_clone().unwrap();
        let mut world = race(
            world,
            1,
            vec![
                Box::new(move |_| drop(server)),
                Box::new(move |_| {
                    // Whatever has come is whole.
                    if let Ok((len, from)) = clone.recv_from(&mut [0; 9]) {
                        assert_eq!((len, from.ip()), (6, at(A4, 0).ip()));
                    }
                }),
            ],
        );
        let living = world.b.stack.living();
        assert_eq!((living.datagram_sockets, living.datagram_pcbs), (0, 0));
        drop(peers);
        world.assert_nothing_left();
    });
}

#[test]
fn close_bind_again_and_receive() {
    explore(|| {
        let (world, peers, server) = two_peers();
        let mut world = race(
            world,
            1,
            vec![Box::new(move |host| {
                drop(server);
                // The port is free at once; the slot may be the same.
                let again = bind(host, B4, 53);
                again.connect(at(A4, 2)).unwrap();
                if let Ok((_, from)) = again.recv_from(&mut [0; 9]) {
                    assert_eq!(from, at(A4, 2));
                }
            })],
        );
        drop(peers);
        world.assert_nothing_left();
    });
}

#[test]
fn close_and_icmp_error() {
    explore(|| {
        let mut world = acquainted();
        let socket = bind(&world.a, A4, 5);
        socket.connect(at(B4, 99)).unwrap();
        socket.send(b"anybody?").unwrap();
        // B has answered.
        for _ in 0..20 {
            world.now += Picos::from_nanos(1000);
            world.a.model.lock().run_until(world.now);
            world.b.model.lock().run_until(world.now);
            world.b.stack.poll(world.now.into());
        }
        let clone = socket.try_clone().unwrap();
        let mut world = race(
            world,
            0,
            vec![
                Box::new(move |_| drop(socket)),
                Box::new(move |_| {
                    let error = clone.recv(&mut [0; 9]).unwrap_err().kind();
                    if error == ErrorKind::ConnectionRefused {
                        // It is told once.
                        assert!(clone.take_error().unwrap().is_none());
                    } else {
                        assert_eq!(error, ErrorKind::WouldBlock);
                    }
                }),
            ],
        );
        world.assert_nothing_left();
    });
}

fn connect_while_both_peers_datagrams_arrive() {
    let (world, peers, server) = two_peers();
    let mut world = race(
        world,
        1,
        vec![Box::new(move |_| {
            server.connect(at(A4, 1)).unwrap();
            // From here on only the peer's are received.
            for _ in 0..3 {
                if let Ok((_, from)) = server.recv_from(&mut [0; 9]) {
                    assert_eq!(from, at(A4, 1));
                }
                thread::yield_now();
            }
        })],
    );
    drop(peers);
    world.assert_nothing_left();
}

#[test]
fn connect_and_receive() {
    explore(connect_while_both_peers_datagrams_arrive);
}

#[test]
fn connect_and_receive_is_found_if_the_peer_is_not_asked_for_again() {
    assert!(is_found(
        Rule::RecheckPeer,
        connect_while_both_peers_datagrams_arrive
    ));
}

#[test]
fn two_binds_to_one_port() {
    explore(|| {
        let world = acquainted();
        let try_bind = |wildcard: bool| -> Box<dyn FnOnce(&Host) + Send> {
            let ip = if wildcard { "0.0.0.0" } else { B4 };
            Box::new(move |host| match UdpSocket::bind(&host.stack, at(ip, 53)) {
                Ok(socket) => {
                    // While it lives, nobody else has the port.
                    assert_eq!(host.stack.living().datagram_sockets, 1);
                    thread::yield_now();
                    assert_eq!(host.stack.living().datagram_sockets, 1);
                    drop(socket);
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::AddrInUse),
            })
        };
        let mut world = race(world, 1, vec![try_bind(false), try_bind(true)]);
        world.assert_nothing_left();
    });
}

#[test]
fn two_sockets_connect_to_one_peer() {
    explore(|| {
        let (world, peers, server) = two_peers();
        drop(server);
        let sockets = [0, 1].map(|_| {
            let socket = UdpSocket::bind_reusable(&world.b.stack, at(B4, 53)).unwrap();
            socket.set_nonblocking(true).unwrap();
            socket
        });
        let clones = sockets.each_ref().map(|s| s.try_clone().unwrap());
        let programs = clones.map(|clone| -> Box<dyn FnOnce(&Host) + Send> {
            Box::new(move |_| {
                let _ = clone.connect(at(A4, 1));
            })
        });
        let mut world = race(world, 1, programs.into());
        let connected = sockets.iter().filter(|s| s.peer_addr().is_ok()).count();
        assert_eq!(connected, 1);
        drop((peers, sockets));
        world.assert_nothing_left();
    });
}

#[test]
fn bind_send_and_the_end_of_the_stack() {
    explore(|| {
        let (world, peers, server) = two_peers();
        let mut world = race(
            world,
            1,
            vec![
                Box::new(|host| host.stack.shutdown()),
                Box::new(move |host| {
                    let _ = server.send_to(b"x", at(A4, 1));
                    let _ = server.recv(&mut [0; 9]);
                    // Either it is there and then told, or there was none.
                    if let Ok(late) = UdpSocket::bind(&host.stack, at(B4, 54)) {
                        drop(late);
                    }
                }),
            ],
        );
        drop(peers);
        world.pass(Duration::from_secs(1));
        for host in [&world.a, &world.b] {
            let living = host.stack.living();
            assert!(living.is_none(), "{living:#?}");
        }
    });
}
