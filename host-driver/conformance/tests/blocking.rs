//! Calls that wait: on a second thread, for the clock that the first one drives; and on the first, which drives it then.

mod common;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use common::{Drill, Errno, REMOTE, Table, at, data, ms};

/// Runs a call on a thread of its own, and returns when it waits (or is over).
fn begin<T: Send + 'static>(
    drill: &Drill,
    call: impl FnOnce(&Table) -> T + Send + 'static,
) -> Receiver<T> {
    let table = Arc::clone(&drill.table);
    let (started, begun) = channel();
    let (done, result) = channel();
    // Not joined: a test that fails must not wait for a call that nobody ends any more.
    std::thread::spawn(move || {
        let own = std::fs::read_link("/proc/thread-self").unwrap();
        started.send(own).unwrap();
        let _ = done.send(call(&table));
    });
    let stat = std::path::Path::new("/proc")
        .join(begun.recv().unwrap())
        .join("stat");
    // As packetdrill does: until the kernel says that it sleeps, or it is gone.
    while let Ok(text) = std::fs::read_to_string(&stat) {
        let state = text.rsplit_once(") ").map(|(_, rest)| rest.chars().next());
        if state == Some(Some('S')) {
            break;
        }
        std::thread::yield_now();
    }
    result
}

fn at_end<T>(result: &Receiver<T>) -> T {
    result
        .recv_timeout(Duration::from_secs(20))
        .expect("it ends")
}

#[test]
fn accept_waits_for_a_connection() {
    let mut drill = Drill::new();
    let fd = drill.listener();
    drill.inject("S 0:0(0) win 65535 <mss 1000>");
    drill.expect("S. 0:0(0) ack 1 <mss 1460>");
    let accepted = begin(&drill, move |table| table.accept(fd));
    drill.pass(ms(100));
    assert!(accepted.try_recv().is_err(), "it waits");
    drill.inject(". 1:1(0) ack 1");
    let (_, name) = at_end(&accepted).unwrap();
    assert_eq!(name, common::ffi::sockaddr(drill.remote()).0);
}

#[test]
fn connect_waits_for_the_answer() {
    for answer in ["S. 0:0(0) ack 1 win 65535 <mss 1000>", "R. 0:0(0) ack 1"] {
        let mut drill = Drill::new();
        let fd = drill.client();
        let connected = begin(&drill, move |table| table.connect(fd, at(REMOTE, 8080)));
        drill.expect("S 0:0(0) <mss 1460,sackOK,TS,nop,wscale 7>");
        drill.pass(ms(100));
        drill.inject(answer);
        let expected = if answer.starts_with('S') {
            Ok(0)
        } else {
            Err(Errno(libc::ECONNREFUSED))
        };
        assert_eq!(at_end(&connected), expected);
    }
}

#[test]
fn read_waits_for_data_and_for_as_much_as_is_wanted() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    let table = Arc::clone(&drill.table);
    let read = begin(&drill, move |table| table.read(fd, 2000));
    drill.pass(ms(100));
    drill.inject("P. 1:2001(2000) ack 1 win 2000");
    drill.expect(". 1:1(0) ack 2001");
    assert_eq!(at_end(&read).unwrap(), data(2000));

    let whole = begin(&drill, move |table| table.recv(fd, 1500, libc::MSG_WAITALL));
    drill.inject("P. 2001:3001(1000) ack 1 win 2000");
    drill.pass(ms(100));
    assert!(whole.try_recv().is_err(), "it waits for more");
    drill.inject("P. 3001:4001(1000) ack 1 win 2000");
    assert_eq!(at_end(&whole).unwrap().len(), 1500);
    assert_eq!(table.read(fd, 2000).unwrap().len(), 500);

    drill.set(fd, libc::SOL_SOCKET, libc::SO_RCVLOWAT, 600);
    let enough = begin(&drill, move |table| table.read(fd, 2000));
    drill.inject("P. 4001:4501(500) ack 1 win 2000");
    drill.pass(ms(100));
    assert!(enough.try_recv().is_err(), "it waits for 600");
    drill.inject("P. 4501:4601(100) ack 1 win 2000");
    assert_eq!(at_end(&enough).unwrap().len(), 600);

    let ended = begin(&drill, move |table| table.read(fd, 2000));
    drill.inject("F. 4601:4601(0) ack 1 win 2000");
    assert_eq!(at_end(&ended), Ok(Vec::new()));
}

#[test]
fn write_waits_for_room_and_takes_everything_then() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    drill.set(fd, libc::SOL_SOCKET, libc::SO_SNDBUF, 4000);
    let bytes = data(30_000);
    let written = begin(&drill, move |table| table.write(fd, &data(30_000)));
    let mut got = Vec::new();
    while got.len() < bytes.len() {
        let packet = drill.next();
        // Nothing is lost here, so nothing may come twice.
        assert!(packet.at < ms(1000), "{} at {:?}", packet.line, packet.at);
        got.extend(packet.payload);
        drill.pass(ms(1));
        drill.inject(&format!(". 1:1(0) ack {} win 2000", 1 + got.len()));
    }
    assert_eq!(at_end(&written), Ok(30_000));
    assert_eq!(got, data(30_000));
}

#[test]
fn a_time_out_ends_a_wait_when_the_clock_says_so() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    let mut limit = 0i64.to_ne_bytes().to_vec();
    limit.extend(300_000i64.to_ne_bytes());
    drill
        .table
        .setsockopt(fd, libc::SOL_SOCKET, libc::SO_RCVTIMEO, &limit)
        .unwrap();
    // The thread that drives the clock moves it on itself.
    let before = drill.now();
    assert_eq!(drill.table.read(fd, 1), Err(Errno(libc::EAGAIN)));
    let waited = drill.now() - before;
    assert!((ms(300)..ms(301)).contains(&waited), "{waited:?}");
    // Another one waits for the first.
    let read = begin(&drill, move |table| table.read(fd, 1));
    drill.pass(ms(299));
    assert!(read.try_recv().is_err());
    drill.pass(ms(2));
    assert_eq!(at_end(&read), Err(Errno(libc::EAGAIN)));
    let polled = begin(&drill, move |table| table.poll(&[(fd, libc::POLLIN)], 50));
    drill.pass(ms(51));
    assert_eq!(at_end(&polled), Ok(vec![0]));
}

#[test]
fn a_lingering_close_waits_for_the_last_acknowledgement_or_for_its_time() {
    for answered in [true, false] {
        let mut drill = Drill::new();
        let fd = drill.accepted();
        let mut linger = 1i32.to_ne_bytes().to_vec();
        linger.extend(2i32.to_ne_bytes());
        drill
            .table
            .setsockopt(fd, libc::SOL_SOCKET, libc::SO_LINGER, &linger)
            .unwrap();
        drill.table.write(fd, &data(500)).unwrap();
        drill.expect("P. 1:501(500) ack 1");
        let closed = begin(&drill, move |table| table.close(fd));
        drill.expect("F. 501:501(0) ack 1");
        drill.pass(ms(100));
        assert!(closed.try_recv().is_err(), "it lingers");
        if answered {
            drill.inject(". 1:1(0) ack 502 win 2000");
        } else {
            drill.pass(ms(1901));
        }
        assert_eq!(at_end(&closed), Ok(0));
    }
}

#[test]
fn a_wait_that_nothing_can_end_is_a_deadlock() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    assert_eq!(drill.table.read(fd, 1), Err(Errno(libc::EDEADLK)));
}
