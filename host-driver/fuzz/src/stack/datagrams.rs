//! Programs with UDP sockets, and what must come to each.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Shutdown, SocketAddr};

use ip_core::{Datagram as Parsed, IpNumber, IpPacket, udp_header};
use longshore_sockets::{Stack, UdpSocket};

use super::arrival::{Arrival, Watch, all, mac_of_all};
use super::input::{Datagram, DatagramCall, Destination, Spoil, To};
use crate::frame::{Envelope, build};

/// The first of our ports.
const OURS: u16 = 7000;
/// The first of the peer's.
const THEIRS: u16 = 5000;
/// The peer's ports, and ours that are asked for by name.
const PORTS: u8 = 3;
/// Without a path that is told to be narrow.
const MTU: usize = 1500;
const HEADER: usize = 8;

/// All UDP sockets of all programs, and what is on its way.
pub(super) struct Datagrams {
    ours: IpAddr,
    theirs: IpAddr,
    sockets: Vec<Socket>,
    /// Sent, and not come to the peer yet: to whom, from which port, what.
    sent: Vec<(SocketAddr, u16, Vec<u8>)>,
    /// Makes the next datagram another.
    salt: u8,
    /// Counts binds.
    time: u64,
}

struct Socket {
    socket: UdpSocket,
    /// When it came to its address: the last of those who share one gets what comes.
    since: u64,
    /// What waits, and from whom.
    waiting: VecDeque<(SocketAddr, Vec<u8>)>,
    read_shut: bool,
    /// Datagrams that were dropped, as known so far.
    dropped: u64,
}

impl Datagrams {
    pub(super) fn new(ours: IpAddr, theirs: IpAddr) -> Self {
        Self {
            ours,
            theirs,
            sockets: Vec::new(),
            sent: Vec::new(),
            salt: 0,
            time: 0,
        }
    }

    /// All programs close all sockets.
    pub(super) fn leave(&mut self) {
        self.sockets.clear();
    }

    fn headers(&self) -> usize {
        HEADER + if self.ours.is_ipv4() { 20 } else { 40 }
    }

    fn next_data(&mut self, len: usize) -> Vec<u8> {
        self.salt = self.salt.wrapping_add(1);
        (0..len)
            .map(|at| (at as u8).wrapping_mul(31).wrapping_add(self.salt))
            .collect()
    }

    fn at(&self, which: u8) -> Option<usize> {
        (!self.sockets.is_empty()).then(|| usize::from(which) % self.sockets.len())
    }

    /// The port of a socket.
    fn port(&self, which: u8) -> u16 {
        self.at(which)
            .map_or(OURS, |at| self.sockets[at].local().port())
    }

    /// A frame with a datagram from the peer, and what is known of it.
    pub(super) fn frame(&mut self, envelope: &Envelope, datagram: &Datagram) -> (Vec<u8>, Watch) {
        let most = MTU - self.headers();
        let data = self.next_data(usize::from(datagram.len) % (most + 1));
        let v4 = self.ours.is_ipv4();
        let mut envelope = *envelope;
        let mut port = self.port(datagram.socket);
        let mut group_frame = false;
        match datagram.to {
            To::Us => {}
            To::All => {
                envelope.destination = all(v4);
                envelope.destination_mac = mac_of_all(v4);
            }
            To::UsInAFrameForAll => {
                envelope.destination_mac = mac_of_all(v4);
                group_frame = true;
            }
            To::Port(other) => port = other,
        }
        let source = THEIRS + u16::from(datagram.port % PORTS);
        let mut message = udp_header(source, port, data.len()).to_vec();
        message.extend(&data);
        let right = Watch::Right(data.clone());
        let mut watch = match datagram.spoil {
            Spoil::Length(len) if usize::from(len) != message.len() => {
                message[4..6].copy_from_slice(&len.to_be_bytes());
                Watch::Beginning(data)
            }
            Spoil::Cut(bytes) if bytes > 0 => {
                message.truncate(message.len().saturating_sub(bytes.into()));
                Watch::Wrong
            }
            _ => right,
        };
        let mut frame = build(&envelope, IpNumber::UDP, message, Some(6));
        let field = frame.len().min(14 + self.headers() - 2)..frame.len().min(14 + self.headers());
        let sum = &mut frame[field];
        match datagram.spoil {
            Spoil::Checksum(bits) if bits != 0 => {
                for (byte, bits) in sum.iter_mut().zip(bits.to_be_bytes()) {
                    *byte ^= bits;
                }
                let none = v4 && *sum == [0, 0];
                if !none {
                    watch = Watch::Wrong;
                }
            }
            Spoil::NoChecksum => {
                sum.fill(0);
                if !v4 {
                    watch = Watch::Wrong;
                }
            }
            _ => {}
        }
        if group_frame {
            watch = Watch::Wrong;
        }
        (frame, watch)
    }

