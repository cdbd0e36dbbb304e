//! Races of active opens.

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use longshore_sockets::TcpStream;
use sim_wire::Picos;
use std::sync::atomic::Ordering;

use crate::common::{A4, B4, Plan, World, at};
use crate::flow_nic::Rss;
use crate::frames::{Syn, transmit};
use crate::race::{Race, STEP, acquainted, explore, start};
use crate::steered::Steered;

/// Looks for an error that is told twice or not of this connection, and for a connection that stays in the table.
#[test]
fn race_14_connect_reset_and_close() {
    explore(|| {
        let world = acquainted();
        // Nobody listens: a reset comes.
        let stream = start(&world.a);
        let mut race = Race::start(world, STEP);
        let other = stream.try_clone().unwrap();
        race.program(move |_| drop(stream));
        race.program(move |_| hear_once(&other));
        race.join().assert_nothing_left();
    });
}

/// An error comes at most once.
fn hear_once(stream: &TcpStream) {
    if let Ok(Some(error)) = stream.take_error() {
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(stream.take_error().unwrap().is_none());
        assert_eq!((&*stream).read(&mut [0; 1]).unwrap(), 0);
    }
}

/// Looks for the same with two messengers: whoever ends the connection first, the other finds it over.
#[test]
fn race_14_connect_icmp_reset_and_close() {
    explore(|| {
        let mut hosts = Steered::new(0, Plan::default());
        hosts.steer(Rss::To(0));
        let stream = start(&hosts.world.a);
        hosts.send();
        let syn = Syn::find(&hosts.steering.take_frames()).expect("a SYN was sent");
        let Steered { world, steering } = hosts;
        let mut race = Race::start(world, STEP);
        for frame in [syn.unreachable(), syn.reset()] {
            race.actor(move |hosts, now| {
                transmit(&hosts[1], Picos(now.load(Ordering::SeqCst)), &frame);
            });
        }
        let other = stream.try_clone().unwrap();
        race.program(move |_| drop(stream));
        race.program(move |_| hear_once(&other));
        let world = race.join();
        Steered { world, steering }.assert_nothing_left();
    });
}

/// Both hosts connect to each other's port; the SYNs cross.
fn crossing() -> (World, TcpStream, TcpStream) {
    let world = acquainted();
    let connect = |host: &crate::common::Host, from, to| {
        let stream = TcpStream::start_connect_from(&host.stack, from, to).unwrap();
        stream.set_nonblocking(true).unwrap();
        stream
    };
    let a = connect(&world.a, 5000, at(B4, 5001));
    let b = connect(&world.b, 5001, at(A4, 5000));
    (world, a, b)
}

/// Looks for two connections instead of one, a reset by either side, and bytes that are lost with the second SYN
/// (RFC 9293 §3.5, figure 7).
#[test]
fn race_15_simultaneous_open() {
    explore(|| {
        let (world, a, b) = crossing();
        let (other_a, other_b) = (a.try_clone().unwrap(), b.try_clone().unwrap());
        let mut race = Race::start(world, STEP);
        for stream in [other_a, other_b] {
            race.program(move |_| {
                // Perhaps too early.
                let _ = (&stream).write(b"x");
            });
        }
        let mut world = race.join();
        let mut heard = [0; 2];
        let connected = world.run(Duration::from_secs(10), || {
            for (heard, mut stream) in heard.iter_mut().zip([&a, &b]) {
                if stream.counters().bytes_out == 0 {
                    let _ = stream.write(b"x");
                }
                if let Ok(n) = stream.read(&mut [0; 9]) {
                    *heard += n;
                }
            }
            heard == [1, 1]
        });
        assert!(connected, "{heard:?} {:?} {:?}", a.info(), b.info());
        for host in [&world.a, &world.b] {
            assert_eq!(host.stack.living().connections, 1);
        }
        drop((a, b));
        world.assert_nothing_left();
    });
}

/// Looks for a connection that stays half open when its program gives it up while the SYNs cross.
#[test]
fn race_15_simultaneous_open_and_close() {
    explore(|| {
        let (world, a, b) = crossing();
        let mut race = Race::start(world, STEP);
        race.program(move |_| drop(a));
        race.program(move |_| b.abort());
        race.join().assert_nothing_left();
    });
}
