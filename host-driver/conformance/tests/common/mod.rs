//! packetdrill's role, played from Rust: calls and packets through the table of functions, in the notation of tcpdump.
#![allow(dead_code, reason = "every test binary uses its own part")]

#[allow(unsafe_code, reason = "the table's functions take C's pointers")]
pub(crate) mod ffi;
mod notation;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

pub(crate) use ffi::{Errno, Table};
pub(crate) use notation::Packet;
use notation::{Ends, Peer};

/// Without the machine's sysctls: a test means the same everywhere. Segments as they are on the wire.
pub(crate) const FLAGS: &std::ffi::CStr = c"sysctl=none,tso=cut";

pub(crate) const LOCAL: &str = "192.168.0.1";
pub(crate) const REMOTE: &str = "192.0.2.1";
pub(crate) const LOCAL6: &str = "fd3d:a0b:17d6::1";
pub(crate) const REMOTE6: &str = "2001:db8::1";

/// A run: a port, and one connection that is looked at.
pub(crate) struct Drill {
    pub(crate) table: Arc<Table>,
    pub(crate) start: Duration,
    ends: Ends,
    peer: Peer,
    seen: VecDeque<Packet>,
}

pub(crate) fn at(ip: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip.parse::<IpAddr>().unwrap(), port)
}

pub(crate) fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Bytes that differ from place to place.
pub(crate) fn data(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n % 251) as u8).collect()
}

pub(crate) fn int(value: i32) -> [u8; 4] {
    value.to_ne_bytes()
}

impl Drill {
    pub(crate) fn new() -> Self {
        Self::with(FLAGS)
    }

    pub(crate) fn with(flags: &std::ffi::CStr) -> Self {
        let table = Table::new(flags);
        assert!(table.has_port());
        let start = table.gettimeofday().unwrap();
        Self {
            table: Arc::new(table),
            start,
            ends: Ends {
                local: at(LOCAL, 8080),
                remote: at(REMOTE, 40_000),
            },
            peer: Peer::default(),
            seen: VecDeque::new(),
        }
    }

    /// The same over IPv6.
    pub(crate) fn v6() -> Self {
        let mut drill = Self::new();
        drill.ends = Ends {
            local: at(LOCAL6, 8080),
            remote: at(REMOTE6, 40_000),
        };
        drill
    }

    /// Another connection is looked at from now on, from this port of the peer.
    pub(crate) fn another(&mut self, port: u16) {
        self.ends.remote.set_port(port);
        self.peer = Peer::default();
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.ends.local
    }

    pub(crate) fn set_local(&mut self, local: SocketAddr) {
        self.ends.local = local;
    }

    pub(crate) fn remote(&self) -> SocketAddr {
        self.ends.remote
    }

    /// Time since the start.
    pub(crate) fn now(&self) -> Duration {
        self.table.gettimeofday().unwrap() - self.start
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.table.usleep(time.as_micros() as u32).unwrap();
    }

    /// A segment of the peer's arrives.
    pub(crate) fn inject(&self, line: &str) {
        let packet = self.peer.build(&self.ends, line);
        self.table.netdev_send(&packet).unwrap();
    }

    /// The next packet that leaves.
    pub(crate) fn next(&mut self) -> Packet {
        let (bytes, at) = self.table.netdev_receive().expect("a packet leaves");
        self.peer.read(&mut self.ends, &bytes, at - self.start)
    }

    /// The next packet that leaves is this one (windows aside). When it left.
    #[track_caller]
    pub(crate) fn expect(&mut self, line: &str) -> Packet {
        let packet = self.next();
        assert_eq!(packet.line, line, "at {:?}", packet.at);
        packet
    }

    /// Nothing leaves for `time`.
    #[track_caller]
    pub(crate) fn quiet(&mut self, time: Duration) {
        self.pass(time);
        let until = self.now();
        // Asked for, the next packet comes as late as it takes; what left before comes first.
        if let Ok((bytes, at)) = self.table.netdev_receive() {
            let at = at - self.start;
            let packet = self.peer.read(&mut self.ends, &bytes, at);
            assert!(at >= until, "{} at {at:?}", packet.line);
        }
    }

    /// A listening socket of the connection's family at its local port.
    pub(crate) fn listener(&self) -> i32 {
        let domain = match self.ends.local {
            SocketAddr::V4(_) => libc::AF_INET,
            SocketAddr::V6(_) => libc::AF_INET6,
        };
        let fd = self
            .table
            .socket(domain, libc::SOCK_STREAM, libc::IPPROTO_TCP)
            .unwrap();
        self.set(fd, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1);
        self.table.bind(fd, self.ends.local).unwrap();
        self.table.listen(fd, 1).unwrap();
        fd
    }

    /// The peer connects, with these options in its SYN (and windows of `window` afterwards); its connection.
    pub(crate) fn accept_with(&mut self, options: &str, window: &str) -> i32 {
        let listener = self.listener();
        self.inject(&format!("S 0:0(0) win 65535 <{options}>"));
        let packet = self.next();
        assert!(
            packet.line.starts_with("S. 0:0(0) ack 1"),
            "{}",
            packet.line
        );
        self.inject(&format!(". 1:1(0) ack 1 win {window}"));
        let (fd, _) = self.table.accept(listener).unwrap();
        fd
    }

    /// The peer connects and accepts segments of 1000 bytes.
    pub(crate) fn accepted(&mut self) -> i32 {
        self.accept_with("mss 1000,sackOK,nop,nop,nop,wscale 7", "2000")
    }

    /// A connection to the peer.
    pub(crate) fn connected(&mut self) -> i32 {
        let fd = self.client();
        self.nonblocking(fd, true);
        let result = self.table.connect(fd, at(REMOTE, 8080));
        assert_eq!(result, Err(Errno(libc::EINPROGRESS)));
        self.next();
        self.inject("S. 0:0(0) ack 1 win 65535 <mss 1000,sackOK,nop,nop,nop,wscale 7>");
        self.expect(". 1:1(0) ack 1");
        self.nonblocking(fd, false);
        fd
    }

    /// A fresh IPv4 socket.
    pub(crate) fn client(&self) -> i32 {
        self.table
            .socket(libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_TCP)
            .unwrap()
    }

    pub(crate) fn nonblocking(&self, fd: i32, on: bool) {
        let flags = libc::O_RDWR | if on { libc::O_NONBLOCK } else { 0 };
        self.table.fcntl(fd, libc::F_SETFL, flags as usize).unwrap();
    }

    /// setsockopt of an int.
    #[track_caller]
    pub(crate) fn set(&self, fd: i32, level: i32, option: i32, value: i32) {
        self.table
            .setsockopt(fd, level, option, &int(value))
            .unwrap();
    }

    /// getsockopt of an int.
    #[track_caller]
    pub(crate) fn get(&self, fd: i32, level: i32, option: i32) -> i32 {
        let value = self.table.getsockopt(fd, level, option).unwrap();
        i32::from_ne_bytes(value[..4].try_into().unwrap())
    }
}
