//! poll and epoll: levels, edges, one shot.

mod common;

use common::{Drill, Errno, REMOTE, at, ms};

const IN: u32 = libc::EPOLLIN as u32;
const OUT: u32 = libc::EPOLLOUT as u32;
const RDHUP: u32 = libc::EPOLLRDHUP as u32;
const HUP: u32 = libc::EPOLLHUP as u32;
const ERR: u32 = libc::EPOLLERR as u32;
const ET: u32 = libc::EPOLLET as u32;
const ONESHOT: u32 = libc::EPOLLONESHOT as u32;
const ALL: i16 = libc::POLLIN | libc::POLLOUT | libc::POLLRDHUP | libc::POLLPRI;

fn poll(drill: &Drill, fd: i32) -> i16 {
    drill.table.poll(&[(fd, ALL)], 0).unwrap()[0]
}

fn add(drill: &Drill, epoll: i32, fd: i32, events: u32) {
    drill
        .table
        .epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, events)
        .unwrap();
}

fn wait(drill: &Drill, epoll: i32) -> Vec<(i32, u32)> {
    drill.table.epoll_wait(epoll, 10, 0).unwrap()
}

#[test]
fn poll_follows_a_connection_through_its_life() {
    let mut drill = Drill::new();
    let fresh = drill.client();
    assert_eq!(poll(&drill, fresh), libc::POLLOUT | libc::POLLHUP);
    drill.nonblocking(fresh, true);
    assert!(drill.table.connect(fresh, at(REMOTE, 8080)).is_err());
    assert_eq!(poll(&drill, fresh), 0, "connecting");
    drill.expect("S 0:0(0) <mss 1460,sackOK,TS,nop,wscale 7>");
    drill.inject("S. 0:0(0) ack 1 win 65535 <mss 1000>");
    assert_eq!(poll(&drill, fresh), libc::POLLOUT);
    drill.inject("P. 1:101(100) ack 1");
    assert_eq!(poll(&drill, fresh), libc::POLLIN | libc::POLLOUT);
    drill.inject("F. 101:101(0) ack 1");
    let ended = libc::POLLIN | libc::POLLOUT | libc::POLLRDHUP;
    assert_eq!(poll(&drill, fresh), ended);
    drill.table.shutdown(fresh, libc::SHUT_WR).unwrap();
    assert_eq!(poll(&drill, fresh), ended | libc::POLLHUP);
    assert_eq!(
        drill.table.poll(&[(-1, ALL), (99, ALL)], 0).unwrap(),
        [0, libc::POLLNVAL]
    );
}

#[test]
fn a_reset_is_an_error_until_it_is_told() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    drill.inject("R. 1:1(0) ack 1");
    let over = libc::POLLIN | libc::POLLOUT | libc::POLLRDHUP | libc::POLLHUP;
    assert_eq!(poll(&drill, fd), over | libc::POLLERR);
    assert_eq!(
        drill.get(fd, libc::SOL_SOCKET, libc::SO_ERROR),
        libc::ECONNRESET
    );
    assert_eq!(poll(&drill, fd), over);
    assert_eq!(drill.table.read(fd, 1), Ok(Vec::new()));
    assert_eq!(drill.table.write(fd, b"x"), Err(Errno(libc::EPIPE)));
}

#[test]
fn a_listener_is_readable_while_somebody_waits() {
    let mut drill = Drill::new();
    let fd = drill.listener();
    let epoll = drill.table.epoll_create(1).unwrap();
    add(&drill, epoll, fd, IN);
    assert_eq!(wait(&drill, epoll), []);
    drill.inject("S 0:0(0) win 65535 <mss 1000>");
    drill.expect("S. 0:0(0) ack 1 <mss 1460>");
    drill.inject(". 1:1(0) ack 1");
    assert_eq!(wait(&drill, epoll), [(fd, IN)]);
    drill.table.accept(fd).unwrap();
    assert_eq!(wait(&drill, epoll), []);
}

#[test]
fn levels_last_and_edges_come_with_each_arrival() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    let [level, edge] = [0; 2].map(|_| drill.table.epoll_create(1).unwrap());
    add(&drill, level, fd, IN);
    add(&drill, edge, fd, IN | ET);
    assert_eq!((wait(&drill, level), wait(&drill, edge)), (vec![], vec![]));
    for start in [1, 101] {
        drill.inject(&format!("P. {start}:{}(100) ack 1 win 2000", start + 100));
        assert_eq!(
            wait(&drill, edge),
            [(fd, IN)],
            "another edge, though it was readable before"
        );
        assert_eq!(wait(&drill, edge), []);
        assert_eq!(wait(&drill, level), [(fd, IN)]);
        assert_eq!(wait(&drill, level), [(fd, IN)]);
    }
    // Part of it is read: no edge.
    assert_eq!(drill.table.read(fd, 50).unwrap().len(), 50);
    assert_eq!(wait(&drill, edge), []);
    assert_eq!(drill.table.read(fd, 500).unwrap().len(), 150);
    assert_eq!(wait(&drill, level), []);
}

#[test]
fn hanging_up_is_told_as_linux_tells_it() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    let epoll = drill.table.epoll_create(1).unwrap();
    add(&drill, epoll, fd, IN | RDHUP | ET);
    drill.inject("F. 1:1(0) ack 1 win 2000");
    assert_eq!(wait(&drill, epoll), [(fd, IN | RDHUP)]);
    assert_eq!(wait(&drill, epoll), []);
    drill.inject("R. 2:2(0) ack 1 win 2000");
    assert_eq!(wait(&drill, epoll), [(fd, IN | RDHUP | HUP | ERR)]);
}

