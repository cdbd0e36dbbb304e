//! Options, flags, errors: what each call takes and gives.

mod common;

use common::{Drill, Errno, LOCAL, REMOTE, at, data, int, ms};

const TCP: i32 = libc::SOL_TCP;
const SOCKET: i32 = libc::SOL_SOCKET;

fn errno<T: std::fmt::Debug>(result: Result<T, Errno>) -> i32 {
    result.unwrap_err().0
}

#[test]
fn calls_on_what_is_no_such_thing_are_refused() {
    let drill = Drill::new();
    let table = &drill.table;
    let [read_end, _] = table.pipe().unwrap();
    for (fd, expected) in [(99, libc::EBADF), (read_end, libc::ENOTSOCK)] {
        assert_eq!(errno(table.bind(fd, at(LOCAL, 1))), expected);
        assert_eq!(errno(table.listen(fd, 1)), expected);
        assert_eq!(errno(table.accept(fd)), expected);
        assert_eq!(errno(table.connect(fd, at(REMOTE, 1))), expected);
        assert_eq!(errno(table.shutdown(fd, libc::SHUT_RD)), expected);
        assert_eq!(errno(table.recv(fd, 1, 0)), expected);
        assert_eq!(errno(table.send(fd, b"x", 0)), expected);
        assert_eq!(
            errno(table.getsockopt(fd, SOCKET, libc::SO_ERROR)),
            expected
        );
        assert_eq!(
            errno(table.setsockopt(fd, TCP, libc::TCP_NODELAY, &int(1))),
            expected
        );
    }
    assert_eq!(errno(table.close(99)), libc::EBADF);
    assert_eq!(errno(table.read(99, 1)), libc::EBADF);
    assert_eq!(errno(table.fcntl(99, libc::F_GETFL, 0)), libc::EBADF);
    assert_eq!(errno(table.ioctl(99, libc::FIONREAD)), libc::EBADF);
}

#[test]
fn sockets_of_other_kinds_are_refused() {
    let drill = Drill::new();
    let socket = |domain, kind, protocol| errno(drill.table.socket(domain, kind, protocol));
    assert_eq!(
        socket(libc::AF_UNIX, libc::SOCK_STREAM, 0),
        libc::EAFNOSUPPORT
    );
    assert_eq!(
        socket(libc::AF_INET, libc::SOCK_RAW, 6),
        libc::ESOCKTNOSUPPORT
    );
    assert_eq!(
        socket(libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_UDP),
        libc::EPROTONOSUPPORT
    );
}

#[test]
fn a_fresh_socket_can_do_little() {
    let drill = Drill::new();
    let table = &drill.table;
    let fd = drill.client();
    assert_eq!(errno(table.read(fd, 1)), libc::ENOTCONN);
    assert_eq!(errno(table.write(fd, b"x")), libc::EPIPE);
    assert_eq!(errno(table.shutdown(fd, libc::SHUT_WR)), libc::ENOTCONN);
    assert_eq!(errno(table.accept(fd)), libc::EINVAL);
    assert_eq!(table.ioctl(fd, libc::FIONREAD), Ok(0));
    assert_eq!(errno(table.bind(fd, at(REMOTE, 1))), libc::EADDRNOTAVAIL);
    table.bind(fd, at(LOCAL, 1234)).unwrap();
    assert_eq!(errno(table.bind(fd, at(LOCAL, 1235))), libc::EINVAL);
    let other = drill.client();
    assert_eq!(
        errno(table.bind(other, at("0.0.0.0", 1234))),
        libc::EADDRINUSE
    );
    assert_eq!(errno(table.connect_raw(other, &[2, 0, 0])), libc::EINVAL);
    assert_eq!(
        errno(table.connect(other, at("2001:db8::1", 1))),
        libc::EAFNOSUPPORT
    );
    assert_eq!(errno(table.fcntl(fd, 999, 0)), libc::EINVAL);
}