    /// What an ICMP error quotes: a datagram of a socket's to one of the peer's ports.
    pub(super) fn quoted(&self, socket: u8, port: u8) -> Vec<u8> {
        let theirs = THEIRS + u16::from(port % PORTS);
        let mut bytes = udp_header(self.port(socket), theirs, 8).to_vec();
        bytes.extend([0; 8]);
        bytes
    }

    /// The sockets that a datagram is for.
    pub(super) fn takers(&self, arrival: &Arrival) -> Vec<usize> {
        let Arrival { local, remote, .. } = arrival;
        let latest = |at: SocketAddr, peer: Option<SocketAddr>| {
            let of = self.sockets.iter().enumerate();
            let mut of: Vec<_> = of
                .filter(|(_, s)| s.local() == at && s.peer() == peer)
                .collect();
            of.sort_by_key(|(_, socket)| socket.since);
            of.into_iter().map(|(at, _)| at)
        };
        let any = SocketAddr::new(unspecified(local.ip()), local.port());
        if arrival.group {
            return latest(any, None).collect();
        }
        let found = latest(*local, Some(*remote)).next_back();
        let found = found.or_else(|| latest(*local, None).next_back());
        let found = found.or_else(|| latest(any, None).next_back());
        found.into_iter().collect()
    }

    /// A frame has been dealt with, after which the stack had `counted` so many more datagrams queued and dropped. How many
    /// are expected.
    ///
    /// # Panics
    /// If a datagram was dropped although there was room.
    pub(super) fn settle(
        &mut self,
        expected: Option<(Arrival, Vec<usize>)>,
        counted: (u64, u64),
        watch: &Watch,
    ) -> (u64, u64) {
        let mut counts = (0, 0);
        let Some((arrival, takers)) = expected else {
            return counts;
        };
        if counted == counts && !watch.is_known() {
            return counts;
        }
        for at in takers {
            let socket = &mut self.sockets[at];
            if socket.read_shut {
                continue;
            }
            let dropped = socket.socket.dropped();
            if dropped > socket.dropped {
                assert!(!socket.waiting.is_empty(), "dropped by an empty queue");
                socket.dropped = dropped;
                counts.1 += 1;
            } else {
                let one = (arrival.remote, arrival.data.clone());
                socket.waiting.push_back(one);
                counts.0 += 1;
            }
        }
        counts
    }

    /// The peer gets a packet with a datagram.
    ///
    /// # Panics
    /// If no program has sent it, or it came before.
    pub(super) fn on_sent(&mut self, ip: &IpPacket<'_>) {
        let datagram = Parsed::parse(ip.payload).expect("a datagram");
        assert_eq!(datagram.data.len() + HEADER, ip.payload.len());
        assert_ne!(ip.payload[6..8], [0, 0], "without a checksum");
        let to = SocketAddr::new(ip.destination, datagram.destination);
        let found = self.sent.iter().position(|(wanted, port, data)| {
            *wanted == to && *port == datagram.source && data == datagram.data
        });
        let Some(at) = found else {
            panic!("nobody has sent {datagram:x?} to {to}, or it came twice");
        };
        self.sent.remove(at);
    }

    /// # Panics
    /// If a socket does not say what it must.
    pub(super) fn check(&self) {
        for socket in &self.sockets {
            socket.check();
        }
    }

