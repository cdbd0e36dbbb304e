//! Opening connections: options, addresses, blocking and not.

mod common;

use std::time::Duration;

use common::{Drill, Errno, LOCAL, REMOTE, at, data, ms};

#[test]
fn a_peer_connects_writes_reads_and_closes() {
    let mut drill = Drill::new();
    let listener = drill.listener();
    drill.inject("S 0:0(0) win 32792 <mss 1000,sackOK,nop,nop,nop,wscale 7>");
    drill.expect("S. 0:0(0) ack 1 <mss 1460,nop,nop,sackOK,nop,wscale 7>");
    drill.inject(". 1:1(0) ack 1 win 257");
    let (fd, name) = drill.table.accept(listener).unwrap();
    assert_eq!(name, common::ffi::sockaddr(drill.remote()).0);

    drill.inject("P. 1:1001(1000) ack 1 win 257");
    drill.expect(". 1:1(0) ack 1001");
    assert_eq!(drill.table.read(fd, 2000).unwrap(), data(1000));

    assert_eq!(drill.table.write(fd, &data(1500)), Ok(1500));
    assert_eq!(
        drill.expect(". 1:1001(1000) ack 1001").payload,
        &data(1500)[..1000]
    );
    assert_eq!(
        drill.expect("P. 1001:1501(500) ack 1001").payload,
        &data(1500)[1000..]
    );
    drill.inject(". 1001:1001(0) ack 1501 win 257");

    drill.inject("F. 1001:1001(0) ack 1501 win 257");
    drill.expect(". 1501:1501(0) ack 1002");
    assert_eq!(drill.table.read(fd, 10), Ok(Vec::new()));
    drill.table.close(fd).unwrap();
    drill.expect("F. 1501:1501(0) ack 1002");
    drill.inject(". 1002:1002(0) ack 1502 win 257");
    assert_eq!(drill.table.read(fd, 1), Err(Errno(libc::EBADF)));
}

#[test]
fn a_syn_has_its_options_in_the_order_of_linux() {
    let mut drill = Drill::new();
    let fd = drill.client();
    drill.nonblocking(fd, true);
    let connect = |drill: &Drill| drill.table.connect(fd, at(REMOTE, 8080));
    assert_eq!(connect(&drill), Err(Errno(libc::EINPROGRESS)));
    let syn = drill.expect("S 0:0(0) <mss 1460,sackOK,TS,nop,wscale 7>");
    assert!((64_240..=65_535).contains(&syn.window), "{}", syn.window);
    assert_eq!(drill.local().ip(), at(LOCAL, 0).ip());
    assert_eq!(connect(&drill), Err(Errno(libc::EALREADY)));
    drill.inject("S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,nop,nop,nop,wscale 7>");
    drill.expect(". 1:1(0) ack 1");
    // It tells once that it is done, then that it was before.
    assert_eq!(connect(&drill), Ok(0));
    assert_eq!(connect(&drill), Err(Errno(libc::EISCONN)));
    assert_eq!(drill.get(fd, libc::SOL_SOCKET, libc::SO_ERROR), 0);
}

#[test]
fn a_syn_ack_answers_what_was_asked_for() {
    for (asked, answered) in [
        (
            "mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 2",
            "mss 1460,sackOK,TS,nop,wscale 7",
        ),
        ("mss 1460,nop,wscale 2", "mss 1460,nop,wscale 7"),
        ("mss 1460,nop,nop,sackOK", "mss 1460,nop,nop,sackOK"),
        ("mss 1460", "mss 1460"),
        ("mss 1460,nop,nop,TS val 1 ecr 0", "mss 1460,nop,nop,TS"),
    ] {
        let mut drill = Drill::new();
        drill.listener();
        drill.inject(&format!("S 0:0(0) win 65535 <{asked}>"));
        let packet = drill.expect(&format!("S. 0:0(0) ack 1 <{answered}>"));
        if let Some((_, echo)) = packet.timestamps {
            assert_eq!(echo, 1);
        }
    }
}

#[test]
fn ipv6_has_shorter_segments() {
    let mut drill = Drill::v6();
    let listener = drill.listener();
    drill.inject("S 0:0(0) win 65535 <mss 1440>");
    drill.expect("S. 0:0(0) ack 1 <mss 1440>");
    drill.inject(". 1:1(0) ack 1");
    let (fd, name) = drill.table.accept(listener).unwrap();
    assert_eq!(name, common::ffi::sockaddr(drill.remote()).0);
    drill.inject("P. 1:11(10) ack 1");
    drill.expect(". 1:1(0) ack 11");
    assert_eq!(drill.table.read(fd, 100).unwrap(), data(10));
}

