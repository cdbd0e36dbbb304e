//! `UdpSocket`, with `std::net`'s names and semantics.

use std::fmt;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;

use crate::failure::Failure;
use crate::file::File;
use crate::file_handle::file_handle;
use crate::lock::Token;
use crate::protocol::Protocol as _;
use crate::stack::Stack;

use super::{Outgoing, Udp, naming};

/// A UDP socket.
///
/// As `std::net::UdpSocket`: it is closed when it and all its clones are dropped. Datagrams that were sent still go out then.
///
/// Blocking calls want somebody else to run the stack ([`Stack::start`], or another thread that calls [`Stack::poll`]).
///
/// # What is different
/// * `[::]` takes IPv6 only, as [`TcpListener`](crate::TcpListener) does; bind two sockets for both families.
/// * Nothing is fragmented: a datagram longer than the path takes is refused with EMSGSIZE, and fragments that come are dropped.
/// * An own address as destination is refused: there is no loopback. Multicast groups can be sent to, not joined.
/// * Connecting drops what others than the peer have sent before.
pub struct UdpSocket {
    pub(super) file: Arc<File<Udp>>,
}

impl UdpSocket {
    /// A socket at an own address, or at all of a family (`0.0.0.0`, `[::]`). Port 0 takes a free one.
    ///
    /// # Errors
    /// `AddrInUse`, `AddrNotAvailable` if the address is not ours, `OutOfMemory`; ENODEV when the stack is shut down.
    pub fn bind(stack: &Stack, address: SocketAddr) -> io::Result<Self> {
        let socket = Udp::bind(stack.shared(), address)?;
        let shared = Arc::clone(stack.shared());
        Ok(Self {
            file: Arc::new(File::new(shared, socket)),
        })
    }

    /// As [`UdpSocket::bind`], at an address that may be shared with other sockets made by this call (SO_REUSEADDR). A datagram goes to
    /// the socket that is connected to its sender, else to one at its very address, else to one at all addresses; of several of
    /// these to the last that was bound. A broadcast goes to all.
    ///
    /// # Errors
    /// As [`UdpSocket::bind`].
    pub fn bind_reusable(stack: &Stack, address: SocketAddr) -> io::Result<Self> {
        let socket = naming::bind(stack.shared(), address, true)?;
        let shared = Arc::clone(stack.shared());
        Ok(Self {
            file: Arc::new(File::new(shared, socket)),
        })
    }

    /// Names the only peer: [`UdpSocket::send`] sends to it, and only what it sends is received. ICMP errors about it are told by
    /// the next call, once. A second call names another one.
    ///
    /// # Errors
    /// `InvalidInput`, `NetworkUnreachable`, `PermissionDenied` for a broadcast address without [`UdpSocket::set_broadcast`];
    /// `AddrInUse` if another socket that shares the local address has that peer.
    pub fn connect(&self, address: SocketAddr) -> io::Result<()> {
        Udp::connect(&self.file.shared, &self.file.socket, address)
    }

    /// Has no only peer any more: the socket is as it was bound (Linux: connecting to AF_UNSPEC).
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn disconnect(&self) -> io::Result<()> {
        naming::disconnect(&self.file.shared, &self.file.socket)
    }

    /// Sends a datagram to the peer.
    ///
    /// # Errors
    /// As [`UdpSocket::send_to`]; EDESTADDRREQ without a peer.
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.file.send(Outgoing {
            data: buf,
            to: None,
        })
    }

    /// Sends a datagram. Waits while there is no room in the NIC's ring, not for its arrival.
    ///
    /// # Errors
    /// EMSGSIZE if it is longer than what the path takes in one packet; `InvalidInput`, `NetworkUnreachable`, `PermissionDenied` for a
    /// broadcast address without [`UdpSocket::set_broadcast`]; `WouldBlock`; of a connected socket also what ICMP told:
    /// `ConnectionRefused`, `HostUnreachable` and the like.
    pub fn send_to(&self, buf: &[u8], address: SocketAddr) -> io::Result<usize> {
        self.file.send(Outgoing {
            data: buf,
            to: Some(address),
        })
    }

    /// Receives a datagram from the peer. What does not fit into `buf` is lost.
    ///
    /// # Errors
    /// `WouldBlock`; what ICMP told, as for [`UdpSocket::send_to`]; ENODEV once when the stack is shut down.
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        Ok(self.file.receive(buf, true)?.len)
    }

    /// Receives a datagram, and from whom. What does not fit into `buf` is lost.
    ///
    /// # Errors
    /// As [`UdpSocket::recv`].
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let incoming = self.file.receive(buf, true)?;
        Ok((incoming.len, incoming.from))
    }

    /// As [`UdpSocket::recv`]; the next call receives the same.
    ///
    /// # Errors
    /// As [`UdpSocket::recv`].
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        Ok(self.file.receive(buf, false)?.len)
    }

    /// As [`UdpSocket::recv_from`]; the next call receives the same.
    ///
    /// # Errors
    /// As [`UdpSocket::recv`].
    pub fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let incoming = self.file.receive(buf, false)?;
        Ok((incoming.len, incoming.from))
    }

    /// Bytes of the datagram that is received next (FIONREAD).
    #[must_use]
    pub fn next_len(&self) -> Option<usize> {
        self.file.with(|block| block.inbox.first_len())
    }

    /// The own address: unspecified if it was bound so and is not connected.
    ///
    /// # Errors
    /// None.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.file.with(|block| block.name.local))
    }

    /// The peer's address.
    ///
    /// # Errors
    /// `NotConnected` if there is none.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        let peer = self.file.with(|block| block.name.remote);
        peer.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Ends receiving, sending or both, of a connected socket: then 0 bytes are received at once, and sending is `BrokenPipe`.
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        Udp::shutdown(&self.file.shared, &self.file.socket, how)
    }

    /// Ends the socket at once, clones and all: their next call fails, then 0 bytes are received and sending is `BrokenPipe`. Cannot
    /// fail.
    pub fn abort(self) {
        let (shared, socket) = (&self.file.shared, &self.file.socket);
        Udp::abort(shared, &mut Token::root(), socket, Failure::Aborted);
    }

    /// How many bytes may wait to be received, 64 more counted for each datagram (SO_RCVBUF); at least 2,048. More are dropped.
    pub fn set_receive_buffer(&self, bytes: usize) {
        self.file.with(|block| block.inbox.resize(bytes));
    }

    /// How many bytes may wait to be received.
    #[must_use]
    pub fn receive_buffer(&self) -> usize {
        self.file.with(|block| block.inbox.limit())
    }

    /// Datagrams that were dropped because too much waited to be received.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.file.with(|block| block.inbox.dropped())
    }
}

file_handle!(UdpSocket);

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.file.with(|block| block.name);
        f.debug_struct("UdpSocket")
            .field("local", &name.local)
            .field("peer", &name.remote)
            .finish_non_exhaustive()
    }
}