    fn destination(&self, destination: &Destination) -> SocketAddr {
        let v4 = self.ours.is_ipv4();
        let address = |four: &str, six: &str| -> IpAddr {
            let text = if v4 { four } else { six };
            text.parse().expect("an address")
        };
        let ip = match destination {
            Destination::Peer(_) | Destination::NoPort => self.theirs,
            Destination::Silent => address("192.0.2.3", "2001:db8::3"),
            Destination::All => all(v4),
            Destination::Ourselves => self.ours,
            Destination::Outside => address("198.51.100.1", "2001:db8:1::1"),
        };
        let port = match destination {
            Destination::Peer(port) => THEIRS + u16::from(port % PORTS),
            Destination::NoPort => 0,
            _ => THEIRS,
        };
        SocketAddr::new(ip, port)
    }

    pub(super) fn call(&mut self, stack: &Stack, call: &DatagramCall) {
        if let DatagramCall::Bind {
            any,
            reusable,
            port,
        } = *call
        {
            return self.bind(stack, any, reusable, port);
        }
        let (&DatagramCall::Connect(which, _)
        | &DatagramCall::Disconnect(which)
        | &DatagramCall::Send(which, _)
        | &DatagramCall::SendTo(which, _, _)
        | &DatagramCall::Receive(which, _, _)
        | &DatagramCall::Shutdown(which, _)
        | &DatagramCall::Broadcast(which, _)
        | &DatagramCall::Buffer(which, _)
        | &DatagramCall::Close(which)
        | &DatagramCall::Abort(which)) = call
        else {
            return;
        };
        let Some(at) = self.at(which) else {
            return;
        };
        match call {
            DatagramCall::Close(_) => drop(self.sockets.swap_remove(at)),
            DatagramCall::Abort(_) => self.sockets.swap_remove(at).abort(),
            DatagramCall::Send(_, len) => self.send(at, None, *len),
            DatagramCall::SendTo(_, to, len) => {
                let to = self.destination(to);
                self.send(at, Some(to), *len);
            }
            DatagramCall::Connect(_, to) => {
                let to = self.destination(to);
                self.sockets[at].connect(to);
            }
            DatagramCall::Disconnect(_) => {
                self.time += 1;
                self.sockets[at].disconnect(self.time);
            }
            DatagramCall::Receive(_, room, take) => {
                self.sockets[at].receive(usize::from(*room) % 2048, *take);
            }
            DatagramCall::Shutdown(_, how) => self.sockets[at].shutdown(*how),
            DatagramCall::Broadcast(_, on) => {
                let socket = &self.sockets[at].socket;
                socket.set_broadcast(*on).expect("it cannot fail");
            }
            DatagramCall::Buffer(_, bytes) => self.sockets[at].resize(usize::from(*bytes)),
            DatagramCall::Bind { .. } => {}
        }
    }

    fn bind(&mut self, stack: &Stack, any: bool, reusable: bool, port: u8) {
        let ip = if any {
            unspecified(self.ours)
        } else {
            self.ours
        };
        let port = match port % (PORTS + 1) {
            0 => 0,
            n => OURS - 1 + u16::from(n),
        };
        let address = SocketAddr::new(ip, port);
        let bound = if reusable {
            UdpSocket::bind_reusable(stack, address)
        } else {
            UdpSocket::bind(stack, address)
        };
        let socket = match bound {
            Ok(socket) => socket,
            Err(error) => {
                let kinds = [ErrorKind::AddrInUse, ErrorKind::OutOfMemory];
                assert!(kinds.contains(&error.kind()), "{error}");
                return;
            }
        };
        socket.set_nonblocking(true).expect("it cannot fail");
        self.time += 1;
        self.sockets.push(Socket {
            socket,
            since: self.time,
            waiting: VecDeque::new(),
            read_shut: false,
            dropped: 0,
        });
    }

    fn send(&mut self, at: usize, to: Option<SocketAddr>, len: u16) {
        // A few are too long.
        let len = usize::from(len) % (MTU + 20);
        let data = self.next_data(len);
        let socket = &self.sockets[at];
        let connected = socket.peer();
        let result = match to {
            Some(to) => socket.socket.send_to(&data, to),
            None => socket.socket.send(&data),
        };
        match result {
            Ok(taken) => {
                assert_eq!(taken, len);
                assert!(len + self.headers() <= MTU, "{len} bytes in one packet");
                let to = to.or(connected).expect("somebody to send to");
                self.sent.push((to, socket.local().port(), data));
            }
            Err(error) => assert_own(&error, connected),
        }
    }
}