#[test]
fn one_shot_is_spent_until_it_is_armed_again() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    let epoll = drill.table.epoll_create(1).unwrap();
    add(&drill, epoll, fd, IN | ONESHOT);
    drill.inject("P. 1:101(100) ack 1 win 2000");
    assert_eq!(wait(&drill, epoll), [(fd, IN)]);
    drill.inject("P. 101:201(100) ack 1 win 2000");
    assert_eq!(wait(&drill, epoll), []);
    drill
        .table
        .epoll_ctl(epoll, libc::EPOLL_CTL_MOD, fd, IN | ONESHOT)
        .unwrap();
    assert_eq!(wait(&drill, epoll), [(fd, IN)]);
}

#[test]
fn room_to_write_is_an_edge_only_for_whoever_found_none() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    drill.set(fd, libc::SOL_SOCKET, libc::SO_SNDBUF, 15_000);
    drill.nonblocking(fd, true);
    let epoll = drill.table.epoll_create(1).unwrap();
    add(&drill, epoll, fd, OUT | IN | ET);
    assert_eq!(wait(&drill, epoll), [(fd, OUT)]);
    assert_eq!(wait(&drill, epoll), []);
    // More than there is room for.
    assert_eq!(drill.table.write(fd, &[0; 40_000]), Ok(30_000));
    assert_eq!(drill.table.write(fd, &[0; 1]), Err(Errno(libc::EAGAIN)));
    assert_eq!(wait(&drill, epoll), []);
    let mut acked = 1;
    let mut told = 0;
    while acked < 30_001 {
        let packet = drill.next();
        acked += packet.payload.len();
        drill.pass(ms(1));
        drill.inject(&format!(". 1:1(0) ack {acked} win 2000"));
        told += wait(&drill, epoll).len();
    }
    assert_eq!(told, 1, "once, when a third of it was free");
    // A write that fits asks for nothing.
    assert_eq!(drill.table.write(fd, &[0; 1000]), Ok(1000));
    drill.next();
    drill.inject(". 1:1(0) ack 31001 win 2000");
    assert_eq!(wait(&drill, epoll), []);
}

#[test]
fn no_more_than_the_low_water_mark_is_unsent() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    drill.set(fd, libc::SOL_TCP, libc::TCP_NOTSENT_LOWAT, 32_000);
    drill.nonblocking(fd, true);
    let epoll = drill.table.epoll_create(1).unwrap();
    add(&drill, epoll, fd, OUT | ET);
    assert_eq!(wait(&drill, epoll).len(), 1);
    // The initial window, and the mark.
    assert_eq!(drill.table.write(fd, &[0; 59_000]), Ok(42_000));
    assert_eq!(wait(&drill, epoll), []);
    assert_eq!(drill.table.ioctl(fd, 0x894b).unwrap(), 32_000);
    for _ in 0..10 {
        drill.next();
    }
    drill.pass(ms(1));
    drill.inject(". 1:1(0) ack 10001 win 2000");
    // Slow start: 20000 went out, so 12000 are left.
    assert_eq!(drill.table.ioctl(fd, 0x894b).unwrap(), 12_000);
    assert_eq!(wait(&drill, epoll), [(fd, OUT)]);
}

#[test]
fn epoll_refuses_what_linux_refuses() {
    let drill = Drill::new();
    let table = &drill.table;
    let fd = drill.client();
    let epoll = table.epoll_create(1).unwrap();
    let control = |operation, fd| table.epoll_ctl(epoll, operation, fd, IN);
    assert_eq!(table.epoll_create(0), Err(Errno(libc::EINVAL)));
    assert_eq!(control(libc::EPOLL_CTL_MOD, fd), Err(Errno(libc::ENOENT)));
    assert_eq!(control(libc::EPOLL_CTL_DEL, fd), Err(Errno(libc::ENOENT)));
    assert_eq!(control(libc::EPOLL_CTL_ADD, 99), Err(Errno(libc::EBADF)));
    assert_eq!(
        control(libc::EPOLL_CTL_ADD, epoll),
        Err(Errno(libc::EINVAL))
    );
    assert_eq!(control(libc::EPOLL_CTL_ADD, fd), Ok(0));
    assert_eq!(control(libc::EPOLL_CTL_ADD, fd), Err(Errno(libc::EEXIST)));
    assert_eq!(table.epoll_wait(epoll, 0, 0), Err(Errno(libc::EINVAL)));
    assert_eq!(table.epoll_wait(fd, 1, 0), Err(Errno(libc::EINVAL)));
    assert_eq!(
        table.epoll_ctl(fd, libc::EPOLL_CTL_ADD, fd, IN),
        Err(Errno(libc::EINVAL))
    );
    // Closing takes a file out of it.
    table.close(fd).unwrap();
    assert_eq!(wait(&drill, epoll), []);
    assert_eq!(control(libc::EPOLL_CTL_MOD, fd), Err(Errno(libc::EBADF)));
}

#[test]
fn waiting_takes_as_long_as_it_says() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    let epoll = drill.table.epoll_create(1).unwrap();
    add(&drill, epoll, fd, IN);
    let before = drill.now();
    assert_eq!(drill.table.epoll_wait(epoll, 1, 250).unwrap(), []);
    assert!(drill.now() - before >= ms(250));
    assert_eq!(drill.table.poll(&[(fd, libc::POLLIN)], 10).unwrap(), [0]);
}