#[test]
fn a_listener_of_ipv6_serves_ipv4_too_unless_it_says_otherwise() {
    for only in [false, true] {
        let mut drill = Drill::new();
        let table = &drill.table;
        let fd = table.socket(libc::AF_INET6, libc::SOCK_STREAM, 0).unwrap();
        drill.set(fd, libc::SOL_IPV6, libc::IPV6_V6ONLY, only.into());
        table.bind(fd, at("::", 8080)).unwrap();
        table.listen(fd, 1).unwrap();
        drill.inject("S 0:0(0) win 65535 <mss 1000>");
        if only {
            drill.expect("R. 0:0(0) ack 1");
            continue;
        }
        drill.expect("S. 0:0(0) ack 1 <mss 1460>");
        drill.inject(". 1:1(0) ack 1");
        let (_, name) = drill.table.accept(fd).unwrap();
        assert_eq!(
            name,
            common::ffi::sockaddr(at("::ffff:192.0.2.1", 40_000)).0
        );
    }
}

#[test]
fn any_address_of_the_own_networks_is_accepted() {
    let mut drill = Drill::new();
    drill.set_local(at("192.168.44.55", 8080));
    let listener = drill.listener();
    drill.inject("S 0:0(0) win 65535 <mss 1000>");
    drill.expect("S. 0:0(0) ack 1 <mss 1460>");
    drill.inject(". 1:1(0) ack 1");
    assert!(drill.table.accept_without_name(listener).is_ok());
}

#[test]
fn a_refused_connection_can_be_tried_again() {
    let mut drill = Drill::new();
    let fd = drill.client();
    drill.nonblocking(fd, true);
    assert!(drill.table.connect(fd, at(REMOTE, 8080)).is_err());
    drill.expect("S 0:0(0) <mss 1460,sackOK,TS,nop,wscale 7>");
    drill.inject("R. 0:0(0) ack 1");
    assert_eq!(
        drill.table.connect(fd, at(REMOTE, 8080)),
        Err(Errno(libc::ECONNREFUSED))
    );
    assert_eq!(
        drill.table.connect(fd, at(REMOTE, 8080)),
        Err(Errno(libc::EINPROGRESS))
    );
    drill.expect("S 0:0(0) <mss 1460,sackOK,TS,nop,wscale 7>");
    drill.inject("R. 0:0(0) ack 1");
    assert_eq!(
        drill.get(fd, libc::SOL_SOCKET, libc::SO_ERROR),
        libc::ECONNREFUSED
    );
    assert_eq!(drill.get(fd, libc::SOL_SOCKET, libc::SO_ERROR), 0);
}

#[test]
fn a_syn_is_sent_again_after_1_3_7_seconds_and_given_up_as_told() {
    let mut drill = Drill::new();
    let fd = drill.client();
    drill.set(fd, libc::SOL_TCP, libc::TCP_SYNCNT, 3);
    drill.nonblocking(fd, true);
    assert!(drill.table.connect(fd, at(REMOTE, 8080)).is_err());
    let first = drill.next().at;
    for seconds in [1, 3, 7] {
        let again = drill.next();
        assert_eq!(again.line, "S 0:0(0) <mss 1460,sackOK,TS,nop,wscale 7>");
        assert_eq!(again.at - first, Duration::from_secs(seconds));
    }
    drill.pass(Duration::from_secs(8));
    assert_eq!(
        drill.get(fd, libc::SOL_SOCKET, libc::SO_ERROR),
        libc::ETIMEDOUT
    );
}

#[test]
fn time_goes_on_with_every_look_at_the_clock() {
    let drill = Drill::new();
    let times: Vec<_> = (0..5).map(|_| drill.now()).collect();
    assert!(
        times
            .windows(2)
            .all(|pair| pair[1] - pair[0] >= Duration::from_micros(1))
    );
    let before = drill.now();
    drill.pass(ms(250));
    assert!(drill.now() - before >= ms(250));
}

#[test]
fn without_a_packet_receiving_is_an_error() {
    let drill = Drill::new();
    assert_eq!(
        drill.table.netdev_receive().unwrap_err(),
        Errno(libc::EAGAIN)
    );
}

#[test]
fn flags_that_nobody_understands_leave_a_table_that_fails() {
    let table = common::Table::new(c"colour=blue");
    assert!(!table.has_port());
    assert_eq!(
        table.socket(libc::AF_INET, libc::SOCK_STREAM, 0),
        Err(Errno(libc::ENODEV))
    );
}