impl Socket {
    fn local(&self) -> SocketAddr {
        self.socket.local_addr().expect("it cannot fail")
    }

    fn peer(&self) -> Option<SocketAddr> {
        self.socket.peer_addr().ok()
    }

    fn check(&self) {
        let first = self.waiting.front().map(|(_, data)| data.len());
        assert_eq!(self.socket.next_len(), first);
        let readiness = self.socket.readiness();
        assert!(readiness.readable || first.is_none());
        if self.peer().is_none() {
            // It speaks to many, and could not know whom an error is about.
            let told = self.socket.take_error().expect("it cannot fail");
            assert!(told.is_none(), "{told:?} without a peer");
        }
    }

    fn connect(&mut self, to: SocketAddr) {
        let result = self.socket.connect(to);
        if result.is_ok() {
            assert_eq!(self.peer(), Some(to));
            self.waiting.retain(|(from, _)| *from == to);
        }
    }

    fn disconnect(&mut self, time: u64) {
        let had = self.peer();
        let result = self.socket.disconnect();
        assert_eq!(result.is_ok(), had.is_some());
        if result.is_ok() {
            assert_eq!(self.peer(), None);
            self.since = time;
        }
    }

    fn shutdown(&mut self, how: u8) {
        let how = match how % 3 {
            1 => Shutdown::Read,
            2 => Shutdown::Write,
            _ => Shutdown::Both,
        };
        let result = self.socket.shutdown(how);
        assert_eq!(result.is_ok(), self.peer().is_some());
        self.read_shut |= result.is_ok() && how != Shutdown::Write;
    }

    /// False: there was nothing.
    ///
    /// # Panics
    /// If it is not the datagram that was sent next, from whom it was sent.
    fn receive(&mut self, room: usize, take: bool) -> bool {
        let mut buf = vec![0; room];
        let result = if take {
            self.socket.recv_from(&mut buf)
        } else {
            self.socket.peek_from(&mut buf)
        };
        match (result, self.waiting.front()) {
            (Ok((len, from)), Some((sender, data))) => {
                assert_eq!((from, len), (*sender, room.min(data.len())));
                assert_eq!(buf[..len], data[..len]);
                if take {
                    self.waiting.pop_front();
                }
                true
            }
            (Ok((len, _)), None) => {
                assert!(self.read_shut && len == 0, "{buf:x?} from nobody");
                false
            }
            (Err(error), first) if error.kind() == ErrorKind::WouldBlock => {
                assert!(first.is_none() && !self.read_shut, "{first:x?} waits");
                false
            }
            (Err(error), first) => {
                assert_own(&error, self.peer());
                first.is_some()
            }
        }
    }

    /// Another limit, after what waits is read: it might not fit.
    fn resize(&mut self, bytes: usize) {
        while self.receive(MTU, true) {}
        self.socket.set_receive_buffer(bytes);
        assert!(self.socket.receive_buffer() >= bytes);
        self.dropped = self.socket.dropped();
    }

    /// Ends it under the eyes of a clone.
    fn abort(self) {
        let other = self.socket.try_clone().expect("it cannot fail");
        self.socket.abort();
        assert!(other.recv(&mut [0; 1]).is_err());
        assert_eq!(other.recv(&mut [0; 1]).ok(), Some(0));
        let error = other.send_to(b"x", SocketAddr::from(([192, 0, 2, 2], THEIRS)));
        assert_eq!(error.map_err(|e| e.kind()), Err(ErrorKind::BrokenPipe));
    }
}

/// # Panics
/// If a program without a peer is told what was said of one.
fn assert_own(error: &io::Error, peer: Option<SocketAddr>) {
    let told = [ErrorKind::ConnectionRefused, ErrorKind::HostUnreachable];
    let told = told.contains(&error.kind());
    assert!(!told || peer.is_some(), "{error} without a peer");
}

fn unspecified(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => IpAddr::from([0; 4]),
        IpAddr::V6(_) => IpAddr::from([0; 16]),
    }
}