#[test]
fn bad_pointers_are_efault_and_change_nothing() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    let table = &drill.table;
    assert_eq!(errno(table.write_from_nowhere(fd, 10)), libc::EFAULT);
    assert_eq!(errno(table.connect_to_nowhere(fd)), libc::EFAULT);
    assert_eq!(
        errno(table.setsockopt_from_nowhere(fd, TCP, libc::TCP_NODELAY)),
        libc::EFAULT
    );
    assert_eq!(
        errno(table.getsockopt_to_nowhere(fd, TCP, libc::TCP_NODELAY)),
        libc::EFAULT
    );
    assert_eq!(errno(table.writev_count(fd, -1)), libc::EINVAL);
    drill.inject("P. 1:11(10) ack 1 win 2000");
    drill.expect(". 1:1(0) ack 11");
    assert_eq!(errno(drill.table.read_to_nowhere(fd, 10)), libc::EFAULT);
}

#[test]
fn bytes_travel_in_vectors_and_messages() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    drill.inject("P. 1:101(100) ack 1 win 2000");
    drill.expect(". 1:1(0) ack 101");
    let parts = drill.table.readv(fd, &[10, 0, 20]).unwrap();
    assert_eq!(parts.concat(), data(30));
    let message = drill.table.recvmsg(fd, &[5, 100], 0).unwrap();
    assert_eq!(message.bytes, &data(100)[30..]);
    assert_eq!((message.flags, message.control.len()), (0, 0));
    assert_eq!(drill.table.writev(fd, &[b"ab", b"", b"cd"]), Ok(4));
    assert_eq!(drill.expect("P. 1:5(4) ack 101").payload, b"abcd");
    drill.inject(". 101:101(0) ack 5 win 2000");
    assert_eq!(
        drill.table.sendmsg(fd, &[b"e", b"f"], libc::MSG_NOSIGNAL),
        Ok(2)
    );
    assert_eq!(drill.expect("P. 5:7(2) ack 101").payload, b"ef");
    drill.inject(". 101:101(0) ack 7 win 2000");
    assert_eq!(drill.table.sendto(fd, b"g", 0, at(REMOTE, 9)), Ok(1));
    drill.expect("P. 7:8(1) ack 101");
}

#[test]
fn flags_of_receiving() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    assert_eq!(
        errno(drill.table.recv(fd, 1, libc::MSG_DONTWAIT)),
        libc::EAGAIN
    );
    assert_eq!(
        errno(drill.table.recv(fd, 1, libc::MSG_ERRQUEUE)),
        libc::EAGAIN
    );
    drill.inject("P. 1:101(100) ack 1 win 2000");
    drill.expect(". 1:1(0) ack 101");
    assert_eq!(drill.table.ioctl(fd, libc::FIONREAD), Ok(100));
    assert_eq!(drill.table.recv(fd, 10, libc::MSG_PEEK).unwrap(), data(10));
    assert_eq!(drill.table.recv(fd, 10, 0).unwrap(), data(10));
    assert_eq!(drill.table.recv_count(fd, 20, libc::MSG_TRUNC), Ok(20));
    assert_eq!(drill.table.recv(fd, 200, 0).unwrap(), &data(100)[30..]);
    // Not as much as is wanted, and no waiting.
    drill.inject("P. 101:111(10) ack 1 win 2000");
    let flags = libc::MSG_WAITALL | libc::MSG_DONTWAIT;
    assert_eq!(drill.table.recv(fd, 20, flags).unwrap().len(), 10);
}

#[test]
fn what_is_queued_is_told_with_each_message_if_so_asked() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    drill.set(fd, TCP, 36, 1);
    drill.inject("P. 1:1001(1000) ack 1 win 2000");
    drill.expect(". 1:1(0) ack 1001");
    let message = drill.table.recvmsg(fd, &[400], 0).unwrap();
    assert_eq!(message.control, [(TCP, 36, int(600).to_vec())]);
    drill.inject("F. 1001:1001(0) ack 1 win 2000");
    let message = drill.table.recvmsg(fd, &[600], 0).unwrap();
    // There is an end of file to be read.
    assert_eq!(message.control, [(TCP, 36, int(1).to_vec())]);
}

