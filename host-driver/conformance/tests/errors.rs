//! The error queue: when a buffer that was sent with MSG_ZEROCOPY is the program's again.

mod common;

use common::{Drill, Errno, data, int};

const SOCKET: i32 = libc::SOL_SOCKET;
const OUT: u32 = libc::EPOLLOUT as u32;
const ERR: u32 = libc::EPOLLERR as u32;
const ET: u32 = libc::EPOLLET as u32;
const ONESHOT: u32 = libc::EPOLLONESHOT as u32;

fn accepted() -> (Drill, i32) {
    let mut drill = Drill::with(c"sysctl=none");
    let listener = drill.listener();
    drill
        .table
        .setsockopt(listener, SOCKET, libc::SO_ZEROCOPY, &int(1))
        .unwrap();
    drill.inject("S 0:0(0) win 32792 <mss 1000,sackOK,nop,nop,nop,wscale 7>");
    drill.next();
    drill.inject(". 1:1(0) ack 1 win 257");
    let (fd, _) = drill.table.accept(listener).unwrap();
    drill.nonblocking(fd, true);
    (drill, fd)
}

fn send(drill: &mut Drill, fd: i32, from: u32) {
    drill
        .table
        .send(fd, &data(4000), libc::MSG_ZEROCOPY)
        .unwrap();
    let end = from + 4000;
    drill.expect(&format!("P. {from}:{end}(4000) ack 1"));
    drill.inject(&format!(". 1:1(0) ack {end} win 257"));
}

/// The range of sends that are over.
fn told(drill: &Drill, fd: i32) -> Result<(u32, u32), Errno> {
    let message = drill.table.recvmsg(fd, &[0], libc::MSG_ERRQUEUE)?;
    assert_eq!(message.flags, libc::MSG_ERRQUEUE);
    let [(libc::SOL_IP, libc::IP_RECVERR, error)] = &message.control[..] else {
        panic!("{message:?}");
    };
    // ee_errno, ee_origin, ee_type, ee_code.
    assert_eq!(error[..8], [0, 0, 0, 0, 5, 0, 1, 0]);
    let word = |at: usize| u32::from_ne_bytes(error[at..at + 4].try_into().unwrap());
    Ok((word(8), word(12)))
}

#[test]
fn sends_are_told_when_they_are_acknowledged_and_neighbours_together() {
    let (mut drill, fd) = accepted();
    assert_eq!(told(&drill, fd), Err(Errno(libc::EAGAIN)));
    send(&mut drill, fd, 1);
    assert_eq!(told(&drill, fd), Ok((0, 0)));
    send(&mut drill, fd, 4001);
    send(&mut drill, fd, 8001);
    assert_eq!(told(&drill, fd), Ok((1, 2)));
    assert_eq!(told(&drill, fd), Err(Errno(libc::EAGAIN)));
}

#[test]
fn what_is_not_acknowledged_or_not_asked_for_is_not_told() {
    let (mut drill, fd) = accepted();
    drill.table.send(fd, &data(10), libc::MSG_ZEROCOPY).unwrap();
    drill.expect("P. 1:11(10) ack 1");
    assert_eq!(told(&drill, fd), Err(Errno(libc::EAGAIN)));
    drill.inject(". 1:1(0) ack 11 win 257");
    assert_eq!(told(&drill, fd), Ok((0, 0)));
    drill.table.send(fd, &data(10), 0).unwrap();
    drill.expect("P. 11:21(10) ack 1");
    drill.inject(". 1:1(0) ack 21 win 257");
    assert_eq!(told(&drill, fd), Err(Errno(libc::EAGAIN)));
}

#[test]
fn a_send_that_fails_has_no_number() {
    let mut drill = Drill::with(c"sysctl=none");
    let fd = drill.client();
    drill
        .table
        .setsockopt(fd, SOCKET, libc::SO_ZEROCOPY, &int(1))
        .unwrap();
    assert_eq!(
        drill.table.send(fd, &data(10), libc::MSG_ZEROCOPY),
        Err(Errno(libc::EPIPE))
    );
    assert_eq!(told(&drill, fd), Err(Errno(libc::EAGAIN)));
    drill.nonblocking(fd, true);
    let connected = drill.table.connect(fd, common::at(common::REMOTE, 8080));
    assert_eq!(connected, Err(Errno(libc::EINPROGRESS)));
    drill.next();
    drill.inject("S. 0:0(0) ack 1 win 65535 <mss 1000,sackOK,nop,nop,nop,wscale 7>");
    drill.expect(". 1:1(0) ack 1");
    send(&mut drill, fd, 1);
    assert_eq!(told(&drill, fd), Ok((0, 0)));
}

#[test]
fn every_new_entry_is_one_edge() {
    let (mut drill, fd) = accepted();
    let epoll = drill.table.epoll_create(1).unwrap();
    let ctl = |drill: &Drill, operation, events| {
        drill.table.epoll_ctl(epoll, operation, fd, events).unwrap();
    };
    ctl(&drill, libc::EPOLL_CTL_ADD, OUT | ET);
    let wait = |drill: &Drill| drill.table.epoll_wait(epoll, 1, 0).unwrap();
    assert_eq!(wait(&drill), [(fd, OUT)]);
    send(&mut drill, fd, 1);
    send(&mut drill, fd, 4001);
    assert_eq!(wait(&drill), [(fd, OUT | ERR)]);
    assert_eq!(wait(&drill), []);
    send(&mut drill, fd, 8001);
    assert_eq!(wait(&drill), [(fd, OUT | ERR)]);
    assert_eq!(wait(&drill), []);
    // One shot is spent by that, until it is asked for again.
    ctl(&drill, libc::EPOLL_CTL_MOD, OUT | ONESHOT);
    assert_eq!(wait(&drill), [(fd, OUT | ERR)]);
    send(&mut drill, fd, 12_001);
    assert_eq!(wait(&drill), []);
    assert_eq!(told(&drill, fd), Ok((0, 3)));
}

#[test]
fn seventeen_parts_of_a_vector_fill_a_packet() {
    let (mut drill, fd) = accepted();
    let parts = vec![data(1); 40];
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    let sent = drill.table.sendmsg(fd, &parts, libc::MSG_ZEROCOPY).unwrap();
    assert_eq!(sent, 40);
    for (from, to) in [(1, 18), (18, 35), (35, 41)] {
        let len = to - from;
        drill.expect(&format!("P. {from}:{to}({len}) ack 1"));
        drill.inject(&format!(". 1:1(0) ack {to} win 257"));
    }
    assert_eq!(told(&drill, fd), Ok((0, 0)));
}
