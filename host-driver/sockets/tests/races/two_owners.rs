//! Races between the owners of two queue pairs: segments of one connection on both, timers on one of them.

use std::io::{Read, Write};
use std::time::Duration;

use longshore_sockets::broken::Rule;
use longshore_sockets::{TcpListener, TcpStream};

use crate::common::{B4, Plan, at};
use crate::flow_nic::Rss;
use crate::race::{STEP, explore, is_found, listen, start};
use crate::steered::Steered;

/// Local port of A's connections that come again.
const PORT: u16 = 5000;
const SECOND: Duration = Duration::from_secs(1);

fn connect_again(hosts: &Steered) -> TcpStream {
    let stream = TcpStream::start_connect_from(&hosts.world.a.stack, PORT, at(B4, 80)).unwrap();
    stream.set_nonblocking(true).unwrap();
    stream
}

/// The counters of a listener are those of the objects (invariant 15).
fn assert_counted(hosts: &Steered, listener: &TcpListener) {
    let living = hosts.world.b.stack.living();
    assert_eq!(listener.half_open(), living.half_open, "{living:#?}");
}

/// B's end of a connection is in TIME-WAIT, and a SYN of the same tuple has come on the other queue pair, at the moment
/// when 2MSL is over.
fn reuse_at_the_end_of_2msl() {
    let mut hosts = Steered::new(
        0,
        Plan {
            tune: |config| config.tcp.time_wait = SECOND,
            ..Plan::default()
        },
    );
    let listener = listen(&hosts.world.b);
    let stream = connect_again(&hosts);
    assert!(hosts.world.run(SECOND, || listener.queued() == 1));
    let (child, _) = listener.accept().unwrap();
    let (_, other) = Steered::queues(&child);
    drop(child);
    hosts.world.pass(SECOND / 10);
    drop(stream);
    hosts.world.pass(SECOND / 10);
    assert_eq!(hosts.world.b.stack.living().time_wait, 1);
    hosts.steer(Rss::To(other));
    hosts.world.now += sim_wire::Picos::from_micros(1_000_000);
    let again = connect_again(&hosts);
    hosts.send();
    let mut hosts = hosts.close_up().join();
    assert_counted(&hosts, &listener);
    assert!(hosts.run(10 * SECOND, || listener.queued() == 1));
    assert_eq!(hosts.world.b.stack.living().time_wait, 0);
    drop((again, listener));
    hosts.assert_nothing_left();
}

/// Looks for a SYN that is lost to an old timer: the new half-open entry taken out in place of the record, and the
/// listener's counter wrong for good.
#[test]
fn race_11_time_wait_reuse_by_a_syn_and_2msl_expiry() {
    explore(reuse_at_the_end_of_2msl);
}

#[test]
fn race_11_is_found_if_an_old_timer_takes_out_what_came_after_its_record() {
    assert!(is_found(Rule::EndUnderOneLock, reuse_at_the_end_of_2msl));
}

/// Reads what has come, and accepts who has come first.
fn hear(listener: &TcpListener, child: &mut Option<TcpStream>, heard: &mut Vec<u8>) {
    if child.is_none() {
        *child = listener.accept().ok().map(|(child, _)| child);
    }
    let mut buf = [0; 64];
    if let Some(mut stream) = child.as_ref() {
        stream.set_nonblocking(true).unwrap();
        if let Ok(n) = stream.read(&mut buf) {
            heard.extend_from_slice(&buf[..n]);
        }
    }
}

/// The handshake's last ACK and the first data are on different queue pairs, or on both.
fn established_overtakes_half_open(rss: Rss) {
    let mut hosts = Steered::new(0, Plan::default());
    let (listener, stream) = (listen(&hosts.world.b), start(&hosts.world.a));
    assert!(hosts.world.run(SECOND, || listener.half_open() == 1));
    hosts.steer(rss);
    assert!(hosts.world.run(SECOND, || stream.readiness().writable));
    (&stream).write_all(b"first words").unwrap();
    hosts.send();
    let hosts = hosts.close_up();
    let mut hosts = hosts.join();
    assert_counted(&hosts, &listener);
    assert!(listener.queued() <= 1);
    let (mut child, mut heard) = (None, Vec::new());
    assert!(hosts.run(10 * SECOND, || {
        hear(&listener, &mut child, &mut heard);
        heard == b"first words"
    }));
    assert!(listener.accept().is_err(), "one handshake, two children");
    assert_eq!(hosts.world.b.stack.counters().passive_opens, 1);
    assert_eq!(
        hosts.world.b.stack.counters().resets_out,
        1,
        "the first acquaintance"
    );
    drop((stream, child, listener));
    hosts.assert_nothing_left();
}

/// Looks for a child made twice, a place in the queue that stays reserved, a reset of the connection that was just made,
/// and data lost for good because they came before their connection.
#[test]
fn race_19_established_overtakes_half_open() {
    explore(|| established_overtakes_half_open(Rss::InTurn));
    explore(|| established_overtakes_half_open(Rss::ToBoth));
}

#[test]
fn race_19_is_found_if_a_handshake_is_completed_twice() {
    fn race() {
        established_overtakes_half_open(Rss::ToBoth);
    }
    assert!(is_found(Rule::PromoteOnce, race));
}

/// As above, from the SYN on: every frame on both queue pairs.
#[test]
fn race_19_a_whole_handshake_on_two_queue_pairs() {
    explore(|| {
        let hosts = Steered::new(0, Plan::default());
        let (listener, stream) = (listen(&hosts.world.b), start(&hosts.world.a));
        hosts.steer(Rss::ToBoth);
        let mut race = hosts.start(STEP);
        race.program(move |_| {
            let _ = (&stream).write(b"early");
            drop(stream);
        });
        let mut hosts = race.join();
        assert_counted(&hosts, &listener);
        drop(listener);
        hosts.assert_nothing_left();
    });
}
