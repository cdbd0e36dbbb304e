//! A UDP socket: from `socket()` to `close()`.

use std::net::SocketAddr;

use longshore_sockets::{Stack, UdpSocket};

use super::values::{bytes, flag, int, timeout, timeval};
use crate::address::{Family, any};
use crate::errno::{Errno, Result};
use crate::port::{Attempt, Patience};

/// A UDP socket.
pub(crate) struct Udp {
    pub(crate) family: Family,
    /// From bind on, or from whatever call wants an address first.
    socket: Option<UdpSocket>,
    reuse: bool,
    broadcast: bool,
    receive_timeout: Option<std::time::Duration>,
    readable: bool,
}

/// A datagram: its bytes as far as there was room, its length, its sender.
pub(crate) type Datagram = (Vec<u8>, usize, SocketAddr);

/// Longest datagram.
const LONGEST: usize = 65_535;

impl Udp {
    pub(crate) fn new(family: Family) -> Self {
        Self {
            family,
            socket: None,
            reuse: false,
            broadcast: false,
            receive_timeout: None,
            readable: false,
        }
    }

    pub(crate) fn is_bound(&self) -> bool {
        self.socket.is_some()
    }

    pub(crate) fn bind(&mut self, stack: &Stack, address: SocketAddr) -> Result<()> {
        if self.socket.is_some() {
            return Err(Errno::EINVAL);
        }
        let socket = if self.reuse {
            UdpSocket::bind_reusable(stack, address)?
        } else {
            UdpSocket::bind(stack, address)?
        };
        socket.set_nonblocking(true)?;
        socket.set_broadcast(self.broadcast)?;
        self.socket = Some(socket);
        Ok(())
    }

    /// The socket, at any address if it has none yet. A socket of IPv6 that speaks to IPv4 first becomes one of that.
    fn bound(&mut self, stack: &Stack, peer: Option<SocketAddr>) -> Result<&UdpSocket> {
        if self.socket.is_none() {
            let family = match peer {
                Some(SocketAddr::V4(_)) => Family::V4,
                Some(SocketAddr::V6(_)) => Family::V6,
                None => self.family,
            };
            self.bind(stack, SocketAddr::new(any(family), 0))?;
        }
        self.socket.as_ref().ok_or(Errno::ENOTCONN)
    }

    pub(crate) fn connect(&mut self, stack: &Stack, peer: SocketAddr) -> Result<()> {
        Ok(self.bound(stack, Some(peer))?.connect(peer)?)
    }

    pub(crate) fn send(
        &mut self,
        stack: &Stack,
        data: &[u8],
        to: Option<SocketAddr>,
    ) -> Result<Attempt<usize>> {
        if to.is_none() && self.socket.is_none() {
            return Err(Errno::EDESTADDRREQ);
        }
        let socket = self.bound(stack, to)?;
        let sent = match to {
            Some(to) => socket.send_to(data, to),
            None => socket.send(data),
        };
        match sent {
            Ok(n) => Ok(Attempt::Done(n)),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(Attempt::Wait),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn receive(&mut self, len: usize, peek: bool) -> Result<Attempt<Datagram>> {
        let Some(socket) = &self.socket else {
            return Ok(Attempt::Wait);
        };
        let mut data = vec![0; LONGEST];
        let received = if peek {
            socket.peek_from(&mut data)
        } else {
            socket.recv_from(&mut data)
        };
        match received {
            Ok((n, from)) => {
                data.truncate(n.min(len));
                Ok(Attempt::Done((data, n, from)))
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(Attempt::Wait),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn shutdown(&mut self, how: std::net::Shutdown) -> Result<()> {
        let socket = self.socket.as_ref().ok_or(Errno::ENOTCONN)?;
        Ok(socket.shutdown(how)?)
    }

    pub(crate) fn read_patience(&self) -> Patience {
        Patience::of(self.receive_timeout)
    }

    /// FIONREAD
    pub(crate) fn next_len(&self) -> usize {
        self.socket
            .as_ref()
            .and_then(UdpSocket::next_len)
            .unwrap_or(0)
    }

    /// What poll(2) says.
    pub(crate) fn mask(&self) -> u32 {
        let ready = self.socket.as_ref().map(UdpSocket::readiness);
        let mut mask = libc::EPOLLOUT | libc::EPOLLWRNORM;
        if let Some(ready) = ready {
            if ready.readable {
                mask |= libc::EPOLLIN | libc::EPOLLRDNORM;
            }
            if !ready.writable {
                mask &= !(libc::EPOLLOUT | libc::EPOLLWRNORM);
            }
        }
        mask as u32
    }

    /// Events that would have woken whoever polls the socket, since the last call.
    pub(crate) fn take_wakeups(&mut self) -> u32 {
        let readable = self.mask() & libc::EPOLLIN as u32 != 0;
        let before = std::mem::replace(&mut self.readable, readable);
        if readable && !before { u32::MAX } else { 0 }
    }

    /// setsockopt(2)
    pub(crate) fn set_option(&mut self, level: i32, option: i32, value: &[u8]) -> Result<()> {
        match (level, option) {
            (libc::SOL_SOCKET, libc::SO_REUSEADDR | libc::SO_REUSEPORT) => {
                self.reuse = flag(value)?;
            }
            (libc::SOL_SOCKET, libc::SO_BROADCAST) => {
                self.broadcast = flag(value)?;
                if let Some(socket) = &self.socket {
                    socket.set_broadcast(self.broadcast)?;
                }
            }
            (libc::SOL_SOCKET, libc::SO_RCVTIMEO) => self.receive_timeout = timeout(value)?,
            (libc::SOL_IP, libc::IP_TTL) => {
                let ttl = u32::try_from(int(value)?).map_err(|_| Errno::EINVAL)?;
                match &self.socket {
                    Some(socket) => socket.set_ttl(ttl)?,
                    None => return Err(Errno::EOPNOTSUPP),
                }
            }
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(())
    }

    /// getsockopt(2)
    pub(crate) fn get_option(&self, level: i32, option: i32) -> Result<Vec<u8>> {
        let number = match (level, option) {
            (libc::SOL_SOCKET, libc::SO_ERROR) => match &self.socket {
                Some(socket) => socket.take_error()?.map_or(0, |error| Errno::from(error).0),
                None => 0,
            },
            (libc::SOL_SOCKET, libc::SO_TYPE) => libc::SOCK_DGRAM,
            (libc::SOL_SOCKET, libc::SO_PROTOCOL) => libc::IPPROTO_UDP,
            (libc::SOL_SOCKET, libc::SO_REUSEADDR) => self.reuse.into(),
            (libc::SOL_SOCKET, libc::SO_BROADCAST) => self.broadcast.into(),
            (libc::SOL_SOCKET, libc::SO_RCVTIMEO) => return Ok(timeval(self.receive_timeout)),
            _ => return Err(Errno::ENOPROTOOPT),
        };
        Ok(bytes(number))
    }
}