#[test]
fn urgent_bytes_go_and_come_out_of_band() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    assert_eq!(errno(drill.table.recv(fd, 1, libc::MSG_OOB)), libc::EINVAL);
    assert_eq!(drill.table.send(fd, b"ab!", libc::MSG_OOB), Ok(3));
    let packet = drill.next();
    assert_eq!(
        (packet.line.as_str(), packet.urgent),
        ("PU. 1:4(3) ack 1", Some(3))
    );
    drill.inject("PU. 1:11(10) ack 4 win 2000 urg 5");
    assert_eq!(
        drill.table.poll(&[(fd, libc::POLLPRI)], 0).unwrap(),
        [libc::POLLPRI]
    );
    assert_eq!(drill.table.recv(fd, 10, libc::MSG_OOB).unwrap(), [4]);
    assert_eq!(drill.table.poll(&[(fd, libc::POLLPRI)], 0).unwrap(), [0]);
    assert_eq!(drill.table.ioctl(fd, libc::FIONREAD), Ok(4));
    assert_eq!(drill.table.recv(fd, 10, 0).unwrap(), [0, 1, 2, 3]);
    assert_eq!(drill.table.ioctl(fd, 0x8905), Ok(1));
    assert_eq!(drill.table.recv(fd, 10, 0).unwrap(), [5, 6, 7, 8, 9]);
}

#[test]
fn more_is_awaited_until_it_comes() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    assert_eq!(drill.table.send(fd, &data(100), libc::MSG_MORE), Ok(100));
    assert_eq!(drill.table.ioctl(fd, libc::TIOCOUTQ), Ok(100));
    assert_eq!(drill.table.ioctl(fd, 0x894b), Ok(100));
    assert_eq!(drill.table.send(fd, &data(50), 0), Ok(50));
    drill.expect("P. 1:151(150) ack 1");
    drill.inject(". 1:1(0) ack 151 win 2000");
    assert_eq!(drill.table.ioctl(fd, libc::TIOCOUTQ), Ok(0));
    drill.set(fd, TCP, libc::TCP_CORK, 1);
    drill.table.write(fd, &data(1100)).unwrap();
    drill.expect(". 151:1151(1000) ack 1");
    assert_eq!(drill.table.ioctl(fd, 0x894b), Ok(100));
    drill.set(fd, TCP, libc::TCP_CORK, 0);
    drill.expect("P. 1151:1251(100) ack 1");
}

#[test]
fn information_is_filled() {
    let mut drill = Drill::new();
    let listener = drill.listener();
    let info = |drill: &Drill, fd| drill.table.getsockopt(fd, TCP, libc::TCP_INFO).unwrap();
    assert_eq!(info(&drill, listener)[0], 10, "LISTEN");
    assert_eq!(drill.get(listener, SOCKET, libc::SO_ACCEPTCONN), 1);
    drill.inject("S 0:0(0) win 65535 <mss 1000,sackOK,nop,nop,nop,wscale 7>");
    drill.next();
    drill.pass(ms(100));
    drill.inject(". 1:1(0) ack 1 win 2000");
    let (fd, _) = drill.table.accept(listener).unwrap();
    drill.table.write(fd, &data(2500)).unwrap();
    let bytes = info(&drill, fd);
    assert_eq!(bytes.len(), 232);
    let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!((bytes[0], bytes[1]), (1, 0), "ESTABLISHED, open");
    assert_eq!(bytes[5], 2 | 4, "SACK and window scaling");
    assert_eq!(bytes[6], 7 | 7 << 4, "both shifts");
    assert_eq!(word(8), 300_000, "RTO: 100 ms and 200");
    assert_eq!((word(16), word(20)), (1000, 1460), "snd_mss and rcv_mss");
    assert_eq!(word(24), 3, "unacked");
    assert_eq!(word(60), 1500, "pmtu");
    assert_eq!(word(68), 100_000, "rtt");
    assert_eq!((word(76), word(80)), (0x7fff_ffff, 10), "ssthresh and cwnd");
}

#[test]
fn the_own_marks_are_on_what_leaves() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    drill.set(fd, libc::SOL_IP, libc::IP_TOS, 0x48);
    drill.set(fd, libc::SOL_IP, libc::IP_TTL, 7);
    assert_eq!(drill.get(fd, libc::SOL_IP, libc::IP_TTL), 7);
    drill.table.write(fd, b"x").unwrap();
    let packet = drill.expect("P. 1:2(1) ack 1");
    assert_eq!((packet.class, packet.hops), (0x48, 7));
    assert_eq!(
        errno(
            drill
                .table
                .setsockopt(fd, libc::SOL_IP, libc::IP_TTL, &int(0))
        ),
        libc::EINVAL
    );
}

