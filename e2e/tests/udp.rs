//! UDP between our sockets and Linux's, over the model and over the RTL: each side understands the other's datagrams and
//! its ICMP errors.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use longshore_e2e::world::any_nic::NicKind;
use longshore_e2e::world::linux::{LinuxPeer, our_addresses};
use longshore_e2e::world::pair;
use longshore_sockets::UdpSocket;
use nic_abi::stats::Stat;
use sim_wire::LineConfig;
use sim_wire::netns::Netns;
use sim_wire::privileges::probe_or_skip;

/// Much longer than anything takes.
const PATIENCE: Option<Duration> = Some(Duration::from_secs(60));

/// Runs a test over both NICs and both families, with Linux's address and ours.
fn with_linux(test: &str, run: impl Fn(&LinuxPeer, IpAddr, IpAddr)) {
    if !probe_or_skip(test) {
        return;
    }
    for kind in [NicKind::model(), NicKind::rtl()] {
        let peer = LinuxPeer::new(&kind, LineConfig::default(), Ok, |_| {}).unwrap();
        for (theirs, ours) in pair::addresses(1).into_iter().zip(our_addresses()) {
            run(&peer, theirs, ours);
        }
    }
}

/// A socket of the kernel's, in its namespace; it works from any thread.
fn bind_linux(namespace: &Netns, address: SocketAddr) -> std::net::UdpSocket {
    std::thread::scope(|scope| {
        let bind = || {
            namespace.enter_thread().unwrap();
            let socket = std::net::UdpSocket::bind(address).unwrap();
            socket.set_read_timeout(PATIENCE).unwrap();
            socket
        };
        scope.spawn(bind).join().unwrap()
    })
}

fn bind_ours(peer: &LinuxPeer, address: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind(&peer.host.stack, address).unwrap();
    socket.set_read_timeout(PATIENCE).unwrap();
    socket
}

/// Bytes that differ everywhere and with `salt`.
fn data(len: usize, salt: usize) -> Vec<u8> {
    (0..len).map(|n| ((n + salt) * 31 % 251) as u8).collect()
}

#[test]
fn datagrams_of_every_length_pass_both_ways() {
    with_linux("UDP with Linux", |peer, theirs, ours| {
        let linux = bind_linux(&peer.namespace, (theirs, 0).into());
        let socket = bind_ours(peer, (ours, 0).into());
        let (to, from) = (linux.local_addr().unwrap(), socket.local_addr().unwrap());
        let longest = if ours.is_ipv4() { 1472 } else { 1452 };
        let mut buf = [0; 2000];
        for len in [0, 1, 2, 3, 17, 18, 19, 100, 511, 1000, longest - 1, longest] {
            let sent = data(len, 1);
            assert_eq!(socket.send_to(&sent, to).unwrap(), len);
            assert_eq!(linux.recv_from(&mut buf).unwrap(), (len, from));
            assert_eq!(buf[..len], sent);
            let sent = data(len, 2);
            assert_eq!(linux.send_to(&sent, from).unwrap(), len);
            assert_eq!(socket.recv_from(&mut buf).unwrap(), (len, to));
            assert_eq!(buf[..len], sent);
        }
        let too_long = socket.send_to(&vec![0; longest + 1], to).unwrap_err();
        assert_eq!(
            too_long.raw_os_error(),
            Some(rustix::io::Errno::MSGSIZE.raw_os_error())
        );
        // The NIC has summed them, and found them right.
        let statistics = peer.host.statistics().unwrap();
        assert!(statistics.get(Stat::TxL4Checksums) >= 11);
        assert!(statistics.get(Stat::RxL4Ok) >= 11);
        assert_eq!(statistics.get(Stat::RxL4Bad), 0);
    });
}

#[test]
fn a_burst_of_datagrams_comes_back_whole_and_in_order() {
    with_linux("a burst of datagrams", |peer, theirs, ours| {
        let linux = bind_linux(&peer.namespace, (theirs, 0).into());
        let socket = bind_ours(peer, (ours, 7).into());
        linux.connect((ours, 7)).unwrap();
        let mut buf = [0; 2000];
        // The kernel sends what it is given just after our address is known ahead of what waited for it.
        linux.send(b"first").unwrap();
        let (len, from) = socket.recv_from(&mut buf).unwrap();
        socket.send_to(&buf[..len], from).unwrap();
        assert_eq!(linux.recv(&mut buf).unwrap(), len);
        for burst in 0..5 {
            for n in 0..20 {
                linux.send(&data(50 * n, burst + n)).unwrap();
            }
            for _ in 0..20 {
                let (len, from) = socket.recv_from(&mut buf).unwrap();
                socket.send_to(&buf[..len], from).unwrap();
            }
            for n in 0..20 {
                let len = linux.recv(&mut buf).unwrap();
                assert!(
                    buf[..len] == data(50 * n, burst + n),
                    "datagram {n} of burst {burst}, {ours}: {len} bytes came; {:?}; {:?}",
                    peer.host.stack.counters(),
                    peer.host.statistics()
                );
            }
        }
    });
}

#[test]
fn a_closed_port_here_refuses_linux_and_one_there_refuses_us() {
    with_linux("UDP port unreachable", |peer, theirs, ours| {
        // Nobody has port 9 on either side.
        let linux = bind_linux(&peer.namespace, (theirs, 0).into());
        linux.connect((ours, 9)).unwrap();
        linux.send(b"anybody?").unwrap();
        let refused = linux.recv(&mut [0; 9]).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        let socket = bind_ours(peer, (ours, 0).into());
        socket.connect((theirs, 9).into()).unwrap();
        socket.send(b"anybody?").unwrap();
        let refused = socket.recv(&mut [0; 9]).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        let answered = peer.host.stack.counters().port_unreachables_out;
        assert!(answered >= 1);
    });
}