#[test]
fn splice_moves_between_a_pipe_and_a_socket() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    let [read_end, write_end] = drill.table.pipe().unwrap();
    drill.inject("P. 1:101(100) ack 1 win 2000");
    drill.expect(". 1:1(0) ack 101");
    assert_eq!(drill.table.splice(fd, write_end, 1000, 0), Ok(100));
    assert_eq!(drill.table.ioctl(read_end, libc::FIONREAD), Ok(100));
    assert_eq!(drill.table.splice(read_end, fd, 60, 0), Ok(60));
    assert_eq!(drill.expect("P. 1:61(60) ack 101").payload, data(60));
    assert_eq!(drill.table.read(read_end, 100).unwrap(), &data(100)[60..]);
    let table = &drill.table;
    assert_eq!(errno(table.splice_at(fd, write_end, 1)), libc::ESPIPE);
    assert_eq!(errno(table.splice(fd, fd, 1, 0)), libc::EINVAL);
    assert_eq!(errno(table.splice(write_end, fd, 1, 0)), libc::EBADF);
    assert_eq!(
        errno(table.splice(fd, write_end, 1, libc::SPLICE_F_NONBLOCK)),
        libc::EAGAIN
    );
    assert_eq!(
        errno(table.splice(read_end, fd, 1, libc::SPLICE_F_NONBLOCK)),
        libc::EAGAIN
    );
    table.write(write_end, b"pipe").unwrap();
    assert_eq!(table.read(read_end, 10).unwrap(), b"pipe");
    table.close(write_end).unwrap();
    assert_eq!(table.splice(read_end, fd, 1, 0), Ok(0));
    assert_eq!(errno(table.write(read_end, b"x")), libc::EBADF);
}

#[test]
fn datagrams_go_and_come_with_their_names() {
    let drill = Drill::new();
    let table = &drill.table;
    let fd = table.socket(libc::AF_INET, libc::SOCK_DGRAM, 0).unwrap();
    assert_eq!(errno(table.send(fd, b"x", 0)), libc::EDESTADDRREQ);
    table.bind(fd, at(LOCAL, 5353)).unwrap();
    assert_eq!(table.sendto(fd, b"question", 0, at(REMOTE, 53)), Ok(8));
    let (packet, _) = table.netdev_receive().unwrap();
    assert_eq!((packet[9], &packet[28..]), (17, &b"question"[..]));
    let mut answer = Vec::new();
    etherparse::PacketBuilder::ipv4([192, 0, 2, 1], [192, 168, 0, 1], 64)
        .udp(53, 5353)
        .write(&mut answer, b"answer")
        .unwrap();
    assert_eq!(table.poll(&[(fd, libc::POLLIN)], 0).unwrap(), [0]);
    table.netdev_send(&answer).unwrap();
    assert_eq!(
        table.poll(&[(fd, libc::POLLIN)], 0).unwrap(),
        [libc::POLLIN]
    );
    assert_eq!(table.ioctl(fd, libc::FIONREAD), Ok(6));
    assert_eq!(
        table.recv_count(fd, 3, libc::MSG_PEEK | libc::MSG_TRUNC),
        Ok(6)
    );
    let (bytes, name) = table.recvfrom(fd, 100, 0).unwrap();
    assert_eq!(
        (bytes, name),
        (b"answer".to_vec(), common::ffi::sockaddr(at(REMOTE, 53)).0)
    );
    assert_eq!(errno(table.recv(fd, 1, libc::MSG_DONTWAIT)), libc::EAGAIN);
    assert_eq!(errno(table.listen(fd, 1)), libc::EOPNOTSUPP);
    table.connect(fd, at(REMOTE, 53)).unwrap();
    assert_eq!(table.send(fd, b"more", 0), Ok(4));
}

#[test]
fn what_cannot_be_handed_out_stays_to_be_read() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    drill.nonblocking(fd, true);
    assert_eq!(errno(drill.table.recv_into_nowhere(fd, 10)), libc::EAGAIN);
    drill.inject("P. 1:11(10) ack 1 win 2000");
    for _ in 0..2 {
        assert_eq!(errno(drill.table.recv_into_nowhere(fd, 10)), libc::EFAULT);
    }
    assert_eq!(drill.table.read(fd, 100).unwrap(), data(10));
}
